/* SPDX-License-Identifier: MIT */
/*
 * fork: a copy of an address space. Clients: the fork system call, the explorer.
 *
 * Rules
 * - Only entries that hold a page of their own (PTE_SW_ANON: anonymous memory and private copies) are
 *   copied: write-protected in the parent under its ptl, one more reference, read-only in the child.
 *   Whoever writes first copies.
 * - Entries of file pages are not copied. The child faults them in again, through the DAX lock like any
 *   other fault, which costs less than it saves for a child that execs; and so race fork-copy cannot
 *   happen: no entry appears in the child behind a truncate whose reverse-map walk has passed it. A
 *   private file mapping enters the reverse map and gets its copied entries under one exclusive hold of
 *   the rmap lock (2 MiB entries are file pages, and stay behind): a truncate that takes private copies away too walks before both, and then the parent
 *   has none left, or after both.
 * - All of the parent's VMA locks are held exclusively until the shootdown is acknowledged. Otherwise
 *   one thread of the parent could copy a page on write while another still stores to the old frame
 *   through a writable TLB entry, and that store would be lost.
 * - The child's other VMAs can share a page table with the one whose entries are copied, and walkers of their reverse maps come into it. So
 *   entries are stored and counted under the child's ptl, taken once for a table, outside the parent's. Nobody else holds two.
 *
 * Locks: parent's mm->lock for writing, its VMA locks in address order, rmap lock, the child's ptl, the parent's ptl.
 */
#include "kernel/log.h"
#include "lib/errno.h"
#include "mm/priv.h"
#include "mm/visit.h"

struct copy {
	struct mm *child;
	struct tlb_gather *g;
	struct page *table; /* of the child; its ptl is held */
	pte_slot_t *slots;  /* its entries */
};

static pte_t find_own(void *arg UNUSED, uaddr_t a UNUSED, unsigned order UNUSED, pte_t e)
{
	return e.v & PTE_SW_ANON ? PTE_STOP : e;
}

static pte_t copy_entry(void *arg, uaddr_t a, unsigned order, pte_t e)
{
	struct copy *c = arg;

	if (!(e.v & PTE_SW_ANON))
		return e;
	pte_t shared = {e.v & ~(PTE_WRITE | PTE_DIRTY | PTE_SW_BUSY)};

	page_get(pt_page(pte_paddr(e)));
	pte_store(c->slots + pt_index(a, 0), shared);
	c->table->pt_entries++;
	if (!pte_writable(e))
		return e;
	tlb_gather_page(c->g, a, order);
	return (pte_t){e.v & ~(PTE_WRITE | PTE_DIRTY)};
}

static int copy_pages(struct copy *c, const struct vma *v)
{
	paddr_t root = v->mm->root;
	uaddr_t a = v->start;

	if (v->rmap)
		PROTOCOL_STEP_ARG(COPY_PTE, v->pgoff);
	while ((a = pt_visit(root, a, v->end, find_own, NULL)).v < v->end.v) {
		uaddr_t span = UADDR(ALIGN_DOWN(a.v, HUGE_SIZE));
		struct pt_slot first;
		int err = pt_walk(c->child->root, span, 0, true, &first);

		if (err)
			return err;
		c->table = first.table;
		c->slots = first.slot;
		pt_lock(c->table);
		a = pt_visit(root, a, UADDR(MIN(v->end.v, span.v + HUGE_SIZE)), copy_entry, c);
		spin_unlock(&c->table->ptl);
	}
	return 0;
}

static int copy_vma(struct copy *c, const struct vma *v)
{
	struct vma *n;

	if (v->flags & VMA_DONTFORK)
		return 0;
	n = vma_alloc(c->child);
	if (!n)
		return -ENOMEM;
	n->start = v->start;
	n->end = v->end;
	n->flags = v->flags & ~(u32)(VMA_LOCKED | VMA_LOCKONFAULT);
	n->pgoff = v->pgoff;
	n->rmap = v->rmap;
	n->file = v->file;
	n->inode = v->inode;
	n->ops = v->ops;
	if (n->ops)
		n->ops->open(n);
	vma_attach(c->child, n);
	if (!n->rmap)
		return v->flags & VMA_WIPEONFORK ? 0 : copy_pages(c, v);
	/* From here on walkers look for this VMA's entries as well: none may pass before they are made. */
	int err = 0;
	rwsem_write_lock(&n->rmap->lock);
	rmap_add_locked(n->rmap, n);
	if (!(v->flags & VMA_SHARED))
		err = copy_pages(c, v);
	rwsem_write_unlock(&n->rmap->lock);
	return err;
}

struct mm *mm_fork(struct mm *parent)
{
	struct mm *child = mm_create();
	struct tlb_gather g;
	struct copy c = {.child = child, .g = &g};
	int err = 0;

	if (!child)
		return NULL;
	tlb_gather_init(&g, parent);
	rwsem_write_lock(&parent->lock);
	child->brk_start = parent->brk_start;
	child->brk = parent->brk;
	child->mmap_top = parent->mmap_top;
	vma_write_lock_all(parent);
	for (struct vma *v = vma_first(parent); v && !err; v = vma_next(v))
		err = copy_vma(&c, v);
	tlb_gather_finish(&g);
	vma_write_unlock_all(parent);
	rwsem_write_unlock(&parent->lock);
	if (err) {
		mm_put(child);
		return NULL;
	}
	return child;
}
