/* SPDX-License-Identifier: MIT */
/*
 * Simulated persistent memory: stores go straight to the arena, and every primitive passes an observer. The model of caches, flushes and
 * fences (which states can a crash leave?) is an observer; so are counters in tests.
 */
#ifndef HOST_PMEM_SIM_H
#define HOST_PMEM_SIM_H

#include "drivers/pmem.h"

enum pmem_sim_event {
	PMEM_SIM_STORE,    /* n bytes at p were stored, cached */
	PMEM_SIM_NT_STORE, /* stored past the cache */
	PMEM_SIM_FLUSH,    /* clwb, clflushopt */
	PMEM_SIM_CLFLUSH,  /* by programs; orders itself */
	PMEM_SIM_FENCE,
	NR_PMEM_SIM_EVENTS,
};

/* Called after the bytes have changed, on the CPU that did it. NULL: nobody. */
typedef void (*pmem_sim_fn)(enum pmem_sim_event what, const void *p, size_t n);
void pmem_sim_observe(pmem_sim_fn fn);

/* Events so far, by kind. */
u64 pmem_sim_count(enum pmem_sim_event what);

/* The machine's user stores come through here; outside pmem it does nothing. */
void pmem_sim_stored(const void *p, size_t n);
/* The running thread's program writes the line of one of its addresses back (what: FLUSH or CLFLUSH), or fences. -EFAULT. */
int pmem_sim_user_flush(uaddr_t a, enum pmem_sim_event what);
void pmem_sim_user_fence(void);

/*
 * Each place in the sources that flushes or fences, so that a test can leave one out at a time (drivers/pmem.h). Those that are linked, in
 * the order of the linker; NULL past the last.
 */
struct pmem_site *pmem_sim_site(u32 i);
/* From now on this one does nothing; NULL: all do. */
void pmem_sim_leave_out(const struct pmem_site *s);

#endif
