/* SPDX-License-Identifier: MIT */
/* Kernel virtual ranges outside the direct map: stacks with a guard page below, device registers. */
#ifndef MM_KVA_H
#define MM_KVA_H

#include "lib/types.h"

int kva_init(void);
/* A stack of `pages` pages with an unmapped page below; the lowest usable address. NULL: no memory. */
void *kva_alloc_stack(unsigned pages);
void kva_free_stack(void *base, unsigned pages);
/* Device registers, uncached. NULL: no room. */
void *kva_map_device(paddr_t base, u64 len);

#endif
