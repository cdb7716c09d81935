/* SPDX-License-Identifier: MIT */
/*
 * ext4's on-disk structures, little-endian as x86-64 is. Field by field after the kernel documentation's "ext4 Data Structures and
 * Algorithms"; a static assert pins each size and the offsets that are easily got wrong. Block size is 4096 throughout.
 */
#ifndef FS_EXT4_DISK_H
#define FS_EXT4_DISK_H

#include "lib/types.h"

#define EXT4_BLOCK_SIZE 4096u
#define EXT4_BLOCK_BITS 12
#define EXT4_SUPER_OFFSET 1024
#define EXT4_SUPER_MAGIC 0xEF53
#define EXT4_ROOT_INO 2
#define EXT4_BLOCKS_PER_GROUP_MAX 32768u /* a bitmap is one block */

/* s_state */
#define EXT4_STATE_VALID 1
#define EXT4_STATE_ERROR 2
#define EXT4_STATE_ORPHAN 4
/* s_errors */
#define EXT4_ERRORS_CONTINUE 1
#define EXT4_ERRORS_RO 2
#define EXT4_ERRORS_PANIC 3
/* s_jnl_backup_type: s_jnl_blocks is the journal's i_block, then i_size_high and i_size_lo */
#define EXT4_JNL_BACKUP_BLOCKS 1
/* s_flags */
#define EXT4_FLAGS_SIGNED_HASH 1
#define EXT4_FLAGS_UNSIGNED_HASH 2

#define EXT4_COMPAT_HAS_JOURNAL 0x4
#define EXT4_COMPAT_EXT_ATTR 0x8
#define EXT4_COMPAT_DIR_INDEX 0x20
#define EXT4_COMPAT_SPARSE_SUPER2 0x200
#define EXT4_COMPAT_ORPHAN_FILE 0x1000

#define EXT4_INCOMPAT_FILETYPE 0x2
#define EXT4_INCOMPAT_RECOVER 0x4
#define EXT4_INCOMPAT_EXTENTS 0x40
#define EXT4_INCOMPAT_64BIT 0x80
#define EXT4_INCOMPAT_FLEX_BG 0x200
#define EXT4_INCOMPAT_CSUM_SEED 0x2000

#define EXT4_RO_SPARSE_SUPER 0x1
#define EXT4_RO_LARGE_FILE 0x2
#define EXT4_RO_HUGE_FILE 0x8
#define EXT4_RO_GDT_CSUM 0x10
#define EXT4_RO_DIR_NLINK 0x20
#define EXT4_RO_EXTRA_ISIZE 0x40
#define EXT4_RO_BIGALLOC 0x200
#define EXT4_RO_METADATA_CSUM 0x400
#define EXT4_RO_ORPHAN_PRESENT 0x10000

