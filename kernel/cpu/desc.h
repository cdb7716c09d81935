/* SPDX-License-Identifier: MIT */
/* Private to kernel/cpu: descriptor tables and the stacks that hang on them. */
#ifndef KERNEL_CPU_DESC_H
#define KERNEL_CPU_DESC_H

#include "kernel/cpu/percpu.h"
#include "kernel/cpu/trap.h"

/* Interrupt stack table: a stack of its own, with a guard page, for each trap that must work whatever the
 * stack pointer is. */
enum { IST_DOUBLE_FAULT, IST_NMI, IST_MACHINE_CHECK, IST_DEBUG, NR_IST };

/* Task-state segment (SDM vol. 3, 8.7). */
struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap_base;
} PACKED;
_Static_assert(sizeof(struct tss) == 104, "SDM vol. 3, figure 8-11");

struct cpu_arch {
	u64 gdt[7] ALIGNED(16); /* null, kernel code and data, user data and code, TSS (two) */
	struct tss tss ALIGNED(16);
};

/* Stacks in the image (boot.asm): the boot thread's and the boot CPU's IST stacks, each a unit whose first
 * page is unmapped. */
#define BOOT_STACK_PAGES 4
#define STACK_UNIT ((BOOT_STACK_PAGES + 1) * PAGE_SIZE)

/* Boot CPU: makes the IDT and loads everything for CPU 0. */
void desc_init_boot(void);
/* Name of the stack whose guard page holds `a`, for a double fault's report; NULL: it is no guard page that
 * we know. */
const char *desc_guard_page(u64 a);

#endif
