/* SPDX-License-Identifier: MIT */
/* NFIT (ACPI 6.5, 5.2.25): which physical ranges are persistent memory, and what they need for durability. Parsed defensively:
 * any length or offset that does not fit is reported by name and the structure is skipped. No state. */
#ifndef DRIVERS_NFIT_H
#define DRIVERS_NFIT_H

#include "lib/types.h"

#define NFIT_MAX_RANGES 16
struct nfit_range {
	paddr_t base;
	u64 len;
	u16 index; /* SPA range structure index */
	u32 proximity;
	u64 flush_hint; /* physical address of the first flush hint of a DIMM of this range, 0: none */
	bool unarmed;   /* a DIMM of this range says that it cannot save its contents */
};
struct nfit_info {
	unsigned nr_ranges;
	struct nfit_range ranges[NFIT_MAX_RANGES]; /* by address, disjoint, page-aligned */
	bool has_capabilities;
	bool cpu_cache_flush_on_power_loss; /* capabilities bit 0 */
	bool mem_ctrl_flush_on_power_loss;  /* bit 1 */
	unsigned nr_bad;                    /* structures that were skipped */
};
/* table: the whole NFIT with its ACPI header, `len` bytes readable. -EINVAL: not an NFIT, bad length or checksum. Pure. */
int nfit_parse(const void *table, size_t len, struct nfit_info *out);

#endif
