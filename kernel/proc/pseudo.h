/* SPDX-License-Identifier: MIT */
/*
 * Pseudo file systems: a fixed tree of names. /dev (dev.c) and /proc (procfs.c) are made of it.
 *
 * A node is a directory, a file of file_ops, a text that is made when it is opened, or a link. A directory may have children by number
 * beside those in the table (processes, descriptors): they look like the node `template`, and everything below one of them carries the numbers
 * on the way to it as its instance. The k-th node of the table, in instance x, is inode x << 16 | (k + 1); node 0 is the root.
 */
#ifndef KERNEL_PROC_PSEUDO_H
#define KERNEL_PROC_PSEUDO_H

#include "fs/vfs.h"
#include "kernel/proc/text.h"

/* Children by number. Called without locks. */
struct pseudo_numbered {
	unsigned template; /* index of the node that they look like; its name is not used */
	unsigned shift;    /* where the number goes in the instance */
	/* The first number >= from that is there, or -1. */
	i64 (*next)(u64 instance, u64 from);
};

struct pseudo_node {
	const char *name;
	unsigned parent; /* index in the table */
	u32 mode;
	u64 rdev; /* devices: Linux's numbers, major << 8 | minor */
	const struct file_ops *fops;
	/* Texts: what the file holds. -ESRCH: its process is gone. */
	int (*show)(struct text *t, u64 instance);
	/* Links: the text; and, unless the text is the way, the inode that is meant, counted, and its place, as inode_ops have it. */
	ssize_t (*readlink)(u64 instance, char *buf, size_t size);
	int (*follow)(u64 instance, struct inode **out, struct file_place *where);
	const struct pseudo_numbered *numbered; /* directories */
};

/* Makes a file system of the table and mounts it. `s` and `nodes` stay in use. -ENOMEM, and vfs_mount's errors. */
int pseudo_mount(
	struct super *s, const char *type, const char *path, const struct pseudo_node *nodes, unsigned count);

int dev_mount(void);
extern const struct file_ops zero_fops; /* /dev/zero; mmap knows it */
int procfs_mount(void);

#endif
