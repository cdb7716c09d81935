/* SPDX-License-Identifier: MIT */
/* What every table parser needs: unaligned little-endian reads, and the check of the common header (ACPI 6.5, 5.2.6). */
#ifndef DRIVERS_ACPI_TABLE_H
#define DRIVERS_ACPI_TABLE_H

#include "drivers/acpi.h"
#include "lib/string.h"

static inline u16 acpi_u16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static inline u32 acpi_u32(const u8 *p)
{
	return acpi_u16(p) | (u32)acpi_u16(p + 2) << 16;
}

static inline u64 acpi_u64(const u8 *p)
{
	return acpi_u32(p) | (u64)acpi_u32(p + 4) << 32;
}

/* All bytes of a table or pointer structure add up to 0. */
static inline bool acpi_checksum_ok(const void *p, size_t n)
{
	const u8 *b = p;
	u8 sum = 0;

	while (n--)
		sum += *b++;
	return sum == 0;
}

/* The table's own length if signature, length (min .. len) and checksum are good; 0: not. */
static inline size_t acpi_table_length(const void *table, size_t len, const char signature[4], size_t min)
{
	const u8 *t = table;
	size_t n;

	if (len < sizeof(struct acpi_header) || memcmp(t, signature, 4))
		return 0;
	n = acpi_u32(t + offsetof(struct acpi_header, length));
	return n >= min && n <= len && acpi_checksum_ok(t, n) ? n : 0;
}

#endif
