/* SPDX-License-Identifier: MIT */
/*
 * Calls that meet a limit, of their process or of how many mappings there may be: calls.h. Each limit is that of a child.
 *
 * Linux exempts root from some, Faultline nobody: there the child becomes another user, which is refused here and changes nothing. So it
 * meets what is refused to both.
 */
#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096l
#define MIB (1l << 20)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define REAL_TIME 40 /* a signal that is queued each time */

static char buf[4096];

static void limit(int which, rlim_t soft)
{
	struct rlimit l;

	getrlimit(which, &l);
	l.rlim_cur = soft;
	setrlimit(which, &l);
}

static void not_root(void)
{
	syscall(SYS_setresuid, 12345, 12345, 12345);
}

static void descriptors(void)
{
	int file = open("file", O_RDWR), top = dup(file);

	limit(RLIMIT_NOFILE, (rlim_t)top + 1);
	T(open, EMFILE, "no descriptor left", "file", O_RDONLY);
	T(openat, EMFILE, "no descriptor left", AT_FDCWD, "file", O_RDONLY);
	T(creat, EMFILE, "no descriptor left", "file2", 0644);
	T(dup, EMFILE, "no descriptor left", file);
	T(dup2, EBADF, "past the limit", file, top + 1);
	T(dup3, EBADF, "past the limit", file, top + 1, 0);
	T(fcntl, EMFILE, "F_DUPFD, no descriptor left", file, F_DUPFD, 0);
	T(pipe, EMFILE, "no descriptor left", buf);
	T(pipe2, EMFILE, "no descriptor left", buf, 0);
	T(eventfd, EMFILE, "no descriptor left", 0);
	T(eventfd2, EMFILE, "no descriptor left", 0, 0);
	T(memfd_create, EMFILE, "no descriptor left", "name", 0);
	T(poll, EINVAL, "more than there may be", buf, top + 2, 0);
}

static void processes(void)
{
	static const unsigned long clone_args[11] = {[4] = SIGCHLD};

	limit(RLIMIT_NPROC, 1);
	not_root();
	if (!T(fork, EAGAIN, "RLIMIT_NPROC"))
		_exit(0);
	if (!T(clone, EAGAIN, "RLIMIT_NPROC", SIGCHLD))
		_exit(0);
	if (!T(clone3, EAGAIN, "RLIMIT_NPROC", clone_args, sizeof(clone_args)))
		_exit(0);
}

static void sizes(void)
{
	int file = make_file("large", 100), other = make_file("small", 100);
	const struct iovec vec = {buf, 10};
	long from = 0, at = MIB;

	signal(SIGXFSZ, SIG_IGN);
	limit(RLIMIT_FSIZE, MIB);
	lseek(file, MIB, SEEK_SET);
	T(write, EFBIG, "RLIMIT_FSIZE", file, buf, 10);
	T(pwrite64, EFBIG, "RLIMIT_FSIZE", file, buf, 10, 2 * MIB);
	T(writev, EFBIG, "RLIMIT_FSIZE", file, &vec, 1);
	T(pwritev, EFBIG, "RLIMIT_FSIZE", file, &vec, 1, 2 * MIB);
	T(pwritev2, EFBIG, "RLIMIT_FSIZE", file, &vec, 1, 2 * MIB, 0, 0);
	T(ftruncate, EFBIG, "RLIMIT_FSIZE", file, MIB + 1);
	T(fallocate, EFBIG, "RLIMIT_FSIZE", file, 0, 0, 2 * MIB);
	T(sendfile, EFBIG, "RLIMIT_FSIZE", file, other, &from, 10);
	T(copy_file_range, EFBIG, "RLIMIT_FSIZE", other, &from, file, &at, 10, 0);
	T(write, OK, "up to it", (lseek(file, -5, SEEK_CUR), file), buf, 10);
}

