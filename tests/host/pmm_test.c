/* SPDX-License-Identifier: MIT */
/* Physical pages: layouts, exhaustion, merging, caches, carving, and the checks of debug builds. */
#include "host/sim.h"
#include "host/unit.h"
#include "lib/errno.h"
#include "mm/state.h"
#include "tests/host/mm_death.h"
#include <stdlib.h>

#define MiB (1ull << 20)
#define GiB (1ull << 30)

static int boot(const struct ram_range *r, unsigned n)
{
	struct mm_state *s = sim_static_alloc(sizeof(*s));

	mm_state_init(s);
	the_instance.mm = s;
	return pmm_init(r, n);
}

/* A machine with one range of `len` bytes. */
static void boot_flat(u64 len)
{
	sim_init(&(struct sim_config){.ram = len});
	struct ram_range r = {PADDR(MiB), len};
	if (boot(&r, 1))
		abort();
}

static void test_bad_layouts(void)
{
	struct ram_range r[3] = {{PADDR(MiB), MiB}, {PADDR(4 * MiB), MiB}, {PADDR(8 * MiB), MiB}};

	sim_init(NULL);
	is(boot(r, 0), -EINVAL, "no range at all");
	r[1].base = PADDR(MiB + PAGE_SIZE);
	is(boot(r, 3), -EINVAL, "overlapping ranges");
	r[1] = (struct ram_range){PADDR(4 * MiB + 1), MiB};
	is(boot(r, 3), -EINVAL, "a range that is not page-aligned");
	r[1] = (struct ram_range){PADDR(4 * MiB), ~0ull & ~PAGE_MASK};
	is(boot(r, 2), -EINVAL, "a range that wraps");
	r[1] = (struct ram_range){PADDR(4 * MiB), 0};
	is(boot(r, 2), -EINVAL, "an empty range");
	r[0].len = PAGE_SIZE;
	is(boot(r, 1), -ENOMEM, "no room for the page array");
}

/* Takes every page; each must be new. Number taken. */
static u64 take_all(struct page **list)
{
	struct page *p;
	u64 n = 0;

	*list = NULL;
	while ((p = pmm_alloc(0))) {
		*(struct page **)page_to_virt(p) = *list;
		*list = p;
		n++;
	}
	return n;
}

static void give_all(struct page *list)
{
	while (list) {
		struct page *next = *(struct page **)page_to_virt(list);
		pmm_free(list, 0);
		list = next;
	}
}

static void test_exhaustion(void)
{
	struct page *list, *p;

	boot_flat(16 * MiB);
	u64 total = pmm_total_pages();
	ok(total > 16 * MiB / PAGE_SIZE * 97 / 100,
		"the page array takes less than 3 %% (debug) of 16 MiB: %llu pages left",
		(unsigned long long)total);
	is(pmm_free_pages(), total, "all of them are free");
	is(take_all(&list), total, "every one can be had");
	is(pmm_free_pages(), 0, "then none is free");
	ok(!pmm_alloc(3), "a larger block fails as well");
	give_all(list);
	is(pmm_free_pages(), total, "all come back");
	/* A block needs them merged, also those that caches hold: on every CPU. */
	unsigned big = 0;
	while ((p = pmm_alloc(PMM_MAX_ORDER)))
		big++;
	is(big, 3, "15 whole MiB give three blocks of 4 MiB");

	boot_flat(16 * MiB);
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		sim_set_boot_cpu(cpu);
		p = pmm_alloc(0);
		if (p)
			pmm_free(p, 0);
	}
	sim_set_boot_cpu(0);
	is(take_all(&list), total, "pages in other CPUs' caches can be had when nothing else is left");
}

static void test_sparse(void)
{
	/* A PC with 5 GiB: low memory, a hole for devices from 3 to 4 GiB, a small island. */
	struct ram_range r[] = {
		{PADDR(MiB), 512 * 1024},
		{PADDR(2 * MiB), 3 * GiB - 2 * MiB - 64 * 1024},
		{PADDR(4 * GiB), GiB},
		{PADDR(5 * GiB + 100 * MiB), 3 * MiB},
	};
	u64 sum = 0;
	bool inside = true, aligned = true;

	sim_init(&(struct sim_config){.ram = 5 * GiB + 200 * MiB});
	is(boot(r, ARRAY_SIZE(r)), 0, "sparse layout of 4 GiB and a bit");
	for (unsigned i = 0; i < ARRAY_SIZE(r); i++)
		sum += r[i].len / PAGE_SIZE;
	ok(pmm_total_pages() > sum * 98 / 100 && pmm_total_pages() < sum,
		"total: ranges less the page array");
	is(mm_state()->pmm.next_section, 0, "nothing was initialised beforehand");
	for (unsigned i = 0; i < 3000; i++) {
		unsigned order = i % (PMM_MAX_ORDER + 1);
		struct page *p = pmm_alloc(order);
		if (!p)
			break;
		u64 a = page_to_paddr(p).v, end = a + (PAGE_SIZE << order);
		bool found = false;
		for (unsigned k = 0; k < ARRAY_SIZE(r); k++)
			found |= a >= r[k].base.v && end <= r[k].base.v + r[k].len;
		inside &= found && paddr_to_page(PADDR(a)) == p &&
			paddr_to_page(PADDR(end - 1)) == p + (1u << order) - 1;
		aligned &= IS_ALIGNED(a, PAGE_SIZE << order);
	}
	ok(inside, "blocks lie inside the ranges, addresses and struct pages translate both ways");
	ok(aligned, "blocks are aligned to their size");
	ok(!paddr_to_page(PADDR(3 * GiB + MiB)) && !paddr_is_ram(PADDR(3 * GiB + MiB)), "the hole is no RAM");
	ok(!paddr_to_page(PADDR(MiB + 600 * 1024)), "nor is a hole inside a section");
	ok(!paddr_to_page(PADDR(64 * GiB)) && !paddr_is_ram(PADDR(64 * GiB)), "nor what lies above");
	ok(paddr_is_ram(PADDR(5 * GiB + 101 * MiB)), "the island is RAM before it is initialised");
}

