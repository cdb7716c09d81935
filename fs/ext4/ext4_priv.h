/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files of fs/ext4 only: the file system and inode in memory, and what each file offers the others.
 *
 * Lock order: inode lock (VFS) -> journal handle -> orphan_lock -> map_lock of an inode -> alloc_lock. What a lock guards is
 * said at its declaration. Metadata is read in place in pmem (journal_read) and changed only through the journal.
 *
 * Rule for damage: nothing read from the image is used as an index, a length or a block number before it was checked against what it indexes.
 * Damage is reported by ext4_damage(), which does what the mount wants done then (error.c), and reaches the caller as -EUCLEAN.
 */
#ifndef FS_EXT4_PRIV_H
#define FS_EXT4_PRIV_H

#include "fs/ext4/disk.h"
#include "fs/ext4/ext4.h"
#include "fs/jbd2.h"
#include "fs/journal.h"
#include "kernel/log.h"
#include "kernel/sync/rwsem.h"

/* Blocks [first, last] that hold the file system's own structures and never belong to a file. */
struct ext4_zone {
	u64 first, last;
};

struct ext4_group {                          /* alloc_lock */
	bool blocks_checked, inodes_checked; /* the bitmap's checksum was verified */
	bool bad;                            /* the bitmap is damaged: nothing is allocated or freed here */
};

/* Where damage was found. */
struct ext4_error {
	i64 time; /* seconds */
	u64 ino, block;
	const char *func;
	u32 line;
};

/* Damage that was found and is not in the superblock yet. */
struct ext4_errors {
	struct spinlock lock; /* guards the rest */
	u32 count;
	struct ext4_error first, last; /* count > 0 */
};

/* Features without which a file system can still be mounted by us are not here. */
#define EXT4_INCOMPAT_KNOWN                                                                             \
	(EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_EXTENTS | EXT4_INCOMPAT_64BIT | EXT4_INCOMPAT_FLEX_BG | \
		EXT4_INCOMPAT_CSUM_SEED)

struct ext4_fs {
	struct super super; /* first */
	/* constant after mount */
	struct pmem_region *region;
	struct journal *journal;
	struct jbd2_log *log; /* NULL: the journal is not used */
	u64 blocks_count;
	u32 nr_groups, blocks_per_group, inodes_per_group, inodes_count;
	u32 desc_size, inode_size;
	u32 csum_seed;
	u64 overhead;                 /* blocks of the file system itself, the journal's included */
	bool metadata_csum, gdt_csum; /* at most one of them */
	bool nojournal;               /* as the mount's option */
	bool crc_instruction;
	u64 first_page; /* physical page number of block 0 */
	u64 tree_reserve; /* last free blocks: for nodes of extent trees only, so that a full file system can be punched, and
				  * what was reserved can be written */
	struct ext4_zone *zones; /* ascending, disjoint */
	u32 nr_zones;
	u32 *crc_power;                 /* crc_power[k]: what 4k zero bytes multiply a CRC by */
	struct ext4_inode *orphan_file; /* NULL: none */
	enum ext4_on_error on_error;    /* while mounting EXT4_ON_ERROR_RO: damage then refuses the mount */
	_Atomic(bool) damaged;
	_Atomic(u32) reports; /* of damage; the first ones are logged */
	struct ext4_errors errors;
	/* orphan_lock, inside a handle */
	struct mutex orphan_lock;
	struct list orphans;  /* chained on disk, newest first */
	bool loading_orphans; /* mount: inodes without links may be read */
	/* alloc_lock, inside a handle. Handles come one at a time, so the lock is for who reads without one: statfs. */
	struct mutex alloc_lock;
	struct ext4_group *groups;
	u64 free_blocks;
	u32 free_inodes;
	u32 next_generation;
	/* a handle */
	struct ext4_super sb; /* copy of the superblock; counts are filled in when it is written */
};

#define EXT4_VERIFIED_SLOTS 128
struct ext4_verified {
	_Atomic(u64) slot[EXT4_VERIFIED_SLOTS]; /* block numbers; a block may stand only in its own slot */
};

