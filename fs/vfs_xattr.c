/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes: what holds for every file system. Which prefixes there are is the file system's affair.
 *
 * Rule, as on Linux: attributes "user." are for regular files and directories; on others they are absent and cannot be set.
 */
#include "fs/vfs_priv.h"

static bool refused_here(const struct inode *i, const char *name)
{
	return !strncmp(name, "user.", 5) && !mode_is_reg(i->mode) && !mode_is_dir(i->mode);
}

ssize_t vfs_getxattr(struct inode *i, const char *name, void *buf, size_t size)
{
	ssize_t n;

	if (refused_here(i, name))
		return -ENODATA;
	if (!i->ops->getxattr)
		return -EOPNOTSUPP;
	mutex_lock(&i->lock);
	n = i->ops->getxattr(i, name, buf, size);
	mutex_unlock(&i->lock);
	return n;
}

ssize_t vfs_listxattr(struct inode *i, char *buf, size_t size)
{
	ssize_t n;

	if (!i->ops->listxattr)
		return 0;
	mutex_lock(&i->lock);
	n = i->ops->listxattr(i, buf, size);
	mutex_unlock(&i->lock);
	return n;
}

static int change(struct inode *i, const char *name, const void *value, size_t size, u32 flags)
{
	int err;

	if (atomic_load(&i->super->readonly))
		return -EROFS;
	if (refused_here(i, name))
		return -EPERM;
	if (!i->ops->setxattr)
		return -EOPNOTSUPP;
	mutex_lock(&i->lock);
	err = inode_is(i, INODE_KEPT) ? -EPERM : i->ops->setxattr(i, name, value, size, flags);
	mutex_unlock(&i->lock);
	return err;
}

int vfs_setxattr(struct inode *i, const char *name, const void *value, size_t size, u32 flags)
{
	return change(i, name, size ? value : "", size, flags);
}

int vfs_removexattr(struct inode *i, const char *name)
{
	return change(i, name, NULL, 0, 0);
}
