/* SPDX-License-Identifier: MIT */
/* Base images and their pieces. See base.h. Images are trusted here: the tree brings them along. */
#include "tests/hostile/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/sim.h"
#include "lib/crc.h"
#include "tests/hostile/world.h"

static const struct ext4_group_desc *desc_of(const struct base *b, u32 group)
{
	return (const void *)(b->pristine + base_desc_at(b, group));
}

u32 base_inode_at(const struct base *b, u32 ino)
{
	const struct ext4_super *sb = base_super(b->pristine);
	u32 group = (ino - 1) / sb->s_inodes_per_group, index = (ino - 1) % sb->s_inodes_per_group;

	return desc_of(b, group)->bg_inode_table_lo * EXT4_BLOCK_SIZE + index * sb->s_inode_size;
}

static const struct ext4_disk_inode *inode_of(const struct base *b, u32 ino)
{
	return (const void *)(b->pristine + base_inode_at(b, ino));
}

static void add(struct base *b, enum item_kind kind, u32 at, u32 size, u32 used, u32 owner)
{
	if (b->nr_items < MAX_ITEMS)
		b->items[b->nr_items++] = (struct item){kind, at, size, used, owner};
}

static void add_block(struct base *b, enum item_kind kind, u32 block, u32 used, u32 owner)
{
	add(b, kind, block * EXT4_BLOCK_SIZE, EXT4_BLOCK_SIZE, used, owner);
}

/* --- the file system --- */

/* Where the last entry of a directory block begins. */
static u32 entries_end(const u8 *block)
{
	u32 off = 0, last = 0;

	while (off < EXT4_BLOCK_SIZE) {
		last = off;
		off += MAX(((const struct ext4_dirent *)(block + off))->rec_len, 8);
	}
	return MIN(last + 32, EXT4_BLOCK_SIZE);
}

static u32 index_end(const u8 *block, u32 offset)
{
	return offset + ((const struct ext4_dx_countlimit *)(block + offset))->count * 8u;
}

static void add_directory_block(struct base *b, u32 ino, u32 lblk, u32 block)
{
	const u8 *p = b->pristine + block * EXT4_BLOCK_SIZE;
	const struct ext4_dirent *de = (const void *)p;

	if (!(inode_of(b, ino)->i_flags & EXT4_INDEX_FL))
		add_block(b, ITEM_LEAF, block, entries_end(p), ino);
	else if (!lblk)
		add_block(b, ITEM_INDEX, block, index_end(p, EXT4_DX_ROOT_ENTRIES), ino);
	else if (!de->inode && de->rec_len == EXT4_BLOCK_SIZE)
		add_block(b, ITEM_INDEX, block, index_end(p, EXT4_DX_NODE_ENTRIES), ino);
	else
		add_block(b, ITEM_LEAF, block, entries_end(p), ino);
}

static void add_content(struct base *b, u32 ino, u32 lblk, u32 block)
{
	const struct ext4_super *sb = base_super(b->pristine);
	u32 type = inode_of(b, ino)->i_mode & 0170000;

	if (ino == sb->s_journal_inum && b->nr_log < ARRAY_SIZE(b->log))
		b->log[b->nr_log++] = block;
	else if (type == 0040000)
		add_directory_block(b, ino, lblk, block);
	else if (type == 0120000)
		add_block(b, ITEM_LINK, block, inode_of(b, ino)->i_size_lo, ino);
	else if ((sb->s_feature_compat & EXT4_COMPAT_ORPHAN_FILE) && ino == sb->s_orphan_file_inum)
		add_block(b, ITEM_ORPHANS, block, 64, ino);
}

static void add_tree(struct base *b, u32 ino, const struct ext4_extent_header *eh)
{
	for (u32 k = 0; k < eh->eh_entries; k++) {
		const struct ext4_extent *e = (const struct ext4_extent *)(eh + 1) + k;
		const struct ext4_extent_idx *x = (const void *)e;

		if (eh->eh_depth) {
			const u8 *node = b->pristine + x->ei_leaf_lo * EXT4_BLOCK_SIZE;

			add_block(b, ITEM_TREE, x->ei_leaf_lo,
				12 + 12 * ((const struct ext4_extent_header *)node)->eh_entries, ino);
			add_tree(b, ino, (const void *)node);
			continue;
		}
		for (u32 n = 0; e->ee_len <= EXT4_EXT_LEN_MAX && n < e->ee_len; n++)
			add_content(b, ino, e->ee_block + n, e->ee_start_lo + n);
	}
}

