/* SPDX-License-Identifier: MIT */
/* Extended-attribute blocks: kept as they are, and given back with their last inode. Several inodes may share one. */
#include "fs/ext4/ext4_priv.h"

int ext4_xattr_release(struct journal_handle *h, struct ext4_inode *ei)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct ext4_xattr_header *x;
	u64 block = ext4_file_acl(ei);
	void *p;
	int err;

	if (!block)
		return 0;
	err = journal_get_write(h, block, &p);
	if (err)
		return err;
	x = p;
	if (x->h_magic != EXT4_XATTR_MAGIC || !x->h_refcount ||
		(fs->metadata_csum && x->h_checksum != ext4_xattr_csum(fs, block, x))) {
		return ext4_damage(
			fs, ei->vfs.ino, "attribute block %llu is damaged", (unsigned long long)block);
	}
	if (x->h_refcount == 1) {
		err = ext4_free_blocks(h, fs, block, 1);
	} else {
		x->h_refcount--;
		if (fs->metadata_csum)
			x->h_checksum = ext4_xattr_csum(fs, block, x);
		journal_dirty(h, block);
	}
	if (err)
		return err;
	rwsem_write_lock(&ei->map_lock);
	ei->raw->i_file_acl_lo = 0;
	ei->raw->i_file_acl_high = 0;
	ext4_add_blocks(ei, -1);
	rwsem_write_unlock(&ei->map_lock);
	return 0;
}
