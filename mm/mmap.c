/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: making and ending them, mapping, unmapping, protection, the break. Clients: system
 * calls, exec, exit.
 *
 * Rules
 * - Checks and allocations come before the first change, so a call either happens or leaves everything
 *   as it was (but for VMAs that were split without need, which nobody can tell).
 * - Removal, in this order: VMA out of the tree (no fault can use it any more) -> entries cleared ->
 *   shootdown acknowledged -> VMA out of the reverse map (so truncate misses no entry and no stale TLB)
 *   -> empty page-table pages unlinked, shot down, freed (nobody walks them any more) -> mm->lock
 *   dropped -> ops->close, which may take inode locks and write.
 * - mprotect never makes an entry writable: the store faults, and mkwrite tags a shared file page dirty
 *   first (race mprotect-clean-writable); an anonymous page becomes writable by the same fault.
 * - A 2 MiB entry that the range covers only in part is removed: both parts fault in again, each with its own rights.
 *
 * Locks: mm->lock for writing throughout, VMA locks one at a time, rmap lock, ptl.
 */
#include "kernel/log.h"
#include "lib/errno.h"
#include "mm/kmem.h"
#include "mm/priv.h"

#define PROT_FLAGS (VMA_READ | VMA_WRITE | VMA_EXEC)

static const struct lock_class mm_class = {"mm", RANK_MM, false};

/* --- life --- */

struct mm *mm_create(void)
{
	struct mm *mm = kzalloc(sizeof(*mm));

	if (!mm)
		return NULL;
	mm->root = pgtable_new_root();
	if (mm->root.v == PADDR_NONE.v) {
		kfree(mm);
		return NULL;
	}
	rwsem_init(&mm->lock, &mm_class);
	waitq_init(&mm->vma_wait);
	mm->mmap_top = UADDR(MM_MMAP_TOP);
	atomic_init(&mm->refs, 1);
	return mm;
}

void mm_get(struct mm *mm)
{
	atomic_fetch_add_explicit(&mm->refs, 1, memory_order_relaxed);
}

void mm_remove_vma(struct mm *mm, struct vma *v, struct removed *list)
{
	vma_detach(mm, v);
	v->free_next = list->first;
	list->first = v;
	list->file |= v->rmap != NULL;
}

/* Takes the pages and tables of the VMAs away that are on the list before `older`, which was dealt with; [start, end) is their hull,
 * nothing else lies in [floor, ceiling). */
static void zap_removed(struct mm *mm, const struct removed *list, const struct vma *older, uaddr_t start,
	uaddr_t end, uaddr_t floor, uaddr_t ceiling)
{
	struct tlb_gather g;

	tlb_gather_init(&g, mm);
	for (struct vma *v = list->first; v != older; v = v->free_next)
		zap_range(&g, v->start, v->end, ZAP_ALL);
	if (list->file)
		tlb_gather_finish(&g);
	for (struct vma *v = list->first; v != older; v = v->free_next)
		if (v->rmap)
			rmap_remove(v->rmap, v);
	pt_unlink_tables(&g, start, end, floor, ceiling);
	tlb_gather_finish(&g);
}

void mm_close_removed(struct mm *mm, struct removed *list)
{
	while (list->first) {
		struct vma *v = list->first;

		list->first = v->free_next;
		if (v->ops)
			v->ops->close(v);
		vma_free(mm, v);
	}
}

void mm_put(struct mm *mm)
{
	struct removed list = {0};
	struct vma *v;

	if (atomic_fetch_sub_explicit(&mm->refs, 1, memory_order_acq_rel) != 1)
		return;
	BUG_ON(atomic_load(&mm->loaded));
	rwsem_write_lock(&mm->lock);
	while ((v = vma_first(mm)))
		mm_remove_vma(mm, v, &list);
	zap_removed(mm, &list, NULL, UADDR(0), UADDR(USER_TOP), UADDR(0), UADDR(USER_HALF_END));
	rwsem_write_unlock(&mm->lock);
	mm_close_removed(mm, &list);
	while ((v = atomic_load(&mm->free_vmas))) {
		atomic_store(&mm->free_vmas, v->free_next);
		kfree(v);
	}
	pgtable_free_root(mm->root);
	kfree(mm);
}

/* --- ranges --- */

