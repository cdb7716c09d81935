/* SPDX-License-Identifier: MIT */
/*
 * Inodes: from disk to memory and back, and their end. Clients: the VFS through super_ops and inode_ops, the other files here.
 *
 * Rule: ei->raw is the inode as it stands on disk, kept whole (unknown fields and in-inode attributes survive); struct inode holds what the VFS
 * changes. ext4_store_inode() moves the one into the other; changes of the block map write raw alone. An inode that is read
 * was checked: number, checksum, type, link count, extent root.
 *
 * Locks: map_lock exclusively for every change of raw.
 */
#include "fs/ext4/ext4_priv.h"
#include "mm/kmem.h"

static const struct lock_class map_class = {"ext4 map", RANK_FS_META, true};

struct ext4_inode *ext4_inode_new_memory(struct ext4_fs *fs, u64 ino, const struct ext4_group_desc *d)
{
	struct ext4_inode *ei =
		kzalloc(sizeof(*ei) + MAX(fs->inode_size, (u32)sizeof(struct ext4_disk_inode)));
	u32 index = (u32)((ino - 1) % fs->inodes_per_group);

	if (!ei)
		return NULL;
	inode_init(&ei->vfs, &fs->super, ino);
	ei->itable_block = ext4_desc_inode_table(d) + (u64)index * fs->inode_size / EXT4_BLOCK_SIZE;
	ei->itable_offset = index * fs->inode_size % EXT4_BLOCK_SIZE;
	list_node_init(&ei->orphan_node);
	rwsem_init(&ei->map_lock, &map_class);
	return ei;
}

void ext4_inode_free_memory(struct ext4_inode *ei)
{
	kfree(atomic_load(&ei->verified));
	kfree(ei);
}

/* --- times: 32-bit seconds, and where there is room 2 more bits and nanoseconds --- */

static bool has_extra(const struct ext4_inode *ei, u32 end)
{
	return ext4_fs_of(ei)->inode_size > EXT4_GOOD_OLD_INODE_SIZE &&
		EXT4_GOOD_OLD_INODE_SIZE + (u32)ei->raw->i_extra_isize >= end;
}
#define HAS_EXTRA(ei, field) \
	has_extra(ei,        \
		(u32)offsetof(struct ext4_disk_inode, field) + sizeof(((struct ext4_disk_inode *)0)->field))

static struct time_spec time_load(u32 sec, u32 extra)
{
	return (struct time_spec){(i64)(i32)sec + ((i64)(extra & 3) << 32), MIN(extra >> 2, 999999999u)};
}

static u32 time_extra(struct time_spec t)
{
	return t.nsec << 2 | (u32)((t.sec - (i32)t.sec) >> 32 & 3);
}

static void times_load(struct ext4_inode *ei)
{
	const struct ext4_disk_inode *raw = ei->raw;
	struct inode *i = &ei->vfs;

	i->atime = time_load(raw->i_atime, HAS_EXTRA(ei, i_atime_extra) ? raw->i_atime_extra : 0);
	i->mtime = time_load(raw->i_mtime, HAS_EXTRA(ei, i_mtime_extra) ? raw->i_mtime_extra : 0);
	i->ctime = time_load(raw->i_ctime, HAS_EXTRA(ei, i_ctime_extra) ? raw->i_ctime_extra : 0);
	if (HAS_EXTRA(ei, i_crtime_extra))
		i->crtime = time_load(raw->i_crtime, raw->i_crtime_extra);
}

static void times_store(struct ext4_inode *ei)
{
	struct ext4_disk_inode *raw = ei->raw;
	const struct inode *i = &ei->vfs;

	raw->i_atime = (u32)i->atime.sec;
	raw->i_mtime = (u32)i->mtime.sec;
	raw->i_ctime = (u32)i->ctime.sec;
	if (HAS_EXTRA(ei, i_atime_extra))
		raw->i_atime_extra = time_extra(i->atime);
	if (HAS_EXTRA(ei, i_mtime_extra))
		raw->i_mtime_extra = time_extra(i->mtime);
	if (HAS_EXTRA(ei, i_ctime_extra))
		raw->i_ctime_extra = time_extra(i->ctime);
	if (HAS_EXTRA(ei, i_crtime_extra)) {
		raw->i_crtime = (u32)i->crtime.sec;
		raw->i_crtime_extra = time_extra(i->crtime);
	}
}

/* --- block counts: 512-byte sectors, or blocks where the flag says so --- */

