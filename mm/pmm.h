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
	_Atomic(u32) refs; /* 0: free. COW-shared anonymous pages: mappings */
	u32 pfn;           /* constant; RAM beyond 16 TiB is left unused */
	u8 order;          /* of the free block or large object that starts here */
	u8 flags;          /* PAGE_*; of the page's owner */
	union {
		u16 pt_entries; /* [ptl] page-table pages: entries that are not empty */
		u16 inuse;      /* [class lock] pages of small kernel objects: objects handed out */
	};
	union {
		struct spinlock ptl; /* page-table pages: their lock */
		u16 free_head;       /* [class lock] pages of small objects: first free one, by number */
	};
	union {
		struct list_node node; /* free list; list of whoever owns the page */
		struct page *next;     /* per-CPU cache */
	};
};
#ifndef FAULTLINE_DEBUG
_Static_assert(sizeof(struct page) == 32, "less than 1 % of the memory that they describe");
#endif

enum {
	PAGE_BUDDY = 1,
	PAGE_SLAB = 2,
	PAGE_PGTABLE = 4,
	PAGE_RESERVED = 8,
	PAGE_POISONED = 16,
	PAGE_LARGE = 32
};

/* A range of usable RAM found by boot code. */
struct ram_range {
	paddr_t base;
	u64 len;
};

/* Takes over the given ranges (page-aligned, ascending, disjoint, covered by the direct map). The page
 * array is carved out of the largest of them. Boot only. -EINVAL: badly formed; -ENOMEM: not even room
 * for the page array. */
int pmm_init(const struct ram_range *ranges, unsigned n);

/* 2^order pages, contents undefined; NULL: none left. refs = 1. Any context but NMI. */
struct page *pmm_alloc(unsigned order) MUST_CHECK;
struct page *pmm_alloc_zeroed(unsigned order) MUST_CHECK;
/* By the holder of the only reference. */
void pmm_free(struct page *p, unsigned order);
/* References to a single page; the last put frees it. */
static inline void page_get(struct page *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
}
void page_put(struct page *p);

static inline paddr_t page_to_paddr(const struct page *p)
{
	return PADDR((u64)p->pfn << PAGE_SHIFT);
}
struct page *paddr_to_page(paddr_t a); /* NULL: not RAM of the allocator's */
static inline void *page_to_virt(const struct page *p)
{
	return phys_to_virt(page_to_paddr(p));
}
bool paddr_is_ram(paddr_t a);

/* Free pages, those in per-CPU caches included. */
u64 pmm_free_pages(void);
/* Is there more than the reserve, 8 MiB or an eighth of a small machine? What takes many pages at a time on somebody's behalf leaves that to
 * the rest: who faults next would be ended for it. */
bool pmm_has_spare(void);
/* All pages that the allocator manages: without its own array and what was carved out. */
u64 pmm_total_pages(void);
/* Takes one contiguous aligned block out of RAM for a RAM-backed pmem region. PADDR_NONE: none. Boot only. */
paddr_t pmm_carve(u64 len, u64 align);

#endif
