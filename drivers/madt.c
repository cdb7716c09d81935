/* SPDX-License-Identifier: MIT */
/*
 * MADT: processors, I/O APICs and interrupt overrides (ACPI 6.5, 5.2.12). Clients: kernel/cpu/smp.c, drivers/apic.c, the hosted tests.
 *
 * Rule: nothing is read outside the table's length, and a structure is used only if it has the length that its type needs.
 * A structure whose own length does not fit ends the walk, because nothing after it can be found.
 * An x2APIC entry counts like a local APIC entry; what is not enabled is left out (an online-capable processor is not started).
 *
 * Locks: none, no state.
 */
#include "drivers/acpi_table.h"
#include "kernel/log.h"
#include "lib/errno.h"

#define MADT_HEADER 44
#define LAPIC_DEFAULT 0xfee00000ull

enum { LOCAL_APIC = 0, IO_APIC = 1, SOURCE_OVERRIDE = 2, LOCAL_APIC_ADDRESS = 5, LOCAL_X2APIC = 9 };

#define APIC_ENABLED 1u
#define APIC_ID_BROADCAST 0xffu
#define X2APIC_ID_BROADCAST 0xffffffffu

static void bad(struct madt_info *m, const char *what, size_t off)
{
	m->nr_bad++;
	pr_warn("madt", "%s at offset %zu, skipped", what, off);
}

static size_t needed_length(u8 type)
{
	switch (type) {
	case LOCAL_APIC:
		return 8;
	case IO_APIC:
		return 12;
	case SOURCE_OVERRIDE:
		return 10;
	case LOCAL_APIC_ADDRESS:
		return 12;
	case LOCAL_X2APIC:
		return 16;
	}
	return 2; /* not ours */
}

static void add_cpu(struct madt_info *m, u32 id, u32 flags, size_t off)
{
	if (!(flags & APIC_ENABLED))
		return;
	for (unsigned i = 0; i < m->nr_cpus; i++) {
		if (m->apic_ids[i] == id) {
			bad(m, "second entry for one APIC id", off);
			return;
		}
	}
	if (m->nr_cpus == MADT_MAX_CPUS) {
		bad(m, "more processors than supported", off);
		return;
	}
	m->apic_ids[m->nr_cpus++] = id;
}

static void add_ioapic(struct madt_info *m, u32 address, u32 gsi_base, size_t off)
{
	if (!address || !IS_ALIGNED(address, 16)) {
		bad(m, "I/O APIC at an impossible address", off);
		return;
	}
	if (m->nr_ioapics == MADT_MAX_IOAPICS) {
		bad(m, "more I/O APICs than supported", off);
		return;
	}
	m->ioapics[m->nr_ioapics].address = address;
	m->ioapics[m->nr_ioapics++].gsi_base = gsi_base;
}

/* Polarity (bits 0, 1) and trigger (bits 2, 3): 0 as the bus has it (ISA: high, edge), 1 high or edge, 3 low or level. */
static void add_override(struct madt_info *m, const u8 *s, size_t off)
{
	unsigned bus = s[2], irq = s[3], polarity = s[8] & 3, trigger = s[8] >> 2 & 3;

	if (bus != 0 || irq >= ARRAY_SIZE(m->isa) || polarity == 2 || trigger == 2) {
		bad(m, "impossible interrupt override", off);
		return;
	}
	m->isa[irq].gsi = acpi_u32(s + 4);
	m->isa[irq].active_low = polarity == 3;
	m->isa[irq].level = trigger == 3;
}

static void set_lapic_base(struct madt_info *m, u64 base, size_t off)
{
	if (!base || !IS_ALIGNED(base, PAGE_SIZE))
		bad(m, "local APIC at an impossible address", off);
	else
		m->lapic_base = base;
}

static void take_structure(struct madt_info *m, const u8 *s, size_t off)
{
	switch (s[0]) {
	case LOCAL_APIC:
		if (s[3] != APIC_ID_BROADCAST)
			add_cpu(m, s[3], acpi_u32(s + 4), off);
		break;
	case LOCAL_X2APIC:
		if (acpi_u32(s + 4) != X2APIC_ID_BROADCAST)
			add_cpu(m, acpi_u32(s + 4), acpi_u32(s + 8), off);
		break;
	case IO_APIC:
		add_ioapic(m, acpi_u32(s + 4), acpi_u32(s + 8), off);
		break;
	case SOURCE_OVERRIDE:
		add_override(m, s, off);
		break;
	case LOCAL_APIC_ADDRESS:
		set_lapic_base(m, acpi_u64(s + 4), off);
		break;
	}
}

int madt_parse(const void *table, size_t len, struct madt_info *m)
{
	const u8 *t = table;
	size_t end = acpi_table_length(table, len, "APIC", MADT_HEADER);

	*m = (struct madt_info){.lapic_base = LAPIC_DEFAULT};
	for (unsigned i = 0; i < ARRAY_SIZE(m->isa); i++)
		m->isa[i].gsi = i;
	if (!end)
		return -EINVAL;
	set_lapic_base(m, acpi_u32(t + 36), 36);
	for (size_t off = MADT_HEADER, n; off < end; off += n) {
		n = end - off >= 2 ? t[off + 1] : 0;
		if (n < 2 || n > end - off) {
			bad(m, "structure length that does not fit", off);
			break;
		}
		if (n < needed_length(t[off]))
			bad(m, "structure too short for its type", off);
		else
			take_structure(m, t + off, off);
	}
	return 0;
}
