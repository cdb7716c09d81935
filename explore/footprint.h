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
	bool visible;         /* it changed something that an oracle looks at */
	bool begins, returns; /* an operation */
	u8 took; /* bit mask of threads: their CPU took waiting interrupts on the way, which were choices before */
};

struct recorder {
	u32 (*nr_words)(void);
	/* A transition begins; it is over: its footprint. -ENOMEM. */
	void (*start)(void);
	int (*stop)(struct footprint *out);
	/* What is read between the two is read by an oracle. */
	void (*oracle_starts)(void);
	void (*oracle_ends)(void);
	/* Has the transition changed a word that an oracle has ever looked at? */
	bool (*visible)(const struct footprint *f);
	/* Has an oracle, since the last call, looked for the first time at a word that an invisible transition had changed? */
	bool (*misjudged)(void);
	void (*release)(struct footprint *f);
};

#endif
