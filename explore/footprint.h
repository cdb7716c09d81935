/* SPDX-License-Identifier: MIT */
/* What a transition read and changed, as far as the explorer needs to know. Recorded by a backend (host/footprint.c). */
#ifndef EXPLORE_FOOTPRINT_H
#define EXPLORE_FOOTPRINT_H

#include "lib/types.h"

/*
 * One entry a word: its number, shifted left by one, | 1 if the transition changed it. A word that was stored to and holds the old
 * value again at the end (a lock taken and dropped) counts as read.
 */
struct footprint {
	u32 *words;
	u32 nr, room;
	bool everything;      /* it touched something that has no word: it goes with nothing */
	u64 visible;          /* bit mask of checks: it changed something that they look at */
	bool begins, returns; /* an operation */
	u8 took; /* bit mask of threads: their CPU took waiting interrupts on the way, which were choices before */
};

struct recorder {
	u32 (*nr_words)(void);
	/* A transition begins; it is over: its footprint. -ENOMEM. */
	void (*start)(void);
	int (*stop)(struct footprint *out);
	/* Between the two oracles run; call between start and stop, or before the first transition. */
	void (*oracle_starts)(void);
	void (*oracle_ends)(void);
	/* Called by the oracles: what is read from now on is read by these checks (a bit mask; 0: by none). */
	void (*look)(u64 checks);
	/* Called by the oracles: what is read from now on counts as read by the transition itself, which these checks take part in. */
	void (*look_as_transition)(u64 checks);
	/* The checks that have ever looked at a word that the transition has changed, and those that it takes part in. */
	u64 (*visible)(const struct footprint *f);
	/* Has a check, since the last call, looked for the first time at a word that a transition had changed which it was not told of? */
	bool (*misjudged)(void);
	void (*release)(struct footprint *f);
	/*
	 * Back to an earlier state without running anything again: what was stored between start and stop is logged. mark: the state as it
	 * is now. undo: back to a mark, and forgets what came after. False: something was stored that is not in the log. forget: reset()
	 * has been called; it is the state of mark 0.
	 */
	u32 (*mark)(void);
	bool (*undo)(u32 mark);
	void (*forget)(void);
};

#endif
