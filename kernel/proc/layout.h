/* SPDX-License-Identifier: MIT */
/*
 * Where exec puts things in a new address space. Client: exec.c.
 *
 * User addresses, high to low: a guard page, the stack, room for it to grow, mappings downwards; position-independent programs at two thirds; others
 * where they were linked for; the break behind the program. Each place is random, by as many bits as on Linux, unless the kernel option
 * norandmaps or the process's personality (ADDR_NO_RANDOMIZE) says otherwise; then it is always the same.
 */
#ifndef KERNEL_PROC_LAYOUT_H
#define KERNEL_PROC_LAYOUT_H

#include "mm/mm.h"

#define LAYOUT_STACK_START (128ull << 10) /* of the stack when the program starts; it grows by faults */
#define LAYOUT_IMAGE_MIN MM_MMAP_MIN
#define LAYOUT_IMAGE_TOP (USER_TOP - (4ull << 40)) /* leaves room for mappings above */

struct layout {
	u64 stack_top; /* first address past the stack's VMA */
	u64 stack_pad; /* bytes of it that stay unused at the top; a multiple of 16 */
	u64 mmap_top;
	u64 pie_base; /* of position-independent programs */
	u64 brk_gap;  /* between the end of the program and the break */
};

/* For an exec of the running process. */
struct layout layout_choose(void);
/* What /proc/sys/kernel/randomize_va_space says: 2 or 0. */
int layout_randomizes(void);

#endif
