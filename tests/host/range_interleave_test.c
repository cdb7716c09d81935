/* SPDX-License-Identifier: MIT */
/*
 * The range lock alone, every interleaving up to a bound of preemptions: exclusion, no deadlock (which is what a lost wake-up ends in),
 * nothing left behind, and who stays on the fast path. The TSO build of it has store buffers, and checks by what the holders
 * do to plain data that the lock orders them.
 */
#include "host/sim.h"
#include "host/unit.h"
#include "kernel/protocol.h"
#include "kernel/sync/range_lock.h"
#include "lib/errno.h"
#include "tests/host/interleave.h"

#define SEGMENTS 4
#define MAX_THREADS 4
#define MAX_OPS 3
#define WIDE RANGE_LAST

enum how { END, LOCK, KILLABLE, TRY, KILL /* thread number `first` */ };
struct op {
	enum how how;
	u64 first, last;
	bool shared;
};

struct scenario {
	const char *name;
	bool prepared; /* all segments exist */
	bool fast;     /* nobody may leave the fast path */
	unsigned preemptions;
	struct op ops[MAX_THREADS][MAX_OPS];
};

static const struct scenario scenarios[] = {
	{"two on one page", true, false, 3, {{{LOCK, 5, 5, false}}, {{LOCK, 5, 5, false}}}},
	{"two on one page of a new segment", false, false, 3, {{{LOCK, 5, 5, false}}, {{LOCK, 5, 5, false}}}},
	{"two pages of one segment, twice", true, false, 2,
		{{{LOCK, 5, 5, false}, {LOCK, 5, 5, false}}, {{LOCK, 6, 6, false}, {LOCK, 6, 6, false}}}},
	{"a fault on a new segment and a truncate", false, false, 3,
		{{{LOCK, 5, 5, false}}, {{LOCK, 3, WIDE, false}}}},
	{"a fault and a truncate", true, false, 2, {{{LOCK, 5, 5, false}}, {{LOCK, 3, WIDE, false}}}},
	{"a page before a truncate's first, in its segment", true, false, 3,
		{{{LOCK, 5, 5, false}, {LOCK, 5, 5, false}}, {{LOCK, 6, 600, false}, {LOCK, 5, 5, false}}}},
	{"two faults of one thread and a truncate", true, false, 2,
		{{{LOCK, 5, 5, false}, {LOCK, 5, 5, false}}, {{LOCK, 3, WIDE, false}}}},
	{"two faults and a truncate", true, false, 2,
		{{{LOCK, 5, 5, false}}, {{LOCK, 5, 5, false}}, {{LOCK, 3, WIDE, false}}}},
	{"two truncates and a fault", true, false, 2,
		{{{LOCK, 0, 600, false}}, {{LOCK, 500, WIDE, false}}, {{LOCK, 505, 505, false}}}},
	{"readers and a writer of one page", true, false, 2,
		{{{LOCK, 5, 5, true}}, {{LOCK, 5, 5, true}}, {{LOCK, 5, 5, false}}}},
	{"a fault is killed while it waits", true, false, 2,
		{{{LOCK, 5, 5, false}}, {{KILLABLE, 5, 5, false}}, {{KILL, 2, 0, false}}}},
	{"a truncate is killed while it waits", true, false, 2,
		{{{LOCK, 5, 5, false}}, {{KILLABLE, 3, WIDE, false}}, {{KILL, 2, 0, false}}}},
	{"a fault behind a truncate that is killed", true, false, 1,
		{{{LOCK, 5, 5, false}}, {{KILLABLE, 3, WIDE, false}}, {{LOCK, 5, 5, false}},
			{{KILL, 2, 0, false}}}},
	{"trylocks", true, false, 2,
		{{{LOCK, 5, 5, false}}, {{TRY, 5, 5, false}, {TRY, 3, WIDE, false}, {TRY, 5, 5, false}}}},
	{"a fault before a truncate's first segment", true, true, 2,
		{{{LOCK, 5, 5, false}, {LOCK, 6, 6, false}}, {{LOCK, 600, WIDE, false}}}},
	{"a fault between two punches", true, true, 2,
		{{{LOCK, 600, 600, false}}, {{LOCK, 0, 2, false}}, {{LOCK, 1100, 1600, false}}}},
};

struct world {
	struct range_lock lock;
	struct range_segment segment[SEGMENTS];
	_Atomic(bool) made[SEGMENTS];
	struct {
		bool holds;
		struct range_request r;
	} thread[MAX_THREADS];
	u64 data[SEGMENTS]; /* plain: of the first page of the segment's requests */
};
static struct world *w;
static const struct scenario *now;

static struct range_segment *get_segment(struct range_lock *l UNUSED, u64 pgoff)
{
	u64 i = pgoff >> RANGE_SEGMENT_SHIFT;
	bool expected = false;

