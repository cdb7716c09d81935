/* SPDX-License-Identifier: MIT */
/*
 * Page-table pages: making, walking, visiting, freeing. Clients: fault, mmap, fork, rmap.
 *
 * Rules
 * - A page-table page is a pmm page with PAGE_PGTABLE; pt_entries counts its entries that are not empty
 *   (in the root: of the user half), so "is it empty" costs nothing.
 * - A table is linked into its parent under the parent's ptl, complete and zeroed. It is unlinked only
 *   by whoever removed the last VMA that touches its span from tree and reverse map, so nobody can be
 *   inside it; the CPUs' paging-structure caches are flushed before the page goes back (any INVLPG
 *   flushes them all: SDM vol. 3, 4.10.4.1).
 *
 * Locks: one ptl at a time (RANK_PGTABLE), but for fork, which holds the child's and then the parent's.
 */
#include "mm/pagetable.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/tlb.h"
#include "mm/visit.h"

static const struct lock_class ptl_class = {"page-table", RANK_PGTABLE, true};

static struct page *new_table(void)
{
	struct page *p = pmm_alloc_zeroed(0);

	if (p) {
		p->flags |= PAGE_PGTABLE;
		p->pt_entries = 0;
		spin_init(&p->ptl, &ptl_class);
	}
	return p;
}

static void free_table(struct page *p)
{
	DEBUG_ASSERT(p->pt_entries == 0);
	p->flags &= (u8)~PAGE_PGTABLE;
	pmm_free(p, 0);
}

paddr_t pgtable_new_root(void)
{
	struct page *p = new_table();

	if (!p)
		return PADDR_NONE;
	u64 *to = page_to_virt(p);
	const u64 *from = phys_to_virt(cpu_kernel_root());
	memcpy(to + PT_ENTRIES / 2, from + PT_ENTRIES / 2, PAGE_SIZE / 2);
	return page_to_paddr(p);
}

void pgtable_free_root(paddr_t root)
{
	free_table(paddr_to_page(root));
}

static pte_t table_entry(const struct page *p)
{
	return pte_make(page_to_paddr(p), PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED);
}

/* Links a new table below `slot` of `parent` unless somebody was faster. */
static int make_table(pte_slot_t *slot, struct page *parent)
{
	struct page *p = new_table();

	if (!p)
		return -ENOMEM;
	spin_lock(&parent->ptl);
	if (!pte_peek_locked(slot).v) {
		pte_store(slot, table_entry(p));
		parent->pt_entries++;
		p = NULL;
	}
	spin_unlock(&parent->ptl);
	if (p)
		free_table(p);
	return 0;
}

int pt_walk(paddr_t root, uaddr_t a, unsigned order, bool create, struct pt_slot *out)
{
	const unsigned target = order / 9;
	paddr_t table = root;

	for (unsigned level = 3;; level--) {
		pte_slot_t *slot = &pt_table(table)[pt_index(a, level)];
		pte_t e;

		if (level == target) {
			*out = (struct pt_slot){slot, paddr_to_page(table), order};
			return 0;
		}
		while (e = pte_load(slot), unlikely(!pte_present(e))) {
			if (!create)
				return -ENOENT;
			int err = make_table(slot, paddr_to_page(table));
			if (err)
				return err;
		}
		if (unlikely(pte_huge(e))) {
			*out = (struct pt_slot){slot, paddr_to_page(table), 9};
			return 0;
		}
		table = pte_paddr(e);
	}
}

/* Puts a table in place of the 2 MiB leaf of a, if that still stands in pt. */
static int split_leaf(struct mm *mm, uaddr_t a, const struct pt_slot *pt)
{
	struct page *p = new_table();
	struct tlb_gather g;

	if (!p)
		return -ENOMEM;
	tlb_gather_init(&g, mm);
	pt_lock(pt->table);
	if (pte_huge(pte_peek_locked(pt->slot))) {
		pte_exchange(pt->slot, table_entry(p));
		tlb_gather_page(&g, UADDR(ALIGN_DOWN(a.v, HUGE_SIZE)), 9);
		p = NULL;
	}
	spin_unlock(&pt->table->ptl);
	tlb_gather_finish(&g);
	if (p)
		free_table(p);
	return 0;
}

