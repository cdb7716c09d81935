/* SPDX-License-Identifier: MIT */
/*
 * Reverse map: see mm/rmap.h. Clients: DAX (truncate, punch, write, fsync, oracles), mmap and fork.
 *
 * Rules
 * - A VMA is in its file's tree from before its first entry until its last entry is gone and shot down.
 *   Splitting is one step under the exclusive lock, so a walker finds every page in one of the halves.
 * - A VMA in the tree keeps its mm, its page-table pages and its translation (start, pgoff) unchanged:
 *   whoever changes these takes the lock exclusively first.
 * - The cost of a walk is that of the VMAs and page-table entries in the asked range, not in the file.
 * - An entry that somebody else has changed and not shot down yet counts as changed by the walk.
 * - A 2 MiB entry that the range covers in part changes as a whole: unmapped, it faults in again; write-protected, the next store
 *   anywhere in it is noticed once more.
 * - A walk returns after the shootdowns; entries of one mm in neighbouring VMAs share one.
 *
 * Locks: rmap->lock (RANK_RMAP), then ptl. Waiting for a shootdown under the rmap lock is fine: it
 * sleeps, and no CPU needs it to answer.
 */
#include "mm/rmap.h"
#include "kernel/log.h"
#include "mm/poison.h"
#include "mm/priv.h"
#include "mm/visit.h"

static const struct lock_class rmap_class = {"rmap", RANK_RMAP, false};

void rmap_init(struct rmap *r)
{
	rwsem_init(&r->lock, &rmap_class);
	r->vmas.tree.root = NULL;
	poison_register(r);
}

void rmap_destroy(struct rmap *r)
{
	poison_unregister(r);
}

void rmap_add_locked(struct rmap *r, struct vma *v)
{
	DEBUG_ASSERT(rwsem_write_held(&r->lock));
	v->rmap_node.first = v->pgoff;
	v->rmap_node.last = v->pgoff + vma_pages(v) - 1;
	interval_insert(&r->vmas, &v->rmap_node);
}

void rmap_add(struct rmap *r, struct vma *v)
{
	rwsem_write_lock(&r->lock);
	rmap_add_locked(r, v);
	rwsem_write_unlock(&r->lock);
}

void rmap_remove(struct rmap *r, struct vma *v)
{
	rwsem_write_lock(&r->lock);
	interval_remove(&r->vmas, &v->rmap_node);
	rwsem_write_unlock(&r->lock);
}

void rmap_split(struct vma *v, struct vma *upper, uaddr_t at)
{
	struct rmap *r = v->rmap;

	rwsem_write_lock(&r->lock);
	interval_remove(&r->vmas, &v->rmap_node);
	__atomic_store_n(&v->end.v, at.v, __ATOMIC_RELAXED); /* vma_lock_at peeks */
	rmap_add_locked(r, v);
	rmap_add_locked(r, upper);
	rwsem_write_unlock(&r->lock);
}

void rmap_set_end(struct vma *v, uaddr_t end)
{
	rwsem_write_lock(&v->rmap->lock);
	interval_remove(&v->rmap->vmas, &v->rmap_node);
	__atomic_store_n(&v->end.v, end.v, __ATOMIC_RELAXED); /* vma_lock_at peeks */
	rmap_add_locked(v->rmap, v);
	rwsem_write_unlock(&v->rmap->lock);
}

/* The addresses at which v shows pages of [first, last]; v overlaps. */
static void vma_range(const struct vma *v, u64 first, u64 last, uaddr_t *start, uaddr_t *end)
{
	first = MAX(first, v->rmap_node.first);
	last = MIN(last, v->rmap_node.last);
	*start = uaddr_add(v->start, (first - v->pgoff) << PAGE_SHIFT);
	*end = uaddr_add(v->start, (last + 1 - v->pgoff) << PAGE_SHIFT);
}

/* Runs fn over the range in every VMA, with a gather that changes with the mm. */
static u64 for_each_range(struct rmap *r, u64 first, u64 last,
	u64 (*fn)(struct tlb_gather *g, uaddr_t start, uaddr_t end, void *arg), void *arg)
{
	struct tlb_gather g = {.mm = NULL};
	u64 n = 0;

	rwsem_read_lock(&r->lock);
	for (struct interval_node *i = interval_first(&r->vmas, first, last); i;
		i = interval_next(i, first, last)) {
		struct vma *v = CONTAINER_OF(i, struct vma, rmap_node);
		uaddr_t start, end;

		if (g.mm != v->mm) {
			if (g.mm)
				tlb_gather_finish(&g);
			tlb_gather_init(&g, v->mm);
		}
		vma_range(v, first, last, &start, &end);
		n += fn(&g, start, end, arg);
		tlb_gather_join(&g, start, end);
	}
	if (g.mm)
		tlb_gather_finish(&g);
	rwsem_read_unlock(&r->lock);
	return n;
}

