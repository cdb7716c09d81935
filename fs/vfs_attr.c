/* SPDX-License-Identifier: MIT */
/*
 * Attributes of inodes: mode, owner, times; and what a file system says of itself.
 *
 * Rule: attributes change in memory under the inode lock and reach the disk as times do, at fsync, sync or eviction. A file system
 * that keeps none (no write_inode) refuses.
 */
#include "fs/vfs_priv.h"

/* Takes the inode lock if attributes of i may change. `kept`: what keeps them. */
static int change_begin(struct inode *i, u8 kept)
{
	if (atomic_load(&i->super->readonly))
		return -EROFS;
	if (!i->ops->write_inode)
		return -EPERM;
	mutex_lock(&i->lock);
	if (!inode_is(i, kept))
		return 0;
	mutex_unlock(&i->lock);
	return -EPERM;
}

static void change_end(struct inode *i)
{
	inode_touch(i, INODE_CTIME);
	mutex_unlock(&i->lock);
}

int vfs_chmod(struct inode *i, u32 mode)
{
	int err = change_begin(i, INODE_KEPT);

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
	int err = change_begin(i, INODE_KEPT);

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
	int err = change_begin(i, INODE_KEPT);

	if (err)
		return err;
	if (atime)
		i->atime = time_held(i->super, *atime);
	if (mtime)
		i->mtime = time_held(i->super, *mtime);
	change_end(i);
	return 0;
}

int vfs_touch(struct inode *i)
{
	int err = change_begin(i, INODE_IMMUTABLE);

	if (err)
		return err;
	i->atime = i->mtime = vfs_now();
	change_end(i);
	return 0;
}

bool attr_forbids_open(const struct inode *i, u32 flags)
{
	bool writing = (flags & O_ACCMODE_) != O_RDONLY_;

	if (flags & O_PATH_)
		return false;
	return (inode_is(i, INODE_KEPT) && (flags & O_TRUNC_)) || (inode_is(i, INODE_IMMUTABLE) && writing) ||
		(inode_is(i, INODE_APPEND_ONLY) && writing && !(flags & O_APPEND_));
}

int vfs_get_flags(struct inode *i, u32 *flags)
{
	if (!i->ops->get_flags)
		return -ENOTTY;
	mutex_lock(&i->lock);
	*flags = i->ops->get_flags(i);
	mutex_unlock(&i->lock);
	return 0;
}

int vfs_set_flags(struct inode *i, u32 flags)
{
	int err;

	if (!i->ops->set_flags)
		return -ENOTTY;
	err = change_begin(i, 0);
	if (err)
		return err;
	err = i->ops->set_flags(i, flags);
	mutex_unlock(&i->lock);
	return err;
}

void vfs_statfs(struct super *s, struct fs_stat *out)
{
	*out = (struct fs_stat){0};
	if (s->ops->statfs)
		s->ops->statfs(s, out);
}
