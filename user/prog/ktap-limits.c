/* SPDX-License-Identifier: MIT */
/*
 * ktap-limits [DIRECTORY]: who asks for too much is refused or ends, and the machine goes on: a fork bomb and a thread bomb under RLIMIT_NPROC,
 * locked memory, memory hogs one after another and together. As KTAP; meant for a machine with little memory. Faultline only: root is exempt
 * from RLIMIT_NPROC and RLIMIT_MEMLOCK on Linux.
 */
#include "ktap.h"
#include "util.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NR_madvise 28
#define NR_pause 34
#define NR_setpgid 109
#define NR_setsid 112
#define NR_mlock 149
#define NR_munlock 150
#define NR_mlockall 151
#define NR_prlimit64 302
#define NPROC 6
#define MEMLOCK 8
#define MAP_LOCKED_ 0x2000
#define MADV_POPULATE_WRITE_ 23
#define MIB (1UL << 20)

struct limit {
	unsigned long soft, hard;
};

static long set_limit(int which, unsigned long soft)
{
	struct limit l = {soft, soft};

	return syscall(NR_prlimit64, 0L, (long)which, (long)&l, 0L);
}

static unsigned long get_limit(int which)
{
	struct limit l = {0, 0};

	syscall(NR_prlimit64, 0L, (long)which, 0L, (long)&l);
	return l.soft;
}

static long free_pages(void)
{
	char text[512], *at;
	int fd = open("/proc/faultline/memory", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n < 0)
		err(1, "/proc/faultline/memory");
	text[n] = '\0';
	at = strstr(text, "free_pages ");
	return at ? atol(at + 11) : 0;
}

/* --- processes --- */

static void __attribute__((noreturn)) sleep_for_ever(void)
{
	for (;;)
		syscall(NR_pause);
}

/* Children until there may be no more; how many, and errno of the last fork. */
static int fork_many(int *error)
{
	int n = 0;
	pid_t pid;

	while ((pid = fork()) > 0)
		n++;
	if (!pid)
		sleep_for_ever();
	*error = errno;
	return n;
}

static void reap(int n)
{
	kill(0, SIGUSR1);
	while (n--)
		wait_for(-1);
}

static int within_limit(void *arg)
{
	int error, n, again;

	(void)arg;
	syscall(NR_setpgid, 0L, 0L);
	signal(SIGUSR1, SIG_IGN);
	if (set_limit(NPROC, 30) < 0)
		return 1;
	signal(SIGUSR1, SIG_DFL);
	n = fork_many(&error);
	signal(SIGUSR1, SIG_IGN);
	reap(n);
	if (error != EAGAIN || n < 20 || n >= 30) /* init, the shell and others count */
		return 2;
	signal(SIGUSR1, SIG_DFL);
	again = fork_many(&error);
	signal(SIGUSR1, SIG_IGN);
	reap(again);
	return again == n ? 0 : 3;
}

/* Each process forks as often as it can, its children too. */
static int bomb(void *arg)
{
	(void)arg;
	syscall(NR_setpgid, 0L, 0L);
	for (int i = 0; i < 200; i++)
		fork();
	return 0;
}

/* With as many zombies as there may be no process is left for others either. */
static int zombies(void *arg)
{
	int n = 0;
	pid_t pid;

	(void)arg;
	set_limit(NPROC, 40);
	while ((pid = fork()) > 0)
		n++;
	if (!pid)
		_exit(0);
	return errno == EAGAIN && n < 40 ? 0 : 1;
}

static int still_works(void *arg)
{
	return *(int *)arg;
}

static int can_fork(void)
{
	int seven = 7;

	return shell_status(run_child(still_works, &seven)) == 7;
}

/* Orphans of a bomb end in their own time. */
static int settles(long pages)
{
	for (int i = 0; i < 500; i++) {
		struct timespec t = {.tv_nsec = 10000000};

		if (free_pages() >= pages)
			return 1;
		nanosleep(&t, NULL);
	}
	ktap_note("%ld pages free, %ld wanted", free_pages(), pages);
	return 0;
}

#define SLACK 300 /* pages that the allocators keep for every CPU */

static int survive_bomb(void)
{
	struct timespec t = {.tv_nsec = 100000000};
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(bomb(NULL));
	nanosleep(&t, NULL);
	kill(-pid, SIGKILL);
	wait_for(pid);
	while (kill(-pid, SIGKILL) == 0) /* forks that were under way */
		sched_yield();
	return errno == ESRCH;
}

/* A session without its leader, in which there is a group of another number until the pipe is closed. The leader's pid. */
static pid_t leave_session(const int hold[2])
{
	char c;
	pid_t leader = fork();

	if (leader)
		return wait_for(leader) ? -1 : leader;
	syscall(NR_setsid);
	if (!fork()) {
		syscall(NR_setpgid, 0L, 0L);
		close(hold[1]);
		read(hold[0], &c, 1);
	}
	_exit(0);
}

/* Every pid is given out once, but for that of a session that still has members: a new leader of that number would lead it. */
static int pid_of_session(void *arg)
{
	int hold[2];
	pid_t session, pid = 0, last;

	(void)arg;
	if (pipe(hold) < 0)
		return 1;
	session = leave_session(hold);
	if (session < 0)
		return 2;
	for (int wraps = 0; wraps < 1 || pid < session;) {
		last = pid;
		pid = vfork();
		if (!pid)
			_exit(0);
		if (pid < 0 || wait_for(pid))
			return 3;
		if (pid == session)
			return 4;
		wraps += pid < last;
	}
	return 0;
}