static u64 unmap_range(struct tlb_gather *g, uaddr_t start, uaddr_t end, void *arg)
{
	return zap_range(g, start, end, *(enum zap_what *)arg);
}

u64 rmap_unmap(struct rmap *r, u64 first, u64 last, enum rmap_what what)
{
	enum zap_what zap = what == RMAP_ALL ? ZAP_ALL : what == RMAP_FILE ? ZAP_FILE : ZAP_ZERO_PAGES;

	return for_each_range(r, first, last, unmap_range, &zap);
}

struct unmap_frame {
	struct tlb_gather *g;
	paddr_t frame;
	u64 cleared;
};

static inline u64 unmap_frame_leaves(void *arg, struct page *t, pte_slot_t *s, u64 a, u64 end, u64 size)
{
	struct unmap_frame *u = arg;

	pt_lock(t);
	if (pt_was_split(s, size)) {
		spin_unlock(&t->ptl);
		return a;
	}
	for (unsigned left = t->pt_entries; a < end && left; a += size, s++) {
		pte_t e = pte_peek_locked(s);

		if (!e.v)
			continue;
		left--;
		if (pte_kind(e) != PTE_PMEM || u->frame.v - pte_paddr(e).v >= size)
			continue;
		pte_exchange(s, (pte_t){0});
		t->pt_entries--;
		tlb_gather_page(u->g, UADDR(ALIGN_DOWN(a, size)), size == PAGE_SIZE ? 0 : HUGE_ORDER);
		u->cleared++;
	}
	spin_unlock(&t->ptl);
	return end;
}

static u64 unmap_frame_range(struct tlb_gather *g, uaddr_t start, uaddr_t end, void *arg)
{
	struct unmap_frame u = {g, *(paddr_t *)arg, 0};

	pt_for_each_table(g->mm->root, start, end, unmap_frame_leaves, &u);
	return u.cleared;
}

u64 rmap_unmap_frame(struct rmap *r, paddr_t frame)
{
	return for_each_range(r, 0, ~0ull, unmap_frame_range, &frame);
}

struct wrprotect {
	struct tlb_gather *g;
	u64 changed;
};

/* File pages only: private copies are not the file's. */
static inline __attribute__((always_inline)) u64 wrprotect_leaves(
	void *arg, struct page *t, pte_slot_t *s, u64 a, u64 end, u64 size)
{
	struct wrprotect *w = arg;

	pt_lock(t);
	if (pt_was_split(s, size)) {
		spin_unlock(&t->ptl);
		return a;
	}
	for (unsigned left = t->pt_entries; a < end && left; a += size, s++) {
		pte_t e = pte_peek_locked(s);

		if (!e.v)
			continue;
		left--;
		if ((e.v & PTE_SW_ANON) || !(e.v & (PTE_WRITE | PTE_DIRTY)))
			continue;
		pte_exchange(s, (pte_t){e.v & ~(PTE_WRITE | PTE_DIRTY)});
		tlb_gather_page(w->g, UADDR(ALIGN_DOWN(a, size)), size == PAGE_SIZE ? 0 : 9);
		w->changed++;
	}
	spin_unlock(&t->ptl);
	return end;
}

static u64 wrprotect_range(struct tlb_gather *g, uaddr_t start, uaddr_t end, void *arg UNUSED)
{
	struct wrprotect w = {g, 0};

	pt_for_each_table(g->mm->root, start, end, wrprotect_leaves, &w);
	return w.changed;
}

u64 rmap_wrprotect(struct rmap *r, u64 first, u64 last)
{
	return for_each_range(r, first, last, wrprotect_range, NULL);
}

struct visit {
	struct vma *v;
	void (*fn)(void *arg, struct vma *v, u64 pgoff, u64 pte);
	void *arg;
};

static pte_t visit_entry(void *arg, uaddr_t a, unsigned order UNUSED, pte_t e)
{
	struct visit *x = arg;

	if (pte_present(e))
		x->fn(x->arg, x->v, vma_pgoff(x->v, a), e.v);
	return e;
}

void rmap_visit(struct rmap *r, u64 first, u64 last, void (*fn)(void *arg, struct vma *v, u64 pgoff, u64 pte),
	void *arg)
{
	rwsem_read_lock(&r->lock);
	for (struct interval_node *i = interval_first(&r->vmas, first, last); i;
		i = interval_next(i, first, last)) {
		struct visit x = {CONTAINER_OF(i, struct vma, rmap_node), fn, arg};
		uaddr_t start, end;

		vma_range(x.v, first, last, &start, &end);
		pt_visit(x.v->mm->root, start, end, visit_entry, &x);
	}
	rwsem_read_unlock(&r->lock);
}