static u64 blocks_load(const struct ext4_inode *ei)
{
	const struct ext4_disk_inode *raw = ei->raw;
	u64 n = raw->i_blocks_lo;

	if (ext4_has_ro(ext4_fs_of(ei), EXT4_RO_HUGE_FILE)) {
		n |= (u64)raw->i_blocks_high << 32;
		if (raw->i_flags & EXT4_HUGE_FILE_FL)
			n *= EXT4_BLOCK_SIZE / 512;
	}
	return n;
}

void ext4_add_blocks(struct ext4_inode *ei, i64 n)
{
	u64 sectors = atomic_load(&ei->vfs.blocks) + (u64)(n * (i64)(EXT4_BLOCK_SIZE / 512));
	struct ext4_disk_inode *raw = ei->raw;
	u32 flags = raw->i_flags & ~EXT4_HUGE_FILE_FL;

	atomic_store(&ei->vfs.blocks, sectors);
	if (sectors >> 48) {
		flags |= EXT4_HUGE_FILE_FL;
		sectors /= EXT4_BLOCK_SIZE / 512;
	}
	/* Look-ups read other flags without a lock, so the word is left alone where it stays the same. */
	if (raw->i_flags != flags)
		raw->i_flags = flags;
	raw->i_blocks_lo = (u32)sectors;
	raw->i_blocks_high = (u16)(sectors >> 32);
}

u64 ext4_file_acl(const struct ext4_inode *ei)
{
	return ei->raw->i_file_acl_lo | (u64)ei->raw->i_file_acl_high << 32;
}

bool ext4_uses_extents(const struct ext4_inode *ei)
{
	return ei->raw->i_flags & EXT4_EXTENTS_FL;
}

/* --- blocks whose checksum was verified --- */

bool ext4_verified(struct ext4_inode *ei, u64 block)
{
	struct ext4_verified *v = atomic_load_explicit(&ei->verified, memory_order_acquire);

	return v &&
		atomic_load_explicit(&v->slot[block % EXT4_VERIFIED_SLOTS], memory_order_relaxed) == block;
}

void ext4_set_verified(struct ext4_inode *ei, u64 block)
{
	struct ext4_verified *v = atomic_load_explicit(&ei->verified, memory_order_acquire), *expected = NULL;

	if (!v) {
		v = kzalloc(sizeof(*v));
		if (!v)
			return; /* verified again next time */
		if (!atomic_compare_exchange_strong(&ei->verified, &expected, v)) {
			kfree(v);
			v = expected;
		}
	}
	atomic_store_explicit(&v->slot[block % EXT4_VERIFIED_SLOTS], block, memory_order_relaxed);
}

void ext4_clear_verified(struct ext4_inode *ei, u64 block)
{
	struct ext4_verified *v = atomic_load(&ei->verified);

	if (v && atomic_load(&v->slot[block % EXT4_VERIFIED_SLOTS]) == block)
		atomic_store(&v->slot[block % EXT4_VERIFIED_SLOTS], 0);
}

/* --- reading --- */

const struct inode_ops *ext4_ops_of(u32 mode)
{
	switch (mode & S_IFMT_) {
	case S_IFREG_:
		return &ext4_file_ops;
	case S_IFDIR_:
		return &ext4_dir_ops;
	case S_IFLNK_:
		return &ext4_symlink_ops;
	case S_IFCHR_:
	case S_IFBLK_:
	case S_IFIFO_:
	case S_IFSOCK_:
		return &ext4_special_ops;
	default:
		return NULL;
	}
}

bool ext4_is_block_mapped(const struct ext4_inode *ei)
{
	u32 acl = ext4_file_acl(ei) ? EXT4_BLOCK_SIZE / 512 : 0;

	return !ext4_uses_extents(ei) && blocks_load(ei) > acl;
}

static bool fast_symlink(const struct ext4_inode *ei)
{
	return (ei->raw->i_mode & S_IFMT_) == S_IFLNK_ && !ext4_uses_extents(ei) && !ext4_is_block_mapped(ei);
}

