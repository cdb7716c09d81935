/* SPDX-License-Identifier: MIT */
/* Machine checks (SDM vol. 3, chapter 16): errors that the memory and the CPU report of themselves. */
#ifndef KERNEL_CPU_MCE_H
#define KERNEL_CPU_MCE_H

struct trap_frame;

/* Every CPU, for itself: from now on it reports errors by #MC. What its banks hold from before is forgotten. */
void mce_init_this_cpu(void);
/* Boot, once threads run: makes the thread that unmaps what a machine check in the kernel has found. */
void mce_init(void);

/* #MC from user mode, on the thread's kernel stack, interrupts off: the page is out of every address space on return, so that the access, made
 * again, ends in SIGBUS. */
void mce_from_user(struct trap_frame *f);
/* #MC in the kernel, on its IST stack. Returns if the kernel can go on: the page is listed, and unmapped soon. */
void mce_from_kernel(struct trap_frame *f);

#endif
