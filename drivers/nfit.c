/* SPDX-License-Identifier: MIT */
/*
 * NFIT: the physical ranges that are persistent memory (ACPI 6.5, 5.2.25). Clients: the pmem set-up at boot, the hosted tests.
 *
 * Rule: nothing is read outside the table's length, and a structure is used only if it has the length that its type needs. A
 * structure whose own length does not fit ends the walk, because nothing after it can be found. Ranges of
 * other kinds (control regions, block windows, volatile memory) are not persistent memory and are left alone.
 *
 * Locks: none, no state.
 */
#include "drivers/nfit.h"

#include "drivers/acpi_table.h"
#include "kernel/log.h"
#include "lib/errno.h"

#define NFIT_HEADER 40
#define PHYS_LIMIT (1ull << 52) /* SDM vol. 3, 4.1.4: the architectural maximum */

enum { SPA_RANGE = 0, REGION_MAPPING = 1, FLUSH_HINTS = 6, CAPABILITIES = 7 };

#define SPA_PROXIMITY_VALID 2u
#define MAPPING_NOT_ARMED 8u

/* 66F0D379-B4F3-4074-AC43-0D3318B78CDB as it lies in memory. */
static const u8 pmem_guid[16] = {
	0x79, 0xd3, 0xf0, 0x66, 0xf3, 0xb4, 0x74, 0x40, 0xac, 0x43, 0x0d, 0x33, 0x18, 0xb7, 0x8c, 0xdb};

/* Walks the structures: offset of the next one, its type and length. */
struct walk {
	const u8 *table;
	size_t end, off, len;
	u16 type;
	const u8 *s;
};

static size_t needed_length(u16 type)
{
	switch (type) {
	case SPA_RANGE:
		return 56;
	case REGION_MAPPING:
		return 48;
	case FLUSH_HINTS:
		return 16;
	case CAPABILITIES:
		return 16;
	}
	return 4; /* not ours */
}

/* The next structure; false at the end, or where a length does not fit (then w->off < w->end). */
static bool next(struct walk *w)
{
	size_t left;

	w->off += w->len;
	left = w->end - w->off;
	if (left < 4)
		return false;
	w->s = w->table + w->off;
	w->type = acpi_u16(w->s);
	w->len = acpi_u16(w->s + 2);
	return w->len >= 4 && w->len <= left;
}

/* The next structure of that type which is long enough for it. */
static bool next_of(struct walk *w, u16 type)
{
	while (next(w)) {
		if (w->type == type && w->len >= needed_length(type))
			return true;
	}
	return false;
}

static void bad(struct nfit_info *n, const char *what, size_t off)
{
	n->nr_bad++;
	pr_warn("nfit", "%s at offset %zu, skipped", what, off);
}

static const char *range_problem(const struct nfit_info *n, u64 base, u64 len, u16 index)
{
	if (!len)
		return "range of no length";
	if (base >= PHYS_LIMIT || len > PHYS_LIMIT - base)
		return "range past the end of physical memory";
	if (!IS_ALIGNED(base | len, PAGE_SIZE))
		return "range that is not page-aligned";
	if (n->nr_ranges == NFIT_MAX_RANGES)
		return "more ranges than supported";
	for (unsigned i = 0; i < n->nr_ranges; i++) {
		const struct nfit_range *r = &n->ranges[i];

		if (r->index == index)
			return "second range with one index";
		if (base < r->base.v + r->len && r->base.v < base + len)
			return "range that overlaps another";
	}
	return NULL;
}

/* Keeps the ranges in order of address: firmware lists them in any order. */
static void add_range(struct nfit_info *n, const u8 *s, size_t off)
{
	u16 index = acpi_u16(s + 4);
	u64 base = acpi_u64(s + 32), len = acpi_u64(s + 40);
	const char *problem = NULL;
	unsigned i;

	if (memcmp(s + 16, pmem_guid, sizeof(pmem_guid)))
		return;
	problem = range_problem(n, base, len, index);
	if (problem) {
		bad(n, problem, off);
		return;
	}
	for (i = n->nr_ranges++; i > 0 && n->ranges[i - 1].base.v > base; i--)
		n->ranges[i] = n->ranges[i - 1];
	n->ranges[i] = (struct nfit_range){
		.base = PADDR(base),
		.len = len,
		.index = index,
		.proximity = acpi_u16(s + 6) & SPA_PROXIMITY_VALID ? acpi_u32(s + 12) : 0,
	};
}

/* Byte 4 is the highest capability bit that means something. */
static void add_capabilities(struct nfit_info *n, const u8 *s)
{
	u32 caps = acpi_u32(s + 8);
	u32 valid = s[4] >= 31 ? ~0u : (2u << s[4]) - 1;

	n->has_capabilities = true;
	n->cpu_cache_flush_on_power_loss = caps & valid & 1;
	n->mem_ctrl_flush_on_power_loss = caps & valid & 3;
}

static void check_flush_hints(struct nfit_info *n, const struct walk *w)
{
	if (w->len < 16 + 8 * (size_t)acpi_u16(w->s + 8))
		bad(n, "flush hints that do not fit", w->off);
}

/* First flush hint address of the DIMM; 0: none. */
static u64 flush_hint_of(const u8 *table, size_t end, u32 handle)
{
	struct walk w = {.table = table, .end = end, .off = NFIT_HEADER};

	while (next_of(&w, FLUSH_HINTS)) {
		u16 nr = acpi_u16(w.s + 8);

		if (acpi_u32(w.s + 4) == handle && nr && w.len >= 16 + 8 * (size_t)nr) {
			u64 a = acpi_u64(w.s + 16);

			return a < PHYS_LIMIT && IS_ALIGNED(a, 8) ? a : 0;
		}
	}
	return 0;
}

/* What the DIMMs of a range say about it. */
static void add_mappings(const u8 *table, size_t end, struct nfit_range *r)
{
	struct walk w = {.table = table, .end = end, .off = NFIT_HEADER};

	while (next_of(&w, REGION_MAPPING)) {
		if (acpi_u16(w.s + 12) != r->index)
			continue;
		if (acpi_u16(w.s + 44) & MAPPING_NOT_ARMED)
			r->unarmed = true;
		if (!r->flush_hint)
			r->flush_hint = flush_hint_of(table, end, acpi_u32(w.s + 4));
	}
}

int nfit_parse(const void *table, size_t len, struct nfit_info *n)
{
	struct walk w = {.table = table, .off = NFIT_HEADER};

	*n = (struct nfit_info){0};
	w.end = acpi_table_length(table, len, "NFIT", NFIT_HEADER);
	if (!w.end)
		return -EINVAL;
	while (next(&w)) {
		if (w.len < needed_length(w.type))
			bad(n, "structure too short for its type", w.off);
		else if (w.type == SPA_RANGE)
			add_range(n, w.s, w.off);
		else if (w.type == CAPABILITIES)
			add_capabilities(n, w.s);
		else if (w.type == FLUSH_HINTS)
			check_flush_hints(n, &w);
	}
	if (w.off < w.end)
		bad(n, "structure length that does not fit", w.off);
	for (unsigned i = 0; i < n->nr_ranges; i++)
		add_mappings(table, w.end, &n->ranges[i]);
	return 0;
}
