/* SPDX-License-Identifier: MIT */
/* The allocators under contention: several threads on all CPUs, preempted anywhere. */
#include "kernel/thread.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/pmm.h"
#include "tests/kernel/selftest.h"

#define HELD 32

struct churn {
	_Atomic(u64) next_id;
	_Atomic(bool) clash;
};

/* Fills what it gets with a number of its own; finding another there means that two threads own it. */
static void stamp(u64 *words, size_t n, u64 id)
{
	for (size_t i = 0; i < n; i++)
		words[i] = id + i;
}

static bool stamped(const u64 *words, size_t n, u64 id)
{
	for (size_t i = 0; i < n; i++)
		if (words[i] != id + i)
			return false;
	return true;
}

static void churn_pages(void *arg)
{
	struct churn *c = arg;
	struct page *held[HELD] = {0};
	u64 ids[HELD];
	unsigned orders[HELD];

	for (unsigned i = 0; i < 2000; i++) {
		unsigned slot = i * 7 % HELD;

		if (held[slot]) {
			if (!stamped(page_to_virt(held[slot]), 64, ids[slot]))
				atomic_store(&c->clash, true);
			pmm_free(held[slot], orders[slot]);
			held[slot] = NULL;
			continue;
		}
		ids[slot] = atomic_fetch_add(&c->next_id, 1) << 20;
		orders[slot] = i % 5 == 0 ? i % 3 : 0;
		held[slot] = pmm_alloc(orders[slot]);
		if (!held[slot])
			continue;
		if (!IS_ALIGNED(page_to_paddr(held[slot]).v, PAGE_SIZE << orders[slot]))
			atomic_store(&c->clash, true);
		stamp(page_to_virt(held[slot]), 64, ids[slot]);
	}
	for (unsigned slot = 0; slot < HELD; slot++)
		if (held[slot])
			pmm_free(held[slot], orders[slot]);
}

static const char *pages_are_owned_once(void)
{
	struct churn c = {.next_id = 1};

	SELFTEST_CHECK(selftest_threads(cpu_count() + 2, churn_pages, &c));
	SELFTEST_CHECK(!atomic_load(&c.clash));
	return NULL;
}

static void churn_objects(void *arg)
{
	struct churn *c = arg;
	u64 *held[HELD] = {0};
	u64 ids[HELD];
	size_t words[HELD];

	for (unsigned i = 0; i < 4000; i++) {
		unsigned slot = i * 5 % HELD;

		if (held[slot]) {
			if (!stamped(held[slot], words[slot], ids[slot]))
				atomic_store(&c->clash, true);
			kfree(held[slot]);
			held[slot] = NULL;
			continue;
		}
		ids[slot] = atomic_fetch_add(&c->next_id, 1) << 20;
		words[slot] = 1 + i * 13 % 400;
		held[slot] = kmalloc(words[slot] * sizeof(u64));
		if (held[slot])
			stamp(held[slot], words[slot], ids[slot]);
	}
	for (unsigned slot = 0; slot < HELD; slot++)
		kfree(held[slot]);
}

static const char *objects_are_owned_once(void)
{
	struct churn c = {.next_id = 1};
	u64 before = kmem_bytes_in_use();

	SELFTEST_CHECK(selftest_threads(cpu_count() + 2, churn_objects, &c));
	SELFTEST_CHECK(!atomic_load(&c.clash));
	/* The crew's own threads may still be on their way out. */
	for (unsigned i = 0; i < 100 && kmem_bytes_in_use() > before; i++)
		thread_sleep_ns(10000000);
	SELFTEST_CHECK(kmem_bytes_in_use() <= before);
	return NULL;
}

/* Asks for pages until there are none, as any caller may: every one comes back. */
static const char *exhaustion_is_an_error(void)
{
	u64 before = pmm_free_pages();
	struct page *chain = NULL, *p;
	u64 got = 0;

	while ((p = pmm_alloc(PMM_MAX_ORDER)) != NULL) {
		*(struct page **)page_to_virt(p) = chain;
		chain = p;
		got++;
	}
	while (chain) {
		p = chain;
		chain = *(struct page **)page_to_virt(p);
		pmm_free(p, PMM_MAX_ORDER);
	}
	SELFTEST_CHECK(got > 0);
	SELFTEST_CHECK(pmm_free_pages() + 64 >= before);
	return NULL;
}

const struct selftest memory_selftests[] = {
	{"a page belongs to one thread at a time", pages_are_owned_once},
	{"an object belongs to one thread at a time, and none is lost", objects_are_owned_once},
	{"running out of large blocks is an error, and they come back", exhaustion_is_an_error},
	{NULL, NULL},
};