struct ext4_inode {
	struct inode vfs;        /* first */
	_Atomic(u32) changed_in; /* newest transaction that has changed the inode, if `changed` */
	_Atomic(bool) changed;
	_Atomic(u64) stored_size; /* i_size of raw; changes under map_lock */
	/* constant */
	u32 csum_seed;
	u32 itable_offset; /* of the inode in itable_block */
	u64 itable_block;
	_Atomic(struct ext4_verified *)
		verified; /* made on demand; metadata blocks of this inode whose checksum was verified */
	/* orphan_lock */
	struct list_node orphan_node; /* on fs->orphans */
	u32 orphan_slot;              /* 1 + index in the orphan file; 0: not there */
	/* map_lock */
	/* RANK_FS_META; lookups shared, changes exclusive. Those have a handle, of which there is one at a time: it keeps them from lookups,
	 * which have none. */
	struct rwsem map_lock;
	/* Odd while a change of the extent tree is under way. What a look-up without map_lock has read is good if this was the same even
	 * number before and after. Written under map_lock, exclusively held. */
	_Atomic(u32) map_seq;
	struct ext4_disk_inode
		raw[]; /* inode_size bytes: the inode as on disk, the root of the extent tree in it */
};

static inline struct ext4_fs *ext4_fs(const struct super *s)
{
	return (struct ext4_fs *)s;
}
static inline struct ext4_inode *ext4_inode(struct inode *i)
{
	return (struct ext4_inode *)i;
}
static inline struct ext4_fs *ext4_fs_of(const struct ext4_inode *ei)
{
	return ext4_fs(ei->vfs.super);
}
static inline void *ext4_block_virt(struct ext4_fs *fs, u64 block)
{
	return (char *)fs->region->virt + (block << EXT4_BLOCK_BITS);
}
static inline const void *ext4_read(struct ext4_fs *fs, u64 block)
{
	return journal_read(fs->journal, block);
}
static inline bool ext4_has_compat(const struct ext4_fs *fs, u32 bit)
{
	return fs->sb.s_feature_compat & bit;
}
static inline bool ext4_has_incompat(const struct ext4_fs *fs, u32 bit)
{
	return fs->sb.s_feature_incompat & bit;
}
/* A count in two halves, of which the high one is only there with 64bit. */
static inline u64 ext4_split(const struct ext4_fs *fs, u32 lo, u32 hi)
{
	return lo | (ext4_has_incompat(fs, EXT4_INCOMPAT_64BIT) ? (u64)hi << 32 : 0);
}
static inline bool ext4_has_ro(const struct ext4_fs *fs, u32 bit)
{
	return fs->sb.s_feature_ro_compat & bit;
}

/* error.c. Reports damage (ino 0: of no inode; block 0: of none), and stops the file system unless its errors= says otherwise; always
 * -EUCLEAN. Any sleeping context. */
#define ext4_damage(fs, ino, ...) ext4_damage_at(fs, ino, 0, __func__, __LINE__, __VA_ARGS__)
#define ext4_damage_block(fs, ino, block, ...) ext4_damage_at(fs, ino, block, __func__, __LINE__, __VA_ARGS__)
int ext4_damage_at(struct ext4_fs *fs, u64 ino, u64 block, const char *func, u32 line, const char *fmt, ...)
	PRINTF_LIKE(6, 7);
void ext4_errors_init(struct ext4_fs *fs);
/* What was found since the last call into a copy of the superblock; its checksum is the caller's. False: nothing. */
void ext4_errors_fold(struct ext4_fs *fs, struct ext4_super *sb);
/* Sees to it that what was found gets into the superblock: durably at once where the journal was stopped, else with the next commit. Outside of
 * handles. 0, or a negative errno: it is tried again. */
int ext4_errors_record(struct ext4_fs *fs);
/* Mount: what the superblock says of earlier damage, in the log. */
void ext4_errors_tell(const struct ext4_super *sb);

/* super.c */
/* Blocks of the file system. */
u64 ext4_super_blocks(const struct ext4_super *sb);
/* Starts a handle, unless the file system is read-only. */
int ext4_begin(struct ext4_fs *fs, unsigned credits, struct journal_handle **out);
/* After -ENOSPC, outside handles: is it worth trying again, because a commit has made freed blocks available? At most once. */
bool ext4_retry(struct ext4_fs *fs, int err, bool *tried);

