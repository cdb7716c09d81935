/* SPDX-License-Identifier: MIT */
/*
 * Mounting and unmounting, and what happens when damage is found.
 *
 * Rules
 * - A mount that is refused has changed nothing (but for the recovery of the journal), and says why in a sentence that tells what to do.
 * - While mounted read-write the superblock on disk says that the journal needs recovery, or, where there is none, does not say "clean";
 *   it is as before after an unmount in which nothing was found damaged. So a machine that stops in between is noticed (super_disk.c).
 * - Every feature that we do not know is refused by name: incompat always; ro_compat makes the mount read-only.
 *
 * - The superblock's copy and the one on disk are the same, checksum included, whenever no handle is open; so a field can be
 *   changed alone (ext4_set_last_orphan).
 *
 * Locks: mount and unmount are alone; the superblock's copy changes inside handles.
 */
#include "fs/ext4/ext4_priv.h"
#include "lib/crc.h"
#include "lib/fmt.h"
#include "mm/kmem.h"

#define INCOMPAT_NEEDED (EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_EXTENTS)
#define RO_KNOWN                                                                            \
	(EXT4_RO_SPARSE_SUPER | EXT4_RO_LARGE_FILE | EXT4_RO_HUGE_FILE | EXT4_RO_GDT_CSUM | \
		EXT4_RO_DIR_NLINK | EXT4_RO_EXTRA_ISIZE | EXT4_RO_METADATA_CSUM | EXT4_RO_ORPHAN_PRESENT)

/* Bit number to name, as e2fsprogs prints them. */
static const char *const incompat_names[32] = {
	[0] = "compression",
	[1] = "filetype",
	[2] = "needs_recovery",
	[3] = "journal_dev",
	[4] = "meta_bg",
	[6] = "extent",
	[7] = "64bit",
	[8] = "mmp",
	[9] = "flex_bg",
	[10] = "ea_inode",
	[12] = "dirdata",
	[13] = "metadata_csum_seed",
	[14] = "large_dir",
	[15] = "inline_data",
	[16] = "encrypt",
	[17] = "casefold",
};
static const char *const ro_names[32] = {
	[0] = "sparse_super",
	[1] = "large_file",
	[3] = "huge_file",
	[4] = "uninit_bg",
	[5] = "dir_nlink",
	[6] = "extra_isize",
	[8] = "quota",
	[9] = "bigalloc",
	[10] = "metadata_csum",
	[11] = "replica",
	[12] = "read-only",
	[13] = "project",
	[14] = "shared_blocks",
	[15] = "verity",
	[16] = "orphan_present",
};

static const struct lock_class orphan_class = {"ext4 orphans", RANK_JOURNAL + 2, false};
static const struct lock_class alloc_class = {"ext4 allocation", RANK_FS_ALLOC, false};

#define WHY_SIZE 160
#define WHY(why, ...) fmt_snprintf(why, WHY_SIZE, __VA_ARGS__)

/* The lowest bit of `bits` as a feature's name. */
static const char *feature_name(const char *const names[32], u32 bits, char buf[16])
{
	unsigned bit = (unsigned)__builtin_ctz(bits);

	if (names[bit])
		return names[bit];
	fmt_snprintf(buf, 16, "bit %u", bit);
	return buf;
}

static void ext4_damaged(struct super *s, u64 ino, const char *what)
{
	ext4_damage(ext4_fs(s), ino, "%s", what);
}

int ext4_begin(struct ext4_fs *fs, unsigned credits, struct journal_handle **out)
{
	if (unlikely(atomic_load_explicit(&fs->super.readonly, memory_order_relaxed)))
		return atomic_load(&fs->damaged) ? -EUCLEAN : -EROFS;
	return journal_start(fs->journal, credits, out);
}

bool ext4_retry(struct ext4_fs *fs, int err, bool *tried)
{
	if (err != -ENOSPC || *tried || !journal_has_changes(fs->journal))
		return false;
	*tried = true;
	return !journal_commit(fs->journal);
}

static int ext4_sync(struct super *s)
{
	struct ext4_fs *fs = ext4_fs(s);
	int err = ext4_errors_record(fs);

	if (err || atomic_load(&s->readonly))
		return err;
	if (!journal_has_log(fs->journal)) /* else the counts of the groups are what counts */
		err = ext4_write_super(fs);
	return err ? err : journal_commit(fs->journal);
}

