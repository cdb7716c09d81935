/* SPDX-License-Identifier: MIT */
/*
 * Kernel objects: size-class caches (16 B to 4 KiB) over pages, larger requests straight from the
 * buddy allocator. Debug builds put red zones round objects, poison freed ones and check both at free.
 * Any context but NMI; may not sleep (there is no reclaim). NULL: no memory, and every caller copes.
 * Objects are aligned to 16 bytes; those of page size and more to pages in release builds only.
 */
#ifndef MM_KMEM_H
#define MM_KMEM_H

#include "lib/types.h"

int kmem_init(void);
void *kmalloc(size_t n) MUST_CHECK; /* n 0: a pointer that may only be freed */
void *kzalloc(size_t n) MUST_CHECK;
void *kcalloc(size_t n, size_t size) MUST_CHECK; /* overflow-checked, zeroed */
void kfree(void *p);                             /* NULL is fine */
u64 kmem_bytes_in_use(void);
/* Gives this CPU's cached objects and all empty pages back. */
void kmem_trim(void);

#endif
