/* SPDX-License-Identifier: MIT */
/*
 * Page faults, and the entries that they install. Clients: the trap handler, fs/dax (vm_insert_*).
 *
 * Rules
 * - A fault holds its VMA's lock shared from look-up to return: the VMA's shape, rights and page-table
 *   pages stay. It takes no lock that faults on other pages take, but for the table's ptl while it
 *   changes the one entry.
 * - Everything that was seen without the ptl is compared again under it before the entry is changed; if
 *   it changed: FAULT_RETRY.
 * - Raising rights (empty to present, read-only to writable of the same frame) needs no shootdown: a
 *   CPU that still has the old entry faults once more and finds the new one.
 * - Replacing a frame needs one, and until it is acknowledged nobody may write to the new frame:
 *   another CPU could see that write's effects elsewhere and then read the old frame. Clearing first
 *   would let a second fault install a third frame. So the new entry stands read-only with PTE_SW_BUSY
 *   during the shootdown; a write fault that meets it waits on mm->vma_wait, and the replacer wakes
 *   after it made the entry writable (or found it gone).
 * - An entry that others have cleared may be in TLBs until their shootdown is acknowledged: pt_split(), a punch of another page of the
 *   2 MiB, MADV_DONTNEED. A private copy that finds it empty meanwhile (mm->tlb_pending) replaces it all the same (race huge-copy-stale). Not so anonymous
 *   memory: only its own program empties it, and has given the contents up until madvise returns.
 * - A fresh zeroed page is mapped also for the first read of anonymous memory: nearly every such page
 *   is written next, which saves the second fault and its shootdown, and one more kind of entry.
 * - 2 MiB are tried where no page table stands yet, so that a fault that finds one pays nothing for the question: by files that
 *   can (vm_ops.huge_fault), where the VMA spans the whole 2 MiB and address and file offset agree modulo 2 MiB. The VMA is locked, so it still does
 *   when the entry is set. If the file says FAULT_FALLBACK, or it is a private write, the slot gets a page table, in
 *   exchange for a 2 MiB entry if there is one (pt_split), and 4 KiB are mapped there from then on (race pte-vs-pmd).
 *
 * Locks: VMA (shared), then what ops->fault takes, then ptl. Growing the stack takes mm->lock for
 * writing, before any of these.
 */
#include "kernel/event.h"
#include "kernel/limits.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/poison.h"
#include "mm/priv.h"
#include "mm/visit.h"

static inline u64 leaf_flags(const struct vma *v, bool write)
{
	u64 flags = PTE_PRESENT | PTE_USER | PTE_ACCESSED;

	if (write)
		flags |= PTE_WRITE | PTE_DIRTY;
	if (!(v->flags & VMA_EXEC))
		flags |= PTE_NX;
	return flags;
}

static inline u64 order_flag(const struct fault *f)
{
	return unlikely(f->order) ? PTE_HUGE : 0;
}

static inline void raise_locked(struct pt_slot *pt, pte_t e)
{
	pte_exchange(pt->slot, (pte_t){e.v | PTE_WRITE | PTE_DIRTY | PTE_ACCESSED});
}

static inline void fill_locked(struct pt_slot *pt, pte_t e)
{
	pte_store(pt->slot, e);
	pt->table->pt_entries++;
}

/* The ptl is held and dropped here. Replaces `old`, a read-only entry or one that others have cleared, by `p`, whose reference the
 * entry takes over. */
static void replace_and_unlock(struct fault *f, pte_t old, struct page *p)
{
	struct pt_slot *pt = &f->pt;
	struct mm *mm = f->vma->mm;
	pte_t final = pte_make(page_to_paddr(p), leaf_flags(f->vma, true) | PTE_SW_ANON);
	pte_t busy = {(final.v & ~(PTE_WRITE | PTE_DIRTY)) | PTE_SW_BUSY};
	struct tlb_gather g;

	tlb_gather_init(&g, mm); /* under the ptl: who finds the old frame gone shoots down too (mm/tlb.h) */
	pte_exchange(pt->slot, busy);
	spin_unlock(&pt->table->ptl);

	tlb_gather_page(&g, f->addr, 0);
	if (old.v & PTE_SW_ANON)
		tlb_gather_free(&g, pt_page(pte_paddr(old)));
	tlb_gather_finish(&g);

	pt_lock(pt->table);
	/* Else it was unmapped meanwhile, and the reference is gone with it. */
	if (pte_peek_locked(pt->slot).v == busy.v)
		pte_exchange(pt->slot, final);
	spin_unlock(&pt->table->ptl);
	waitq_wake_all(&mm->vma_wait);
}

/* --- for file systems --- */

