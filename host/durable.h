/* SPDX-License-Identifier: MIT */
/*
 * What a crash may lose: a model of caches, write-backs and fences for the explorer, fed by the observer of host/pmem_sim.h.
 *
 * Rule: a store is in a cache until its line is flushed, then on its way on behalf of the CPU that flushed it until that CPU fences, then
 * durable. A store past the cache is on its way at once. A flush takes on what is on its way for other CPUs: its own CPU's fence then
 * covers that too (Raad, Wickerson, Neiger and Vafeiadis, "Persistency semantics of the Intel-x86 architecture", POPL 2020). Without
 * a flush of its own a CPU's fence does nothing for what others have flushed: that is what the race fsync-early-clean is about. A
 * cache may write a line back whenever it likes, so "not durable" means "may be lost".
 *
 * Kept for the first 64 blocks of each 2 MiB: a scenario's small files, and what it names of a huge one; and of a block for the lines of the first word, of the second line and of the last word, which are the words that scenarios tell
 * apart. State is outside the arena: the explorer's backend saves and restores it with the snapshot. No locks.
 */
#ifndef HOST_DURABLE_H
#define HOST_DURABLE_H

#include "host/pmem_sim.h"

#define DURABLE_BLOCKS 192 /* slots: durable_slot() */
#define DURABLE_LINES 3
#define DURABLE_CPUS 5

struct durable {
	u32 cached[DURABLE_BLOCKS][DURABLE_LINES]; /* who stored: bits of the caller's choice */
	u32 on_its_way[DURABLE_CPUS][DURABLE_BLOCKS][DURABLE_LINES];
	u64 flushed[DURABLE_CPUS][DURABLE_BLOCKS /
		64]; /* bit mask: blocks that the CPU has on its way; the fence looks at no others */
};

/* n bytes at offset `off` of the region, by `who` on `cpu`. */
void durable_event(struct durable *d, unsigned cpu, u32 who, enum pmem_sim_event what, u64 off, u64 n);
/* Whose stores to the block may be lost. */
u32 durable_lost(const struct durable *d, u64 block);

#endif
