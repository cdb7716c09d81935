/* SPDX-License-Identifier: MIT */
/* Sleeping mutual exclusion, FIFO hand-off. Not from interrupts; the owner unlocks. */
#ifndef KERNEL_SYNC_MUTEX_H
#define KERNEL_SYNC_MUTEX_H

#include "kernel/sync/waitq.h"

struct mutex {
	/* 0: free. Else the owner's struct thread *, with bit 0 set while somebody waits. Fast path: one compare-exchange. */
	_Atomic(uintptr_t) owner;
	struct spinlock wait_lock; /* guards waiters, and the owner word while bit 0 is set */
	struct list waiters;
	const struct lock_class *class;
};

void mutex_init(struct mutex *m, const struct lock_class *cls);
void mutex_lock(struct mutex *m);
int mutex_lock_killable(struct mutex *m); /* 0 or -EINTR */
bool mutex_trylock(struct mutex *m);
/* Touches nothing of *m after the next owner can run: that one may free it. */
void mutex_unlock(struct mutex *m);
bool mutex_held(const struct mutex *m); /* by the current thread */

#endif
