/* SPDX-License-Identifier: MIT */
/*
 * Checksums of every kind of metadata block; clients: all of fs/ext4.
 *
 * Rule: with metadata_csum each block carries CRC-32C of (file system seed, what the block is, its bytes); without it only group
 * descriptors carry a CRC-16, if gdt_csum is set. Kernel documentation, "ext4: Checksums". A CRC is linear, so the checksum after a small
 * change is the old one XOR the change's own CRC moved to its place: ext4_crc_replace(), for bitmaps, directories and the superblock.
 */
#include "fs/ext4/ext4_priv.h"
#include "lib/crc.h"
#include "lib/crc_hw.h"

u32 ext4_crc(const struct ext4_fs *fs, u32 crc, const void *p, size_t n)
{
	return likely(fs->crc_instruction) ? crc32c_hw(crc, p, n) : crc32c(crc, p, n);
}

void ext4_crc_init(struct ext4_fs *fs, u32 *power)
{
	u32 zero = 0;

	fs->crc_instruction = crc32c_hw_available();
	power[0] = 1u << 31; /* x^0 */
	for (u32 k = 1; k < EXT4_BLOCK_SIZE / 4; k++)
		power[k] = crc32c(power[k - 1], &zero, 4);
	fs->crc_power = power;
}

/* Product of two polynomials and x^32, modulo CRC-32C's, bits reflected: the CRC itself does the division. A step for each bit of a. */
static u32 multiply(const struct ext4_fs *fs, u32 a, u32 b)
{
	u64 p = 0;

	for (; a; a &= a - 1)
		p ^= (u64)b << (__builtin_ctz(a) + 1);
	return ext4_crc(fs, 0, &p, sizeof(p));
}

/* Only the words from the first to the last that differ count. The last is left as it is, for its few bits make the product cheap: in a CRC
 * a word stands for itself times x^32, which multiply() sees to. */
u32 ext4_crc_replace(
	const struct ext4_fs *fs, u32 crc, u32 n, u32 off, const void *old, const void *new, u32 len)
{
	const u32 *a = old, *b = new;
	u32 first = 0, last = len / 4, change = 0;

	while (last && a[last - 1] == b[last - 1])
		last--;
	if (!last)
		return crc;
	while (a[first] == b[first])
		first++;
	for (last--; first < last; first++) {
		u32 delta = a[first] ^ b[first];

		change = ext4_crc(fs, change, &delta, 4);
	}
	return crc ^ multiply(fs, change ^ a[last] ^ b[last], fs->crc_power[(n - off) / 4 - last - 1]);
}

u32 ext4_super_csum(const struct ext4_super *sb)
{
	return crc32c(~0u, sb, offsetof(struct ext4_super, s_checksum));
}

void ext4_desc_csum_set(const struct ext4_fs *fs, u32 group, struct ext4_group_desc *d)
{
	const u32 at = offsetof(struct ext4_group_desc, bg_checksum);

	if (fs->metadata_csum) { /* over the whole descriptor, with zeros in place of the checksum */
		d->bg_checksum = 0;
		d->bg_checksum = (u16)ext4_crc(fs, ext4_crc(fs, fs->csum_seed, &group, 4), d, fs->desc_size);
	} else if (fs->gdt_csum) {
		u16 crc = crc16(0xffff, fs->sb.s_uuid, sizeof(fs->sb.s_uuid));

		crc = crc16(crc, &group, 4);
		crc = crc16(crc, d, at);
		d->bg_checksum = crc16(crc, (const char *)d + at + 2, fs->desc_size - at - 2);
	}
}

u32 ext4_inode_seed(const struct ext4_fs *fs, u32 ino, u32 generation)
{
	return ext4_crc(fs, ext4_crc(fs, fs->csum_seed, &ino, 4), &generation, 4);
}

static bool inode_has_high_csum(const struct ext4_fs *fs, const struct ext4_disk_inode *raw)
{
	return fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE && raw->i_extra_isize >= 4;
}

/* Sets the inode's checksum, which counts as zeros in its own CRC. */
static void inode_csum(struct ext4_inode *ei)
{
	const struct ext4_fs *fs = ext4_fs_of(ei);
	struct ext4_disk_inode *raw = ei->raw;
	u32 crc;

	raw->i_checksum_lo = 0;
	if (inode_has_high_csum(fs, raw))
		raw->i_checksum_hi = 0;
	crc = ext4_crc(fs, ei->csum_seed, raw, fs->inode_size);
	raw->i_checksum_lo = (u16)crc;
	if (inode_has_high_csum(fs, raw))
		raw->i_checksum_hi = crc >> 16;
}

void ext4_inode_csum_set(struct ext4_inode *ei)
{
	if (ext4_fs_of(ei)->metadata_csum)
		inode_csum(ei);
}

bool ext4_inode_csum_ok(struct ext4_inode *ei)
{
	u16 lo = ei->raw->i_checksum_lo, hi = ei->raw->i_checksum_hi;

	if (!ext4_fs_of(ei)->metadata_csum)
		return true;
	inode_csum(ei);
	return ei->raw->i_checksum_lo == lo && ei->raw->i_checksum_hi == hi;
}