/* Where the names of attributes end, and a bit behind. */
static u32 attributes_end(const u8 *from, u32 size)
{
	u32 off = 0;

	while (off + 4 < size && (from[off] || from[off + 1]))
		off += ALIGN_UP(16u + from[off], 4u);
	return MIN(off + 16, size);
}

static void add_inode(struct base *b, u32 ino)
{
	const struct ext4_super *sb = base_super(b->pristine);
	const struct ext4_disk_inode *raw = inode_of(b, ino);

	add(b, ITEM_INODE, base_inode_at(b, ino), sb->s_inode_size, sb->s_inode_size, ino);
	if (raw->i_file_acl_lo)
		add_block(b, ITEM_XATTR, raw->i_file_acl_lo,
			32 +
				attributes_end(b->pristine + raw->i_file_acl_lo * EXT4_BLOCK_SIZE + 32,
					EXT4_BLOCK_SIZE - 32),
			ino);
	if (raw->i_flags & EXT4_EXTENTS_FL)
		add_tree(b, ino, (const void *)raw->i_block);
}

static void add_groups(struct base *b)
{
	const struct ext4_super *sb = base_super(b->pristine);

	for (u32 g = 0; g < sb->s_inodes_count / sb->s_inodes_per_group; g++) {
		const struct ext4_group_desc *d = desc_of(b, g);
		const u8 *used = b->pristine + d->bg_inode_bitmap_lo * EXT4_BLOCK_SIZE;
		u32 free = 0;

		add(b, ITEM_DESC, base_desc_at(b, g), base_desc_size(b), base_desc_size(b), g);
		add_block(b, ITEM_BLOCK_BITMAP, d->bg_block_bitmap_lo, sb->s_blocks_per_group / 8, g);
		add_block(b, ITEM_INODE_BITMAP, d->bg_inode_bitmap_lo, sb->s_inodes_per_group / 8, g);
		if (d->bg_flags & EXT4_BG_INODE_UNINIT)
			continue;
		for (u32 k = 0; k < sb->s_inodes_per_group; k++) /* two that are free as well */
			if ((used[k / 8] >> k % 8 & 1) || free++ < 2)
				add_inode(b, g * sb->s_inodes_per_group + k + 1);
	}
}

/* --- the log --- */

static const struct jbd2_super *log_super(const struct base *b, const u8 *image)
{
	return (const void *)(image + b->log[0] * EXT4_BLOCK_SIZE);
}

u32 base_tag_size(const struct base *b, const u8 *image)
{
	u32 features = from_be32(log_super(b, image)->s_feature_incompat);

	if (features & JBD2_INCOMPAT_CSUM_V3)
		return 16;
	return 8 + (features & JBD2_INCOMPAT_CSUM_V2 ? 2 : 0) + (features & JBD2_INCOMPAT_64BIT ? 4 : 0);
}

/* Of a descriptor block: how many copies follow it; *end: where its tags end. */
static u32 count_tags(const struct base *b, const u8 *block, u32 *end)
{
	u32 size = base_tag_size(b, b->pristine), n = 0, off = 12, flags = 0;

	while (off + size < EXT4_BLOCK_SIZE && !(flags & JBD2_TAG_LAST)) {
		flags = block[off + 7]; /* its low byte, in every format */
		off += size + (flags & JBD2_TAG_SAME_UUID ? 0 : 16);
		n++;
	}
	*end = off;
	return n;
}

static void add_log(struct base *b)
{
	const struct jbd2_super *s;
	u32 at, end;

	if (!b->nr_log)
		return;
	s = log_super(b, b->pristine);
	add_block(b, ITEM_LOG_SUPER, b->log[0], 256, 0);
	for (at = from_be32(s->s_start); at && at < b->nr_log;) {
		const u8 *block = b->pristine + b->log[at] * EXT4_BLOCK_SIZE;
		const struct jbd2_header *h = (const void *)block;
		u32 n = 0;

		if (from_be32(h->h_magic) != JBD2_MAGIC)
			break;
		switch (from_be32(h->h_blocktype)) {
		case JBD2_DESCRIPTOR:
			n = count_tags(b, block, &end);
			add_block(b, ITEM_LOG_DESCRIPTOR, b->log[at], end, at);
			break;
		case JBD2_REVOKE:
			add_block(b, ITEM_LOG_REVOKE, b->log[at],
				from_be32(((const struct jbd2_revoke *)block)->r_count), at);
			break;
		case JBD2_COMMIT:
			add_block(b, ITEM_LOG_COMMIT, b->log[at], sizeof(struct jbd2_commit), at);
			break;
		}
		for (at++; n && at < b->nr_log; n--, at++)
			add_block(b, ITEM_LOG_COPY, b->log[at], EXT4_BLOCK_SIZE, at);
	}
}

