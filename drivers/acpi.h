/* SPDX-License-Identifier: MIT */
/* ACPI tables, parsed defensively: every length is checked against the table that holds it, checksums are verified, and
 * what is wrong is named in the log and left out. No AML. */
#ifndef DRIVERS_ACPI_H
#define DRIVERS_ACPI_H

#include "lib/types.h"

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem_id[6], oem_table_id[8];
	u32 oem_revision, creator_id, creator_revision;
} PACKED;
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.5, table 5.4");

/* rsdp: physical address from the boot loader, or PADDR_NONE: scan the BIOS areas. -ENODEV. */
int acpi_init(paddr_t rsdp);
/* n-th table with that signature, whole and with a good checksum; NULL: none. */
const struct acpi_header *acpi_find(const char signature[4], unsigned n);

/* MADT (ACPI 6.5, 5.2.12). Pure parser, shared with the hosted tests. */
#define MADT_MAX_CPUS 64
#define MADT_MAX_IOAPICS 8
struct madt_info {
	u64 lapic_base;
	unsigned nr_cpus; /* enabled ones only, in table order */
	u32 apic_ids[MADT_MAX_CPUS];
	unsigned nr_ioapics;
	struct { u32 address, gsi_base; } ioapics[MADT_MAX_IOAPICS];
	struct { u32 gsi; bool active_low, level; } isa[16]; /* identity unless overridden */
	unsigned nr_bad; /* structures that were skipped */
};
int madt_parse(const void *table, size_t len, struct madt_info *out);

/* Register addresses for S5 power-off from the FADT (and the \_S5 package found by pattern in the DSDT); false: unknown. */
bool acpi_s5(u16 *pm1a_port, u16 *pm1b_port, u16 *slp_typa, u16 *slp_typb);

#endif
