/* SPDX-License-Identifier: MIT */
/*
 * Kernel virtual ranges. Clients: threads and per-CPU records (stacks), APIC drivers (registers).
 *
 * Rules: addresses are handed out upwards and a mapping once made stays, so nobody ever shoots down a
 * kernel translation. A freed stack keeps its pages and waits, by size, for the next request; peak use
 * bounds what is kept.
 * Lock: kva_lock guards everything here and the page tables of the range.
 */
#include "mm/kva.h"

#include "kernel/cpu/paging.h"
#include "kernel/log.h"
#include "kernel/sync/spinlock.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/string.h"
#include "mm/pmm.h"

#define MAX_STACK_PAGES 16

static const struct lock_class kva_class = {"kva", RANK_KVA, false};
static struct spinlock kva_lock;
static u64 next_address = KVA_BASE;
static struct list free_stacks[MAX_STACK_PAGES + 1]; /* the node lies at the stack's lowest byte */

int kva_init(void)
{
	spin_init(&kva_lock, &kva_class);
	for (unsigned i = 0; i <= MAX_STACK_PAGES; i++)
		list_init(&free_stacks[i]);
	return 0;
}

/* [0, len) with an unmapped page before it; 0: the range is used up. */
static u64 take_address(u64 len)
{
	u64 a = next_address + PAGE_SIZE;

	if (len > KVA_END - a)
		return 0;
	next_address = a + len;
	return a;
}

static void *new_stack(unsigned pages)
{
	struct page *page[MAX_STACK_PAGES];
	unsigned n = 0;
	u64 base;

	for (; n < pages; n++) {
		page[n] = pmm_alloc(0);
		if (!page[n])
			goto no_memory;
	}
	base = take_address(pages * PAGE_SIZE);
	if (!base)
		goto no_memory;
	/* Without memory for a page table: what is mapped by then stays behind, out of use. That is less
	 * than a stack. */
	while (n > 0 &&
		!kernel_map(base + (n - 1) * PAGE_SIZE, page_to_paddr(page[n - 1]), PAGE_SIZE, KMAP_WRITE))
		n--;
	if (!n)
		return (void *)base;

no_memory:
	while (n-- > 0)
		pmm_free(page[n], 0);
	return NULL;
}

void *kva_alloc_stack(unsigned pages)
{
	irq_state_t s;
	void *base;

	DEBUG_ASSERT(pages && pages <= MAX_STACK_PAGES);
	s = spin_lock_irq(&kva_lock);
	base = list_pop_front(&free_stacks[pages]);
	if (!base)
		base = new_stack(pages);
	spin_unlock_irq(&kva_lock, s);
	return base;
}

void kva_free_stack(void *base, unsigned pages)
{
	irq_state_t s = spin_lock_irq(&kva_lock);

	list_push_front(&free_stacks[pages], base);
	spin_unlock_irq(&kva_lock, s);
}

void *kva_map_device(paddr_t base, u64 len)
{
	u64 offset = base.v & PAGE_MASK, size = ALIGN_UP(offset + len, PAGE_SIZE), a;
	irq_state_t s;

	if (!len || base.v + len < base.v)
		return NULL;
	s = spin_lock_irq(&kva_lock);
	a = take_address(size);
	if (a && kernel_map(a, PADDR(base.v - offset), size, KMAP_WRITE | KMAP_UNCACHED))
		a = 0;
	spin_unlock_irq(&kva_lock, s);
	return a ? (void *)(a + offset) : NULL;
}

bool kva_is_guard(u64 a)
{
	return a >= KVA_BASE && a < next_address;
}
