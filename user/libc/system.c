/* SPDX-License-Identifier: MIT */
/* The system as a whole: what it is, its limits, random bytes, commands for its shell. */
#include "syscall.h"

#include <errno.h>
#include <limits.h>
#include <paths.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define REBOOT_MAGIC1 0xfee1deadUL
#define REBOOT_MAGIC2 0x28121969UL
#define PAGE 4096

int uname(struct utsname *name)
{
	return (int)SYSCALL1(uname, name);
}

int gethostname(char *name, size_t size)
{
	struct utsname u;

	uname(&u);
	if (strlen(u.nodename) >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(name, u.nodename);
	return 0;
}

int reboot(int cmd)
{
	return (int)SYSCALL4(reboot, REBOOT_MAGIC1, REBOOT_MAGIC2, (unsigned int)cmd, 0);
}

int sysinfo(struct sysinfo *info)
{
	return (int)SYSCALL1(sysinfo, info);
}

int get_nprocs(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);
}

int get_nprocs_conf(void)
{
	return get_nprocs();
}

int getpagesize(void)
{
	return PAGE;
}

/* ---- random bytes ---- */

ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	return CANCEL3(getrandom, buf, len, flags);
}

int getentropy(void *buf, size_t len)
{
	if (len > 256) {
		errno = EIO;
		return -1;
	}
	for (size_t done = 0; done < len;) {
		ssize_t n = SYSCALL3(getrandom, (char *)buf + done, len - done, 0);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

/* ---- limits ---- */

static long limit(int resource)
{
	struct rlimit l;

	if (getrlimit(resource, &l) < 0 || l.rlim_cur == RLIM_INFINITY)
		return -1;
	return (long)l.rlim_cur;
}

static long pages(int all)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return -1;
	return (long)((all ? info.totalram : info.freeram) * info.mem_unit / PAGE);
}

/* What is not listed is unknown, or has no limit: -1, errno 0 or EINVAL. */
static const struct {
	int name;
	long value;
} constants[] = {
	{_SC_CLK_TCK, 100},
	{_SC_NGROUPS_MAX, NGROUPS_MAX},
	{_SC_JOB_CONTROL, 1},
	{_SC_VERSION, _POSIX_VERSION},
	{_SC_PAGESIZE, PAGE},
	{_SC_RTSIG_MAX, SIGRTMAX - SIGRTMIN + 1},
	{_SC_SEM_VALUE_MAX, SEM_VALUE_MAX},
	{_SC_FSYNC, _POSIX_FSYNC},
	{_SC_MAPPED_FILES, _POSIX_MAPPED_FILES},
	{_SC_MEMLOCK, _POSIX_MEMLOCK},
	{_SC_MEMLOCK_RANGE, _POSIX_MEMLOCK_RANGE},
	{_SC_MEMORY_PROTECTION, _POSIX_MEMORY_PROTECTION},
	{_SC_REALTIME_SIGNALS, _POSIX_REALTIME_SIGNALS},
	{_SC_SEMAPHORES, _POSIX_SEMAPHORES},
	{_SC_SYNCHRONIZED_IO, _POSIX_SYNCHRONIZED_IO},
	{_SC_THREAD_KEYS_MAX, PTHREAD_KEYS_MAX},
	{_SC_THREAD_STACK_MIN, PTHREAD_STACK_MIN},
	{_SC_THREAD_DESTRUCTOR_ITERATIONS, PTHREAD_DESTRUCTOR_ITERATIONS},
	{_SC_TTY_NAME_MAX, TTY_NAME_MAX},
	{_SC_LOGIN_NAME_MAX, LOGIN_NAME_MAX},
	{_SC_THREADS, _POSIX_THREADS},
	{_SC_THREAD_ATTR_STACKADDR, _POSIX_THREAD_ATTR_STACKADDR},
	{_SC_THREAD_ATTR_STACKSIZE, _POSIX_THREAD_ATTR_STACKSIZE},
	{_SC_THREAD_PROCESS_SHARED, _POSIX_THREAD_PROCESS_SHARED},
	{_SC_THREAD_SAFE_FUNCTIONS, _POSIX_THREAD_SAFE_FUNCTIONS},
	{_SC_BARRIERS, _POSIX_BARRIERS},
	{_SC_CLOCK_SELECTION, _POSIX_CLOCK_SELECTION},
	{_SC_CPUTIME, _POSIX_CPUTIME},
	{_SC_THREAD_CPUTIME, _POSIX_THREAD_CPUTIME},
	{_SC_MONOTONIC_CLOCK, _POSIX_MONOTONIC_CLOCK},
	{_SC_READER_WRITER_LOCKS, _POSIX_READER_WRITER_LOCKS},
	{_SC_SPIN_LOCKS, _POSIX_SPIN_LOCKS},
	{_SC_TIMEOUTS, _POSIX_TIMEOUTS},
	{_SC_HOST_NAME_MAX, HOST_NAME_MAX},
	{_SC_IOV_MAX, IOV_MAX},
	{_SC_LINE_MAX, LINE_MAX},
	{_SC_RE_DUP_MAX, RE_DUP_MAX},
	{_SC_SYMLOOP_MAX, SYMLOOP_MAX},
	{_SC_REGEXP, 1},
	{_SC_SHELL, 1},
	{_SC_SPAWN, 200809L},
};

long sysconf(int name)
{
	switch (name) {
	case _SC_ARG_MAX:
		return ARG_MAX;
	case _SC_CHILD_MAX:
		return limit(RLIMIT_NPROC);
	case _SC_OPEN_MAX:
		return limit(RLIMIT_NOFILE);
	case _SC_NPROCESSORS_CONF:
	case _SC_NPROCESSORS_ONLN:
		return get_nprocs();
	case _SC_PHYS_PAGES:
		return pages(1);
	case _SC_AVPHYS_PAGES:
		return pages(0);
	}
	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
		if (constants[i].name == name)
			return constants[i].value;
	errno = EINVAL;
	return -1;
}

/* ---- the shell ---- */

/* newlib's is for systems with `unix` defined, and leaves the signals alone. */
int system(const char *command)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old_int, old_quit;
	sigset_t child, old;
	int status = -1;
	pid_t pid;

	if (!command)
		return access(_PATH_BSHELL, X_OK) == 0;
	sigaction(SIGINT, &ignore, &old_int);
	sigaction(SIGQUIT, &ignore, &old_quit);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &old);
	pid = fork();
	if (pid == 0) {
		sigaction(SIGINT, &old_int, NULL);
		sigaction(SIGQUIT, &old_quit, NULL);
		sigprocmask(SIG_SETMASK, &old, NULL);
		execl(_PATH_BSHELL, "sh", "-c", command, NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGQUIT, &old_quit, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return status;
}
