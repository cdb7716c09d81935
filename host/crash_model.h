/* SPDX-License-Identifier: MIT */
/*
 * Which bytes a power failure may leave in persistent memory, for tests of recovery. Any number of CPUs.
 *
 * Rule (x86 persistency, by 64-byte lines, in units of 8 bytes):
 * - Of the ordinary stores to a line, by whichever CPU, some prefix survives.
 * - clwb and clflushopt promise nothing until the CPU that issued them fences; then what the line held at the flush is certain. clflush is
 *   certain by itself.
 * - Of stores past the cache any subset survives until their own CPU fences, which makes them certain. They push the line out of the
 *   caches first, as a flush by that CPU.
 * - Lines are independent of one another. A unit never goes back: once a store to it is certain, older ones are forgotten.
 * Without a fence of its own CPU nothing is certain: that locked instructions and other CPUs' fences may help is not relied upon.
 *
 * A state is told as what it has beyond what is certain. host/durable.h asks the same question about chosen words only, for the explorer.
 * The model's memory is the host's, outside the arena. Feed it by pmem_sim_observe().
 */
#ifndef HOST_CRASH_MODEL_H
#define HOST_CRASH_MODEL_H

#include "host/pmem_sim.h"

#define CRASH_CPUS 8

struct crash_model;

/* A region of n bytes (whole pages) at `region`, whose content counts as durable. */
struct crash_model *crash_model_create(const void *region, u64 n);
void crash_model_destroy(struct crash_model *m);
/* After the bytes have changed; what lies outside the region is no concern of ours. */
void crash_model_event(struct crash_model *m, unsigned cpu, enum pmem_sim_event what, const void *p, u64 n);

/* What is certain now, n bytes, and a hash of it that depends on nothing but the content. */
const u64 *crash_model_durable(const struct crash_model *m);
u64 crash_model_hash(const struct crash_model *m);
/* Pages of it that have changed since the last crash_model_rebase(). */
u32 crash_model_changed(const struct crash_model *m, const u32 **pages);
void crash_model_rebase(struct crash_model *m);

struct crash_word {
	u64 at, value; /* in units of 8 bytes */
};
/* What may be found after a failure: what is certain, with these words in place of what stands there. */
struct crash_state {
	const struct crash_word *words; /* one for each unit at most */
	u32 nr_words;
	u64 hash; /* of the whole content, as crash_model_hash() */
};
typedef bool (*crash_state_fn)(void *arg, const struct crash_state *s); /* false: enough */

/*
 * States in which a failure now may leave the region: all, if there are at most `limit`, else nothing, everything, single lines, all
 * but one, pairs, and random ones, about `limit` in all. Some may be told twice. The same seed chooses the same.
 */
void crash_model_states(struct crash_model *m, u32 limit, u64 *seed, crash_state_fn fn, void *arg);

#endif
