/* SPDX-License-Identifier: MIT */
/*
 * DAX operations that change which blocks a file has: truncate, punch hole, allocate.
 *
 * Rule: lock the pages -> unmap them everywhere and await every shootdown -> change i_size -> zero the tail -> free the
 * blocks -> unlock. A block is freed only when no entry, no TLB and no pin can reach it, and the lock keeps new entries away from the unmap to
 * the free. The inode lock is held by the caller: one such operation at a time per file.
 */
#include "fs/dax_priv.h"

int dax_zero_part(struct inode *i, u64 from, u64 to)
{
	struct extent e;
	int err;

	if (from >= to)
		return 0;
	err = i->ops->map_extent(i, from >> PAGE_SHIFT, 1, MAP_LOOK, &e);
	if (err || e.state != EXTENT_MAPPED)
		return err;
	PROTOCOL_STEP_ARG(ZERO_TAIL, from >> PAGE_SHIFT);
	pmem_zero((char *)phys_to_virt(e.pa) + (from & PAGE_MASK), to - from);
	pmem_fence();
	return 0;
}

void dax_clear_tags(struct mapping *m, u64 first, u64 last)
{
	u64 index = first >> RANGE_SEGMENT_SHIFT, end = last >> RANGE_SEGMENT_SHIFT;
	struct dax_segment *s;

	for (; index <= end && (s = dax_segment_next(&m->segments, &index, end)); index++) {
		u64 base = index << RANGE_SEGMENT_SHIFT;
		u64 from = MAX(first, base), to = MIN(last, base + PAGES_PER_HUGE - 1);

		tags_clear(s->dirty, from, to);
		tags_clear(s->zero, from, to);
	}
}

static int truncate_down(struct inode *i, struct mapping *m, u64 size)
{
	u64 first = DIV_ROUND_UP(size, PAGE_SIZE); /* first page that goes away */
	u64 old_size = inode_size(i);
	struct dax_lock l;
	int err = dax_lock(m, &l, DAX_FOR_REMOVE, size >> PAGE_SHIFT, RANGE_LAST);

	if (err)
		return err;
	if (m->lock_ops->excludes_faults) {
		err = dax_unmap_unpinned(m, &l, first, RANGE_LAST, RMAP_ALL);
		if (err)
			return err;
	}
	err = i->ops->orphan_add(i);
	if (err)
		goto out;
	PROTOCOL_STEP_ARG(SET_SIZE, size);
	inode_set_size(i, size);
	if (!m->lock_ops->excludes_faults) {
		/* What is mapped before the unmap goes, what comes after meets the new size. */
		err = dax_unmap_unpinned(m, &l, first, RANGE_LAST, RMAP_ALL);
		if (err) { /* killed while it waited for a pin: as if it had not begun */
			inode_set_size(i, old_size);
			i->ops->orphan_del(i);
			return err;
		}
	}
	err = i->ops->write_inode(i);
	if (!err)
		err = dax_zero_part(i, size, ALIGN_UP(size, PAGE_SIZE));
	if (!err) {
		PROTOCOL_STEP_ARG(FREE, first);
		err = i->ops->remove_blocks(i, first, RANGE_LAST);
	}
	if (!err)
		err = i->ops->orphan_del(i);
	dax_clear_tags(m, first, RANGE_LAST);
out:
	dax_unlock(m, &l);
	return err;
}

/* Bytes past the old end inside its page may have been stored to through a mapping: they become file content now. */
static int truncate_up(struct inode *i, struct mapping *m, u64 size)
{
	u64 old = inode_size(i);
	struct dax_lock l;
	int err = dax_lock(m, &l, DAX_FOR_REMOVE, old >> PAGE_SHIFT, old >> PAGE_SHIFT);

	if (err)
		return err;
	err = dax_zero_part(i, old, MIN(ALIGN_UP(old, PAGE_SIZE), size));
	if (!err) {
		PROTOCOL_STEP_ARG(SET_SIZE, size);
		inode_set_size(i, size);
		err = i->ops->write_inode(i);
	}
	dax_unlock(m, &l);
	return err;
}

int dax_truncate(struct inode *i, u64 size)
{
	struct mapping *m = dax_mapping(i);

	if (!m)
		return -ENOMEM;
	if (size > inode_size(i))
		return truncate_up(i, m, size);
	return truncate_down(i, m, size);
}

int dax_punch(struct inode *i, u64 pos, u64 len)
{
	struct mapping *m = dax_mapping(i);
	u64 end = MIN(pos + len, ALIGN_UP(inode_size(i), PAGE_SIZE));
	u64 first = DIV_ROUND_UP(pos, PAGE_SIZE), past = end >> PAGE_SHIFT; /* whole pages [first, past) */
	struct dax_lock l;
	int err;

	if (!m)
		return -ENOMEM;
	if (pos >= end)
		return 0;
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
	}
	err = dax_zero_part(i, pos, ALIGN_UP(pos, PAGE_SIZE));
	if (!err)
		err = dax_zero_part(i, ALIGN_DOWN(end, PAGE_SIZE), end);
	if (!err && first < past) {
		PROTOCOL_STEP_ARG(FREE, first);
		err = i->ops->remove_blocks(i, first, past - 1);
		if (!err) /* else pages have stayed, and what was stored to them is still to be written back */
			dax_clear_tags(m, first, past - 1);
	}
out:
	dax_unlock(m, &l);
	return err;
}

int dax_allocate(struct inode *i, u64 pos, u64 len, bool keep_size)
{
	u64 page = pos >> PAGE_SHIFT, past = DIV_ROUND_UP(pos + len, PAGE_SIZE);

	/* Reserved blocks read as zeros exactly like the hole before: no mapping changes, so no DAX lock. */
	while (page < past) {
		struct extent e;
		int err = i->ops->map_extent(i, page, past - page, MAP_RESERVE, &e);

		if (err)
			return err;
		page += e.len;
	}
	if (!keep_size && pos + len > inode_size(i))
		return dax_truncate(i, pos + len);
	return 0;
}
