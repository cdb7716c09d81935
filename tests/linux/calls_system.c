/* SPDX-License-Identifier: MIT */
/* Calls on memory, time and what there is to know, each with its errors: calls.h. */
#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096l
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char buf[4096];

static char *anon(long pages)
{
	return mmap(NULL, pages * PAGE, RW, ANON, -1, 0);
}

static void mapping(void)
{
	int file = make_file("file", 8192), read_only = open("file", O_RDONLY),
	    write_only = open("file", O_WRONLY);
	char *p, *q;

	p = (char *)T(mmap, OK, "anonymous", 0, 4 * PAGE, RW, ANON, -1, 0);
	T(mmap, EBADF, "no descriptor", 0, PAGE, PROT_READ, MAP_PRIVATE, NO_FD, 0);
	T(mmap, EINVAL, "no length", 0, 0, PROT_READ, ANON, -1, 0);
	T(mmap, EINVAL, "neither shared nor private", 0, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0);
	T(mmap, EINVAL, "odd offset", 0, PAGE, PROT_READ, MAP_SHARED, file, 5);
	T(mmap, EINVAL, "fixed at an odd place", p + 5, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
	T(mmap, ENOMEM, "everything", 0, 1l << 47, PROT_READ, ANON, -1, 0);
	T(mmap, EACCES, "shared and writable, read-only", 0, PAGE, RW, MAP_SHARED, read_only, 0);
	T(mmap, EACCES, "write-only", 0, PAGE, PROT_READ, MAP_PRIVATE, write_only, 0);
	T(mmap, EEXIST, "fixed, not in place of another", p, PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1,
		0);
	T(mmap, EOVERFLOW, "offset and length", 0, 2 * PAGE, PROT_READ, MAP_SHARED, file, 0x7ffffffffffff000);
	T(mmap, EOPNOTSUPP, "flags, validated", 0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x200000, file, 0);
	T(mprotect, OK, "a page", p, PAGE, PROT_READ);
	T(mprotect, EINVAL, "odd address", p + 1, PAGE, PROT_READ);
	T(mprotect, EINVAL, "protection", p, PAGE, 0x40000000);
	T(mprotect, ENOMEM, "nothing there", 1l << 46, PAGE, PROT_READ);
	q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, read_only, 0);
	T(mprotect, EACCES, "write to a read-only file", q, PAGE, RW);
	p = (char *)T(mremap, OK, "larger", p + PAGE, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE, 0);
	T(mremap, ENOMEM, "everything", p, PAGE, (1l << 47) - 2 * PAGE, MREMAP_MAYMOVE, 0);
	T(mremap, EINVAL, "flags", p, PAGE, PAGE, 0x100, 0);
	T(mremap, EINVAL, "odd address", p + 1, PAGE, PAGE, 0, 0);
	T(mremap, EINVAL, "fixed without moving", p, PAGE, PAGE, MREMAP_FIXED, 0);
	T(mremap, EINVAL, "to nothing", p, PAGE, 0, MREMAP_MAYMOVE, 0);
	T(mremap, EINVAL, "fixed, onto itself", p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		p + PAGE);
	T(mremap, EINVAL, "fixed at an odd place", p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		p + 4 * PAGE + 1);
	T(mremap, EINVAL, "fixed beyond the user's half", p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		-PAGE);
	T(mremap, EINVAL, "kept without moving", p, PAGE, PAGE, 4, 0);
	T(mremap, EINVAL, "kept, and larger", p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | 4, 0);
	T(mremap, EINVAL, "once more, not shared", p, 0, PAGE, MREMAP_MAYMOVE, 0);
	T(mremap, OK, "once more, shared", q, 0, PAGE, MREMAP_MAYMOVE, 0);
	T(mremap, ENOMEM, "once more without moving", q, 0, PAGE, 0, 0);
	T(mremap, EFAULT, "more than the mapping has", q, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE, 0);
	T(mremap, ENOMEM, "larger, without moving", p, PAGE, 2 * PAGE, 0, 0);
	T(mremap, EFAULT, "nothing there", 1l << 46, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0);
	T(msync, OK, "file", q, PAGE, MS_SYNC);
	T(msync, EINVAL, "both", q, PAGE, MS_SYNC | MS_ASYNC);
	T(msync, EINVAL, "odd address", q + 1, PAGE, MS_SYNC);
	T(msync, ENOMEM, "nothing there", 1l << 46, PAGE, MS_SYNC);
	T(mincore, OK, "a page", q, PAGE, buf);
	T(mincore, EINVAL, "odd address", q + 1, PAGE, buf);
	T(mincore, ENOMEM, "nothing there", 1l << 46, PAGE, buf);
	T(mincore, EFAULT, "bad result", q, PAGE, BAD);
	T(mincore, ENOMEM, "negative length", q, -1, buf);
	T(mincore, OK, "nothing", q, 0, buf);
	T(msync, EINVAL, "flags", q, PAGE, 8);
	T(msync, ENOMEM, "negative length", q, -2 * PAGE, MS_SYNC);
	T(msync, OK, "nothing", q, 0, MS_SYNC);
	T(mprotect, ENOMEM, "negative length", q, -2 * PAGE, PROT_READ);
	T(mprotect, OK, "nothing", q, 0, PROT_READ);
	T(mprotect, EINVAL, "grows up and down", q, PAGE, 0x03000000);
	T(madvise, OK, "don't need", p, PAGE, MADV_DONTNEED);
	T(madvise, EINVAL, "advice", p, PAGE, 9999);
	T(madvise, EINVAL, "odd address", p + 1, PAGE, MADV_NORMAL);
	T(madvise, EINVAL, "negative length", p, -2 * PAGE, MADV_NORMAL);
	T(madvise, EINVAL, "free, of a file", q, PAGE, 8);
	T(madvise, EINVAL, "wipe on fork, of a file", q, PAGE, 18);
	T(madvise, EINVAL, "populate for writing, read-only", q, PAGE, 23);
	T(madvise, ENOMEM, "populate, nothing there", 1l << 46, PAGE, 22);
	T(madvise, ENOMEM, "don't need, nothing there", 1l << 46, PAGE, MADV_DONTNEED);
	T(madvise, ENOMEM, "nothing there", 1l << 46, PAGE, MADV_NORMAL);
	q = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, file, 0);
	T(madvise, EACCES, "remove, not shared", q, PAGE, MADV_REMOVE);
	T(madvise, EINVAL, "free, of a file, not shared", q, PAGE, 8);
	T(madvise, EINVAL, "wipe on fork, of a file, not shared", q, PAGE, 18);
	T(madvise, EINVAL, "remove, no file", p, PAGE, MADV_REMOVE);
	T(madvise, EFAULT, "populate, past the end of the file", q + 3 * PAGE, PAGE, 22);
	T(munmap, OK, "a page", q, PAGE);
	T(munmap, EINVAL, "odd address", q + 1, PAGE);
	T(munmap, EINVAL, "no length", q, 0);
	T(munmap, EINVAL, "beyond the user's half", q, -1);
	T(brk, OK, "as it is", 0);
}

