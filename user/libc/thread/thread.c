/* SPDX-License-Identifier: MIT */
/*
 * Threads: creation, end, join, detach.
 *
 * A thread's memory is one mapping (thread.h). Who frees it is decided by one atomic word, `life`: of a joinable
 * thread it is whoever joins it, after the kernel has cleared its id (CLONE_CHILD_CLEARTID), since until then the
 * thread may still run on that stack; a detached one frees itself with its last two system calls, which need no stack.
 */
#include "futex.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ul

#define THREAD_FLAGS                                                                                       \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | \
		CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

long __clone_raw(
	unsigned long flags, void *stack, _Atomic int *parent_tid, _Atomic int *child_tid, void *tls);

/* newlib's: makes the standard streams, and sees to it that exit() flushes what is open. */
void __sinit(struct _reent *reent);

static _Atomic unsigned int thread_count = 1;

long __clone(int (*function)(void *), char *stack, unsigned long flags, void *argument,
	_Atomic int *parent_tid, _Atomic int *child_tid, void *tls)
{
	uintptr_t *top = (uintptr_t *)stack;

	*--top = (uintptr_t)argument;
	*--top = (uintptr_t)function;
	return __clone_raw(flags, top, parent_tid, child_tid, tls);
}

void __thread_forked(void)
{
	struct thread *self = thread_self();

	thread_count = 1;
	self->tid = (int)raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
	self->robust_known = 0;
}

static int run_thread(void *argument)
{
	struct thread *self = argument;

	pthread_exit(self->start(self->argument));
}

/* Maps what the attributes ask for; NULL if there is no memory. */
static struct thread *allocate(const pthread_attr_t *attr, char **stack_top)
{
	size_t guard = (attr->__guard_size + PAGE - 1) & -PAGE;
	size_t stack = ((attr->__stack_size ? attr->__stack_size : DEFAULT_STACK) + PAGE - 1) & -PAGE;
	size_t above = (__tls_size() + PAGE - 1) & -PAGE;
	struct thread *thread;
	size_t size;
	char *map;

	if (attr->__stack)
		guard = stack = 0;
	size = guard + stack + above;
	if (size < stack)
		return NULL;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	if (guard && mprotect(map, guard, PROT_NONE) < 0) {
		munmap(map, size);
		return NULL;
	}
	thread = __tls_build(map + size, stack_top);
	thread->map = map;
	thread->map_size = size;
	thread->guard_size = guard;
	thread->stack = map + guard;
	thread->stack_size = (size_t)(*stack_top - thread->stack);
	if (attr->__stack) {
		thread->stack = attr->__stack;
		thread->stack_size = attr->__stack_size;
		*stack_top = (char *)((uintptr_t)(thread->stack + thread->stack_size) & -16ul);
	}
	return thread;
}

int pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*start)(void *), void *argument)
{
	pthread_attr_t defaults;
	struct thread *self = thread_self(), *thread;
	char *stack_top;
	long tid;

	if (!attr) {
		pthread_attr_init(&defaults);
		attr = &defaults;
	}
	thread = allocate(attr, &stack_top);
	if (!thread)
		return EAGAIN;
	thread->canary = self->canary;
	thread->reent = &thread->own_reent;
	_REENT_INIT_PTR(thread->reent);
	thread->life = attr->__detached ? THREAD_DETACHED : THREAD_JOINABLE;
	thread->start = start;
	thread->argument = argument;
	if (!__threaded) {
		__sinit(_GLOBAL_REENT); /* or streams that threads open would be lost to exit() */
		__threaded = 1;
	}
	thread_count++;
	*id = (pthread_t)thread; /* before it runs; a detached one may be gone when clone returns */
	tid = __clone(run_thread, stack_top, THREAD_FLAGS, thread, &thread->tid, &thread->tid, thread);
	if (tid < 0) {
		thread_count--;
		munmap(thread->map, thread->map_size);
		return (int)-tid;
	}
	return 0;
}

/* Frees the memory that the caller runs on, and ends it. */
static _Noreturn void unmap_and_exit(void *map, size_t size)
{
	__asm__ volatile("syscall\n\t"
			 "xorl %%edi, %%edi\n\t"
			 "movl %3, %%eax\n\t"
			 "syscall"
			 :
			 : "a"((long)SYS_munmap), "D"(map), "S"(size), "i"(SYS_exit)
			 : "rcx", "r11", "memory");
	__builtin_unreachable();
}

static _Noreturn void end_thread(struct thread *self)
{
	sigset_t all = ~0ul;

	/* Handlers would run on a stack that may go away. */
	raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, 0, sizeof(all), 0, 0);
	if (atomic_exchange(&self->life, THREAD_EXITED) == THREAD_DETACHED && self->map) {
		/* What the kernel would write into or read of this memory afterwards. */
		raw_syscall(SYS_set_tid_address, 0, 0, 0, 0, 0, 0);
		if (self->robust_known)
			raw_syscall(SYS_set_robust_list, 0, sizeof(self->robust), 0, 0, 0, 0);
		unmap_and_exit(self->map, self->map_size);
	}
	for (;;)
		raw_syscall(SYS_exit, 0, 0, 0, 0, 0, 0);
}

void pthread_exit(void *result)
{
	struct thread *self = thread_self();
	struct _pthread_cleanup_context *context;

	self->cancel_state = PTHREAD_CANCEL_DISABLE;
	self->result = result;
	while ((context = self->cleanup)) {
		self->cleanup = context->_previous;
		context->_routine(context->_arg);
	}
	__keys_end(self);
	if (atomic_fetch_sub(&thread_count, 1) == 1)
		exit(0);
	if (self->reent == &self->own_reent)
		_reclaim_reent(self->reent);
	end_thread(self);
}

/* Its stack is not in use any more: frees it. */
static void bury(struct thread *thread, void **result)
{
	if (result)
		*result = thread->result;
	if (thread->map)
		munmap(thread->map, thread->map_size);
}

int pthread_join(pthread_t id, void **result)
{
	struct thread *thread = (struct thread *)id;
	int tid;

	if (thread == thread_self())
		return EDEADLK;
	if (thread->life == THREAD_DETACHED)
		return EINVAL;
	pthread_testcancel();
	while ((tid = thread->tid))
		__futex_wait_until(&thread->tid, tid, 1, CLOCK_MONOTONIC, NULL, 1);
	bury(thread, result);
	return 0;
}

int pthread_tryjoin_np(pthread_t id, void **result)
{
	struct thread *thread = (struct thread *)id;

	if (thread->tid)
		return EBUSY;
	return pthread_join(id, result);
}

int pthread_detach(pthread_t id)
{
	struct thread *thread = (struct thread *)id;
	int life = THREAD_JOINABLE;

	if (atomic_compare_exchange_strong(&thread->life, &life, THREAD_DETACHED))
		return 0;
	return life == THREAD_EXITED ? pthread_join(id, NULL) : EINVAL;
}

pthread_t pthread_self(void)
{
	return (pthread_t)thread_self();
}

int pthread_equal(pthread_t a, pthread_t b)
{
	return a == b;
}

int pthread_kill(pthread_t id, int signo)
{
	int tid = ((struct thread *)id)->tid;

	if (!tid)
		return 0; /* ended, and not joined yet */
	return (int)-raw_syscall(SYS_tgkill, getpid(), tid, signo, 0, 0, 0);
}

void pthread_yield(void)
{
	sched_yield();
}
