/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C and CRC-16 over constant tables; clients: ext4, journal, tests.
 *
 * A CRC table is linear over GF(2): entry i is the XOR of the entries of i's bits. So a table is
 * written here as its eight basis entries (for 1, 2, 4 … 128) and expanded by the preprocessor. Slice k
 * of CRC-32C advances a byte over k further zero bytes, so that eight bytes take eight look-ups. No
 * state, no locks; any context.
 */
#include "lib/crc.h"

#define ENTRY(i, b0, b1, b2, b3, b4, b5, b6, b7)                                                         \
	(((i)&1 ? b0 : 0) ^ ((i)&2 ? b1 : 0) ^ ((i)&4 ? b2 : 0) ^ ((i)&8 ? b3 : 0) ^ ((i)&16 ? b4 : 0) ^ \
		((i)&32 ? b5 : 0) ^ ((i)&64 ? b6 : 0) ^ ((i)&128 ? b7 : 0))
#define ROW4(B, i) B(i), B(i + 1), B(i + 2), B(i + 3)
#define ROW16(B, i) ROW4(B, i), ROW4(B, i + 4), ROW4(B, i + 8), ROW4(B, i + 12)
#define ROW64(B, i) ROW16(B, i), ROW16(B, i + 16), ROW16(B, i + 32), ROW16(B, i + 48)
#define TABLE(B)                                                        \
	{                                                               \
		ROW64(B, 0), ROW64(B, 64), ROW64(B, 128), ROW64(B, 192) \
	}

/* Polynomial 0x1EDC6F41, reflected 0x82F63B78. */
#define C0(i)                                                                                               \
	ENTRY(i, 0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, \
		0x82f63b78u)
#define C1(i)                                                                                               \
	ENTRY(i, 0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u, 0xff17c604u, \
		0xfbc3faf9u)
#define C2(i)                                                                                               \
	ENTRY(i, 0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u, 0x70a27d8au, 0xe144fb14u, 0xc76580d9u, \
		0x8b277743u)
#define C3(i)                                                                                               \
	ENTRY(i, 0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u, 0xe964b13du, 0xd725148bu, 0xaba65fe7u, \
		0x52a0c93fu)
#define C4(i)                                                                                               \
	ENTRY(i, 0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u, 0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu, \
		0x6ea2d55cu)
#define C5(i)                                                                                               \
	ENTRY(i, 0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu, 0xc00c303eu, 0x85f4168du, 0x0e045bebu, \
		0x1c08b7d6u)
#define C6(i)                                                                                               \
	ENTRY(i, 0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u, 0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au, \
		0xf56e0ef4u)
#define C7(i)                                                                                               \
	ENTRY(i, 0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau, 0x847609b4u, 0x0d006599u, 0x1a00cb32u, \
		0x34019664u)
/* Polynomial 0x8005, reflected 0xA001. */
#define A0(i) ENTRY(i, 0xc0c1, 0xc181, 0xc301, 0xc601, 0xcc01, 0xd801, 0xf001, 0xa001)

static const u32 crc32c_table[8][256] = {
	TABLE(C0), TABLE(C1), TABLE(C2), TABLE(C3), TABLE(C4), TABLE(C5), TABLE(C6), TABLE(C7)};
static const u16 crc16_table[256] = TABLE(A0);

struct word {
	u64 v;
} PACKED __attribute__((may_alias));

u32 crc32c(u32 crc, const void *data, size_t n)
{
	const u8 *p = data;

	for (; n >= 8; n -= 8, p += 8) {
		u64 w = ((const struct word *)p)->v ^ crc;
		crc = crc32c_table[7][w & 0xff] ^ crc32c_table[6][w >> 8 & 0xff] ^
			crc32c_table[5][w >> 16 & 0xff] ^ crc32c_table[4][w >> 24 & 0xff] ^
			crc32c_table[3][w >> 32 & 0xff] ^ crc32c_table[2][w >> 40 & 0xff] ^
			crc32c_table[1][w >> 48 & 0xff] ^ crc32c_table[0][w >> 56];
	}
	while (n--)
		crc = crc >> 8 ^ crc32c_table[0][(crc ^ *p++) & 0xff];
	return crc;
}

u16 crc16(u16 crc, const void *data, size_t n)
{
	const u8 *p = data;

	while (n--)
		crc = (u16)(crc >> 8 ^ crc16_table[(crc ^ *p++) & 0xff]);
	return crc;
}
