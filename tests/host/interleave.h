/* SPDX-License-Identifier: MIT */
/*
 * Every interleaving of a few simulated threads, for tests of one lock: depth first, from a snapshot, up to a bound of preemptions.
 * Points are those of the build: marked accesses and spinlocks, or, in the TSO build, every atomic access; there the way of each
 * store from its CPU's buffer to memory is a choice as well.
 *
 * Use: sim_init, the world in the arena, sim_spawn of each thread on a CPU of its own (not 0), then interleave().
 */
#ifndef TESTS_HOST_INTERLEAVE_H
#define TESTS_HOST_INTERLEAVE_H

#include "lib/types.h"

struct interleaving {
	/* in */
	unsigned threads; /* 1 .. threads of the simulation, each on the CPU of its number */
	unsigned
		preemptions; /* of a thread that could have gone on, and stores that stay in a buffer while others move */
	u64 max_runs;
	const char *(*check)(void);  /* after each transition: what is wrong, or NULL */
	const char *(*at_end)(void); /* when all are done */
	/* out */
	u64 runs;
	bool cut;           /* by max_runs */
	const char *wrong;  /* first violation, "deadlock" and "livelock" among them; NULL: none */
	char schedule[256]; /* of it: A.. a thread, w.. a store of its CPU reaches memory */
};

void interleave(struct interleaving *x);

#endif
