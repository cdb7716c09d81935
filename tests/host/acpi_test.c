/* SPDX-License-Identifier: MIT */
/*
 * NFIT and MADT parsers: good tables, and damaged ones (every truncation, absurd structure lengths, random bytes). Prints TAP.
 *
 * Every table lies at the end of an allocation of exactly its size, so that the address sanitizer sees a read past it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "drivers/acpi.h"
#include "drivers/nfit.h"
#include "lib/errno.h"
#include "lib/string.h"

#define TABLE_MAX 1024

struct table {
	u8 bytes[TABLE_MAX];
	size_t len;
};

static unsigned nr_tests, nr_failed;

static void ok(bool good, const char *what)
{
	nr_tests++;
	if (!good)
		nr_failed++;
	printf("%sok %u - %s\n", good ? "" : "not ", nr_tests, what);
}

static void put(struct table *t, u64 v, unsigned n)
{
	while (n--) {
		t->bytes[t->len++] = (u8)v;
		v >>= 8;
	}
}

static void put_zeros(struct table *t, unsigned n)
{
	while (n--)
		put(t, 0, 1);
}

/* Header length and checksum as they have to be for the first `len` bytes. */
static void seal(struct table *t, size_t len)
{
	u8 sum = 0;

	t->len = len;
	for (unsigned i = 0; i < 4; i++)
		t->bytes[4 + i] = (u8)(len >> 8 * i);
	t->bytes[9] = 0;
	for (size_t i = 0; i < len; i++)
		sum += t->bytes[i];
	t->bytes[9] = (u8)-sum;
}

static void begin(struct table *t, const char *signature)
{
	*t = (struct table){0};
	memcpy(t->bytes, signature, 4);
	t->len = sizeof(struct acpi_header);
}

/* A copy of exactly `len` bytes, to be freed. */
static u8 *exact(const struct table *t, size_t len)
{
	u8 *p = malloc(len ? len : 1);

	if (!p)
		abort();
	memcpy(p, t->bytes, len);
	return p;
}

static int parse_nfit(const struct table *t, size_t len, struct nfit_info *out)
{
	u8 *p = exact(t, len);
	int err = nfit_parse(p, len, out);

	free(p);
	return err;
}

static int parse_madt(const struct table *t, size_t len, struct madt_info *out)
{
	u8 *p = exact(t, len);
	int err = madt_parse(p, len, out);

	free(p);
	return err;
}

/* NFIT structures. */

static const u8 guid_pmem[16] = {
	0x79, 0xd3, 0xf0, 0x66, 0xf3, 0xb4, 0x74, 0x40, 0xac, 0x43, 0x0d, 0x33, 0x18, 0xb7, 0x8c, 0xdb};
static const u8 guid_volatile[16] = {
	0x30, 0x5f, 0x4f, 0x73, 0xe4, 0x16, 0xd8, 0x44, 0xa3, 0x4a, 0x4d, 0xe4, 0x48, 0x2f, 0x19, 0x1c};

static void put_spa(struct table *t, u16 index, const u8 guid[16], u64 base, u64 len)
{
	put(t, 0, 2);
	put(t, 56, 2);
	put(t, index, 2);
	put(t, 2, 2);
	put(t, 0, 4);
	put(t, 7, 4); /* proximity */
	for (unsigned i = 0; i < 16; i++)
		put(t, guid[i], 1);
	put(t, base, 8);
	put(t, len, 8);
	put(t, 0x8008, 8);
}

static void put_mapping(struct table *t, u32 handle, u16 spa, u16 state)
{
	put(t, 1, 2);
	put(t, 48, 2);
	put(t, handle, 4);
	put_zeros(t, 4);
	put(t, spa, 2);
	put_zeros(t, 30);
	put(t, state, 2);
	put_zeros(t, 2);
}

static void put_hints(struct table *t, u32 handle, u16 nr, u64 address)
{
	put(t, 6, 2);
	put(t, 16 + 8 * nr, 2);
	put(t, handle, 4);
	put(t, nr, 2);
	put_zeros(t, 6);
	for (unsigned i = 0; i < nr; i++)
		put(t, address + 64 * i, 8);
}

