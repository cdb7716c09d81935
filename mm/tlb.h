/* SPDX-License-Identifier: MIT */
/*
 * TLB shootdown.
 *
 * Rule: who changes PTEs gathers the address ranges, drops the page-table lock, and calls tlb_gather_finish(), which returns when every CPU
 * that has the address space loaded has flushed and said so. Only then may what the entries pointed to be freed, reused or called clean.
 */
#ifndef MM_TLB_H
#define MM_TLB_H

#include "lib/list.h"
#include "lib/types.h"

struct mm;
struct page;

#define TLB_GATHER_PAGES 32 /* more: flush everything */

struct tlb_gather {
	struct mm *mm;
	uaddr_t start, end; /* hull of what changed */
	unsigned nr;        /* pages changed */
	struct list free;   /* struct page: put after the shootdown */
};

void tlb_gather_init(struct tlb_gather *g, struct mm *mm);
void tlb_gather_page(struct tlb_gather *g, uaddr_t a, unsigned order);
/* `p` loses its reference after the shootdown. */
void tlb_gather_free(struct tlb_gather *g, struct page *p);
/* Context: interrupts on, no spinlock held. */
void tlb_gather_finish(struct tlb_gather *g);

/* The scheduler tells which address space a CPU has loaded. NULL: the kernel's. Preemption off. */
void tlb_switch_mm(struct mm *prev, struct mm *next);

struct tlb_stats { u64 shootdowns, ipis; };

#endif
