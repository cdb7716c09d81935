/* SPDX-License-Identifier: MIT */
/*
 * /proc/faultline: files that talk to the kernel itself.
 *
 *   explore   the race explorer (explore_file.c)
 *   memory    counters of the memory management since boot, and pages that are free, a line each: NAME VALUE
 *   lock      the DAX locking scheme and its counters (lock_file.c)
 *   version   one line
 */
#include "kernel/proc/explore_file.h"
#include "kernel/proc/lock_file.h"
#include "kernel/proc/pseudo.h"
#include "lib/fmt.h"
#include "mm/state.h"
#include "mm/uaccess.h"

#ifdef FAULTLINE_DEBUG
static const char version[] = "Faultline, debug build, x86-64, Linux 6.1 system calls\n";
#else
static const char version[] = "Faultline, release build, x86-64, Linux 6.1 system calls\n";
#endif

static ssize_t read_text(const char *text, size_t size, uaddr_t buf, size_t n, u64 *pos)
{
	size_t len;

	if (*pos >= size)
		return 0;
	len = MIN(n, size - *pos);
	if (copy_to_user(buf, text + *pos, len))
		return -EFAULT;
	*pos += len;
	return (ssize_t)len;
}

static ssize_t version_read(struct file *f UNUSED, uaddr_t buf, size_t n, u64 *pos)
{
	return read_text(version, sizeof(version) - 1, buf, n, pos);
}

static const struct file_ops version_fops = {.read = version_read};

static ssize_t memory_read(struct file *f UNUSED, uaddr_t buf, size_t n, u64 *pos)
{
	struct tlb_stats tlb = tlb_stats();
	char text[160];
	int size = fmt_snprintf(text, sizeof(text),
		"huge_faults %llu\nshootdowns %llu\ninterrupted %llu\nfree_pages %llu\n",
		(unsigned long long)atomic_load(&mm_state()->huge_faults), (unsigned long long)tlb.shootdowns,
		(unsigned long long)tlb.ipis, (unsigned long long)pmm_free_pages());

	return read_text(text, (size_t)size, buf, n, pos);
}

static const struct file_ops memory_fops = {.read = memory_read};

static const struct pseudo_node nodes[] = {
	{"", 0, S_IFDIR_ | 0555, 0, NULL},
	{"faultline", 0, S_IFDIR_ | 0555, 0, NULL},
	{"explore", 1, S_IFREG_ | 0666, 0, &explore_fops},
	{"memory", 1, S_IFREG_ | 0444, 0, &memory_fops},
	{"lock", 1, S_IFREG_ | 0444, 0, &lock_fops},
	{"version", 1, S_IFREG_ | 0444, 0, &version_fops},
};

int procfs_mount(void)
{
	static struct super proc_super;

	explore_file_init();
	return pseudo_mount(&proc_super, "proc", "/proc", nodes, ARRAY_SIZE(nodes));
}
