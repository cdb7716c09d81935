/* SPDX-License-Identifier: MIT */
/*
 * Good checksums for patched items, so that the fuzzer gets behind them. Written from the format's description and not with the file
 * system's functions: those refuse to work on what was patched. Everything that is read here may be patched; only the geometry comes from the
 * pristine image.
 */
#include <string.h>

#include "lib/crc.h"
#include "tests/hostile/base.h"

static bool has_csum(const struct base *b)
{
	return base_super(b->pristine)->s_feature_ro_compat & EXT4_RO_METADATA_CSUM;
}

static void put32(struct base *b, u32 at, u32 v)
{
	memcpy(b->now + at, &v, 4);
	base_stored(b, at, 4);
}

static void put16(struct base *b, u32 at, u16 v)
{
	memcpy(b->now + at, &v, 2);
	base_stored(b, at, 2);
}

/* CRC of [at, at + n) in which the `hole` bytes at `skip` count as zeros. */
static u32 crc_with_hole(const struct base *b, u32 crc, u32 at, u32 n, u32 skip, u32 hole)
{
	const u64 zero = 0;

	crc = crc32c(crc, b->now + at, skip);
	crc = crc32c(crc, &zero, hole);
	return crc32c(crc, b->now + at + skip + hole, n - skip - hole);
}

/* What checksums of an inode's own blocks begin with. */
static u32 inode_seed(const struct base *b, u32 ino)
{
	const struct ext4_disk_inode *raw = (const void *)(b->now + base_inode_at(b, ino));
	u32 generation = raw->i_generation;

	return crc32c(crc32c(b->csum_seed, &ino, 4), &generation, 4);
}

static void seal_super(struct base *b)
{
	const u32 n = offsetof(struct ext4_super, s_checksum);

	if (has_csum(b))
		put32(b, EXT4_SUPER_OFFSET + n, crc32c(~0u, b->now + EXT4_SUPER_OFFSET, n));
}

static void seal_desc(struct base *b, u32 group)
{
	const u32 skip = offsetof(struct ext4_group_desc, bg_checksum), n = base_desc_size(b),
		  at = base_desc_at(b, group);

	if (has_csum(b)) {
		put16(b, at + skip, (u16)crc_with_hole(b, crc32c(b->csum_seed, &group, 4), at, n, skip, 2));
	} else if (base_super(b->pristine)->s_feature_ro_compat & EXT4_RO_GDT_CSUM) {
		u16 crc = crc16(0xffff, base_super(b->now)->s_uuid, 16);

		crc = crc16(crc16(crc, &group, 4), b->now + at, skip);
		put16(b, at + skip, crc16(crc, b->now + at + skip + 2, n - skip - 2));
	}
}

static void seal_bitmap(struct base *b, const struct item *it, u32 lo, u32 hi)
{
	u32 at = base_desc_at(b, it->owner), crc = crc32c(b->csum_seed, b->now + it->at, it->used);

	if (!has_csum(b))
		return;
	put16(b, at + lo, (u16)crc);
	if (base_desc_size(b) > EXT4_DESC_SIZE_MIN)
		put16(b, at + hi, crc >> 16);
	seal_desc(b, it->owner);
}

static void seal_inode(struct base *b, const struct item *it)
{
	const struct ext4_disk_inode *raw = (const void *)(b->now + it->at);
	u32 crc;

	if (!has_csum(b))
		return;
	put16(b, it->at + offsetof(struct ext4_disk_inode, i_checksum_lo), 0);
	if (it->size > EXT4_GOOD_OLD_INODE_SIZE && raw->i_extra_isize >= 4)
		put16(b, it->at + offsetof(struct ext4_disk_inode, i_checksum_hi), 0);
	crc = crc32c(inode_seed(b, it->owner), raw, it->size);
	put16(b, it->at + offsetof(struct ext4_disk_inode, i_checksum_lo), (u16)crc);
	if (it->size > EXT4_GOOD_OLD_INODE_SIZE && raw->i_extra_isize >= 4)
		put16(b, it->at + offsetof(struct ext4_disk_inode, i_checksum_hi), crc >> 16);
}

/* The checksum stands at it->at + n and covers what is before it, from the inode's seed on. */
static void seal_tail(struct base *b, const struct item *it, u32 n, u32 where)
{
	if (has_csum(b))
		put32(b, it->at + where, crc32c(inode_seed(b, it->owner), b->now + it->at, n));
}

/* The entries, and the word before the checksum; both stand where the patched limit and count say. */
static void seal_index(struct base *b, const struct item *it)
{
	const struct ext4_dirent *de = (const void *)(b->now + it->at);
	u32 offset = de->rec_len == 12 ? EXT4_DX_ROOT_ENTRIES : EXT4_DX_NODE_ENTRIES;
	const struct ext4_dx_countlimit *cl = (const void *)(b->now + it->at + offset);
	u32 tail = offset + cl->limit * 8u, end = offset + cl->count * 8u, crc;
	const u32 zero = 0;

	if (!has_csum(b) || tail + 8 > EXT4_BLOCK_SIZE || end > EXT4_BLOCK_SIZE)
		return;
	crc = crc32c(inode_seed(b, it->owner), de, end);
	crc = crc32c(crc, b->now + it->at + tail, 4);
	put32(b, it->at + tail + 4, crc32c(crc, &zero, 4));
}

/* A patch may have made a leaf of an index block, or the other way. */
static void seal_directory_block(struct base *b, const struct item *it)
{
	const struct ext4_dirent *de = (const void *)(b->now + it->at);

	if (it->kind == ITEM_INDEX ? de->rec_len == 12 || de->rec_len == EXT4_BLOCK_SIZE
				   : !de->inode && de->rec_len == EXT4_BLOCK_SIZE)
		seal_index(b, it);
	else
		seal_tail(b, it, EXT4_BLOCK_SIZE - 12, EXT4_BLOCK_SIZE - 4);
}

