/* SPDX-License-Identifier: MIT */
/* Names of text addresses, from the table that tools/symtab makes of the linked kernel. Ascending
 * addresses. */
#include "kernel/cpu/backtrace.h"
#include "kernel/cpu/paging.h"
#include "lib/fmt.h"

extern const u32 symtab_count, symtab_name[];
extern const u64 symtab_address[];
extern const char symtab_names[];

const char *symbol_format(u64 address, char *buf, size_t size)
{
	u32 low = 0, high = symtab_count;

	/* The last symbol at or below the address. */
	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (symtab_address[middle] <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address < (u64)image_start || address >= (u64)text_end)
		fmt_snprintf(buf, size, "%#llx", (unsigned long long)address);
	else
		fmt_snprintf(buf, size, "%s+%#llx", &symtab_names[symtab_name[low - 1]],
			(unsigned long long)(address - symtab_address[low - 1]));
	return buf;
}
