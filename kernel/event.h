/* SPDX-License-Identifier: MIT */
/*
 * Counters of events, always on: each CPU counts for itself, by one instruction that needs neither lock nor preemption off. Clients:
 * mm, fs, processes; /proc/faultline/faults shows the sums. Hosted builds count nothing: to the explorer a counter would be state that all
 * threads share.
 */
#ifndef KERNEL_EVENT_H
#define KERNEL_EVENT_H

#include "lib/types.h"

/* Page faults by what they ended in. The first column of a line of /proc/faultline/faults. */
#define EVENTS(X)                         \
	X(FAULT_ANON, "anonymous")        \
	X(FAULT_COW, "copy-on-write")     \
	X(FAULT_READ, "read")             \
	X(FAULT_HOLE, "hole")             \
	X(FAULT_WRITE, "write")           \
	X(FAULT_ALLOC, "allocate")        \
	X(FAULT_PRIVATE, "private")       \
	X(FAULT_HUGE_READ, "huge-read")   \
	X(FAULT_HUGE_HOLE, "huge-hole")   \
	X(FAULT_HUGE_WRITE, "huge-write") \
	X(FAULT_PRESENT, "present")       \
	X(FAULT_STACK, "stack")           \
	X(FAULT_SEGV, "sigsegv")          \
	X(FAULT_BUS, "sigbus")            \
	X(FAULT_OOM, "no-memory")

enum event {
#define X(name, text) EVENT_##name,
	EVENTS(X)
#undef X
		NR_EVENTS
};

#ifdef FAULTLINE_HOSTED
static inline void event_count(enum event e UNUSED) {}
#else
#define EVENT_OFFSET 56 /* percpu.events, asserted in kernel/cpu/percpu.h */

static inline __attribute__((always_inline)) void event_count(enum event e)
{
	__asm__ volatile("incq %%gs:%c0" ::"i"(EVENT_OFFSET + 8 * e) : "memory", "cc");
}
#endif
/* Of all CPUs, since boot. */
u64 event_total(enum event e);

#endif
