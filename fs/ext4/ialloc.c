/* SPDX-License-Identifier: MIT */
/*
 * Inode allocation: first fit from the directory's group on, deterministic.
 *
 * Rule: an inode is in use exactly when its bit is set; counts follow in the same handle. Of an inode table only the part before
 * itable_unused was ever written: first fit never leaves a gap there, and a new inode is written whole.
 *
 * Locks: alloc_lock, inside a handle.
 */
#include "fs/ext4/ext4_priv.h"
#include "fs/vfs_priv.h"

static u32 bitmap_bytes(const struct ext4_fs *fs)
{
	return fs->inodes_per_group / 8;
}

/* A bitmap block that was never written: no inode in use, and ones past the end. */
static int init_bitmap(struct journal_handle *h, struct ext4_fs *fs, u32 group, struct ext4_group_desc *d)
{
	u64 block = ext4_desc_inode_bitmap(d);
	void *map;
	int err = journal_get_create(h, block, &map);

	if (err)
		return err;
	memset((char *)map + bitmap_bytes(fs), 0xff, EXT4_BLOCK_SIZE - bitmap_bytes(fs));
	d->bg_flags &= (u16)~EXT4_BG_INODE_UNINIT;
	ext4_desc_set_inode_csum(d, ext4_bitmap_csum(fs, map, bitmap_bytes(fs)));
	journal_dirty(h, block);
	ext4_desc_write(h, fs, group, d);
	return 0;
}

/* The bitmap of a group, verified. d: its descriptor. h NULL: it must have been initialised. */
static int group_bitmap(
	struct journal_handle *h, struct ext4_fs *fs, u32 group, struct ext4_group_desc *d, const void **map)
{
	struct ext4_group *g = &fs->groups[group];

	*map = ext4_read(fs, ext4_desc_inode_bitmap(d));
	if (g->bad)
		return -EUCLEAN;
	if (d->bg_flags & EXT4_BG_INODE_UNINIT) {
		int err = h ? init_bitmap(h, fs, group, d) : -ENOENT;

		if (err)
			return err;
		g->inodes_checked = true;
		*map = ext4_read(fs, ext4_desc_inode_bitmap(d));
	}
	if (g->inodes_checked)
		return 0;
	if (!ext4_bitmap_csum_ok(fs, ext4_desc_inode_csum(d), *map, bitmap_bytes(fs))) {
		g->bad = true;
		return ext4_damage(fs, 0, "the inode bitmap of group %u has a wrong checksum", group);
	}
	g->inodes_checked = true;
	return 0;
}

static int change_bit(struct journal_handle *h, struct ext4_fs *fs, u32 group, u32 bit,
	struct ext4_group_desc *d, bool is_dir, bool used)
{
	u64 free = ext4_desc_free_inodes(d), dirs = ext4_desc_used_dirs(d),
	    unused = ext4_desc_itable_unused(d);
	u32 csum;

	if (used ? !free || !fs->free_inodes : free >= fs->inodes_per_group || (is_dir && !dirs)) {
		fs->groups[group].bad = true;
		return ext4_damage(fs, 0, "the inode counts of group %u do not fit its bitmap", group);
	}
	csum = ext4_bitmap_change(
		h, fs, ext4_desc_inode_bitmap(d), bitmap_bytes(fs), ext4_desc_inode_csum(d), bit, 1, used);
	ext4_desc_set_inode_csum(d, csum);
	ext4_desc_set_free_inodes(d, used ? free - 1 : free + 1);
	if (is_dir)
		ext4_desc_set_used_dirs(d, used ? dirs + 1 : dirs - 1);
	if (used && (fs->metadata_csum || fs->gdt_csum))
		ext4_desc_set_itable_unused(d, MIN(unused, (u64)(fs->inodes_per_group - bit - 1)));
	ext4_desc_write(h, fs, group, d);
	fs->free_inodes += used ? -1u : 1u;
	return 0;
}

/* Does the part of the inode table that was ever written hold a live inode in this place? */
static bool looks_alive(struct ext4_fs *fs, const struct ext4_group_desc *d, u32 bit)
{
	u64 at = ext4_desc_inode_table(d) * EXT4_BLOCK_SIZE + (u64)bit * fs->inode_size;
	const struct ext4_disk_inode *raw =
		(const void *)((const char *)ext4_read(fs, at / EXT4_BLOCK_SIZE) + at % EXT4_BLOCK_SIZE);

	return bit < fs->inodes_per_group - ext4_desc_itable_unused(d) && raw->i_mode && raw->i_links_count;
}

/* A free inode: its group, descriptor and number. alloc_lock held. */
static int find_free(
	struct journal_handle *h, struct ext4_fs *fs, u32 goal, struct ext4_group_desc *d, u32 *ino)
{
	for (u32 k = 0; k < fs->nr_groups; k++) {
		u32 group = (goal + k) % fs->nr_groups, bit;
		const void *map;
		int err;

		ext4_desc_get(fs, group, d);
		if (!ext4_desc_free_inodes(d) || fs->groups[group].bad)
			continue;
		err = group_bitmap(h, fs, group, d, &map);
		if (err)
			return err;
		bit = ext4_next_zero(map, fs->inodes_per_group, 0);
		*ino = group * fs->inodes_per_group + bit + 1;
		if (bit < fs->inodes_per_group && *ino >= fs->sb.s_first_ino && !looks_alive(fs, d, bit))
			return 0;
		fs->groups[group].bad = true;
		return ext4_damage(
			fs, 0, "the inode bitmap of group %u does not fit its counts or inodes", group);
	}
	return -ENOSPC;
}

