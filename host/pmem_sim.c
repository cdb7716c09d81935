/* SPDX-License-Identifier: MIT */
/* The primitives of drivers/pmem.h on the simulated machine, and images as regions. See pmem_sim.h. */
#include "host/pmem_sim.h"
#include "host/machine.h"
#include "lib/errno.h"
#include "lib/string.h"

#include <stdio.h>
#include <stdlib.h>

static pmem_sim_fn observer;
static u64 counts[NR_PMEM_SIM_EVENTS];

void pmem_sim_observe(pmem_sim_fn fn)
{
	observer = fn;
}

u64 pmem_sim_count(enum pmem_sim_event what)
{
	return counts[what];
}

/* No part of the simulated world: footprints shall not hold it (host/footprint.h). */
__attribute__((no_sanitize("thread"))) static void count(enum pmem_sim_event what)
{
	counts[what]++;
}

static void event(enum pmem_sim_event what, const void *p, size_t n)
{
	count(what);
	if (observer)
		observer(what, p, n);
}

void pmem_sim_stored(const void *p, size_t n)
{
	u64 off = (u64)p - ARENA_BASE;

	if (off < sim_machine->pmem_end && off >= sim_machine->pmem_start)
		event(PMEM_SIM_STORE, p, n);
}

const char *pmem_init_cpu(void)
{
	return "simulated";
}

#define DEFINE_STORE(bits)                             \
	void pmem_store##bits(void *dst, u##bits v)    \
	{                                              \
		*(volatile u##bits *)dst = v;          \
		event(PMEM_SIM_STORE, dst, sizeof(v)); \
	}
DEFINE_STORE(32)
DEFINE_STORE(64)

void pmem_write(void *dst, const void *src, size_t n)
{
	memcpy(dst, src, n);
	event(PMEM_SIM_STORE, dst, n);
}

void pmem_copy(void *dst, const void *src, size_t n)
{
	memcpy(dst, src, n);
	event(PMEM_SIM_NT_STORE, dst, n);
}

void pmem_zero(void *dst, size_t n)
{
	memset(dst, 0, n);
	event(PMEM_SIM_NT_STORE, dst, n);
}

size_t pmem_copy_from_user(void *dst, uaddr_t src, size_t n)
{
	size_t left;

	pagefault_disable();
	left = cpu_copy_from_user(dst, src, n);
	pagefault_enable();
	if (left < n)
		event(PMEM_SIM_NT_STORE, dst, n - left);
	return left;
}

/* --- places that flush and fence --- */

static const struct pmem_site *left_out;
/* Weak: a program without any place has no such section. */
extern struct pmem_site __start_pmem_sites[] __attribute__((weak)), __stop_pmem_sites[] __attribute__((weak));

struct pmem_site *pmem_sim_site(u32 i)
{
	return i < __stop_pmem_sites - __start_pmem_sites ? &__start_pmem_sites[i] : NULL;
}

void pmem_sim_leave_out(const struct pmem_site *s)
{
	left_out = s;
}

/* The counter is no part of the simulated world either. */
__attribute__((no_sanitize("thread"))) static bool pass(struct pmem_site *s)
{
	s->passed++;
	return s != left_out;
}

void pmem_flush_at(struct pmem_site *s, const void *p, size_t n)
{
	if (pass(s))
		event(PMEM_SIM_FLUSH, p, n);
}

void pmem_fence_at(struct pmem_site *s)
{
	if (pass(s))
		event(PMEM_SIM_FENCE, NULL, 0);
}

int pmem_sim_user_flush(uaddr_t a, enum pmem_sim_event what)
{
	void *p = sim_user_pointer(a);

	if (!p)
		return -EFAULT;
	if (pmem_find(virt_to_phys(p)))
		event(what, p, 1);
	return 0;
}

void pmem_sim_user_fence(void)
{
	event(PMEM_SIM_FENCE, NULL, 0);
}

struct pmem_region *sim_add_pmem(u64 len, const void *image, size_t image_len)
{
	u64 base = sim_machine->pmem_next;
	struct pmem_region r = {.flush = PMEM_FLUSH_CACHE, .durable = true, .source = "simulated"};

	len = ALIGN_UP(len, PAGE_SIZE);
	/* The last page stays free: cpu_kernel_root(). */
	if (image_len > len || len == 0 || len > sim_machine->pmem_end - PAGE_SIZE - base)
		return NULL;
	r.base = PADDR(base);
	r.len = len;
	r.virt = arena_ptr(base);
	memcpy(r.virt, image, image_len);
	if (pmem_add_region(&r))
		return NULL;
	sim_machine->pmem_next = ALIGN_UP(base + len, HUGE_SIZE);
	return pmem_find(r.base);
}

struct pmem_region *sim_add_pmem_file(const char *path, u64 len)
{
	struct pmem_region *r = NULL;
	FILE *f = fopen(path, "rb");
	u8 *buf = NULL;
	long size;

	if (!f)
		return NULL;
	if (!fseek(f, 0, SEEK_END) && (size = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET) &&
		(buf = malloc((size_t)size)) && fread(buf, 1, (size_t)size, f) == (size_t)size)
		r = sim_add_pmem(len ? len : (u64)size, buf, len && len < (u64)size ? len : (u64)size);
	free(buf);
	fclose(f);
	return r;
}
