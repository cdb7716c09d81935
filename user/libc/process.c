/* SPDX-License-Identifier: MIT */
/* System calls on processes: their ends, their children, who they are, what they may use. */
#include "syscall.h"
#include "thread/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

void _exit(int status)
{
	for (;;)
		raw_syscall(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

/* ---- children ---- */

pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	return (pid_t)CANCEL4(wait4, pid, status, options, usage);
}

pid_t wait3(int *status, int options, struct rusage *usage)
{
	return wait4(-1, status, options, usage);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	return wait4(pid, status, options, NULL);
}

pid_t wait(int *status)
{
	return waitpid(-1, status, 0);
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	return (int)CANCEL5(waitid, type, id, info, options, 0);
}

int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
	_Atomic int *parent_tid, *child_tid;
	void *tls;
	va_list ap;

	if (!function || !stack) {
		errno = EINVAL;
		return -1;
	}
	va_start(ap, argument);
	parent_tid = va_arg(ap, void *);
	tls = va_arg(ap, void *);
	child_tid = va_arg(ap, void *);
	va_end(ap);
	return (int)__syscall_result(__clone(function, (char *)((uintptr_t)stack & -16ul),
		(unsigned int)flags, argument, parent_tid, child_tid, tls));
}

/* ---- who ---- */

pid_t getpid(void)
{
	return (pid_t)SYSCALL0(getpid);
}

pid_t getppid(void)
{
	return (pid_t)SYSCALL0(getppid);
}

pid_t gettid(void)
{
	return (pid_t)SYSCALL0(gettid);
}

pid_t getpgrp(void)
{
	return (pid_t)SYSCALL0(getpgrp);
}

pid_t getpgid(pid_t pid)
{
	return (pid_t)SYSCALL1(getpgid, pid);
}

int setpgid(pid_t pid, pid_t group)
{
	return (int)SYSCALL2(setpgid, pid, group);
}

int setpgrp(void)
{
	return setpgid(0, 0);
}

pid_t getsid(pid_t pid)
{
	return (pid_t)SYSCALL1(getsid, pid);
}

pid_t setsid(void)
{
	return (pid_t)SYSCALL0(setsid);
}

uid_t getuid(void)
{
	return (uid_t)SYSCALL0(getuid);
}

uid_t geteuid(void)
{
	return (uid_t)SYSCALL0(geteuid);
}

gid_t getgid(void)
{
	return (gid_t)SYSCALL0(getgid);
}

gid_t getegid(void)
{
	return (gid_t)SYSCALL0(getegid);
}

int setuid(uid_t id)
{
	return (int)SYSCALL1(setuid, id);
}

int seteuid(uid_t id)
{
	return (int)SYSCALL3(setresuid, -1, id, -1);
}

int setreuid(uid_t real, uid_t effective)
{
	return (int)SYSCALL2(setreuid, real, effective);
}

int setgid(gid_t id)
{
	return (int)SYSCALL1(setgid, id);
}

int setegid(gid_t id)
{
	return (int)SYSCALL3(setresgid, -1, id, -1);
}

int setregid(gid_t real, gid_t effective)
{
	return (int)SYSCALL2(setregid, real, effective);
}

int getresuid(uid_t *real, uid_t *effective, uid_t *saved)
{
	return (int)SYSCALL3(getresuid, real, effective, saved);
}

int getresgid(gid_t *real, gid_t *effective, gid_t *saved)
{
	return (int)SYSCALL3(getresgid, real, effective, saved);
}

int getgroups(int size, gid_t list[])
{
	return (int)SYSCALL2(getgroups, size, list);
}

int setgroups(int size, const gid_t *list)
{
	return (int)SYSCALL2(setgroups, size, list);
}

/* ---- what it may use, and has used ---- */

int getrlimit(int resource, struct rlimit *limit)
{
	return (int)SYSCALL2(getrlimit, resource, limit);
}

int setrlimit(int resource, const struct rlimit *limit)
{
	return (int)SYSCALL2(setrlimit, resource, limit);
}

int prlimit(pid_t pid, int resource, const struct rlimit *set, struct rlimit *old)
{
	return (int)SYSCALL4(prlimit64, pid, resource, set, old);
}

int getrusage(int who, struct rusage *usage)
{
	return (int)SYSCALL2(getrusage, who, usage);
}

clock_t times(struct tms *buf)
{
	return (clock_t)SYSCALL1(times, buf);
}

/* The kernel says 20 less the value, so that no result looks like an error. */
int getpriority(int which, id_t who)
{
	long ret = SYSCALL2(getpriority, which, who);

	return ret < 0 ? -1 : 20 - (int)ret;
}

int setpriority(int which, id_t who, int value)
{
	return (int)SYSCALL3(setpriority, which, who, value);
}

int nice(int by)
{
	int now = getpriority(PRIO_PROCESS, 0) + by;

	return setpriority(PRIO_PROCESS, 0, now) < 0 ? -1 : now;
}

int prctl(int option, ...)
{
	unsigned long a[4];
	va_list ap;

	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	return (int)SYSCALL5(prctl, option, a[0], a[1], a[2], a[3]);
}

int personality(unsigned long persona)
{
	return (int)SYSCALL1(personality, persona);
}

/* ---- scheduling ---- */

/* The kernel has no classes of threads: ENOSYS. posix_spawn() asks for them if its caller does. */
enum { NR_SCHED_SETPARAM = 142, NR_SCHED_SETSCHEDULER = 144 };

int sched_setparam(pid_t pid, const struct sched_param *param)
{
	return (int)syscall(NR_SCHED_SETPARAM, pid, param);
}

int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param)
{
	return (int)syscall(NR_SCHED_SETSCHEDULER, pid, policy, param);
}

int sched_yield(void)
{
	return (int)SYSCALL0(sched_yield);
}

int sched_getcpu(void)
{
	unsigned int cpu;

	return SYSCALL3(getcpu, &cpu, 0, 0) < 0 ? -1 : (int)cpu;
}

/* The kernel fills as many bytes as it has CPUs for, and says how many. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	long n = SYSCALL3(sched_getaffinity, pid, size, set);

	if (n < 0)
		return -1;
	memset((char *)set + n, 0, size - (size_t)n);
	return 0;
}

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
	return (int)SYSCALL3(sched_setaffinity, pid, size, set);
}

int __cpu_count(const cpu_set_t *set)
{
	int n = 0;

	for (int i = 0; i < CPU_SETSIZE / 64; i++)
		n += __builtin_popcountl(set->__bits[i]);
	return n;
}
