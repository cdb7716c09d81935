/* SPDX-License-Identifier: MIT */
/*
 * Threads as the portable layers see them: who runs, blocking, waking.
 *
 * Rule that keeps wake-ups from being lost: a waiter first sets itself
 * THREAD_BLOCKED with thread_prepare_block() while it holds the lock that guards
 * its condition, then drops the lock and calls thread_block(). A thread_wake()
 * in between makes thread_block() return at once.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include "kernel/cpu/cpu.h"
#include "lib/list.h"

struct lockdep_held; /* kernel/sync/lockdep.h */
struct process;
struct task;
struct explore_thread;

/*
 * The part of a thread that portable code may look at. The machine's own part
 * (stack, saved registers, run-queue links) embeds it: kernel/sched.h, host/sim.h.
 */
struct thread {
	const char *name;
	struct mm *mm;               /* user address space, NULL for pure kernel threads */
	struct process *process;     /* NULL for kernel threads */
	struct list_node wait_node;  /* [owner of the queue's lock] on a wait queue */
	unsigned pagefault_disabled; /* nesting; own thread only */
	_Atomic(bool) killed;        /* it has to end: killable waits return -EINTR */
	_Atomic(bool)
		signalled; /* a signal or a stop is due: interruptible waits return too. Cleared by itself only */
	struct explore_thread *explore; /* non-NULL: scheduled by the race explorer */
	struct lockdep_held *held;      /* lock-order checker, debug builds */
	const struct limits *limits;    /* kernel/limits.h; NULL: none */
	struct task *task;  /* kernel/proc: the user thread that it runs; NULL for kernel threads */
	unsigned nr_blocks; /* calls of thread_block(); own thread only */
	struct { /* own thread only: its last protocol step, while somebody watches (kernel/proc/trace.c) */
		u64 file, ns;
		u32 session, step;
	} trace;
};

struct thread *thread_current(void);

/* A kernel thread that runs fn(arg); ended by returning. mm may be NULL. NULL: no memory. */
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, struct mm *mm);

void thread_prepare_block(void);
/* Gives up the CPU until thread_wake(). Context: no spinlock held, interrupts on. May return early only
 * if woken: callers loop on their condition. */
void thread_block(void);
#ifndef FAULTLINE_HOSTED
/* The same, but also returns soon after time_ns() has reached `deadline`. After thread_prepare_block(). */
void thread_block_until(u64 deadline);
#define NO_DEADLINE (~0ull)
#endif
/* Undoes thread_prepare_block() when the condition turned out true. */
void thread_cancel_block(void);
/* Makes t runnable; any context, also interrupts. */
void thread_wake(struct thread *t);
void thread_yield(void);
/* Sleeps at least ns nanoseconds; 0, or -EINTR if killed. */
int thread_sleep_ns(u64 ns);

/* Has an interruptible wait to end? True for a killed thread too. */
static inline bool thread_interrupted(void)
{
	struct thread *t = thread_current();

	return atomic_load(&t->killed) || atomic_load(&t->signalled);
}

static inline void pagefault_disable(void)
{
	thread_current()->pagefault_disabled++;
}
static inline void pagefault_enable(void)
{
	thread_current()->pagefault_disabled--;
}

#endif
