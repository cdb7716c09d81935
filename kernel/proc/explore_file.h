/* SPDX-License-Identifier: MIT */
/* /proc/faultline/explore: the race explorer as a file. One write starts it, reads follow its report. */
#ifndef KERNEL_PROC_EXPLORE_FILE_H
#define KERNEL_PROC_EXPLORE_FILE_H

struct file_ops;

extern const struct file_ops explore_fops;

void explore_file_init(void);

#endif
