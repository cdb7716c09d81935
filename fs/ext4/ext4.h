/* SPDX-License-Identifier: MIT */
/* ext4 to the rest of the kernel: mount. Everything else is behind inode_ops and super_ops. */
#ifndef FS_EXT4_EXT4_H
#define FS_EXT4_EXT4_H

#include "drivers/pmem.h"
#include "fs/vfs.h"

/* Mounts the file system on `r`. why[]: one sentence for the user on failure ("needs journal recovery: run e2fsck -fy IMAGE").
 * -EINVAL: not ext4; -EOPNOTSUPP: a feature, named in why; -EUCLEAN: damaged; -ENOMEM. */
int ext4_mount(struct pmem_region *r, bool readonly, struct super **out, char why[160]);

#endif
