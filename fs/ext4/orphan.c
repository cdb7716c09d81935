/* SPDX-License-Identifier: MIT */
/*
 * Orphans: inodes that a crash would leave with something still to do: without a name but open, or in the middle of a truncate.
 *
 * Rule: an inode is recorded on disk before such a state begins and erased after it has ended. Where the file system has an orphan file, the record
 * is a number in one of its blocks; otherwise, or when that is full, the inode is chained: the superblock names the newest, and each
 * names the next in its deletion time. At mount every recorded inode without links is deleted, every other one truncated to its size.
 *
 * Locks: orphan_lock, inside a handle; then map_lock of an inode for its raw part.
 */
#include "fs/ext4/ext4_priv.h"

static u32 orphan_blocks(struct ext4_fs *fs)
{
	return (u32)(inode_size(&fs->orphan_file->vfs) >> EXT4_BLOCK_BITS);
}

static struct ext4_orphan_tail *tail_of(const void *block)
{
	return (struct ext4_orphan_tail *)((char *)block + EXT4_BLOCK_SIZE) - 1;
}

/* Block lblk of the orphan file; damage when its tail does not fit. */
static int orphan_block(struct ext4_fs *fs, u32 lblk, u64 *block, const u32 **data)
{
	int err = ext4_map_block(fs->orphan_file, lblk, block);

	if (err)
		return err;
	*data = ext4_read(fs, *block);
	if (tail_of(*data)->ob_magic != EXT4_ORPHAN_MAGIC ||
		(fs->metadata_csum &&
			tail_of(*data)->ob_checksum != ext4_orphan_csum(fs->orphan_file, *block, *data)))
		return ext4_damage(
			fs, fs->orphan_file->vfs.ino, "block %u of the orphan file is damaged", lblk);
	return 0;
}

/* Sets one slot of the orphan file. */
static int slot_set(struct journal_handle *h, struct ext4_fs *fs, u32 slot, u32 ino)
{
	const u32 *old;
	void *data;
	u64 block;
	int err = orphan_block(fs, slot / EXT4_ORPHANS_PER_BLOCK, &block, &old);

	if (!err)
		err = journal_get_write(h, block, &data);
	if (err)
		return err;
	((u32 *)data)[slot % EXT4_ORPHANS_PER_BLOCK] = ino;
	if (fs->metadata_csum)
		tail_of(data)->ob_checksum = ext4_orphan_csum(fs->orphan_file, block, data);
	journal_dirty(h, block);
	return 0;
}

/* A free slot of the orphan file for ei. -ENOSPC: full. */
static int slot_take(struct journal_handle *h, struct ext4_fs *fs, struct ext4_inode *ei)
{
	for (u32 lblk = 0; lblk < orphan_blocks(fs); lblk++) {
		const u32 *data;
		u64 block;
		int err = orphan_block(fs, lblk, &block, &data);

		if (err)
			return err;
		for (u32 k = 0; k < EXT4_ORPHANS_PER_BLOCK; k++) {
			if (data[k])
				continue;
			err = slot_set(h, fs, lblk * (u32)EXT4_ORPHANS_PER_BLOCK + k, (u32)ei->vfs.ino);
			if (!err)
				ei->orphan_slot = lblk * (u32)EXT4_ORPHANS_PER_BLOCK + k + 1;
			return err;
		}
	}
	return -ENOSPC;
}

/* The inode names `next` (0: none) as the one after it on the chain. */
static void set_next(struct ext4_inode *ei, u32 next)
{
	rwsem_write_lock(&ei->map_lock);
	ei->raw->i_dtime = next;
	rwsem_write_unlock(&ei->map_lock);
}

int ext4_orphan_add_handle(struct journal_handle *h, struct ext4_inode *ei)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	int err = -ENOSPC;

	mutex_lock(&fs->orphan_lock);
	if (ei->orphan_slot || list_linked(&ei->orphan_node)) {
		err = 0;
		goto out;
	}
	if (fs->orphan_file)
		err = slot_take(h, fs, ei);
	if (err == -ENOSPC) {
		set_next(ei, fs->sb.s_last_orphan);
		ext4_set_last_orphan(h, fs, (u32)ei->vfs.ino);
		list_push_front(&fs->orphans, &ei->orphan_node);
		err = 0;
	}
out:
	mutex_unlock(&fs->orphan_lock);
	return err;
}

