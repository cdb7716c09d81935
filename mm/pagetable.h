/* SPDX-License-Identifier: MIT */
/*
 * x86-64 page tables, four levels (SDM vol. 3, 4.5).
 *
 * Rule: entries are made by the constructors and read and written by the accessors here only. An entry,
 * leaf or not, changes under the lock of the page-table page that it stands in (page.ptl); an entry
 * that pointed somewhere is cleared and the TLBs are shot down before what it pointed to is freed.
 *
 * Orders: 0 = 4 KiB, 9 = 2 MiB. A 2 MiB slot is empty, a 2 MiB leaf, or points to a table of 4 KiB slots. Once it points to a table
 * it does so until no VMA touches the table's span any more (pt_unlink_tables), so a leaf never takes a table's place: who
 * finds one goes on with 4 KiB. 2 MiB leaves are file pages or zero pages only, which come back by a fault. So what needs a part of one, or has
 * other plans for a part, takes the whole leaf away: pt_split() puts an empty table there, a zap leaves nothing.
 */
#ifndef MM_PAGETABLE_H
#define MM_PAGETABLE_H

#include "kernel/protocol.h"
#include "mm/pmm.h"

typedef struct {
	u64 v;
} pte_t;
typedef struct {
	_Atomic(u64) v;
} pte_slot_t;
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
#define PTE_SW_BUSY \
	(1ull << 11) /* read-only until the shootdown of its predecessor is acknowledged (mm/fault.c) */
#define PTE_NX (1ull << 63)
#define PTE_ADDR_MASK 0x000ffffffffff000ull

#define USER_HALF_END 0x0000800000000000ull /* first address past the user half */
/* First address past user memory. The last page stays empty, as on Linux: after an instruction that ended there came an address which is not
 * canonical, and an interrupt that hits between the two could not return to it. */
#define USER_TOP (USER_HALF_END - PAGE_SIZE)

/*
 * States of a user leaf entry: empty (0); present; and, for anonymous pages under PROT_NONE only,
 * parked: not present, but the address and PTE_SW_ANON stay, and so does the reference.
 */
enum pte_kind { PTE_NONE, PTE_PMEM, PTE_ZERO, PTE_ANON };

static inline pte_t pte_make(paddr_t a, u64 flags)
{
	return (pte_t){(a.v & PTE_ADDR_MASK) | flags};
}
static inline bool pte_present(pte_t e)
{
	return e.v & PTE_PRESENT;
}
static inline bool pte_writable(pte_t e)
{
	return e.v & PTE_WRITE;
}
static inline bool pte_huge(pte_t e)
{
	return e.v & PTE_HUGE;
}
/* Of a 2 MiB slot. */
static inline bool pte_is_table(pte_t e)
{
	return (e.v & (PTE_PRESENT | PTE_HUGE)) == PTE_PRESENT;
}
static inline paddr_t pte_paddr(pte_t e)
{
	return PADDR(e.v & PTE_ADDR_MASK);
}
static inline enum pte_kind pte_kind(pte_t e)
{
	return !pte_present(e)      ? PTE_NONE
		: e.v & PTE_SW_ANON ? PTE_ANON
		: e.v & PTE_SW_ZERO ? PTE_ZERO
				    : PTE_PMEM;
}

/* Accessors: single 8-byte accesses, scheduling points of the hosted explorer. */
static inline pte_t pte_load(const pte_slot_t *s)
{
	SHARED_READ(s);
	return (pte_t){atomic_load_explicit(&s->v, memory_order_acquire)};
}
static inline void pte_store(pte_slot_t *s, pte_t e)
{
	SHARED_WRITE(s);
	atomic_store_explicit(&s->v, e.v, memory_order_release);
}
/* A full barrier, as the look at mm->loaded that follows needs (mm/tlb.c). */
static inline pte_t pte_exchange(pte_slot_t *s, pte_t e)
{
	SHARED_WRITE(s);
	return (pte_t){atomic_exchange(&s->v, e.v)};
}
/* Under ptl: only the CPU's own A and D bits can change meanwhile, so this is no scheduling point. */
static inline pte_t pte_peek_locked(const pte_slot_t *s)
{
	return (pte_t){atomic_load_explicit(&s->v, memory_order_relaxed)};
}

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

/* The slot of `a` for a leaf of `order`. Tables in between are made if `create` (-ENOMEM). -ENOENT:
 * there is no table. If a 2 MiB leaf stands in the way, out->order is 9. Does not take the lock. The
 * caller holds something that keeps the tables alive: the VMA's lock, or the rmap lock. */
int pt_walk(paddr_t root, uaddr_t a, unsigned order, bool create, struct pt_slot *out);

/* Makes pt, the 2 MiB slot of a in mm (pt_walk with order 9), point to a table. A leaf that stands there goes, and its shootdown is
 * awaited; its pages fault in again. 0 or -ENOMEM. Context: as pt_walk; may sleep. */
struct mm;
int pt_split(struct mm *mm, uaddr_t a, const struct pt_slot *pt);

/* Calls fn for every leaf in [start, end) that is not empty (parked ones included), under its table's
 * lock, skipping absent tables wholesale. fn returns the entry that shall stand there; a new one is
 * stored by exchange, so A and D bits that the CPU sets in between are lost: nothing depends on them.
 * A 2 MiB leaf is passed with its own first address, also if it begins before start or ends after end.
 * fn may return PTE_STOP: the entry stays and the visit ends. Returns the address where it ended. end
 * is exclusive. */
#define PTE_STOP ((pte_t){PTE_SW_BUSY})
typedef pte_t (*pt_visit_fn)(void *arg, uaddr_t a, unsigned order, pte_t e);
uaddr_t pt_visit(paddr_t root, uaddr_t start, uaddr_t end, pt_visit_fn fn, void *arg);

/* Unlinks the page-table pages of [start, end) that hold no entry and lie wholly in [floor, ceiling),
 * where the caller lets no VMA be. g shoots down TLBs and paging-structure caches, and then frees them. */
struct tlb_gather;
void pt_unlink_tables(struct tlb_gather *g, uaddr_t start, uaddr_t end, uaddr_t floor, uaddr_t ceiling);

#endif
