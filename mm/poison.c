/* SPDX-License-Identifier: MIT */
/*
 * The list of bad pages, and their way out of every address space: see mm/poison.h. Clients: the machine check (kernel/cpu/mce.c),
 * madvise(MADV_HWPOISON), faults, reads and writes of files, the block allocator.
 *
 * A slot holds the address of a bad page, and PENDING until a walk for it has begun. A slot is filled by one compare-exchange, then the count
 * goes up, then the walk begins. A machine check between the first two finds the page listed and leaves the rest to whoever it has
 * interrupted.
 *
 * No map from a page to its file exists, and none is needed: such a page is found by walking the reverse map of every file, which takes as long as
 * there are entries. That is seldom enough.
 */
#include "mm/poison.h"
#include "kernel/protocol.h"
#include "lib/errno.h"
#include "mm/rmap.h"

#define PENDING 1ull

static const struct lock_class poison_class = {"poison", RANK_POISON, false};

static struct poison *state(void)
{
	return &the_instance.mm->poison;
}

void poison_state_init(struct poison *p)
{
	mutex_init(&p->lock, &poison_class);
	list_init(&p->rmaps);
}

void poison_register(struct rmap *r)
{
	mutex_lock(&state()->lock);
	list_push_back(&state()->rmaps, &r->node);
	mutex_unlock(&state()->lock);
}

void poison_unregister(struct rmap *r)
{
	mutex_lock(&state()->lock);
	list_remove(&r->node);
	mutex_unlock(&state()->lock);
}

unsigned poison_count(void)
{
	return atomic_load(&state()->nr);
}

u64 poison_good_pages(paddr_t a, u64 nr)
{
	u64 good = nr, first = ALIGN_DOWN(a.v, PAGE_SIZE);

	for (unsigned i = 0; i < POISON_MAX; i++) {
		u64 bad = atomic_load(&state()->page[i]) & ~PENDING;

		if (bad >= first && bad)
			good = MIN(good, (bad - first) >> PAGE_SHIFT);
	}
	return good;
}

int poison_add(paddr_t a)
{
	u64 page = ALIGN_DOWN(a.v, PAGE_SIZE);

	if (poison_good_pages(PADDR(page), 1) == 0)
		return 0;
	for (unsigned i = 0; i < POISON_MAX; i++) {
		u64 expected = 0;

		SHARED_WRITE(&state()->page[i]);
		if (!atomic_compare_exchange_strong(&state()->page[i], &expected, page | PENDING)) {
			if ((expected & ~PENDING) == page)
				return 0;
			continue;
		}
		SHARED_WRITE(&state()->nr);
		atomic_fetch_add(&state()->nr, 1);
		return 0;
	}
	return -ENOSPC;
}

static u64 unmap_everywhere(paddr_t page)
{
	struct list_node *n;
	u64 entries = 0;

	for (n = state()->rmaps.head.next; n != &state()->rmaps.head; n = n->next)
		entries += rmap_unmap_frame(CONTAINER_OF(n, struct rmap, node), page);
	return entries;
}

u64 poison_unmap(void)
{
	u64 entries = 0;

	mutex_lock(&state()->lock);
	for (unsigned i = 0; i < POISON_MAX; i++) {
		u64 page = atomic_load(&state()->page[i]);

		if (!(page & PENDING))
			continue;
		SHARED_WRITE(&state()->page[i]);
		atomic_store(&state()->page[i], page & ~PENDING);
		entries += unmap_everywhere(PADDR(page & ~PENDING));
	}
	mutex_unlock(&state()->lock);
	return entries;
}

int poison_page(paddr_t a)
{
	int err;

	PROTOCOL_STEP_ARG(POISON, a.v >> PAGE_SHIFT);
	err = poison_add(a);
	if (err)
		return err;
	PROTOCOL_STEP_ARG(UNMAP, a.v >> PAGE_SHIFT);
	poison_unmap();
	return 0;
}

void poison_forget(paddr_t a, u64 len)
{
	for (unsigned i = 0; i < POISON_MAX; i++) {
		u64 page = atomic_load(&state()->page[i]);

		if (page && (page & ~PENDING) - a.v < len &&
			atomic_compare_exchange_strong(&state()->page[i], &page, 0))
			atomic_fetch_sub(&state()->nr, 1);
	}
}
