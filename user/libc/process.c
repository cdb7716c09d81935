/* SPDX-License-Identifier: MIT */
/* System calls on processes, signals and the system as a whole. */
#include "syscall.h"

#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define REBOOT_MAGIC1 0xfee1deadUL
#define REBOOT_MAGIC2 0x28121969UL

void _exit(int status)
{
	for (;;)
		raw_syscall(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

pid_t fork(void)
{
	return (pid_t)SYSCALL0(fork);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)SYSCALL3(execve, path, argv, envp);
}

int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	return (pid_t)SYSCALL4(wait4, pid, status, options, 0);
}

pid_t wait(int *status)
{
	return waitpid(-1, status, 0);
}

pid_t getpid(void)
{
	return (pid_t)SYSCALL0(getpid);
}

pid_t getppid(void)
{
	return (pid_t)SYSCALL0(getppid);
}

int kill(pid_t pid, int sig)
{
	return (int)SYSCALL2(kill, pid, sig);
}

/* SIG_DFL and SIG_IGN: the kernel does not run handlers yet. */
_sig_func_ptr signal(int sig, _sig_func_ptr disposition)
{
	struct {
		_sig_func_ptr handler;
		unsigned long flags;
		void (*restorer)(void);
		sigset_t mask;
	} act = {.handler = disposition}, old;

	if (SYSCALL4(rt_sigaction, sig, &act, &old, sizeof(act.mask)) < 0)
		return SIG_ERR;
	return old.handler;
}

int sched_yield(void)
{
	return (int)SYSCALL0(sched_yield);
}

int uname(struct utsname *name)
{
	return (int)SYSCALL1(uname, name);
}

ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	return SYSCALL3(getrandom, buf, len, flags);
}

int reboot(int cmd)
{
	return (int)SYSCALL4(reboot, REBOOT_MAGIC1, REBOOT_MAGIC2, (unsigned int)cmd, 0);
}