int vm_insert_pmem(struct fault *f, paddr_t a, bool write)
{
	struct pt_slot *pt = &f->pt;
	pte_t new = pte_make(a, leaf_flags(f->vma, write) | order_flag(f));
	int err = 0;

	pt_lock(pt->table);
	pte_t e = pte_peek_locked(pt->slot);
	if (poison_hits(a, 1ull << f->order))
		err = -EHWPOISON; /* under the ptl: the walk for a bad page comes afterwards, or its listing is seen */
	else if (!e.v)
		fill_locked(pt, new);
	else if (pte_kind(e) != PTE_PMEM || pte_paddr(e).v != pte_paddr(new).v)
		err = -EAGAIN; /* also where a 4 KiB fault has put a page table: that is no frame of a file */
	else if (write && !pte_writable(e))
		raise_locked(pt, e);
	spin_unlock(&pt->table->ptl);
	return err;
}

int vm_insert_zero(struct fault *f, paddr_t zero_page)
{
	struct pt_slot *pt = &f->pt;
	int err = 0;

	pt_lock(pt->table);
	pte_t e = pte_peek_locked(pt->slot);
	if (!e.v)
		fill_locked(pt, pte_make(zero_page, leaf_flags(f->vma, false) | PTE_SW_ZERO | order_flag(f)));
	else if (pte_kind(e) != PTE_ZERO || pte_paddr(e).v != zero_page.v)
		err = -EAGAIN;
	spin_unlock(&pt->table->ptl);
	return err;
}

int vm_insert_anon(struct fault *f, struct page *p)
{
	struct pt_slot *pt = &f->pt;

	pt_lock(pt->table);
	pte_t e = pte_peek_locked(pt->slot);
	if (!e.v && f->cow && tlb_is_pending(f->vma->mm)) {
		pt->table->pt_entries++;
		replace_and_unlock(f, e, p);
		return 0;
	}
	if (!e.v) {
		fill_locked(pt,
			pte_make(page_to_paddr(p),
				leaf_flags(f->vma, f->vma->flags & VMA_WRITE) | PTE_SW_ANON));
	} else if (pte_present(e) && pte_kind(e) != PTE_ANON && !pte_writable(e)) {
		replace_and_unlock(f, e, p);
		return 0;
	} else {
		spin_unlock(&pt->table->ptl);
		return -EAGAIN;
	}
	spin_unlock(&pt->table->ptl);
	return 0;
}

/* --- anonymous memory --- */

static enum fault_result anon_fault(struct fault *f)
{
	struct page *p = pmm_alloc_zeroed(0);

	if (!p)
		return FAULT_OOM;
	event_count(EVENT_FAULT_ANON);
	if (vm_insert_anon(f, p))
		page_put(p); /* another thread's page is there */
	return FAULT_DONE;
}

/* A write to a page that fork shared. Its contents stand still while two entries refer to it: none of
 * them is writable. */
static enum fault_result copy_on_write(struct fault *f, pte_t seen)
{
	struct pt_slot *pt = &f->pt;

	event_count(EVENT_FAULT_COW);
	pt_lock(pt->table);
	if (pte_peek_locked(pt->slot).v != seen.v) {
		spin_unlock(&pt->table->ptl);
		return FAULT_RETRY;
	}
	struct page *old = pt_page(pte_paddr(seen));
	if (atomic_load_explicit(&old->refs, memory_order_acquire) == 1) { /* ours alone */
		raise_locked(pt, seen);
		spin_unlock(&pt->table->ptl);
		return FAULT_DONE;
	}
	page_get(old); /* the entry may go while we copy */
	spin_unlock(&pt->table->ptl);

	enum fault_result result = FAULT_OOM;
	struct page *p = pmm_alloc(0);
	if (!p)
		goto out;
	memcpy(page_to_virt(p), page_to_virt(old), PAGE_SIZE);
	pt_lock(pt->table);
	if (pte_peek_locked(pt->slot).v == seen.v) {
		replace_and_unlock(f, seen, p);
		result = FAULT_DONE;
	} else {
		spin_unlock(&pt->table->ptl);
		page_put(p);
		result = FAULT_RETRY;
	}
out:
	page_put(old);
	return result;
}

/* --- dispatch --- */

static bool allowed(const struct vma *v, unsigned flags)
{
	if (flags & FAULT_WRITE)
		return v->flags & VMA_WRITE;
	if (flags & FAULT_EXEC)
		return v->flags & VMA_EXEC;
	/* x86 cannot map for writing or for fetching only. */
	return v->flags & (VMA_READ | VMA_WRITE | VMA_EXEC);
}

/* May 2 MiB round the page be mapped by one entry? */
static bool huge_fits(const struct vma *v, const struct fault *f)
{
	u64 base = ALIGN_DOWN(f->addr.v, HUGE_SIZE);

	return v->ops && v->ops->huge_fault && !(((f->addr.v >> PAGE_SHIFT) ^ f->pgoff) % PAGES_PER_HUGE) &&
		base >= v->start.v && base + HUGE_SIZE <= v->end.v;
}