/* super_disk.c. What the superblock on disk says of the mount: in use; clean again (commits first, and empties the log; 0, -EROFS). */
int ext4_mark_mounted(struct ext4_fs *fs);
int ext4_mark_clean(struct ext4_fs *fs);
/* Does it say that the file system is in use? */
bool ext4_marked_mounted(const struct ext4_fs *fs);
/* Writes the superblock's copy with current counts and errors, in a handle. */
int ext4_write_super(struct ext4_fs *fs);
/* Sets the head of the orphan chain, there and in the copy, and nothing else. */
void ext4_set_last_orphan(struct journal_handle *h, struct ext4_fs *fs, u32 ino);
/* Replays the log, completes a superblock that was half written, reads it into *sb anew. Mount. -EUCLEAN, -EOPNOTSUPP with *what; -ENOMEM. */
int ext4_recover(struct ext4_super *sb, struct pmem_region *r, const char **what);
/* Has the superblock the checksum that it should have? */
bool ext4_super_csum_ok(const struct ext4_super *sb);
/* Is the log empty, and does the superblock say so too? Mount. */
bool ext4_log_is_empty(const struct ext4_super *sb, struct pmem_region *r);

/* log.c: finds the journal of a file system whose superblock may be out of date. kfree() it. -EUCLEAN, -ENOMEM. Mount. */
int ext4_log_open(const struct ext4_super *sb, struct pmem_region *r, u64 fs_blocks, struct jbd2_log **out);

/* csum.c */
void ext4_crc_init(struct ext4_fs *fs, u32 *power);
u32 ext4_crc(const struct ext4_fs *fs, u32 crc, const void *p, size_t n);
/* CRC of n bytes of which the len at offset off changed from old[] to new[]. All are multiples of 4. */
u32 ext4_crc_replace(
	const struct ext4_fs *fs, u32 crc, u32 n, u32 off, const void *old, const void *new, u32 len);
u32 ext4_super_csum(const struct ext4_super *sb);
void ext4_desc_csum_set(const struct ext4_fs *fs, u32 group, struct ext4_group_desc *d);
u32 ext4_inode_seed(const struct ext4_fs *fs, u32 ino, u32 generation);
void ext4_inode_csum_set(struct ext4_inode *ei);
/* Wrong: raw has the right one afterwards. */
bool ext4_inode_csum_ok(struct ext4_inode *ei);
/* The rest verify (true when the file system has no metadata_csum) or set the checksum inside a block of an inode. */
bool ext4_extent_csum_ok(const struct ext4_inode *ei, const void *block);
u32 ext4_extent_csum(const struct ext4_inode *ei, const void *block);
bool ext4_leaf_csum_ok(const struct ext4_inode *ei, const void *block);
void ext4_leaf_csum_set(const struct ext4_inode *ei, void *block);
/* Replaces n bytes at offset off of a directory's verified leaf block, and mends its checksum. Multiples of 4. */
void ext4_leaf_update(
	struct journal_handle *h, const struct ext4_inode *ei, u64 nr, u32 off, const void *p, u32 n);
/* entries: offset of the first dx entry. */
bool ext4_dx_csum_ok(const struct ext4_inode *ei, const void *block, u32 entries);
void ext4_dx_csum_set(const struct ext4_inode *ei, void *block, u32 entries);
u32 ext4_orphan_csum(const struct ext4_inode *ei, u64 block_nr, const void *block);
u32 ext4_xattr_csum(const struct ext4_fs *fs, u64 block_nr, const void *block);

/* group.c: group descriptors */
void ext4_desc_get(const struct ext4_fs *fs, u32 group, struct ext4_group_desc *d);
/* bg_flags as the last commit had them. In a handle. */
u16 ext4_committed_flags(const struct ext4_fs *fs, u32 group);
void ext4_desc_write(struct journal_handle *h, struct ext4_fs *fs, u32 group, struct ext4_group_desc *d);
/* Checks every descriptor, sums the free counts, makes the zones. Mount. 0, -EUCLEAN, -ENOMEM; *what says what is wrong. */
int ext4_groups_load(struct ext4_fs *fs, const char **what);
u32 ext4_group_blocks(const struct ext4_fs *fs, u32 group); /* the last group may be short */
/* The first zone that ends at or after the block; nr_zones: none does. */
u32 ext4_zone_from(const struct ext4_fs *fs, u64 block);
/* Do blocks [start, start + n) lie in the file system and in no zone? */
bool ext4_data_blocks_ok(const struct ext4_fs *fs, u64 start, u64 n);

