/* SPDX-License-Identifier: MIT */
/*
 * The kernel's objects, each in memory of its own from the host's allocator (linked with --wrap): so the address sanitizer sees who reads past the
 * end of one, or after it was freed. In the arena they lie side by side.
 */
#include <malloc.h>
#include <stdlib.h>

#include "mm/kmem.h"

#define ROOM (16u << 20) /* bytes of objects; the machine has 24 MiB */

static u64 in_use;

void *__wrap_kmalloc(size_t n);
void *__wrap_kzalloc(size_t n);
void *__wrap_kcalloc(size_t n, size_t size);
void __wrap_kfree(void *p);
u64 __wrap_kmem_bytes_in_use(void);
int __lsan_is_turned_off(void);

/* What is still referred to, from the arena, would be taken for lost. Whether memory is lost world.c says. */
int __lsan_is_turned_off(void)
{
	return 1;
}

static void *take(size_t n, bool zeroed)
{
	void *p;

	if (n > ROOM - in_use)
		return NULL;
	p = zeroed ? calloc(1, n) : malloc(n);
	in_use += malloc_usable_size(p);
	return p;
}

void *__wrap_kmalloc(size_t n)
{
	return take(n, false);
}

void *__wrap_kzalloc(size_t n)
{
	return take(n, true);
}

void *__wrap_kcalloc(size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : take(bytes, true);
}

void __wrap_kfree(void *p)
{
	in_use -= malloc_usable_size(p);
	free(p);
}

u64 __wrap_kmem_bytes_in_use(void)
{
	return in_use;
}
