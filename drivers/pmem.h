/* SPDX-License-Identifier: MIT */
/*
 * Persistent memory: regions, and the only primitives that may touch one.
 *
 * Rule (x86 persistency): a store is durable when its line was written back (flush) and the same CPU then
 * fenced. pmem_copy and pmem_zero use non-temporal stores: durable after pmem_fence alone; their ragged ends are flushed inside.
 * pmem_store* leave the line in the cache: pmem_flush, then pmem_fence.
 */
#ifndef DRIVERS_PMEM_H
#define DRIVERS_PMEM_H

#include "lib/types.h"

enum pmem_flush_need {
	PMEM_FLUSH_CACHE, /* caches must be written back: clwb, clflushopt or clflush */
	PMEM_FLUSH_NONE,  /* the platform flushes CPU caches on power loss (NFIT capability bit 0) */
};

struct pmem_region {
	paddr_t base;
	u64 len;
	void *virt; /* direct map */
	enum pmem_flush_need flush;
	bool durable;       /* false: RAM-backed, gone at power-off; MAP_SYNC is refused */
	u64 hint_addr;      /* flush hint address of the NVDIMM's NFIT entry, mapped; 0: none */
	const char *source; /* "NFIT", "RAM" */
};

#define PMEM_MAX_REGIONS 16
/* Registers a region; boot only. -ENOSPC, -EINVAL (overlaps another). */
int pmem_add_region(const struct pmem_region *r);
#ifdef FAULTLINE_HOSTED
/* A new simulated machine has none. */
void pmem_forget_regions(void);
#endif
unsigned pmem_region_count(void);
struct pmem_region *pmem_region(unsigned i);
/* The region that holds a; NULL: none. */
struct pmem_region *pmem_find(paddr_t a);

/* Chooses clwb, clflushopt or clflush by CPUID; boot, once. Name of the choice, for the log. */
const char *pmem_init_cpu(void);

/* Pointers are direct-map addresses inside a region. */
void pmem_store32(void *dst, u32 v);
void pmem_store64(void *dst, u64 v);
/* Cached copy for small metadata updates; flush afterwards. */
void pmem_write(void *dst, const void *src, size_t n);
/* Non-temporal. */
void pmem_copy(void *dst, const void *src, size_t n);
void pmem_zero(void *dst, size_t n);
/* From user memory with page faults disabled; bytes NOT copied. Written back: durable after pmem_fence. */
size_t pmem_copy_from_user(void *dst, uaddr_t src, size_t n);
/* Writes back the lines of [p, p+n). */
void pmem_flush(const void *p, size_t n);
/* Orders and completes earlier flushes and non-temporal stores of this CPU. */
void pmem_fence(void);
/* Fence, and where the NFIT gives a flush hint address, a store to it: what is in the memory controller's queues is on the medium then
 * also if the platform does not empty them at power loss (ACPI 6.5, 5.2.25.8). For fsync and sync. */
void pmem_drain(struct pmem_region *r);
/* Only that store: for who knows that everything was fenced. */
void pmem_drain_queues(struct pmem_region *r);
#ifdef FAULTLINE_HOSTED
/* The simulation knows each place that flushes or fences by itself, so that a test can leave one out (host/pmem_sim.h). */
struct pmem_site {
	const char *file, *function;
	u32 line;
	bool fence;
	u64 passed; /* how often */
};
void pmem_flush_at(struct pmem_site *s, const void *p, size_t n);
void pmem_fence_at(struct pmem_site *s);
#define PMEM_SITE(is_fence)                                                                                \
	({                                                                                                 \
		static struct pmem_site site_ __attribute__((section("pmem_sites"), used, aligned(8))) = { \
			__FILE__, __func__, __LINE__, is_fence, 0};                                        \
		&site_;                                                                                    \
	})
#define pmem_flush(p, n) pmem_flush_at(PMEM_SITE(false), p, n)
#define pmem_fence() pmem_fence_at(PMEM_SITE(true))
#define pmem_drain(r) ((void)(r), pmem_fence())
#define pmem_drain_queues(r) ((void)(r)) /* there are none */
#endif
/* Does any region need its cache lines written back? Otherwise pmem_flush has nothing to do. */
extern bool pmem_flush_needed;
/* Reads need no primitive: plain loads. */

#endif
