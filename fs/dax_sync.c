/* SPDX-License-Identifier: MIT */
/*
 * fsync of a DAX file: stores made through mappings become durable.
 *
 * Rule, per run of dirty pages, under the lock of its pages: write-protect everywhere and await the shootdowns -> write the
 * lines back -> fence on this CPU -> clear the tags. A store after the write-protection faults and waits for the lock, then
 * tags the page again; a tag that is clear says that the data is durable. write(2) is durable when it returns and leaves no tag.
 */
#include "fs/dax_priv.h"

/* Writes the lines of the written blocks of [first, last] back; the caller fences. */
static int flush_blocks(struct inode *i, u64 first, u64 last)
{
	PROTOCOL_STEP_ARG(FLUSH, first);
	for (u64 p = first; p <= last;) {
		struct extent e;
		int err = i->ops->map_extent(i, p, last - p + 1, MAP_LOOK, &e);

		if (err)
			return err;
		if (e.state == EXTENT_MAPPED)
			pmem_flush(phys_to_virt(e.pa), e.len * PAGE_SIZE);
		p += e.len;
	}
	return 0;
}

static int sync_run(struct inode *i, struct mapping *m, struct dax_segment *s, u64 first, u64 last)
{
	struct dax_lock l;
	int err = dax_lock_segment(m, s, &l, DAX_FOR_SYNC, first, last);

	if (err)
		return err;
	PROTOCOL_STEP_ARG(WRPROTECT, first);
	dax_wrprotect(m, &l, first, last);
	err = flush_blocks(i, first, last);
	if (err)
		goto out;
	PROTOCOL_STEP_ARG(FENCE, first);
	pmem_fence();
	PROTOCOL_STEP_ARG(CLEAR_TAG, first);
	tags_clear(s->dirty, first, last);
out:
	dax_unlock(m, &l);
	return err;
}

/* The next run of dirty pages in [*first, last] of one segment; false: none. */
static bool next_run(struct dax_segment *s, u64 *first, u64 *run_last, u64 last)
{
	*first = tag_next(s->dirty, *first, last, true);
	if (*first > last)
		return false;
	/* From the page after it: another fsync may have cleaned *first meanwhile, and a run has at least one page. */
	*run_last = *first < last ? tag_next(s->dirty, *first + 1, last, false) - 1 : last;
	return true;
}

int dax_fsync(struct inode *i, u64 first, u64 last)
{
	struct mapping *m = atomic_load_explicit(&i->mapping, memory_order_acquire);
	u64 index = first >> RANGE_SEGMENT_SHIFT, end = last >> RANGE_SEGMENT_SHIFT;
	struct dax_segment *s;

	if (!m)
		return 0;
	for (; index <= end && (s = dax_segment_next(&m->segments, &index, end)); index++) {
		u64 base = index << RANGE_SEGMENT_SHIFT, run_last;
		u64 p = MAX(first, base), to = MIN(last, base + PAGES_PER_HUGE - 1);

		for (; p <= to && next_run(s, &p, &run_last, to); p = run_last + 1) {
			int err = sync_run(i, m, s, p, run_last);

			if (err)
				return err;
		}
	}
	return 0;
}

int dax_flush_unmapped(struct inode *i, struct mapping *m, u64 first, u64 last)
{
	u64 index = first >> RANGE_SEGMENT_SHIFT, end = last >> RANGE_SEGMENT_SHIFT;
	struct dax_segment *s;
	bool flushed = false;

	for (; index <= end && (s = dax_segment_next(&m->segments, &index, end)); index++) {
		u64 base = index << RANGE_SEGMENT_SHIFT, run_last;
		u64 p = MAX(first, base), to = MIN(last, base + PAGES_PER_HUGE - 1);

		for (; p <= to && next_run(s, &p, &run_last, to); p = run_last + 1) {
			int err = flush_blocks(i, p, run_last);

			if (err)
				return err;
			flushed = true;
		}
	}
	if (flushed) {
		PROTOCOL_STEP_ARG(FENCE, first);
		pmem_fence();
		PROTOCOL_STEP_ARG(CLEAR_TAG, first);
	}
	dax_clear_tags(m, first, last);
	return 0;
}
