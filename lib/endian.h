/* SPDX-License-Identifier: MIT */
/* Big-endian fields of on-disk structures, as types that cannot be taken for numbers. */
#ifndef LIB_ENDIAN_H
#define LIB_ENDIAN_H

#include "lib/types.h"

typedef struct {
	u16 raw;
} be16_t;
typedef struct {
	u32 raw;
} be32_t;
typedef struct {
	u64 raw;
} __attribute__((packed, aligned(4))) be64_t;

static inline u32 from_be32(be32_t v)
{
	return __builtin_bswap32(v.raw);
}
static inline u64 from_be64(be64_t v)
{
	return __builtin_bswap64(v.raw);
}
static inline be16_t to_be16(u16 v)
{
	return (be16_t){__builtin_bswap16(v)};
}
static inline be32_t to_be32(u32 v)
{
	return (be32_t){__builtin_bswap32(v)};
}

#endif