static void put_capabilities(struct table *t, u8 highest, u32 caps)
{
	put(t, 7, 2);
	put(t, 16, 2);
	put(t, highest, 1);
	put_zeros(t, 3);
	put(t, caps, 4);
	put_zeros(t, 4);
}

static void nfit_begin(struct table *t)
{
	begin(t, "NFIT");
	put_zeros(t, 4);
}

static void nfit_good(struct table *t)
{
	nfit_begin(t);
	put_spa(t, 2, guid_pmem, 0x140000000, 0x10000000);
	put_spa(t, 1, guid_pmem, 0x100000000, 0x40000000);
	put_spa(t, 3, guid_volatile, 0x200000000, 0x40000000);
	put_mapping(t, 0x10, 1, 0);
	put_mapping(t, 0x11, 1, 0);
	put_mapping(t, 0x20, 2, 8);
	put_hints(t, 0x11, 2, 0xfd000040);
	put_capabilities(t, 1, 2);
	put(t, 0x55, 2); /* a type of the future */
	put(t, 8, 2);
	put_zeros(t, 4);
	seal(t, t->len);
}

static void test_nfit_good(void)
{
	struct nfit_info n;
	struct table t;

	nfit_good(&t);
	ok(parse_nfit(&t, t.len, &n) == 0 && n.nr_bad == 0 && n.nr_ranges == 2,
		"nfit: two persistent ranges, the volatile one left out");
	ok(n.ranges[0].base.v == 0x100000000 && n.ranges[0].len == 0x40000000 &&
			n.ranges[1].base.v == 0x140000000,
		"nfit: ranges in order of address");
	ok(n.ranges[0].index == 1 && n.ranges[0].proximity == 7, "nfit: index and proximity domain");
	ok(n.ranges[0].flush_hint == 0xfd000040 && n.ranges[1].flush_hint == 0,
		"nfit: the flush hint of the second DIMM of a range");
	ok(!n.ranges[0].unarmed && n.ranges[1].unarmed, "nfit: a DIMM that is not armed");
	ok(n.has_capabilities && !n.cpu_cache_flush_on_power_loss && n.mem_ctrl_flush_on_power_loss,
		"nfit: capabilities");
}

static void test_nfit_capabilities(void)
{
	struct nfit_info n;
	struct table t;

	nfit_begin(&t);
	put_capabilities(&t, 0, 3);
	seal(&t, t.len);
	ok(!parse_nfit(&t, t.len, &n) && n.cpu_cache_flush_on_power_loss && n.mem_ctrl_flush_on_power_loss,
		"nfit: flushing CPU caches implies flushing the memory controller");
	nfit_begin(&t);
	put_capabilities(&t, 0, 2);
	seal(&t, t.len);
	ok(!parse_nfit(&t, t.len, &n) && !n.cpu_cache_flush_on_power_loss && !n.mem_ctrl_flush_on_power_loss,
		"nfit: capability bits above the highest valid one are ignored");
	nfit_begin(&t);
	put_capabilities(&t, 255, 1);
	seal(&t, t.len);
	ok(!parse_nfit(&t, t.len, &n) && n.cpu_cache_flush_on_power_loss,
		"nfit: highest valid bit out of range");
}

/* One persistent range, and a second one with these values: is the second refused? */
static bool second_range_refused(u16 index, u64 base, u64 len)
{
	struct nfit_info n;
	struct table t;

	nfit_begin(&t);
	put_spa(&t, 1, guid_pmem, 0x100000000, 0x10000000);
	put_spa(&t, index, guid_pmem, base, len);
	seal(&t, t.len);
	return parse_nfit(&t, t.len, &n) == 0 && n.nr_ranges == 1 && n.nr_bad == 1;
}

