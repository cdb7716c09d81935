/* SPDX-License-Identifier: MIT */
/*
 * For the hosted tests of ext4: images made by mke2fs, mounted in the simulated machine, judged by e2fsck. Include once in a test
 * program, after host/unit.h.
 *
 * Rule: the image lives in the file image.path and, between image_up() and image_save(), in the region image.region. Memory that a mount
 * takes must be back after the unmount: image_unmount() checks it.
 */
#ifndef TESTS_HOST_EXT4_IMAGE_H
#define TESTS_HOST_EXT4_IMAGE_H

#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/dax.h"
#include "fs/ext4/disk.h"
#include "fs/ext4/ext4.h"
#include "fs/state.h"
#include "host/machine.h"
#include "host/sim.h"
#include "kernel/instance.h"
#include "mm/kmem.h"

#if SIM_ASAN
#include <sanitizer/asan_interface.h>
#endif

static struct {
	char dir[64], path[96], label[100];
	struct pmem_region *region;
	struct super *super;
	char why[160];
	u64 memory; /* kmem_bytes_in_use() before the mount */
} image;

static inline unsigned test_random(u64 *seed, unsigned below)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return below ? (unsigned)(*seed >> 33) % below : 0;
}

/* Runs a shell command with output to image.dir/log. Its exit status. */
static inline int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline int run(const char *fmt, ...)
{
	char cmd[1200], all[1400];
	va_list ap;
	int st;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	snprintf(all, sizeof(all), "(%s) >%s/log 2>&1 </dev/null", cmd, image.dir);
	st = system(all);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

static inline void show_log(void)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd), "head -n 40 %s/log | sed 's/^/# /'", image.dir);
	fflush(stdout);
	if (system(cmd))
		diag("no log");
}

/* Does the log of the last command hold this text? */
static inline bool log_has(const char *text)
{
	char path[100], line[500];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", image.dir);
	f = fopen(path, "r");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, text) != NULL;
	if (f)
		fclose(f);
	return found;
}

static inline void image_begin(void)
{
	strcpy(image.dir, "/tmp/ext4_test.XXXXXX");
	if (!mkdtemp(image.dir)) {
		printf("Bail out! no directory\n");
		exit(1);
	}
	snprintf(image.path, sizeof(image.path), "%s/image", image.dir);
}

static inline void image_end(void)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", image.dir);
	if (system(cmd))
		diag("%s stays", image.dir);
}

/* A new image of so many 4 KiB blocks. false: this mke2fs cannot. */
static inline bool image_make(unsigned blocks, const char *options)
{
	return !run(
		"rm -f %s; mke2fs -q -F -t ext4 -b 4096 %s %s %u", image.path, options, image.path, blocks);
}

/* A machine with the image's bytes as its persistent memory; len 0: all of it. */
static inline void image_up_on(const struct sim_config *machine, u64 len)
{
	sim_init(machine);
	sim_boot_mm();
	sim_boot_fs();
	image.region = sim_add_pmem_file(image.path, len);
	image.super = NULL;
	if (!image.region) {
		printf("Bail out! cannot load the image\n");
		exit(1);
	}
#if SIM_ASAN
	/* Nobody may look behind the region. */
	__asan_poison_memory_region((char *)image.region->virt + image.region->len,
		sim_machine->pmem_end - PAGE_SIZE - image.region->base.v - image.region->len);
#endif
}

static inline void image_up(u64 len)
{
	image_up_on(&(struct sim_config){.ram = 24 << 20, .pmem = 144 << 20}, len);
}

static inline int image_mount(bool readonly)
{
	int err;

	image.memory = kmem_bytes_in_use();
	image.why[0] = '\0';
	err = ext4_mount(image.region, (struct ext4_options){.readonly = readonly}, &image.super, image.why);
	return err ? err : vfs_mount(image.super, "/");
}

/* Unmounts, and counts the memory. */
static inline int image_unmount(void)
{
	int err = vfs_unmount_all();

	if (kmem_bytes_in_use() != image.memory) {
		diag("%llu bytes of memory are lost",
			(unsigned long long)(kmem_bytes_in_use() - image.memory));
		return -EBUSY;
	}
	return err;
}

static inline void image_save(void)
{
	FILE *f = fopen(image.path, "wb");

	if (!f || fwrite(image.region->virt, 1, image.region->len, f) != image.region->len || fclose(f)) {
		printf("Bail out! cannot save the image\n");
		exit(1);
	}
}

static inline bool image_fsck(void)
{
	bool clean = run("e2fsck -fn %s", image.path) == 0;

	if (!clean)
		show_log();
	return clean;
}

/* Loads and mounts the file's image, or gives up. */
static inline void image_start(const char *label)
{
	int err;

	snprintf(image.label, sizeof(image.label), "%s", label);
	image_up(0);
	err = image_mount(false);
	if (!ok(!err, "%s: mount", label)) {
		printf("Bail out! cannot mount: %d %s\n", err, image.why);
		exit(1);
	}
}

/* Unmounts, saves, asks e2fsck. */
static inline void image_stop(void)
{
	is(image_unmount(), 0, "%s: unmount", image.label);
	image_save();
	ok(image_fsck(), "%s: e2fsck -fn is clean", image.label);
}

/* --- short forms on absolute paths --- */

static inline struct file *fs_open(const char *path, u32 flags)
{
	struct file *f;

	return vfs_open(NULL, path, flags, 0644, &f) ? NULL : f;
}

static inline int fs_create(const char *path)
{
	struct file *f;
	int err = vfs_open(NULL, path, O_RDWR_ | O_CREAT_ | O_EXCL_, 0644, &f);

	if (!err)
		file_put(f);
	return err;
}

static inline bool fs_exists(const char *path)
{
	struct inode *i;

	if (vfs_lookup(NULL, path, false, &i))
		return false;
	iput(i);
	return true;
}

struct fs_count {
	u64 entries;
};

static inline int fs_count_step(
	void *arg, const char *name, size_t len, u64 ino UNUSED, u8 type UNUSED, u64 next UNUSED)
{
	struct fs_count *c = arg;

	if (!(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'))))
		c->entries++;
	return 0;
}

/* Entries of a directory but the dots; negative errno. */
static inline i64 fs_entries(const char *path)
{
	struct file *f = fs_open(path, O_RDONLY_);
	struct fs_count c = {0};
	int err;

	if (!f)
		return -ENOENT;
	err = vfs_readdir(f, fs_count_step, &c);
	file_put(f);
	return err ? err : (i64)c.entries;
}

#endif
