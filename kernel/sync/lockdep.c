/* SPDX-License-Identifier: MIT */
/*
 * Lock-order checker of debug builds. Clients: every lock of kernel/sync and mm, the DAX schemes, the scheduler.
 *
 * Rule: see lockdep.h. The check is made before the lock is waited for, so a wrong order is reported at its first
 * occurrence, whether or not it deadlocks that time. A trylock cannot wait and is only recorded.
 *
 * Locks: none. What a thread holds is written by that thread only, with interrupts off: an interrupt handler has a record of
 * its own, but the preemption on its way out takes and drops a run-queue lock in the thread's
 * name. The first report switches the checker off, since the report takes locks itself.
 *
 * Hosted, the simulated machine brings its own implementation of lockdep.h.
 */
#include "kernel/sync/lockdep.h"

#ifdef FAULTLINE_DEBUG

#include "kernel/cpu/backtrace.h"
#include "kernel/cpu/percpu.h"
#include "kernel/log.h"
#include "kernel/sched.h"

static _Atomic(bool) reported;
static struct lockdep_held irq_held[MAX_CPUS];

/* The record of the running context; NULL before there are threads, and after a report. */
static struct lockdep_held *current_held(void)
{
	struct thread *t = thread_current();

	if (!t || atomic_load_explicit(&reported, memory_order_relaxed))
		return NULL;
	return percpu_in_irq() ? &irq_held[cpu_id()] : t->held;
}

static void print_entry(const char *what, const struct lockdep_entry *e)
{
	pr_err("lockdep", "%s %s (rank %u) at %p, taken at:", what, e->class->name, e->class->rank, e->lock);
	for (unsigned i = 0; i < LOCKDEP_TRACE && e->trace[i]; i++)
		backtrace_print_address(e->trace[i]);
}

/* Prints what is wrong and everything that is held, and panics. The first caller only: locks taken for the report are not checked. */
static void report(struct lockdep_held *h, const char *problem, const void *lock, const struct lock_class *c)
{
	if (atomic_exchange(&reported, true))
		return;
	pr_err("lockdep", "%s", problem);
	if (c)
		pr_err("lockdep", "now: %s (rank %u) at %p, here:", c->name, c->rank, lock);
	backtrace_print((u64)__builtin_frame_address(0));
	for (unsigned i = h->nr; i-- > 0;)
		print_entry("held:", &h->locks[i]);
	panic("lockdep: %s: %s", problem, c ? c->name : "-");
}

/* Return addresses above the caller's caller, found along the frame pointers within one stack. */
static void capture(u64 trace[LOCKDEP_TRACE], const u64 *frame)
{
	const u64 *limit = frame + KERNEL_STACK_PAGES * PAGE_SIZE / sizeof(u64);
	unsigned n = 0;

	while (n < LOCKDEP_TRACE) {
		const u64 *up = (const u64 *)frame[0];

		trace[n++] = frame[1];
		if (up <= frame || up >= limit || !IS_ALIGNED((u64)up, 8))
			break;
		frame = up;
	}
	while (n < LOCKDEP_TRACE)
		trace[n++] = 0;
}

static void check_order(struct lockdep_held *h, const void *lock, const struct lock_class *c)
{
	for (unsigned i = 0; i < h->nr; i++) {
		const struct lockdep_entry *e = &h->locks[i];

		if (e->lock == lock)
			report(h, "lock is already held by this thread", lock, c);
		else if (e->class->rank > c->rank)
			report(h, "lock order violated", lock, c);
		else if (e->class->rank == c->rank && !(e->class == c && c->nestable))
			report(h, "two locks of one rank that does not nest", lock, c);
	}
}

/* In line, so that the trace begins at the caller of lockdep_acquire(). */
static inline __attribute__((always_inline)) void record_acquire(
	const void *lock, const struct lock_class *c, bool try_only)
{
	struct lockdep_held *h = current_held();
	struct lockdep_entry *e;

	if (!h)
		return;
	if (!try_only)
		check_order(h, lock, c);
	if (h->nr == LOCKDEP_DEPTH) {
		report(h, "too many locks held", lock, c);
		return;
	}
	e = &h->locks[h->nr];
	e->lock = lock;
	e->class = c;
	capture(e->trace, __builtin_frame_address(0));
	h->nr++;
}

static void record_release(const void *lock, const struct lock_class *c)
{
	struct lockdep_held *h = current_held();

	if (!h)
		return;
	for (unsigned i = h->nr; i-- > 0;) {
		if (h->locks[i].lock != lock)
			continue;
		for (; i + 1 < h->nr; i++)
			h->locks[i] = h->locks[i + 1];
		h->nr--;
		return;
	}
	report(h, "unlock of a lock that this thread does not hold", lock, c);
}

void lockdep_acquire(const void *lock, const struct lock_class *c, bool try_only)
{
	irq_state_t s;

	if (c->rank == RANK_UNCHECKED)
		return;
	s = irq_save();
	record_acquire(lock, c, try_only);
	irq_restore(s);
}

void lockdep_release(const void *lock, const struct lock_class *c)
{
	irq_state_t s;

	if (c->rank == RANK_UNCHECKED)
		return;
	s = irq_save();
	record_release(lock, c);
	irq_restore(s);
}

bool lockdep_is_held(const void *lock)
{
	struct lockdep_held *h = current_held();

	if (!h)
		return true;
	for (unsigned i = 0; i < h->nr; i++) {
		if (h->locks[i].lock == lock)
			return true;
	}
	return false;
}

static void check_no_spinlock(struct lockdep_held *h, const char *problem)
{
	for (unsigned i = 0; i < h->nr; i++) {
		if (h->locks[i].class->rank >= RANK_SPIN_FIRST)
			report(h, problem, h->locks[i].lock, h->locks[i].class);
	}
}

void lockdep_might_wait_for_cpus(void)
{
	struct lockdep_held *h = current_held();

	if (!h)
		return;
	check_no_spinlock(h, "waiting for other CPUs with a spinlock held");
	if (percpu_in_irq() || !irq_enabled())
		report(h, "waiting for other CPUs with interrupts off", NULL, NULL);
}

void lockdep_might_sleep(void)
{
	struct lockdep_held *h = current_held();

	if (!h)
		return;
	check_no_spinlock(h, "sleeping with a spinlock held");
	if (percpu_in_irq())
		report(h, "sleeping in an interrupt handler", NULL, NULL);
	else if (percpu_preempt_count() || !irq_enabled())
		report(h, "sleeping with preemption or interrupts off", NULL, NULL);
}

void lockdep_thread_exit(void)
{
	struct lockdep_held *h = current_held();

	if (h && h->nr)
		report(h, "thread ends with locks held", h->locks[0].lock, h->locks[0].class);
}

#endif