bool mm_make_range(uaddr_t start, u64 len, uaddr_t *end)
{
	if (!IS_ALIGNED(start.v, PAGE_SIZE) || len > USER_TOP ||
		start.v > USER_TOP - ALIGN_UP(len, PAGE_SIZE))
		return false;
	*end = uaddr_add(start, ALIGN_UP(len, PAGE_SIZE));
	return true;
}

int mm_split_borders(struct mm *mm, uaddr_t start, uaddr_t end, struct vma **v)
{
	if ((*v)->start.v < start.v) {
		int err = vma_split(*v, start);
		if (err)
			return err;
		*v = vma_next(*v);
	}
	struct vma *last = (*v)->end.v >= end.v ? *v : vma_find(mm, end);
	return last && last->start.v < end.v && last->end.v > end.v ? vma_split(last, end) : 0;
}

int mm_unmap_locked(struct mm *mm, uaddr_t start, uaddr_t end, struct removed *list)
{
	struct vma *v = vma_find(mm, start);

	if (!v || v->start.v >= end.v)
		return 0;
	int err = mm_split_borders(mm, start, end, &v);
	if (err)
		return err;

	struct vma *prev = vma_prev(v), *next, *older = list->first;
	for (; v && v->start.v < end.v; v = next) {
		next = vma_next(v);
		mm_remove_vma(mm, v, list);
	}
	zap_removed(mm, list, older, start, end, prev ? prev->end : UADDR(0),
		v ? v->start : UADDR(USER_HALF_END));
	return 0;
}

int mm_unmap(struct mm *mm, uaddr_t start, u64 len)
{
	struct removed list = {0};
	uaddr_t end;

	if (!len || !mm_make_range(start, len, &end))
		return -EINVAL;
	rwsem_write_lock(&mm->lock);
	int err = mm_unmap_locked(mm, start, end, &list);
	rwsem_write_unlock(&mm->lock);
	mm_close_removed(mm, &list);
	return err;
}

/* --- mapping --- */

bool mm_is_free(const struct mm *mm, uaddr_t start, uaddr_t end)
{
	struct vma *v = vma_find(mm, start);

	return !v || v->start.v >= end.v;
}

static int choose_place(struct mm *mm, const struct mmap_request *rq, u64 len, uaddr_t *start)
{
	u64 align = rq->align ? rq->align : PAGE_SIZE, colour = rq->align ? rq->pgoff << PAGE_SHIFT : 0;
	uaddr_t hint = UADDR(ALIGN_DOWN(rq->addr.v, PAGE_SIZE)), end;

	if (hint.v >= MM_MMAP_MIN && mm_make_range(hint, len, &end) && mm_is_free(mm, hint, end) &&
		(!rq->below || end.v <= rq->below)) {
		*start = hint;
		return 0;
	}
	return vma_find_hole(mm, len, align, colour, rq->below, start);
}

static int check_place(struct mm *mm, const struct mmap_request *rq, u64 len)
{
	uaddr_t end;

	if (!IS_ALIGNED(rq->addr.v, PAGE_SIZE))
		return -EINVAL;
	if (!mm_make_range(rq->addr, len, &end))
		return -ENOMEM;
	if (rq->addr.v < MM_MMAP_MIN)
		return -EPERM;
	return rq->noreplace && !mm_is_free(mm, rq->addr, end) ? -EEXIST : 0;
}

/* Anonymous memory beside anonymous memory of the same kind: one of the neighbours grows, and both may
 * become one. */
static bool map_by_growing(struct mm *mm, uaddr_t start, uaddr_t end, u32 flags)
{
	struct vma piece = {.start = start, .end = end, .flags = flags};
	struct vma *next = vma_find(mm, start), *prev = next ? vma_prev(next) : NULL;

	if (!next) {
		struct tree_node *n = tree_last(&mm->vmas);
		prev = n ? CONTAINER_OF(n, struct vma, node) : NULL;
	}
	bool below = vma_can_merge(prev, &piece), above = vma_can_merge(&piece, next);
	if (below && above) {
		uaddr_t last = next->end;
		vma_detach(mm, next);
		vma_free(mm, next);
		vma_resize(prev, prev->start, last);
	} else if (below) {
		vma_resize(prev, prev->start, end);
	} else if (above) {
		vma_resize(next, start, next->end);
	}
	return below || above;
}