static int ext4_commit(struct super *s)
{
	struct journal *j = ext4_fs(s)->journal;
	int err = ext4_errors_record(ext4_fs(s));

	if (err || atomic_load(&s->readonly))
		return err;
	return journal_has_changes(j) ? journal_commit(j) : 0;
}

static void destroy(struct ext4_fs *fs)
{
	journal_destroy(fs->journal);
	kfree(fs->log);
	super_destroy(&fs->super);
	kfree(fs->groups);
	kfree(fs->zones);
	kfree(fs->crc_power);
	kfree(fs);
}

static int ext4_unmount(struct super *s)
{
	struct ext4_fs *fs = ext4_fs(s);
	int err = ext4_errors_record(fs);

	if (!err && ext4_marked_mounted(fs) && !atomic_load(&s->readonly)) {
		fs->sb.s_feature_ro_compat &= ~EXT4_RO_ORPHAN_PRESENT;
		err = ext4_mark_clean(fs);
	}
	if (atomic_load(&fs->damaged))
		err = -EUCLEAN;
	if (fs->orphan_file)
		iput(&fs->orphan_file->vfs);
	destroy(fs);
	return err;
}

/* The numbers are those of Linux, which keeps back a part of the free blocks for its own use beside those that are reserved for root. */
static void ext4_statfs(struct super *s, struct fs_stat *out)
{
	struct ext4_fs *fs = ext4_fs(s);
	const struct ext4_super *sb = &fs->sb;
	u64 reserved = ext4_split(fs, sb->s_r_blocks_count_lo, sb->s_r_blocks_count_hi) + fs->tree_reserve;
	u64 id[2];

	memcpy(id, sb->s_uuid, sizeof(id));
	mutex_lock(&fs->alloc_lock);
	*out = (struct fs_stat){
		.magic = EXT4_SUPER_MAGIC,
		.blocks = fs->blocks_count - fs->overhead,
		.free_blocks = fs->free_blocks,
		.available_blocks = fs->free_blocks > reserved ? fs->free_blocks - reserved : 0,
		.inodes = fs->inodes_count,
		.free_inodes = fs->free_inodes,
		.id = id[0] ^ id[1],
	};
	mutex_unlock(&fs->alloc_lock);
}

static void ext4_show_options(struct super *s, char *buf, size_t size)
{
	static const char *const names[] = {
		[EXT4_ON_ERROR_CONTINUE] = "continue",
		[EXT4_ON_ERROR_RO] = "remount-ro",
		[EXT4_ON_ERROR_PANIC] = "panic",
	};
	struct ext4_fs *fs = ext4_fs(s);

	fmt_snprintf(
		buf, size, ",dax=always,errors=%s%s", names[fs->on_error], fs->nojournal ? ",nojournal" : "");
}

static const struct super_ops ext4_super_ops = {
	.read_inode = ext4_read_inode,
	.evict = ext4_evict,
	.sync = ext4_sync,
	.commit = ext4_commit,
	.statfs = ext4_statfs,
	.show_options = ext4_show_options,
	.damaged = ext4_damaged,
	.unmount = ext4_unmount,
};

/* --- mount --- */

static bool power_of_two(u32 n)
{
	return n && !(n & (n - 1));
}

static int check_features(const struct ext4_super *sb, bool *readonly, char *why)
{
	u32 bad = sb->s_feature_incompat & ~(EXT4_INCOMPAT_KNOWN | EXT4_INCOMPAT_RECOVER);
	char buf[16];

	if (bad) {
		WHY(why, "feature %s is not supported", feature_name(incompat_names, bad, buf));
		return -EOPNOTSUPP;
	}
	bad = INCOMPAT_NEEDED & ~sb->s_feature_incompat;
	if (bad) {
		WHY(why, "feature %s is missing", feature_name(incompat_names, bad, buf));
		return -EOPNOTSUPP;
	}
	bad = sb->s_feature_ro_compat & ~RO_KNOWN;
	if (bad & EXT4_RO_BIGALLOC) { /* not to be read either */
		WHY(why, "feature bigalloc is not supported");
		return -EOPNOTSUPP;
	}
	if (bad && !*readonly) {
		pr_warn("ext4", "feature %s is not supported: mounted read-only",
			feature_name(ro_names, bad, buf));
		*readonly = true;
	}
	return 0;
}

u64 ext4_super_blocks(const struct ext4_super *sb)
{
	return sb->s_blocks_count_lo |
		(sb->s_feature_incompat & EXT4_INCOMPAT_64BIT ? (u64)sb->s_blocks_count_hi << 32 : 0);
}

