/* SPDX-License-Identifier: MIT */
/*
 * TLB shootdown.
 *
 * Rule: who changes PTEs gathers the address ranges, drops the page-table lock, and calls
 * tlb_gather_finish(), which returns when every CPU that has the address space loaded has flushed and
 * said so. Only then may what the entries pointed to be freed, reused or called clean.
 *
 * That holds also for whoever finds an entry already changed by somebody else: truncate that meets a munmap sees no entry, but a TLB
 * may still have it (race stale-tlb-free). So a gather counts itself in mm->tlb_pending from before its first change
 * until its shootdown is acknowledged, and walkers of the reverse map, which hold no lock of the mm, shoot down for the others
 * (tlb_gather_join). Both look at the entry under its ptl: who sees it changed sees the count as well.
 */
#ifndef MM_TLB_H
#define MM_TLB_H

#include "lib/list.h"
#include "lib/types.h"

struct mm;
struct page;

#define TLB_GATHER_PAGES 32  /* hull larger than this: flush everything */
#define TLB_GATHER_SHARED 30 /* pages with other users that one gather can hold */

struct tlb_gather {
	struct mm *mm;
	uaddr_t start, end; /* hull of what changed */
	unsigned nr;        /* entries changed since the last flush */
	bool pending;       /* counted in mm->tlb_pending */
	unsigned nr_shared;
	struct list free;                       /* struct page: only the reference in our hands is left */
	struct page *shared[TLB_GATHER_SHARED]; /* others refer to them too, so their links are not ours */
};

/* Before the first change. Ended by tlb_gather_finish(). */
void tlb_gather_init(struct tlb_gather *g, struct mm *mm);
/* `nr` entries inside [start, end) changed. */
static inline void tlb_gather_range(struct tlb_gather *g, uaddr_t start, uaddr_t end, unsigned nr)
{
	if (start.v < g->start.v)
		g->start = start;
	if (end.v > g->end.v)
		g->end = end;
	g->nr += nr;
}
static inline void tlb_gather_page(struct tlb_gather *g, uaddr_t a, unsigned order)
{
	tlb_gather_range(g, a, uaddr_add(a, PAGE_SIZE << order), 1);
}
/* `p` loses its reference after the shootdown. The entry that held it is already gone. Not if full. */
void tlb_gather_free(struct tlb_gather *g, struct page *p);
/* No room for another page: flush first, outside the page-table lock. */
static inline bool tlb_gather_full(const struct tlb_gather *g)
{
	return g->nr_shared == TLB_GATHER_SHARED;
}
/* After [start, end) was visited: if another gather of this mm is under way, the range counts as changed. */
void tlb_gather_join(struct tlb_gather *g, uaddr_t start, uaddr_t end);
/* Is any gather of this mm under way? Asked under the ptl of an empty entry: no means that no TLB has what stood there. */
bool tlb_is_pending(const struct mm *mm);
/* Shoots down, puts the pages; the gather is then empty and can go on. Nothing gathered: nothing sent.
 * Context: interrupts on, no spinlock held. */
void tlb_gather_flush(struct tlb_gather *g);
/* The same, and no leaf entry is changed after it. */
void tlb_gather_finish(struct tlb_gather *g);

/* The scheduler tells which address space a CPU has loaded. NULL: the kernel's. Preemption off. */
void tlb_switch_mm(struct mm *prev, struct mm *next);

struct tlb_stats {
	u64 shootdowns, ipis;
}; /* flushes that interrupted other CPUs; CPUs interrupted */
struct tlb_stats tlb_stats(void);

#endif
