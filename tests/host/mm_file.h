/* SPDX-License-Identifier: MIT */
/*
 * For the hosted tests of address spaces: a file of the simplest kind (pages of simulated pmem, some of them holes, and a size), and
 * short forms of the calls. Include once in a test program, after host/unit.h.
 */
#ifndef TESTS_HOST_MM_FILE_H
#define TESTS_HOST_MM_FILE_H

#include "host/sim.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/mm.h"
#include "mm/tlb.h"
#include "mm/uaccess.h"
#include <stdlib.h>

#define BASE 0x10000000ull
#define RW (VMA_READ | VMA_WRITE | VMA_MAYWRITE)

/* --- a file: pages of simulated pmem, some of them holes, and a size --- */

#define FILE_PAGES 32

struct file {
	struct rmap rmap;
	u64 base; /* physical */
	bool hole[FILE_PAGES];
	bool dirty[FILE_PAGES];
	u64 pages; /* size */
	struct page *zero;
	int opens;
	unsigned mkwrites;
};
static struct file *file;

static inline paddr_t file_page(struct file *f, u64 pgoff)
{
	return PADDR(f->base + pgoff * PAGE_SIZE);
}

static inline int file_write_fault(struct file *fl, struct fault *f)
{
	if (fl->hole[f->pgoff]) {
		memset(phys_to_virt(file_page(fl, f->pgoff)), 0, PAGE_SIZE);
		fl->hole[f->pgoff] = false;
		rmap_unmap(&fl->rmap, f->pgoff, f->pgoff, RMAP_ZERO_PAGES);
	}
	fl->dirty[f->pgoff] = true;
	return vm_insert_pmem(f, file_page(fl, f->pgoff), true);
}

static inline int file_cow(struct file *fl, struct fault *f)
{
	struct page *p = pmm_alloc_zeroed(0);

	if (!p)
		return -ENOMEM;
	if (!fl->hole[f->pgoff])
		memcpy(page_to_virt(p), phys_to_virt(file_page(fl, f->pgoff)), PAGE_SIZE);
	int err = vm_insert_anon(f, p);
	if (err)
		page_put(p);
	return err;
}

static inline enum fault_result file_fault(struct vma *v, struct fault *f)
{
	struct file *fl = v->file;
	int err;

	if (f->pgoff >= fl->pages)
		return FAULT_SIGBUS;
	if (f->cow)
		err = file_cow(fl, f);
	else if (f->write)
		err = file_write_fault(fl, f);
	else if (fl->hole[f->pgoff])
		err = vm_insert_zero(f, page_to_paddr(fl->zero));
	else
		err = vm_insert_pmem(f, file_page(fl, f->pgoff), false);
	return err == -ENOMEM ? FAULT_OOM : FAULT_DONE;
}

static inline enum fault_result file_mkwrite(struct vma *v, struct fault *f)
{
	v->file->mkwrites++;
	return file_fault(v, f);
}

static inline void file_open(struct vma *v)
{
	v->file->opens++;
}

static inline void file_close(struct vma *v)
{
	v->file->opens--;
}

static const struct vm_ops file_ops = {.fault = file_fault,
	.mkwrite = file_mkwrite,
	.open = file_open,
	.close = file_close};

static inline void make_file(void)
{
	struct pmem_region *r = sim_add_pmem(FILE_PAGES * PAGE_SIZE, "", 0);

	file = sim_static_alloc(sizeof(*file));
	file->base = r->base.v;
	file->pages = FILE_PAGES;
	file->zero = pmm_alloc_zeroed(0);
	rmap_init(&file->rmap);
}

static inline void truncate_file(u64 pages)
{
	if (pages < file->pages)
		rmap_unmap(&file->rmap, pages, ~0ull, RMAP_ALL);
	for (u64 p = pages; p < file->pages; p++) {
		memset(phys_to_virt(file_page(file, p)), 0, PAGE_SIZE);
		file->hole[p] = true;
	}
	file->pages = pages;
}

static inline long map(struct mm *mm, u64 addr, u64 len, u32 flags)
{
	return mm_map(mm,
		&(struct mmap_request){.addr = UADDR(addr), .len = len, .flags = flags, .fixed = addr != 0});
}

static inline long map_file(struct mm *mm, u64 addr, u64 len, u64 pgoff, u32 flags)
{
	return mm_map(mm,
		&(struct mmap_request){.addr = UADDR(addr),
			.len = len,
			.flags = flags,
			.fixed = addr != 0,
			.pgoff = pgoff,
			.rmap = &file->rmap,
			.file = file,
			.ops = &file_ops});
}

static inline bool store(u64 a, u64 v)
{
	return cpu_store_user64(UADDR(a), v) == 0;
}

/* ~0: fault. */
static inline u64 load(u64 a)
{
	u64 v;

	return cpu_load_user64(UADDR(a), &v) ? ~0ull : v;
}

/* No CPU has an address space loaded any more, and the boot thread is on CPU 0. */
static inline void unload(void)
{
	for (unsigned c = 4; c--;) {
		sim_set_boot_cpu(c);
		sim_set_boot_mm(NULL);
	}
}

static inline u64 memory_in_use(void)
{
	for (unsigned c = 4; c--;) {
		sim_set_boot_cpu(c);
		kmem_trim();
	}
	return pmm_total_pages() - pmm_free_pages();
}

static inline void boot(void)
{
	sim_init(&(struct sim_config){.ram = 64 << 20});
	sim_boot_mm();
	make_file();
}

#endif