static void test_nfit_ranges(void)
{
	struct nfit_info n;
	struct table t;

	ok(second_range_refused(2, 0x200000000, 0), "nfit: range of no length");
	ok(second_range_refused(2, ~0ull & ~0xfffull, 0x2000), "nfit: base + length overflows");
	ok(second_range_refused(2, 0x200000000, ~0xfffull), "nfit: length overflows");
	ok(second_range_refused(2, 1ull << 52, 0x1000), "nfit: base past the physical address space");
	ok(second_range_refused(2, 0x200000800, 0x10000000), "nfit: base not page-aligned");
	ok(second_range_refused(2, 0x200000000, 0x10000200), "nfit: length not page-aligned");
	ok(second_range_refused(2, 0x10ffff000, 0x2000), "nfit: overlap at the end");
	ok(second_range_refused(2, 0xfffff000, 0x2000), "nfit: overlap at the start");
	ok(second_range_refused(2, 0x100000000, 0x10000000), "nfit: the same range again");
	ok(second_range_refused(1, 0x200000000, 0x10000000), "nfit: the same index again");
	ok(!second_range_refused(2, 0x110000000, 0x1000) && !second_range_refused(2, 0xfffff000, 0x1000),
		"nfit: adjacent ranges are fine");

	nfit_begin(&t);
	for (unsigned i = 0; i < NFIT_MAX_RANGES + 1; i++)
		put_spa(&t, (u16)(i + 1), guid_pmem, 0x100000000 + i * 0x100000ull, 0x100000);
	ok(t.len <= TABLE_MAX, "nfit: test table fits");
	seal(&t, t.len);
	ok(!parse_nfit(&t, t.len, &n) && n.nr_ranges == NFIT_MAX_RANGES && n.nr_bad == 1,
		"nfit: more ranges than supported");

	nfit_begin(&t);
	put_spa(&t, 1, guid_pmem, 0x100000000, 0x100000);
	put_mapping(&t, 5, 1, 0);
	put_hints(&t, 5, 1, 0xfd000000);
	t.bytes[t.len - 16] = 200; /* the number of hints */
	seal(&t, t.len);
	ok(!parse_nfit(&t, t.len, &n) && n.nr_bad == 1 && !n.ranges[0].flush_hint,
		"nfit: more flush hints than the structure has room for");
}

static bool nfit_sane(const struct nfit_info *n)
{
	if (n->nr_ranges > NFIT_MAX_RANGES)
		return false;
	for (unsigned i = 0; i < n->nr_ranges; i++) {
		const struct nfit_range *r = &n->ranges[i];

		if (!r->len || ((r->base.v | r->len) & PAGE_MASK) || r->base.v + r->len > 1ull << 52)
			return false;
		if (i && n->ranges[i - 1].base.v + n->ranges[i - 1].len > r->base.v)
			return false;
	}
	return true;
}

/* MADT structures. */

static void put_lapic(struct table *t, u8 id, u32 flags)
{
	put(t, 0, 1);
	put(t, 8, 1);
	put(t, id, 1);
	put(t, id, 1);
	put(t, flags, 4);
}

static void put_x2apic(struct table *t, u32 id, u32 flags)
{
	put(t, 9, 1);
	put(t, 16, 1);
	put_zeros(t, 2);
	put(t, id, 4);
	put(t, flags, 4);
	put(t, id, 4);
}

static void put_ioapic(struct table *t, u32 address, u32 gsi_base)
{
	put(t, 1, 1);
	put(t, 12, 1);
	put_zeros(t, 2);
	put(t, address, 4);
	put(t, gsi_base, 4);
}

static void put_override(struct table *t, u8 bus, u8 irq, u32 gsi, u16 flags)
{
	put(t, 2, 1);
	put(t, 10, 1);
	put(t, bus, 1);
	put(t, irq, 1);
	put(t, gsi, 4);
	put(t, flags, 2);
}

static void madt_begin(struct table *t)
{
	begin(t, "APIC");
	put(t, 0xfee00000, 4);
	put(t, 1, 4);
}

static void madt_good(struct table *t)
{
	madt_begin(t);
	put_lapic(t, 0, 1);
	put_lapic(t, 4, 0); /* disabled */
	put_lapic(t, 6, 2); /* online-capable, not started */
	put_lapic(t, 2, 1);
	put_lapic(t, 0xff, 1);
	put_x2apic(t, 0x102, 1);
	put_x2apic(t, 0xffffffff, 1);
	put_ioapic(t, 0xfec00000, 0);
	put_ioapic(t, 0xfec01000, 24);
	put_override(t, 0, 0, 2, 0);
	put_override(t, 0, 9, 9, 0xd);
	put_override(t, 0, 11, 11, 0xf);
	put(t, 4, 1); /* NMI line: ignored */
	put(t, 6, 1);
	put_zeros(t, 4);
	put(t, 0x80, 1); /* OEM */
	put(t, 2, 1);
	put(t, 5, 1);
	put(t, 12, 1);
	put_zeros(t, 2);
	put(t, 0xfee10000, 8);
	seal(t, t->len);
}

