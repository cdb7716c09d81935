/* SPDX-License-Identifier: MIT */
/*
 * Run queues: what kernel/sched.c and kernel/run_queue.c share. Rules: sched.c.
 *
 * Affinity: whoever is on a queue may run on its CPU, but for sleepers whose time has come: they wake where they slept, and leave before they are in user
 * mode again. `allowed` changes at any time; who queues a thread looks at it under the lock of the queue that it
 * comes to, and who changes it takes the lock of the queue that the thread belongs to afterwards, and moves it if it is there. So one of the two sees the
 * other. A thread that runs where it may no more is sent away at its CPU's next look at its queue, which is asked for.
 */
#ifndef KERNEL_RUN_QUEUE_H
#define KERNEL_RUN_QUEUE_H

#include "kernel/sched.h"

struct run_queue {
	struct spinlock lock;
	struct list ready;          /* sched_thread.rq_node; not the running one, never the idle thread */
	_Atomic(unsigned) nr_ready; /* written under the lock */
	struct list sleepers;       /* sched_thread.timer_node, by wake_time */
	u64 timer_at; /* ns: when the timer is armed to fire; NEVER: not armed. Own CPU only, interrupts off */
	struct sched_thread *idle;
	struct sched_thread
		*dead; /* switched away from for the last time; its memory is freed by who comes in */
	struct sched_thread
		*away; /* switched away from because it may not run here; who comes in queues it elsewhere */
	struct sched_thread *fpu_owner; /* whose user registers the CPU holds; never dereferenced */
} ALIGNED(CACHE_LINE);

extern struct run_queue queues[MAX_CPUS];
extern _Atomic(u64) idle_cpus;

static inline void push_locked(struct run_queue *rq, struct sched_thread *t)
{
	list_push_back(&rq->ready, &t->rq_node);
	atomic_store_explicit(&rq->nr_ready, rq->nr_ready + 1, memory_order_relaxed);
}

static inline struct sched_thread *pop_locked(struct run_queue *rq)
{
	struct list_node *n = list_pop_front(&rq->ready);

	if (!n)
		return NULL;
	atomic_store_explicit(&rq->nr_ready, rq->nr_ready - 1, memory_order_relaxed);
	return LIST_ENTRY(n, struct sched_thread, rq_node);
}

static inline u64 sched_allowed(const struct sched_thread *t)
{
	return atomic_load_explicit(&t->allowed, memory_order_relaxed);
}

static inline bool may_run_on(const struct sched_thread *t, unsigned cpu)
{
	return sched_allowed(t) >> cpu & 1;
}

/* Arms this CPU's timer for what is due first on its queue; lock held, interrupts off. */
void sched_arm_timer_locked(struct run_queue *rq, u64 now);

/* All of these with interrupts off. */

/* Takes one of `allowed` out of the set of idle CPUs, `preferred` if that is in it; MAX_CPUS: none of them is idle. Who claims a CPU kicks it. */
unsigned claim_idle_cpu(unsigned preferred, u64 allowed);
/* Makes `cpu` look at its queue. */
void kick_cpu(unsigned cpu);
/* A CPU that t may run on. */
unsigned sched_place(const struct sched_thread *t);
/* Queues a thread that is on its way to `cpu`, or where it may run if not there, and sees to it that somebody looks. No lock held. */
void enqueue(struct sched_thread *t, unsigned cpu, bool was_idle);
/* Takes the first thread off a locked queue that may run on `cpu`. NULL: none. */
struct sched_thread *take_for_locked(struct run_queue *rq, unsigned cpu);
/* The CPU whose queue is shorter than ours by enough; MAX_CPUS: none. */
unsigned find_shorter_queue(unsigned ours);
/* Moves a thread that waits for another CPU here. No lock held. */
bool steal_work(void);

#endif
