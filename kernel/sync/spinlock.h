/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks: FIFO (ticket; on a virtual machine not, see spinlock.c), preemption off while held. The _irq forms also keep interrupts off and are
 * for locks that interrupt handlers take. Hosted: the simulation blocks the coroutine instead of spinning.
 * Nobody may block, fault, or wait for another CPU while holding one.
 */
#ifndef KERNEL_SYNC_SPINLOCK_H
#define KERNEL_SYNC_SPINLOCK_H

#include "kernel/cpu/cpu.h"
#include "kernel/sync/lockdep.h"

struct spinlock {
	_Atomic(u32) tickets; /* low 16: now serving, high 16: next ticket */
#ifdef FAULTLINE_DEBUG
	struct thread *owner;
	const struct lock_class *class;
#endif
};

/* cls: a static const struct lock_class that gives name and rank. */
void spin_init(struct spinlock *l, const struct lock_class *cls);
void spin_lock(struct spinlock *l);
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
irq_state_t spin_lock_irq(struct spinlock *l);
void spin_unlock_irq(struct spinlock *l, irq_state_t s);
#ifndef FAULTLINE_HOSTED
/* Boot CPU, before others run: chooses how to wait. */
void spin_choose(void);
/* The scheduler only: the holder is about to switch stacks, and the thread that comes in, now current, holds the lock from then on. */
void spin_hand_over(struct spinlock *l);
void spin_take_over(struct spinlock *l);
#endif
bool spin_held(const struct spinlock *l); /* by this thread (debug) or by anyone (release) */

#endif
