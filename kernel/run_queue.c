/* SPDX-License-Identifier: MIT */
/* Threads on their way between run queues: idle CPUs, balance, affinity. Rules: sched.c and run_queue.h. */
#include "kernel/run_queue.h"

#include "kernel/cpu/ipi.h"

#define BALANCE_DIFFERENCE 2

_Atomic(u64) idle_cpus;

unsigned claim_idle_cpu(unsigned preferred, u64 allowed)
{
	u64 idle;

	/* What the caller has queued is visible before we look. Unlocking the queue is a store, which x86 lets this load overtake. */
	atomic_thread_fence(memory_order_seq_cst);
	idle = atomic_load(&idle_cpus);
	while (idle & allowed) {
		u64 bit = idle & allowed & (1ull << preferred);

		if (!bit)
			bit = (idle & allowed) & -(idle & allowed);
		if (atomic_compare_exchange_weak(&idle_cpus, &idle, idle & ~bit))
			return (unsigned)__builtin_ctzll(bit);
	}
	return MAX_CPUS;
}

void kick_cpu(unsigned cpu)
{
	atomic_store(&percpu_of(cpu)->need_resched, 1);
	if (cpu != cpu_id())
		ipi_reschedule(cpu);
}

/* Who sets `allowed` has seen to it that it names a CPU that runs. */
unsigned sched_place(const struct sched_thread *t)
{
	unsigned cpu = (unsigned)__builtin_ctzll(sched_allowed(t));

	return cpu < cpu_count() ? cpu : 0;
}

/* Locks the queue that t goes to; not always *cpu. */
static struct run_queue *lock_target(struct sched_thread *t, unsigned *cpu)
{
	for (;;) {
		struct run_queue *rq = &queues[*cpu];

		spin_lock(&rq->lock);
		if (likely(may_run_on(t, *cpu)))
			return rq;
		*cpu = sched_place(t);
		atomic_store_explicit(&t->cpu, *cpu, memory_order_release);
		spin_unlock(&rq->lock);
	}
}

void enqueue(struct sched_thread *t, unsigned cpu, bool was_idle)
{
	unsigned claimed = cpu;
	struct run_queue *rq = lock_target(t, &cpu);
	u64 allowed = sched_allowed(t);
	bool first = atomic_load_explicit(&rq->nr_ready, memory_order_relaxed) == 0;

	push_locked(rq, t);
	if (cpu == cpu_id())
		sched_arm_timer_locked(rq, time_ns());
	spin_unlock(&rq->lock);
	if (was_idle) {
		kick_cpu(claimed);
		if (likely(cpu == claimed))
			return;
	}
	/* The first that waits there: its CPU may have no timer armed for the slice. */
	if (first && cpu != cpu_id())
		ipi_reschedule(cpu);
	cpu = claim_idle_cpu(cpu, allowed);
	if (cpu < MAX_CPUS)
		kick_cpu(cpu);
}

struct sched_thread *take_for_locked(struct run_queue *rq, unsigned cpu)
{
	struct sched_thread *t;

	LIST_FOR_EACH (t, &rq->ready, rq_node) {
		if (!may_run_on(t, cpu))
			continue;
		list_remove(&t->rq_node);
		atomic_store_explicit(&rq->nr_ready, rq->nr_ready - 1, memory_order_relaxed);
		return t;
	}
	return NULL;
}

unsigned find_shorter_queue(unsigned ours)
{
	for (unsigned i = 0; i < cpu_count(); i++) {
		unsigned theirs = atomic_load_explicit(&queues[i].nr_ready, memory_order_relaxed);

		if (theirs + BALANCE_DIFFERENCE <= ours)
			return i;
	}
	return MAX_CPUS;
}

bool steal_work(void)
{
	unsigned self = cpu_id(), n = cpu_count();

	for (unsigned i = 1; i < n; i++) {
		unsigned victim = (self + i) % n, target = self;
		struct run_queue *rq = &queues[victim];
		struct sched_thread *t;

		if (!atomic_load(&rq->nr_ready))
			continue;
		spin_lock(&rq->lock);
		t = take_for_locked(rq, self);
		if (t)
			atomic_store_explicit(&t->cpu, self, memory_order_release);
		spin_unlock(&rq->lock);
		if (!t)
			continue;
		rq = lock_target(t, &target);
		push_locked(rq, t);
		spin_unlock(&rq->lock);
		if (likely(target == self))
			return true;
		kick_cpu(target);
	}
	return false;
}

void sched_set_allowed(struct thread *thread, u64 cpus)
{
	struct sched_thread *t = (struct sched_thread *)thread;
	irq_state_t s = irq_save();
	bool moves = false;
	unsigned cpu;

	atomic_store(&t->allowed, cpus);
	for (;;) { /* the queue that it belongs to */
		cpu = atomic_load_explicit(&t->cpu, memory_order_acquire);
		spin_lock(&queues[cpu].lock);
		if (atomic_load_explicit(&t->cpu, memory_order_relaxed) == cpu)
			break;
		spin_unlock(&queues[cpu].lock);
	}
	if (t->on_rq && !may_run_on(t, cpu)) {
		struct run_queue *rq = &queues[cpu];

		moves = list_linked(&t->rq_node);
		if (moves) {
			list_remove(&t->rq_node);
			atomic_store_explicit(&rq->nr_ready, rq->nr_ready - 1, memory_order_relaxed);
			atomic_store_explicit(&t->cpu, sched_place(t), memory_order_release);
		} else {
			kick_cpu(cpu); /* it runs there; or it is on its way there, and who queues it looks */
		}
	}
	spin_unlock(&queues[cpu].lock);
	if (moves)
		enqueue(t, sched_place(t), false);
	irq_restore(s);
}
