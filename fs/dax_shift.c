/* SPDX-License-Identifier: MIT */
/*
 * DAX operations that change what stands at an offset without giving the offset up: zero range, collapse, insert.
 *
 * Rule: lock the pages -> unmap them everywhere, await every shootdown and the end of every pin -> make durable what was stored to
 * pages that move -> shift or convert the blocks, i_size -> unlock. A shift changes the block of *every* page from its offset on, so it locks and unmaps to infinity, not
 * just the pages that it takes out or puts in.
 *
 * Dirty pages that move are flushed under the lock; their tags do not move with them. An fsync on its way through the tags, which it looks
 * at before it locks their pages, would otherwise miss a tag that moves down behind it. After the flush no tag is set from the offset on.
 *
 * i_size shrinks after a collapse and grows before an insert, so that every block lies inside it whenever the machine dies. Schemes that do not
 * keep faults away get the same order: it is what Linux had.
 *
 * The inode lock is held by the caller: one such operation at a time per file.
 */
#include "fs/dax_priv.h"

int dax_zero_range(struct inode *i, u64 pos, u64 len, bool keep_size)
{
	struct mapping *m = dax_mapping(i);
	u64 end = pos + len;
	u64 first = DIV_ROUND_UP(pos, PAGE_SIZE), past = end >> PAGE_SHIFT; /* whole pages [first, past) */
	struct dax_lock l;
	int err = m ? dax_allocate(i, pos, len, true) : -ENOMEM; /* holes, and what lies past the end */

	if (!err)
		err = dax_lock(m, &l, DAX_FOR_REMOVE, pos >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT);
	if (err)
		return err;
	if (first > past) { /* inside one page */
		err = dax_zero_part(i, pos, end);
		goto out;
	}
	if (first < past) {
		err = dax_unmap_unpinned(m, &l, first, past - 1, RMAP_FILE);
		if (err)
			return err;
		PROTOCOL_STEP_ARG(UNWRITE, first);
		err = i->ops->make_unwritten(i, first, past - 1);
		if (!err)
			dax_clear_tags(m, first, past - 1);
	}
	if (!err)
		err = dax_zero_part(i, pos, ALIGN_UP(pos, PAGE_SIZE));
	if (!err)
		err = dax_zero_part(i, ALIGN_DOWN(end, PAGE_SIZE), end);
out:
	dax_unlock(m, &l);
	return !err && !keep_size && end > inode_size(i) ? dax_truncate(i, end) : err;
}

static int set_size(struct inode *i, u64 size)
{
	PROTOCOL_STEP_ARG(SET_SIZE, size);
	inode_set_size(i, size);
	return i->ops->write_inode(i);
}

/* Pages [first, first + nr) go, the pages behind them move down. Locked, and nothing is mapped. */
static int close_range(struct inode *i, u64 first, u64 nr)
{
	int err;

	PROTOCOL_STEP_ARG(FREE, first);
	err = i->ops->remove_blocks(i, first, first + nr - 1);
	if (err)
		return err;
	PROTOCOL_STEP_ARG(SHIFT, first);
	err = i->ops->shift_blocks(i, first, -(i64)nr);
	return err ? err : set_size(i, inode_size(i) - (nr << PAGE_SHIFT));
}

/* The pages from `first` on move up by nr. Locked, and nothing is mapped. */
static int open_range(struct inode *i, u64 first, u64 nr)
{
	u64 size = inode_size(i);
	int err = set_size(i, size + (nr << PAGE_SHIFT));

	if (err)
		return err;
	PROTOCOL_STEP_ARG(SHIFT, first);
	err = i->ops->shift_blocks(i, first, (i64)nr);
	if (err == -ENOSPC || err == -EINVAL) /* nothing has moved */
		set_size(i, size);
	return err;
}

int dax_shift(struct inode *i, u64 pos, u64 len, bool insert)
{
	struct mapping *m = dax_mapping(i);
	u64 first = pos >> PAGE_SHIFT, nr = len >> PAGE_SHIFT;
	struct dax_lock l;
	int err = m ? dax_lock(m, &l, DAX_FOR_REMOVE, first, RANGE_LAST) : -ENOMEM;

	if (!err)
		err = dax_unmap_unpinned(m, &l, first, RANGE_LAST, RMAP_ALL);
	if (err)
		return err;
	err = dax_flush_unmapped(i, m, first, RANGE_LAST);
	if (!err)
		err = insert ? open_range(i, first, nr) : close_range(i, first, nr);
	dax_unlock(m, &l);
	return err;
}
