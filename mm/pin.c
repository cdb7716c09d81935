/* SPDX-License-Identifier: MIT */
/*
 * Pins of user pages: see mm/pin.h. Clients: O_DIRECT, the race explorer.
 *
 * Rule: count the pin, then look the entry up (race pin-lookup). Truncate clears the entry and then looks for pins. Both changes are locked
 * instructions, which have one order on all CPUs: either truncate sees the pin and waits, or this look-up sees that the entry has
 * gone, or it sees an entry that a later fault has set, to a block that the file has now.
 *
 * Progress: where nothing is mapped the pin stays counted while the page faults in. What a pin counts is a page of the file, so it needs no
 * block yet. A truncate that finds it does not unmap the page a second time before the pin is dropped. If the pin were dropped here and taken
 * anew after the fault, the two could make each other begin again for ever.
 *
 * Locks: the VMA's, shared, which keeps the page tables, for each look; what the fault takes, between them. No ptl, no DAX lock.
 */
#include "mm/pin.h"
#include "kernel/protocol.h"
#include "lib/errno.h"
#include "mm/priv.h"

static bool permits(const struct vma *v, bool write)
{
	return v->flags & (write ? VMA_WRITE : VMA_READ);
}

/* -EAGAIN: nothing is mapped that would do; the pin is counted. -ESTALE: it is counted for what was mapped here before. */
static int pin_mapped(struct vma *v, uaddr_t a, bool write, struct mm_pin *p)
{
	u64 pgoff = vma_pgoff(v, a);
	struct pt_slot pt;
	pte_t e;
	int err;

	if (p->ops && (p->rmap != v->rmap || p->pgoff != pgoff))
		return -ESTALE;
	if (!p->ops) {
		PROTOCOL_STEP_ARG(PIN, pgoff);
		err = v->ops->pin(v, pgoff, p);
		if (err)
			return err;
	}
	PROTOCOL_STEP_ARG(PIN_LOOKUP, pgoff);
	if (pt_walk(v->mm->root, a, 0, false, &pt))
		return -EAGAIN;
	e = pte_load(pt.slot);
	if (!pte_present(e) || (write && !pte_writable(e)))
		return -EAGAIN;
	if (pte_kind(e) != PTE_PMEM)
		return -EOPNOTSUPP;
	p->pa = paddr_add(pte_paddr(e), a.v & ((PAGE_SIZE << pt.order) - 1));
	return 0;
}

static int pin_once(struct mm *mm, uaddr_t a, bool write, struct mm_pin *p)
{
	struct vma *v = vma_lock_at(mm, a);
	int err;

	if (!v)
		return -EAGAIN; /* a stack may grow there: the fault says */
	if (!permits(v, write))
		err = -EFAULT;
	else if (!v->ops || !v->ops->pin)
		err = -EOPNOTSUPP;
	else
		err = pin_mapped(v, a, write, p);
	vma_read_unlock(v);
	return err;
}

static int fault_in(struct mm *mm, uaddr_t a, bool write)
{
	switch (mm_fault(mm, a, write ? FAULT_WRITE : 0)) {
	case FAULT_DONE:
		return 0;
	case FAULT_OOM:
		return -ENOMEM;
	case FAULT_HWPOISON:
		return -EHWPOISON;
	default:
		return -EFAULT;
	}
}

int mm_pin(struct mm *mm, uaddr_t a, bool write, struct mm_pin *out)
{
	int err;

	a = UADDR(ALIGN_DOWN(a.v, PAGE_SIZE));
	out->ops = NULL; /* not counted */
	do {
		err = pin_once(mm, a, write, out);
		if (!err)
			return 0;
		if (err == -EAGAIN)
			err = fault_in(mm, a, write);
		if (err && out->ops) { /* no lock is held: it may be the last use of the file */
			mm_unpin(out);
			out->ops = NULL;
		}
	} while (!err || err == -ESTALE);
	return err;
}

void mm_unpin(const struct mm_pin *p)
{
	PROTOCOL_STEP_ARG(UNPIN, p->pgoff);
	p->ops->unpin(p);
}
