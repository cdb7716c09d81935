/* SPDX-License-Identifier: MIT */
/* See interleave.h. The counting of preemptions is the explorer's (explore/engine.c). */
#include "tests/host/interleave.h"
#include "host/sim.h"

#include <stdio.h>

#define MAX_DEPTH 1000
#define MAX_THREADS 8u
#define DRAIN MAX_THREADS
#define NONE 255u

/* Choices: 0..7 the thread of that number + 1, 8..15 the oldest store of its CPU. */
struct step {
	u32 enabled, todo;
	u8 choice, last, ran, delayed;
	u8 stores[MAX_THREADS];
	unsigned cost;
};

static struct step steps[MAX_DEPTH + 1];

static bool pause_everywhere(
	struct sim_thread *t UNUSED, enum sim_point p UNUSED, const volatile void *o UNUSED, bool w UNUSED)
{
	return true;
}

static u32 enabled(const struct interleaving *x)
{
	u32 mask = 0;

	for (unsigned t = 0; t < x->threads; t++) {
		if (sim_thread(t + 1)->state != SIM_DEAD && sim_can_run(sim_thread(t + 1)))
			mask |= 1u << t;
		if (sim_stores_pending(t + 1))
			mask |= 1u << (DRAIN + t);
	}
	return mask;
}

static unsigned cost_of(const struct step *s, unsigned choice)
{
	return s->cost +
		(choice < DRAIN && s->last != NONE && choice != s->last && (s->enabled >> s->last & 1)) +
		(s->delayed != NONE && choice != DRAIN + s->delayed);
}

static void make_step(const struct interleaving *x, unsigned d)
{
	struct step *s = &steps[d], *up = d ? s - 1 : NULL;
	bool by_thread = up && up->choice < DRAIN;

	s->enabled = enabled(x);
	for (unsigned t = 0; t < x->threads; t++)
		s->stores[t] = (u8)sim_stores_pending(t + 1);
	s->ran = by_thread ? up->choice : NONE;
	s->last = by_thread ? up->choice : up ? up->last : NONE;
	s->delayed = NONE;
	if (by_thread && s->stores[up->choice] > up->stores[up->choice])
		s->delayed = up->choice;
	else if (up && up->delayed != NONE && up->choice == DRAIN + up->delayed && s->stores[up->delayed])
		s->delayed = up->delayed;
	s->cost = up ? cost_of(up, up->choice) : 0;
	s->todo = 0;
	for (unsigned c = 0; c < 2 * MAX_THREADS; c++) {
		/* Right after its own thread went on a store has nothing to tell: as in the explorer. */
		bool late = s->ran != NONE && c == DRAIN + s->ran && s->delayed != s->ran &&
			(s->enabled & ((1u << DRAIN) - 1));

		if ((s->enabled >> c & 1) && !late && cost_of(s, c) <= x->preemptions)
			s->todo |= 1u << c;
	}
}

static void take_choice(struct step *s)
{
	if (s->delayed != NONE && (s->todo >> (DRAIN + s->delayed) & 1))
		s->choice = (u8)(DRAIN + s->delayed);
	else if (s->last != NONE && (s->todo >> s->last & 1))
		s->choice = s->last;
	else
		s->choice = (u8)__builtin_ctz(s->todo);
	s->todo &= ~(1u << s->choice);
}

static const char *end_of(const struct interleaving *x)
{
	for (unsigned t = 1; t <= x->threads; t++)
		if (sim_thread(t)->state != SIM_DEAD)
			return "deadlock";
	return x->at_end ? x->at_end() : NULL;
}

/* One schedule, whose first `prefix` choices stand. Its length. */
static unsigned run(struct interleaving *x, unsigned prefix, const char **wrong)
{
	unsigned d;

	sim_snapshot_restore();
	sim_unmarked_restart();
	for (d = 0; !*wrong; d++) {
		struct step *s = &steps[d];

		if (d == MAX_DEPTH) {
			*wrong = "livelock";
			break;
		}
		if (d >= prefix) {
			make_step(x, d);
			if (!s->enabled)
				*wrong = end_of(x);
			if (!s->todo)
				break;
			take_choice(s);
		}
		if (s->choice < DRAIN)
			sim_resume(sim_thread(s->choice + 1u));
		else
			sim_stores_drain_one(s->choice - DRAIN + 1u);
		if (x->check)
			*wrong = x->check();
	}
	x->runs++;
	return d;
}

static void keep_schedule(struct interleaving *x, unsigned depth)
{
	unsigned n = 0;

	for (unsigned i = 0, k; i < depth && n + 8 < sizeof(x->schedule); i += k) {
		u8 c = steps[i].choice;

		for (k = 1; i + k < depth && steps[i + k].choice == c; k++)
			;
		n += (unsigned)snprintf(x->schedule + n, sizeof(x->schedule) - n, "%c%u",
			(char)(c < DRAIN ? 'A' + c : 'w' + (c - (int)DRAIN)), k);
	}
}

void interleave(struct interleaving *x)
{
	unsigned prefix = 0;

	for (unsigned t = 1; t <= x->threads; t++)
		sim_occupy(sim_thread(t));
	sim_set_point_hook(pause_everywhere);
	sim_snapshot_take();
	do {
		unsigned depth = run(x, prefix, &x->wrong);

		if (x->wrong) {
			keep_schedule(x, depth);
			break;
		}
		for (prefix = depth; prefix && !steps[prefix - 1].todo; prefix--)
			;
		if (prefix)
			take_choice(&steps[prefix - 1]);
		x->cut = prefix && x->runs == x->max_runs;
	} while (prefix && !x->cut);
	sim_snapshot_restore();
	sim_snapshot_drop();
	sim_set_point_hook(NULL);
}
