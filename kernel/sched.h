/* SPDX-License-Identifier: MIT */
/*
 * Threads on hardware: stacks, run queues, preemption, timers. The portable half is kernel/thread.h.
 *
 * Rule: a CPU holds its run-queue lock from the decision to switch until it runs on the new thread's stack. So whoever finds a thread under
 * the lock of the run queue that it belongs to, finds its registers saved (or the thread running).
 *
 * Life of a thread: created blocked, off every queue; thread_wake() makes it runnable; it runs, is preempted, blocks and is woken; ends in
 * thread_exit(); the CPU that ran it gives its memory back once it is on another stack.
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
	u32 tid;
	void *stack;    /* lowest usable byte of KERNEL_STACK_PAGES, a guard page lies below */
	bool is_static; /* the boot thread: nothing of it is ever freed */
	void (*fn)(void *);
	void *arg;

	_Atomic(u32)
		state; /* RUNNABLE -> BLOCKED by the thread itself; back by a waker under the run-queue lock, or by itself */
	_Atomic(unsigned) cpu; /* run queue it belongs to; changes under the lock of the old one */
	_Atomic(u64)
		allowed; /* CPUs that it may run on (kernel/run_queue.h); changed by sched_set_allowed() */
	/* q: guarded by the lock of that run queue */
	bool on_rq;               /* q: running, queued, or on its way between two queues */
	struct list_node rq_node; /* q: on run_queue.ready */
	struct list_node
		timer_node; /* on run_queue.sleepers of the CPU that it began to sleep on, under that queue's lock */
	u64 wake_time; /* ns */

	/* Only while it runs, by itself, and at switches. */
	u64 saved_rsp;
	u64 slice_end;       /* ns: when it has to share its CPU */
	u64 started, run_ns; /* q, written at switches: when it last got a CPU; ns that it had run before */
	u64 fs_base; /* user; written to the CPU at switches. Changes by system call only: CR4.FSGSBASE is off */
	void *fpu;        /* user registers while it does not run (kernel/cpu/fpu.h); NULL: no user half */
	unsigned fpu_cpu; /* where it last had its user registers loaded; MAX_CPUS: nowhere */
	struct list_node all_node; /* every thread; lock in thread.c */
#ifdef FAULTLINE_DEBUG
	struct lockdep_held held_storage;
#endif
};

/* kernel/thread.c */

/* As thread_create but not yet runnable (thread_wake starts it); user threads get an FPU area. `name` and `mm` are borrowed: they
 * must stay until the thread has ended (mm: or given it up by thread_set_mm). */
struct thread *thread_create_stopped(
	const char *name, void (*fn)(void *), void *arg, struct mm *mm, bool user);
#ifdef FAULTLINE_DEBUG
/* Fills what of the current thread's stack is not in use, so that what is copied from there uninitialised can be told (tests/fuzz). */
void thread_poison_stack(void);
#endif
void thread_exit(void) NORETURN;
/* Switches the current thread to another address space (exec), dropping nothing. */
void thread_set_mm(struct mm *mm);
void thread_set_fs_base(u64 base);
u64 thread_fs_base(void);
/* The same for a stopped thread. */
void thread_init_fs_base(struct thread *t, u64 base);
/* Extended user registers of the current thread to user memory, in Linux's signal-frame form (fpu_user_size() bytes, aligned to 64),
 * and back: nothing there is believed; 0: initial state. -EFAULT, -ENOMEM. */
int thread_push_fpu(uaddr_t to);
int thread_pop_fpu(uaddr_t from);
/* Initial extended registers for the current thread. */
void thread_reset_fpu(void);
/* Which floating-point exception of the current thread is not masked, as siginfo's FPE_* says it; simd: SSE, else x87. */
int thread_fpu_exception(bool simd);
/* fork: copies user FPU state and FS base of the current thread into a stopped one. */
void thread_copy_user_state(struct thread *to);
/* exec: initial FPU state, FS base 0. */
void thread_reset_user_state(void);
/* For panic and debug: prints every thread with its stack. */
void sched_dump(void);
unsigned thread_id(const struct thread *t);

/* kernel/sched.c */

/* Makes the run queue and the idle thread of a CPU. The other CPUs start on the idle thread's stack, whose end is returned. NULL: no memory. */
void *sched_prepare_cpu(unsigned cpu);
/* Boot CPU: makes the caller the boot thread and prepares the CPU. Other CPUs: makes the caller the idle thread. Then scheduling may start. */
void sched_init_cpu(struct percpu *p);
/* The CPUs that a thread may run on from now on, one at least that is online. It moves soon; the running thread at its next way through the
 * scheduler, at the latest before it is in user mode again. It must not end meanwhile. Any context. */
void sched_set_allowed(struct thread *t, u64 cpus);
/* Nanoseconds that t has run, those since it was last switched to included. It must not end meanwhile. Any context. */
u64 thread_run_ns(const struct thread *t);
/* Does t run, or wait for nothing but a CPU? */
bool thread_is_runnable(const struct thread *t);
/* Nanoseconds that a CPU has been idle. Any context. */
u64 sched_idle_ns(unsigned cpu);
/* How many threads run or wait for a CPU, the idle ones left out; by the time it returns it may be another. */
unsigned sched_nr_running(void);
/* What the idle threads do; started CPUs end here. Interrupts off on entry. */
void sched_idle(void) NORETURN;
/* Makes t pass the kernel soon if it runs in user mode on another CPU, so that it sees what its caller stored
 * before (killed): a CPU with one thread gets no timer interrupts. Any context. */
void thread_kick(struct thread *t);
/* From the timer interrupt and the reschedule IPI: wakes sleepers, ends time slices, arms the timer. */
void sched_tick(void);
/* Called on the way out of interrupts and traps, interrupts off: switches. The caller has checked need_resched and that nothing forbids it. */
void sched_preempt(void);
/* Who is told when a thread with thread.explore set is about to block, has been woken inside thread_block(), and is being woken (any
 * context): the race explorer. NULL: nobody. Changes only while there is no such thread. */
struct thread_watcher {
	void (*block)(struct explore_thread *t);
	void (*unblock)(struct explore_thread *t);
	void (*wake)(struct explore_thread *t);
};
void thread_set_watcher(const struct thread_watcher *w);
/* A switch was asked for while preemption was off: now, if interrupts are on. */
void preempt_resched(void);
/* A dead thread's switch to whatever is next. */
void sched_exit_switch(void) NORETURN;

#endif
