/* SPDX-License-Identifier: MIT */
/* Everything mutable in mm/ that does not belong to one address space. Private to mm/ and to the
 * machine that allocates it. */
#ifndef MM_STATE_H
#define MM_STATE_H

#include "kernel/instance.h"
#include "kernel/sync/mutex.h"
#include "mm/pmm.h"
#include "mm/tlb.h"

/* Physical pages: mm/pmm.c */
#define PMM_SECTION_SHIFT \
	27 /* 128 MiB: the page array is initialised a section at a time, when its memory is first needed */
#define PMM_SECTION_PAGES (1u << (PMM_SECTION_SHIFT - PAGE_SHIFT))

struct pmm_section {
	struct page *pages; /* of first_pfn */
	u64 first_pfn;
	u32 count;  /* 0: no RAM here */
	bool ready; /* [pmm.lock] struct pages initialised, memory in the free lists */
};

struct pmm_cpu {
	struct spinlock lock; /* RANK_PMM - 1; uncontended but for drains */
	u32 count;
	struct page *head;
} ALIGNED(CACHE_LINE);

struct pmm {
	/* constant after pmm_init */
	struct pmm_section *sections;
	u64 nr_sections;
	struct ram_range *ranges;
	unsigned nr_ranges;
	/* lock (RANK_PMM) */
	struct spinlock lock;
	struct list free[PMM_MAX_ORDER + 1];
	u64 nr_free;      /* in the free lists */
	u64 nr_lazy;      /* in sections that are not ready */
	u64 next_section; /* first that may not be ready */
	u64 nr_total;
	struct pmm_cpu cpu[MAX_CPUS];
};

/* Kernel objects: mm/kmem.c */
#define KMEM_CLASSES 12

struct kmem_class {
	struct spinlock lock; /* RANK_KMEM */
	struct list partial;  /* struct page with free objects; empty ones at the end */
	unsigned nr_empty;    /* pages on `partial` without any object in use */
};

struct kmem_cpu { /* interrupts off, own CPU */
	struct {
		void *head; /* free objects, linked through their first word */
		u32 count;
	} cache[KMEM_CLASSES];
	_Atomic(i64) bytes_in_use; /* may be negative: objects are freed on other CPUs */
} ALIGNED(CACHE_LINE);

struct kmem {
	struct kmem_class class[KMEM_CLASSES];
	struct kmem_cpu cpu[MAX_CPUS];
#ifdef FAULTLINE_HOSTED
	u32 fail_every; /* tests: every so many-th allocation fails; 0: none */
	u32 allocations;
#endif
};

/* Bad pages of persistent memory: mm/poison.c */
#define POISON_MAX 64

struct poison {
	_Atomic(u32) nr;               /* pages on the list */
	_Atomic(u64) page[POISON_MAX]; /* address | pending; 0: free */
	struct mutex lock;             /* RANK_POISON */
	struct list rmaps;             /* lock; every reverse map there is */
};

struct mm_state {
	struct pmm pmm;
	struct kmem kmem;
	struct poison poison;
	struct {
		_Atomic(u64) shootdowns, ipis;
	} tlb;
	_Atomic(u64) huge_faults; /* 2 MiB entries that were set or made writable */
};

static inline struct mm_state *mm_state(void)
{
	return the_instance.mm;
}

void pmm_state_init(struct pmm *m);
void kmem_state_init(struct kmem *k);

/* Prepares a zeroed state; the machine then sets the_instance.mm and calls pmm_init() and kmem_init(). */
void mm_state_init(struct mm_state *s);

#endif
