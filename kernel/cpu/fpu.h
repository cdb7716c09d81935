/* SPDX-License-Identifier: MIT */
/*
 * User FPU, SSE and AVX registers. The kernel itself is built without them, so they are the running user thread's at all times
 * and are saved and restored at switches only.
 */
#ifndef KERNEL_CPU_FPU_H
#define KERNEL_CPU_FPU_H

#include "lib/types.h"

/* Every CPU: switches the units on; the first call chooses what is saved and how. */
void fpu_init_cpu(void);
/* An area with the initial state; NULL: no memory. Aligned to 64 bytes. */
void *fpu_alloc(void);
void fpu_free(void *area);
/* The state that a program starts with. */
void fpu_reset(void *area);
void fpu_copy(void *to, const void *from);
/* Registers to memory and back. Preemption off. */
void fpu_save(void *area);
void fpu_restore(const void *area);

#endif
