/* SPDX-License-Identifier: MIT */
/* CRC-32C by instruction; client: ext4. SDM vol. 2, CRC32. No state, no locks; any context. */
#include "lib/crc_hw.h"

#define CPUID_SSE42 (1u << 20) /* leaf 1, ECX */

struct word {
	u64 v;
} PACKED __attribute__((may_alias));
struct half {
	u32 v;
} PACKED __attribute__((may_alias));

bool crc32c_hw_available(void)
{
	u32 a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c & CPUID_SSE42;
}

static inline u64 step(u64 crc, const u8 *p, unsigned k)
{
	__asm__("crc32q %1, %0" : "+r"(crc) : "rm"(((const struct word *)p)[k].v));
	return crc;
}

u32 crc32c_hw(u32 crc, const void *data, size_t n)
{
	const u8 *p = data;
	u64 c = crc;

	for (; n >= 64; n -= 64, p += 64) {
		c = step(c, p, 0);
		c = step(c, p, 1);
		c = step(c, p, 2);
		c = step(c, p, 3);
		c = step(c, p, 4);
		c = step(c, p, 5);
		c = step(c, p, 6);
		c = step(c, p, 7);
	}
	for (; n >= 8; n -= 8, p += 8)
		c = step(c, p, 0);
	if (n >= 4) {
		__asm__("crc32l %1, %k0" : "+r"(c) : "rm"(((const struct half *)p)->v));
		p += 4, n -= 4;
	}
	for (; n; n--, p++)
		__asm__("crc32b %1, %0" : "+r"(c) : "rm"(*p));
	return (u32)c;
}