static void sizes_kill(void)
{
	int file = make_file("large", 100), other = make_file("small", 100);
	long from = 0, at = MIB;

	limit(RLIMIT_FSIZE, MIB);
	T(copy_file_range, EFBIG, "SIGXFSZ is not ignored", other, &from, file, &at, 10, 0);
}

static void signals(void)
{
	static siginfo_t info = {.si_code = SI_QUEUE};
	const unsigned long set = 1ul << (REAL_TIME - 1);
	pid_t pid = getpid();
	int timer;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, 0, 8);
	T(rt_sigqueueinfo, OK, "queued", pid, REAL_TIME, &info);
	limit(RLIMIT_SIGPENDING, 0);
	T(rt_sigqueueinfo, EAGAIN, "RLIMIT_SIGPENDING", pid, REAL_TIME, &info);
	T(rt_tgsigqueueinfo, EAGAIN, "RLIMIT_SIGPENDING", pid, pid, REAL_TIME, &info);
	T(tkill, EAGAIN, "RLIMIT_SIGPENDING", pid, REAL_TIME);
	T(tgkill, EAGAIN, "RLIMIT_SIGPENDING", pid, pid, REAL_TIME);
	T(timer_create, EAGAIN, "RLIMIT_SIGPENDING", CLOCK_MONOTONIC, 0, &timer);
	T(kill, OK, "it comes without its sender", pid, REAL_TIME);
	T(rt_sigqueueinfo, OK, "one that is not queued twice", pid, SIGCHLD, &info);
}

