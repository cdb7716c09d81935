/* SPDX-License-Identifier: MIT */
/*
 * For the hosted tests of mappings: an ext4 image as in ext4_image.h, with an address space that the simulated CPU 0 runs in. User
 * memory is touched through the simulated MMU, so a wrong or missing page-table entry shows. Include once in a test program.
 */
#ifndef TESTS_HOST_DAX_IMAGE_H
#define TESTS_HOST_DAX_IMAGE_H

#include "tests/host/ext4_image.h"

#define SHARED_RW (VMA_READ | VMA_WRITE | VMA_MAYWRITE | VMA_SHARED)
#define PRIVATE_RW (VMA_READ | VMA_WRITE | VMA_MAYWRITE)
#define FAULTED 0xfa171fa171ull /* what load() returns for a signal */

static struct mm *mm;

/* A new image of so many blocks, mounted on such a machine. scheme: a DAX lock's name, or NULL for the default. */
static inline void dax_start(const char *scheme, unsigned blocks, const struct sim_config *machine)
{
	snprintf(image.label, sizeof(image.label), "%s", scheme ? scheme : "default scheme");
	image_make(blocks, "");
	image_up_on(machine, 0);
	if (scheme)
		dax_config()->lock_ops = dax_lock_find(scheme);
	if (image_mount(false)) {
		printf("Bail out! cannot mount: %s\n", image.why);
		exit(1);
	}
	mm = mm_create();
	sim_set_boot_mm(mm);
}

/* Unmounts; whoever still holds a file, or memory, is found. e2fsck judges. */
static inline void dax_stop(void)
{
	sim_set_boot_mm(NULL);
	mm_put(mm);
	image_stop();
}

/* Opened for reading and writing, made if it is not there. NULL: an error. */
static inline struct file *create(const char *path)
{
	return fs_open(path, O_RDWR_ | O_CREAT_);
}

/* Maps pages of a file into mm: the address or a negative errno. */
static inline long try_map(struct file *f, u64 pgoff, u64 pages, u32 flags)
{
	struct mmap_request rq = {.len = pages * PAGE_SIZE, .flags = flags, .pgoff = pgoff};
	int err = vfs_mmap(f, &rq);

	return err ? err : mm_map(mm, &rq);
}

/* The same; address 0 for an error. */
static inline uaddr_t map(struct file *f, u64 pgoff, u64 pages, u32 flags)
{
	long a = try_map(f, pgoff, pages, flags);

	return UADDR(a < 0 ? 0 : (u64)a);
}

#endif