static void test_madt_good(void)
{
	struct madt_info m;
	struct table t;

	madt_good(&t);
	ok(parse_madt(&t, t.len, &m) == 0 && m.nr_bad == 0, "madt: a good table");
	ok(m.nr_cpus == 3 && m.apic_ids[0] == 0 && m.apic_ids[1] == 2 && m.apic_ids[2] == 0x102,
		"madt: enabled processors only, in table order");
	ok(m.nr_ioapics == 2 && m.ioapics[1].address == 0xfec01000 && m.ioapics[1].gsi_base == 24,
		"madt: I/O APICs");
	ok(m.isa[0].gsi == 2 && m.isa[4].gsi == 4 && m.isa[9].level && !m.isa[9].active_low &&
			m.isa[11].active_low && m.isa[11].level,
		"madt: interrupt overrides");
	ok(m.lapic_base == 0xfee10000, "madt: local APIC address override");
}

static void test_madt_bad(void)
{
	struct madt_info m;
	struct table t;

	madt_begin(&t);
	put_lapic(&t, 3, 1);
	put_lapic(&t, 3, 1);
	put_x2apic(&t, 3, 1);
	seal(&t, t.len);
	ok(!parse_madt(&t, t.len, &m) && m.nr_cpus == 1 && m.nr_bad == 2, "madt: an APIC id counts once");
	madt_begin(&t);
	for (unsigned i = 0; i < MADT_MAX_CPUS + 3; i++)
		put_lapic(&t, (u8)i, 1);
	seal(&t, t.len);
	ok(!parse_madt(&t, t.len, &m) && m.nr_cpus == MADT_MAX_CPUS && m.nr_bad == 3,
		"madt: more processors than supported");
	madt_begin(&t);
	for (unsigned i = 0; i < MADT_MAX_IOAPICS + 1; i++)
		put_ioapic(&t, 0xfec00000 + i * 0x1000, i * 24);
	put_ioapic(&t, 0, 0);
	seal(&t, t.len);
	ok(!parse_madt(&t, t.len, &m) && m.nr_ioapics == MADT_MAX_IOAPICS && m.nr_bad == 2,
		"madt: too many I/O APICs, one at address 0");
	madt_begin(&t);
	put_override(&t, 0, 16, 2, 0);
	put_override(&t, 1, 3, 2, 0);
	put_override(&t, 0, 3, 2, 2);
	put_override(&t, 0, 3, 2, 8);
	seal(&t, t.len);
	ok(!parse_madt(&t, t.len, &m) && m.nr_bad == 4 && m.isa[3].gsi == 3, "madt: impossible overrides");
	madt_begin(&t);
	t.bytes[36] = 1;
	seal(&t, t.len);
	ok(!parse_madt(&t, t.len, &m) && m.nr_cpus == 0 && m.nr_bad == 1 && m.lapic_base == 0xfee00000,
		"madt: misaligned local APIC address, no processors");
}

static bool madt_sane(const struct madt_info *m)
{
	if (m->nr_cpus > MADT_MAX_CPUS || m->nr_ioapics > MADT_MAX_IOAPICS || !m->lapic_base)
		return false;
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (m->apic_ids[i] == m->apic_ids[j])
				return false;
		}
	}
	return true;
}

/* Damage, the same for both tables. */

struct parser {
	const char *name;
	void (*good)(struct table *t);
	bool (*try)(const struct table *t, size_t len, int *err); /* is the outcome sane? */
	size_t header, length_bytes; /* of the table's header; of a structure's length field */
};

static bool try_nfit(const struct table *t, size_t len, int *err)
{
	struct nfit_info n;

	*err = parse_nfit(t, len, &n);
	return *err ? n.nr_ranges == 0 : nfit_sane(&n);
}