struct ext4_super {
	u32 s_inodes_count, s_blocks_count_lo, s_r_blocks_count_lo, s_free_blocks_count_lo;
	u32 s_free_inodes_count, s_first_data_block, s_log_block_size, s_log_cluster_size;
	u32 s_blocks_per_group, s_clusters_per_group, s_inodes_per_group, s_mtime;
	u32 s_wtime;
	u16 s_mnt_count, s_max_mnt_count, s_magic, s_state, s_errors, s_minor_rev_level;
	u32 s_lastcheck, s_checkinterval, s_creator_os, s_rev_level;
	u16 s_def_resuid, s_def_resgid;
	u32 s_first_ino;
	u16 s_inode_size, s_block_group_nr;
	u32 s_feature_compat, s_feature_incompat, s_feature_ro_compat;
	u8 s_uuid[16];
	char s_volume_name[16];
	char s_last_mounted[64];
	u32 s_algorithm_usage_bitmap;
	u8 s_prealloc_blocks, s_prealloc_dir_blocks;
	u16 s_reserved_gdt_blocks;
	u8 s_journal_uuid[16];
	u32 s_journal_inum, s_journal_dev, s_last_orphan;
	u32 s_hash_seed[4];
	u8 s_def_hash_version, s_jnl_backup_type;
	u16 s_desc_size;
	u32 s_default_mount_opts, s_first_meta_bg, s_mkfs_time;
	u32 s_jnl_blocks[17];
	u32 s_blocks_count_hi, s_r_blocks_count_hi, s_free_blocks_count_hi;
	u16 s_min_extra_isize, s_want_extra_isize;
	u32 s_flags;
	u16 s_raid_stride, s_mmp_interval;
	u64 s_mmp_block;
	u32 s_raid_stripe_width;
	u8 s_log_groups_per_flex, s_checksum_type;
	u16 s_reserved_pad;
	u64 s_kbytes_written;
	u32 s_snapshot_inum, s_snapshot_id;
	u64 s_snapshot_r_blocks_count;
	u32 s_snapshot_list;
	u32 s_error_count, s_first_error_time, s_first_error_ino;
	u64 s_first_error_block;
	u8 s_first_error_func[32];
	u32 s_first_error_line, s_last_error_time, s_last_error_ino, s_last_error_line;
	u64 s_last_error_block;
	u8 s_last_error_func[32];
	u8 s_mount_opts[64];
	u32 s_usr_quota_inum, s_grp_quota_inum, s_overhead_blocks;
	u32 s_backup_bgs[2];
	u8 s_encrypt_algos[4];
	u8 s_encrypt_pw_salt[16];
	u32 s_lpf_ino, s_prj_quota_inum, s_checksum_seed;
	u8 s_time_hi[8]; /* wtime, mtime, mkfs, lastcheck, first and last error, two error codes */
	u16 s_encoding, s_encoding_flags;
	u32 s_orphan_file_inum;
	u32 s_reserved[94];
	u32 s_checksum;
};
_Static_assert(sizeof(struct ext4_super) == 1024, "superblock");
_Static_assert(offsetof(struct ext4_super, s_magic) == 0x38, "superblock");
_Static_assert(offsetof(struct ext4_super, s_first_ino) == 0x54, "superblock");
_Static_assert(offsetof(struct ext4_super, s_uuid) == 0x68, "superblock");
_Static_assert(offsetof(struct ext4_super, s_journal_inum) == 0xe0, "superblock");
_Static_assert(offsetof(struct ext4_super, s_last_orphan) == 0xe8, "superblock");
_Static_assert(offsetof(struct ext4_super, s_hash_seed) == 0xec, "superblock");
_Static_assert(offsetof(struct ext4_super, s_desc_size) == 0xfe, "superblock");
_Static_assert(offsetof(struct ext4_super, s_blocks_count_hi) == 0x150, "superblock");
_Static_assert(offsetof(struct ext4_super, s_flags) == 0x160, "superblock");
_Static_assert(offsetof(struct ext4_super, s_checksum_type) == 0x175, "superblock");
_Static_assert(offsetof(struct ext4_super, s_error_count) == 0x194, "superblock");
_Static_assert(offsetof(struct ext4_super, s_mount_opts) == 0x200, "superblock");
_Static_assert(offsetof(struct ext4_super, s_backup_bgs) == 0x24c, "superblock");
_Static_assert(offsetof(struct ext4_super, s_checksum_seed) == 0x270, "superblock");
_Static_assert(offsetof(struct ext4_super, s_orphan_file_inum) == 0x280, "superblock");
_Static_assert(offsetof(struct ext4_super, s_checksum) == 0x3fc, "superblock");

/* bg_flags */
#define EXT4_BG_INODE_UNINIT 1
#define EXT4_BG_BLOCK_UNINIT 2
#define EXT4_BG_INODE_ZEROED 4