/* Split fields of a descriptor. */
#define EXT4_DESC_FIELD(name, field, bits)                                        \
	static inline u64 ext4_desc_##name(const struct ext4_group_desc *d)       \
	{                                                                         \
		return (u64)d->field##_lo | (u64)d->field##_hi << (bits);         \
	}                                                                         \
	static inline void ext4_desc_set_##name(struct ext4_group_desc *d, u64 v) \
	{                                                                         \
		d->field##_lo = (u##bits)v;                                       \
		d->field##_hi = (u##bits)(v >> (bits));                           \
	}
EXT4_DESC_FIELD(block_bitmap, bg_block_bitmap, 32)
EXT4_DESC_FIELD(inode_bitmap, bg_inode_bitmap, 32)
EXT4_DESC_FIELD(inode_table, bg_inode_table, 32)
EXT4_DESC_FIELD(free_blocks, bg_free_blocks_count, 16)
EXT4_DESC_FIELD(free_inodes, bg_free_inodes_count, 16)
EXT4_DESC_FIELD(used_dirs, bg_used_dirs_count, 16)
EXT4_DESC_FIELD(itable_unused, bg_itable_unused, 16)
EXT4_DESC_FIELD(block_csum, bg_block_bitmap_csum, 16)
EXT4_DESC_FIELD(inode_csum, bg_inode_bitmap_csum, 16)

/* bitmap.c: bit strings, least significant bit first */
/* First bit at or after `from` that is 0; nbits if there is none. */
u32 ext4_next_zero(const void *map, u32 nbits, u32 from);
/* What may be allocated: free now, and free also after a crash, which brings back what the last commit had. */
struct ext4_free_map {
	const void *now, *committed;
};
u32 ext4_next_free(const struct ext4_free_map *m, u32 nbits, u32 from);
u32 ext4_next_taken(const struct ext4_free_map *m, u32 nbits, u32 from);
static inline bool ext4_bit(const void *map, u32 bit)
{
	return ((const u8 *)map)[bit / 8] >> (bit % 8) & 1;
}
static inline void ext4_set_bit(void *map, u32 bit)
{
	((u8 *)map)[bit / 8] |= (u8)(1u << (bit % 8));
}
/* The checksum of a bitmap block whose first nbytes count. */
u32 ext4_bitmap_csum(const struct ext4_fs *fs, const void *map, u32 nbytes);
/* Does a stored checksum (its low half alone, with short descriptors) fit? */
bool ext4_bitmap_csum_ok(const struct ext4_fs *fs, u64 stored, const void *map, u32 nbytes);
/* Sets or clears bits [bit, bit + n) of a bitmap block in place; the new checksum, made from the old one where that is cheaper. */
u32 ext4_bitmap_change(struct journal_handle *h, struct ext4_fs *fs, u64 block, u32 nbytes, u64 csum, u32 bit,
	u32 n, bool set);

/* balloc.c */
struct ext4_alloc {
	u64 goal; /* block to take if it is free; first-fit starts there */
	u32 want; /* blocks, >= 1 */
	u32 lblk; /* logical block of the first one */
	bool aligned; /* prefer a free 2 MiB-aligned run, so that physical and logical page numbers agree modulo 512 */
	bool node; /* of an extent tree: may use the last blocks */
	u64 start; /* out */
	u32 got;   /* out, 1 .. want */
};
/* Blocks that one allocation changes at most: the bitmaps of the goal's group, of two that each of two searches makes, and of the group that is
 * taken; and their descriptors. Of a single block two of each: what the search makes it takes. */
#define EXT4_ALLOC_CREDITS 12u
int ext4_alloc_blocks(struct journal_handle *h, struct ext4_fs *fs, struct ext4_alloc *a);
int ext4_free_blocks(struct journal_handle *h, struct ext4_fs *fs, u64 start, u64 n);
u64 ext4_group_goal(const struct ext4_inode *ei);

/* ialloc.c */
int ext4_alloc_inode(struct journal_handle *h, struct inode *dir, u32 mode, struct ext4_inode **out);
int ext4_free_inode(struct journal_handle *h, struct ext4_inode *ei);
/* Is the inode marked in use? For the orphan list. */
bool ext4_inode_in_use(struct ext4_fs *fs, u32 ino);

