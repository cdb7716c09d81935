/* SPDX-License-Identifier: MIT */
/*
 * Hashes of file names, for the index of a directory and for positions in it; clients: htree.c, htree_edit.c, readdir.c.
 *
 * Rule: the value depends on the name, the version that the index's root names, the superblock's seed, and on
 * whether bytes above 127 counted as negative where the file system was made (s_flags; without either flag they do,
 * as on x86). Bit 0 is always clear: in an index it marks a run of equal hashes that began in the block before. The
 * minor hash is not on disk: it tells names apart that have the same hash; the legacy version has none.
 * Kernel documentation, "ext4: Hash Tree Directories".
 */
#include "fs/ext4/ext4_priv.h"

enum { HASH_LEGACY, HASH_HALF_MD4, HASH_TEA };

#define HASH_END 0xfffffffeu /* stands for "behind the last name" in readers that go by hash: not a hash */

struct name {
	const u8 *p;
	size_t len;
	bool is_signed;
};

/* A byte of the name as the number that enters the hash. */
static u32 name_byte(const struct name *n, size_t k)
{
	return n->is_signed ? (u32)(i32)(int8_t)n->p[k] : n->p[k];
}

static u32 legacy(const struct name *n)
{
	u32 older = 0x37abe8f9, newer = 0x12a3fe2d;

	for (size_t k = 0; k < n->len; k++) {
		u32 v = older + (newer ^ name_byte(n, k) * 7152373u);

		if (v & 1u << 31)
			v -= 0x7fffffff;
		older = newer;
		newer = v;
	}
	return newer << 1;
}

/*
 * The next `words` words of input: four bytes of the name each, first byte highest. What is missing at the end comes
 * from the pattern of the remaining length.
 */
static void take_words(struct name *n, u32 *in, unsigned words)
{
	u32 pad = (u32)n->len * 0x01010101u; /* a length fits a byte */
	size_t k = 0;

	for (unsigned w = 0; w < words; w++) {
		in[w] = pad;
		for (unsigned b = 0; b < 4 && k < n->len; b++, k++)
			in[w] = (in[w] << 8) + name_byte(n, k);
	}
	n->p += k;
	n->len -= k;
}

static u32 rotate(u32 v, unsigned by)
{
	return v << by | v >> (32 - by);
}

static u32 md4_mix(unsigned round, u32 x, u32 y, u32 z)
{
	if (round == 0)
		return (x & y) | (~x & z);
	if (round == 1)
		return (x & y) | (x & z) | (y & z);
	return x ^ y ^ z;
}

/* MD4's compression function (RFC 1320) on 8 words instead of 16: three rounds of eight steps. */
static void half_md4(u32 state[4], const u32 in[8])
{
	static const u32 constant[3] = {0, 0x5a827999, 0x6ed9eba1};
	static const u8 shift[3][4] = {{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}};
	static const u8 order[3][8] = {
		{0, 1, 2, 3, 4, 5, 6, 7}, {1, 3, 5, 7, 0, 2, 4, 6}, {3, 7, 2, 6, 1, 5, 0, 4}};
	u32 a = state[0], b = state[1], c = state[2], d = state[3];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned step = 0; step < 8; step++) {
			u32 t = a + md4_mix(round, b, c, d) + in[order[round][step]] + constant[round];

			a = d;
			d = c;
			c = b;
			b = rotate(t, shift[round][step % 4]);
		}
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

/* Sixteen cycles of the Tiny Encryption Algorithm, with the input as the key. */
static void tea(u32 state[4], const u32 in[4])
{
	u32 sum = 0, x = state[0], y = state[1];

	for (unsigned cycle = 0; cycle < 16; cycle++) {
		sum += 0x9e3779b9;
		x += ((y << 4) + in[0]) ^ (y + sum) ^ ((y >> 5) + in[1]);
		y += ((x << 4) + in[2]) ^ (x + sum) ^ ((x >> 5) + in[3]);
	}
	state[0] += x;
	state[1] += y;
}

static void start_state(const struct ext4_fs *fs, u32 state[4])
{
	static const u32 md4_start[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	const u32 *seed = fs->sb.s_hash_seed;

	memcpy(state, seed[0] | seed[1] | seed[2] | seed[3] ? seed : md4_start, sizeof(md4_start));
}

unsigned ext4_hash_version(const struct ext4_fs *fs)
{
	return fs->sb.s_def_hash_version <= HASH_TEA ? fs->sb.s_def_hash_version : HASH_HALF_MD4;
}

bool ext4_hash(
	const struct ext4_fs *fs, unsigned version, const char *name, size_t len, u32 *hash, u32 *minor)
{
	struct name n = {(const u8 *)name, len, !(fs->sb.s_flags & EXT4_FLAGS_UNSIGNED_HASH)};
	u32 state[4], in[8], v, low = 0;

	start_state(fs, state);
	switch (version) {
	case HASH_LEGACY:
		v = legacy(&n);
		break;
	case HASH_HALF_MD4:
		while (n.len) {
			take_words(&n, in, 8);
			half_md4(state, in);
		}
		v = state[1];
		low = state[2];
		break;
	case HASH_TEA:
		while (n.len) {
			take_words(&n, in, 4);
			tea(state, in);
		}
		v = state[0];
		low = state[1];
		break;
	default:
		return false;
	}
	v &= ~1u;
	*hash = v == HASH_END ? HASH_END - 2 : v;
	if (minor)
		*minor = low;
	return true;
}
