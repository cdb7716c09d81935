/* SPDX-License-Identifier: MIT */
/* What an exploration has reached. See tally.h. */
#include "explore/tally.h"

void tally_run_starts(struct tally *y)
{
	y->last_step = NR_STEPS;
}

void tally_thread(struct tally *y, const struct explore_thread *t)
{
	/* Who has waited is inside a step that it took before. */
	if (t->point != POINT_STEP || t->status != EXPLORE_AT_POINT)
		return;
	y->step[t->step] = true;
	if (y->last_step != NR_STEPS && y->last_thread != t->index)
		y->pair[y->last_step][t->step] = true;
	y->last_step = t->step;
	y->last_thread = t->index;
}

static void add_state(struct tally *y, u64 hash)
{
	unsigned at = (unsigned)(hash % TALLY_STATES);

	hash += !hash;
	while (y->states[at] && y->states[at] != hash)
		at = (at + 1) % TALLY_STATES;
	if (y->states[at])
		return;
	if (y->nr_states == TALLY_STATES - 1) {
		y->more_states = true;
		return;
	}
	y->states[at] = hash;
	y->nr_states++;
	y->digest += hash;
}

void tally_end(struct tally *y, struct explore_world *w, const struct violation *v)
{
	if (!v->oracle) {
		if (y->states)
			add_state(y, w->crashed ? crash_digest(w) : history_hash(w));
		return;
	}
	for (unsigned i = 0; i < y->nr_oracles; i++)
		if (!strcmp(y->oracles[i], v->oracle))
			return;
	if (y->nr_oracles < TALLY_ORACLES)
		y->oracles[y->nr_oracles++] = v->oracle;
}

void tally_forget(struct tally *y)
{
	y->nr_oracles = y->nr_states = 0;
	y->more_states = false;
	y->digest = 0;
	if (y->states)
		memset(y->states, 0, TALLY_STATES * sizeof(*y->states));
}

void tally_add(struct tally *to, const struct tally *y)
{
	for (unsigned a = 0; a < NR_STEPS; a++) {
		to->step[a] |= y->step[a];
		for (unsigned b = 0; b < NR_STEPS; b++)
			to->pair[a][b] |= y->pair[a][b];
	}
}

unsigned tally_steps(const struct tally *y)
{
	unsigned n = 0;

	for (unsigned a = 0; a < NR_STEPS; a++)
		n += y->step[a];
	return n;
}

unsigned tally_pairs(const struct tally *y)
{
	unsigned n = 0;

	for (unsigned a = 0; a < NR_STEPS; a++)
		for (unsigned b = 0; b < NR_STEPS; b++)
			n += y->pair[a][b];
	return n;
}
