/* SPDX-License-Identifier: MIT */
/*
 * Faulting ranges in ahead of use, and telling what is in: MAP_POPULATE, mlock, madvise, mincore. Client: system calls.
 *
 * Rule: populating is faulting, page by page, with no lock held between two pages: what it has seen of a VMA may be gone at the next
 * page, and the fault says so then.
 */
#include "kernel/thread.h"
#include "lib/errno.h"
#include "mm/pmm.h"
#include "mm/priv.h"

#define CHECK_EVERY 64 /* pages that are populated between two looks at how many are left */

/* The VMA at a: what is to be done there, and how far it reaches. -ENOMEM: there is none. */
static int look_at(struct mm *mm, uaddr_t a, enum populate how, uaddr_t *end, unsigned *flags)
{
	struct vma *v;
	int err = 0;

	rwsem_read_lock(&mm->lock);
	v = vma_find(mm, a);
	if (!v || v->start.v > a.v) {
		err = -ENOMEM;
	} else {
		bool write = how == POPULATE_WRITE ||
			(how == POPULATE_TOUCH && (v->flags & (VMA_WRITE | VMA_SHARED)) == VMA_WRITE);

		*end = v->end;
		*flags = write ? FAULT_WRITE : 0;
	}
	rwsem_read_unlock(&mm->lock);
	return err;
}

static int populate_page(struct mm *mm, uaddr_t a, unsigned flags)
{
	if (atomic_load(&thread_current()->killed))
		return -EINTR;
	switch (mm_fault(mm, a, flags)) {
	case FAULT_DONE:
		return 0;
	case FAULT_HWPOISON:
		return -EHWPOISON;
	case FAULT_OOM:
	case FAULT_SIGSEGV_MAP:
		return -ENOMEM;
	default:
		return -EFAULT;
	}
}

int mm_populate(struct mm *mm, uaddr_t start, u64 len, enum populate how)
{
	uaddr_t end, stop;
	unsigned flags;
	u64 done = 0;
	int err = 0;

	if (!mm_make_range(start, len, &end))
		return -ENOMEM;
	while (!err && start.v < end.v) {
		err = look_at(mm, start, how, &stop, &flags);
		for (; !err && start.v < MIN(stop.v, end.v); start = uaddr_add(start, PAGE_SIZE)) {
			if (!(done++ % CHECK_EVERY) && !pmm_has_spare())
				err = -ENOMEM;
			else
				err = populate_page(mm, start, flags);
		}
	}
	return err;
}

void mm_populate_locked(struct mm *mm)
{
	uaddr_t at = UADDR(0), end;

	for (;;) {
		struct vma *v;

		rwsem_read_lock(&mm->lock);
		v = vma_find(mm, at);
		while (v && (v->flags & (VMA_LOCKED | VMA_LOCKONFAULT)) != VMA_LOCKED)
			v = vma_next(v);
		if (v) {
			at = UADDR(MAX(at.v, v->start.v));
			end = v->end;
		}
		rwsem_read_unlock(&mm->lock);
		if (!v || mm_populate(mm, at, end.v - at.v, POPULATE_TOUCH) == -EINTR)
			return;
		at = end;
	}
}

struct resident {
	u64 start, end;
	u8 *vec;
};

static pte_t note_entry(void *arg, uaddr_t a, unsigned order, pte_t e)
{
	struct resident *r = arg;
	u64 from = MAX(a.v, r->start), to = MIN(a.v + (PAGE_SIZE << order), r->end);

	for (; pte_present(e) && from < to; from += PAGE_SIZE)
		r->vec[(from - r->start) >> PAGE_SHIFT] = 1;
	return e;
}

int mm_resident(struct mm *mm, uaddr_t start, u64 nr, u8 *vec)
{
	struct resident r = {.start = start.v, .vec = vec};
	uaddr_t end;
	u32 all, any;
	int err;

	if (!mm_make_range(start, nr << PAGE_SHIFT, &end))
		return -ENOMEM;
	r.end = end.v;
	for (u64 i = 0; i < nr; i++)
		vec[i] = 0;
	rwsem_read_lock(&mm->lock); /* no VMA goes, so no page-table page does */
	err = mm_all_mapped(mm, start, end, &all, &any) ? 0 : -ENOMEM;
	while (!err && start.v < end.v)
		start = pt_visit(mm->root, start, end, note_entry, &r);
	rwsem_read_unlock(&mm->lock);
	return err;
}