/* What is wrong with an inode as read from disk; NULL: nothing. */
static const char *check_raw(struct ext4_inode *ei)
{
	const struct ext4_fs *fs = ext4_fs_of(ei);
	const struct ext4_disk_inode *raw = ei->raw;
	u64 size = raw->i_size_lo | (u64)raw->i_size_high << 32;

	if (fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE &&
		(raw->i_extra_isize % 4 ||
			EXT4_GOOD_OLD_INODE_SIZE + (u32)raw->i_extra_isize > fs->inode_size))
		return "its extra size is wrong";
	if (!ext4_inode_csum_ok(ei))
		return "its checksum is wrong";
	if (!ext4_ops_of(raw->i_mode))
		return "its type is unknown";
	if (!raw->i_links_count && !fs->loading_orphans)
		return "it is not in use";
	if (raw->i_flags & (EXT4_INLINE_DATA_FL | EXT4_EA_INODE_FL))
		return "its flags need a feature that is not there";
	if (ext4_file_acl(ei) && !ext4_data_blocks_ok(fs, ext4_file_acl(ei), 1))
		return "its attribute block lies outside";
	if (mode_is_reg(raw->i_mode) ? size > fs->super.max_size : size > 0xffffffffull)
		return "it is too large";
	if (fast_symlink(ei) && size >= sizeof(raw->i_block))
		return "its link is too long";
	if (ext4_uses_extents(ei) && !ext4_root_ok(ei))
		return "its extent tree's root is damaged";
	return NULL;
}

/* 16 bits in the old place, or 32 in the new one. */
static u32 rdev_load(const struct ext4_disk_inode *raw)
{
	u32 type = raw->i_mode & S_IFMT_;

	if (type != S_IFCHR_ && type != S_IFBLK_)
		return 0;
	return raw->i_block[0] ? (u16)raw->i_block[0] : raw->i_block[1];
}

/* The flags that the VFS is to obey. */
static void kept_load(struct ext4_inode *ei)
{
	u32 flags = ei->raw->i_flags;

	atomic_store_explicit(&ei->vfs.kept,
		(flags & EXT4_IMMUTABLE_FL ? INODE_IMMUTABLE : 0) |
			(flags & EXT4_APPEND_FL ? INODE_APPEND_ONLY : 0),
		memory_order_relaxed);
}

static void fields_load(struct ext4_inode *ei)
{
	const struct ext4_disk_inode *raw = ei->raw;
	struct inode *i = &ei->vfs;

	i->ops = ext4_ops_of(raw->i_mode);
	i->generation = raw->i_generation;
	i->mode = raw->i_mode;
	i->nlink = raw->i_links_count;
	i->uid = raw->i_uid_lo | (u32)raw->i_uid_high << 16;
	i->gid = raw->i_gid_lo | (u32)raw->i_gid_high << 16;
	i->rdev = rdev_load(raw);
	atomic_store(&i->size_, raw->i_size_lo | (u64)raw->i_size_high << 32);
	atomic_store(&ei->stored_size, inode_size(i));
	atomic_store(&i->blocks, blocks_load(ei));
	kept_load(ei);
	times_load(ei);
}

int ext4_read_inode(struct super *s, u64 ino, struct inode **out)
{
	struct ext4_fs *fs = ext4_fs(s);
	struct ext4_group_desc d;
	struct journal_reader r;
	struct ext4_inode *ei;
	const char *what;
	u32 sequence;

	if (ino == 0 || ino > fs->inodes_count)
		return ext4_damage(fs, 0, "inode %llu does not exist", (unsigned long long)ino);
	journal_read_begin(fs->journal, &r);
	ext4_desc_get(fs, (u32)((ino - 1) / fs->inodes_per_group), &d);
	journal_read_end(&r);
	if ((d.bg_flags & EXT4_BG_INODE_UNINIT) && ino >= fs->sb.s_first_ino)
		return ext4_damage(fs, ino, "it lies in a part of the inode table that is not in use");
	ei = ext4_inode_new_memory(fs, ino, &d);
	if (!ei)
		return -ENOMEM;
	journal_read_begin(fs->journal, &r);
	memcpy(ei->raw, (const char *)ext4_read(fs, ei->itable_block) + ei->itable_offset, fs->inode_size);
	if (journal_is_uncommitted(fs->journal, ei->itable_block, &sequence)) {
		/* Perhaps another inode of the block; then an fsync commits without need. */
		atomic_store_explicit(&ei->changed_in, sequence, memory_order_relaxed);
		atomic_store_explicit(&ei->changed, true, memory_order_relaxed);
	}
	journal_read_end(&r);
	ei->csum_seed = ext4_inode_seed(fs, (u32)ino, ei->raw->i_generation);
	what = check_raw(ei);
	if (what) {
		ext4_inode_free_memory(ei);
		return ext4_damage(fs, ino, "%s", what);
	}
	fields_load(ei);
	*out = &ei->vfs;
	return 0;
}

/* --- writing --- */

void ext4_note_change(struct journal_handle *h, struct ext4_inode *ei)
{
	SHARED_WRITE(&ei->changed_in);
	atomic_store_explicit(&ei->changed_in, journal_sequence(h), memory_order_relaxed);
	SHARED_WRITE(&ei->changed);
	atomic_store_explicit(&ei->changed, true, memory_order_release);
}