void ext4_orphan_del_handle(struct journal_handle *h, struct ext4_inode *ei)
{
	struct ext4_fs *fs = ext4_fs_of(ei);

	mutex_lock(&fs->orphan_lock);
	if (ei->orphan_slot) {
		if (!slot_set(h, fs, ei->orphan_slot - 1, 0))
			ei->orphan_slot = 0;
	} else if (list_linked(&ei->orphan_node)) {
		struct list_node *newer = ei->orphan_node.prev;
		u32 next = ei->raw->i_dtime;

		if (newer == &fs->orphans.head) {
			ext4_set_last_orphan(h, fs, next);
		} else {
			struct ext4_inode *ni = LIST_ENTRY(newer, struct ext4_inode, orphan_node);

			rwsem_write_lock(&ni->map_lock);
			ni->raw->i_dtime = next;
			ext4_write_raw(h, ni);
			rwsem_write_unlock(&ni->map_lock);
		}
		list_remove(&ei->orphan_node);
		set_next(ei, 0);
	}
	mutex_unlock(&fs->orphan_lock);
}

/* Before a truncate. What remove_blocks() would refuse is refused here: the size goes down in between. */
int ext4_orphan_add(struct inode *i)
{
	struct journal_handle *h;
	int err, stop;

	if (!ext4_uses_extents(ext4_inode(i)))
		return -EOPNOTSUPP;
	err = ext4_begin(ext4_fs(i->super), 3, &h);
	if (err)
		return err;
	err = ext4_orphan_add_handle(h, ext4_inode(i));
	if (!err)
		ext4_store_inode(h, ext4_inode(i));
	stop = journal_stop(h);
	return err ? err : stop;
}

/* After a truncate. An inode without a name stays recorded until it is deleted. */
int ext4_orphan_del(struct inode *i)
{
	struct journal_handle *h;
	int err;

	if (!i->nlink)
		return 0;
	err = ext4_begin(ext4_fs(i->super), 4, &h);
	if (err)
		return err;
	ext4_orphan_del_handle(h, ext4_inode(i));
	ext4_store_inode(h, ext4_inode(i));
	return journal_stop(h);
}

/* The orphan file's inode is ours alone and not in the cache: at unmount nobody takes it for a file in use. */
int ext4_orphan_file_open(struct ext4_fs *fs)
{
	struct inode *i;
	int err;

	if (!ext4_has_compat(fs, EXT4_COMPAT_ORPHAN_FILE))
		return 0;
	err = ext4_read_inode(&fs->super, fs->sb.s_orphan_file_inum, &i);
	if (err)
		return err;
	if (!mode_is_reg(i->mode) || !ext4_uses_extents(ext4_inode(i)) ||
		inode_size(i) >> EXT4_BLOCK_BITS > 512) {
		iput(i);
		return ext4_damage(fs, fs->sb.s_orphan_file_inum, "this cannot be the orphan file");
	}
	fs->orphan_file = ext4_inode(i);
	return 0;
}

/* Finishes one recorded inode: iput deletes it if it has no links. -EOPNOTSUPP: its blocks are not ours to free. */
static int orphan_finish(struct ext4_fs *fs, u32 ino, u32 slot)
{
	struct ext4_inode *ei;
	struct inode *i;
	int err;

	if (!ext4_inode_in_use(fs, ino))
		return ext4_damage(fs, ino, "it is recorded as an orphan but not in use");
	err = iget(&fs->super, ino, &i);
	if (err)
		return err;
	ei = ext4_inode(i);
	if (ext4_is_block_mapped(ei)) {
		iput(i);
		return -EOPNOTSUPP;
	}
	ei->orphan_slot = slot;
	if (!slot)
		list_push_front(&fs->orphans, &ei->orphan_node);
	if (i->nlink && i->ops->remove_blocks)
		err = i->ops->remove_blocks(i, DIV_ROUND_UP(inode_size(i), PAGE_SIZE), ~0ull);
	if (i->nlink && !err)
		err = ext4_orphan_del(i);
	pr_info("ext4", "inode %u: orphan %s", ino, i->nlink ? "truncated" : "deleted");
	iput(i);
	return err;
}

static int chain_load(struct ext4_fs *fs)
{
	for (u32 n = 0; fs->sb.s_last_orphan; n++) {
		u32 ino = fs->sb.s_last_orphan;
		int err = n <= fs->inodes_count ? orphan_finish(fs, ino, 0) : -EUCLEAN;

		if (err)
			return err;
		if (fs->sb.s_last_orphan == ino)
			return ext4_damage(fs, ino, "it stays on the orphan list");
	}
	return 0;
}

int ext4_orphans_load(struct ext4_fs *fs)
{
	int err;

	fs->loading_orphans = true;
	err = chain_load(fs);
	for (u32 lblk = 0; fs->orphan_file && !err && lblk < orphan_blocks(fs); lblk++) {
		const u32 *data;
		u64 block;

		err = orphan_block(fs, lblk, &block, &data);
		for (u32 k = 0; !err && k < EXT4_ORPHANS_PER_BLOCK; k++)
			if (data[k])
				err = orphan_finish(fs, data[k], lblk * (u32)EXT4_ORPHANS_PER_BLOCK + k + 1);
	}
	fs->loading_orphans = false;
	return err;
}
