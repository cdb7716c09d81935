/* SPDX-License-Identifier: MIT */
/* /proc/faultline/lock: the DAX locking scheme in force, what it takes, and what it did so far (fs/dax.h, struct dax_stats). */
#ifndef KERNEL_PROC_LOCK_FILE_H
#define KERNEL_PROC_LOCK_FILE_H

struct file_ops;
extern const struct file_ops lock_fops;

#endif
