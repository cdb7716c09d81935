/* SPDX-License-Identifier: MIT */
/*
 * /proc: the tree of names. What the files hold is made in proc_system.c and proc_process.c.
 *
 * /proc/faultline talks to the kernel itself: explore is the race explorer (explore_file.c), memory counters of the memory management
 * since boot, faults how many page faults there were of each kind, lock the DAX locking scheme and its counters (lock_file.c), trace the
 * protocol steps as they happen, steps what their names mean and latency what time they take (trace.c).
 */
#include "kernel/proc/explore_file.h"
#include "kernel/proc/lock_file.h"
#include "kernel/proc/proc_files.h"
#include "kernel/proc/pseudo.h"
#include "kernel/proc/trace.h"

#define DIR (S_IFDIR_ | 0555)
#define TEXT (S_IFREG_ | 0444)
#define LINK (S_IFLNK_ | 0777)

enum { /* nodes that others name as their parent */
	ROOT,
	FAULTLINE,
	PROCESS, /* the look of /proc/PID */
	FD,
	FD_LINK,
	SYS,
	SYS_KERNEL,
	SYS_VM,
};

static const struct pseudo_numbered processes = {.template = PROCESS, .shift = 0, .next = proc_next_pid};
static const struct pseudo_numbered descriptors = {.template = FD_LINK,
	.shift = PROC_FD_SHIFT,
	.next = proc_next_fd};

static const struct pseudo_node nodes[] = {
	[ROOT] = {"", ROOT, DIR, .numbered = &processes},
	[FAULTLINE] = {"faultline", ROOT, DIR},
	[PROCESS] = {"", ROOT, DIR},
	[FD] = {"fd", PROCESS, S_IFDIR_ | 0500, .numbered = &descriptors},
	[FD_LINK] = {"", FD, S_IFLNK_ | 0700, .readlink = proc_fd_readlink, .follow = proc_fd_follow},
	[SYS] = {"sys", ROOT, DIR},
	[SYS_KERNEL] = {"kernel", SYS, DIR},
	[SYS_VM] = {"vm", SYS, DIR},

	{"explore", FAULTLINE, S_IFREG_ | 0666, .fops = &explore_fops},
	{"memory", FAULTLINE, TEXT, .show = proc_faultline_memory},
	{"faults", FAULTLINE, TEXT, .show = proc_faultline_faults},
	{"lock", FAULTLINE, TEXT, .fops = &lock_fops},
	{"trace", FAULTLINE, S_IFREG_ | 0400, .fops = &trace_fops},
	{"steps", FAULTLINE, TEXT, .show = proc_faultline_steps},
	{"latency", FAULTLINE, TEXT, .show = proc_faultline_latency},
	{"version", FAULTLINE, TEXT, .show = proc_faultline_version},

	{"self", ROOT, LINK, .readlink = proc_self},
	{"version", ROOT, TEXT, .show = proc_version},
	{"uptime", ROOT, TEXT, .show = proc_uptime},
	{"loadavg", ROOT, TEXT, .show = proc_loadavg},
	{"meminfo", ROOT, TEXT, .show = proc_meminfo},
	{"stat", ROOT, TEXT, .show = proc_stat},
	{"cpuinfo", ROOT, TEXT, .show = proc_cpuinfo},
	{"mounts", ROOT, TEXT, .show = proc_mounts},
	{"filesystems", ROOT, TEXT, .show = proc_filesystems},
	{"osrelease", SYS_KERNEL, TEXT, .show = proc_osrelease},
	{"ostype", SYS_KERNEL, TEXT, .show = proc_ostype},
	{"hostname", SYS_KERNEL, TEXT, .show = proc_hostname},
	{"randomize_va_space", SYS_KERNEL, TEXT, .show = proc_randomize},
	{"pid_max", SYS_KERNEL, TEXT, .show = proc_pid_max},
	{"overcommit_memory", SYS_VM, TEXT, .show = proc_overcommit},

	{"stat", PROCESS, TEXT, .show = proc_pid_stat},
	{"statm", PROCESS, TEXT, .show = proc_pid_statm},
	{"status", PROCESS, TEXT, .show = proc_pid_status},
	{"limits", PROCESS, TEXT, .show = proc_pid_limits},
	{"comm", PROCESS, TEXT, .show = proc_pid_comm},
	{"cmdline", PROCESS, TEXT, .show = proc_pid_cmdline},
	{"maps", PROCESS, TEXT, .show = proc_pid_maps},
	{"smaps", PROCESS, TEXT, .show = proc_pid_smaps},
	{"mounts", PROCESS, TEXT, .show = proc_mounts},
	{"exe", PROCESS, LINK, .readlink = proc_exe_readlink, .follow = proc_exe_follow},
	{"cwd", PROCESS, LINK, .readlink = proc_cwd_readlink, .follow = proc_cwd_follow},
	{"root", PROCESS, LINK, .readlink = proc_root_readlink, .follow = proc_root_follow},
};

int procfs_mount(void)
{
	static struct super proc_super;

	explore_file_init();
	trace_init();
	return pseudo_mount(&proc_super, "proc", "/proc", nodes, ARRAY_SIZE(nodes));
}
