/* SPDX-License-Identifier: MIT */
/* Kernel virtual ranges outside the direct map: stacks with a guard page below, device registers. */
#ifndef MM_KVA_H
#define MM_KVA_H

#include "lib/types.h"

int kva_init(void);
/* A stack of `pages` pages with an unmapped page below; the lowest usable address. NULL: no memory. Any
 * context that may allocate. */
void *kva_alloc_stack(unsigned pages);
void kva_free_stack(void *base, unsigned pages);
/* Device registers, uncached. NULL: no room. Never unmapped. */
void *kva_map_device(paddr_t base, u64 len);
/* Is `a` in the range, where nothing but guard pages is unmapped (for the report of a kernel fault)? */
bool kva_is_guard(u64 a);

#endif
