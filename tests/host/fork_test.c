/* SPDX-License-Identifier: MIT */
/*
 * fork beside a walk over a reverse map that the child is already in: the walk comes into the page table that fork still fills.
 */
#include "host/unit.h"
#include "tests/host/interleave.h"
#include "tests/host/mm_file.h"

#define ANON (BASE + PAGE_SIZE)
#define NR_ANON 3

static struct mm *parent, *child;

static void run_fork(void *arg UNUSED)
{
	child = mm_fork(parent);
}

static void run_truncate(void *arg UNUSED)
{
	rmap_unmap(&file->rmap, 0, ~0ull, RMAP_ALL);
}

/* Whoever visits the child's entries believes in the table's count of them: so does a fork of it. */
static const char *nothing_lost(void)
{
	struct mm *grandchild = mm_fork(child);

	sim_set_boot_mm(grandchild);
	for (u64 i = 0; i < NR_ANON; i++)
		if (load(ANON + i * PAGE_SIZE) != 100 + i)
			return "the child's child has lost a page";
	return NULL;
}

int main(void)
{
	struct interleaving x = {.threads = 2, .preemptions = 2, .max_runs = 100000, .at_end = nothing_lost};

	sim_init(&(struct sim_config){.ram = 2 << 20, .pmem = 1 << 20});
	sim_boot_mm();
	make_file();
	parent = mm_create();
	sim_set_boot_mm(parent);
	map_file(parent, BASE, PAGE_SIZE, 0, RW);
	map(parent, ANON, NR_ANON * PAGE_SIZE, RW);
	ok(store(BASE, 99), "a private copy of a file's page");
	for (u64 i = 0; i < NR_ANON; i++)
		ok(store(ANON + i * PAGE_SIZE, 100 + i), "and anonymous memory behind it");
	sim_set_boot_mm(NULL);
	sim_spawn("fork", run_fork, NULL, NULL, 1);
	sim_spawn("truncate", run_truncate, NULL, NULL, 2);
	interleave(&x);
	ok(!x.wrong, "fork beside truncate: every page is there");
	if (x.wrong)
		diag("%s: %s", x.wrong, x.schedule);
	ok(!x.cut, "%llu interleavings", (unsigned long long)x.runs);
	return done_testing();
}
