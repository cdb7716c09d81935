/* SPDX-License-Identifier: MIT */
/*
 * Scheme `imap`: what Linux 4.3-rc had, and withdrew. A fault holds the mapping's reverse-map lock (i_mmap_rwsem) alone, from the look-up to
 * the page-table entry. Truncate and punch take it inside their unmap only, not for the free: for a truncate i_size, set before
 * the unmap, has to keep later faults away; for a punch nothing does. write(2) and read(2) have the inode lock, fsync nothing.
 *
 * A page that shows a hole has a page lock in Linux, and a fault that finds such a page takes that in place of the reverse-map lock: to
 * put a block there it unmaps the page, and the unmap takes the reverse-map lock. Here the page is there when its `zero` tag is set, and
 * its lock is a bit (page_locks.c). What Linux forgot this scheme forgets too: a fault that saw no such page, waited for
 * the lock, and finds one that was mapped meanwhile, unmaps it under the lock. It waits for itself.
 * In one point this scheme is stricter: Linux mapped a hole's page after it had dropped the lock. Truncate, punch and write(2) wait for the
 * locks of such pages, as they do there to drop them from the page cache.
 *
 * The lock is not struct rmap's own but one beside it, taken round every walk that takes entries or rights away
 * (dax_lock_ops.walk_begin). rmap.lock ranks behind the journal and the block map, which a fault takes under this one; and mm/ has no business
 * knowing that a file system holds its lock. VMAs that come and go take rmap.lock only: they wait for no fault that they would have waited
 * for in Linux, but neither changes an entry of another VMA, so nothing that can break is hidden by it.
 *
 * The order checker does not see the lock (RANK_UNCHECKED): that it deadlocks is for the explorer to find and for everybody to look at. Who waits for
 * itself can be killed.
 *
 * Locks: page bits, ascending -> imap; or imap alone.
 */
#include "fs/dax_priv.h"

static const struct lock_class imap_class = {"dax_imap", RANK_UNCHECKED, false};
static const struct lock_class page_class = {"dax_hole_page", RANK_DAX, false};

static void imap_init(struct mapping *m)
{
	rwsem_init(&m->lock.rwsem, &imap_class);
}

static void imap_init_segment(struct dax_segment *s)
{
	dax_page_locks_init(&s->lock.pages);
}

static bool has_hole_page(struct dax_segment *s, const struct dax_lock *l)
{
	return tag_next(s->zero, l->first, l->last, true) <= l->last;
}

static int lock_fault(struct mapping *m, struct dax_lock *l)
{
	struct dax_segment *s = dax_segment_find(&m->segments, l->first);

	l->imap.pages = NULL;
	while (s && has_hole_page(s, l)) {
		int err;

		lockdep_acquire(l, &page_class, false);
		err = dax_page_locks_take(&s->lock.pages, l->first, l->last);
		if (!err && has_hole_page(s, l)) {
			l->imap.pages = &s->lock.pages;
			return 0;
		}
		if (!err) /* the page has gone while we waited for its lock */
			dax_page_locks_drop(&s->lock.pages, l->first, l->last);
		lockdep_release(l, &page_class);
		if (err)
			return err;
	}
	return rwsem_write_lock_killable(&m->lock.rwsem);
}

static void unlock_fault(struct mapping *m, struct dax_lock *l)
{
	if (l->imap.pages) {
		dax_page_locks_drop(l->imap.pages, l->first, l->last);
		lockdep_release(l, &page_class);
	} else {
		rwsem_write_unlock(&m->lock.rwsem);
	}
}

static int imap_lock(struct mapping *m, struct dax_lock *l)
{
	switch (l->who) {
	case DAX_FOR_FAULT:
		return lock_fault(m, l);
	case DAX_FOR_READ:
		return mutex_lock_killable(&m->inode->lock);
	default:
		return 0;
	}
}

static void imap_unlock(struct mapping *m, struct dax_lock *l)
{
	if (l->who == DAX_FOR_FAULT)
		unlock_fault(m, l);
	else if (l->who == DAX_FOR_READ)
		mutex_unlock(&m->inode->lock);
}

/* A walk must not fail. A killed thread waits on, but not for itself: what it then does it does under the lock that it has. */
static bool imap_walk_begin(struct mapping *m, struct dax_lock *l, u64 first, u64 last)
{
	bool wants_bits = l->who == DAX_FOR_REMOVE || l->who == DAX_FOR_WRITE;

	if (l->who != DAX_FOR_FAULT)
		l->imap.walk_bits = wants_bits && !dax_page_locks_take_range(m, first, last);
	if (!rwsem_write_lock_killable(&m->lock.rwsem))
		return true;
	if (rwsem_write_held(&m->lock.rwsem))
		return false;
	rwsem_write_lock(&m->lock.rwsem);
	return true;
}

static void imap_walk_end(struct mapping *m, struct dax_lock *l, u64 first, u64 last)
{
	rwsem_write_unlock(&m->lock.rwsem);
	if (l->who != DAX_FOR_FAULT && l->imap.walk_bits)
		dax_page_locks_drop_range(m, first, last);
}

const struct dax_lock_ops dax_lock_imap = {
	.name = "imap",
	.describe = "reverse-map lock: faults hold it alone, truncate and punch while they unmap",
	.bytes = sizeof(struct rwsem),
	.segment_bytes = sizeof(struct dax_page_locks),
	.excludes_faults = false,
	.init = imap_init,
	.init_segment = imap_init_segment,
	.lock = imap_lock,
	.unlock = imap_unlock,
	.walk_begin = imap_walk_begin,
	.walk_end = imap_walk_end,
};
