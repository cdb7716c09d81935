/* SPDX-License-Identifier: MIT */
/*
 * VMAs: their tree, their locks, the look-up of a fault. Clients: fault, mmap, fork.
 *
 * Rules
 * - The tree is ordered by address; VMAs do not overlap. Each node knows the span of its subtree and
 *   the largest hole inside, so a place for a new mapping is found in O(log n).
 * - A fault finds its VMA without a lock. The tree may change meanwhile; a VMA's memory stays a VMA of
 *   the same mm as long as the mm lives. So the fault locks what it found, and then `detached` false
 *   and the borders say whether it is the right one: both change only under the lock that it now holds
 *   shared. Not found, or not lockable at once: again under mm->lock, which answers for sure.
 * - A VMA that comes from the free list is filled completely before `detached` turns false; a late
 *   reader that still holds its lock from an earlier life sees `detached` or a complete VMA.
 *
 * The per-VMA lock is one word: readers counted in the low half, WRITER above. There is one writer at
 * most, since it holds mm->lock. A reader that meets WRITER backs out and waits for mm->lock instead;
 * the writer waits on mm->vma_wait. No wake-up is lost: the writer sets WRITER before it looks at the
 * count, a reader looks at WRITER in the same instruction that drops its count.
 *
 * Locks: mm->lock (RANK_MM), VMA lock (RANK_VMA; fork takes all of an mm in address order), rmap lock.
 */
#include "kernel/log.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/priv.h"

#define WRITER (1ull << 32)
#define READERS (WRITER - 1)

static const struct lock_class vma_class = {"vma", RANK_VMA, false};

static struct vma *entry(struct tree_node *n)
{
	return n ? CONTAINER_OF(n, struct vma, node) : NULL;
}

/* --- the lock --- */

static bool read_trylock(struct vma *v)
{
	SHARED_WRITE(&v->lock_state);
	u64 old = atomic_fetch_add_explicit(&v->lock_state, 1, memory_order_acquire);

	if (likely(!(old & WRITER))) {
		lockdep_acquire(&v->lock_state, &vma_class, true);
		return true;
	}
	SHARED_WRITE(&v->lock_state);
	if (atomic_fetch_sub(&v->lock_state, 1) == (WRITER | 1))
		waitq_wake_all(&v->mm->vma_wait);
	return false;
}

void vma_read_unlock(struct vma *v)
{
	struct mm *mm = v->mm;

	lockdep_release(&v->lock_state, &vma_class);
	SHARED_WRITE(&v->lock_state);
	if (unlikely(atomic_fetch_sub_explicit(&v->lock_state, 1, memory_order_acq_rel) == (WRITER | 1)))
		waitq_wake_all(&mm->vma_wait);
}

static bool has_readers(struct vma *v)
{
	SHARED_READ(&v->lock_state);
	return atomic_load(&v->lock_state) & READERS;
}

static void write_lock(struct vma *v)
{
	DEBUG_ASSERT(rwsem_write_held(&v->mm->lock));
	SHARED_WRITE(&v->lock_state);
	u64 old = atomic_fetch_or(&v->lock_state, WRITER);
	DEBUG_ASSERT(!(old & WRITER));
	if (unlikely(old))
		WAIT_EVENT(&v->mm->vma_wait, !has_readers(v));
}

static void write_unlock(struct vma *v)
{
	SHARED_WRITE(&v->lock_state);
	atomic_fetch_and_explicit(&v->lock_state, ~WRITER, memory_order_release);
}

void vma_write_lock(struct vma *v)
{
	lockdep_acquire(&v->lock_state, &vma_class, false);
	write_lock(v);
}

void vma_write_unlock(struct vma *v)
{
	lockdep_release(&v->lock_state, &vma_class);
	write_unlock(v);
}

void vma_write_lock_all(struct mm *mm)
{
	lockdep_acquire(&mm->vmas, &vma_class, false); /* one entry for all of them */
	for (struct vma *v = vma_first(mm); v; v = vma_next(v))
		write_lock(v);
}

void vma_write_unlock_all(struct mm *mm)
{
	for (struct vma *v = vma_first(mm); v; v = vma_next(v))
		write_unlock(v);
	lockdep_release(&mm->vmas, &vma_class);
}

