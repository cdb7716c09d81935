/* SPDX-License-Identifier: MIT */
/* Memory that processes share without a file of any file system: nameless files of a tmpfs that is mounted nowhere. */
#ifndef KERNEL_PROC_SHM_H
#define KERNEL_PROC_SHM_H

#include "lib/types.h"

struct file;

/* -ENOMEM. */
int shm_init(void);
/* A new file of so many zero bytes, open for reading and writing; gone with its last reference. -ENOMEM. */
int shm_file(u64 size, const char *name, struct file **out);

#endif
