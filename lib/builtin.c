/* SPDX-License-Identifier: MIT */
/*
 * What gcc calls by itself where the CPU that it compiles for has no instruction. Hosted builds have the compiler's own library.
 */
#include "lib/types.h"

#if !__STDC_HOSTED__
int __popcountdi2(u64 v);

/* __builtin_popcountll: bits are added in pairs, fours and bytes; the product sums the bytes. */
int __popcountdi2(u64 v)
{
	v -= v >> 1 & 0x5555555555555555ull;
	v = (v & 0x3333333333333333ull) + (v >> 2 & 0x3333333333333333ull);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (int)(v * 0x0101010101010101ull >> 56);
}
#endif