/* inode.c */
extern const struct inode_ops ext4_file_ops, ext4_dir_ops, ext4_symlink_ops, ext4_special_ops;
/* What can be done with an inode of that mode; NULL: no such type. */
const struct inode_ops *ext4_ops_of(u32 mode);
/* d: the descriptor of its group. NULL: no memory. */
struct ext4_inode *ext4_inode_new_memory(struct ext4_fs *fs, u64 ino, const struct ext4_group_desc *d);
void ext4_inode_free_memory(struct ext4_inode *ei);
int ext4_read_inode(struct super *s, u64 ino, struct inode **out);
/* From now on ext4_sync_inode() commits the transaction of h. Before others can see what has changed. */
void ext4_note_change(struct journal_handle *h, struct ext4_inode *ei);
/* Writes raw, with its checksum. map_lock held exclusively. */
void ext4_write_raw(struct journal_handle *h, struct ext4_inode *ei);
/* Fields of struct inode into raw, then to disk. Takes map_lock. */
void ext4_store_inode(struct journal_handle *h, struct ext4_inode *ei);
int ext4_write_inode(struct inode *i);
int ext4_sync_inode(struct inode *i, bool datasync);
int ext4_commit_map(struct inode *i, u64 pgoff, u64 nr);
void ext4_evict(struct inode *i);
/* The size on disk grows to `end`, as far as a write(2) under way reaches (i->write_end). map_lock held exclusively; the caller writes raw. */
void ext4_cover(struct ext4_inode *ei, u64 end);
/* Adds blocks (of 4 KiB, may be negative) to i_blocks. map_lock held exclusively; the caller writes raw. */
void ext4_add_blocks(struct ext4_inode *ei, i64 n);
u64 ext4_file_acl(const struct ext4_inode *ei);
bool ext4_uses_extents(const struct ext4_inode *ei);
/* Has it blocks in the old form? They are neither read nor freed. */
bool ext4_is_block_mapped(const struct ext4_inode *ei);
bool ext4_verified(struct ext4_inode *ei, u64 block);
void ext4_set_verified(struct ext4_inode *ei, u64 block);
void ext4_clear_verified(struct ext4_inode *ei, u64 block);
ssize_t ext4_readlink(struct inode *i, char *buf, size_t size);

/* extent.c: walking and reading; extent_edit.c: changing; map.c, shift.c: what inode_ops offer */
struct ext4_ext { /* one extent, decoded */
	u32 lblk, len;
	u64 pblk;
	bool unwritten;
};
struct ext4_path {
	unsigned depth; /* level[depth] is the leaf */
	struct {
		const struct ext4_extent_header *eh;
		u64 block; /* 0: the root in the inode */
		int pos;   /* entry followed; leaf: last extent at or before the block looked for, -1: none */
	} level[EXT4_EXT_DEPTH_MAX + 1];
};
static inline struct ext4_extent_header *ext4_root(struct ext4_inode *ei)
{
	return (struct ext4_extent_header *)ei->raw->i_block;
}
static inline struct ext4_extent *ext4_entry(const struct ext4_extent_header *eh, int pos)
{
	return (struct ext4_extent *)(eh + 1) + pos;
}
static inline struct ext4_ext ext4_ext_decode(const struct ext4_extent *e)
{
	bool unwritten = e->ee_len > EXT4_EXT_LEN_MAX;

	return (struct ext4_ext){
		.lblk = e->ee_block,
		.len = unwritten ? e->ee_len - EXT4_EXT_LEN_MAX : e->ee_len,
		.pblk = e->ee_start_lo | (u64)e->ee_start_hi << 32,
		.unwritten = unwritten,
	};
}
void ext4_ext_encode(struct ext4_extent *e, const struct ext4_ext *x);
/* Is the tree's root, as read from disk, usable? */
bool ext4_root_ok(struct ext4_inode *ei);
/* The way to lblk. map_lock held. -EUCLEAN. */
int ext4_find(struct ext4_inode *ei, u32 lblk, struct ext4_path *p);
/* The same without map_lock: good only if map_seq says so afterwards. False: not found this way, which says nothing. `depth`: of
 * the root as the caller saw it; above 0 between journal_read_begin and _end. */
bool ext4_find_unlocked(struct ext4_inode *ei, u32 lblk, unsigned depth, struct ext4_path *p);
/* First logical block after the path's position at which an extent may start; 2^32 if none. */
u64 ext4_next_lblk(const struct ext4_path *p);
/* Replaces ndel entries from pos of the path's leaf by add[0..nadd), merging with the neighbours. -EAGAIN: the leaf has no room; call
 * ext4_make_room, look the path up again, try again. Otherwise it does not fail. The path is invalid afterwards. */
