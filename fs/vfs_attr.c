/* SPDX-License-Identifier: MIT */
/*
 * Attributes of inodes: mode, owner, times; and what a file system says of itself.
 *
 * Rule: attributes change in memory under the inode lock and reach the disk as times do, at fsync, sync or eviction. A file system
 * that keeps none (no write_inode) refuses.
 */
#include "fs/vfs_priv.h"

/* Takes the inode lock if attributes of i may change. */
static int change_begin(struct inode *i)
{
	if (atomic_load(&i->super->readonly))
		return -EROFS;
	if (!i->ops->write_inode)
		return -EPERM;
	mutex_lock(&i->lock);
	return 0;
}

static void change_end(struct inode *i)
{
	inode_touch(i, INODE_CTIME);
	mutex_unlock(&i->lock);
}

int vfs_chmod(struct inode *i, u32 mode)
{
	int err = change_begin(i);

	if (err)
		return err;
	if (mode_is_lnk(i->mode)) {
		mutex_unlock(&i->lock);
		return -EOPNOTSUPP;
	}
	i->mode = (i->mode & S_IFMT_) | (mode & 07777);
	change_end(i);
	return 0;
}

#define S_ISUID_ 04000
#define S_ISGID_ 02000
#define S_IXGRP_ 00010

int vfs_chown(struct inode *i, u32 uid, u32 gid)
{
	int err = change_begin(i);

	if (err)
		return err;
	if (uid != ~0u)
		i->uid = uid;
	if (gid != ~0u)
		i->gid = gid;
	if (!mode_is_dir(i->mode)) {
		i->mode &= ~(u32)S_ISUID_;
		if (i->mode & S_IXGRP_)
			i->mode &= ~(u32)S_ISGID_;
	}
	change_end(i);
	return 0;
}

/* What cannot be held becomes the nearest time that can. */
static struct time_spec time_held(const struct super *s, struct time_spec t)
{
	if (s->time_max && (t.sec <= s->time_min || t.sec >= s->time_max))
		return (struct time_spec){.sec = t.sec < 0 ? s->time_min : s->time_max};
	return t;
}

int vfs_set_times(struct inode *i, const struct time_spec *atime, const struct time_spec *mtime)
{
	int err = change_begin(i);

	if (err)
		return err;
	if (atime)
		i->atime = time_held(i->super, *atime);
	if (mtime)
		i->mtime = time_held(i->super, *mtime);
	change_end(i);
	return 0;
}

void vfs_statfs(struct super *s, struct fs_stat *out)
{
	*out = (struct fs_stat){0};
	if (s->ops->statfs)
		s->ops->statfs(s, out);
}
