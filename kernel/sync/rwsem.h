/* SPDX-License-Identifier: MIT */
/* Sleeping reader/writer lock. Phase-fair: a waiting writer stops new readers, and the readers that wait when a
 * writer leaves all go before the next writer; nobody starves. Readers may not nest. The memory must stay until every unlock call has returned. */
#ifndef KERNEL_SYNC_RWSEM_H
#define KERNEL_SYNC_RWSEM_H

#include "kernel/sync/waitq.h"

struct rwsem {
	_Atomic(u64) state; /* readers, writer, queue: rwsem.c */
	struct spinlock wait_lock;
	struct list waiters;
	struct thread *writer; /* owner while write-locked */
	const struct lock_class *class;
};

void rwsem_init(struct rwsem *s, const struct lock_class *cls);
void rwsem_read_lock(struct rwsem *s);
bool rwsem_read_trylock(struct rwsem *s);
void rwsem_read_unlock(struct rwsem *s);
void rwsem_write_lock(struct rwsem *s);
int rwsem_write_lock_killable(struct rwsem *s);
bool rwsem_write_trylock(struct rwsem *s);
void rwsem_write_unlock(struct rwsem *s);
bool rwsem_write_held(const struct rwsem *s);

#endif