void ext4_write_raw(struct journal_handle *h, struct ext4_inode *ei)
{
	struct ext4_fs *fs = ext4_fs_of(ei);

	ext4_note_change(h, ei);
	ext4_inode_csum_set(ei);
	journal_update(h, ei->itable_block, ei->itable_offset, ei->raw, fs->inode_size);
}

static void size_store(struct ext4_inode *ei, u64 size)
{
	ei->raw->i_size_lo = (u32)size;
	ei->raw->i_size_high = (u32)(size >> 32);
	SHARED_WRITE(&ei->stored_size);
	atomic_store_explicit(&ei->stored_size, size, memory_order_relaxed);
}

void ext4_cover(struct ext4_inode *ei, u64 end)
{
	const struct ext4_disk_inode *raw = ei->raw;

	end = MIN(end, atomic_load(&ei->vfs.write_end));
	if (end > (raw->i_size_lo | (u64)raw->i_size_high << 32))
		size_store(ei, end);
}

void ext4_store_inode(struct journal_handle *h, struct ext4_inode *ei)
{
	struct ext4_disk_inode *raw = ei->raw;
	struct inode *i = &ei->vfs;
	u64 size = MAX(inode_size(i), atomic_load(&i->write_end));

	rwsem_write_lock(&ei->map_lock);
	raw->i_mode = (u16)i->mode;
	raw->i_links_count = (u16)i->nlink;
	raw->i_uid_lo = (u16)i->uid;
	raw->i_uid_high = (u16)(i->uid >> 16);
	raw->i_gid_lo = (u16)i->gid;
	raw->i_gid_high = (u16)(i->gid >> 16);
	size_store(ei, size);
	times_store(ei);
	atomic_store(&i->dirty, false);
	ext4_write_raw(h, ei);
	rwsem_write_unlock(&ei->map_lock);
}

int ext4_write_inode(struct inode *i)
{
	struct journal_handle *h;
	int err = ext4_begin(ext4_fs(i->super), 1, &h);

	if (err)
		return err;
	ext4_store_inode(h, ext4_inode(i));
	return journal_stop(h);
}

static u32 get_flags(struct inode *i)
{
	return ext4_inode(i)->raw->i_flags & EXT4_VISIBLE_FL;
}

static int set_flags(struct inode *i, u32 flags)
{
	struct ext4_inode *ei = ext4_inode(i);
	struct journal_handle *h;
	int err;

	if ((flags ^ get_flags(i)) & ~EXT4_CHANGEABLE_FL)
		return -EOPNOTSUPP;
	err = ext4_begin(ext4_fs_of(ei), 1, &h);
	if (err)
		return err;
	rwsem_write_lock(&ei->map_lock);
	ei->raw->i_flags = (ei->raw->i_flags & ~EXT4_CHANGEABLE_FL) | (flags & EXT4_CHANGEABLE_FL);
	rwsem_write_unlock(&ei->map_lock);
	kept_load(ei);
	inode_touch(i, INODE_CTIME);
	ext4_store_inode(h, ei);
	return journal_stop(h);
}

/* The map of a page is in the inode or below it, and the inode changes with it. */
int ext4_commit_map(struct inode *i, u64 pgoff UNUSED, u64 nr UNUSED)
{
	return ext4_sync_inode(i, true);
}

/* write(2) into blocks that are there leaves the size that it has made to whoever wants it durable. Of a write that is under way the size takes in what
 * ext4_cover() has said, no more; write_end is read first, for it goes after the size has come. */
static int store_size(struct ext4_inode *ei)
{
	struct journal_handle *h;
	u64 covered;
	int err;

	SHARED_READ(&ei->stored_size);
	if (likely(atomic_load_explicit(&ei->stored_size, memory_order_relaxed) == inode_size(&ei->vfs)))
		return 0;
	err = ext4_begin(ext4_fs_of(ei), 1, &h);
	if (err)
		return err;
	rwsem_write_lock(&ei->map_lock);
	covered = MIN(atomic_load(&ei->vfs.write_end), atomic_load(&ei->stored_size));
	size_store(ei, MAX(covered, inode_size(&ei->vfs)));
	ext4_write_raw(h, ei);
	rwsem_write_unlock(&ei->map_lock);
	return journal_stop(h);
}