static void locking(void)
{
	char *p = anon(4);

	T(mlock, OK, "a page", p, PAGE);
	T(mlock, ENOMEM, "nothing there", 1l << 46, PAGE);
	T(mlock, EINVAL, "wraps", p, -PAGE);
	T(mlock2, OK, "on fault", p, PAGE, 1);
	T(mlock2, EINVAL, "flags", p, PAGE, 0x100);
	T(mlock2, ENOMEM, "nothing there", 1l << 46, PAGE, 0);
	T(madvise, EINVAL, "don't need, locked", p, PAGE, MADV_DONTNEED);
	T(madvise, EINVAL, "cold, locked", p, PAGE, 20);
	T(madvise, EINVAL, "page out, locked", p, PAGE, 21);
	T(madvise, EINVAL, "remove, locked", p, PAGE, MADV_REMOVE);
	T(msync, EBUSY, "invalidate, locked", p, PAGE, MS_INVALIDATE);
	T(munlock, OK, "a page", p, PAGE);
	T(munlock, EINVAL, "wraps", p, -PAGE);
	T(munlock, ENOMEM, "nothing there", 1l << 46, PAGE);
	T(mlockall, EINVAL, "no flags", 0);
	T(mlockall, EINVAL, "flags", 0x100);
	T(mlockall, EINVAL, "on fault alone", 4);
	T(mlockall, OK, "what is mapped", MCL_CURRENT);
	T(munlockall, OK, "all");
}

