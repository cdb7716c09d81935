/* SPDX-License-Identifier: MIT */
/*
 * Base images: real file systems, each in a region of the simulated machine, with a list of the pieces of metadata in them, which inputs patch.
 *
 * Rule: between two inputs a region has its pristine bytes. What changes it is noted page by page (base_stored), by us for patches and by the
 * observer of the pmem primitives for the kernel, and only those pages are copied back.
 */
#ifndef TESTS_HOSTILE_BASE_H
#define TESTS_HOSTILE_BASE_H

#include "fs/ext4/disk.h"
#include "fs/jbd2.h"
#include "tests/hostile/input.h"

enum item_kind {
	ITEM_SUPER,
	ITEM_DESC,
	ITEM_BLOCK_BITMAP,
	ITEM_INODE_BITMAP,
	ITEM_INODE,
	ITEM_TREE,  /* a node of an extent tree */
	ITEM_LEAF,  /* a block of directory entries */
	ITEM_INDEX, /* a block of a directory's index */
	ITEM_XATTR,
	ITEM_LINK,    /* a symbolic link's text */
	ITEM_ORPHANS, /* a block of the orphan file */
	ITEM_LOG_SUPER,
	ITEM_LOG_DESCRIPTOR,
	ITEM_LOG_REVOKE,
	ITEM_LOG_COMMIT,
	ITEM_LOG_COPY,
	NR_ITEM_KINDS
};
struct item {
	enum item_kind kind;
	u32 at, size; /* bytes of the image */
	u32 used;     /* how many of them say something */
	u32 owner;    /* inode, or group */
};

#define MAX_ITEMS 1024
struct base {
	struct pmem_region *region;
	u8 *pristine, *now; /* now: the region */
	u32 size, csum_seed;
	u32 nr_items, first[NR_ITEM_KINDS + 1]; /* items by kind: first[k] up to first[k + 1] */
	struct item items[MAX_ITEMS];
	u32 log[4096], nr_log; /* blocks of the journal */
	u32 nr_dirty, *dirty;
	bool *is_dirty;
	u8 **mirror; /* by block; NULL or a copy, see base_mirror() */
	bool *mirrored;
};

/* Loads build/fuzz/NAME.img. Ends the program if that fails. */
struct base *base_load(const char *name);
/* Bytes [at, at + n) were changed. */
void base_stored(struct base *b, u64 at, u64 n);
void base_restore(struct base *b);
/*
 * A copy of a block, in memory of its own: so the address sanitizer sees who reads past the block's end, where the image goes on with another
 * one. base_stored() keeps it up to date.
 */
const void *base_mirror(struct base *b, u64 block);
/* Patches, with new checksums if the input says so. */
void base_patch(struct base *b, const struct input *in);

/* seal.c: gives the item a good checksum, wherever that stands. */
void base_seal(struct base *b, const struct item *it);

static inline const struct ext4_super *base_super(const u8 *image)
{
	return (const struct ext4_super *)(image + EXT4_SUPER_OFFSET);
}
static inline u32 base_desc_size(const struct base *b)
{
	const struct ext4_super *sb = base_super(b->pristine);

	return sb->s_feature_incompat & EXT4_INCOMPAT_64BIT ? sb->s_desc_size : EXT4_DESC_SIZE_MIN;
}
static inline u32 base_desc_at(const struct base *b, u32 group)
{
	return EXT4_BLOCK_SIZE + group * base_desc_size(b);
}
/* Where inode `ino` stands in the pristine image. */
u32 base_inode_at(const struct base *b, u32 ino);
/* Bytes of a tag in the log, by the features of its superblock in `image`. */
u32 base_tag_size(const struct base *b, const u8 *image);

#endif
