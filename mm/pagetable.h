/* SPDX-License-Identifier: MIT */
/*
 * x86-64 page tables, four levels.
 *
 * Rule: entries are made by the constructors and read and written by the accessors here only. A leaf entry
 * changes under the lock of its page-table page (page.ptl); an entry that pointed somewhere is cleared
 * and the TLBs are shot down before what it pointed to is freed. Orders: 0 = 4 KiB, 9 = 2 MiB.
 */
#ifndef MM_PAGETABLE_H
#define MM_PAGETABLE_H

#include "mm/pmm.h"

typedef struct { u64 v; } pte_t;
typedef struct { _Atomic(u64) v; } pte_slot_t;
_Static_assert(sizeof(pte_slot_t) == 8, "a page-table entry is 8 bytes (SDM vol. 3, 4.5)");

#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE (1ull << 1)
#define PTE_USER (1ull << 2)
#define PTE_PWT (1ull << 3)
#define PTE_PCD (1ull << 4)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY (1ull << 6)
#define PTE_HUGE (1ull << 7)
#define PTE_GLOBAL (1ull << 8)
/* Bits 9 to 11 are ours. What a user leaf entry points to: */
#define PTE_SW_ANON (1ull << 9)  /* RAM page that this entry holds a reference to (anonymous or COW copy) */
#define PTE_SW_ZERO (1ull << 10) /* the zero page of a file's hole */
#define PTE_NX (1ull << 63)
#define PTE_ADDR_MASK 0x000ffffffffff000ull

#define USER_TOP 0x0000800000000000ull /* first address past the user half */

enum pte_kind { PTE_NONE, PTE_PMEM, PTE_ZERO, PTE_ANON };

static inline pte_t pte_make(paddr_t a, u64 flags) { return (pte_t){ (a.v & PTE_ADDR_MASK) | flags }; }
static inline bool pte_present(pte_t e) { return e.v & PTE_PRESENT; }
static inline bool pte_writable(pte_t e) { return e.v & PTE_WRITE; }
static inline bool pte_huge(pte_t e) { return e.v & PTE_HUGE; }
static inline paddr_t pte_paddr(pte_t e) { return PADDR(e.v & PTE_ADDR_MASK); }
static inline enum pte_kind pte_kind(pte_t e)
{
	return !pte_present(e) ? PTE_NONE : e.v & PTE_SW_ANON ? PTE_ANON : e.v & PTE_SW_ZERO ? PTE_ZERO : PTE_PMEM;
}

/* Accessors: single 8-byte accesses, scheduling points of the hosted explorer. */
pte_t pte_load(const pte_slot_t *s);
void pte_store(pte_slot_t *s, pte_t e);
pte_t pte_exchange(pte_slot_t *s, pte_t e);
bool pte_compare_exchange(pte_slot_t *s, pte_t *expected, pte_t e);

/* A fresh root that shares the kernel half. PADDR_NONE: no memory. */
paddr_t pgtable_new_root(void);
/* Frees the root; the user half must be empty of tables. */
void pgtable_free_root(paddr_t root);

/* A leaf slot with its lock. */
struct pt_slot {
	pte_slot_t *slot;
	struct page *table; /* page-table page that holds the slot; its ptl guards it */
	unsigned order;     /* 0, or 9: the slot is a 2 MiB slot in the level-2 table */
};

/* The slot of `a` for a leaf of `order`. Tables in between are made if `create` (-ENOMEM). -ENOENT: there is no table. If
 * a 2 MiB leaf stands in the way, out->order is 9. Does not take the lock. The caller holds something that keeps the tables
 * alive: the VMA's lock, or the rmap lock. */
int pt_walk(paddr_t root, uaddr_t a, unsigned order, bool create, struct pt_slot *out);

/* Calls fn for every present leaf in [start, end), under its table's lock, skipping absent tables wholesale. fn returns
 * the entry that shall stand there. end is exclusive. */
typedef pte_t (*pt_visit_fn)(void *arg, uaddr_t a, unsigned order, pte_t e);
void pt_visit(paddr_t root, uaddr_t start, uaddr_t end, pt_visit_fn fn, void *arg);

/* Frees the page-table pages that lie wholly in [start, end) widened to [floor, ceiling) where empty of leaves. TLBs incl. paging-structure
 * caches are shot down before a table page is freed. */
struct mm;
void pt_free_tables(struct mm *mm, uaddr_t start, uaddr_t end, uaddr_t floor, uaddr_t ceiling);

#endif
