/* SPDX-License-Identifier: MIT */
/* What files, mappings and pins are in the eyes of their users, and what each event of an operation changes. Client: history.c. Pure. */
#ifndef EXPLORE_MODEL_H
#define EXPLORE_MODEL_H

#include "explore/world.h"

#define MODEL_MAX_EVENTS 4 /* an operation */
#define COMMON EXPLORE_MAX_THREADS

/* How far an address space has a mapping, or its right to store; how far a page is good. */
enum progress { YES, MAYBE, NO };

struct model_page {
	u64 part[NR_PARTS];
	bool hole;
	u8 good;
};

struct model {
	u64 size[EXPLORE_MAX_FILES];                                  /* i_size */
	struct model_page page[EXPLORE_MAX_FILES][EXPLORE_MAX_PAGES]; /* past the end: empty once removed */
	/* by thread; COMMON where threads share a mapping */
	u8 mapped[COMMON + 1][EXPLORE_MAX_FILES], writable[COMMON + 1][EXPLORE_MAX_FILES];
	/* by address space: thread, or 0 where threads share one */
	struct model_page copy[EXPLORE_MAX_THREADS][EXPLORE_MAX_PAGES]; /* private; hole: there is none */
	u8 pins[EXPLORE_MAX_THREADS][EXPLORE_MAX_FILES][EXPLORE_MAX_PAGES];
	/* by thread, within one operation */
	struct {
		u64 part[NR_PARTS];
		u64 bytes;
		bool grows;
	} buffer[EXPLORE_MAX_THREADS];
};

/* One event that is tried. */
struct model_event {
	const struct scenario *sc;
	struct model *m;
	const struct script_op *op;
	const struct op_result *r;
	unsigned thread, nr;
};

/* How many an operation has. */
unsigned model_nr_events(const struct script_op *op);
/* Does the event agree with the operation's result? Then e->m is changed by it. */
bool model_apply(const struct model_event *e);
/* What there is after the preparations. */
void model_start(const struct scenario *sc, struct model *m);

/* Is any byte of the page inside the file? */
static inline bool model_inside(const struct model *m, unsigned f, u64 page)
{
	return page << PAGE_SHIFT < m->size[f];
}

/* Bytes of the page inside the file. */
static inline u64 model_bytes_inside(const struct model *m, unsigned f, u64 page)
{
	return model_inside(m, f, page) ? MIN(m->size[f] - (page << PAGE_SHIFT), PAGE_SIZE) : 0;
}

static inline unsigned model_parts_in(u64 bytes)
{
	return bytes >= PAGE_SIZE ? NR_PARTS : bytes ? 1 : 0;
}

#endif
