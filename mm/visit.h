/* SPDX-License-Identifier: MIT */
/*
 * The walks behind pt_walk() and pt_visit(), as inline functions: for faults, and so that the hot
 * visitors (zap, write-protect) get their callback compiled into the loop. Private to mm/.
 *
 * Rule: a table is looked at under its ptl only. Tables stay alive because of what the caller holds
 * (see pt_walk).
 */
#ifndef MM_VISIT_H
#define MM_VISIT_H

#include "kernel/log.h"
#include "mm/pagetable.h"
#include "mm/state.h"

#define PT_LEVEL_SHIFT(level) (PAGE_SHIFT + 9 * (level)) /* level 0: the table of 4 KiB leaves */
#define PT_ENTRIES 512

static inline unsigned pt_index(uaddr_t a, unsigned level)
{
	return (unsigned)(a.v >> PT_LEVEL_SHIFT(level)) & (PT_ENTRIES - 1);
}

static inline pte_slot_t *pt_table(paddr_t table)
{
	return phys_to_virt(table);
}

/* The struct page of a page that is known to be the allocator's. */
static inline struct page *pt_page(paddr_t a)
{
	u64 pfn = paddr_to_pfn(a).v;
	const struct pmm_section *s = &mm_state()->pmm.sections[pfn / PMM_SECTION_PAGES];

	return &s->pages[pfn - s->first_pfn];
}

/* The lock of a table that a walk has come to. What the caller holds keeps it alive (race pgtable-free). */
static inline void pt_lock(struct page *t)
{
	spin_lock(&t->ptl);
	DEBUG_ASSERT(t->flags & PAGE_PGTABLE);
}

/* One level down; false: no table there, or a huge leaf. */
static inline __attribute__((always_inline)) bool pt_descend(paddr_t *table, uaddr_t a, unsigned level)
{
	pte_t e = pte_load(&pt_table(*table)[pt_index(a, level)]);

	*table = pte_paddr(e);
	return pte_is_table(e);
}

/* pt_walk for a 4 KiB leaf whose tables are all there, without a loop; false: take the long way. For faults. */
static inline __attribute__((always_inline)) bool pt_walk_present(
	paddr_t table, uaddr_t a, struct pt_slot *out)
{
	if (unlikely(!pt_descend(&table, a, 3) || !pt_descend(&table, a, 2) || !pt_descend(&table, a, 1)))
		return false;
	out->slot = &pt_table(table)[pt_index(a, 0)];
	out->table = pt_page(table);
	out->order = 0;
	return true;
}

/* The same for a 2 MiB slot. */
static inline bool pt_walk_huge_present(paddr_t table, uaddr_t a, struct pt_slot *out)
{
	if (unlikely(!pt_descend(&table, a, 3) || !pt_descend(&table, a, 2)))
		return false;
	*out = (struct pt_slot){&pt_table(table)[pt_index(a, 1)], pt_page(table), HUGE_ORDER};
	return true;
}

/* First address past the entry of `a` at `level`. */
static inline u64 pt_next(u64 a, unsigned level)
{
	return ALIGN_DOWN(a, 1ull << PT_LEVEL_SHIFT(level)) + (1ull << PT_LEVEL_SHIFT(level));
}

/*
 * The entries of one table in [a, end), `size` bytes of address each, s being the first. Looks at them under the table's lock
 * until as many were seen as the table has. Returns where it ended: end, or the address that it will not pass now. `size` was read without
 * the lock: under it, pt_was_split() tells whether s is no leaf of that size any more, and then it returns a.
 */
typedef u64 (*pt_leaves_fn)(void *arg, struct page *table, pte_slot_t *s, u64 a, u64 end, u64 size);

static inline bool pt_was_split(const pte_slot_t *s, u64 size)
{
	return unlikely(size != PAGE_SIZE) && pte_is_table(pte_peek_locked(s));
}

/* Calls fn for each table with leaves in [start, stop): for a run of 4 KiB entries, or for one 2 MiB entry. Ends where fn does. */
static inline __attribute__((always_inline)) uaddr_t pt_for_each_table(
	paddr_t root, uaddr_t start, uaddr_t stop, pt_leaves_fn fn, void *arg)
{
	u64 a = start.v, end = stop.v;

	while (a < end) {
		paddr_t table = root;
		unsigned level = 3;
		pte_slot_t *s;
		pte_t e;

		for (;; level--) {
			s = &pt_table(table)[pt_index(UADDR(a), level)];
			e = pte_load(s);
			if (!pte_present(e) || pte_huge(e) || level == 1)
				break;
			table = pte_paddr(e);
		}
		u64 next = MIN(pt_next(a, level), end);
		if (!pte_present(e)) {
			a = next;
			continue;
		}
		if (unlikely(pte_huge(e))) {
			a = fn(arg, pt_page(table), s, a, next, HUGE_SIZE);
			if (a < next && pte_is_table(pte_load(s)))
				continue;
		} else {
			table = pte_paddr(e);
			a = fn(arg, pt_page(table), &pt_table(table)[pt_index(UADDR(a), 0)], a, next,
				PAGE_SIZE);
		}
		if (a < next)
			break;
	}
	return UADDR(a);
}

#endif
