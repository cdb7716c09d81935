/* SPDX-License-Identifier: MIT */
/* Kernel objects: sizes, alignment, content, accounting, exhaustion, and the checks of debug builds. */
#include "host/sim.h"
#include "host/unit.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/pmm.h"
#include "tests/host/mm_death.h"
#include <stdlib.h>

static void test_sizes(void)
{
	static const size_t sizes[] = {0, 1, 8, 15, 16, 17, 100, 192, 255, 256, 257, 1000, 1300, 1344, 2000,
		2024, 2048, 2049, 4096, 5000, 65536, 1 << 20};
	bool aligned = true, zeroed = true;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		u8 *p = kmalloc(sizes[i]);
		aligned &= p && ((uintptr_t)p & 15) == 0;
		memset(p, 0xee, sizes[i]);
		kfree(p);
		p = kzalloc(sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			zeroed &= p[k] == 0;
		kfree(p);
	}
	ok(aligned, "objects of all sizes, aligned to 16 bytes");
	ok(zeroed, "kzalloc zeroes what was used before");
	kfree(NULL);
	ok(!kmalloc((4 << 20) + 1) && !kmalloc(~0ul) && !kmalloc(~0ul - 20), "too large fails");
	ok(!kcalloc(1ul << 33, 1ul << 33), "kcalloc sees the overflow");
	ok(!kcalloc(~0ul, 2), "in the last bit as well");
	is(kmem_bytes_in_use(), 0, "nothing is in use");
}

static void test_random(void)
{
	enum { N = 1000 };
	static u8 *held[N];
	static size_t size[N];
	bool content = true;
	kmem_trim();
	u64 pages = pmm_free_pages();

	srand(3);
	for (unsigned round = 0; round < 100000; round++) {
		unsigned i = (unsigned)rand() % N;

		sim_set_boot_cpu((unsigned)rand() % 4);
		if (held[i]) {
			for (size_t k = 0; k < size[i]; k += 1 + size[i] / 8)
				content &= held[i][k] == (u8)i;
			kfree(held[i]);
			held[i] = NULL;
		} else {
			size[i] = rand() % 20 ? (size_t)rand() % 300 : (size_t)rand() % 9000;
			held[i] = kmalloc(size[i]);
			if (held[i])
				memset(held[i], (u8)i, size[i]);
		}
	}
	ok(content, "objects do not overlap");
	ok(kmem_bytes_in_use() > 0, "%llu bytes in use", (unsigned long long)kmem_bytes_in_use());
	for (unsigned i = 0; i < N; i++)
		kfree(held[i]);
	is(kmem_bytes_in_use(), 0, "all freed, on any CPU");
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		sim_set_boot_cpu(cpu);
		kmem_trim();
	}
	sim_set_boot_cpu(0);
	is(pmm_free_pages(), pages, "and every page came back");
}

static void test_exhaustion(void)
{
	struct chain {
		struct chain *next;
	} *all = NULL, *c;
	u64 free = pmm_free_pages();

	while ((c = kmalloc(100))) {
		c->next = all;
		all = c;
	}
	ok(!kmalloc(5000), "nothing larger is left either");
	is(pmm_free_pages(), 0, "memory was used up to the last page");
	while ((c = all)) {
		all = c->next;
		kfree(c);
	}
	kmem_trim();
	is(pmm_free_pages(), free, "and came back");
}

static u8 *victim;

static void free_twice(void)
{
	kfree(victim);
	kfree(victim);
}

static void overrun(void)
{
	victim[100] = 0;
	kfree(victim);
}

static void underrun(void)
{
	victim[-1] = 0;
	kfree(victim);
}

static void use_after_free(void)
{
	kfree(victim);
	victim[50] = 1;
	if (!kmalloc(100))
		exit(1);
}

static void free_inside(void)
{
	kfree(victim + 16);
}

static void free_stranger(void)
{
	static u8 object[64];

	kfree(object);
}

static void test_checks(void)
{
	victim = kmalloc(100);
	ok(panics(free_twice), "a double free is found");
	ok(panics(overrun), "a write past the end is found");
	ok(panics(underrun), "a write before the start is found");
	ok(panics(use_after_free), "a write after the free is found");
	ok(panics(free_inside), "a pointer into an object is not freed");
	ok(panics(free_stranger), "nor is memory of somebody else's");
	kfree(victim);
	victim = kmalloc(100000);
	ok(panics(free_twice), "a double free of a large one is found");
	kfree(victim);
}

int main(void)
{
	sim_init(NULL);
	sim_boot_mm();
	test_sizes();
	test_random();
	test_exhaustion();
	test_checks();
	return done_testing();
}
