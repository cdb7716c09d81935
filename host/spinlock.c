/* SPDX-License-Identifier: MIT */
/* Spinlocks of the simulation: `tickets` is 0 (free) or 1 (held); who finds it held gives way until it is free. Taking one is a locked
 * instruction, dropping it a store that may wait in the store buffer. */
#include "kernel/sync/spinlock.h"
#include "host/machine.h"
#include "kernel/log.h"

void spin_init(struct spinlock *l, const struct lock_class *cls UNUSED)
{
	atomic_store_explicit(&l->tickets, 0, memory_order_relaxed);
#ifdef FAULTLINE_DEBUG
	l->owner = NULL;
	l->class = cls;
#endif
}

static void taken(struct spinlock *l)
{
	atomic_store_explicit(&l->tickets, 1, memory_order_relaxed);
	order_acquire(l);
	preempt_disable();
#ifdef FAULTLINE_DEBUG
	l->owner = thread_current();
#endif
}

static bool is_free(const struct spinlock *l)
{
	return atomic_load_explicit(&l->tickets, memory_order_relaxed) == 0;
}

void spin_lock(struct spinlock *l)
{
#ifdef FAULTLINE_DEBUG
	if (l->class)
		lockdep_acquire(l, l->class, false);
#endif
	sim_point(SIM_POINT_LOCK, l, true);
	sim_serialise();
	while (!is_free(l))
		sim_wait_spin(l);
	taken(l);
}

bool spin_trylock(struct spinlock *l)
{
	sim_serialise();
	if (!is_free(l))
		return false;
#ifdef FAULTLINE_DEBUG
	if (l->class)
		lockdep_acquire(l, l->class, true);
#endif
	taken(l);
	return true;
}

void spin_unlock(struct spinlock *l)
{
#ifdef FAULTLINE_DEBUG
	if (l->owner != thread_current())
		panic("sim: %s is unlocked by a thread that does not hold it",
			l->class ? l->class->name : "a spinlock");
	l->owner = NULL;
	if (l->class)
		lockdep_release(l, l->class);
#endif
	sim_store(&l->tickets, 0, sizeof(l->tickets), true);
	preempt_enable();
}

irq_state_t spin_lock_irq(struct spinlock *l)
{
	irq_state_t s;

	/* Interrupts stay on while it waits, as a careful hardware version does. */
	sim_point(SIM_POINT_LOCK, l, true);
	sim_serialise();
	s = irq_save();
	while (!is_free(l)) {
		irq_restore(s);
		sim_wait_spin(l);
		s = irq_save();
	}
#ifdef FAULTLINE_DEBUG
	if (l->class)
		lockdep_acquire(l, l->class, false);
#endif
	taken(l);
	return s;
}

void spin_unlock_irq(struct spinlock *l, irq_state_t s)
{
	spin_unlock(l);
	irq_restore(s);
}

bool spin_held(const struct spinlock *l)
{
#ifdef FAULTLINE_DEBUG
	return l->owner == thread_current();
#else
	return !is_free(l);
#endif
}
