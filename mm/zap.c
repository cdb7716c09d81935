/* SPDX-License-Identifier: MIT */
/*
 * Zapping: clearing the entries of a range. Clients: munmap, madvise, exit, reverse map.
 *
 * Rule: an entry is cleared under its ptl and what it referred to goes into the gather, so that it is
 * put only after the shootdown. When the gather has no room the visit stops, the gather is flushed
 * without the ptl, and the visit goes on. A 2 MiB entry goes as a whole, also where the range covers only a part of it: it is a file's,
 * and the rest faults in again. Locks: ptl, one at a time.
 */
#include "mm/priv.h"
#include "mm/visit.h"

struct zap {
	struct tlb_gather *g;
	u64 cleared;
};

static inline bool wanted(enum zap_what what, pte_t e)
{
	return what == ZAP_ALL || (what == ZAP_ZERO_PAGES ? e.v & PTE_SW_ZERO : !(e.v & PTE_SW_ANON));
}

/* `what` is a constant: munmap and truncate of many pages spend their time in this one loop. The hull that is flushed may begin at an entry
 * that stays. */
static inline __attribute__((always_inline)) u64 zap_leaves(
	struct zap *z, enum zap_what what, struct page *t, pte_slot_t *s, u64 a, u64 end, u64 size)
{
	pte_slot_t *begin = s, *first, *last = NULL;
	pte_slot_t *stop = size == PAGE_SIZE ? s + ((end - a) >> PAGE_SHIFT) : s + 1;
	unsigned left, kept = 0, cleared;

	pt_lock(t);
	if (pt_was_split(s, size))
		goto out;
	left = t->pt_entries;
	while (left && s < stop && !pte_peek_locked(s).v)
		s++;
	first = s;
	for (; s < stop && left; s++) {
		pte_t e = pte_peek_locked(s);

		if (!e.v)
			continue;
		if (wanted(what, e)) {
			if (e.v & PTE_SW_ANON) {
				if (tlb_gather_full(z->g))
					break;
				tlb_gather_free(z->g, pt_page(pte_paddr(e)));
			}
			pte_exchange(s, (pte_t){0});
			last = s;
		} else {
			kept++;
		}
		if (!--left)
			break;
	}
	cleared = t->pt_entries - left - kept;
	t->pt_entries = (u16)(left + kept);
	if (cleared)
		tlb_gather_range(z->g, UADDR(ALIGN_DOWN(a, size) + (first - begin) * size),
			UADDR(ALIGN_DOWN(a, size) + (last + 1 - begin) * size), cleared);
	z->cleared += cleared;
	a = left && s < stop ? a + (s - begin) * size : end;
out:
	spin_unlock(&t->ptl);
	return a;
}

static u64 zap_all(void *arg, struct page *t, pte_slot_t *s, u64 a, u64 end, u64 size)
{
	return zap_leaves(arg, ZAP_ALL, t, s, a, end, size);
}

static u64 zap_file(void *arg, struct page *t, pte_slot_t *s, u64 a, u64 end, u64 size)
{
	return zap_leaves(arg, ZAP_FILE, t, s, a, end, size);
}

static u64 zap_zero_pages(void *arg, struct page *t, pte_slot_t *s, u64 a, u64 end, u64 size)
{
	return zap_leaves(arg, ZAP_ZERO_PAGES, t, s, a, end, size);
}

u64 zap_range(struct tlb_gather *g, uaddr_t start, uaddr_t end, enum zap_what what)
{
	pt_leaves_fn leaves = what == ZAP_ALL ? zap_all : what == ZAP_FILE ? zap_file : zap_zero_pages;
	struct zap z = {g, 0};

	for (;;) {
		start = pt_for_each_table(g->mm->root, start, end, leaves, &z);
		if (start.v >= end.v)
			return z.cleared;
		tlb_gather_flush(g);
	}
}
