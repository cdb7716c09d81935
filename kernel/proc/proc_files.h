/* SPDX-License-Identifier: MIT */
/*
 * What the files of /proc hold (proc_system.c, proc_process.c). The instance of a file of /proc/PID is the pid; of one of
 * /proc/PID/fd the pid and, from PROC_FD_SHIFT on, the descriptor.
 *
 * A process looks at itself whole. Of others there is what the process table says: their address spaces and descriptors may go at any moment,
 * so maps, smaps, fd, exe and cwd are empty or missing there.
 */
#ifndef KERNEL_PROC_PROC_FILES_H
#define KERNEL_PROC_PROC_FILES_H

#include "lib/types.h"

struct file_place;
struct inode;
struct text;

#define PROC_FD_SHIFT 20

i64 proc_next_pid(u64 instance, u64 from);
i64 proc_next_fd(u64 instance, u64 from);

#define PROC_TEXTS(X)        \
	X(faultline_memory)  \
	X(faultline_faults)  \
	X(faultline_latency) \
	X(faultline_steps)   \
	X(faultline_version) \
	X(version)           \
	X(uptime)            \
	X(loadavg)           \
	X(meminfo)           \
	X(stat)              \
	X(cpuinfo)           \
	X(mounts)            \
	X(filesystems)       \
	X(osrelease)         \
	X(ostype)            \
	X(hostname)          \
	X(pid_max)           \
	X(overcommit)        \
	X(randomize)         \
	X(pid_stat)          \
	X(pid_limits)        \
	X(pid_statm)         \
	X(pid_status)        \
	X(pid_comm)          \
	X(pid_cmdline)       \
	X(pid_maps)          \
	X(pid_smaps)
#define X(name) int proc_##name(struct text *t, u64 instance);
PROC_TEXTS(X)
#undef X

ssize_t proc_self(u64 instance, char *buf, size_t size);
#define PROC_LINKS(X) X(fd) X(exe) X(cwd) X(root)
#define X(name)                                                               \
	ssize_t proc_##name##_readlink(u64 instance, char *buf, size_t size); \
	int proc_##name##_follow(u64 instance, struct inode **out, struct file_place *where);
PROC_LINKS(X)
#undef X

#endif
