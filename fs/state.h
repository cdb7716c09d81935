/* SPDX-License-Identifier: MIT */
/*
 * The mutable state of fs: mounts, the DAX settings, the clock of time stamps. Hangs from the_instance.fs; the machine allocates it (statically in the
 * kernel, in the arena of the hosted build) and calls fs_state_init() before anything else of fs runs.
 */
#ifndef FS_STATE_H
#define FS_STATE_H

#include "fs/dax.h"

#define FS_MAX_MOUNTS 8
#define FS_MOUNT_NAME 32

/* A mounted file system. Written before nr_mounts counts it, constant until everything is unmounted: path walks take no lock. */
struct fs_mount {
	struct super *super;
	struct inode *parent;     /* counted; directory that the mount appears in; NULL: the root */
	char name[FS_MOUNT_NAME]; /* its name there */
	size_t len;
};

/* Advisory locks of all files (fs/file_lock.c). */
struct fs_file_locks {
	struct mutex lock;   /* RANK_FILE_LOCKS */
	struct list waiters; /* processes that sleep for record locks */
};

struct fs_state {
	struct dax_config dax;
	struct dax_stats dax_stats;
	_Atomic(struct page *) zero_page, zero_huge_page; /* dax_zero=global: made at the first hole fault */
	struct fs_mount mounts[FS_MAX_MOUNTS];
	_Atomic(u32) nr_mounts;
	struct fs_file_locks file_locks;
	/* What FIFOs of any file system do, and the device of a type and number; NULL: they cannot be opened */
	const struct file_ops *fifo_ops;
	const struct file_ops *(*device_ops)(u32 mode, u64 rdev);
	_Atomic(i64) wall_offset; /* wall clock minus time_ns() */
};

void fs_state_init(struct fs_state *s);

#endif