/* --- look-up --- */

static inline u64 peek(const u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* Without a lock: a VMA that seems to span a. */
static struct vma *peek_at(struct mm *mm, uaddr_t a)
{
	struct tree_node *n = tree_peek(&mm->vmas.root);

	while (n) {
		struct vma *v = entry(n);

		if (a.v < peek(&v->start.v))
			n = tree_peek(&n->child[0]);
		else if (a.v >= peek(&v->end.v))
			n = tree_peek(&n->child[1]);
		else
			return v;
	}
	return NULL;
}

static struct vma *lock_at_slow(struct mm *mm, uaddr_t a)
{
	rwsem_read_lock(&mm->lock);
	struct vma *v = vma_find(mm, a);

	if (v && v->start.v > a.v)
		v = NULL;
	if (v) { /* there is no writer while we hold mm->lock */
		bool locked = read_trylock(v);
		BUG_ON(!locked);
	}
	rwsem_read_unlock(&mm->lock);
	return v;
}

struct vma *vma_lock_at(struct mm *mm, uaddr_t a)
{
	struct vma *v = peek_at(mm, a);

	if (likely(v && read_trylock(v))) {
		if (likely(!atomic_load_explicit(&v->detached, memory_order_acquire) && a.v >= v->start.v &&
			    a.v < v->end.v))
			return v;
		vma_read_unlock(v);
	}
	return lock_at_slow(mm, a);
}

struct vma *vma_find(const struct mm *mm, uaddr_t a)
{
	struct vma *best = NULL;

	for (struct tree_node *n = mm->vmas.root; n;) {
		struct vma *v = entry(n);

		if (v->end.v > a.v) {
			best = v;
			n = n->child[0];
		} else {
			n = n->child[1];
		}
	}
	return best;
}

struct vma *vma_next(const struct vma *v)
{
	return entry(tree_next(&v->node));
}

struct vma *vma_prev(const struct vma *v)
{
	return entry(tree_prev(&v->node));
}

struct vma *vma_first(const struct mm *mm)
{
	return entry(tree_first(&mm->vmas));
}

/* --- life --- */

struct vma *vma_alloc(struct mm *mm)
{
	struct vma *v;

	SHARED_READ(&mm->free_vmas);
	v = atomic_load_explicit(&mm->free_vmas, memory_order_acquire);
	if (mm->nr_vmas >= MM_MAX_VMAS)
		return NULL;
	/* Only we take nodes off, so the head cannot go away and come back meanwhile. */
	while (v) {
		SHARED_WRITE(&mm->free_vmas);
		if (atomic_compare_exchange_weak(&mm->free_vmas, &v, v->free_next))
			return v;
	}
	v = kzalloc(sizeof(*v));
	if (v) {
		v->mm = mm;
		atomic_init(&v->detached, true);
	}
	return v;
}

void vma_free(struct mm *mm, struct vma *v)
{
	v->rmap = NULL;
	v->file = NULL;
	v->inode = NULL;
	v->ops = NULL;
	v->pgoff = 0;
	SHARED_READ(&mm->free_vmas);
	v->free_next = atomic_load_explicit(&mm->free_vmas, memory_order_relaxed);
	do
		SHARED_WRITE(&mm->free_vmas);
	while (!atomic_compare_exchange_weak(&mm->free_vmas, &v->free_next, v));
}

/* --- tree --- */

static bool augment(struct tree_node *n)
{
	struct vma *v = entry(n), *l = entry(n->child[0]), *r = entry(n->child[1]);
	u64 first = v->start.v, last = v->end.v, gap = 0;

	if (l) {
		first = l->tree_first;
		gap = MAX(l->tree_gap, v->start.v - l->tree_last);
	}
	if (r) {
		last = r->tree_last;
		gap = MAX(gap, MAX(r->tree_gap, r->tree_first - v->end.v));
	}
	bool changed = v->tree_first != first || v->tree_last != last || v->tree_gap != gap;
	v->tree_first = first;
	v->tree_last = last;
	v->tree_gap = gap;
	return changed;
}

void vma_attach(struct mm *mm, struct vma *v)
{
	struct tree_node *parent = NULL, *at = mm->vmas.root;
	int dir = 0;

	while (at) {
		parent = at;
		dir = v->start.v >= entry(at)->end.v;
		DEBUG_ASSERT(dir || v->end.v <= entry(at)->start.v);
		at = at->child[dir];
	}
	tree_insert(&mm->vmas, parent, dir, &v->node, augment);
	mm->nr_vmas++;
	mm->total_pages += vma_pages(v);
	atomic_store_explicit(&v->detached, false, memory_order_release);
}

void vma_detach(struct mm *mm, struct vma *v)
{
	vma_write_lock(v);
	atomic_store_explicit(&v->detached, true, memory_order_relaxed);
	tree_remove(&mm->vmas, &v->node, augment);
	vma_write_unlock(v);
	mm->nr_vmas--;
	mm->total_pages -= vma_pages(v);
}

/* start and end are read without the lock by peek_at: single stores, each of a value that was or will
 * be right. */
static void set_borders(struct vma *v, uaddr_t start, uaddr_t end)
{
	__atomic_store_n(&v->start.v, start.v, __ATOMIC_RELAXED);
	__atomic_store_n(&v->end.v, end.v, __ATOMIC_RELAXED);
}

void vma_resize(struct vma *v, uaddr_t start, uaddr_t end)
{
	DEBUG_ASSERT(!v->rmap || start.v == v->start.v);
	vma_write_lock(v);
	v->mm->total_pages -= vma_pages(v);
	if (v->rmap)
		rmap_set_end(v, end);
	else
		set_borders(v, start, end);
	v->mm->total_pages += vma_pages(v);
	tree_update(&v->node, augment);
	vma_write_unlock(v);
}

int vma_split(struct vma *v, uaddr_t a)
{
	struct mm *mm = v->mm;
	struct vma *n = vma_alloc(mm);

	if (!n)
		return -ENOMEM;
	n->flags = v->flags;
	n->rmap = v->rmap;
	n->file = v->file;
	n->inode = v->inode;
	n->ops = v->ops;
	n->start = a;
	n->end = v->end;
	n->pgoff = vma_pgoff(v, a);
	if (n->ops)
		n->ops->open(n);
	vma_write_lock(v);
	mm->total_pages -= vma_pages(n);
	if (v->rmap)
		rmap_split(v, n, a);
	else
		set_borders(v, v->start, a);
	tree_update(&v->node, augment);
	vma_attach(mm, n);
	vma_write_unlock(v);
	return 0;
}

bool vma_can_merge(const struct vma *a, const struct vma *b)
{
	return a && b && !a->ops && !b->ops && a->end.v == b->start.v && a->flags == b->flags &&
		!(a->flags & VMA_STACK);
}

/* --- holes --- */

struct hole_search {
	u64 len, align, colour, top;
};

/* Highest fitting address in [lo, hi), or 0. */
static u64 fit(const struct hole_search *s, u64 lo, u64 hi)
{
	hi = MIN(hi, s->top);
	if (hi < lo || hi - lo < s->len)
		return 0;
	u64 a = hi - s->len;
	u64 down = (a - s->colour) & (s->align - 1);
	return a - lo >= down ? a - down : 0;
}

/* Highest fitting address below `hi` and above `lo` in the subtree of n and at its edges, or 0. Depth:
 * the tree's height. */
static u64 hole_in(const struct hole_search *s, struct tree_node *n, u64 lo, u64 hi)
{
	if (!n)
		return fit(s, lo, hi);

	struct vma *v = entry(n);
	if (v->tree_gap < s->len && v->tree_first - lo < s->len && hi - v->tree_last < s->len)
		return 0;
	u64 a = hole_in(s, n->child[1], v->end.v, hi);
	return a ? a : hole_in(s, n->child[0], lo, v->start.v);
}

int vma_find_hole(const struct mm *mm, u64 len, u64 align, u64 colour, u64 below, uaddr_t *out)
{
	u64 top = below ? MIN(below, mm->mmap_top.v) : mm->mmap_top.v;
	struct hole_search s = {len, align, colour & (align - 1), top};
	/* VMAs below MM_MMAP_MIN do not exist, those above USER_TOP neither. */
	u64 a = hole_in(&s, mm->vmas.root, MM_MMAP_MIN, USER_TOP);

	if (!a)
		return -ENOMEM;
	*out = UADDR(a);
	return 0;
}
