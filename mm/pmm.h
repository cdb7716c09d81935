/* SPDX-License-Identifier: MIT */
/*
 * Physical pages: buddy allocator over RAM with per-CPU caches of single pages.
 * Only RAM has a struct page. pmem frames have none: they belong to the file system.
 */
#ifndef MM_PMM_H
#define MM_PMM_H

#include "kernel/sync/spinlock.h"
#include "lib/list.h"

#define PMM_MAX_ORDER 10 /* largest block: 4 MiB */

struct page {
	_Atomic(u32) refs;      /* 0: free. COW-shared anonymous pages: mappings */
	u8 order;               /* of the free block that starts here */
	u8 flags;               /* PAGE_* */
	u16 pt_entries;         /* [ptl] present entries, for page-table pages */
	struct spinlock ptl;    /* page-table lock, for page-table pages */
	union {
		struct list_node node; /* free list */
		void *slab;            /* object allocator */
	};
};

enum { PAGE_BUDDY = 1, PAGE_SLAB = 2, PAGE_PGTABLE = 4, PAGE_RESERVED = 8 };

struct pmm;

/* A range of usable RAM found by boot code. */
struct ram_range { paddr_t base; u64 len; };

/* Takes over the given ranges (page-aligned, ascending, disjoint, covered by the direct map). The page array is carved out of the
 * largest of them. Boot only. */
int pmm_init(const struct ram_range *ranges, unsigned n);

/* 2^order pages, contents undefined; NULL: none left. refs = 1. Any context but NMI. */
struct page *pmm_alloc(unsigned order);
struct page *pmm_alloc_zeroed(unsigned order);
void pmm_free(struct page *p, unsigned order);
/* References to a single page; the last put frees it. */
void page_get(struct page *p);
void page_put(struct page *p);

paddr_t page_to_paddr(const struct page *p);
struct page *paddr_to_page(paddr_t a); /* NULL: not RAM */
static inline void *page_to_virt(const struct page *p) { return phys_to_virt(page_to_paddr(p)); }
bool paddr_is_ram(paddr_t a);

u64 pmm_free_pages(void);
u64 pmm_total_pages(void);
/* Takes one contiguous aligned block out of RAM for a RAM-backed pmem region. PADDR_NONE: none. Boot only. */
paddr_t pmm_carve(u64 len, u64 align);

#endif