static void test_random(void)
{
	enum { N = 300 };
	static struct page *held[N];
	static unsigned order[N];
	bool content = true;

	boot_flat(32 * MiB);
	u64 before = pmm_free_pages(), out = 0;
	srand(2);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (unsigned)rand() % N;

		sim_set_boot_cpu((unsigned)rand() % 4);
		if (held[i]) {
			u64 *w = page_to_virt(held[i]);
			content &= w[0] == i && w[(PAGE_SIZE << order[i]) / 8 - 1] == i;
			pmm_free(held[i], order[i]);
			out -= 1ull << order[i];
			held[i] = NULL;
		} else {
			order[i] = rand() % 3 ? 0 : (unsigned)rand() % 6;
			held[i] = rand() % 2 ? pmm_alloc(order[i]) : pmm_alloc_zeroed(order[i]);
			if (!held[i])
				continue;
			u64 *w = page_to_virt(held[i]);
			w[0] = w[(PAGE_SIZE << order[i]) / 8 - 1] = i;
			out += 1ull << order[i];
		}
		if (pmm_free_pages() != before - out)
			break;
	}
	is(pmm_free_pages(), before - out, "free pages are counted exactly");
	ok(content, "blocks do not overlap");
	for (unsigned i = 0; i < N; i++)
		if (held[i])
			pmm_free(held[i], order[i]);
	is(pmm_free_pages(), before, "everything came back");
}

static void test_carve(void)
{
	boot_flat(64 * MiB);
	u64 total = pmm_total_pages();
	paddr_t a = pmm_carve(32 * MiB, HUGE_SIZE);

	ok(a.v != PADDR_NONE.v && IS_ALIGNED(a.v, HUGE_SIZE), "half of 64 MiB, 2 MiB aligned");
	is(pmm_total_pages(), total - 32 * MiB / PAGE_SIZE, "it left the total");
	is(pmm_free_pages(), pmm_total_pages(), "and the free pages");
	ok(!paddr_to_page(a) && !paddr_is_ram(paddr_add(a, 32 * MiB - 1)), "it has no struct page any more");
	ok(pmm_carve(32 * MiB, HUGE_SIZE).v == PADDR_NONE.v, "a second one does not fit");
	a = pmm_carve(3 * MiB + PAGE_SIZE, HUGE_SIZE);
	ok(a.v != PADDR_NONE.v, "an odd size");
	is(pmm_free_pages(), total - 35 * MiB / PAGE_SIZE - 1, "takes only what was asked for");
	struct page *list;
	is(take_all(&list), pmm_total_pages(), "the rest is usable");
	ok(pmm_carve(0, HUGE_SIZE).v == PADDR_NONE.v && pmm_carve(~0ull, HUGE_SIZE).v == PADDR_NONE.v,
		"absurd lengths fail");
}

static struct page *victim;

static void free_twice(void)
{
	pmm_free(victim, 0);
	pmm_free(victim, 0);
}

static void put_twice(void)
{
	page_put(victim);
	page_put(victim);
}

static void write_after_free(void)
{
	u64 *w = page_to_virt(victim);

	pmm_free(victim, 0);
	w[100] = 1;
	victim = pmm_alloc(0);
}

static void free_shared(void)
{
	page_get(victim);
	pmm_free(victim, 0);
}

static void test_checks(void)
{
	boot_flat(16 * MiB);
	victim = pmm_alloc(0);
	ok(panics(free_twice), "a double free is found");
	ok(panics(put_twice), "a double put is found");
	ok(panics(write_after_free), "a write to a free page is found");
	ok(panics(free_shared), "freeing a page that others refer to is found");
	page_get(victim);
	u64 n = pmm_free_pages();
	page_put(victim);
	is(pmm_free_pages(), n, "a put that is not the last frees nothing");
	page_put(victim);
	is(pmm_free_pages(), n + 1, "the last one does");
}

int main(void)
{
	test_bad_layouts();
	test_exhaustion();
	test_sparse();
	test_random();
	test_carve();
	test_checks();
	return done_testing();
}
