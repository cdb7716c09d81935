/* SPDX-License-Identifier: MIT */
/*
 * Private to explore/: enumerates the interleavings of one scenario under one scheme (a cell).
 *
 * A schedule is a list of choices, each of which lets one thread run from its point to the next, or one CPU take an interrupt. The
 * enumeration is depth-first and stateless: for each schedule the world is reset, the common prefix is
 * replayed and the rest is chosen: first the thread that ran last, then the others. Every choice that can run is tried at every point.
 * Under a limit of number or time the schedules come in the order of their switches between threads; where preemptions are bounded, of those.
 */
#ifndef EXPLORE_ENGINE_H
#define EXPLORE_ENGINE_H

#include "explore/tally.h"

#define ENGINE_MAX_DEPTH 2048 /* longer: livelock */

/* 0..3: thread; 4..7: interrupt on the CPU of thread - 4; 8..11: the oldest store of that CPU's buffer reaches memory. */
typedef u8 choice_t;
typedef u16 choices_t; /* bit mask */
#define CHOICE_INTERRUPT EXPLORE_MAX_THREADS
#define CHOICE_DRAIN (2 * EXPLORE_MAX_THREADS)
#define NR_CHOICES (3 * EXPLORE_MAX_THREADS)

struct node {
	choices_t enabled, todo;
	choices_t arrived; /* interrupts that have just come, or just can be taken */
	choice_t choice;
	u8 last;    /* thread that ran before; NR_CHOICES: none */
	u8 ran;     /* thread whose transition led here; NR_CHOICES: none */
	u8 delayed; /* its new stores have not all left the buffer, and nothing else has come since: the same thread; NR_CHOICES: no */
	u8 stores[EXPLORE_MAX_THREADS]; /* in the buffers */
	u16 preemptions; /* before this choice: the thread that ran last could have gone on, a new store reach memory, an interrupt be taken */
	u16 switches;    /* before this choice: another thread ran next, for whatever reason */
};

struct bounds {
	u64 max;         /* interleavings; 0: any number */
	int preemptions; /* < 0: any number */
	int switches;    /* < 0: any number */
	u64 ns;          /* 0: any time */
	bool first;      /* stop at the first violation */
	u64 after_ns;    /* reduced: stop so long after the first violation; 0: any time */
};

struct schedule {
	choice_t *choices;
	unsigned len;
};

/* Which interleavings are run: every one; one of each class but for what ends asleep; the least of them (reduce.c). */
enum reduce { REDUCE_OFF, REDUCE_SLEEP, REDUCE_SOURCE };

struct cell {
	struct explore_world w;
	enum reduce reduce;
	bool want_states;
	struct node *nodes; /* ENGINE_MAX_DEPTH */
	unsigned depth;
	bool complete; /* the last schedule ran until nobody could go on */
	bool more;     /* the bounds forbade something */
	/* results */
	u64 interleavings, violations, transitions, runs, ns;
	u64 violated_at; /* clock_ns(); reduced */
	u64 blocked;     /* reduced: runs that ended where all that could go on was asleep */
	struct tally tally;
	unsigned longest;
	int covered; /* where it was cut short: every schedule with at most so many switches (or preemptions) was run; < 0: not even that */
	bool stuck;  /* threads of the last schedule cannot be ended: it cannot be run again either */
	const char *cut;            /* the bound that cut the enumeration short; NULL: exhaustive */
	struct violation violation; /* of `schedule` */
	struct schedule schedule;   /* the counterexample with the fewest switches between threads */
};

/* What a replay shows as it goes. */
struct observer {
	void (*before)(void *arg, struct cell *c, choice_t choice);
	void (*after)(void *arg, struct cell *c, choice_t choice);
	/* At the violation. Then the schedule goes on to its end, unchecked, to show what comes of it. */
	void (*violated)(void *arg, struct cell *c, const struct violation *v);
	/* Everybody is done, the world still there. */
	void (*ended)(void *arg, struct cell *c);
	void *arg;
};

/* c->w.sc, scheme, granularity, reduce and want_states are set. What the backend cannot reduce is not reduced. 0, or negative with err[]. */
int cell_open(struct cell *c, char *err, size_t err_size);
void cell_close(struct cell *c);
/* Enumerates. -EIO: a prefix did not replay the same way (a bug of ours). */
int cell_explore(struct cell *c, const struct bounds *b);
/* Runs one schedule; what follows its end is chosen as in the enumeration. -EINVAL: it asks for a choice that cannot run. */
int cell_replay(struct cell *c, const struct schedule *s, const struct observer *o, struct violation *v);

/* What engine.c and reduce.c share. */
choices_t engine_enabled(struct explore_world *w);
/* `last`, if mask has it: the least switching. */
choice_t engine_first_choice(u8 last, choices_t mask);
void engine_execute(struct cell *c, choice_t choice);
void engine_check_after(struct explore_world *w, choice_t choice, struct violation *v);
void engine_check_end(struct explore_world *w, struct violation *v); /* nobody can run */
const char *engine_bound_reached(const struct cell *c, const struct bounds *b, u64 start);
/* A new start: no results. */
void engine_forget(struct cell *c);

#endif