	SHARED_READ(&w->made[i]);
	if (!atomic_load_explicit(&w->made[i], memory_order_acquire)) {
		SHARED_WRITE(&w->made[i]);
		atomic_compare_exchange_strong(&w->made[i], &expected, true);
	}
	return &w->segment[i];
}

static struct range_segment *next_segment(struct range_lock *l UNUSED, u64 *index, u64 last)
{
	for (u64 i = *index; i <= last && i < SEGMENTS; i++) {
		SHARED_READ(&w->made[i]);
		if (atomic_load_explicit(&w->made[i], memory_order_acquire)) {
			*index = i;
			return &w->segment[i];
		}
	}
	return NULL;
}

static const struct range_lock_ops ops = {get_segment, next_segment};

static int acquire(struct range_request *r, const struct op *op)
{
	switch (op->how) {
	case TRY:
		return range_trylock(&w->lock, r, op->first, op->last, op->shared);
	case KILLABLE:
		return range_lock_killable(&w->lock, r, op->first, op->last, op->shared);
	default:
		return range_lock(&w->lock, r, op->first, op->last, op->shared);
	}
}

static void work(const struct op *op)
{
	u64 first = op->first >> RANGE_SEGMENT_SHIFT, last = op->last >> RANGE_SEGMENT_SHIFT;

	for (u64 i = first; i <= last && i < SEGMENTS; i++) {
		volatile u64 *d = &w->data[i];

		/* Of two pages of one segment nobody orders the holders. */
		if (op->first != 6 && op->shared)
			(void)*d;
		else if (op->first != 6)
			++*d;
	}
}

static void thread(void *arg)
{
	unsigned t = (unsigned)(u64)arg;

	for (unsigned i = 0; i < MAX_OPS && now->ops[t][i].how != END; i++) {
		const struct op *op = &now->ops[t][i];
		struct range_request r;

		if (op->how == KILL) {
			struct thread *victim = &sim_thread((unsigned)op->first)->t;

			atomic_store(&victim->killed, true);
			thread_wake(victim);
			continue;
		}
		if (acquire(&r, op))
			continue;
		w->thread[t].r.first = op->first;
		w->thread[t].r.last = op->last;
		w->thread[t].r.shared = op->shared;
		w->thread[t].holds = true;
		sim_pause(); /* whoever can hold it as well does */
		work(op);
		w->thread[t].holds = false;
		range_unlock(&r);
	}
}

static const char *check(void)
{
	for (unsigned a = 0; a < MAX_THREADS; a++)
		for (unsigned b = 0; b < a; b++) {
			const struct range_request *p = &w->thread[a].r, *q = &w->thread[b].r;

			if (w->thread[a].holds && w->thread[b].holds && p->first <= q->last &&
				q->first <= p->last && !(p->shared && q->shared))
				return "two hold what only one may";
		}
	return NULL;
}

static const char *at_end(void)
{
	if (atomic_load(&w->lock.nr_wide) || !list_empty(&w->lock.wide))
		return "a wide request is left";
	for (unsigned i = 0; i < SEGMENTS; i++) {
		if (!list_empty(&w->segment[i].requests))
			return "a local request is left";
		if (atomic_load(&w->made[i]) && atomic_load(&w->segment[i].state))
			return "a segment's fast path stays closed";
	}
	if (now->fast && (atomic_load(&w->lock.nr_slow) || atomic_load(&w->lock.nr_waited)))
		return "somebody left the fast path";
	return NULL;
}

static void explore(const struct scenario *s)
{
	struct interleaving x = {
		.preemptions = s->preemptions, .max_runs = 400000, .check = check, .at_end = at_end};

	now = s;
	sim_init(&(struct sim_config){.ram = 1 << 20, .pmem = 1 << 20, .cpus = 1 + MAX_THREADS, .seed = 1});
	w = sim_static_alloc(sizeof(*w));
	range_lock_init(&w->lock, &ops);
	for (unsigned i = 0; i < SEGMENTS; i++)
		range_segment_init(&w->segment[i]);
	for (u64 i = 0; s->prepared && i < SEGMENTS; i++) {
		struct range_request r;

		range_lock(&w->lock, &r, i << RANGE_SEGMENT_SHIFT, i << RANGE_SEGMENT_SHIFT, false);
		range_unlock(&r);
	}
	for (; x.threads < MAX_THREADS && s->ops[x.threads][0].how != END; x.threads++)
		sim_spawn("t", thread, (void *)(u64)x.threads, NULL, x.threads + 1);
	interleave(&x);
	ok(!x.wrong, "%s: nothing is wrong", s->name);
	if (x.wrong)
		diag("%s: %s", x.wrong, x.schedule);
	ok(!x.cut, "%s: all with up to %u preemptions were run", s->name, s->preemptions);
	diag("%llu interleavings", (unsigned long long)x.runs);
}

int main(void)
{
	for (unsigned i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		explore(&scenarios[i]);
	is(sim_unmarked_report(), 0, "every access is marked or ordered");
	return done_testing();
}