int ext4_sync_inode(struct inode *i, bool datasync UNUSED)
{
	struct ext4_inode *ei = ext4_inode(i);
	struct journal *j = ext4_fs(i->super)->journal;
	int err = mode_is_reg(i->mode) ? store_size(ei) : 0;

	if (err)
		return err;
	SHARED_READ(&ei->changed);
	if (!atomic_load_explicit(&ei->changed, memory_order_acquire))
		return journal_drain(j);
	SHARED_READ(&ei->changed_in);
	return journal_commit_until(j, atomic_load_explicit(&ei->changed_in, memory_order_relaxed));
}

/* --- the end --- */

/* Nobody can reach the inode any more and it has no name: its blocks and itself become free. */
static int delete_inode(struct ext4_inode *ei)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct journal_handle *h;
	int err = 0, stop;

	if (ext4_is_block_mapped(ei))
		return -EOPNOTSUPP;
	if (ext4_uses_extents(ei) && ext4_root(ei)->eh_entries)
		err = ext4_remove_blocks(&ei->vfs, 0, ~0ull);
	if (!err)
		err = ext4_begin(fs, 12, &h);
	if (err)
		return err;
	err = ext4_xattr_release(h, ei);
	ext4_orphan_del_handle(h, ei);
	if (!err)
		err = ext4_free_inode(h, ei);
	stop = journal_stop(h);
	return err ? err : stop;
}

void ext4_evict(struct inode *i)
{
	struct ext4_inode *ei = ext4_inode(i);
	int err = i->nlink || atomic_load(&i->super->readonly) ? 0 : delete_inode(ei);

	if (err)
		pr_warn("ext4", "inode %llu stays on the orphan list: error %d", (unsigned long long)i->ino,
			err);
	if (list_linked(&ei->orphan_node)) { /* chained on disk still; e2fsck or the next mount frees it */
		mutex_lock(&ext4_fs_of(ei)->orphan_lock);
		list_remove(&ei->orphan_node);
		mutex_unlock(&ext4_fs_of(ei)->orphan_lock);
	}
	ext4_inode_free_memory(ei);
}

ssize_t ext4_readlink(struct inode *i, char *buf, size_t size)
{
	struct ext4_inode *ei = ext4_inode(i);
	size_t n = MIN(size, inode_size(i));
	struct journal *j = ext4_fs_of(ei)->journal;
	struct journal_reader r;
	u64 block;
	int err;

	if (fast_symlink(ei)) {
		memcpy(buf, ei->raw->i_block, n);
		return (ssize_t)n;
	}
	err = ext4_map_block(ei, 0, &block);
	if (err)
		return err;
	n = MIN(n, (size_t)EXT4_BLOCK_SIZE);
	journal_read_begin(j, &r);
	memcpy(buf, journal_read(j, block), n);
	journal_read_end(&r);
	return (ssize_t)n;
}

const struct inode_ops ext4_file_ops = {
	.map_extent = ext4_map_extent,
	.remove_blocks = ext4_remove_blocks,
	.make_unwritten = ext4_make_unwritten,
	.shift_blocks = ext4_shift_blocks,
	.orphan_add = ext4_orphan_add,
	.orphan_del = ext4_orphan_del,
	.write_inode = ext4_write_inode,
	.sync_inode = ext4_sync_inode,
	.get_flags = get_flags,
	.set_flags = set_flags,
	.getxattr = ext4_getxattr,
	.listxattr = ext4_listxattr,
	.setxattr = ext4_setxattr,
	.commit_map = ext4_commit_map,
};

const struct inode_ops ext4_dir_ops = {
	.write_inode = ext4_write_inode,
	.sync_inode = ext4_sync_inode,
	.getxattr = ext4_getxattr,
	.listxattr = ext4_listxattr,
	.setxattr = ext4_setxattr,
	.get_flags = get_flags,
	.set_flags = set_flags,
	.lookup = ext4_lookup,
	.create = ext4_create,
	.symlink = ext4_symlink,
	.link = ext4_link,
	.unlink = ext4_unlink,
	.rmdir = ext4_rmdir,
	.rename = ext4_rename,
	.exchange = ext4_exchange,
	.readdir = ext4_readdir,
};

const struct inode_ops ext4_symlink_ops = {
	.write_inode = ext4_write_inode,
	.sync_inode = ext4_sync_inode,
	.getxattr = ext4_getxattr,
	.listxattr = ext4_listxattr,
	.setxattr = ext4_setxattr,
	.readlink = ext4_readlink,
};

const struct inode_ops ext4_special_ops = {
	.write_inode = ext4_write_inode,
	.sync_inode = ext4_sync_inode,
	.getxattr = ext4_getxattr,
	.listxattr = ext4_listxattr,
	.setxattr = ext4_setxattr,
};
