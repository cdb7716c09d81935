/* SPDX-License-Identifier: MIT */
/*
 * The kernel half of every address space.
 *
 *	0xffff800000000000  direct map: RAM, pmem, firmware tables; never executable; the image's text and constants read-only
 *	0xffffc00000000000  KVA: stacks with a guard page below each, device registers (mm/kva.c)
 *	0xffffffff80100000  the image: text R-X, constants R--, data RW-, guard pages of the boot stacks unmapped
 *
 * Rule: kernel translations are only ever added, never changed or removed, so no kernel shootdown exists.
 * All top-level slots that will ever be used exist before the first user root copies them.
 */
#ifndef KERNEL_CPU_PAGING_H
#define KERNEL_CPU_PAGING_H

#include "kernel/cpu/cpu.h"

#define KVA_BASE 0xffffc00000000000ull
#define KVA_END 0xffffc08000000000ull /* one top-level slot: 512 GiB */
#define KERNEL_BASE 0xffffffff80000000ull

struct boot_info;

/* Linker script. The image is [image_start, image_end). */
extern char image_start[], text_end[], rodata_end[], data_end[], image_end[], stacks_start[], stacks_end[];

/* Records where the image was loaded: load address minus link address. */
void paging_set_image_delta(u64 delta);
/* Physical address of an object of the image (not of the direct map, KVA or a stack from kva_alloc_stack). */
paddr_t image_to_phys(const void *p);

/* Builds the final tables out of earlymem pages and loads them: image, direct map of all RAM and firmware
 * tables of the map; the identity map is gone afterwards. Debug builds then walk the tables and panic on a
 * page that is both writable and executable. -ENOMEM. */
int paging_init(const struct boot_info *b);
/* From now on table pages come from pmm_alloc. */
void paging_use_pmm(void);

enum { KMAP_WRITE = 1, KMAP_UNCACHED = 2 };
/* Maps [va, va + len) of the KVA range to physical pa, never executable. Boot or under kva's lock. -ENOMEM. */
int kernel_map(u64 va, paddr_t pa, u64 len, unsigned flags);

/*
 * Starting another CPU: a root below 4 GiB that is the kernel's plus the page at `trampoline` (physical,
 * below 1 MiB) mapped at its own address, readable and executable. In order: CR4.PAE; CR3 = this; EFER =
 * ap_efer(); CR0.PG; far jump to 64-bit code; jump to an address in the image; cpu_init_this();
 * cpu_load_root(cpu_kernel_root()). ~0: trampoline is not such a page.
 */
paddr_t ap_root(paddr_t trampoline);
u64 ap_efer(void);

/* Debug: the kernel half obeys the rules above; panics otherwise. */
void paging_check(void);

#endif
