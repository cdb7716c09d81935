/* SPDX-License-Identifier: MIT */
/*
 * Signals. The kernel's struct sigaction has another order than the program's, and a handler returns through code that the
 * program brings, restore_rt in crt0.asm. SIGCANCEL belongs to thread/cancel.c: programs can neither handle nor block it.
 */
#include "syscall.h"
#include "thread/thread.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#define SET_SIZE sizeof(sigset_t)

struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	sigset_t mask;
};

void __restore_rt(void);

static int is_signal(int signo)
{
	if (signo > 0 && signo < NSIG)
		return 1;
	errno = EINVAL;
	return 0;
}

static sigset_t bit(int signo)
{
	return 1ul << (signo - 1);
}

int sigaction(int signo, const struct sigaction *act, struct sigaction *old)
{
	struct kernel_sigaction want, was;

	if (act)
		want = (struct kernel_sigaction){
			.handler = act->sa_handler,
			.flags = (unsigned int)act->sa_flags | SA_RESTORER,
			.restorer = __restore_rt,
			.mask = act->sa_mask & ~bit(SIGCANCEL),
		};
	if (SYSCALL4(rt_sigaction, signo, act ? &want : NULL, old ? &was : NULL, SET_SIZE) < 0)
		return -1;
	if (old)
		*old = (struct sigaction){
			.sa_handler = was.handler,
			.sa_flags = (int)(was.flags & ~(unsigned long)SA_RESTORER),
			.sa_mask = was.mask,
			.sa_restorer = was.restorer,
		};
	return 0;
}

/* As Linux's libraries have it: handlers stay, and calls are restarted. */
_sig_func_ptr signal(int signo, _sig_func_ptr handler)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;

	return sigaction(signo, &act, &old) < 0 ? SIG_ERR : old.sa_handler;
}

int siginterrupt(int signo, int interrupt)
{
	struct sigaction act;

	if (sigaction(signo, NULL, &act) < 0)
		return -1;
	if (interrupt)
		act.sa_flags &= ~SA_RESTART;
	else
		act.sa_flags |= SA_RESTART;
	return sigaction(signo, &act, NULL);
}

/* ---- sets ---- */

int sigemptyset(sigset_t *set)
{
	*set = 0;
	return 0;
}

int sigfillset(sigset_t *set)
{
	*set = ~bit(SIGCANCEL);
	return 0;
}

int sigaddset(sigset_t *set, int signo)
{
	if (!is_signal(signo))
		return -1;
	*set |= bit(signo);
	return 0;
}

int sigdelset(sigset_t *set, int signo)
{
	if (!is_signal(signo))
		return -1;
	*set &= ~bit(signo);
	return 0;
}

int sigismember(const sigset_t *set, int signo)
{
	if (!is_signal(signo))
		return -1;
	return (*set & bit(signo)) != 0;
}

/* ---- masks ---- */

/* Returns the error. */
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t want = set ? *set & ~bit(SIGCANCEL) : 0;

	return (int)-raw_syscall(SYS_rt_sigprocmask, how, set ? (long)&want : 0, (long)old, SET_SIZE, 0, 0);
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int err = pthread_sigmask(how, set, old);

	if (!err)
		return 0;
	errno = err;
	return -1;
}

int sigpending(sigset_t *set)
{
	return (int)SYSCALL2(rt_sigpending, set, SET_SIZE);
}

int sigsuspend(const sigset_t *mask)
{
	sigset_t want = *mask & ~bit(SIGCANCEL);

	return (int)CANCEL2(rt_sigsuspend, &want, SET_SIZE);
}

int pause(void)
{
	return (int)CANCEL0(pause);
}

/* ---- waiting ---- */

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	sigset_t want = *set & ~bit(SIGCANCEL);

	return (int)CANCEL4(rt_sigtimedwait, &want, info, timeout, SET_SIZE);
}

int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	return sigtimedwait(set, info, NULL);
}

/* Returns the error; a handler of another signal does not end it. */
int sigwait(const sigset_t *set, int *signo)
{
	int got;

	do {
		got = sigtimedwait(set, NULL, NULL);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno;
	*signo = got;
	return 0;
}

/* ---- sending ---- */

int kill(pid_t pid, int signo)
{
	return (int)SYSCALL2(kill, pid, signo);
}

int killpg(pid_t group, int signo)
{
	if (group < 0) {
		errno = EINVAL;
		return -1;
	}
	return kill(-group, signo);
}

/* To the thread itself: handled before it returns, if it is not blocked. The id is asked for, since vfork()'s child has its
 * parent's control block. */
int raise(int signo)
{
	return (int)SYSCALL3(tgkill, getpid(), gettid(), signo);
}

int sigqueue(pid_t pid, int signo, const union sigval value)
{
	siginfo_t info = {.si_signo = signo, .si_code = SI_QUEUE};

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value = value;
	return (int)SYSCALL3(rt_sigqueueinfo, pid, signo, &info);
}

/* newlib's would exit with a status if SIGABRT is blocked or its handler returns. */
void abort(void)
{
	sigset_t set = bit(SIGABRT);

	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGABRT);
	signal(SIGABRT, SIG_DFL);
	raise(SIGABRT);
	_exit(127);
}

/* ---- stacks and jumps ---- */

int sigaltstack(const stack_t *stack, stack_t *old)
{
	return (int)SYSCALL2(sigaltstack, stack, old);
}

int __sigjmp_save(sigjmp_buf env, int save)
{
	env[0].__saved = save;
	if (save)
		sigprocmask(SIG_BLOCK, NULL, &env[0].__mask);
	return 0;
}

void siglongjmp(sigjmp_buf env, int value)
{
	if (env[0].__saved)
		sigprocmask(SIG_SETMASK, &env[0].__mask, NULL);
	longjmp(env[0].__registers, value);
}
