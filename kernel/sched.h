/* SPDX-License-Identifier: MIT */
/*
 * Threads on hardware: stacks, run queues, preemption, timers. The portable half is kernel/thread.h.
 *
 * Rule: a thread's registers are valid exactly while it is not `on_cpu`; a CPU picks up a thread from another only
 * after on_cpu went false with release order.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include "kernel/cpu/percpu.h"
#include "kernel/sync/spinlock.h"
#include "kernel/thread.h"

#define KERNEL_STACK_PAGES 4

enum thread_state { THREAD_RUNNABLE, THREAD_BLOCKED, THREAD_DEAD };

struct sched_thread {
	struct thread t; /* first */
	_Atomic(u32) state;
	_Atomic(bool) on_cpu;
	_Atomic(bool) wake_pending;
	unsigned cpu;           /* run queue it belongs to */
	struct list_node rq_node;
	u64 saved_rsp;
	void *stack;            /* lowest usable byte; a guard page lies below */
	void (*fn)(void *);
	void *arg;
	u64 slice_end;          /* ns */
	u64 wake_time;          /* sleeping: ns */
	u64 fs_base, gs_base;   /* user; saved at switches */
	void *fpu;              /* XSAVE area, 64-byte aligned; NULL: no user half */
	u32 tid;
	u64 run_ns;
};

/* Boot: makes the caller the idle/boot thread of this CPU; then starts scheduling. */
void sched_init_cpu(struct percpu *p);
/* As thread_create but not yet runnable (thread_wake starts it); user threads get an FPU area. */
struct thread *thread_create_stopped(const char *name, void (*fn)(void *), void *arg, struct mm *mm, bool user);
void thread_exit(void) NORETURN;
/* Switches the current thread to another address space (exec), dropping nothing. */
void thread_set_mm(struct mm *mm);
void thread_set_fs_base(u64 base);
u64 thread_fs_base(void);
/* fork: copies user FPU state and FS/GS base of the current thread into a stopped one. */
void thread_copy_user_state(struct thread *to);
/* exec: initial FPU state, FS base 0. */
void thread_reset_user_state(void);
/* From the timer interrupt and the reschedule IPI. */
void sched_tick(void);
/* Called on the way out of interrupts and traps: switches if asked for and allowed. */
void sched_preempt(void);
/* For panic and debug: prints every thread with its stack. */
void sched_dump(void);
unsigned thread_id(const struct thread *t);

#endif
