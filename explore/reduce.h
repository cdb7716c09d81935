/* SPDX-License-Identifier: MIT */
/* Private to explore/: enumeration that leaves out interleavings which differ only in the order of transitions that commute. */
#ifndef EXPLORE_REDUCE_H
#define EXPLORE_REDUCE_H

#include "explore/engine.h"

/* Every class of interleavings, by c->reduce; c's results are filled in. `start`: when the exploration began, for b's limits. -EIO as for
 * cell_explore(); -ENOMEM. */
int reduce_explore(struct cell *c, const struct bounds *b, u64 start);

#endif
