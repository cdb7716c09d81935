/* SPDX-License-Identifier: MIT */
/*
 * The test of durability, in three parts that run one after the other in a process of their own (crash.c):
 *
 *   choose.c, script.c   choose operations by a seed and make them on a mounted file system, each on some CPU of the simulated machine; what the
 *              persistent memory sees meanwhile becomes a trace
 *   enumerate.c   plays the trace to the model of host/crash_model.h; in front of each fence, and now and then elsewhere, it takes states in which
 *              a power failure may leave the memory
 *   judge.c    boots another machine from such a state, mounts, and asks oracle.c whether what it finds is allowed; of a sample e2fsck judges
 *              too, and the recovery itself fails once more
 */
#ifndef TESTS_CRASH_WORLD_H
#define TESTS_CRASH_WORLD_H

#include "host/crash_model.h"
#include "host/sim.h"
#include "tests/crash/oracle.h"

#define CPUS 4

/* An image to begin with, clean: made by mke2fs, its free blocks full of garbage. */
struct start {
	const char *options; /* of mke2fs */
	const char *log;     /* opens the journal for debugfs, which then writes to it; or NULL */
	bool no_journal; /* nothing is promised but of states in which no operation is under way, and e2fsck comes first */
	void *image;
	u64 len;
	u64 pool_ino;
};
#define POOL_PAGES FILE_PAGES

/* What happened, in order. Events of the persistent memory carry the bytes that are there afterwards. */
enum trace_what { TRACE_BEGIN = NR_PMEM_SIM_EVENTS, TRACE_END }; /* of step `at`; of its op `n` */
struct trace_event {
	u32 what, cpu;
	u64 at, n;
	u64 data; /* where in trace.data */
};
struct trace {
	struct trace_event *events;
	u8 *data;
	u64 nr, room, size, data_room;
	const void *region;
	u64 region_len;
};
/* Records into t from now on; NULL: stops. One at a time. */
void trace_record(struct trace *t);
void trace_mark(enum trace_what what, u64 at, u64 n);
void trace_free(struct trace *t);

/* A machine without a file system mounted, whose region is the image. */
struct pmem_region *world_boot(const void *image, u64 len);
/* As Faultline's boot does it: 0, or errno with why[160]. */
int world_mount(struct pmem_region *r, char *why);

#define MAX_STEPS 220u
struct script {
	struct step steps[MAX_STEPS];
	u32 nr;
	struct trace trace;
	const char *failed; /* an operation that should have succeeded did not; NULL */
};
/* Runs nr_steps steps by the seed. */
void script_run(struct script *s, const struct start *start, u64 seed, u32 nr_steps);
/* Fills the free blocks of a fresh image with garbage, makes /big and the pool; start->image is then what the unmount has left. */
bool script_prepare(struct start *start);
void script_describe(const struct step *s, char *text, u32 size);

/* Shared by all processes: what was done so far. */
struct tally {
	_Atomic(u64) states;     /* different ones, judged by recovering */
	_Atomic(u64) again;      /* of them left in the middle of a recovery */
	_Atomic(u64) duplicates; /* one that was judged, once more */
	_Atomic(u64) fscks;      /* judged by e2fsck, before our recovery and after it */
	_Atomic(u64) torn;       /* of them by a backup, because the superblock was half written */
	_Atomic(u64) violations;
	_Atomic(u64) steps, fences;
	u64 enough;                  /* states after which nobody begins a new one */
	_Atomic(u64) seen[1u << 21]; /* hashes */
};
struct judge_rules {
	u32 limit; /* states at one point */
	u32 fsck_every,
		again_every; /* of the states judged; besides those whose recovery goes a way that was not seen before */
	u32 violations_max; /* then enough is seen */
	bool quiet;
	const char *dir; /* for images that e2fsck gets */
};
/* Plays s, which began at `start`, and judges what may be left at each point. Once a process. */
void enumerate(const struct script *s, const struct start *start, u64 seed, const struct judge_rules *rules,
	struct tally *tally);

/* A machine that is booted again and again. */
void judge_open(const void *image, u64 len);
void judge_close(void);
/* Makes its memory state s of m; then, where `over` is not NULL, state t of `over`, a model that began with that content. The
 * machine may begin anew with what is certain in m. */
void judge_load(struct crash_model *m, const struct crash_state *s, const struct crash_model *over,
	const struct crash_state *t);
/* Mounts, looks, unmounts. NULL, or what is wrong. record: gets what the recovery does; or NULL. */
const char *judge_recovery(struct trace *record);
/* e2fsck -fy of what is loaded, then -fn; what it made of it must be allowed too. NULL, or what is wrong. */
const char *judge_by_fsck(const char *dir);
/* Has what is loaded a superblock that was half written? */
bool judge_is_torn(void);
/* e2fsck -fn alone, after judge_recovery(). */
const char *judge_left(const char *dir);

#endif
