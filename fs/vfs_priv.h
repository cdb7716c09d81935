/* SPDX-License-Identifier: MIT */
/* Shared by the vfs_*.c files only. */
#ifndef FS_VFS_PRIV_H
#define FS_VFS_PRIV_H

#include "fs/state.h"
#include "fs/vfs.h"
#include "kernel/instance.h"

#define LINKS_MAX 40 /* symbolic links followed in one walk */

/* Mount that appears as `name` in directory dir; NULL: none. */
struct fs_mount *mount_at(struct inode *dir, const char *name, size_t len);
/* Mount of file system s; NULL: not mounted. */
struct fs_mount *mount_of(struct super *s);

/* The entry `name` of dir, mounts and ".." across them included. Takes no lock but dir's own: pass locked if the caller
 * holds it. Counted inode. -ENOENT, -ENOTDIR. */
int lookup_one(struct inode *dir, const char *name, size_t len, bool locked, struct inode **out);

/* The same for a name that stands in a locked directory itself, neither a mount nor one of the dots; *n is filled in. */
int lookup_entry(struct inode *dir, struct dir_name *n, struct inode **out);

/* Where a walk to the parent ended. */
struct walk_parent {
	struct inode *dir; /* counted */
	char name[NAME_MAX_LEN + 1];
	size_t len;    /* 0: the path names the root */
	bool trailing; /* a slash follows the last component: it must be a directory */
};
int walk_to_parent(struct inode *base, const char *path, struct walk_parent *w);

/* The lock of a directory for a look-up or listing. */
static inline void dir_lock(struct inode *dir)
{
	if (!dir->ops->fixed)
		mutex_lock(&dir->lock);
}
static inline void dir_unlock(struct inode *dir)
{
	if (!dir->ops->fixed)
		mutex_unlock(&dir->lock);
}

static inline bool name_is_dot(const char *n, size_t len)
{
	return len == 1 && n[0] == '.';
}
static inline bool name_is_dotdot(const char *n, size_t len)
{
	return len == 2 && n[0] == '.' && n[1] == '.';
}

/* Does chattr(1) keep an inode from being opened like that? What is immutable is not written to; what is append-only, at its end alone. */
bool attr_forbids_open(const struct inode *i, u32 flags);

/* Writes back times of cached inodes and dirty pages, then the super's own. */
int super_sync(struct super *s);
/* Inodes in the cache other than the root; names them in the log. */
unsigned super_busy(struct super *s);

#endif
