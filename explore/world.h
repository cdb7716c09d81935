/* SPDX-License-Identifier: MIT */
/*
 * Private to explore/: the world that a scenario runs in, its scripted threads, and the backend that runs them.
 *
 * Rule: at any time at most one of {controller, one scripted thread} runs. While the scripted threads are paused the
 * controller owns every field here; a running thread owns its own struct explore_thread.
 */
#ifndef EXPLORE_WORLD_H
#define EXPLORE_WORLD_H

#include "explore/explore.h"
#include "explore/footprint.h"
#include "explore/scenario.h"
#include "fs/dax.h"
#include "mm/pin.h"

enum explore_status {
	EXPLORE_AT_POINT, /* paused; may go on */
	EXPLORE_WAITING,  /* for a lock or an acknowledgment */
	EXPLORE_DONE,
	EXPLORE_PANICKED,
};
enum explore_granularity { EXPLORE_STEPS, EXPLORE_ACCESSES };
enum explore_point_kind { POINT_STEP, POINT_ACCESS, POINT_LOCK, POINT_USER };

struct op_result {
	bool begun, returned;
	unsigned begin, end; /* transitions in which it began and returned */
	i64 ret;             /* 0 or bytes, or negative errno */
	u64 value;           /* load */
	u64 part[NR_PARTS];  /* read */
};

/* A page that a thread's device holds. */
struct explore_pin {
	bool held;
	unsigned file;
	u64 page;
	struct mm_pin pin;
};

/* Where a thread has its mappings; after munmap: where they were. */
struct explore_maps {
	uaddr_t shared[EXPLORE_MAX_FILES], private[EXPLORE_MAX_FILES];
};

struct explore_thread {
	struct explore_world *w;
	unsigned index;
	enum explore_status status;
	/* the action that it is paused in front of */
	enum explore_point_kind point;
	enum protocol_step step;
	u64 arg;
	bool write;
	/* script */
	unsigned op;
	struct op_result results[EXPLORE_MAX_OPS];
	struct explore_maps maps;
	struct explore_maps moved; /* where mremap moves them; afterwards where they were */
	struct explore_pin pins[EXPLORE_MAX_PINS];
	/* constant while a cell is explored (hosted), or a run (kernel) */
	bool controlled; /* false: steps do not pause (preparations, and clearing up after a run) */
	struct thread *thread;
	struct mm *mm;
	struct explore_maps start_maps; /* of a run, like the next */
	struct explore_pin start_pins[EXPLORE_MAX_PINS];
	struct mm *child; /* of fork, until its exit */
	u64 *page;        /* buffer of one page */
	void *backend;
};

/* Operation op of thread t; preparations. */
#define EXPLORE_STORED_BY(t, op) (1u << ((t)*EXPLORE_MAX_OPS + (op)))
#define EXPLORE_STORED_BEFORE (1u << 31)

/* Which blocks the files own, as block numbers of the scratch file system. */
struct ownership {
	u32 block[EXPLORE_MAX_FILES][EXPLORE_MAX_PAGES];
	u8 state[EXPLORE_MAX_FILES][EXPLORE_MAX_PAGES]; /* enum extent_state */
};

struct explore_world {
	const struct scenario *sc;
	struct dax_config config; /* of the scenario's files */
	enum explore_granularity granularity;
	const struct explore_backend *backend;
	unsigned now;                    /* number of the transition that runs */
	const struct recorder *recorder; /* is told what each check of the oracles reads; NULL: nobody is */
	bool crashed;                    /* the power has failed: nobody goes on */
	char panic_text[200];
	void *history;         /* history_size() bytes */
	void *crash;           /* crash_size() bytes; NULL: the scenario has no crash */
	struct ownership *own; /* after so many transitions; of a replayed prefix: from when it was new */
	/* constant while a cell is explored (hosted), or a run (kernel) */
	struct pmem_region *region;
	struct super *super;
	struct inode *inodes[EXPLORE_MAX_FILES];
	struct file *files[EXPLORE_MAX_FILES];
	struct explore_thread threads[EXPLORE_MAX_THREADS];
};

struct violation;

/* The states that a failure of the power now may leave persistent memory in. */
struct power_failure {
	unsigned (*states)(struct explore_world *w);
	/* Of one state: the same content, the same number. */
	u64 (*hash)(struct explore_world *w, unsigned state);
	/* crash_look() on a machine of its own that has this state. */
	void (*survive)(struct explore_world *w, unsigned state, struct violation *v);
	/* Which one it is, in words. */
	void (*text)(struct explore_world *w, unsigned state, char *buf, size_t size);
};

typedef void (*tlb_visit_fn)(
	void *arg, unsigned thread, paddr_t root, uaddr_t page, unsigned order, pte_t pte);

