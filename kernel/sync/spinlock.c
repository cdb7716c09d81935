/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlocks on hardware. Clients: everything.
 *
 * Rule: a locker draws the next ticket by one atomic add and waits until it is served; so lockers are served in order of arrival. Only
 * the holder advances "now serving" (release), and only a waiter that saw its number (acquire) goes on. Sixteen-bit numbers wrap, which is
 * harmless while there are fewer than 65536 CPUs. Preemption is off from before the draw to after the release: a holder that lost
 * its CPU would make everybody spin for a time slice.
 *
 * On a virtual machine the waiters do not queue: whoever finds the lock free takes it. A queue would hand it to a virtual CPU that may not be
 * running, and each hand-over would cost a time slice of the host. Both ways keep the word in the same form.
 *
 * Locks: this is one.
 */
#include "kernel/sync/spinlock.h"

#include "kernel/cpu/features.h"
#include "kernel/thread.h"

#define TICKET_ONE (1u << 16)
#define CPUID1_ECX_HYPERVISOR (1u << 31)

static bool barging; /* constant once other CPUs run */

void spin_init(struct spinlock *l, const struct lock_class *cls UNUSED)
{
	atomic_init(&l->tickets, 0);
#ifdef FAULTLINE_DEBUG
	l->owner = NULL;
	l->class = cls;
#endif
}

static inline u16 *serving(struct spinlock *l)
{
	return (u16 *)&l->tickets; /* little-endian: the low half */
}

void spin_choose(void)
{
	barging = cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR;
}

/* Takes a lock that is free: draws a ticket that is served at once. */
static bool try_acquire(struct spinlock *l)
{
	u32 old = atomic_load_explicit(&l->tickets, memory_order_relaxed);

	return (old >> 16) == (old & 0xffff) &&
		atomic_compare_exchange_strong_explicit(
			&l->tickets, &old, old + TICKET_ONE, memory_order_acquire, memory_order_relaxed);
}

static inline void acquire(struct spinlock *l)
{
	u16 mine;

	if (barging) {
		while (!try_acquire(l))
			cpu_relax();
		return;
	}
	mine = atomic_fetch_add_explicit(&l->tickets, TICKET_ONE, memory_order_acquire) >> 16;
	while (__atomic_load_n(serving(l), __ATOMIC_ACQUIRE) != mine)
		cpu_relax();
}

#ifdef FAULTLINE_DEBUG
static void note_acquire(struct spinlock *l, bool try_only)
{
	lockdep_acquire(l, l->class, try_only);
}

static void note_acquired(struct spinlock *l)
{
	l->owner = thread_current();
}

static void note_release(struct spinlock *l)
{
	lockdep_release(l, l->class);
	l->owner = NULL;
}
#else
static inline void note_acquire(struct spinlock *l UNUSED, bool try_only UNUSED) {}
static inline void note_acquired(struct spinlock *l UNUSED) {}
static inline void note_release(struct spinlock *l UNUSED) {}
#endif

void spin_lock(struct spinlock *l)
{
	preempt_disable();
	note_acquire(l, false);
	acquire(l);
	note_acquired(l);
}

bool spin_trylock(struct spinlock *l)
{
	preempt_disable();
	if (!try_acquire(l)) {
		preempt_enable();
		return false;
	}
	note_acquire(l, true);
	note_acquired(l);
	return true;
}

static void release(struct spinlock *l)
{
	u16 now = __atomic_load_n(serving(l), __ATOMIC_RELAXED);

	note_release(l);
	__atomic_store_n(serving(l), (u16)(now + 1), __ATOMIC_RELEASE);
}

void spin_unlock(struct spinlock *l)
{
	release(l);
	preempt_enable();
}

irq_state_t spin_lock_irq(struct spinlock *l)
{
	irq_state_t s = irq_save();

	spin_lock(l);
	return s;
}

/* Interrupts come back before preemption, so that a pending reschedule can run in preempt_enable(). */
void spin_unlock_irq(struct spinlock *l, irq_state_t s)
{
	release(l);
	irq_restore(s);
	preempt_enable();
}

void spin_hand_over(struct spinlock *l)
{
	note_release(l);
}

void spin_take_over(struct spinlock *l)
{
	note_acquire(l, true);
	note_acquired(l);
}

bool spin_held(const struct spinlock *l)
{
	u32 t = atomic_load_explicit(&l->tickets, memory_order_relaxed);

#ifdef FAULTLINE_DEBUG
	return (t >> 16) != (t & 0xffff) && l->owner == thread_current();
#else
	return (t >> 16) != (t & 0xffff);
#endif
}