/* --- loading, changing, restoring --- */

static int by_kind(const void *x, const void *y)
{
	const struct item *a = x, *b = y;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static void list_items(struct base *b)
{
	const struct ext4_super *sb = base_super(b->pristine);
	u32 k = 0;

	b->csum_seed = sb->s_feature_incompat & EXT4_INCOMPAT_CSUM_SEED ? sb->s_checksum_seed
									: crc32c(~0u, sb->s_uuid, 16);
	add(b, ITEM_SUPER, EXT4_SUPER_OFFSET, sizeof(*sb), sizeof(*sb), 0);
	add_groups(b);
	add_log(b);
	qsort(b->items, b->nr_items, sizeof(b->items[0]), by_kind);
	for (unsigned kind = 0; kind <= NR_ITEM_KINDS; kind++) {
		while (k < b->nr_items && b->items[k].kind < kind)
			k++;
		b->first[kind] = k;
	}
}

struct base *base_load(const char *name)
{
	struct base *b = calloc(1, sizeof(*b));
	char path[100];

	snprintf(path, sizeof(path), "build/fuzz/%s.img", name);
	b->region = sim_add_pmem_file(path, 0);
	if (!b->region) {
		fprintf(stderr, "%s: cannot be read, or no room for it\n", path);
		exit(2);
	}
	b->size = (u32)b->region->len;
	b->now = b->region->virt;
	b->pristine = malloc(b->size);
	memcpy(b->pristine, b->now, b->size);
	b->dirty = calloc(b->size / PAGE_SIZE, sizeof(*b->dirty));
	b->is_dirty = calloc(b->size / PAGE_SIZE, sizeof(*b->is_dirty));
	b->mirror = calloc(b->size / EXT4_BLOCK_SIZE, sizeof(*b->mirror));
	b->mirrored = calloc(b->size / EXT4_BLOCK_SIZE, sizeof(*b->mirrored));
	list_items(b);
	return b;
}

const void *base_mirror(struct base *b, u64 block)
{
	if (!b->mirror[block])
		b->mirror[block] = malloc(EXT4_BLOCK_SIZE);
	if (!b->mirrored[block])
		memcpy(b->mirror[block], b->now + block * EXT4_BLOCK_SIZE, EXT4_BLOCK_SIZE);
	b->mirrored[block] = true;
	return b->mirror[block];
}

static void note(struct base *b, u64 at, u64 n)
{
	for (u64 page = at / PAGE_SIZE; n && page <= (at + n - 1) / PAGE_SIZE; page++) {
		if (b->is_dirty[page])
			continue;
		b->is_dirty[page] = true;
		b->dirty[b->nr_dirty++] = (u32)page;
	}
}

void base_stored(struct base *b, u64 at, u64 n)
{
	note(b, at, n);
	while (n) {
		u64 block = at / EXT4_BLOCK_SIZE, off = at % EXT4_BLOCK_SIZE,
		    piece = MIN(n, EXT4_BLOCK_SIZE - off);

		if (b->mirrored[block])
			memcpy(b->mirror[block] + off, b->now + at, piece);
		at += piece;
		n -= piece;
	}
}

void base_restore(struct base *b)
{
	for (u32 k = 0; k < b->nr_dirty; k++) {
		u64 at = (u64)b->dirty[k] * PAGE_SIZE;

		memcpy(b->now + at, b->pristine + at, PAGE_SIZE);
		b->is_dirty[b->dirty[k]] = b->mirrored[b->dirty[k]] = false;
	}
	b->nr_dirty = 0;
}

static bool is_patched(const struct base *b, const struct item *it, const struct input *in)
{
	for (unsigned k = 0; k < in->nr_patches; k++) {
		const struct patch *p = &in->patches[k];
		u32 at = p->at % b->size;

		if (at < it->at + it->size && at + p->n > it->at)
			return true;
	}
	return false;
}

void base_patch(struct base *b, const struct input *in)
{
	for (unsigned k = 0; k < in->nr_patches; k++) {
		const struct patch *p = &in->patches[k];
		u32 at = p->at % b->size, n = MIN((u32)p->n, b->size - at);

		memcpy(b->now + at, p->bytes, n);
		base_stored(b, at, n);
	}
	/* From the leaves to the root: the items are sorted that way, backwards. */
	for (u32 i = b->nr_items; in->flags & INPUT_SEAL && i-- > 0;)
		if (is_patched(b, &b->items[i], in))
			base_seal(b, &b->items[i]);
}
