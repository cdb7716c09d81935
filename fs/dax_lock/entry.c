/* SPDX-License-Identifier: MIT */
/*
 * Scheme `entry`: what Linux has had since 4.7 (lock bits in the page tree's entries) and 5.15 (one invalidate lock for every file system).
 *
 * Two locks. The invalidate lock keeps faults and removals apart: a fault shares it, truncate and punch hold it alone from the unmap to the
 * free. The lock bit of a page keeps those apart that use the page without taking it away: faults, write(2), fsync. A removal
 * takes the bits of its pages as well, which on Linux it does when it deletes their entries: it is fsync, which does not hold the
 * invalidate lock, that has to be out of the way by then.
 *
 * read(2) takes neither but the inode lock, as file systems do there (shared there; the inode lock is a mutex here).
 *
 * Removals find only the segments that exist. One that a fault makes meanwhile has no bits set: its fault waits for the invalidate lock
 * first; write(2) is kept away by the inode lock, and fsync goes only where a dirty tag is.
 *
 * Locks: the inode lock (held by removals and write(2), taken for read(2)) -> invalidate lock -> bits, ascending (page_locks.c).
 */
#include "fs/dax.h"

static const struct lock_class invalidate_class = {"dax_invalidate", RANK_DAX, false};
static const struct lock_class bits_class = {"dax_entry", RANK_DAX + 1, false};

static void entry_init(struct mapping *m)
{
	rwsem_init(&m->lock.rwsem, &invalidate_class);
}

static void entry_init_segment(struct dax_segment *s)
{
	dax_page_locks_init(&s->lock.pages);
}

static int lock_bits(struct mapping *m, struct dax_lock *l)
{
	int err = 0;

	/* What a removal does not find it need not lock; the others are about to use their segment, of which there is one. */
	if (l->who != DAX_FOR_REMOVE && !dax_segment_get(&m->segments, l->first))
		return -ENOMEM;
	lockdep_acquire(l, &bits_class, false);
	err = dax_page_locks_take_range(m, l->first, l->last);
	if (err)
		lockdep_release(l, &bits_class);
	return err;
}

static void unlock_bits(struct mapping *m, struct dax_lock *l)
{
	dax_page_locks_drop_range(m, l->first, l->last);
	lockdep_release(l, &bits_class);
}

static int entry_lock(struct mapping *m, struct dax_lock *l)
{
	int err;

	switch (l->who) {
	case DAX_FOR_READ:
		return mutex_lock_killable(&m->inode->lock);
	case DAX_FOR_FAULT:
		rwsem_read_lock(&m->lock.rwsem);
		err = lock_bits(m, l);
		if (err)
			rwsem_read_unlock(&m->lock.rwsem);
		return err;
	case DAX_FOR_REMOVE:
		err = rwsem_write_lock_killable(&m->lock.rwsem);
		if (err)
			return err;
		err = lock_bits(m, l);
		if (err)
			rwsem_write_unlock(&m->lock.rwsem);
		return err;
	default:
		return lock_bits(m, l);
	}
}

static void entry_unlock(struct mapping *m, struct dax_lock *l)
{
	if (l->who == DAX_FOR_READ) {
		mutex_unlock(&m->inode->lock);
		return;
	}
	unlock_bits(m, l);
	if (l->who == DAX_FOR_FAULT)
		rwsem_read_unlock(&m->lock.rwsem);
	else if (l->who == DAX_FOR_REMOVE)
		rwsem_write_unlock(&m->lock.rwsem);
}

const struct dax_lock_ops dax_lock_entry = {
	.name = "entry",
	.describe = "invalidate lock, shared by faults, and a lock bit for each page",
	.bytes = sizeof(struct rwsem),
	.segment_bytes = sizeof(struct dax_page_locks),
	.excludes_faults = true,
	.init = entry_init,
	.init_segment = entry_init_segment,
	.lock = entry_lock,
	.unlock = entry_unlock,
};
