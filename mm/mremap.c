/* SPDX-License-Identifier: MIT */
/*
 * mremap: growing, shrinking and moving a mapping. Client: the mremap system call, the explorer.
 *
 * Rules
 * - Only entries that hold a page of their own (PTE_SW_ANON: anonymous memory and private copies) move. Entries of file pages are
 *   cleared and faulted in again at the new place, as after fork.
 * - A private file mapping enters the reverse map at its new place, loses its entries at the old one and gets them at the new one
 *   under one exclusive hold of the rmap lock, shootdown included. So a truncate that takes private copies away walks before all
 *   that, or after, and never between two places (race mremap-move).
 * - Whatever can fail comes before the first entry moves: the VMA, and the page tables at the new place.
 * - The old VMA leaves the tree before its entries are looked at: no fault adds one behind the move. A fault that misses it there
 *   waits for mm->lock and then sees the result.
 *
 * Locks: mm->lock for writing, the VMA's, rmap lock, ptl (one at a time: entries are taken out in batches).
 */
#include "kernel/log.h"
#include "lib/errno.h"
#include "mm/priv.h"
#include "mm/visit.h"

#define BATCH 32

/* The free space round [start, end), which no VMA touches. */
static void free_round(const struct mm *mm, uaddr_t start, uaddr_t *floor, uaddr_t *ceiling)
{
	struct vma *next = vma_find(mm, start), *prev;

	if (next) {
		prev = vma_prev(next);
	} else {
		struct tree_node *n = tree_last(&mm->vmas);

		prev = n ? CONTAINER_OF(n, struct vma, node) : NULL;
	}
	*floor = prev ? prev->end : UADDR(0);
	*ceiling = next ? next->start : UADDR(USER_HALF_END);
}

/* Frees the empty tables of a range in which no VMA is, neither in the tree nor in a reverse map. */
static void unlink_tables(struct mm *mm, uaddr_t start, uaddr_t end)
{
	struct tlb_gather g;
	uaddr_t floor, ceiling;

	free_round(mm, start, &floor, &ceiling);
	tlb_gather_init(&g, mm);
	pt_unlink_tables(&g, start, end, floor, ceiling);
	tlb_gather_finish(&g);
}

/* A move: from v to n, which begins `up` bytes above it (modulo 2^64). */
struct move {
	struct vma *v, *n;
	u64 up;
	u64 span_end; /* the table at the new place is there up to this address */
	struct tlb_gather g;
	unsigned nr; /* of the batch */
	struct {
		uaddr_t a;
		pte_t e;
	} taken[BATCH];
};

static pte_t needs_table(void *arg, uaddr_t a, unsigned order UNUSED, pte_t e)
{
	const struct move *m = arg;

	return (e.v & PTE_SW_ANON) && a.v + m->up >= m->span_end ? PTE_STOP : e;
}

/* Tables at the new place for every entry that will move. */
static int make_tables(struct move *m)
{
	uaddr_t a = m->v->start;

	m->span_end = 0;
	while ((a = pt_visit(m->v->mm->root, a, m->v->end, needs_table, m)).v < m->v->end.v) {
		uaddr_t to = UADDR(a.v + m->up);
		struct pt_slot slot;
		int err = pt_walk(m->v->mm->root, to, 0, true, &slot);

		if (err)
			return err;
		m->span_end = ALIGN_DOWN(to.v, HUGE_SIZE) + HUGE_SIZE;
	}
	return 0;
}

static pte_t take_entry(void *arg, uaddr_t a, unsigned order, pte_t e)
{
	struct move *m = arg;

	if (e.v & PTE_SW_ANON) {
		if (m->nr == BATCH)
			return PTE_STOP;
		m->taken[m->nr].a = a;
		m->taken[m->nr++].e = e;
	}
	tlb_gather_page(&m->g, a, order);
	return (pte_t){0};
}

