/* SPDX-License-Identifier: MIT */
/*
 * Scheme `range`: a range lock over page offsets, as Kirill Shutemov and Jan Kara proposed. Every operation locks just
 * the pages it looks up, maps or removes; read(2) shares, all others exclude.
 */
#include "fs/dax.h"

static struct mapping *mapping_of(struct range_lock *l)
{
	return CONTAINER_OF(l, struct mapping, lock.range);
}

static struct range_segment *segment(struct range_lock *l, u64 pgoff)
{
	struct dax_segment *s = dax_segment_get(&mapping_of(l)->segments, pgoff);

	return s ? &s->lock.range : NULL;
}

static struct range_segment *next_segment(struct range_lock *l, u64 *index, u64 last)
{
	struct dax_segment *s = dax_segment_next(&mapping_of(l)->segments, index, last);

	return s ? &s->lock.range : NULL;
}

static const struct range_lock_ops segment_ops = {segment, next_segment};

static void range_scheme_init(struct mapping *m)
{
	range_lock_init(&m->lock.range, &segment_ops);
}

static void range_scheme_init_segment(struct dax_segment *s)
{
	range_segment_init(&s->lock.range);
}

static int range_scheme_lock(struct mapping *m, struct dax_lock *l)
{
	bool shared = l->who == DAX_FOR_READ;
	int err;

	l->range.slow = false;
	if (likely(l->segment))
		err = range_lock_segment(
			&m->lock.range, &l->range, &l->segment->lock.range, l->first, l->last, shared);
	else
		err = range_lock_killable(&m->lock.range, &l->range, l->first, l->last, shared);
	if (unlikely(l->range.slow))
		dax_count(&dax_stats()->lock[l->who].slow);
	return err;
}

static void range_scheme_unlock(struct mapping *m UNUSED, struct dax_lock *l)
{
	range_unlock(&l->range);
}

const struct dax_lock_ops dax_lock_range = {
	.name = "range",
	.describe = "range lock: every operation locks the pages it touches",
	.bytes = sizeof(struct range_lock),
	.segment_bytes = sizeof(struct range_segment),
	.excludes_faults = true,
	.init = range_scheme_init,
	.init_segment = range_scheme_init_segment,
	.lock = range_scheme_lock,
	.unlock = range_scheme_unlock,
};
