/* SPDX-License-Identifier: MIT */
/* Shared by the dax*.c files only. */
#ifndef FS_DAX_PRIV_H
#define FS_DAX_PRIV_H

#include "drivers/pmem.h"
#include "fs/dax.h"

/* Takes the scheme's lock over pages [first, last]; 0, -EINTR, -ENOMEM. Steps LOCK and UNLOCK. */
int dax_lock(struct mapping *m, struct dax_lock *l, enum dax_lock_for who, u64 first, u64 last);
/* The same for pages of one segment, which was looked up already: a look-up less for each fault. */
int dax_lock_segment(struct mapping *m, struct dax_segment *s, struct dax_lock *l, enum dax_lock_for who,
	u64 first, u64 last);
void dax_unlock(struct mapping *m, struct dax_lock *l);

/* Page tags, one bit a page (struct dax_segment). The DAX lock of the page is held, in schemes that have one. */
static inline bool tag_test(_Atomic(u64) *tags, u64 pgoff)
{
	u64 i = pgoff % PAGES_PER_HUGE;

	SHARED_READ(&tags[i / 64]);
	return atomic_load(&tags[i / 64]) >> (i % 64) & 1;
}
static inline void tag_set(_Atomic(u64) *tags, u64 pgoff)
{
	u64 i = pgoff % PAGES_PER_HUGE;

	if (tag_test(tags, pgoff))
		return;
	SHARED_WRITE(&tags[i / 64]);
	atomic_fetch_or(&tags[i / 64], 1ull << (i % 64));
}

/* First page in [p, last], which lie in one segment, whose tag is `set`; last + 1: none. */
static inline u64 tag_next(_Atomic(u64) *tags, u64 p, u64 last, bool set)
{
	u64 flip = set ? 0 : ~0ull, word;

	SHARED_READ(&tags[p % PAGES_PER_HUGE / 64]);
	word = (atomic_load(&tags[p % PAGES_PER_HUGE / 64]) ^ flip) & ~0ull << (p % 64);
	while (!word) {
		p = ALIGN_DOWN(p, 64) + 64;
		if (p > last)
			return last + 1;
		SHARED_READ(&tags[p % PAGES_PER_HUGE / 64]);
		word = atomic_load(&tags[p % PAGES_PER_HUGE / 64]) ^ flip;
	}
	return MIN(ALIGN_DOWN(p, 64) + (u64)__builtin_ctzll(word), last + 1);
}
/* Is any tag of a segment set? */
static inline bool tags_any(_Atomic(u64) *tags)
{
	u64 any = 0;

	for (unsigned w = 0; w < PAGES_PER_HUGE / 64; w++) {
		SHARED_READ(&tags[w]);
		any |= atomic_load_explicit(&tags[w], memory_order_acquire);
	}
	return any;
}
/* Sets all tags of a segment. */
static inline void tags_set_all(_Atomic(u64) *tags)
{
	for (unsigned w = 0; w < PAGES_PER_HUGE / 64; w++) {
		SHARED_READ(&tags[w]);
		if (atomic_load(&tags[w]) == ~0ull)
			continue;
		SHARED_WRITE(&tags[w]);
		atomic_store(&tags[w], ~0ull);
	}
}
/* Clears the tags of [first, last], which lie in one segment. */
static inline void tags_clear(_Atomic(u64) *tags, u64 first, u64 last)
{
	for (u64 base = ALIGN_DOWN(first, 64); base <= last; base += 64) {
		u64 keep = (first > base ? ~(~0ull << (first - base)) : 0) |
			(last < base + 63 ? ~0ull << (last - base + 1) : 0);

		SHARED_WRITE(&tags[base % PAGES_PER_HUGE / 64]);
		atomic_fetch_and(&tags[base % PAGES_PER_HUGE / 64], keep);
	}
}

/* What an operation's error is to the thread that faulted. */
enum fault_result dax_fault_result(int err, const struct fault *f);

/* The walks of mm/rmap.h, under whatever the scheme takes round them. */
void dax_unmap(struct mapping *m, struct dax_lock *l, u64 first, u64 last, enum rmap_what what);
void dax_wrprotect(struct mapping *m, struct dax_lock *l, u64 first, u64 last);
/* In a synchronous mapping: makes the way to the blocks of [pgoff, pgoff + nr) durable, which were looked up for writing. Else nothing. Step
 * COMMIT_MAP. */
int dax_commit_map(struct inode *i, const struct fault *f, u64 pgoff, u64 nr);
/*
 * For everyone who takes the blocks of [first, last] away or moves them. l is held (DAX_FOR_REMOVE); unmaps the pages everywhere and
 * sees that no device has a pin on one of them: if there are pins it drops l, waits until they are gone, takes l again and
 * begins anew. 0: l is held, nothing of the range is mapped or pinned. Error (-EINTR: killed; -ENOMEM): l is NOT held any more. Steps UNMAP and
 * FIND_PINS. What the caller has looked at before may have changed, but for what the inode lock guards.
 */
int dax_unmap_unpinned(struct mapping *m, struct dax_lock *l, u64 first, u64 last, enum rmap_what what);
/* Exchanges mapped zero pages of [first, last] for nothing, in every address space, where there may be any: a
 * block stands there now. 2 MiB of zeros that show one of these pages go as a whole. Step UNMAP_ZERO where there is something to do. */
void dax_unmap_zero(struct mapping *m, struct dax_lock *l, u64 first, u64 last);
/* Makes what was stored to [first, last] through mappings durable and clears all tags. Nothing is mapped there any more, and the DAX
 * lock is held. 0 or -EUCLEAN. */
int dax_flush_unmapped(struct inode *i, struct mapping *m, u64 first, u64 last);
/* Forgets all tags of [first, last]: nothing is mapped there and the blocks are going away. */
void dax_clear_tags(struct mapping *m, u64 first, u64 last);
/* Zeroes [from, to) of one page where a written block stands there, durably. DAX lock held. */
int dax_zero_part(struct inode *i, u64 from, u64 to);

#endif