/* The first 32 bytes are all there is without the 64bit feature. */
struct ext4_group_desc {
	u32 bg_block_bitmap_lo, bg_inode_bitmap_lo, bg_inode_table_lo;
	u16 bg_free_blocks_count_lo, bg_free_inodes_count_lo, bg_used_dirs_count_lo, bg_flags;
	u32 bg_exclude_bitmap_lo;
	u16 bg_block_bitmap_csum_lo, bg_inode_bitmap_csum_lo, bg_itable_unused_lo, bg_checksum;
	u32 bg_block_bitmap_hi, bg_inode_bitmap_hi, bg_inode_table_hi;
	u16 bg_free_blocks_count_hi, bg_free_inodes_count_hi, bg_used_dirs_count_hi, bg_itable_unused_hi;
	u32 bg_exclude_bitmap_hi;
	u16 bg_block_bitmap_csum_hi, bg_inode_bitmap_csum_hi;
	u32 bg_reserved;
};
#define EXT4_DESC_SIZE_MIN 32
_Static_assert(sizeof(struct ext4_group_desc) == 64, "group descriptor");
_Static_assert(offsetof(struct ext4_group_desc, bg_checksum) == 0x1e, "group descriptor");
_Static_assert(offsetof(struct ext4_group_desc, bg_block_bitmap_csum_hi) == 0x38, "group descriptor");

/* i_flags */
#define EXT4_IMMUTABLE_FL 0x10
#define EXT4_APPEND_FL 0x20
/* Those that programs see, and those that they may change: secrm, unrm, sync, immutable, append, nodump, noatime, notail, dirsync, topdir. */
#define EXT4_VISIBLE_FL 0x725bdfffu
#define EXT4_CHANGEABLE_FL 0x380fbu
#define EXT4_INDEX_FL 0x1000
#define EXT4_HUGE_FILE_FL 0x40000
#define EXT4_EXTENTS_FL 0x80000
#define EXT4_EA_INODE_FL 0x200000
#define EXT4_INLINE_DATA_FL 0x10000000
#define EXT4_DIRSYNC_FL 0x10000
/* What a new inode takes from its directory: secrm, unrm, sync, nodump, noatime, journal_data, notail, dirsync. */
#define EXT4_INHERITED_FL (0xc0cbu | EXT4_DIRSYNC_FL)

#define EXT4_N_BLOCKS 15
#define EXT4_GOOD_OLD_INODE_SIZE 128
#define EXT4_LINK_MAX 65000

struct ext4_disk_inode {
	u16 i_mode, i_uid_lo;
	u32 i_size_lo, i_atime, i_ctime, i_mtime, i_dtime;
	u16 i_gid_lo, i_links_count;
	u32 i_blocks_lo, i_flags, i_version_lo;
	u32 i_block[EXT4_N_BLOCKS];
	u32 i_generation, i_file_acl_lo, i_size_high, i_obso_faddr;
	u16 i_blocks_high, i_file_acl_high, i_uid_high, i_gid_high, i_checksum_lo, i_reserved;
	/* From here on only where the inode size is above 128; valid up to i_extra_isize. */
	u16 i_extra_isize, i_checksum_hi;
	u32 i_ctime_extra, i_mtime_extra, i_atime_extra, i_crtime, i_crtime_extra, i_version_hi, i_projid;
};
_Static_assert(sizeof(struct ext4_disk_inode) == 160, "inode");
_Static_assert(offsetof(struct ext4_disk_inode, i_block) == 0x28, "inode");
_Static_assert(offsetof(struct ext4_disk_inode, i_generation) == 0x64, "inode");
_Static_assert(offsetof(struct ext4_disk_inode, i_checksum_lo) == 0x7c, "inode");
_Static_assert(offsetof(struct ext4_disk_inode, i_extra_isize) == 0x80, "inode");
_Static_assert(offsetof(struct ext4_disk_inode, i_checksum_hi) == 0x82, "inode");
_Static_assert(offsetof(struct ext4_disk_inode, i_projid) == 0x9c, "inode");

#define EXT4_EXT_MAGIC 0xf30a
#define EXT4_EXT_DEPTH_MAX 5
#define EXT4_EXT_LEN_MAX 32768u /* written; ee_len above: unwritten, length ee_len - 32768 */
#define EXT4_EXT_UNWRITTEN_MAX 32767u
#define EXT4_MAX_LBLK 0xfffffffeu /* last logical block of a file */

