/* SPDX-License-Identifier: MIT */
/*
 * Ways through the index of a directory; shared by htree.c, htree_edit.c and readdir.c. What a way points at lives as long as the inode lock of the
 * directory is held and, without a handle, between journal_read_begin and _end. All may return -EUCLEAN.
 */
#ifndef FS_EXT4_HTREE_H
#define FS_EXT4_HTREE_H

#include "fs/ext4/ext4_priv.h"

#define EXT4_DX_LEVELS 2u              /* of index blocks, the root included */
#define EXT4_DX_BLOCK_MASK 0x0fffffffu /* of ext4_dx_entry.block */
#define EXT4_HASH_GOES_ON 1u

struct ext4_frame { /* an index block on the way to a leaf */
	u64 block;
	u32 lblk, offset; /* of its entries */
	u32 count, limit, pos;
	const struct ext4_dx_entry *entry;
};
struct ext4_way {
	u32 hash;    /* that is looked for */
	u32 version; /* of hashes */
	u32 levels;
	struct ext4_frame frame[EXT4_DX_LEVELS]; /* frame[levels - 1] names the leaf */
};

/* The root, and how hashes are made; no way yet. */
int ext4_way_start(struct ext4_inode *dir, struct ext4_way *w);
/* From there to the first leaf that may hold names of that hash. */
int ext4_way_seek(struct ext4_inode *dir, u32 hash, struct ext4_way *w);
/* Both, for the hash of a name. */
int ext4_way_find(struct ext4_inode *dir, const char *name, size_t len, struct ext4_way *w);
/* Goes on to the next leaf if names of the same hash may be there: 1, else 0. */
int ext4_way_next(struct ext4_inode *dir, struct ext4_way *w);
/* The index's hash of the leaf, and that of the leaf behind it; 0: it is the first, there is none. */
u32 ext4_way_first_hash(const struct ext4_way *w);
u32 ext4_way_next_hash(const struct ext4_way *w);
/* Reads the leaf at the end of the way. It must not be a block of the way itself. */
int ext4_way_leaf(struct ext4_inode *dir, struct ext4_way *w, struct ext4_where *leaf, const void **data);

int ext4_dx_damage(struct ext4_inode *dir, u32 lblk);
int ext4_dx_leaf_damage(struct ext4_inode *dir, u32 lblk);

static inline struct ext4_frame *ext4_way_end(struct ext4_way *w)
{
	return &w->frame[w->levels - 1];
}
static inline u32 ext4_dx_limit(const struct ext4_fs *fs, u32 offset)
{
	u32 tail = fs->metadata_csum ? sizeof(struct ext4_dx_tail) : 0;

	return (EXT4_BLOCK_SIZE - offset - tail) / (u32)sizeof(struct ext4_dx_entry);
}
static inline const struct ext4_dx_root_info *ext4_dx_info(const void *root)
{
	return (const void *)((const char *)root + EXT4_DX_ROOT_INFO);
}
static inline bool ext4_is_dots(const char *name, size_t len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

#endif