/* Block number first, then the block. */
static void seal_numbered(struct base *b, const struct item *it, u32 seed, u32 n, u32 where, u32 hole)
{
	u64 nr = it->at / EXT4_BLOCK_SIZE;
	u32 crc = crc32c(seed, &nr, 8);

	if (has_csum(b))
		put32(b, it->at + where,
			hole ? crc_with_hole(b, crc, it->at, n, where, hole)
			     : crc32c(crc, b->now + it->at, n));
}

/* --- the log --- */

static const struct jbd2_super *log_super(const struct base *b)
{
	return (const void *)(b->now + b->log[0] * EXT4_BLOCK_SIZE);
}

static u32 log_features(const struct base *b)
{
	return from_be32(log_super(b)->s_feature_incompat);
}

static u32 log_seed(const struct base *b)
{
	return crc32c(~0u, log_super(b)->s_uuid, 16);
}

static void put_be32(struct base *b, u32 at, u32 v)
{
	put32(b, at, to_be32(v).raw);
}

static void seal_log_block(struct base *b, u32 at, u32 where)
{
	if (log_features(b) & JBD2_CSUM_FEATURES)
		put_be32(b, at + where, crc_with_hole(b, log_seed(b), at, EXT4_BLOCK_SIZE, where, 4));
}

/* Each tag has the checksum of its copy, whose sequence is that of the descriptor. */
static void seal_descriptor(struct base *b, u32 pos)
{
	u32 at = b->log[pos] * EXT4_BLOCK_SIZE, size = base_tag_size(b, b->now), off = 12, flags = 0;
	u32 seed = crc32c(log_seed(b), b->now + at + 8, 4);

	while (log_features(b) & JBD2_CSUM_FEATURES && off + size <= EXT4_BLOCK_SIZE - 4 &&
		!(flags & JBD2_TAG_LAST) && ++pos < b->nr_log) {
		u32 crc = crc32c(seed, b->now + b->log[pos] * EXT4_BLOCK_SIZE, EXT4_BLOCK_SIZE);

		if (size == 16)
			put_be32(b, at + off + 12, crc);
		else
			put16(b, at + off + 4, (u16)(crc << 8 | (crc >> 8 & 0xff)));
		flags = b->now[at + off + 7];
		off += size + (flags & JBD2_TAG_SAME_UUID ? 0 : 16);
	}
	seal_log_block(b, at, EXT4_BLOCK_SIZE - 4);
}

/* The descriptor before a copy. */
static void seal_copy(struct base *b, u32 pos)
{
	for (u32 k = b->first[ITEM_LOG_DESCRIPTOR + 1]; k-- > b->first[ITEM_LOG_DESCRIPTOR];)
		if (b->items[k].owner < pos) {
			seal_descriptor(b, b->items[k].owner);
			return;
		}
}

static void seal_log_super(struct base *b, const struct item *it)
{
	const u32 where = offsetof(struct jbd2_super, s_checksum);

	if (log_features(b) & JBD2_CSUM_FEATURES)
		put_be32(b, it->at + where,
			crc_with_hole(b, ~0u, it->at, sizeof(struct jbd2_super), where, 4));
}

void base_seal(struct base *b, const struct item *it)
{
	switch (it->kind) {
	case ITEM_SUPER:
		seal_super(b);
		break;
	case ITEM_DESC:
		seal_desc(b, it->owner);
		break;
	case ITEM_BLOCK_BITMAP:
		seal_bitmap(b, it, offsetof(struct ext4_group_desc, bg_block_bitmap_csum_lo),
			offsetof(struct ext4_group_desc, bg_block_bitmap_csum_hi));
		break;
	case ITEM_INODE_BITMAP:
		seal_bitmap(b, it, offsetof(struct ext4_group_desc, bg_inode_bitmap_csum_lo),
			offsetof(struct ext4_group_desc, bg_inode_bitmap_csum_hi));
		break;
	case ITEM_INODE:
		seal_inode(b, it);
		break;
	case ITEM_TREE:
		seal_tail(b, it, 12 + 12 * EXT4_EXT_BLOCK_MAX, 12 + 12 * EXT4_EXT_BLOCK_MAX);
		break;
	case ITEM_LEAF:
	case ITEM_INDEX:
		seal_directory_block(b, it);
		break;
	case ITEM_XATTR:
		seal_numbered(b, it, b->csum_seed, EXT4_BLOCK_SIZE,
			offsetof(struct ext4_xattr_header, h_checksum), 4);
		break;
	case ITEM_ORPHANS:
		seal_numbered(
			b, it, inode_seed(b, it->owner), EXT4_ORPHANS_PER_BLOCK * 4, EXT4_BLOCK_SIZE - 4, 0);
		break;
	case ITEM_LOG_SUPER:
		seal_log_super(b, it);
		break;
	case ITEM_LOG_DESCRIPTOR:
		seal_descriptor(b, it->owner);
		break;
	case ITEM_LOG_REVOKE:
		seal_log_block(b, it->at, EXT4_BLOCK_SIZE - 4);
		break;
	case ITEM_LOG_COMMIT:
		seal_log_block(b, it->at, offsetof(struct jbd2_commit, h_chksum));
		break;
	case ITEM_LOG_COPY:
		seal_copy(b, it->owner);
		break;
	case ITEM_LINK:
	case NR_ITEM_KINDS:
		break;
	}
}