/* h: the 2 MiB round the page, in which e stands. */
static enum fault_result huge_fault(struct vma *v, struct fault *h, pte_t e)
{
	if (h->write && !(v->flags & VMA_SHARED))
		return FAULT_FALLBACK;
	if (e.v && (!h->write || pte_writable(e)))
		return FAULT_DONE;
	enum fault_result result = v->ops->huge_fault(v, h);
	if (result == FAULT_DONE)
		atomic_fetch_add_explicit(&mm_state()->huge_faults, 1, memory_order_relaxed);
	return result;
}

/* There was no page table for f->addr: 2 MiB, or else (FAULT_FALLBACK) a table, and f->pt is the slot in it. */
static __attribute__((noinline)) enum fault_result huge_or_table(struct vma *v, struct fault *f)
{
	struct fault h = *f;

	if (!pt_walk_huge_present(v->mm->root, f->addr, &h.pt) &&
		pt_walk(v->mm->root, f->addr, HUGE_ORDER, true, &h.pt))
		return FAULT_OOM;
	pte_t e = pte_load(h.pt.slot);
	if (!pte_is_table(e) && huge_fits(v, f)) {
		h.order = HUGE_ORDER;
		h.addr = UADDR(ALIGN_DOWN(f->addr.v, HUGE_SIZE));
		h.pgoff = ALIGN_DOWN(f->pgoff, PAGES_PER_HUGE);
		enum fault_result result = huge_fault(v, &h, e);
		if (result != FAULT_FALLBACK)
			return result;
	}
	if (pt_split(v->mm, f->addr, &h.pt) || pt_walk(v->mm->root, f->addr, 0, false, &f->pt))
		return FAULT_OOM;
	return FAULT_FALLBACK;
}

static enum fault_result fault_in_vma(struct vma *v, uaddr_t a, unsigned flags)
{
	if (unlikely(!allowed(v, flags)))
		return FAULT_SIGSEGV_ACC;

	struct fault f; /* each field by hand: an initialiser would first zero all of it */
	f.vma = v;
	f.addr = a;
	f.pgoff = vma_pgoff(v, a);
	f.write = flags & FAULT_WRITE;
	f.exec = flags & FAULT_EXEC;
	f.user = flags & FAULT_USER;
	f.cow = false;
	f.order = 0;
	if (unlikely(!pt_walk_present(v->mm->root, a, &f.pt))) {
		enum fault_result result = huge_or_table(v, &f);
		if (result != FAULT_FALLBACK)
			return result;
	}
	pte_t e = pte_load(f.pt.slot);

	if (!e.v) {
		if (!v->ops)
			return anon_fault(&f);
		f.cow = f.write && !(v->flags & VMA_SHARED);
		return v->ops->fault(v, &f);
	}
	if (!f.write || pte_writable(e)) {
		event_count(EVENT_FAULT_PRESENT);
		return FAULT_DONE; /* another thread repaired it, or the CPU had an older entry */
	}
	if (unlikely(e.v & PTE_SW_BUSY)) {
		WAIT_EVENT(&v->mm->vma_wait, !(atomic_load(&f.pt.slot->v) & PTE_SW_BUSY));
		return FAULT_RETRY;
	}
	if (e.v & PTE_SW_ANON)
		return copy_on_write(&f, e);
	if (v->flags & VMA_SHARED)
		return v->ops->mkwrite(v, &f);
	f.cow = true;
	return v->ops->fault(v, &f);
}

/* An access below a stack: lowers its start to a. FAULT_RETRY: done, or somebody else mapped something
 * there. */
static enum fault_result grow_stack(struct mm *mm, uaddr_t a)
{
	enum fault_result result = FAULT_SIGSEGV_MAP;

	rwsem_write_lock(&mm->lock);
	struct vma *v = vma_find(mm, a), *below;
	if (!v)
		goto out;
	if (v->start.v <= a.v) {
		result = FAULT_RETRY;
		goto out;
	}
	if (!(v->flags & VMA_STACK) || v->end.v - a.v > limit_or(LIMIT_STACK, MM_STACK_MAX) ||
		!mm_may_add(mm, (v->start.v - a.v) >> PAGE_SHIFT, v->flags))
		goto out;
	below = vma_prev(v);
	if (a.v - (below ? below->end.v : MM_MMAP_MIN) < MM_STACK_GAP)
		goto out;
	vma_resize(v, a, v->end);
	event_count(EVENT_FAULT_STACK);
	result = FAULT_RETRY;
out:
	rwsem_write_unlock(&mm->lock);
	return result;
}

enum fault_result mm_fault(struct mm *mm, uaddr_t a, unsigned flags)
{
	enum fault_result result;

	a = UADDR(ALIGN_DOWN(a.v, PAGE_SIZE));
	if (a.v >= USER_TOP || a.v < MM_MMAP_MIN)
		return FAULT_SIGSEGV_MAP;
	do {
		struct vma *v = vma_lock_at(mm, a);

		if (likely(v)) {
			result = fault_in_vma(v, a, flags);
			vma_read_unlock(v);
		} else {
			result = grow_stack(mm, a);
		}
	} while (result == FAULT_RETRY);
	return result;
}
