/* SPDX-License-Identifier: MIT */
/*
 * Target "acpi": the NFIT and MADT parsers. The first byte says which; the rest is the table behind its header, which gets length and
 * checksum. The table lies at the end of an allocation of exactly its size.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/acpi.h"
#include "drivers/nfit.h"
#include "tests/hostile/target.h"
#include "tests/hostile/world.h"

int LLVMFuzzerInitialize(int *argc UNUSED, char ***argv UNUSED)
{
	setenv("SIM_VERBOSE", "-1", 0);
	return 0;
}

static u8 *make_table(const char *signature, const u8 *body, size_t size)
{
	size_t len = sizeof(struct acpi_header) + size;
	struct acpi_header *h = calloc(1, len);
	u8 *table = (u8 *)h, sum = 0;

	memcpy(h->signature, signature, 4);
	h->length = (u32)len;
	memcpy(table + sizeof(*h), body, size);
	for (size_t k = 0; k < len; k++)
		sum += table[k];
	h->checksum = (u8)-sum;
	return table;
}

static void parse_nfit(const u8 *table, size_t len)
{
	struct nfit_info n;
	u64 end = 0;

	if (nfit_parse(table, len, &n))
		return;
	if (n.nr_ranges > NFIT_MAX_RANGES)
		finding("%u ranges", n.nr_ranges);
	for (unsigned k = 0; k < n.nr_ranges; k++) {
		const struct nfit_range *r = &n.ranges[k];

		if (!r->len || (r->base.v | r->len) & PAGE_MASK || r->base.v < end ||
			r->base.v + r->len < end)
			finding("range %u is empty, not of whole pages, or out of order", k);
		end = r->base.v + r->len;
	}
}

static void parse_madt(const u8 *table, size_t len)
{
	struct madt_info m;

	if (!madt_parse(table, len, &m) && (m.nr_cpus > MADT_MAX_CPUS || m.nr_ioapics > MADT_MAX_IOAPICS))
		finding("%u CPUs, %u I/O APICs", m.nr_cpus, m.nr_ioapics);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	bool nfit = size && data[0] % 2;
	u8 *table;

	if (!size)
		return 0;
	table = make_table(nfit ? "NFIT" : "APIC", data + 1, size - 1);
	if (nfit)
		parse_nfit(table, sizeof(struct acpi_header) + size - 1);
	else
		parse_madt(table, sizeof(struct acpi_header) + size - 1);
	free(table);
	return 0;
}