struct explore_backend {
	const char *name;
	bool accesses; /* can do EXPLORE_ACCESSES */
	u64 default_max; /* interleavings a cell, and the first violation ends it, unless the spec says otherwise; 0: all */
	u64 minimise_runs; /* spent on a shorter counterexample */
	/* Builds w's world and brings it to the state from which every run starts. Negative errno: err[] says why. */
	int (*begin)(struct explore_world *w, char *err, size_t err_size);
	void (*end)(struct explore_world *w);
	/* Back to the start. */
	int (*reset)(struct explore_world *w);
	/* Is the world as reset() leaves it? Where there is a recorder. */
	bool (*at_start)(struct explore_world *w);
	/* After a run, before reset or end: whatever is still under way ends or is abandoned. -EBUSY: it cannot, and nothing more can be
	 * run. */
	int (*finish)(struct explore_world *w);
	/* May the thread go on (if it is not EXPLORE_DONE)? Lets it run to its next pause. */
	bool (*can_run)(struct explore_world *w, unsigned t);
	void (*resume)(struct explore_world *w, unsigned t);
	/* Called in thread t: gives control back to the controller. */
	void (*pause)(struct explore_thread *t);
	/* Interrupts that the thread's CPU has not taken. NULL where hardware delivers them. */
	bool (*can_interrupt)(struct explore_world *w, unsigned t);
	void (*interrupt)(struct explore_world *w, unsigned t);
	/* Stores in the buffer of the thread's CPU; lets the oldest reach memory. NULL where that is hardware's affair. */
	unsigned (*pending_stores)(struct explore_world *w, unsigned t);
	void (*drain)(struct explore_world *w, unsigned t);
	/* The TLB of thread t's CPU. NULL: cannot be read. */
	void (*visit_tlb)(struct explore_world *w, unsigned t, tlb_visit_fn fn, void *arg);
	/* Bits (EXPLORE_STORED_BY) of the operations whose stores to the block may be lost in a crash now. NULL: cannot tell. */
	u32 (*not_durable)(struct explore_world *w, u64 block);
	/* NULL: the power does not fail here. */
	const struct power_failure *power_failure;
	/* Records footprints while `resume` and `interrupt` run; call between begin and end. NULL, or it returns NULL: cannot. */
	const struct recorder *(*recorder)(void);
	u64 (*clock_ns)(void);    /* real time */
	void *(*alloc)(size_t n); /* survives reset; zeroed */
	void (*release)(void *p);
};
const struct explore_backend *explore_backend(void);

/* world.c: the file system, files and address spaces of a scenario, over w->region, whose content is the scratch image. */
int world_build(struct explore_world *w, char *err, size_t err_size);
void world_destroy(struct explore_world *w);
/* What thread t did for its "prepare" statements; call with t's address space loaded. */
void world_prepare(struct explore_world *w, unsigned t);
/* Start values of everything that changes in a run. */
void world_reset_threads(struct explore_world *w);

/* scratch.c: the file system that a scenario starts from. `to`: aligned to 2 MiB. */
u64 scratch_size(const struct scenario *sc);
void scratch_fill(void *to, const struct scenario *sc);

/* script.c: entry of a scripted thread; arg: its struct explore_thread. */
void script_main(void *arg);
void script_op(struct explore_thread *t, const struct script_op *op, struct op_result *r);
/* Makes the mappings that op needs and t has not got. 0 or errno. */
int script_map(struct explore_thread *t, const struct script_op *op);
/* protocol_set_hook() */
void script_step(struct explore_thread *t, enum protocol_step s, u64 arg);
static inline bool thread_in_op(const struct explore_thread *t)
{
	return t->op < EXPLORE_MAX_OPS && t->results[t->op].begun && !t->results[t->op].returned;
}

/* oracles.c */
struct violation {
	const char *oracle; /* NULL: none */
	bool in_tlb;        /* a TLB shows it: the kernel, which cannot look there, does not */
	char text[320];
};
/* After transition w->now. */
void oracle_step(struct explore_world *w, struct violation *v);
void oracle_end(struct explore_world *w, struct violation *v);
/* Before the first transition. */
void oracle_reset(struct explore_world *w);
size_t history_size(void);
/* history.c: do the results and the final content agree with some order of the operations' events? */
void history_check(struct explore_world *w, struct violation *v);
/* Of the files' content and the operations' results, after a history_check() that found nothing. */
u64 history_hash(struct explore_world *w);
/* crash.c: after a power failure, which ends a run: is what was promised there? */
size_t crash_size(void);
void crash_check(struct explore_world *w, struct violation *v);
/* Of the states and of what is allowed in them, after a crash_check() that found nothing. */
u64 crash_digest(const struct explore_world *w);
/* Mounts and looks. On the machine that comes after; needs nothing of the one before. */
void crash_look(struct explore_world *w, struct pmem_region *r, struct violation *v);
/* "f holds nothing, g holds 7 (then 9)": first word of each page, and the others where they differ. */
void history_final_text(struct explore_world *w, char *buf, size_t size);

#endif
