/* SPDX-License-Identifier: MIT */
/* ext4 to the rest of the kernel: mount. Everything else is behind inode_ops and super_ops. */
#ifndef FS_EXT4_EXT4_H
#define FS_EXT4_EXT4_H

#include "drivers/pmem.h"
#include "fs/vfs.h"

/* What follows when damage is found. Whoever finds it gets -EUCLEAN in any case. */
enum ext4_on_error {
	EXT4_ON_ERROR_DEFAULT,  /* what the superblock says */
	EXT4_ON_ERROR_CONTINUE, /* nothing but the record of it */
	EXT4_ON_ERROR_RO,       /* the file system becomes read-only */
	EXT4_ON_ERROR_PANIC,
};

struct ext4_options {
	bool readonly;
	bool nojournal; /* the journal, which must be empty, is not used */
	enum ext4_on_error on_error;
};

/* Mounts the file system on `r`. why[]: one sentence for the user on failure ("needs journal recovery: run e2fsck -fy IMAGE").
 * -EINVAL: not ext4; -EOPNOTSUPP: a feature, named in why; -EUCLEAN: damaged; -EBUSY: nojournal, and the journal is not empty; -ENOMEM. */
int ext4_mount(struct pmem_region *r, struct ext4_options o, struct super **out, char why[160]);

#endif
