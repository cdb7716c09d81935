/* SPDX-License-Identifier: MIT */
/* The lock-order checker of hosted debug builds: the same rules as kernel/sync/lockdep.c, but a report is a panic at once. */
#include "host/machine.h"
#include "kernel/log.h"

#include <stdio.h>

#ifdef FAULTLINE_DEBUG
struct lockdep_held *sim_held(unsigned thread)
{
	struct lockdep_held *h = &sim_machine->held[thread];

	h->nr = 0;
	return h;
}

void lockdep_report_held(const struct sim_thread *t)
{
	const struct lockdep_held *h = t->t.held;

	for (unsigned i = 0; i < h->nr; i++)
		fprintf(stderr, "#   holds %s (rank %u)\n", h->locks[i].class->name, h->locks[i].class->rank);
}
/* Interrupt handlers borrow the interrupted thread's list; with nobody there they have the boot thread's. */
static struct lockdep_held *held(void)
{
	return thread_current()->held;
}

void lockdep_acquire(const void *lock, const struct lock_class *c, bool try_only)
{
	struct lockdep_held *h = held();

	if (c->rank == RANK_UNCHECKED)
		return;
	for (unsigned i = 0; i < h->nr; i++) {
		const struct lock_class *o = h->locks[i].class;

		if (h->locks[i].lock == lock)
			panic("lock order: %s is taken twice by %s", c->name, thread_current()->name);
		if (try_only || o->rank < c->rank || (o == c && c->nestable))
			continue;
		panic("lock order: %s (rank %u) is taken under %s (rank %u) by %s", c->name, c->rank, o->name,
			o->rank, thread_current()->name);
	}
	if (h->nr == LOCKDEP_DEPTH)
		panic("lock order: more than %u locks are held", LOCKDEP_DEPTH);
	if (c->rank < RANK_SPIN_FIRST && !try_only)
		lockdep_might_sleep();
	h->locks[h->nr].lock = lock;
	h->locks[h->nr++].class = c;
}

void lockdep_release(const void *lock, const struct lock_class *c)
{
	struct lockdep_held *h = held();

	if (c->rank == RANK_UNCHECKED)
		return;
	for (unsigned i = h->nr; i-- > 0;) {
		if (h->locks[i].lock != lock)
			continue;
		h->nr--;
		for (; i < h->nr; i++)
			h->locks[i] = h->locks[i + 1];
		return;
	}
	panic("lock order: %s is released but %s does not hold it", c->name, thread_current()->name);
}

bool lockdep_is_held(const void *lock)
{
	const struct lockdep_held *h = held();

	for (unsigned i = 0; i < h->nr; i++)
		if (h->locks[i].lock == lock)
			return true;
	return false;
}

void sim_check_no_spinlock(void)
{
	const struct lockdep_held *h = held();

	for (unsigned i = 0; i < h->nr; i++)
		if (h->locks[i].class->rank >= RANK_SPIN_FIRST)
			panic("%s may wait while it holds the spinlock %s", thread_current()->name,
				h->locks[i].class->name);
}

void lockdep_might_sleep(void)
{
	sim_check_no_spinlock();
	if (sim_machine->running->preempt_off || !irq_enabled())
		panic("%s may sleep with preemption or interrupts off", thread_current()->name);
}
void lockdep_thread_exit(void)
{
	if (held()->nr)
		panic("%s ends while it holds %s", thread_current()->name, held()->locks[0].class->name);
}
#else
struct lockdep_held *sim_held(unsigned thread UNUSED)
{
	return NULL;
}

void lockdep_report_held(const struct sim_thread *t UNUSED) {}

void sim_check_no_spinlock(void) {}
#endif