static void put_entries(struct move *m)
{
	for (unsigned i = 0; i < m->nr; i++) {
		struct pt_slot to;
		int err = pt_walk(m->n->mm->root, UADDR(m->taken[i].a.v + m->up), 0, false, &to);

		BUG_ON(err); /* make_tables() has made them */
		pt_lock(to.table);
		pte_store(to.slot, m->taken[i].e);
		to.table->pt_entries++;
		spin_unlock(&to.table->ptl);
	}
	m->nr = 0;
}

/* v has left the tree. The entries go over, or are gone; shot down when this returns. */
static void move_entries(struct move *m)
{
	struct rmap *r = m->n->rmap;
	uaddr_t a = m->v->start;

	if (r) {
		rwsem_write_lock(&r->lock);
		rmap_add_locked(r, m->n);
	}
	tlb_gather_init(&m->g, m->v->mm);
	while (a.v < m->v->end.v) {
		a = pt_visit(m->v->mm->root, a, m->v->end, take_entry, m);
		if (r)
			PROTOCOL_STEP_ARG(MOVE_PTE, m->n->pgoff);
		put_entries(m);
	}
	tlb_gather_finish(&m->g);
	if (r)
		rwsem_write_unlock(&r->lock);
}

/* A VMA like v for [start, start + len), whose first page is the one that v shows at `a`. Not in the tree. */
static struct vma *new_vma(struct mm *mm, const struct vma *v, uaddr_t a, uaddr_t start, u64 len)
{
	struct vma *n = vma_alloc(mm);

	if (!n)
		return NULL;
	n->start = start;
	n->end = uaddr_add(start, len);
	n->flags = v->flags & ~(u32)VMA_STACK;
	n->pgoff = v->rmap ? vma_pgoff(v, a) : 0;
	n->rmap = v->rmap;
	n->file = v->file;
	n->inode = v->inode;
	n->ops = v->ops;
	return n;
}

/* The pages of v, all of it, go to [to, to + len), which is free. */
static int move_vma(struct mm *mm, struct vma *v, uaddr_t to, u64 len, bool keep_old, struct removed *list)
{
	struct move m = {.v = v, .n = new_vma(mm, v, v->start, to, len), .up = to.v - v->start.v};
	int err;

	if (!m.n)
		return -ENOMEM;
	vma_detach(mm, v);
	err = make_tables(&m);
	if (err) {
		vma_attach(mm,
			v); /* first: it is in its reverse map still, so the tables that it reaches into stay */
		unlink_tables(mm, to, m.n->end);
		vma_free(mm, m.n);
		return err;
	}
	if (m.n->ops)
		m.n->ops->open(m.n);
	move_entries(&m);
	vma_attach(mm, m.n);
	if (keep_old) {
		vma_attach(mm, v);
		return 0;
	}
	if (v->rmap)
		rmap_remove(v->rmap, v);
	unlink_tables(mm, v->start, v->end);
	v->free_next = list->first;
	list->first = v;
	return 0;
}

/* mremap with an old length of 0: v's pages from `a` on once more. */
static int duplicate(struct mm *mm, struct vma *v, uaddr_t a, uaddr_t to, u64 len)
{
	struct vma *n = new_vma(mm, v, a, to, len);

	if (!n)
		return -ENOMEM;
	if (n->ops)
		n->ops->open(n);
	if (n->rmap)
		rmap_add(n->rmap, n);
	vma_attach(mm, n);
	return 0;
}

/* As mmap would place it: with a file's colour where 2 MiB pages may come of it. */
static int find_place(struct mm *mm, const struct vma *v, uaddr_t a, u64 len, uaddr_t *to)
{
	if (v->rmap && len >= HUGE_SIZE &&
		!vma_find_hole(mm, len, HUGE_SIZE, vma_pgoff(v, a) << PAGE_SHIFT, 0, to))
		return 0;
	return vma_find_hole(mm, len, PAGE_SIZE, 0, 0, to);
}

/* Pages that the call adds. */
static u64 added_pages(const struct mremap_request *rq, u64 old_len)
{
	return (rq->new_len - (rq->keep_old ? 0 : old_len)) >> PAGE_SHIFT;
}

