/* SPDX-License-Identifier: MIT */
/* Shared by the tmpfs*.c files only. */
#ifndef FS_TMPFS_PRIV_H
#define FS_TMPFS_PRIV_H

#include "fs/vfs_priv.h"
#include "kernel/sync/rwsem.h"

#define TMPFS_MAX_PAGES (1ull << 27) /* of a file: three levels of tables */

struct tmpfs_fs {
	struct super super;
	_Atomic(u64) next_ino;
	_Atomic(u64) inodes; /* and second names of them, as on Linux */
	_Atomic(u64) pages;  /* of data, and tables of them */
	u64 max_pages;
};

struct tmpfs_inode {
	struct inode vfs; /* first */
	struct rwsem lock;
	void **table;         /* lock: three levels; the last one's slots are struct page */
	struct list entries;  /* inode lock; directories */
	struct inode *parent; /* directories; constant but for rename, under both inode locks. Not counted */
	u64 next_pos;         /* inode lock */
	char *target;         /* symbolic links */
};

static inline struct tmpfs_inode *tmpfs_inode(struct inode *i)
{
	return CONTAINER_OF(i, struct tmpfs_inode, vfs);
}

static inline struct tmpfs_fs *tmpfs_fs(struct super *s)
{
	return CONTAINER_OF(s, struct tmpfs_fs, super);
}

/* A new inode has no pages yet. */
void tmpfs_pages_init(struct tmpfs_inode *ti);
/* The operations of regular files: vfs.h. */
int tmpfs_map_extent(struct inode *i, u64 pgoff, u64 nr, enum map_intent intent, struct extent *out);
int tmpfs_remove_blocks(struct inode *i, u64 first, u64 last);

#endif
