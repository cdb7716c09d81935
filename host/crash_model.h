/* SPDX-License-Identifier: MIT */
/*
 * Which bytes a power failure may leave in persistent memory, for tests of recovery. One CPU.
 *
 * Rule (x86 persistency, by 64-byte lines): of the ordinary stores to a line some prefix survives, in 8-byte units and in program order; what
 * was flushed and then fenced survives for certain. Of stores past the cache any subset survives until a fence, which makes all of them
 * certain. Lines are independent of one another. host/durable.h asks the same question for several CPUs, about chosen words only.
 *
 * The model's memory is the host's, outside the arena. Feed it by pmem_sim_observe().
 */
#ifndef HOST_CRASH_MODEL_H
#define HOST_CRASH_MODEL_H

#include "host/pmem_sim.h"

struct crash_model;

/* A region of n bytes at `region`, whose content counts as durable. */
struct crash_model *crash_model_create(const void *region, u64 n);
void crash_model_destroy(struct crash_model *m);
void crash_model_event(struct crash_model *m, enum pmem_sim_event what, const void *p, u64 n);

enum crash_choice {
	CRASH_NOTHING, /* only what is certain survives */
	CRASH_ALL,     /* everything does */
	CRASH_ONE,     /* one line of those in doubt, whole */
	CRASH_BUT_ONE, /* all but one */
	CRASH_RANDOM,  /* by the rule, at random */
	NR_CRASH_CHOICES,
};
/* Writes what may be found after a failure now into `image` (n bytes; NULL: nowhere); a hash of what was chosen, for counting different
 * ones. The same seed chooses the same. */
u64 crash_model_image(struct crash_model *m, enum crash_choice how, u64 *seed, void *image);
/* Lines in doubt. */
u64 crash_model_doubt(const struct crash_model *m);

#endif
