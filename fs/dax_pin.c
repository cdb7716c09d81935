/* SPDX-License-Identifier: MIT */
/*
 * Pins on the blocks of a DAX file: counting them, finding them, waiting for them.
 *
 * Rules
 * - A pin is counted three times: for its page, for the page's segment, for the mapping. So a look-up that finds none costs one
 *   load, and one of a range costs the segments of that range. Faults pay nothing: pins are looked for by those who take blocks away.
 * - Whoever takes blocks away unmaps the pages first and then looks for pins; a pin is counted first, and then the entry is read
 *   (mm/pin.c). One of the two sees the other.
 * - Nobody waits for pins with the DAX lock held: the holder of a pin may fault on the same file before it lets go. So the lock is
 *   dropped, and everything begins again: what faulted in meanwhile is unmapped again, once no pin is
 *   left: a pin is counted through the fault of its page, which would otherwise never be over.
 * - A pin counts the open file. So the inode is not evicted, and `mapping` and segments stay, until the pin is dropped.
 *
 * The wait happens under the inode lock of the caller. Therefore who holds a pin may not wait for an inode lock (fs/dax_io.c: O_DIRECT
 * takes it before it pins).
 */
#include "fs/dax_priv.h"
#include "mm/kmem.h"
#include "mm/pin.h"

static struct mapping *mapping_of(struct rmap *r)
{
	return CONTAINER_OF(r, struct mapping, rmap);
}

/* The counts of a segment's pages, made on demand. NULL: no memory. */
static _Atomic(u32) *page_counts(struct dax_segment *s)
{
	_Atomic(u32) *counts = atomic_load(&s->page_pins), *expected = NULL;

	if (counts)
		return counts;
	counts = kzalloc(PAGES_PER_HUGE * sizeof(*counts));
	if (!counts || atomic_compare_exchange_strong(&s->page_pins, &expected, counts))
		return counts;
	kfree(counts);
	return expected;
}

static void add(_Atomic(u32) *n, u32 by)
{
	SHARED_WRITE(n);
	atomic_fetch_add(n, by);
}

static u32 read_count(_Atomic(u32) *n)
{
	SHARED_READ(n);
	return atomic_load(n);
}

int dax_pin(struct vma *v, u64 pgoff, struct mm_pin *p)
{
	struct mapping *m = mapping_of(v->rmap);
	struct dax_segment *s = dax_segment_get(&m->segments, pgoff);
	_Atomic(u32) *counts = s ? page_counts(s) : NULL;

	if (!counts)
		return -ENOMEM;
	file_get(v->file);
	*p = (struct mm_pin){.pgoff = pgoff, .rmap = v->rmap, .file = v->file, .ops = v->ops};
	add(&counts[pgoff % PAGES_PER_HUGE], 1);
	add(&s->nr_pins, 1);
	SHARED_WRITE(&m->nr_pins);
	atomic_fetch_add(&m->nr_pins, 1);
	return 0;
}

void dax_unpin(const struct mm_pin *p)
{
	struct mapping *m = mapping_of(p->rmap);
	struct dax_segment *s = dax_segment_find(&m->segments, p->pgoff);

	add(&atomic_load(&s->page_pins)[p->pgoff % PAGES_PER_HUGE], -1u);
	add(&s->nr_pins, -1u);
	SHARED_WRITE(&m->nr_pins);
	atomic_fetch_sub(&m->nr_pins, 1);
	waitq_wake_all(&m->pin_wait); /* who waits looks at the counts after it queued itself */
	file_put(p->file);
}

static bool segment_pinned(struct dax_segment *s, u64 first, u64 last)
{
	_Atomic(u32) *counts;

	if (!read_count(&s->nr_pins))
		return false;
	SHARED_READ(&s->page_pins);
	counts = atomic_load(&s->page_pins);
	for (u64 p = first; p <= last; p++)
		if (read_count(&counts[p % PAGES_PER_HUGE]))
			return true;
	return false;
}

static bool any_pinned(struct mapping *m, u64 first, u64 last)
{
	u64 index = first >> RANGE_SEGMENT_SHIFT, end = last >> RANGE_SEGMENT_SHIFT;
	struct dax_segment *s;

	SHARED_READ(&m->nr_pins);
	if (likely(!atomic_load(&m->nr_pins)))
		return false;
	for (; index <= end && (s = dax_segment_next(&m->segments, &index, end)); index++) {
		u64 base = index << RANGE_SEGMENT_SHIFT;

		if (segment_pinned(s, MAX(first, base), MIN(last, base + PAGES_PER_HUGE - 1)))
			return true;
	}
	return false;
}

bool dax_pinned(struct mapping *m, u64 first, u64 last)
{
	return any_pinned(m, first, last);
}

int dax_unmap_unpinned(struct mapping *m, struct dax_lock *l, u64 first, u64 last, enum rmap_what what)
{
	for (;;) {
		int err;

		PROTOCOL_STEP_ARG(UNMAP, first);
		dax_unmap(m, l, first, last, what);
		PROTOCOL_STEP_ARG(FIND_PINS, first);
		if (likely(!dax_pinned(m, first, last)))
			return 0;
		dax_unlock(m, l);
		err = WAIT_EVENT_KILLABLE(&m->pin_wait, !any_pinned(m, first, last));
		if (!err)
			err = dax_lock(m, l, DAX_FOR_REMOVE, l->first, l->last);
		if (err)
			return err;
	}
}
