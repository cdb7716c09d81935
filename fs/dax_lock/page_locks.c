/* SPDX-License-Identifier: MIT */
/*
 * Lock bits, one a page, and one queue for all who wait for bits of the same 2 MiB segment. Clients: the schemes `entry`
 * (whose lock bits stand in the radix tree's entries on Linux) and `imap` (where they are the lock of a hole's page).
 *
 * Rule: a request takes its bits of one word all at once or not at all, and the words in ascending order. So no two requests hold what the
 * other waits for.
 *
 * Why no wake-up is lost: a waiter counts itself, queues itself, then looks at the word; a releaser clears the bits, then reads
 * the count. Each is a full fence, so the waiter sees the bits clear or the releaser sees the waiter, and wakes everybody.
 * Not fair: who looks first takes a free bit, also before somebody who has waited. So it is on Linux.
 *
 * Locks: the queue's. A waiter may hold what ranks below RANK_DAX + 1.
 */
#include "fs/dax.h"
#include "kernel/protocol.h"
#include "lib/errno.h"

#define WORD_PAGES 64u

void dax_page_locks_init(struct dax_page_locks *l)
{
	waitq_init(&l->waiters);
	atomic_init(&l->nr_waiters, 0);
	for (unsigned w = 0; w < ARRAY_SIZE(l->bits); w++)
		atomic_init(&l->bits[w], 0);
}

/* The bits of word w that stand for pages [first, last], which begin before its end and end after its start. */
static u64 mask_of(u64 first, u64 last, u64 w)
{
	u64 low = MAX(first, w * WORD_PAGES) % WORD_PAGES,
	    high = MIN(last, w * WORD_PAGES + WORD_PAGES - 1) % WORD_PAGES;

	return (~0ull << low) & (~0ull >> (WORD_PAGES - 1 - high));
}

static bool try_bits(_Atomic(u64) *word, u64 mask)
{
	u64 old;

	SHARED_READ(word);
	old = atomic_load(word);
	while (!(old & mask)) {
		SHARED_WRITE(word);
		if (atomic_compare_exchange_strong(word, &old, old | mask))
			return true;
	}
	return false;
}

static int wait_for_bits(struct dax_page_locks *l, _Atomic(u64) *word, u64 mask)
{
	bool got = false, killed = false;

	SHARED_WRITE(&l->nr_waiters);
	atomic_fetch_add(&l->nr_waiters, 1);
	while (!got && !killed) {
		waitq_prepare(&l->waiters);
		got = try_bits(word, mask);
		killed = !got && atomic_load(&thread_current()->killed);
		if (!got && !killed)
			waitq_sleep(&l->waiters);
		waitq_finish(&l->waiters);
	}
	SHARED_WRITE(&l->nr_waiters);
	atomic_fetch_sub(&l->nr_waiters, 1);
	return got ? 0 : -EINTR;
}

int dax_page_locks_take(struct dax_page_locks *l, u64 first, u64 last)
{
	u64 base = ALIGN_DOWN(first, PAGES_PER_HUGE);

	first -= base;
	last -= base;
	for (u64 w = first / WORD_PAGES; w <= last / WORD_PAGES; w++) {
		u64 mask = mask_of(first, last, w);

		if (likely(try_bits(&l->bits[w], mask)) || !wait_for_bits(l, &l->bits[w], mask))
			continue;
		if (w > first / WORD_PAGES)
			dax_page_locks_drop(l, base + first, base + w * WORD_PAGES - 1);
		return -EINTR;
	}
	return 0;
}

void dax_page_locks_drop(struct dax_page_locks *l, u64 first, u64 last)
{
	first %= PAGES_PER_HUGE;
	last %= PAGES_PER_HUGE;
	for (u64 w = first / WORD_PAGES; w <= last / WORD_PAGES; w++) {
		SHARED_WRITE(&l->bits[w]);
		atomic_fetch_and(&l->bits[w], ~mask_of(first, last, w));
	}
	SHARED_READ(&l->nr_waiters);
	if (unlikely(atomic_load(&l->nr_waiters)))
		waitq_wake_all(&l->waiters);
}

/* The pages of [first, last] that lie in segment s. */
static u64 first_in(const struct dax_segment *s, u64 first)
{
	return MAX(first, s->index << RANGE_SEGMENT_SHIFT);
}

static u64 last_in(const struct dax_segment *s, u64 last)
{
	return MIN(last, (s->index << RANGE_SEGMENT_SHIFT) + PAGES_PER_HUGE - 1);
}

void dax_page_locks_drop_range(struct mapping *m, u64 first, u64 last)
{
	u64 index = first >> RANGE_SEGMENT_SHIFT, end = last >> RANGE_SEGMENT_SHIFT;
	struct dax_segment *s;

	for (; index <= end && (s = dax_segment_next(&m->segments, &index, end)); index++)
		dax_page_locks_drop(&s->lock.pages, first_in(s, first), last_in(s, last));
}

int dax_page_locks_take_range(struct mapping *m, u64 first, u64 last)
{
	u64 index = first >> RANGE_SEGMENT_SHIFT, end = last >> RANGE_SEGMENT_SHIFT;
	struct dax_segment *s;

	for (; index <= end && (s = dax_segment_next(&m->segments, &index, end)); index++) {
		int err = dax_page_locks_take(&s->lock.pages, first_in(s, first), last_in(s, last));

		if (!err)
			continue;
		if (first_in(s, first) > first)
			dax_page_locks_drop_range(m, first, first_in(s, first) - 1);
		return err;
	}
	return 0;
}
