/* SPDX-License-Identifier: MIT */
/* From firmware tables to a mounted root: persistent memory, and the file system on it. Boot thread only. */
#ifndef KERNEL_STORAGE_H
#define KERNEL_STORAGE_H

/* Registers every usable range that the NFIT lists, or the RAM-backed region that ram_pmem= asks for, and
 * says what there is. */
void storage_find_pmem(void);
/* Mounts the first region that has a file system at "/". 0, or a negative errno after saying why not. May
 * sleep. */
int storage_mount_root(void);

#endif