static void locked(void)
{
	char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	unsigned long end;

	limit(RLIMIT_MEMLOCK, 0);
	not_root();
	T(mlock, EPERM, "RLIMIT_MEMLOCK 0", p, PAGE);
	T(mlock2, EPERM, "RLIMIT_MEMLOCK 0", p, PAGE, 0);
	T(mlockall, EPERM, "RLIMIT_MEMLOCK 0", MCL_CURRENT);
	T(mmap, EPERM, "MAP_LOCKED, RLIMIT_MEMLOCK 0", 0, PAGE, PROT_READ, ANON | MAP_LOCKED, -1, 0);
	limit(RLIMIT_MEMLOCK, 4 * PAGE);
	T(mlock, ENOMEM, "RLIMIT_MEMLOCK", p, 8 * PAGE);
	T(mlock2, ENOMEM, "RLIMIT_MEMLOCK", p, 8 * PAGE, 0);
	T(mlockall, ENOMEM, "RLIMIT_MEMLOCK", MCL_CURRENT);
	T(mmap, EAGAIN, "MAP_LOCKED, RLIMIT_MEMLOCK", 0, 8 * PAGE, PROT_READ, ANON | MAP_LOCKED, -1, 0);
	T(mlock, OK, "within it", p + 6 * PAGE, 2 * PAGE);
	T(mremap, EAGAIN, "RLIMIT_MEMLOCK", p + 6 * PAGE, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	T(mlockall, OK, "what is to come", MCL_FUTURE);
	T(mmap, EAGAIN, "what is to come, RLIMIT_MEMLOCK", 0, 8 * PAGE, PROT_READ, ANON, -1, 0);
	end = (unsigned long)syscall(SYS_brk, 0);
	say("the break moves: %s", (unsigned long)syscall(SYS_brk, end + 8 * PAGE) == end ? "no" : "yes");
}

static void sizes_of_memory(void)
{
	char *p = mmap(NULL, 2 * MIB, PROT_READ, ANON, -1, 0);

	limit(RLIMIT_DATA, MIB);
	T(mmap, ENOMEM, "RLIMIT_DATA", 0, 2 * MIB, PROT_READ | PROT_WRITE, ANON, -1, 0);
	T(mprotect, ENOMEM, "RLIMIT_DATA", p, 2 * MIB, PROT_READ | PROT_WRITE);
	limit(RLIMIT_AS, MIB);
	T(mmap, ENOMEM, "RLIMIT_AS", 0, PAGE, PROT_READ, ANON, -1, 0);
	T(mremap, ENOMEM, "RLIMIT_AS", p, 2 * MIB, 4 * MIB, MREMAP_MAYMOVE);
}

/* What Linux refuses to everybody but root, and Faultline to root. The machine's names are those that it has, should they be taken. */
static void users(void)
{
	static const unsigned group = 54321;
	static struct utsname names;
	int pair[2];

	uname(&names);
	pipe(pair);
	not_root();
	T(setuid, EPERM, "another user", 54321);
	T(setgid, EPERM, "another group", 54321);
	T(setreuid, EPERM, "another user", -1, 54321);
	T(setregid, EPERM, "another group", -1, 54321);
	T(setresuid, EPERM, "another user", -1, -1, 54321);
	T(setresgid, EPERM, "another group", -1, -1, 54321);
	T(setgroups, EPERM, "another group", 1, &group);
	T(sethostname, EPERM, "as it is", names.nodename, strlen(names.nodename));
	T(setdomainname, EPERM, "as it is", names.domainname, strlen(names.domainname));
	T(fcntl, EPERM, "F_SETPIPE_SZ, more than a user may have", pair[0], F_SETPIPE_SZ, 1 << 30);
}

/* Children that are given their numbers. */
static void numbers(void)
{
	unsigned number = (unsigned)getpid(), none = 0;
	unsigned long args[11] = {[4] = SIGCHLD, [8] = (unsigned long)&number, [9] = 1};
	long pid;

	if (!T(clone3, EEXIST, "a number that somebody has", args, sizeof(args)))
		_exit(0);
	for (number = 32000; !kill((pid_t)number, 0); number--)
		;
	pid = T(clone3, OK, "a number that is free", args, sizeof(args));
	if (!pid)
		_exit(syscall(SYS_getpid) == number ? 3 : 4);
	table_wait("it", (int)pid);
	args[8] = (unsigned long)&none;
	T(clone3, EINVAL, "number 0", args, sizeof(args));
	args[8] = BAD;
	T(clone3, EFAULT, "bad number", args, sizeof(args));
	args[8] = 0;
	T(clone3, EINVAL, "number without a place", args, sizeof(args));
	args[8] = (unsigned long)&number;
	args[9] = 0;
	T(clone3, EINVAL, "no numbers with a place", args, sizeof(args));
	args[9] = 33;
	T(clone3, EINVAL, "too many numbers", args, sizeof(args));
}

/* As many mappings as there may be: every second page has other rights than its neighbours. */
static void mappings(void)
{
	const long size = 1l << 34;
	char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	char *many = mmap(NULL, size, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	for (long at = PAGE; at < size; at += 2 * PAGE)
		if (mprotect(many + at, PAGE, PROT_READ))
			break;
	for (int i = 0; i < 8; i++)
		mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T(mprotect, ENOMEM, "too many mappings", p + PAGE, PAGE, PROT_READ);
	T(mlock, ENOMEM, "too many mappings", p + PAGE, PAGE);
	T(mlock2, ENOMEM, "too many mappings", p + PAGE, PAGE, 1);
	T(munmap, ENOMEM, "out of the middle, too many mappings", p + PAGE, PAGE);
	T(mremap, ENOMEM, "too many mappings", p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	T(madvise, EAGAIN, "too many mappings", p + PAGE, PAGE, MADV_DONTFORK);
	T(mmap, ENOMEM, "too many mappings", 0, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T(munmap, OK, "a whole one", p, 8 * PAGE);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	close(make_file("file", 100));
	table_in_child("descriptors", descriptors);
	table_in_child("processes", processes);
	table_in_child("sizes", sizes);
	table_in_child("a size that kills", sizes_kill);
	table_in_child("signals", signals);
	table_in_child("locked memory", locked);
	table_in_child("memory", sizes_of_memory);
	table_in_child("users", users);
	table_in_child("numbers", numbers);
	table_in_child("mappings", mappings);
	return 0;
}
