/* SPDX-License-Identifier: MIT */
/* CRC-32C (Castagnoli, reflected, no final inversion) as ext4 and jbd2 use it, and CRC-16 (ANSI,
 * reflected: group descriptors without metadata_csum). Sliced tables; constant data only. */
#ifndef LIB_CRC_H
#define LIB_CRC_H

#include "lib/types.h"

u32 crc32c(u32 crc, const void *data, size_t n);
u16 crc16(u16 crc, const void *data, size_t n);

#endif