/* The place is free. */
static int map_at(struct mm *mm, uaddr_t start, uaddr_t end, const struct mmap_request *rq)
{
	if (!rq->ops && map_by_growing(mm, start, end, rq->flags | mm->map_flags))
		return 0;
	struct vma *v = vma_alloc(mm);
	if (!v)
		return -ENOMEM;
	v->start = start;
	v->end = end;
	v->flags = rq->flags | mm->map_flags;
	v->pgoff = rq->pgoff;
	v->rmap = rq->rmap;
	v->file = rq->file;
	v->inode = rq->inode;
	v->ops = rq->ops;
	if (v->ops)
		v->ops->open(v);
	if (v->rmap)
		rmap_add(v->rmap, v);
	vma_attach(mm, v);
	return 0;
}

static long map_locked(struct mm *mm, const struct mmap_request *rq, u64 len, struct removed *list)
{
	uaddr_t start = rq->addr, end;
	int err = rq->fixed || rq->noreplace ? check_place(mm, rq, len) : choose_place(mm, rq, len, &start);

	if (err)
		return err;
	end = uaddr_add(start, len);
	/* Room for the VMA itself and for two that unmapping may split. */
	if (mm->nr_vmas + 3 > MM_MAX_VMAS || !mm_may_map_at(mm, start, end, rq->flags))
		return -ENOMEM;
	err = mm_unmap_locked(mm, start, end, list);
	if (!err)
		err = map_at(mm, start, end, rq);
	return err ? err : (long)start.v;
}

long mm_map(struct mm *mm, const struct mmap_request *rq)
{
	struct removed list = {0};
	u64 last;

	if (!rq->len || (rq->align & (rq->align - 1)))
		return -EINVAL;
	if (rq->len > USER_TOP)
		return -ENOMEM;
	if (!rq->ops && (rq->flags & VMA_SHARED))
		return -EOPNOTSUPP;
	u64 len = ALIGN_UP(rq->len, PAGE_SIZE);
	if (__builtin_add_overflow(rq->pgoff, len >> PAGE_SHIFT, &last))
		return -EOVERFLOW;
	rwsem_write_lock(&mm->lock);
	long ret = map_locked(mm, rq, len, &list);
	rwsem_write_unlock(&mm->lock);
	mm_close_removed(mm, &list);
	return ret;
}

long mm_brk(struct mm *mm, uaddr_t brk)
{
	struct removed list = {0};
	struct mmap_request rq = {
		.flags = VMA_READ | VMA_WRITE | VMA_MAYWRITE, .fixed = true, .noreplace = true};

	rwsem_write_lock(&mm->lock);
	if (brk.v < mm->brk_start.v || brk.v > USER_TOP)
		goto out;
	u64 old_end = ALIGN_UP(mm->brk.v, PAGE_SIZE), new_end = ALIGN_UP(brk.v, PAGE_SIZE);
	rq.addr = UADDR(old_end);
	if (new_end > old_end && (mm->map_flags & VMA_LOCKED) &&
		!mm_may_lock_more(mm, (new_end - old_end) >> PAGE_SHIFT))
		goto out;
	if (new_end > old_end && map_locked(mm, &rq, new_end - old_end, &list) < 0)
		goto out;
	if (new_end < old_end && mm_unmap_locked(mm, UADDR(new_end), UADDR(old_end), &list))
		goto out;
	mm->brk = brk;
out:
	brk = mm->brk;
	rwsem_write_unlock(&mm->lock);
	mm_close_removed(mm, &list);
	return (long)brk.v;
}

/* --- protection --- */

/* How entries change; computed from the new flags of the VMA. */
struct protect {
	struct tlb_gather *g;
	const struct vma *v;
	u32 flags;
};

static pte_t protect_entry(void *arg, uaddr_t a, unsigned order, pte_t e)
{
	struct protect *p = arg;
	bool none = !(p->flags & PROT_FLAGS);
	bool part = a.v < p->v->start.v || a.v + (PAGE_SIZE << order) > p->v->end.v;
	pte_t n = e;

	if (part || (none && !(e.v & PTE_SW_ANON))) {
		n.v = 0; /* faulted in again (if the rights come back) */
	} else {
		n.v = none ? n.v & ~PTE_PRESENT : n.v | PTE_PRESENT;
		if (!(p->flags & VMA_WRITE))
			n.v &= ~PTE_WRITE;
		n.v = p->flags & VMA_EXEC ? n.v & ~PTE_NX : n.v | PTE_NX;
	}
	if (n.v != e.v && pte_present(e))
		tlb_gather_page(p->g, a, order);
	return n;
}

