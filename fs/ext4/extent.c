/* SPDX-License-Identifier: MIT */
/*
 * Extent trees: the way from a logical block to the leaf that maps it. Clients: extent_edit.c, map.c.
 *
 * Rule: no node is used before it was checked: magic, depth, counts, ascending entries, block numbers inside the file system and outside its
 * own structures, checksum. The root is checked when the inode is read; a block is checked once and then remembered in
 * ei->verified until it is freed, because after that only we change it. In a damaged file system a block may have two owners: so the shape
 * of a node is checked at every visit, and map.c checks what a leaf below the root names.
 *
 * Locks: map_lock, shared or exclusive, is held by the caller; but not for ext4_find_unlocked(), which may read nodes while they change, even
 * freed ones. So it goes by nothing that it has not checked itself: it stays inside blocks of this file system, inside a
 * node's entries, and reports no damage. Its caller throws the result away when map_seq has changed.
 */
#include "fs/ext4/ext4_priv.h"

static const struct ext4_extent_idx *index_entry(const struct ext4_extent_header *eh, int pos)
{
	return (const struct ext4_extent_idx *)(eh + 1) + pos;
}

static u64 index_block(const struct ext4_extent_idx *x)
{
	return x->ei_leaf_lo | (u64)x->ei_leaf_hi << 32;
}

void ext4_ext_encode(struct ext4_extent *e, const struct ext4_ext *x)
{
	e->ee_block = x->lblk;
	e->ee_len = (u16)(x->unwritten ? x->len + EXT4_EXT_LEN_MAX : x->len);
	e->ee_start_lo = (u32)x->pblk;
	e->ee_start_hi = (u16)(x->pblk >> 32);
}

/* Are all entries of a node ascending, without overlap, and do they point where they may? */
static bool entries_ok(const struct ext4_fs *fs, const struct ext4_extent_header *eh)
{
	u64 next = 0; /* lowest logical block that may follow */

	for (int k = 0; k < eh->eh_entries; k++) {
		if (eh->eh_depth) {
			const struct ext4_extent_idx *x = index_entry(eh, k);

			if (x->ei_block < next || !ext4_data_blocks_ok(fs, index_block(x), 1))
				return false;
			next = (u64)x->ei_block + 1;
		} else {
			struct ext4_ext x = ext4_ext_decode(ext4_entry(eh, k));

			if (x.lblk < next || !x.len || (u64)x.lblk + x.len > (u64)EXT4_MAX_LBLK + 1 ||
				!ext4_data_blocks_ok(fs, x.pblk, x.len))
				return false;
			next = (u64)x.lblk + x.len;
		}
	}
	return true;
}

static bool header_ok(const struct ext4_extent_header *eh, unsigned max)
{
	return eh->eh_magic == EXT4_EXT_MAGIC && eh->eh_max && eh->eh_max <= max &&
		eh->eh_entries <= eh->eh_max && eh->eh_depth <= EXT4_EXT_DEPTH_MAX;
}

/* Of a node below the root, which must stand at `depth`. A write may make three extents of one, and a node of one entry cannot be split: so what
 * says that it has room for less is refused. */
static inline bool node_ok(const struct ext4_extent_header *eh, unsigned depth)
{
	return header_ok(eh, EXT4_EXT_BLOCK_MAX) && eh->eh_max >= 3 && eh->eh_depth == depth;
}

bool ext4_root_ok(struct ext4_inode *ei)
{
	const struct ext4_extent_header *eh = ext4_root(ei);

	return header_ok(eh, EXT4_EXT_ROOT_MAX) && (!eh->eh_depth || eh->eh_entries) &&
		entries_ok(ext4_fs_of(ei), eh);
}

/* The node at `block`, which an index entry for logical block `lblk` names; it must stand at `depth`. NULL: damaged. */
static const struct ext4_extent_header *node(struct ext4_inode *ei, u64 block, u32 lblk, unsigned depth)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	const struct ext4_extent_header *eh = ext4_read(fs, block);

	if (likely(ext4_verified(ei, block)))
		return node_ok(eh, depth) && eh->eh_entries ? eh : NULL;
	if (!ext4_data_blocks_ok(fs, block, 1) || !node_ok(eh, depth) || !eh->eh_entries ||
		!ext4_extent_csum_ok(ei, eh) || ext4_entry(eh, 0)->ee_block < lblk || !entries_ok(fs, eh))
		return NULL;
	ext4_set_verified(ei, block);
	return eh;
}

/* Last entry whose first logical block is at or before lblk; -1: none. */
static int search(const struct ext4_extent_header *eh, u32 lblk)
{
	int lo = 0, hi = eh->eh_entries;

	while (lo < hi) {
		int mid = (lo + hi) / 2;

		if (ext4_entry(eh, mid)->ee_block <= lblk)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

/* The block of the node below p's level, for lblk; p goes to the entry that names it. */
static u64 descend(struct ext4_path *p, unsigned level, u32 *first)
{
	const struct ext4_extent_idx *x;

	if (p->level[level].pos < 0)
		p->level[level].pos = 0;
	x = index_entry(p->level[level].eh, p->level[level].pos);
	*first = x->ei_block;
	return index_block(x);
}

static inline void enter(
	struct ext4_path *p, unsigned level, const struct ext4_extent_header *eh, u64 block, u32 lblk)
{
	p->level[level].eh = eh;
	p->level[level].block = block;
	p->level[level].pos = search(eh, lblk);
}

int ext4_find(struct ext4_inode *ei, u32 lblk, struct ext4_path *p)
{
	const struct ext4_extent_header *eh = ext4_root(ei);
	u64 block = 0;

	SHARED_READ(eh);
	p->depth = eh->eh_depth;
	for (unsigned level = 0;; level++) {
		u32 first;

		enter(p, level, eh, block, lblk);
		if (level == p->depth)
			return 0;
		block = descend(p, level, &first);
		eh = node(ei, block, first, p->depth - level - 1);
		if (unlikely(!eh))
			return ext4_damage_block(ext4_fs_of(ei), ei->vfs.ino, block,
				"extent block %llu is damaged", (unsigned long long)block);
	}
}

bool ext4_find_unlocked(struct ext4_inode *ei, u32 lblk, unsigned depth, struct ext4_path *p)
{
	const struct ext4_extent_header *eh = ext4_root(ei);
	u64 block = 0;

	if (unlikely(eh->eh_depth != depth))
		return false;
	p->depth = depth;
	for (unsigned level = 0;; level++) {
		u32 first;

		enter(p, level, eh, block, lblk);
		if (likely(level == depth))
			return true;
		block = descend(p, level, &first);
		/* A block that was checked once lies in the file system. */
		if (unlikely(!ext4_verified(ei, block)))
			return false;
		eh = ext4_read(ext4_fs_of(ei), block);
		SHARED_READ(eh);
		if (unlikely(!node_ok(eh, depth - level - 1)))
			return false;
	}
}

u64 ext4_next_lblk(const struct ext4_path *p)
{
	for (int level = (int)p->depth; level >= 0; level--) {
		const struct ext4_extent_header *eh = p->level[level].eh;
		int next = p->level[level].pos + 1;

		if (next < eh->eh_entries)
			return ext4_entry(eh, next)->ee_block;
	}
	return 1ull << 32;
}