/* What is wrong with the sizes and counts; NULL: nothing. */
static const char *check_geometry(const struct ext4_super *sb, u32 desc_size)
{
	u64 blocks = ext4_super_blocks(sb), groups;

	if (sb->s_first_data_block || sb->s_log_cluster_size != sb->s_log_block_size)
		return "its first block or cluster size is wrong";
	if (!sb->s_blocks_per_group || sb->s_blocks_per_group % 8 ||
		sb->s_blocks_per_group > EXT4_BLOCKS_PER_GROUP_MAX ||
		sb->s_clusters_per_group != sb->s_blocks_per_group)
		return "its number of blocks per group is wrong";
	if (!power_of_two(sb->s_inode_size) || sb->s_inode_size < EXT4_GOOD_OLD_INODE_SIZE ||
		sb->s_inode_size > 1024)
		return "its inode size is wrong";
	if (!sb->s_inodes_per_group || sb->s_inodes_per_group % 8 ||
		sb->s_inodes_per_group > EXT4_BLOCK_SIZE * 8 || sb->s_first_ino < 11 ||
		sb->s_first_ino > sb->s_inodes_per_group)
		return "its number of inodes per group is wrong";
	if (desc_size != 32 && desc_size != 64)
		return "its group descriptors have a size that is not supported";
	groups = DIV_ROUND_UP(blocks, (u64)sb->s_blocks_per_group);
	if (blocks < 8 || groups * sb->s_inodes_per_group != sb->s_inodes_count ||
		groups * desc_size > (u64)sb->s_blocks_per_group * EXT4_BLOCK_SIZE / 2 ||
		groups * desc_size / EXT4_BLOCK_SIZE + 2 > blocks)
		return "its counts do not fit together";
	return NULL;
}

/* What to do about damage: the mount's wish, or the superblock's. */
static enum ext4_on_error on_error_of(const struct ext4_super *sb, const struct ext4_options *o)
{
	if (o->on_error != EXT4_ON_ERROR_DEFAULT)
		return o->on_error;
	switch (sb->s_errors) {
	case EXT4_ERRORS_CONTINUE:
		return EXT4_ON_ERROR_CONTINUE;
	case EXT4_ERRORS_PANIC:
		return EXT4_ON_ERROR_PANIC;
	default:
		return EXT4_ON_ERROR_RO;
	}
}

/* Errors of earlier mounts: only a file system that is to go on after errors is written to before e2fsck has seen it. */
static void check_errors(const struct ext4_super *sb, struct ext4_options *o)
{
	ext4_errors_tell(sb);
	if ((sb->s_state & EXT4_STATE_ERROR) && !o->readonly &&
		on_error_of(sb, o) != EXT4_ON_ERROR_CONTINUE) {
		pr_warn("ext4", "errors were found in it, and errors=continue is not set: mounted read-only");
		o->readonly = true;
	}
}

static int check_super(
	const struct ext4_super *sb, const struct pmem_region *r, struct ext4_options *o, char *why)
{
	u32 desc_size = sb->s_feature_incompat & EXT4_INCOMPAT_64BIT ? sb->s_desc_size : EXT4_DESC_SIZE_MIN;
	const char *what;
	int err;

	if (sb->s_magic != EXT4_SUPER_MAGIC) {
		WHY(why,
			"there is no ext4 file system (bad magic number): make one with mke2fs -t ext4 -b "
			"4096");
		return -EINVAL;
	}
	if ((sb->s_feature_ro_compat & EXT4_RO_METADATA_CSUM) &&
		(sb->s_checksum_type != 1 || sb->s_checksum != ext4_super_csum(sb))) {
		WHY(why, "the superblock's checksum is wrong: run e2fsck -fy on the image");
		return -EUCLEAN;
	}
	if (sb->s_rev_level < 1) {
		WHY(why, "its revision is too old");
		return -EOPNOTSUPP;
	}
	if (sb->s_log_block_size != 2) {
		WHY(why, "its block size is not 4096, which DAX needs: make it with mke2fs -b 4096");
		return -EOPNOTSUPP;
	}
	err = check_features(sb, &o->readonly, why);
	if (err)
		return err;
	if (!(sb->s_state & EXT4_STATE_VALID)) {
		WHY(why, "it is not clean (it was not unmounted): run e2fsck -fy on the image");
		return -EUCLEAN;
	}
	what = check_geometry(sb, desc_size);
	if (what) {
		WHY(why, "the superblock is damaged: %s: run e2fsck -fy on the image", what);
		return -EUCLEAN;
	}
	if (ext4_super_blocks(sb) > r->len / EXT4_BLOCK_SIZE) {
		WHY(why, "the file system has %llu blocks, the persistent memory only %llu",
			(unsigned long long)ext4_super_blocks(sb),
			(unsigned long long)(r->len / EXT4_BLOCK_SIZE));
		return -EINVAL;
	}
	check_errors(sb, o);
	return 0;
}