static void time_calls(void)
{
	static const struct timespec brief = {0, 1000}, bad = {0, 1000000000}, negative = {-1, 0};
	static const struct itimerval none, bad_timer = {{0, 0}, {0, 1000000}},
					    negative_timer = {{0, 0}, {-1, 0}};

	T(nanosleep, OK, "briefly", &brief, 0);
	T(nanosleep, EINVAL, "nanoseconds", &bad, 0);
	T(nanosleep, EINVAL, "negative", &negative, 0);
	T(nanosleep, EFAULT, "bad time", BAD, 0);
	T(clock_nanosleep, OK, "briefly", CLOCK_MONOTONIC, 0, &brief, 0);
	T(clock_nanosleep, EINVAL, "nanoseconds", CLOCK_MONOTONIC, 0, &bad, 0);
	T(clock_nanosleep, EINVAL, "clock", 99, 0, &brief, 0);
	T(clock_nanosleep, EFAULT, "bad time", CLOCK_MONOTONIC, 0, BAD, 0);
	T(clock_nanosleep, EOPNOTSUPP, "the thread's own clock", CLOCK_THREAD_CPUTIME_ID, 0, &brief, 0);
	T(clock_gettime, OK, "monotonic", CLOCK_MONOTONIC, buf);
	T(clock_gettime, EINVAL, "clock", 99, buf);
	T(clock_gettime, OK, "a process's CPU time", -6, buf);
	T(clock_gettime, EINVAL, "CPU time of no process", -0x10000000l * 8 + 2, buf);
	T(clock_gettime, EINVAL, "a clock of no descriptor", -(NO_FD + 1l) * 8 + 3, buf);
	T(clock_gettime, EINVAL, "CPU time of no kind", -5, buf);
	T(clock_gettime, EFAULT, "bad result", CLOCK_MONOTONIC, BAD);
	T(clock_getres, OK, "monotonic", CLOCK_MONOTONIC, buf);
	T(clock_getres, EINVAL, "clock", 99, buf);
	T(clock_getres, OK, "to nowhere", CLOCK_MONOTONIC, 0);
	T(clock_getres, EINVAL, "CPU time of no process", -0x10000000l * 8 + 2, buf);
	T(clock_getres, EFAULT, "bad result", CLOCK_MONOTONIC, BAD);
	T(clock_settime, EINVAL, "monotonic", CLOCK_MONOTONIC, &brief);
	T(clock_settime, EINVAL, "clock", 99, &brief);
	T(clock_settime, EFAULT, "bad time", CLOCK_REALTIME, BAD);
	T(clock_settime, EINVAL, "nanoseconds", CLOCK_REALTIME, &bad);
	T(clock_settime, EPERM, "CPU time", -6, &brief); /* of this process, clock_getcpuclockid(3) */
	T(gettimeofday, OK, "both", buf, buf + 16);
	T(gettimeofday, EFAULT, "bad result", BAD, 0);
	T(gettimeofday, EFAULT, "bad zone", 0, BAD);
	T(time, OK, "to nowhere", 0);
	T(time, EFAULT, "bad result", BAD);
	T(times, OK, "of this process", buf);
	T(times, EFAULT, "bad result", BAD);
	T(getitimer, OK, "real", ITIMER_REAL, buf);
	T(getitimer, EINVAL, "which", 99, buf);
	T(getitimer, EFAULT, "bad result", ITIMER_REAL, BAD);
	T(setitimer, OK, "off", ITIMER_REAL, &none, buf);
	T(setitimer, EINVAL, "which", 99, &none, 0);
	T(setitimer, EINVAL, "microseconds", ITIMER_REAL, &bad_timer, 0);
	T(setitimer, EINVAL, "negative time", ITIMER_REAL, &negative_timer, 0);
	T(setitimer, EFAULT, "bad timer", ITIMER_REAL, BAD, 0);
	T(setitimer, EFAULT, "bad result", ITIMER_REAL, &none, BAD);
	T(alarm, OK, "off", 0);
}

