/* SPDX-License-Identifier: MIT */
/*
 * Cancellation and clean-up handlers.
 *
 * A cancellation point must not act when its system call has had an effect: a descriptor that read() has
 * emptied, or that open() has made, would be lost. So such calls are made by __cancel_point (clone.asm), which looks at the
 * thread's flag and makes the call. pthread_cancel() sets the flag and sends SIGCANCEL. The handler looks where it has
 * interrupted its thread: between the look and the end of the system call instruction nothing has happened
 * yet (a call that the kernel means to restart counts as not begun), and the thread is sent to leave. After it
 * the call's result stands, and the next point sees the flag.
 *
 * A thread may also be inside another signal's handler that has itself interrupted such a call. Then SIGCANCEL is sent
 * again and left pending, blocked in what was interrupted: it arrives when that handler returns.
 */
#include "thread.h"

#include <errno.h>
#include <ucontext.h>
#include <unistd.h>

extern const char __cancel_point_begin[], __cancel_point_end[], __cancel_point_leave[];

long __cancel_point(_Atomic int *cancelled, long nr, long a, long b, long c, long d, long e, long f);
_Noreturn void __cancel_now(void);

int __threaded;

_Noreturn void __cancel_now(void)
{
	thread_self()->cancel_state = PTHREAD_CANCEL_DISABLE;
	pthread_exit(PTHREAD_CANCELED);
}

long __syscall_cancel(long nr, long a, long b, long c, long d, long e, long f)
{
	struct thread *self = thread_self();
	long ret;

	if (self->cancel_state != PTHREAD_CANCEL_ENABLE)
		return raw_syscall(nr, a, b, c, d, e, f);
	ret = __cancel_point(&self->cancelled, nr, a, b, c, d, e, f);
	/* A call that is never restarted; but close() has closed all the same. */
	if (ret == -EINTR && self->cancelled && nr != SYS_close)
		__cancel_now();
	return ret;
}

static void send_cancel(struct thread *thread)
{
	int tid = thread->tid;

	if (tid)
		raw_syscall(SYS_tgkill, getpid(), tid, SIGCANCEL, 0, 0, 0);
}

static void on_cancel(int signo, siginfo_t *info, void *context)
{
	struct thread *self = thread_self();
	ucontext_t *uc = context;
	const char *at = (const char *)uc->uc_mcontext.gregs[REG_RIP];

	(void)info;
	if (!self->cancelled || self->cancel_state != PTHREAD_CANCEL_ENABLE)
		return;
	if (at >= __cancel_point_begin && at < __cancel_point_end) {
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)__cancel_point_leave;
		return;
	}
	if (self->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS)
		__cancel_now();
	sigaddset(&uc->uc_sigmask, signo);
	send_cancel(self);
}

static void install_handler(void)
{
	struct sigaction act = {.sa_sigaction = on_cancel, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};

	sigaction(SIGCANCEL, &act, NULL);
}

int pthread_cancel(pthread_t id)
{
	static pthread_once_t installed = PTHREAD_ONCE_INIT;
	struct thread *thread = (struct thread *)id;

	pthread_once(&installed, install_handler);
	thread->cancelled = 1;
	if (thread == thread_self()) {
		if (thread->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS)
			pthread_testcancel();
		return 0;
	}
	send_cancel(thread);
	return 0;
}

void pthread_testcancel(void)
{
	struct thread *self = thread_self();

	if (self->cancelled && self->cancel_state == PTHREAD_CANCEL_ENABLE)
		__cancel_now();
}

int pthread_setcancelstate(int state, int *old)
{
	struct thread *self = thread_self();

	if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
		return EINVAL;
	if (old)
		*old = self->cancel_state;
	self->cancel_state = state;
	if (self->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS)
		pthread_testcancel();
	return 0;
}

int pthread_setcanceltype(int type, int *old)
{
	struct thread *self = thread_self();

	if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS)
		return EINVAL;
	if (old)
		*old = self->cancel_type;
	self->cancel_type = type;
	if (type == PTHREAD_CANCEL_ASYNCHRONOUS)
		pthread_testcancel();
	return 0;
}

void _pthread_cleanup_push(struct _pthread_cleanup_context *context, void (*routine)(void *), void *argument)
{
	struct thread *self = thread_self();

	context->_routine = routine;
	context->_arg = argument;
	context->_previous = self->cleanup;
	self->cleanup = context;
}

void _pthread_cleanup_pop(struct _pthread_cleanup_context *context, int execute)
{
	thread_self()->cleanup = context->_previous;
	if (execute)
		context->_routine(context->_arg);
}