/* A new inode as it stands on disk, without links yet. */
static void fill_raw(struct ext4_fs *fs, struct ext4_inode *ei, const struct ext4_inode *dir, u32 mode)
{
	struct ext4_disk_inode *raw = ei->raw;

	raw->i_mode = (u16)mode;
	raw->i_flags = dir->raw->i_flags & EXT4_INHERITED_FL;
	if (!mode_is_dir(mode))
		raw->i_flags &= ~EXT4_DIRSYNC_FL;
	raw->i_generation = ei->vfs.generation;
	if (fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE) {
		u16 want = fs->sb.s_want_extra_isize;

		raw->i_extra_isize =
			want >= 4 && want % 4 == 0 && EXT4_GOOD_OLD_INODE_SIZE + (u32)want <= fs->inode_size
			? want
			: sizeof(*raw) - EXT4_GOOD_OLD_INODE_SIZE;
	}
	if (ext4_has_incompat(fs, EXT4_INCOMPAT_EXTENTS) && (mode_is_dir(mode) || mode_is_reg(mode))) {
		raw->i_flags |= EXT4_EXTENTS_FL;
		ext4_init_root(ei);
	}
}

/* A new inode in memory, marked in use on disk. alloc_lock held. */
static int alloc_locked(
	struct journal_handle *h, struct ext4_fs *fs, u32 goal, bool is_dir, struct ext4_inode **out)
{
	struct ext4_group_desc d;
	u32 ino;
	int err = find_free(h, fs, goal, &d, &ino);

	if (err)
		return err;
	*out = ext4_inode_new_memory(fs, ino, &d);
	if (!*out)
		return -ENOMEM;
	err = change_bit(
		h, fs, (ino - 1) / fs->inodes_per_group, (ino - 1) % fs->inodes_per_group, &d, is_dir, true);
	if (err)
		ext4_inode_free_memory(*out);
	return err;
}

int ext4_alloc_inode(struct journal_handle *h, struct inode *dir, u32 mode, struct ext4_inode **out)
{
	struct ext4_fs *fs = ext4_fs(dir->super);
	struct ext4_inode *ei;
	struct inode *i;
	int err;

	mutex_lock(&fs->alloc_lock);
	err = alloc_locked(h, fs, (u32)((dir->ino - 1) / fs->inodes_per_group), mode_is_dir(mode), &ei);
	fs->next_generation++;
	mutex_unlock(&fs->alloc_lock);
	if (err)
		return err;
	i = &ei->vfs;
	i->generation = fs->next_generation;
	i->mode = mode;
	i->nlink = 1;
	i->atime = i->mtime = i->ctime = i->crtime = vfs_now();
	i->ops = ext4_ops_of(mode);
	ei->csum_seed = ext4_inode_seed(fs, (u32)i->ino, i->generation);
	fill_raw(fs, ei, ext4_inode(dir), mode);
	*out = ei;
	return 0;
}

int ext4_free_inode(struct journal_handle *h, struct ext4_inode *ei)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	u32 group = (u32)((ei->vfs.ino - 1) / fs->inodes_per_group),
	    bit = (u32)((ei->vfs.ino - 1) % fs->inodes_per_group);
	struct ext4_group_desc d;
	const void *map;
	int err;

	mutex_lock(&fs->alloc_lock);
	ext4_desc_get(fs, group, &d);
	err = group_bitmap(NULL, fs, group, &d, &map);
	if (!err && !ext4_bit(map, bit))
		err = ext4_damage(fs, ei->vfs.ino, "it is freed but was free");
	if (!err)
		err = change_bit(h, fs, group, bit, &d, mode_is_dir(ei->vfs.mode), false);
	mutex_unlock(&fs->alloc_lock);
	if (err)
		return err;
	ei->vfs.nlink = 0;
	inode_set_size(&ei->vfs, 0);
	rwsem_write_lock(&ei->map_lock);
	/* Never 0, nor so small that it could be an inode number of the orphan list, whatever the clock says. */
	ei->raw->i_dtime = MAX((u32)vfs_now().sec, fs->sb.s_mkfs_time | 1);
	rwsem_write_unlock(&ei->map_lock);
	ext4_store_inode(h, ei);
	return 0;
}

bool ext4_inode_in_use(struct ext4_fs *fs, u32 ino)
{
	u32 group = (ino - 1) / fs->inodes_per_group, bit = (ino - 1) % fs->inodes_per_group;
	struct ext4_group_desc d;
	const void *map;
	bool used;

	if (ino < fs->sb.s_first_ino || ino > fs->inodes_count)
		return false;
	mutex_lock(&fs->alloc_lock);
	ext4_desc_get(fs, group, &d);
	used = !group_bitmap(NULL, fs, group, &d, &map) && ext4_bit(map, bit);
	mutex_unlock(&fs->alloc_lock);
	return used;
}