static void timer_calls(void)
{
	static const struct itimerspec none, bad = {{0, 0}, {0, 1000000000}}, negative = {{0, 0}, {-1, 0}},
					     bad_interval = {{0, -1}, {1, 0}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99};
	static const int of_thread[16] = {[2] = SIGALRM, [3] = 4, [4] = NO_PID},
			 no_way[16] = {[2] = SIGALRM, [3] = 77};
	int id = -1;

	T(timer_create, OK, "SIGALRM", CLOCK_MONOTONIC, 0, &id);
	T(timer_create, EINVAL, "clock", 99, 0, &id);
	T(timer_create, EOPNOTSUPP, "a clock without timers", CLOCK_MONOTONIC_RAW, 0, &id);
	T(timer_create, EINVAL, "signal", CLOCK_MONOTONIC, &event, &id);
	T(timer_create, EINVAL, "another's thread", CLOCK_MONOTONIC, &of_thread, &id);
	T(timer_create, EINVAL, "how", CLOCK_MONOTONIC, &no_way, &id);
	T(timer_create, EFAULT, "bad event", CLOCK_MONOTONIC, BAD, &id);
	T(timer_create, EFAULT, "bad result", CLOCK_MONOTONIC, 0, BAD);
	T(timer_settime, OK, "off", id, 0, &none, buf);
	T(timer_settime, EINVAL, "which", 12345, 0, &none, 0);
	T(timer_settime, EINVAL, "nanoseconds", id, 0, &bad, 0);
	T(timer_settime, EINVAL, "negative time", id, 0, &negative, 0);
	T(timer_settime, EINVAL, "bad interval", id, 0, &bad_interval, 0);
	T(timer_settime, EINVAL, "no time", id, 0, 0, 0);
	T(timer_settime, EFAULT, "bad timer", id, 0, BAD, 0);
	T(timer_settime, EFAULT, "bad result", id, 0, &none, BAD);
	T(timer_gettime, OK, "off", id, buf);
	T(timer_gettime, EINVAL, "which", 12345, buf);
	T(timer_gettime, EFAULT, "bad result", id, BAD);
	T(timer_getoverrun, OK, "none", id);
	T(timer_getoverrun, EINVAL, "which", 12345);
	T(timer_delete, OK, "at last", id);
	T(timer_delete, EINVAL, "again", id);
}