struct ext4_extent_header {
	u16 eh_magic, eh_entries, eh_max, eh_depth;
	u32 eh_generation;
};
/* Leaf entry and index entry have one size; the first field is the first logical block in both. */
struct ext4_extent {
	u32 ee_block;
	u16 ee_len, ee_start_hi;
	u32 ee_start_lo;
};
struct ext4_extent_idx {
	u32 ei_block, ei_leaf_lo;
	u16 ei_leaf_hi, ei_unused;
};
_Static_assert(sizeof(struct ext4_extent_header) == 12, "extent header");
_Static_assert(sizeof(struct ext4_extent) == 12, "extent");
_Static_assert(sizeof(struct ext4_extent_idx) == 12, "extent index");
#define EXT4_EXT_ROOT_MAX 4u    /* entries in i_block */
#define EXT4_EXT_BLOCK_MAX 340u /* entries in a block; the checksum follows them */
_Static_assert(12 + 12 * EXT4_EXT_BLOCK_MAX + 4 <= EXT4_BLOCK_SIZE, "extent block");

struct ext4_dirent {
	u32 inode;
	u16 rec_len;
	u8 name_len, file_type;
	char name[];
};
#define EXT4_DIRENT_LEN(name_len) ALIGN_UP(8u + (name_len), 4u)
/* Looks like an unused entry; the last 12 bytes of every directory block with metadata_csum. */
struct ext4_dirent_tail {
	u32 det_reserved_zero1;
	u16 det_rec_len;
	u8 det_reserved_zero2, det_reserved_ft;
	u32 det_checksum;
};
#define EXT4_DIRENT_TAIL_FT 0xde
_Static_assert(sizeof(struct ext4_dirent) == 8, "directory entry");
_Static_assert(sizeof(struct ext4_dirent_tail) == 12, "directory tail");

/* Index blocks of a directory: in block 0 after the entries "." and "..", otherwise after one unused entry. */
struct ext4_dx_root_info {
	u32 reserved_zero;
	u8 hash_version, info_length, indirect_levels, unused_flags;
};
struct ext4_dx_entry {
	u32 hash; /* the first entry has limit and count (u16 each) here */
	u32 block;
};
struct ext4_dx_countlimit {
	u16 limit, count;
};
struct ext4_dx_tail {
	u32 dt_reserved, dt_checksum;
};
#define EXT4_DX_DOTDOT 12u    /* offsets in the block: "..", */
#define EXT4_DX_ROOT_INFO 24u /* and what follows it */
#define EXT4_DX_ROOT_ENTRIES 32u
#define EXT4_DX_NODE_ENTRIES 8u
_Static_assert(sizeof(struct ext4_dx_root_info) == 8, "htree root");
_Static_assert(sizeof(struct ext4_dx_entry) == 8, "htree entry");

/* Orphan file block: inode numbers, then the tail. */
struct ext4_orphan_tail {
	u32 ob_magic, ob_checksum;
};
#define EXT4_ORPHAN_MAGIC 0x0b10ca04
#define EXT4_ORPHANS_PER_BLOCK ((EXT4_BLOCK_SIZE - sizeof(struct ext4_orphan_tail)) / 4)

/* Extended attributes: a block's header, and an entry. In an inode the magic number alone stands before the entries. */
struct ext4_xattr_header {
	u32 h_magic, h_refcount, h_blocks, h_hash, h_checksum, h_reserved[3];
};
#define EXT4_XATTR_MAGIC 0xea020000
_Static_assert(sizeof(struct ext4_xattr_header) == 32, "xattr header");
struct ext4_xattr_entry {
	u8 e_name_len, e_name_index;
	u16 e_value_offs;
	u32 e_value_inum, e_value_size, e_hash;
	char e_name[];
};
_Static_assert(sizeof(struct ext4_xattr_entry) == 16, "xattr entry");

#endif