static long remap_locked(struct mm *mm, const struct mremap_request *rq, struct removed *list)
{
	u64 old_len = rq->old_len;
	uaddr_t to = rq->new_addr;
	bool move = rq->fixed || rq->keep_old;
	struct vma *v;
	int err = 0;

	if (mm->nr_vmas + 4 > MM_MAX_VMAS)
		return -ENOMEM;
	v = vma_find(mm, rq->addr);
	if (!v || v->start.v > rq->addr.v)
		return -EFAULT;
	if (rq->fixed)
		err = mm_unmap_locked(mm, to, uaddr_add(to, rq->new_len), list);
	if (!err && old_len > rq->new_len) {
		err = mm_unmap_locked(
			mm, uaddr_add(rq->addr, rq->new_len), uaddr_add(rq->addr, old_len), list);
		old_len = rq->new_len;
	}
	if (err)
		return err;
	if (!move && old_len == rq->new_len)
		return (long)rq->addr.v;
	v = vma_find(mm, rq->addr);
	if (!v || v->start.v > rq->addr.v || old_len > v->end.v - rq->addr.v)
		return -EFAULT;
	if (!old_len && !(v->flags & VMA_SHARED))
		return -EINVAL;
	if (v->rmap && vma_pgoff(v, rq->addr) + (rq->new_len >> PAGE_SHIFT) < vma_pgoff(v, rq->addr))
		return -EINVAL;
	if ((v->flags & VMA_LOCKED) && !mm_may_lock_more(mm, added_pages(rq, old_len)))
		return -EAGAIN;
	if (!mm_may_add(mm, added_pages(rq, old_len), v->flags))
		return -ENOMEM;
	if (!move && old_len == v->end.v - rq->addr.v && rq->addr.v <= USER_TOP - rq->new_len &&
		mm_is_free(mm, v->end, uaddr_add(rq->addr, rq->new_len))) {
		vma_resize(v, v->start, uaddr_add(rq->addr, rq->new_len));
		return (long)rq->addr.v;
	}
	if (!rq->may_move)
		return -ENOMEM;
	if (!rq->fixed)
		err = find_place(mm, v, rq->addr, rq->new_len, &to);
	if (!err && !old_len)
		err = duplicate(mm, v, rq->addr, to, rq->new_len);
	else if (!err && !(err = mm_split_borders(mm, rq->addr, uaddr_add(rq->addr, old_len), &v)))
		err = move_vma(mm, v, to, rq->new_len, rq->keep_old, list);
	return err ? err : (long)to.v;
}

static int check_request(const struct mremap_request *rq, uaddr_t *old_end, uaddr_t *new_end)
{
	if (!rq->new_len || (rq->fixed && !rq->may_move) ||
		(rq->keep_old && (!rq->may_move || rq->old_len != rq->new_len)))
		return -EINVAL;
	if (!mm_make_range(rq->addr, rq->old_len, old_end))
		return IS_ALIGNED(rq->addr.v, PAGE_SIZE) ? -EFAULT : -EINVAL;
	if (rq->new_len > USER_TOP)
		return rq->fixed ? -EINVAL : -ENOMEM;
	if (!rq->fixed)
		return 0;
	if (!mm_make_range(rq->new_addr, rq->new_len, new_end))
		return -EINVAL;
	if (rq->new_addr.v < MM_MMAP_MIN)
		return -EPERM;
	return old_end->v > rq->new_addr.v && new_end->v > rq->addr.v ? -EINVAL : 0;
}

long mm_remap(struct mm *mm, const struct mremap_request *request)
{
	struct mremap_request rq = *request;
	struct removed list = {0};
	uaddr_t old_end, new_end;
	int err;
	long ret;

	if (rq.old_len <= USER_TOP)
		rq.old_len = ALIGN_UP(rq.old_len, PAGE_SIZE);
	if (rq.new_len <= USER_TOP)
		rq.new_len = ALIGN_UP(rq.new_len, PAGE_SIZE);
	err = check_request(&rq, &old_end, &new_end);
	if (err)
		return err;
	rwsem_write_lock(&mm->lock);
	ret = remap_locked(mm, &rq, &list);
	rwsem_write_unlock(&mm->lock);
	mm_close_removed(mm, &list);
	return ret;
}
