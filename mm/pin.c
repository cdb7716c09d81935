/* SPDX-License-Identifier: MIT */
/*
 * Pins of user pages: see mm/pin.h. Clients: O_DIRECT, the race explorer.
 *
 * Rule: take the reference, then look at the entry again (race pin-lookup). Truncate clears the entry and then looks for pins; the pin is
 * counted and then the entry is read. Both changes are locked instructions, which have one order on all CPUs: either truncate sees
 * the pin, or this look-up sees that the entry has gone. In that case the pin is dropped again and nothing was done with the
 * block.
 *
 * Locks: the VMA's, shared, which keeps the page tables. No ptl, no DAX lock.
 */
#include "mm/pin.h"
#include "kernel/protocol.h"
#include "lib/errno.h"
#include "mm/priv.h"

static bool permits(const struct vma *v, bool write)
{
	return v->flags & (write ? VMA_WRITE : VMA_READ);
}

/* The CPU may set A and D bits at any time. */
static bool same_entry(pte_t a, pte_t b)
{
	return !((a.v ^ b.v) & ~(PTE_ACCESSED | PTE_DIRTY));
}

/* -EAGAIN: nothing is mapped that would do. */
static int pin_mapped(struct vma *v, uaddr_t a, bool write, struct mm_pin *out)
{
	struct pt_slot pt;
	pte_t e;
	int err;

	PROTOCOL_STEP_ARG(PIN_LOOKUP, vma_pgoff(v, a));
	if (pt_walk(v->mm->root, a, 0, false, &pt))
		return -EAGAIN;
	e = pte_load(pt.slot);
	if (!pte_present(e) || (write && !pte_writable(e)))
		return -EAGAIN;
	if (pte_kind(e) != PTE_PMEM)
		return -EOPNOTSUPP;
	PROTOCOL_STEP_ARG(PIN, vma_pgoff(v, a));
	err = v->ops->pin(v, vma_pgoff(v, a), out);
	if (err)
		return err;
	out->pa = paddr_add(pte_paddr(e), a.v & ((PAGE_SIZE << pt.order) - 1));
	PROTOCOL_STEP_ARG(PIN_RECHECK, out->pgoff);
	if (same_entry(pte_load(pt.slot), e))
		return 0;
	v->ops->unpin(out);
	return -EAGAIN;
}

static int pin_once(struct mm *mm, uaddr_t a, bool write, struct mm_pin *out)
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
		err = pin_mapped(v, a, write, out);
	vma_read_unlock(v);
	return err;
}

int mm_pin(struct mm *mm, uaddr_t a, bool write, struct mm_pin *out)
{
	int err;

	a = UADDR(ALIGN_DOWN(a.v, PAGE_SIZE));
	while ((err = pin_once(mm, a, write, out)) == -EAGAIN) {
		enum fault_result r = mm_fault(mm, a, write ? FAULT_WRITE : 0);

		if (r != FAULT_DONE)
			return r == FAULT_OOM ? -ENOMEM : -EFAULT;
	}
	return err;
}

void mm_unpin(const struct mm_pin *p)
{
	PROTOCOL_STEP_ARG(UNPIN, p->pgoff);
	p->ops->unpin(p);
}