u32 ext4_extent_csum(const struct ext4_inode *ei, const void *block)
{
	return ext4_crc(ext4_fs_of(ei), ei->csum_seed, block,
		sizeof(struct ext4_extent_header) + EXT4_EXT_BLOCK_MAX * sizeof(struct ext4_extent));
}

bool ext4_extent_csum_ok(const struct ext4_inode *ei, const void *block)
{
	const u32 *tail = (const u32 *)ext4_entry(block, EXT4_EXT_BLOCK_MAX);

	return !ext4_fs_of(ei)->metadata_csum || *tail == ext4_extent_csum(ei, block);
}

static struct ext4_dirent_tail *leaf_tail(const void *block)
{
	return (struct ext4_dirent_tail *)((char *)block + EXT4_BLOCK_SIZE - sizeof(struct ext4_dirent_tail));
}

static u32 leaf_csum(const struct ext4_inode *ei, const void *block)
{
	return ext4_crc(
		ext4_fs_of(ei), ei->csum_seed, block, EXT4_BLOCK_SIZE - sizeof(struct ext4_dirent_tail));
}

bool ext4_leaf_csum_ok(const struct ext4_inode *ei, const void *block)
{
	const struct ext4_dirent_tail *t = leaf_tail(block);

	if (!ext4_fs_of(ei)->metadata_csum)
		return true;
	return !t->det_reserved_zero1 && t->det_rec_len == sizeof(*t) && !t->det_reserved_zero2 &&
		t->det_reserved_ft == EXT4_DIRENT_TAIL_FT && t->det_checksum == leaf_csum(ei, block);
}

void ext4_leaf_update(
	struct journal_handle *h, const struct ext4_inode *ei, u64 nr, u32 off, const void *p, u32 n)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	const char *block = ext4_read(fs, nr);
	const u32 end = EXT4_BLOCK_SIZE - sizeof(struct ext4_dirent_tail);
	u32 crc;

	if (!fs->metadata_csum) {
		journal_update(h, nr, off, p, n);
		return;
	}
	crc = ext4_crc_replace(fs, leaf_tail(block)->det_checksum, end, off, block + off, p, n);
	journal_update_summed(h, nr, off, p, n, end + offsetof(struct ext4_dirent_tail, det_checksum), crc);
}

void ext4_leaf_csum_set(const struct ext4_inode *ei, void *block)
{
	if (ext4_fs_of(ei)->metadata_csum)
		leaf_tail(block)->det_checksum = leaf_csum(ei, block);
}

/* The tail of an index block follows its `limit` entries; limit and count were checked. */
static struct ext4_dx_tail *dx_tail(const void *block, u32 entries)
{
	const struct ext4_dx_countlimit *cl = (const void *)((const char *)block + entries);

	return (struct ext4_dx_tail *)((char *)block + entries + cl->limit * sizeof(struct ext4_dx_entry));
}

static u32 dx_csum(const struct ext4_inode *ei, const void *block, u32 entries)
{
	const struct ext4_fs *fs = ext4_fs_of(ei);
	const struct ext4_dx_countlimit *cl = (const void *)((const char *)block + entries);
	const struct ext4_dx_tail *t = dx_tail(block, entries);
	u32 crc = ext4_crc(fs, ei->csum_seed, block, entries + cl->count * sizeof(struct ext4_dx_entry)),
	    zero = 0;

	crc = ext4_crc(fs, crc, &t->dt_reserved, 4);
	return ext4_crc(fs, crc, &zero, 4);
}

bool ext4_dx_csum_ok(const struct ext4_inode *ei, const void *block, u32 entries)
{
	return !ext4_fs_of(ei)->metadata_csum ||
		dx_tail(block, entries)->dt_checksum == dx_csum(ei, block, entries);
}

void ext4_dx_csum_set(const struct ext4_inode *ei, void *block, u32 entries)
{
	if (ext4_fs_of(ei)->metadata_csum)
		dx_tail(block, entries)->dt_checksum = dx_csum(ei, block, entries);
}

u32 ext4_orphan_csum(const struct ext4_inode *ei, u64 block_nr, const void *block)
{
	const struct ext4_fs *fs = ext4_fs_of(ei);

	return ext4_crc(fs, ext4_crc(fs, ei->csum_seed, &block_nr, 8), block, EXT4_ORPHANS_PER_BLOCK * 4);
}

u32 ext4_xattr_csum(const struct ext4_fs *fs, u64 block_nr, const void *block)
{
	const u32 at = offsetof(struct ext4_xattr_header, h_checksum);
	u32 crc = ext4_crc(fs, fs->csum_seed, &block_nr, 8), zero = 0;

	crc = ext4_crc(fs, crc, block, at);
	crc = ext4_crc(fs, crc, &zero, 4);
	return ext4_crc(fs, crc, (const char *)block + at + 4, EXT4_BLOCK_SIZE - at - 4);
}
