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

/* An area as signal frames hold it: Linux's marks inside (struct _fpx_sw_bytes), four bytes more at the end. */
#define FPU_LEGACY_SIZE 512
bool fpu_has_xsave(void);
size_t fpu_user_size(void);
void fpu_mark_user(void *area);
/* Do the marks in the first FPU_LEGACY_SIZE bytes promise a whole area? */
bool fpu_is_marked(const void *area);
/* After a copy from user memory: can it be restored? An area without marks has only its first FPU_LEGACY_SIZE bytes. */
bool fpu_accept(void *area);
/* Exceptions that are raised and not masked: bits 0 to 5 of MXCSR or of the x87 status word. */
unsigned fpu_unmasked(const void *area, bool simd);
/* Registers to memory and back. Preemption off. */
void fpu_save(void *area);
void fpu_restore(const void *area);

#endif
