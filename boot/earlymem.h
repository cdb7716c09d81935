/* SPDX-License-Identifier: MIT */
/*
 * RAM before the page allocator: which ranges are free, and single pages out of them.
 *
 * Life: earlymem_init() once; earlymem_alloc_page() while the kernel's page tables are built;
 * earlymem_take_all() hands what is left to pmm_init(), after which nothing here may be called again.
 */
#ifndef BOOT_EARLYMEM_H
#define BOOT_EARLYMEM_H

#include "boot/bootinfo.h"
#include "mm/pmm.h"

/* Usable RAM is the map's RAM minus every other type that overlaps it, the first MiB, the kernel's image
 * [image, image + image_len) and the modules, in whole pages, and of that the lowest `limit` bytes (0:
 * all). -ENOMEM: nothing is left. */
int earlymem_init(const struct boot_info *b, paddr_t image, u64 image_len, u64 limit);
/* A zeroed page below 4 GiB, never freed. PADDR_NONE: none left. */
paddr_t earlymem_alloc_page(void);
/* Ascending and disjoint. */
const struct ram_range *earlymem_take_all(unsigned *n);

#endif
