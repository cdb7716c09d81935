/* SPDX-License-Identifier: MIT */
/*
 * Pseudo file systems: a fixed tree of names whose files are file_ops. /dev (dev.c) and /proc (procfs.c) are made of it.
 * The k-th node of the table is inode k + 1; node 0 is the root.
 */
#ifndef KERNEL_PROC_PSEUDO_H
#define KERNEL_PROC_PSEUDO_H

#include "fs/vfs.h"

struct pseudo_node {
	const char *name;
	unsigned parent; /* index in the table */
	u32 mode;
	u64 rdev; /* devices: Linux's numbers, major << 8 | minor */
	const struct file_ops *fops;
};

/* Makes a file system of the table and mounts it. `s` and `nodes` stay in use. -ENOMEM, and vfs_mount's errors. */
int pseudo_mount(
	struct super *s, const char *type, const char *path, const struct pseudo_node *nodes, unsigned count);

int dev_mount(void);
int procfs_mount(void);

#endif