static void knowledge(void)
{
	static const struct rlimit upside_down = {2, 1}, too_many = {2, 1l << 40};

	T(reboot, EINVAL, "magic", 1, 2, 3, 0);
	T(sethostname, EINVAL, "negative length", buf, -1);
	T(sethostname, EINVAL, "too long", buf, 65);
	T(sethostname, EFAULT, "bad name", BAD, 5);
	T(setdomainname, EINVAL, "negative length", buf, -1);
	T(setdomainname, EINVAL, "too long", buf, 65);
	T(setdomainname, EFAULT, "bad name", BAD, 5);
	T(uname, OK, "names", buf);
	T(uname, EFAULT, "bad result", BAD);
	T(sysinfo, OK, "figures", buf);
	T(sysinfo, EFAULT, "bad result", BAD);
	T(getrusage, OK, "of this process", RUSAGE_SELF, buf);
	T(getrusage, EINVAL, "whose", 99, buf);
	T(getrusage, OK, "of this thread", RUSAGE_THREAD, buf);
	T(getrusage, OK, "of its children", RUSAGE_CHILDREN, buf);
	T(getrusage, EFAULT, "bad result", RUSAGE_SELF, BAD);
	T(getrlimit, OK, "descriptors", RLIMIT_NOFILE, buf);
	T(getrlimit, EINVAL, "which", 99, buf);
	T(getrlimit, EFAULT, "bad result", RLIMIT_NOFILE, BAD);
	T(setrlimit, OK, "as it is", RLIMIT_NOFILE, buf);
	T(setrlimit, EINVAL, "which", 99, buf);
	T(setrlimit, EINVAL, "more than the most", RLIMIT_NOFILE, &upside_down);
	T(setrlimit, EFAULT, "bad limit", RLIMIT_NOFILE, BAD);
	T(setrlimit, EPERM, "more descriptors than can be", RLIMIT_NOFILE, &too_many);
	T(prlimit64, OK, "read", 0, RLIMIT_NOFILE, 0, buf);
	T(prlimit64, ESRCH, "no process", NO_PID, RLIMIT_NOFILE, 0, buf);
	T(prlimit64, EINVAL, "which", 0, 99, 0, buf);
	T(prlimit64, EFAULT, "bad result", 0, RLIMIT_NOFILE, 0, BAD);
	T(prlimit64, EFAULT, "bad limit", 0, RLIMIT_NOFILE, BAD, 0);
	T(prlimit64, ESRCH, "negative process", -1, RLIMIT_NOFILE, 0, buf);
	T(prlimit64, EINVAL, "more than the most", 0, RLIMIT_NOFILE, &upside_down, 0);
	T(prlimit64, EPERM, "more descriptors than can be", 0, RLIMIT_NOFILE, &too_many, 0);
	T(getcpu, OK, "both", buf, buf + 8, 0);
	T(getcpu, EFAULT, "bad result", BAD, 0, 0);
	T(sched_yield, OK, "once");
	T(sched_getaffinity, OK, "own", 0, 128, buf);
	T(sched_getaffinity, EINVAL, "size", 0, 1, buf);
	T(sched_getaffinity, EINVAL, "odd size", 0, 129, buf);
	T(sched_getaffinity, ESRCH, "negative process", -1, 128, buf);
	T(sched_getaffinity, ESRCH, "no process", NO_PID, 128, buf);
	T(sched_getaffinity, EFAULT, "bad result", 0, 128, BAD);
	T(sched_setaffinity, EFAULT, "bad set", 0, 128, BAD);
	T(sched_setaffinity, EINVAL, "no size", 0, 0, buf);
	memset(buf, 0, 128);
	T(sched_setaffinity, EINVAL, "no CPU", 0, 128, buf);
	buf[0] = 1;
	T(sched_setaffinity, ESRCH, "no process", NO_PID, 128, buf);
	T(sched_setaffinity, OK, "one CPU", 0, 128, buf);
	T(getpriority, OK, "own", PRIO_PROCESS, 0);
	T(getpriority, EINVAL, "whose", 99, 0);
	T(getpriority, ESRCH, "no process", PRIO_PROCESS, NO_PID);
	T(setpriority, OK, "own", PRIO_PROCESS, 0, 0);
	T(setpriority, EINVAL, "whose", 99, 0, 0);
	T(setpriority, ESRCH, "no process", PRIO_PROCESS, NO_PID, 0);
	T(personality, OK, "asked", 0xffffffff);
	T(prctl, OK, "name", PR_GET_NAME, buf);
	T(prctl, EINVAL, "option", 0x12345678, 0, 0, 0, 0);
	T(prctl, EFAULT, "bad name", PR_SET_NAME, BAD);
	T(prctl, EFAULT, "bad result", PR_GET_NAME, BAD);
	T(prctl, EINVAL, "signal at the parent's death", PR_SET_PDEATHSIG, 99);
	T(prctl, EINVAL, "dumpable", PR_SET_DUMPABLE, 99);
	T(prctl, EINVAL, "no new privileges, not 1", PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
	T(prctl, EINVAL, "no new privileges, and more", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1);
	T(prctl, EINVAL, "whether there are none, and more", PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0);
	T(prctl, OK, "no new privileges", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	row("prctl: whether there are none", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	T(arch_prctl, OK, "thread pointer", 0x1003, buf);
	T(arch_prctl, EINVAL, "code", 0x9999, buf);
	T(arch_prctl, EPERM, "thread pointer in the kernel's half", 0x1002, -4096l);
	T(arch_prctl, EFAULT, "bad result", 0x1003, BAD);
	T(syslog, OK, "size", 10, 0, 0);
	T(syslog, EINVAL, "action", 99, 0, 0);
	T(syslog, EINVAL, "no buffer", 3, 0, 10);
	T(syslog, EINVAL, "negative size", 3, buf, -1);
}

static void identity(void)
{
	T(getuid, OK, "own");
	T(geteuid, OK, "own");
	T(getgid, OK, "own");
	T(getegid, OK, "own");
	T(setuid, OK, "root", 0);
	T(setuid, EINVAL, "nobody", -1);
	T(setgid, OK, "root", 0);
	T(setgid, EINVAL, "nobody", -1);
	T(setreuid, OK, "as they are", -1, -1);
	T(setregid, OK, "as they are", -1, -1);
	T(setresuid, OK, "as they are", -1, -1, -1);
	T(setresgid, OK, "as they are", -1, -1, -1);
	T(getresuid, OK, "all", buf, buf + 8, buf + 16);
	T(getresuid, EFAULT, "bad result", BAD, buf + 8, buf + 16);
	T(getresgid, OK, "all", buf, buf + 8, buf + 16);
	T(getresgid, EFAULT, "bad result", buf, BAD, buf + 16);
	T(setgroups, OK, "none", 0, 0);
	T(setgroups, EINVAL, "too many", 70000, buf);
	T(setgroups, EFAULT, "bad list", 1, BAD);
	T(getgroups, OK, "how many", 0, 0);
	T(getgroups, EINVAL, "negative", -1, buf);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	mapping();
	locking();
	time_calls();
	timer_calls();
	knowledge();
	identity();
	return 0;
}
