/* SPDX-License-Identifier: MIT */
/* tmpfs: files in RAM, and memory that processes share. Rules: tmpfs.c. */
#ifndef FS_TMPFS_H
#define FS_TMPFS_H

#include "lib/types.h"

struct inode;
struct super;

/* A file system of at most max_pages pages of data and of tables for it, and as many inodes; vfs_mount() mounts it, unmounting frees it with what is in it. -ENOMEM. */
int tmpfs_create(u64 max_pages, struct super **out);
/* A regular file without a name, one reference, gone with it: shared anonymous memory. -ENOMEM. */
int tmpfs_new_file(struct super *s, u64 size, struct inode **out);

#endif