int ext4_replace(struct journal_handle *h, struct ext4_inode *ei, struct ext4_path *p, int pos, int ndel,
	const struct ext4_ext *add, int nadd);
/* One split or growth on the way to the leaf. -ENOSPC: nothing changed. The path is invalid afterwards. */
int ext4_make_room(struct journal_handle *h, struct ext4_inode *ei, struct ext4_path *p);
/* Adds `by` to the logical blocks of entries [from, to) of the path's leaf, and mends the index above. They keep their place among the
 * others: the caller has seen to that. The path is invalid afterwards. */
int ext4_shift_entries(
	struct journal_handle *h, struct ext4_inode *ei, const struct ext4_path *p, int from, int to, i64 by);
void ext4_init_root(struct ext4_inode *ei);
unsigned ext4_tree_credits(struct ext4_inode *ei);

/* What stands at lblk now; the path and the extent for whoever goes on. map_lock held. -EUCLEAN. */
int ext4_look(
	struct ext4_inode *ei, u32 lblk, u64 nr, struct extent *out, struct ext4_path *p, struct ext4_ext *x);
/* Reports that the path's leaf, checked before, is not what it was: -EUCLEAN. */
int ext4_leaf_damage(struct ext4_inode *ei, const struct ext4_path *p);
/* Puts add[] in place of ndel entries from the extent at (or after) lblk's position p; makes room as often as it takes. */
int ext4_put(struct journal_handle *h, struct ext4_inode *ei, struct ext4_path *p, u32 lblk, bool after,
	int ndel, const struct ext4_ext *add, int nadd);
enum ext4_removal { EXT4_REMOVE, EXT4_MAKE_UNWRITTEN };
/* Does one extent's worth of [*at, last]; *at moves past it, beyond `last` when nothing is left, and stays where only the end of a very long one has
 * been done. map_lock held exclusively. */
int ext4_remove_piece(
	struct journal_handle *h, struct ext4_inode *ei, u64 *at, u64 last, enum ext4_removal what);

int ext4_map_extent(struct inode *i, u64 pgoff, u64 nr, enum map_intent intent, struct extent *out);
int ext4_remove_blocks(struct inode *i, u64 first, u64 last);
int ext4_make_unwritten(struct inode *i, u64 first, u64 last);
int ext4_shift_blocks(struct inode *i, u64 first, i64 by);
/* Block of a directory, link or orphan file: its number, -EUCLEAN for a hole. */
int ext4_map_block(struct ext4_inode *ei, u32 lblk, u64 *block);
/* Allocates logical block lblk without touching its contents; where a block is already, that is damage. */
int ext4_map_new(struct journal_handle *h, struct ext4_inode *ei, u32 lblk, u64 *block);

/* dir.c: entries in blocks */
struct ext4_dirent *ext4_next_entry(const void *block, u32 limit, u32 *off);
u32 ext4_dir_limit(const struct ext4_fs *fs); /* bytes of a block that hold entries */
/* The same of one that may be an index block. */
u32 ext4_block_limit(const struct ext4_inode *dir, u32 lblk, const void *data);
/* Number of blocks; 0 when the size is not one that a directory can have, which is reported. */
u32 ext4_dir_blocks(struct ext4_inode *dir);
int ext4_entry_damage(struct ext4_inode *dir, u32 lblk);
/* Reads block lblk of a directory, verified. */
int ext4_dir_block(struct ext4_inode *dir, u32 lblk, u64 *block, const void **data);
/* Appends a block to the directory: its number and a zeroed shadow. The caller fills, dirties and stores the inode. */
int ext4_dir_append(struct journal_handle *h, struct ext4_inode *dir, u32 *lblk, u64 *block, void **data);
/* Makes a block without entries: one unused entry, and the tail where there are checksums. */
void ext4_dir_init_block(const struct ext4_fs *fs, void *data);
bool ext4_block_find(const void *data, u32 limit, const char *name, size_t len, u32 *off, bool *damaged);
/* Puts an entry into a block in memory. -ENOSPC: no room. */
int ext4_block_insert(const struct ext4_fs *fs, void *data, const char *name, size_t len, u32 ino, u8 type);
struct ext4_new_entry {
	const char *name;
	size_t len;
	u32 ino;
	u8 type;
};
int ext4_lookup(struct inode *dir, struct dir_name *n);
/* Where an entry stands, and what it names. */
struct ext4_where {
	u64 block;
	u32 lblk, off, ino;
};
int ext4_dir_find(struct ext4_inode *dir, const char *name, size_t len, struct ext4_where *w);
int ext4_dir_add(
	struct journal_handle *h, struct ext4_inode *dir, const char *name, size_t len, u32 ino, u32 mode);