static void protect_vma(struct vma *v, u32 prot_flags, struct tlb_gather *g)
{
	struct protect p = {g, v, (v->flags & ~(u32)PROT_FLAGS) | prot_flags};

	vma_write_lock(v);
	v->flags = p.flags;
	pt_visit(v->mm->root, v->start, v->end, protect_entry, &p);
	vma_write_unlock(v);
}

/* The VMAs round [start, end) that became alike grow together. */
static void merge_around(struct mm *mm, uaddr_t start, uaddr_t end)
{
	struct vma *v = vma_find(mm, start), *prev = v ? vma_prev(v) : NULL;

	if (!prev)
		prev = v;
	while (prev && prev->start.v < end.v) {
		struct vma *next = vma_next(prev);

		if (!vma_can_merge(prev, next)) {
			prev = next;
			continue;
		}
		uaddr_t last = next->end;
		vma_detach(mm, next);
		vma_free(mm, next);
		vma_resize(prev, prev->start, last);
	}
}

/* 0, -ENOMEM: a hole in [start, end), -EACCES: writing is not allowed somewhere. */
static int check_protect(struct mm *mm, uaddr_t start, uaddr_t end, u32 prot_flags)
{
	for (struct vma *v = vma_find(mm, start); v && v->start.v <= start.v; v = vma_next(v)) {
		if ((prot_flags & VMA_WRITE) && !(v->flags & VMA_MAYWRITE))
			return -EACCES;
		if (v->end.v >= end.v)
			return 0;
		start = v->end;
	}
	return -ENOMEM;
}

int mm_protect(struct mm *mm, uaddr_t start, u64 len, u32 prot_flags)
{
	struct tlb_gather g;
	uaddr_t end;

	if (prot_flags & ~(u32)PROT_FLAGS || !IS_ALIGNED(start.v, PAGE_SIZE))
		return -EINVAL;
	if (!mm_make_range(start, len, &end))
		return -ENOMEM;
	if (!len)
		return 0;
	rwsem_write_lock(&mm->lock);
	int err = check_protect(mm, start, end, prot_flags);
	if (!err && !mm_may_protect(mm, start, end, prot_flags))
		err = -ENOMEM;
	struct vma *v = vma_find(mm, start);
	if (!err)
		err = mm_split_borders(mm, start, end, &v);
	if (err)
		goto out;
	tlb_gather_init(&g, mm);
	for (; v && v->start.v < end.v; v = vma_next(v))
		if ((v->flags & PROT_FLAGS) != prot_flags)
			protect_vma(v, prot_flags, &g);
	tlb_gather_finish(&g);
	merge_around(mm, start, end);
out:
	rwsem_write_unlock(&mm->lock);
	return err;
}

int mm_discard(struct mm *mm, uaddr_t start, u64 len, bool locked_too)
{
	struct tlb_gather g;
	uaddr_t end;
	int err = 0;

	if (!mm_make_range(start, len, &end))
		return -EINVAL;
	tlb_gather_init(&g, mm);
	rwsem_read_lock(&mm->lock);
	for (struct vma *v = vma_find(mm, start); start.v < end.v; v = vma_next(v)) {
		if (!v || v->start.v > start.v)
			err = -ENOMEM;
		if (!v || v->start.v >= end.v)
			break;
		if ((v->flags & VMA_LOCKED) && !locked_too) {
			err = -EINVAL;
			break;
		}
		zap_range(&g, UADDR(MAX(start.v, v->start.v)), UADDR(MIN(end.v, v->end.v)), ZAP_ALL);
		start = v->end;
	}
	tlb_gather_finish(&g);
	rwsem_read_unlock(&mm->lock);
	return err;
}

/* --- flags --- */

static void change_flags_of(struct vma *v, u32 clear, u32 set)
{
	vma_write_lock(v);
	v->flags = (v->flags & ~clear) | set;
	vma_write_unlock(v);
}

