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
	enum zap_what what;
	u64 cleared;
};

static inline bool wanted(enum zap_what what, pte_t e)
{
	return what == ZAP_ALL || (what == ZAP_ZERO_PAGES ? e.v & PTE_SW_ZERO : !(e.v & PTE_SW_ANON));
}

static inline __attribute__((always_inline)) u64 zap_leaves(
	void *arg, struct page *t, pte_slot_t *s, u64 a, u64 end, u64 size)
{
	struct zap *z = arg;
	u64 first = ~0ull, last = 0;
	unsigned cleared = 0;

	pt_lock(t);
	if (pt_was_split(s, size))
		goto out;
	for (unsigned left = t->pt_entries; a < end && left; a += size, s++) {
		pte_t e = pte_peek_locked(s);

		if (!e.v)
			continue;
		left--;
		if (!wanted(z->what, e))
			continue;
		if (e.v & PTE_SW_ANON) {
			if (tlb_gather_full(z->g))
				goto out;
			tlb_gather_free(z->g, pt_page(pte_paddr(e)));
		}
		pte_exchange(s, (pte_t){0});
		if (!cleared++)
			first = a;
		last = a;
	}
	a = end;
out:
	t->pt_entries -= (u16)cleared;
	spin_unlock(&t->ptl);
	if (cleared)
		tlb_gather_range(
			z->g, UADDR(ALIGN_DOWN(first, size)), UADDR(ALIGN_DOWN(last, size) + size), cleared);
	z->cleared += cleared;
	return a;
}

u64 zap_range(struct tlb_gather *g, uaddr_t start, uaddr_t end, enum zap_what what)
{
	struct zap z = {g, what, 0};

	for (;;) {
		start = pt_for_each_table(g->mm->root, start, end, zap_leaves, &z);
		if (start.v >= end.v)
			return z.cleared;
		tlb_gather_flush(g);
	}
}
