/* SPDX-License-Identifier: MIT */
/* CRC-32C by the CPU's own instruction (SSE4.2; it works on general registers, so the kernel may use it). */
#ifndef LIB_CRC_HW_H
#define LIB_CRC_HW_H

#include "lib/types.h"

/* Does this CPU have it? Asks CPUID: ask once. */
bool crc32c_hw_available(void);
/* The same value as crc32c(). */
u32 crc32c_hw(u32 crc, const void *data, size_t n);

#endif
