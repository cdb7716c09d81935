/* SPDX-License-Identifier: MIT */
/* Private to explore/: text for people. A schedule is shown as the mailing list writes it: a column a thread, time running down. */
#ifndef EXPLORE_PRINT_H
#define EXPLORE_PRINT_H

#include "explore/engine.h"

struct printer {
	explore_out_fn out;
	void *arg;
};
void print(struct printer *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A scheme with its policies where they are not the default: "rwsem", "none+fault+global". */
#define SCHEME_TEXT 24
void scheme_text(const struct dax_config *c, char text[SCHEME_TEXT]);

/* The scheme that has to survive every race. */
#define SAFE_SCHEME "range"

/* help.c: what a spec may hold; which races and schemes there are. */
void print_help(struct printer *p);
void print_list(struct printer *p);

/* RACE/SCHEME/GRANULARITY:A3B2a1… Upper case: the thread runs for so many points; lower case: its CPU takes an interrupt. */
void print_replay_string(struct printer *p, const char *race, const struct cell *c, const struct schedule *s);
/* The part behind the ':'. 0 or -EINVAL. */
int parse_schedule(const char *text, struct schedule *out);

/* Runs s and prints it in columns, what it violates, and its replay string. */
int print_schedule(
	struct printer *p, const char *race, struct cell *c, const struct schedule *s, struct violation *v);

#endif
