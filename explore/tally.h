/* SPDX-License-Identifier: MIT */
/* Private to explore/: what an exploration has reached: protocol steps, pairs of them, oracles, final states. */
#ifndef EXPLORE_TALLY_H
#define EXPLORE_TALLY_H

#include "explore/world.h"

#define TALLY_ORACLES 16
#define TALLY_STATES 8192 /* a power of two */

struct tally {
	bool step[NR_STEPS];
	bool pair
		[NR_STEPS]
		[NR_STEPS]; /* [x][y]: a thread took step x, and the next step taken was y, by another thread */
	/* of the run under way */
	unsigned last_thread;
	enum protocol_step last_step; /* NR_STEPS: none */
	/* of the cell */
	const char *oracles[TALLY_ORACLES]; /* that a schedule violated, each once */
	unsigned nr_oracles;
	u64 *states; /* hashes of final states, at their places; 0: empty. NULL: they are not wanted */
	unsigned nr_states;
	bool more_states; /* than there is room for */
	u64 digest;       /* of the set of states */
};

void tally_run_starts(struct tally *y);
/* Thread t goes on. */
void tally_thread(struct tally *y, const struct explore_thread *t);
/* A schedule came to its end: v, or none and everybody is done. */
void tally_end(struct tally *y, struct explore_world *w, const struct violation *v);
/* Forgets the cell's part. */
void tally_forget(struct tally *y);
/* Adds y's steps and pairs to `to`. */
void tally_add(struct tally *to, const struct tally *y);
unsigned tally_steps(const struct tally *y);
unsigned tally_pairs(const struct tally *y);

#endif
