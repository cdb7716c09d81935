/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader told us, in one form for multiboot 1 and 2.
 *
 * Rule: bootinfo_parse() copies everything that is kept, so that the loader's memory is ordinary RAM
 * afterwards. Nothing that the loader says is believed further than it can be checked; what is wrong is
 * named in the log and left out.
 */
#ifndef BOOT_BOOTINFO_H
#define BOOT_BOOTINFO_H

#include "lib/types.h"

#define BOOT_MAX_RANGES 128
#define BOOT_MAX_MODULES 8
#define BOOT_MAX_CMDLINE 2048

/* Types of the firmware's memory map (ACPI 6.5, 15.4). Others are left alone as they are. */
enum {
	BOOT_RAM = 1,
	BOOT_RESERVED = 2,
	BOOT_ACPI = 3,
	BOOT_ACPI_NVS = 4,
};

struct boot_range {
	u64 base, len;
	u32 type;
};

struct boot_info {
	char loader[64];
	char cmdline[BOOT_MAX_CMDLINE];            /* without the kernel's own path */
	struct boot_range ranges[BOOT_MAX_RANGES]; /* as the firmware gave them: any order, may overlap */
	unsigned nr_ranges;
	struct boot_range modules[BOOT_MAX_MODULES];
	unsigned nr_modules;
	u8 rsdp[36] ALIGNED(8); /* copy of the ACPI RSDP; all zero: the loader gave none */
	bool has_rsdp;
};
extern struct boot_info boot_info;

/* Fills boot_info. `magic` and `address` are what the loader left in eax and ebx. Context: the boot map
 * (first 4 GiB). -EINVAL: not a multiboot loader, or no memory map. */
int bootinfo_parse(u32 magic, u32 address);

#endif