/* The constants that follow from a good superblock. */
static void set_constants(struct ext4_fs *fs, struct pmem_region *r)
{
	const struct ext4_super *sb = &fs->sb;

	fs->region = r;
	fs->super.region = r;
	fs->super.max_size = ((u64)EXT4_MAX_LBLK + 1) << EXT4_BLOCK_BITS;
	fs->blocks_count = ext4_super_blocks(sb);
	fs->blocks_per_group = sb->s_blocks_per_group;
	fs->inodes_per_group = sb->s_inodes_per_group;
	fs->inodes_count = sb->s_inodes_count;
	fs->inode_size = sb->s_inode_size;
	fs->super.time_min = INT32_MIN;
	fs->super.time_max =
		INT32_MIN + (fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE ? 1ll << 34 : 1ll << 32) - 1;
	fs->nr_groups = (u32)DIV_ROUND_UP(fs->blocks_count, (u64)fs->blocks_per_group);
	fs->desc_size = sb->s_feature_incompat & EXT4_INCOMPAT_64BIT ? sb->s_desc_size : EXT4_DESC_SIZE_MIN;
	fs->metadata_csum = sb->s_feature_ro_compat & EXT4_RO_METADATA_CSUM;
	fs->gdt_csum = !fs->metadata_csum && (sb->s_feature_ro_compat & EXT4_RO_GDT_CSUM);
	fs->csum_seed = sb->s_feature_incompat & EXT4_INCOMPAT_CSUM_SEED ? sb->s_checksum_seed
									 : crc32c(~0u, sb->s_uuid, 16);
	fs->first_page = r->base.v >> PAGE_SHIFT;
	fs->tree_reserve = MIN(fs->blocks_count / 50, (u64)4096);
	fs->next_generation = (u32)vfs_now().nsec ^ (u32)vfs_now().sec;
	mutex_init(&fs->orphan_lock, &orphan_class);
	mutex_init(&fs->alloc_lock, &alloc_class);
	list_init(&fs->orphans);
}

/* Blocks that are no file's, as Linux counts them: the journal is none. The superblock has its inode's size beside its blocks. */
static u64 overhead(const struct ext4_fs *fs)
{
	const struct ext4_super *sb = &fs->sb;
	u64 n = 0;

	for (u32 z = 0; z < fs->nr_zones; z++)
		n += fs->zones[z].last - fs->zones[z].first + 1;
	if (ext4_has_compat(fs, EXT4_COMPAT_HAS_JOURNAL) && sb->s_jnl_backup_type == EXT4_JNL_BACKUP_BLOCKS)
		n += (sb->s_jnl_blocks[16] | (u64)sb->s_jnl_blocks[15] << 32) >> EXT4_BLOCK_BITS;
	return MIN(n, fs->blocks_count);
}

/* Root, orphan file, orphans, the mark. */
static int open_tree(struct ext4_fs *fs, bool readonly, char *why)
{
	int err = iget(&fs->super, EXT4_ROOT_INO, &fs->super.root);

	if (err || !mode_is_dir(fs->super.root->mode)) {
		WHY(why, "the root directory is damaged: run e2fsck -fy on the image");
		return err ? err : -EUCLEAN;
	}
	if (!ext4_uses_extents(ext4_inode(fs->super.root))) {
		WHY(why,
			"its directories are mapped by blocks, not extents: run e2fsck -fy -E bmap2extent on "
			"the image");
		return -EOPNOTSUPP;
	}
	err = ext4_orphan_file_open(fs);
	if (err) {
		WHY(why, "the orphan file is damaged: run e2fsck -fy on the image");
		return err;
	}
	if (readonly)
		return 0;
	err = ext4_mark_mounted(fs);
	if (!err)
		err = ext4_orphans_load(fs);
	if (err == -EOPNOTSUPP)
		WHY(why,
			"a file mapped by blocks, not extents, waits to be deleted or truncated: run e2fsck "
			"-fy on the image");
	else if (err)
		WHY(why, "the orphan list is damaged: run e2fsck -fy on the image");
	return err;
}

