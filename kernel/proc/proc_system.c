/* SPDX-License-Identifier: MIT */
/* Files of /proc about the system as a whole, in the form that Linux's tools read. */
#include "fs/state.h"
#include "fs/vfs.h"
#include "kernel/cpu/cpu.h"
#include "kernel/event.h"
#include "kernel/instance.h"
#include "kernel/proc/layout.h"
#include "kernel/proc/proc_files.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/text.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "mm/kmem.h"
#include "mm/pmm.h"
#include "mm/state.h"

#ifdef FAULTLINE_DEBUG
#define BUILD "debug"
#else
#define BUILD "release"
#endif

#define KIB_PER_PAGE (PAGE_SIZE / 1024)

int proc_faultline_version(struct text *t, u64 instance UNUSED)
{
	text_add(t, "Faultline, " BUILD " build, x86-64, Linux 6.1 system calls\n");
	return 0;
}

/* A line each: NAME VALUE. */
int proc_faultline_memory(struct text *t, u64 instance UNUSED)
{
	struct tlb_stats tlb = tlb_stats();

	text_add(t, "huge_faults %llu\nshootdowns %llu\ninterrupted %llu\nfree_pages %llu\n",
		(unsigned long long)atomic_load(&mm_state()->huge_faults), (unsigned long long)tlb.shootdowns,
		(unsigned long long)tlb.ipis, (unsigned long long)pmm_free_pages());
	return 0;
}

int proc_faultline_faults(struct text *t, u64 instance UNUSED)
{
	static const char *const names[] = {
#define X(name, text) text,
		EVENTS(X)
#undef X
	};

	for (unsigned e = 0; e < NR_EVENTS; e++)
		text_add(t, "%s %llu\n", names[e], (unsigned long long)event_total(e));
	return 0;
}

int proc_version(struct text *t, u64 instance UNUSED)
{
	text_add(t, "Faultline version " UTS_RELEASE " (" BUILD " build)\n");
	return 0;
}

#define TICK_NS 10000000ull /* the unit of times in /proc/stat */

static void add_seconds(struct text *t, u64 ns)
{
	text_add(t, "%llu.%02llu", (unsigned long long)(ns / NS_PER_SECOND),
		(unsigned long long)(ns % NS_PER_SECOND / TICK_NS));
}

static u64 idle_ns_of_all(void)
{
	u64 ns = 0;

	for (unsigned c = 0; c < cpu_count(); c++)
		ns += sched_idle_ns(c);
	return ns;
}

int proc_uptime(struct text *t, u64 instance UNUSED)
{
	add_seconds(t, time_ns());
	text_add(t, " ");
	add_seconds(t, idle_ns_of_all());
	text_add(t, "\n");
	return 0;
}

/* Load is not averaged: zeros, and how many run, and how many processes there are. */
int proc_loadavg(struct text *t, u64 instance UNUSED)
{
	text_add(t, "0.00 0.00 0.00 %u/%u %d\n", sched_nr_running(), process_count(), process_current()->pid);
	return 0;
}

int proc_meminfo(struct text *t, u64 instance UNUSED)
{
	unsigned long long total = pmm_total_pages() * KIB_PER_PAGE, free = pmm_free_pages() * KIB_PER_PAGE;

	text_add(t, "MemTotal:       %8llu kB\nMemFree:        %8llu kB\nMemAvailable:   %8llu kB\n", total,
		free, free);
	text_add(
		t, "Buffers:               0 kB\nCached:                0 kB\nSwapCached:            0 kB\n");
	text_add(
		t, "SwapTotal:             0 kB\nSwapFree:              0 kB\nShmem:                 0 kB\n");
	text_add(t, "Slab:           %8llu kB\n", (unsigned long long)kmem_bytes_in_use() / 1024);
	text_add(t, "Hugepagesize:       2048 kB\n");
	return 0;
}

/* What is not idle counts as the programs': user, nice, system, idle, and what is not told apart either. */
static void add_cpu_times(struct text *t, u64 idle, u64 total)
{
	text_add(t, " %llu 0 0 %llu 0 0 0 0 0 0\n",
		(unsigned long long)((total - MIN(idle, total)) / TICK_NS),
		(unsigned long long)(idle / TICK_NS));
}

int proc_stat(struct text *t, u64 instance UNUSED)
{
	u64 idle = idle_ns_of_all();

	text_add(t, "cpu ");
	add_cpu_times(t, idle, time_ns() * cpu_count());
	for (unsigned c = 0; c < cpu_count(); c++) {
		idle = sched_idle_ns(c);
		text_add(t, "cpu%u", c);
		add_cpu_times(t, idle, time_ns());
	}
	text_add(t, "intr 0\nctxt 0\nbtime %lld\nprocesses %u\nprocs_running %u\nprocs_blocked 0\n",
		(long long)(vfs_now().sec - (i64)(time_ns() / NS_PER_SECOND)), process_count(),
		sched_nr_running());
	return 0;
}

int proc_cpuinfo(struct text *t, u64 instance UNUSED)
{
	unsigned mhz = (unsigned)(time_tsc_hz() / 1000000);

	for (unsigned c = 0; c < cpu_count(); c++)
		text_add(t, "processor\t: %u\nmodel name\t: x86-64\ncpu MHz\t\t: %u.000\ncpu cores\t: %u\n\n",
			c, mhz, cpu_count());
	return 0;
}

/* As in /etc/fstab: device, where, type, options. */
int proc_mounts(struct text *t, u64 instance UNUSED)
{
	struct fs_state *fs = the_instance.fs;
	char *path = kmalloc(PATH_MAX_LEN);

	if (!path)
		return -ENOMEM;
	for (u32 k = 0; k < atomic_load(&fs->nr_mounts); k++) {
		struct super *s = fs->mounts[k].super;
		char options[64] = "";

		if (vfs_path_of(s->root, path, PATH_MAX_LEN))
			continue;
		if (s->ops->show_options)
			s->ops->show_options(s, options, sizeof(options));
		text_add(t, "%s %s %s %s,noatime%s 0 0\n", s->region ? "/dev/pmem0" : s->type, path, s->type,
			atomic_load(&s->readonly) ? "ro" : "rw", options);
	}
	kfree(path);
	return 0;
}

int proc_filesystems(struct text *t, u64 instance UNUSED)
{
	text_add(t, "nodev\tproc\nnodev\tdev\nnodev\ttmpfs\n\text4\n");
	return 0;
}

int proc_osrelease(struct text *t, u64 instance UNUSED)
{
	text_add(t, UTS_RELEASE "\n");
	return 0;
}

int proc_ostype(struct text *t, u64 instance UNUSED)
{
	text_add(t, "Faultline\n");
	return 0;
}

int proc_hostname(struct text *t, u64 instance UNUSED)
{
	text_add(t, "faultline\n");
	return 0;
}

int proc_pid_max(struct text *t, u64 instance UNUSED)
{
	text_add(t, "%d\n", PID_MAX);
	return 0;
}

int proc_randomize(struct text *t, u64 instance UNUSED)
{
	text_add(t, "%d\n", layout_randomizes());
	return 0;
}

/* Memory is counted when it is touched. */
int proc_overcommit(struct text *t, u64 instance UNUSED)
{
	text_add(t, "1\n");
	return 0;
}
