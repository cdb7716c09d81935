/* SPDX-License-Identifier: MIT */
/* Bit strings and bitmap blocks; clients: balloc.c, ialloc.c, which hold alloc_lock. */
#include "fs/ext4/ext4_priv.h"

/* In the union of two maps, inverted if looking for zeros. */
static u32 next_bit(const u64 *a, const u64 *b, u32 nbits, u32 from, u64 invert)
{
	u32 word = from / 64;
	u64 w;

	if (from >= nbits)
		return nbits;
	w = ((a[word] | b[word]) ^ invert) & (~0ull << (from % 64));
	while (!w) {
		if (++word * 64 >= nbits)
			return nbits;
		w = (a[word] | b[word]) ^ invert;
	}
	from = word * 64 + (u32)__builtin_ctzll(w);
	return from < nbits ? from : nbits;
}

u32 ext4_next_zero(const void *map, u32 nbits, u32 from)
{
	return next_bit(map, map, nbits, from, ~0ull);
}

u32 ext4_next_free(const struct ext4_free_map *m, u32 nbits, u32 from)
{
	return next_bit(m->now, m->committed, nbits, from, ~0ull);
}

u32 ext4_next_taken(const struct ext4_free_map *m, u32 nbits, u32 from)
{
	return next_bit(m->now, m->committed, nbits, from, 0);
}

u32 ext4_bitmap_csum(const struct ext4_fs *fs, const void *map, u32 nbytes)
{
	return fs->metadata_csum ? ext4_crc(fs, fs->csum_seed, map, nbytes) : 0;
}

bool ext4_bitmap_csum_ok(const struct ext4_fs *fs, u64 stored, const void *map, u32 nbytes)
{
	u32 csum = ext4_bitmap_csum(fs, map, nbytes);

	if (!fs->metadata_csum)
		return true;
	return fs->desc_size == EXT4_DESC_SIZE_MIN ? (u16)csum == (u16)stored : csum == stored;
}

#define REPLACE_MAX 32 /* changed words up to which the checksum is patched instead of computed anew */

u32 ext4_bitmap_change(struct journal_handle *h, struct ext4_fs *fs, u64 block, u32 nbytes, u64 csum, u32 bit,
	u32 n, bool set)
{
	const u32 *map = ext4_read(fs, block);
	u32 first = bit / 32, last = (bit + n - 1) / 32;
	bool patch = fs->metadata_csum && fs->desc_size > EXT4_DESC_SIZE_MIN && last - first < REPLACE_MAX &&
		nbytes % 4 == 0;
	u32 buf[16], crc = (u32)csum;

	for (u32 w = first; w <= last;) {
		u32 k = 0, start = w;

		for (; k < ARRAY_SIZE(buf) && w <= last; k++, w++) {
			u32 mask = ~0u;

			if (w == first)
				mask &= ~0u << (bit % 32);
			if (w == last)
				mask &= ~0u >> (31 - (bit + n - 1) % 32);
			buf[k] = set ? map[w] | mask : map[w] & ~mask;
		}
		if (patch)
			crc = ext4_crc_replace(fs, crc, nbytes, start * 4, map + start, buf, k * 4);
		journal_update(h, block, start * 4, buf, k * 4);
	}
	return patch ? crc : ext4_bitmap_csum(fs, ext4_read(fs, block), nbytes);
}
