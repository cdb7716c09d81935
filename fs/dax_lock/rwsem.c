/* SPDX-License-Identifier: MIT */
/*
 * Scheme `rwsem`: one reader/writer lock per inode, as XFS had in 4.1 and ext4 in 4.5, and as Boaz Harrosh held to be enough.
 * Faults share it; truncate and punch hold it alone from the unmap to the free; write(2) relies on the inode lock
 * that its caller holds, so it takes nothing here. fsync shares it too, in favour of this scheme: as far as is known, neither XFS nor ext4 took
 * the lock there.
 */
#include "fs/dax.h"

static const struct lock_class class = {"dax_rwsem", RANK_DAX, false};

static void rwsem_scheme_init(struct mapping *m)
{
	rwsem_init(&m->lock.rwsem, &class);
}

static int rwsem_scheme_lock(struct mapping *m, struct dax_lock *l)
{
	switch (l->who) {
	case DAX_FOR_REMOVE:
		return rwsem_write_lock_killable(&m->lock.rwsem);
	case DAX_FOR_WRITE:
		return 0;
	default:
		rwsem_read_lock(&m->lock.rwsem);
		return 0;
	}
}

static void rwsem_scheme_unlock(struct mapping *m, struct dax_lock *l)
{
	switch (l->who) {
	case DAX_FOR_REMOVE:
		rwsem_write_unlock(&m->lock.rwsem);
		break;
	case DAX_FOR_WRITE:
		break;
	default:
		rwsem_read_unlock(&m->lock.rwsem);
	}
}

const struct dax_lock_ops dax_lock_rwsem = {
	.name = "rwsem",
	.describe = "per-inode reader/writer lock: faults share it, truncate and punch hold it alone",
	.bytes = sizeof(struct rwsem),
	.excludes_faults = true,
	.init = rwsem_scheme_init,
	.lock = rwsem_scheme_lock,
	.unlock = rwsem_scheme_unlock,
};