static void test_processes(void)
{
	long before;

	CHECK("there is a limit on processes", get_limit(NPROC) >= 64 && get_limit(NPROC) <= 32768);
	CHECK("fork stops at it with EAGAIN, and goes on when there is room",
		run_child(within_limit, NULL) == 0);
	CHECK("zombies count", run_child(zombies, NULL) == 0);
	CHECK("a session's number is nobody's pid", run_child(pid_of_session, NULL) == 0);
	CHECK("others can fork", can_fork());
	CHECK("a fork bomb can be killed, all of it", survive_bomb());
	CHECK("others can fork after it", can_fork());
	/* What the kernel's objects were made of stays with their allocator for the next ones: so the second bomb is measured. */
	before = free_pages();
	CHECK("a second one", survive_bomb());
	CHECK("and it has left no memory behind", settles(before - SLACK));
}

/* --- locked memory --- */

static int lock_memory(void *arg)
{
	char *p = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	if (set_limit(MEMLOCK, MIB) < 0)
		return 1;
	if (syscall(NR_mlock, (long)p, (long)(2 * MIB)) == 0 || errno != ENOMEM)
		return 2;
	if (syscall(NR_mlock, (long)p, (long)MIB) < 0)
		return 3;
	if (syscall(NR_mlock, (long)p, (long)MIB) < 0) /* what is locked is not counted again */
		return 4;
	if (syscall(NR_mlock, (long)(p + MIB), 1L) == 0 || errno != ENOMEM)
		return 5;
	if (mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED_, -1, 0) != MAP_FAILED ||
		errno != EAGAIN)
		return 6;
	if (syscall(NR_munlock, (long)p, (long)MIB) < 0 || syscall(NR_mlock, (long)(p + MIB), (long)MIB) < 0)
		return 7;
	if (syscall(NR_mlockall, 1L) == 0 || errno != ENOMEM)
		return 8;
	return 0;
}

/* --- memory --- */

/* Takes page after page; ended by the kernel, or refused. */
static int hog(void *arg)
{
	unsigned long size = 1UL << 40;
	char *p =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)arg;
	if (p == MAP_FAILED)
		return 1;
	for (unsigned long i = 0; i < size; i += PAGE)
		p[i] = 1;
	return 2;
}

static int touch_a_mebibyte(void *arg)
{
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	for (unsigned long i = 0; p != MAP_FAILED && i < MIB; i += PAGE)
		p[i] = 1;
	return p == MAP_FAILED;
}

/* Asks for all of it at once: is told, and while it keeps what it got others can work. */
static int hog_populate(void *arg)
{
	unsigned long size = 1UL << 32;
	char *p =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)arg;
	if (p == MAP_FAILED)
		return 1;
	if (!syscall(NR_madvise, (long)p, (long)size, (long)MADV_POPULATE_WRITE_) || errno != ENOMEM)
		return 2;
	return run_child(touch_a_mebibyte, NULL) ? 3 : 0;
}

static int hog_page_tables(void *arg)
{
	unsigned long size = 1UL << 45;
	volatile char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)arg;
	if (p == MAP_FAILED)
		return 1;
	for (unsigned long i = 0; i < size; i += 1UL << 21)
		(void)p[i];
	return 2;
}

/* tmpfs has half of the memory, and says so. */
static int hog_tmpfs(void *arg)
{
	static char buf[65536];
	int fd = open("/tmp/hog", O_RDWR | O_CREAT | O_TRUNC, 0666), ret;

	(void)arg;
	while (write(fd, buf, sizeof(buf)) > 0)
		;
	ret = errno == ENOSPC ? 0 : errno;
	unlink("/tmp/hog");
	close(fd);
	return ret;
}

static int hog_pipes(void *arg)
{
	static char buf[65536];
	int fds[2], n = 0;

	(void)arg;
	while (pipe2(fds, O_NONBLOCK) == 0 && write(fds[1], buf, sizeof(buf)) > 0)
		n++;
	return n > 100 ? 0 : 1;
}

static int hog_kernel(void *arg)
{
	unsigned long n = 0;
	char *p = mmap(NULL, 65536 * 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)arg;
	while (mprotect(p + 2 * n * PAGE, PAGE, PROT_READ | PROT_WRITE) == 0)
		n++;
	return errno == ENOMEM ? 0 : 1;
}

static int killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void test_memory(void)
{
	long before = free_pages();
	pid_t pids[4];
	int all = 1;

	CHECK("who takes all memory is killed", killed(run_child(hog, NULL)));
	CHECK("the memory comes back", settles(before - SLACK));
	CHECK("who populates more than there is gets ENOMEM, and leaves some",
		run_child(hog_populate, NULL) == 0);
	CHECK("who takes it for page tables too", killed(run_child(hog_page_tables, NULL)));
	CHECK("and comes back", settles(before - SLACK));
	fflush(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		if (!(pids[i] = fork()))
			_exit(hog(NULL));
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		all &= killed(wait_for(pids[i]));
	CHECK("four at once", all);
	CHECK("a file system in memory is full before memory is", run_child(hog_tmpfs, NULL) == 0);
	CHECK("pipes full of data", run_child(hog_pipes, NULL) == 0);
	CHECK("as many mappings as there may be", run_child(hog_kernel, NULL) == 0);
	CHECK("others can fork", can_fork());
	CHECK("nothing is left behind", settles(before - SLACK));
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/data/t";

	if (!is_directory(dir) && mkdir(dir, 0777) < 0)
		err(1, "%s", dir);
	if (chdir(dir) < 0)
		err(1, "%s", dir);
	ktap_start();
	can_fork();
	test_processes();
	CHECK("RLIMIT_MEMLOCK", run_child(lock_memory, NULL) == 0);
	test_memory();
	return ktap_finish();
}
