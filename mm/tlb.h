/* SPDX-License-Identifier: MIT */
/*
 * TLB shootdown.
 *
 * Rule: who changes PTEs gathers the address ranges, drops the page-table lock, and calls
 * tlb_gather_finish(), which returns when every CPU that has the address space loaded has flushed and
 * said so. Only then may what the entries pointed to be freed, reused or called clean.
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
	unsigned nr_shared;
	struct list free;                       /* struct page: only the reference in our hands is left */
	struct page *shared[TLB_GATHER_SHARED]; /* others refer to them too, so their links are not ours */
};

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
/* Shoots down, puts the pages; the gather is then empty and can go on. Nothing gathered: nothing sent.
 * Context: interrupts on, no spinlock held. */
void tlb_gather_finish(struct tlb_gather *g);

/* The scheduler tells which address space a CPU has loaded. NULL: the kernel's. Preemption off. */
void tlb_switch_mm(struct mm *prev, struct mm *next);

struct tlb_stats {
	u64 shootdowns, ipis;
}; /* flushes that interrupted other CPUs; CPUs interrupted */
struct tlb_stats tlb_stats(void);

#endif
