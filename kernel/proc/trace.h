/* SPDX-License-Identifier: MIT */
/* /proc/faultline/trace and latency: trace.c. */
#ifndef KERNEL_PROC_TRACE_H
#define KERNEL_PROC_TRACE_H

struct file_ops;

extern const struct file_ops trace_fops;
void trace_init(void);

#endif
