/* SPDX-License-Identifier: MIT */
/*
 * What the kernel must not have written: bytes of its fill patterns (debug kernels fill free pages, free objects and the stacks of
 * threads: mm/pmm.c, mm/kmem.c, kernel/thread.c) and addresses of its half. Clients: worker.c, process.c.
 *
 * Rule: nothing here holds the patterns themselves, or else this program's own text would be found in what read(2) returns.
 */
#include "fuzz.h"

/* Complements of the patterns: free page, free object, stack. */
static const uint32_t not_pattern[] = {0x5a5a5a5a, 0x94949494, 0xa3a3a3a3};

/* The only addresses of the kernel's half that this program uses, as pointers that must be refused. */
const uint64_t bad_addresses[] = {
	0xffff800000000000, /* the direct map: its start, and RAM */
	0xffff800000200000,
	0xffff900000000000, /* nothing is there */
	0xffffc00000002000, /* stacks */
	0xffffffff80000000, /* the image */
	0xffffffff80100000,
};
const unsigned nr_bad_addresses = ARRAY_SIZE(bad_addresses);

int is_bad_address(uint64_t v)
{
	for (unsigned i = 0; i < nr_bad_addresses; i++)
		if ((v & ~(PAGE - 1)) == bad_addresses[i])
			return 1;
	return 0;
}

/* docs/ARCHITECTURE.md: the direct map, kernel virtual ranges, the image. Small negative numbers are none of them. */
static int is_kernel_address(uint64_t v)
{
	return (v >= 0xffff800000000000 && v < 0xffff808000000000) ||
		(v >= 0xffffc00000000000 && v < 0xffffc08000000000) ||
		(v >= 0xffffffff80100000 && v < 0xffffffff82000000);
}

static int is_pattern(uint32_t v)
{
	for (unsigned i = 0; i < ARRAY_SIZE(not_pattern); i++)
		if (v == ~not_pattern[i])
			return 1;
	return 0;
}

void leak_check(struct fuzzer *f, const struct call *c, const void *at, size_t len, enum area_kind kind,
	const char *what)
{
	const uint8_t *p = at;

	for (size_t i = 0; i + 4 <= len; i += 4) {
		uint32_t low = *(const uint32_t *)(p + i);
		uint64_t v = low;

		if (i + 8 <= len)
			v |= (uint64_t) * (const uint32_t *)(p + i + 4) << 32;
		if (is_pattern(low) && (kind == AREA_STRUCT || v >> 32 == low))
			report(f->slot, what, c, i, v);
		if (i % 8 == 0 && is_kernel_address(v) && !is_bad_address(v))
			report(f->slot, what, c, i, v);
	}
}

/* The first report counts. It ends the process; the supervisor prints it. */
void report(struct slot *slot, const char *what, const struct call *c, uint64_t offset, uint64_t value)
{
	int none = 0;

	if (atomic_compare_exchange_strong(&slot->report.made, &none, 1)) {
		slot->report.what = what;
		slot->report.call = *c;
		slot->report.offset = offset;
		slot->report.value = value;
		atomic_store(&slot->report.made, 2);
	}
	for (;;)
		call(231, (long)EXIT_LEAK);
}