int pt_split(struct mm *mm, uaddr_t a, const struct pt_slot *pt)
{
	pte_t e;
	int err = 0;

	while (!err && (e = pte_load(pt->slot), !pte_is_table(e)))
		err = e.v ? split_leaf(mm, a, pt) : make_table(pt->slot, pt->table);
	return err;
}

struct visit {
	pt_visit_fn fn;
	void *arg;
};

static inline u64 visit_leaves(void *arg, struct page *t, pte_slot_t *s, u64 a, u64 end, u64 size)
{
	struct visit *v = arg;

	pt_lock(t);
	if (pt_was_split(s, size))
		goto out;
	for (unsigned left = t->pt_entries; a < end && left; a += size, s++) {
		pte_t e = pte_peek_locked(s);

		if (!e.v)
			continue;
		left--;
		pte_t n = v->fn(v->arg, UADDR(ALIGN_DOWN(a, size)), size == PAGE_SIZE ? 0 : 9, e);
		if (n.v == PTE_STOP.v)
			goto out;
		if (n.v == e.v)
			continue;
		pte_exchange(s, n);
		if (!n.v)
			t->pt_entries--;
	}
	a = end;
out:
	spin_unlock(&t->ptl);
	return a;
}

uaddr_t pt_visit(paddr_t root, uaddr_t start, uaddr_t end, pt_visit_fn fn, void *arg)
{
	struct visit v = {fn, arg};

	return pt_for_each_table(root, start, end, visit_leaves, &v);
}

/* What pt_unlink_tables is doing. */
struct unlink {
	struct tlb_gather *g;
	u64 start, end, floor, ceiling;
};

/* Unlinks the empty tables below `table`, which stands at `level` and whose span begins at `base`. Depth: 3. */
static void unlink_below(struct unlink *u, paddr_t table, unsigned level, u64 base)
{
	const u64 size = 1ull << PT_LEVEL_SHIFT(level);
	u64 a = MAX(ALIGN_DOWN(u->start, size), base);
	u64 end = MIN(u->end, base + (u64)PT_ENTRIES * size);
	pte_slot_t *slot = &pt_table(table)[pt_index(UADDR(a), level)];
	struct page *t = pt_page(table);

	for (unsigned left = t->pt_entries; a < end && left; a += size, slot++) {
		pte_t e = pte_peek_locked(slot); /* nobody else changes entries of this range */

		if (!e.v)
			continue;
		left--;
		if (pte_huge(e))
			continue;
		struct page *child = pt_page(pte_paddr(e));
		if (level > 1)
			unlink_below(u, pte_paddr(e), level - 1, a);
		if (child->pt_entries || a < u->floor || a + size > u->ceiling)
			continue;
		spin_lock(&t->ptl);
		pte_exchange(slot, (pte_t){0});
		t->pt_entries--;
		spin_unlock(&t->ptl);
		child->flags &= (u8)~PAGE_PGTABLE;
		tlb_gather_page(u->g, UADDR(a), 0);
		tlb_gather_free(u->g, child);
	}
}

void pt_unlink_tables(struct tlb_gather *g, uaddr_t start, uaddr_t end, uaddr_t floor, uaddr_t ceiling)
{
	/* The smallest tables span 2 MiB: where none fits there is nothing to look for. */
	u64 first = ALIGN_DOWN(start.v, HUGE_SIZE), last = ALIGN_UP(end.v, HUGE_SIZE);
	if (first < floor.v)
		first += HUGE_SIZE;
	if (last > ceiling.v)
		last -= HUGE_SIZE;
	if (first >= last)
		return;

	struct unlink u = {g, start.v, end.v, floor.v, ceiling.v};
	unlink_below(&u, g->mm->root, 3, 0);
}