static bool try_madt(const struct table *t, size_t len, int *err)
{
	struct madt_info m;

	*err = parse_madt(t, len, &m);
	return *err ? m.nr_cpus == 0 : madt_sane(&m);
}

static const struct parser parsers[] = {
	{"nfit", nfit_good, try_nfit, 40, 2},
	{"madt", madt_good, try_madt, 44, 1},
};

static void named(const struct parser *p, bool good, const char *what)
{
	char text[100];

	snprintf(text, sizeof(text), "%s: %s", p->name, what);
	ok(good, text);
}

static void test_header(const struct parser *p)
{
	struct table t;
	int err;

	p->good(&t);
	t.bytes[0] ^= 1;
	seal(&t, t.len);
	named(p, p->try(&t, t.len, &err) && err == -EINVAL, "another signature is refused");
	p->good(&t);
	t.bytes[t.len - 1] ^= 1;
	named(p, p->try(&t, t.len, &err) && err == -EINVAL, "a wrong checksum is refused");
	p->good(&t);
	t.len += 16; /* the header claims more than there is */
	seal(&t, t.len);
	named(p, p->try(&t, t.len - 16, &err) && err == -EINVAL, "a length past what is readable is refused");
}

static void test_truncations(const struct parser *p)
{
	bool all_refused = true, all_sane = true;
	struct table t;
	int err;

	p->good(&t);
	for (size_t n = 0; n < t.len; n++)
		all_refused &= p->try(&t, n, &err) && err == -EINVAL;
	named(p, all_refused, "every truncation is refused");
	for (size_t n = 0; n < t.len; n++) {
		struct table cut = t;

		if (n >= sizeof(struct acpi_header))
			seal(&cut, n);
		all_sane &= p->try(&cut, n, &err) && (err == -EINVAL) == (n < p->header);
	}
	named(p, all_sane, "every truncation with a matching length and checksum");
}

/* Every structure in turn gets every absurd length. */
static void test_lengths(const struct parser *p)
{
	static const u32 lengths[] = {
		0, 1, 2, 3, 4, 5, 7, 9, 11, 15, 47, 55, 57, 127, 255, 256, 32767, 32768, 65535};
	bool sane = true;
	struct table t;
	int err;

	p->good(&t);
	for (size_t off = p->header; off < t.len;) {
		size_t at = off + p->length_bytes;

		for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
			struct table bad = t;

			for (unsigned b = 0; b < p->length_bytes; b++)
				bad.bytes[at + b] = (u8)(lengths[i] >> 8 * b);
			seal(&bad, bad.len);
			sane &= p->try(&bad, bad.len, &err) && !err;
		}
		off += p->length_bytes == 2 ? t.bytes[at] | t.bytes[at + 1] << 8 : t.bytes[at];
	}
	named(p, sane, "absurd structure lengths, zero included");
}

static void test_random(const struct parser *p)
{
	bool sane = true;
	struct table t;
	u64 seed = 0x9e3779b97f4a7c15;
	int err;

	p->good(&t);
	for (unsigned round = 0; round < 20000; round++) {
		struct table bad = t;
		unsigned flips = 1 + round % 8;

		while (flips--) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bad.bytes[p->header - 8 + (seed >> 33) % (bad.len - p->header + 8)] =
				(u8)(seed >> 25);
		}
		seal(&bad, bad.len);
		sane &= p->try(&bad, bad.len, &err) && !err;
	}
	named(p, sane, "20000 tables with random bytes");
}

int main(void)
{
	/* Damaged tables are reported line by line, which is not what this test is about. The sanitizers write to descriptor 2. */
	stderr = fopen("/dev/null", "w");
	if (!stderr)
		return 1;
	test_nfit_good();
	test_nfit_capabilities();
	test_nfit_ranges();
	test_madt_good();
	test_madt_bad();
	for (unsigned i = 0; i < ARRAY_SIZE(parsers); i++) {
		test_header(&parsers[i]);
		test_truncations(&parsers[i]);
		test_lengths(&parsers[i]);
		test_random(&parsers[i]);
	}
	printf("1..%u\n", nr_tests);
	return nr_failed != 0;
}
