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

/* rsdp: from the boot loader, an address that the direct map covers; or PADDR_NONE: scan the BIOS areas. Boot, after kva_init(). -ENODEV:
 * no tables; everything below then finds nothing. */
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
	struct {
		u32 address, gsi_base;
	} ioapics[MADT_MAX_IOAPICS];
	struct {
		u32 gsi;
		bool active_low, level;
	} isa[16];       /* identity unless overridden */
	unsigned nr_bad; /* structures that were skipped */
};
int madt_parse(const void *table, size_t len, struct madt_info *out);

/* The PM timer's port (3.579545 MHz) and width, 24 or 32 bits; false: none. */
bool acpi_pm_timer(u16 *port, unsigned *bits);

/* Register addresses for S5 power-off from the FADT (and the \_S5 package found by pattern in the DSDT); false: unknown. Switches
 * the machine to ACPI mode if the firmware has not. pm1b_port: 0 if there is none. SLP_TYP goes to bits 10..12, SLP_EN is bit 13. */
bool acpi_s5(u16 *pm1a_port, u16 *pm1b_port, u16 *slp_typa, u16 *slp_typb);

#endif