/* Puts what open_tree opened. */
static void close_tree(struct ext4_fs *fs)
{
	if (fs->orphan_file)
		iput(&fs->orphan_file->vfs);
	if (fs->super.root)
		iput(fs->super.root);
	fs->orphan_file = NULL;
	fs->super.root = NULL;
}

static int load(struct ext4_fs *fs, struct pmem_region *r, const struct ext4_options *o, char *why)
{
	bool use_log = !o->readonly && !o->nojournal && ext4_has_compat(fs, EXT4_COMPAT_HAS_JOURNAL);
	const char *what;
	u32 *power;
	int err;

	set_constants(fs, r);
	atomic_store(&fs->super.readonly, o->readonly);
	fs->nojournal = o->nojournal;
	err = super_init(&fs->super, &ext4_super_ops, "ext4");
	if (!err && use_log)
		err = ext4_log_open(&fs->sb, r, fs->blocks_count, &fs->log);
	if (!err)
		err = journal_create(r, fs->log, &fs->journal);
	if (err == -EUCLEAN) {
		WHY(why, "its journal is damaged: run e2fsck -fy on the image");
		return err;
	}
	if (err == -EOPNOTSUPP) {
		WHY(why,
			"its journal may hold fast commits, which are not supported: run e2fsck -fy on the "
			"image");
		return err;
	}
	power = kcalloc(EXT4_BLOCK_SIZE / 4, sizeof(*power));
	if (err || !power) {
		kfree(power);
		WHY(why, "not enough memory");
		return -ENOMEM;
	}
	ext4_crc_init(fs, power);
	err = ext4_groups_load(fs, &what);
	if (err) {
		WHY(why, "%s: run e2fsck -fy on the image", what);
		return err;
	}
	fs->overhead = overhead(fs);
	return open_tree(fs, o->readonly, why);
}

/* Before anything of the file system but the place of the journal is believed. */
static int recover(struct ext4_super *sb, struct pmem_region *r, const struct ext4_options *o, char *why)
{
	const char *what;
	int err;

	if (o->nojournal) {
		if (ext4_log_is_empty(sb, r))
			return 0;
		WHY(why, "its journal needs recovery: mount it once without nojournal");
		return -EBUSY;
	}
	if (sb->s_magic == EXT4_SUPER_MAGIC && (sb->s_feature_compat & EXT4_COMPAT_HAS_JOURNAL) &&
		!sb->s_journal_inum) {
		WHY(why,
			"its journal is on another device (feature has_journal), which is not supported: "
			"remove it with "
			"tune2fs -O ^has_journal");
		return -EOPNOTSUPP;
	}
	err = ext4_recover(sb, r, &what);
	if (err == -ENOMEM)
		WHY(why, "not enough memory");
	else if (err)
		WHY(why, "%s (feature needs_recovery): run e2fsck -fy on the image", what);
	return err;
}

int ext4_mount(struct pmem_region *r, struct ext4_options o, struct super **out, char why[160])
{
	struct ext4_fs *fs;
	int err;

	if (r->len < 2 * EXT4_BLOCK_SIZE) {
		WHY(why, "the region is too small for a file system");
		return -EINVAL;
	}
	fs = kzalloc(sizeof(*fs));
	if (!fs) {
		WHY(why, "not enough memory");
		return -ENOMEM;
	}
	memcpy(&fs->sb, (const char *)r->virt + EXT4_SUPER_OFFSET, sizeof(fs->sb));
	ext4_errors_init(fs);
	err = recover(&fs->sb, r, &o, why);
	if (!err)
		err = check_super(&fs->sb, r, &o, why);
	if (err) {
		kfree(fs);
		return err;
	}
	fs->sb.s_feature_incompat &=
		~EXT4_INCOMPAT_RECOVER; /* done; on disk the mark stays until an unmount */
	err = load(fs, r, &o, why);
	if (err) {
		bool wrote = ext4_marked_mounted(fs);

		if (err == -ENOMEM)
			WHY(why, "not enough memory");
		close_tree(fs);
		if (wrote && atomic_load(&fs->damaged))
			ext4_errors_record(fs);
		else if (wrote) /* the orphans that are left wait for the next mount */
			ext4_mark_clean(fs);
		destroy(fs);
		return err;
	}
	fs->on_error = on_error_of(&fs->sb, &o);
	*out = &fs->super;
	return 0;
}