bool mm_all_mapped(const struct mm *mm, uaddr_t start, uaddr_t end, u32 *all, u32 *any)
{
	*all = ~0u;
	*any = 0;
	for (struct vma *v = vma_find(mm, start); v && v->start.v <= start.v; v = vma_next(v)) {
		u32 flags = v->flags | (v->file ? VMA_FILE : 0);

		*all &= flags;
		*any |= flags;
		if (v->end.v >= end.v)
			return true;
		start = v->end;
	}
	return start.v >= end.v;
}

int mm_change_flags(struct mm *mm, uaddr_t start, u64 len, u32 clear, u32 set)
{
	struct vma *v;
	uaddr_t end;
	u32 all, any;
	int err;

	if (!mm_make_range(start, len, &end))
		return -ENOMEM;
	if (!len)
		return 0;
	rwsem_write_lock(&mm->lock);
	err = mm_all_mapped(mm, start, end, &all, &any) ? 0 : -ENOMEM;
	v = vma_find(mm, start);
	if (!err)
		err = mm_split_borders(mm, start, end, &v);
	if (!err) {
		for (; v && v->start.v < end.v; v = vma_next(v))
			change_flags_of(v, clear, set);
		merge_around(mm, start, end);
	}
	rwsem_write_unlock(&mm->lock);
	return err;
}

void mm_lock_all(struct mm *mm, u32 now, u32 later)
{
	rwsem_write_lock(&mm->lock);
	mm->map_flags = later;
	for (struct vma *v = vma_first(mm); v && now; v = vma_next(v))
		change_flags_of(v, VMA_LOCKONFAULT, now);
	rwsem_write_unlock(&mm->lock);
}

void mm_unlock_all(struct mm *mm)
{
	rwsem_write_lock(&mm->lock);
	mm->map_flags = 0;
	for (struct vma *v = vma_first(mm); v; v = vma_next(v))
		change_flags_of(v, VMA_LOCKED | VMA_LOCKONFAULT, 0);
	rwsem_write_unlock(&mm->lock);
}

int mm_flags_of(struct mm *mm, uaddr_t start, u64 len, u32 *all, u32 *any)
{
	uaddr_t end;
	bool mapped;

	if (!mm_make_range(start, len, &end))
		return -ENOMEM;
	rwsem_read_lock(&mm->lock);
	mapped = mm_all_mapped(mm, start, end, all, any);
	rwsem_read_unlock(&mm->lock);
	return mapped ? 0 : -ENOMEM;
}

/* --- looking at it --- */

int mm_for_each_vma(struct mm *mm, uaddr_t from, int (*fn)(void *arg, struct vma *v), void *arg)
{
	int ret = 0;

	rwsem_read_lock(&mm->lock);
	for (struct vma *v = vma_find(mm, from); v && !ret; v = vma_next(v))
		ret = fn(arg, v);
	rwsem_read_unlock(&mm->lock);
	return ret;
}

int mm_for_each_file_range(struct mm *mm, uaddr_t start, u64 len,
	int (*fn)(void *arg, struct file *f, u64 first, u64 last), void *arg)
{
	bool gap = false;
	uaddr_t end;
	int err = 0;

	if (!mm_make_range(start, len, &end))
		return -ENOMEM;
	while (!err && start.v < end.v) {
		struct vma copy = {0};

		rwsem_read_lock(&mm->lock);
		struct vma *v = vma_find(mm, start);
		gap |= !v || v->start.v > start.v;
		if (!v || v->start.v >= end.v) {
			rwsem_read_unlock(&mm->lock);
			break;
		}
		start = UADDR(MAX(start.v, v->start.v));
		uaddr_t stop = UADDR(MIN(end.v, v->end.v));
		if (v->file && (v->flags & VMA_SHARED)) {
			copy.file = v->file;
			copy.inode = v->inode;
			copy.ops = v->ops;
			copy.pgoff = vma_pgoff(v, start);
			copy.ops->open(&copy);
		}
		rwsem_read_unlock(&mm->lock);
		if (copy.file) {
			err = fn(arg, copy.file, copy.pgoff,
				copy.pgoff + ((stop.v - start.v) >> PAGE_SHIFT) - 1);
			copy.ops->close(&copy);
		}
		start = stop;
	}
	return err ? err : gap ? -ENOMEM : 0;
}