int ext4_dir_remove(struct journal_handle *h, struct ext4_inode *dir, const struct ext4_where *w);
/* The entry names another inode from now on. */
int ext4_dir_set(
	struct journal_handle *h, struct ext4_inode *dir, const struct ext4_where *w, u32 ino, u32 mode);
int ext4_dir_make(struct journal_handle *h, struct ext4_inode *dir, u32 parent);
u8 ext4_file_type(const struct ext4_fs *fs, u32 mode);
/* Blocks that ext4_dir_add() changes: root and second level of the index, both halves of what is split, the leaf; and two new blocks enter
 * the extent tree, which may get deeper between them. */
unsigned ext4_dir_credits(struct ext4_inode *dir);

/* readdir.c */
int ext4_readdir(struct inode *dir, struct dir_pos *pos, readdir_fn fn, void *arg);
/* 1: no entries but "." and "..". */
int ext4_dir_empty(struct ext4_inode *dir);

/* htree.c, htree_edit.c */
bool ext4_dir_indexed(const struct ext4_inode *dir);
int ext4_htree_find(struct ext4_inode *dir, const char *name, size_t len, struct ext4_where *w);
int ext4_htree_add(struct journal_handle *h, struct ext4_inode *dir, const struct ext4_new_entry *e);
/* Turns a directory of one full block into an indexed one. */
int ext4_htree_create(struct journal_handle *h, struct ext4_inode *dir);
/* Is this block of an indexed directory an index block? Then the offset of its entries, else 0. */
u32 ext4_dx_entries(const struct ext4_inode *dir, u32 lblk, const void *data);

/* hash.c. minor may be NULL. false: unknown version. */
bool ext4_hash(
	const struct ext4_fs *fs, unsigned version, const char *name, size_t len, u32 *hash, u32 *minor);
/* Of new indexes. */
unsigned ext4_hash_version(const struct ext4_fs *fs);

/* namei.c */
int ext4_create(struct inode *dir, const char *name, size_t len, u32 mode, u32 rdev, struct inode **out);
int ext4_symlink(struct inode *dir, const char *name, size_t len, const char *target, size_t tlen);
int ext4_link(struct inode *dir, const char *name, size_t len, struct inode *i);
int ext4_exchange(struct inode *odir, const char *oname, size_t olen, struct inode *what, struct inode *ndir,
	const char *nname, size_t nlen, struct inode *other);
int ext4_unlink(struct inode *dir, const struct dir_name *n, struct inode *victim);
int ext4_rmdir(struct inode *dir, const struct dir_name *n, struct inode *victim);
int ext4_rename(struct inode *odir, const char *oname, size_t olen, struct inode *what, struct inode *ndir,
	const char *nname, size_t nlen, struct inode *victim);

/* orphan.c */
int ext4_orphan_add(struct inode *i);
int ext4_orphan_del(struct inode *i);
/* In a handle; the caller stores the inode before that stops. */
int ext4_orphan_add_handle(struct journal_handle *h, struct ext4_inode *ei);
void ext4_orphan_del_handle(struct journal_handle *h, struct ext4_inode *ei);
/* Frees what the orphan list and file name, as e2fsck would. Mount, read-write. */
int ext4_orphans_load(struct ext4_fs *fs);
/* Opens the orphan file. */
int ext4_orphan_file_open(struct ext4_fs *fs);

/* xattr.c: inode_ops on extended attributes. */
ssize_t ext4_getxattr(struct inode *i, const char *name, void *buf, size_t size);
ssize_t ext4_listxattr(struct inode *i, char *buf, size_t size);
int ext4_setxattr(struct inode *i, const char *name, const void *value, size_t size, u32 flags);
/* Drops the inode's reference to its attribute block. */
int ext4_xattr_release(struct journal_handle *h, struct ext4_inode *ei);

#endif
