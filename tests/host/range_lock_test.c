/* SPDX-License-Identifier: MIT */
/*
 * The range lock against a model: random local and wide requests of many threads, shared and exclusive, killed now and then,
 * on a machine that pauses threads at random points. The model counts who is inside each page; arrival order is checked in the
 * tests of fairness. Segments are made on demand, as the real mapping does, so that the race with a wide request is run too.
 */
#include "host/sim.h"
#include "host/unit.h"
#include "kernel/sync/range_lock.h"
#include "lib/errno.h"

#define SEGMENTS 4
#define PAGES (SEGMENTS << RANGE_SEGMENT_SHIFT)
#define THREADS 8
#define ROUNDS 300

struct world {
	struct range_lock lock;
	struct range_segment segment[SEGMENTS];
	_Atomic(bool) made[SEGMENTS];
	int inside[PAGES]; /* > 0: shared holders; -1: an exclusive one */
	bool broken;
	u64 random;
	unsigned granted, interrupted, refused;
	char order[32]; /* names of threads in the order in which they got the lock */
	bool go;
};
static struct world *w;

static struct range_segment *get_segment(struct range_lock *l UNUSED, u64 pgoff)
{
	u64 i = pgoff >> RANGE_SEGMENT_SHIFT;

	if (!atomic_load(&w->made[i])) {
		range_segment_init(&w->segment[i]);
		thread_yield(); /* a wide request may look for segments right here */
		atomic_store(&w->made[i], true);
	}
	return &w->segment[i];
}

static struct range_segment *next_segment(struct range_lock *l UNUSED, u64 *index, u64 last)
{
	for (u64 i = *index; i <= last && i < SEGMENTS; i++)
		if (atomic_load(&w->made[i])) {
			*index = i;
			return &w->segment[i];
		}
	return NULL;
}

static const struct range_lock_ops ops = {get_segment, next_segment};

static void world_new(u64 seed)
{
	sim_init(&(struct sim_config){.ram = 1 << 20, .pmem = 1 << 20, .seed = seed});
	w = sim_static_alloc(sizeof(*w));
	w->random = seed;
	range_lock_init(&w->lock, &ops);
	w->go = false;
}

static unsigned rnd(unsigned n)
{
	w->random = w->random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(w->random >> 33) % n;
}

static void enter(u64 first, u64 last, bool shared)
{
	for (u64 p = first; p <= last && p < PAGES; p++) {
		if (shared ? w->inside[p] < 0 : w->inside[p] != 0)
			w->broken = true;
		w->inside[p] = shared ? w->inside[p] + 1 : -1;
	}
}

static void leave(u64 first, u64 last, bool shared)
{
	for (u64 p = first; p <= last && p < PAGES; p++)
		w->inside[p] = shared ? w->inside[p] - 1 : 0;
}

static void hammer(void *arg UNUSED)
{
	for (unsigned n = 0; n < ROUNDS; n++) {
		struct range_request r;
		u64 first = rnd(4) ? rnd(8) * 100 % PAGES : rnd(PAGES);
		u64 last = rnd(4) ? first + rnd(3) : rnd(3) ? first + rnd(1500) : RANGE_LAST;
		bool shared = rnd(3) == 0;
		int err;

		if (last != RANGE_LAST && last >= PAGES)
			last = PAGES - 1;
		switch (rnd(4)) {
		case 0:
			err = range_trylock(&w->lock, &r, first, last, shared);
			break;
		case 1:
			err = range_lock_killable(&w->lock, &r, first, last, shared);
			break;
		default:
			err = range_lock(&w->lock, &r, first, last, shared);
		}
		if (err) {
			err == -EINTR ? w->interrupted++ : w->refused++;
			atomic_store(&thread_current()->killed, false);
			continue;
		}
		enter(first, last, shared);
		for (unsigned k = rnd(4); k; k--)
			thread_yield();
		if (!range_held(&w->lock, first, MIN(last, first + 1)) ||
			(shared ? w->inside[first] <= 0 : w->inside[first] != -1))
			w->broken = true;
		leave(first, last, shared);
		range_unlock(&r);
		w->granted++;
	}
}

static void killer(void *arg UNUSED)
{
	for (unsigned n = 0; n < ROUNDS; n++) {
		struct sim_thread *t = sim_thread(1 + rnd(THREADS));

		if (t && t->state == SIM_BLOCKED) {
			atomic_store(&t->t.killed, true);
			thread_wake(&t->t);
		}
		thread_yield();
	}
}

static void test_random(void)
{
	unsigned granted = 0, interrupted = 0, refused = 0, waited = 0, slow = 0;
	bool broken = false, done = true;

	for (u64 seed = 1; seed <= 12 && !broken && done; seed++) {
		world_new(seed);
		for (unsigned i = 0; i < THREADS; i++)
			sim_spawn("hammer", hammer, NULL, NULL, i % 4);
		sim_spawn("killer", killer, NULL, NULL, 0);
		done = sim_run() == SIM_ALL_DONE;
		if (!done)
			sim_print_threads();
		broken = w->broken || !list_empty(&w->lock.wide) || atomic_load(&w->lock.nr_wide);
		for (unsigned i = 0; i < SEGMENTS; i++)
			broken |= atomic_load(&w->made[i]) && !list_empty(&w->segment[i].requests);
		granted += w->granted;
		interrupted += w->interrupted;
		refused += w->refused;
		waited += (unsigned)atomic_load(&w->lock.nr_waited);
		slow += (unsigned)atomic_load(&w->lock.nr_slow);
	}
	ok(done, "random requests: nobody hangs");
	ok(!broken, "random requests: holders exclude one another, nothing is left behind");
	diag("granted %u, interrupted %u, refused %u, waited %u, slow %u", granted, interrupted, refused,
		waited, slow);
	ok(interrupted && refused && waited && slow, "random requests: every way out was taken");
}

/* Fairness: the boot thread holds something; threads queue in a known order; their order of grant is recorded. */
struct queued {
	char name;
	u64 first, last;
	bool shared;
};

static void queue_up(void *arg)
{
	const struct queued *q = arg;
	struct range_request r;

	range_lock(&w->lock, &r, q->first, q->last, q->shared);
	w->order[strlen(w->order)] = q->name;
	range_unlock(&r);
}

static bool never_pause(
	struct sim_thread *t UNUSED, enum sim_point p UNUSED, const volatile void *o UNUSED, bool wr UNUSED)
{
	return false;
}

/* Runs q[0..n) into their wait one after the other, then lets the holder of [first, last] go. */
static const char *grant_order(struct queued *q, unsigned n, u64 first, u64 last)
{
	struct range_request held;

	world_new(1);
	sim_set_point_hook(never_pause);
	for (u64 p = 0; p < PAGES; p += 1 << RANGE_SEGMENT_SHIFT) { /* all segments exist */
		range_lock(&w->lock, &held, p, p, false);
		range_unlock(&held);
	}
	range_lock(&w->lock, &held, first, last, false);
	for (unsigned i = 0; i < n; i++) {
		struct sim_thread *t = sim_spawn("queued", queue_up, &q[i], NULL, 1);

		while (sim_can_run(t))
			sim_resume(t);
	}
	range_unlock(&held);
	if (sim_run() != SIM_ALL_DONE)
		sim_print_threads();
	sim_set_point_hook(NULL);
	return w->order;
}

static void test_fair(void)
{
	struct queued local[] = {
		{'a', 5, 5, false}, {'b', 5, 6, false}, {'c', 5, 5, true}, {'d', 5, 5, false}};
	struct queued storm[] = {
		{'a', 5, 5, false}, {'T', 3, RANGE_LAST, false}, {'b', 5, 5, false}, {'c', 5, 5, true}};
	struct queued wides[] = {
		{'P', 0, 600, false}, {'Q', 500, 1600, false}, {'R', 1600, RANGE_LAST, false}};
	struct queued apart[] = {{'x', 5, 5, false}, {'y', 40, 40, false}, {'z', 700, 1300, false}};

	is_str(grant_order(local, 4, 5, 5), "abcd", "local requests are served in order of arrival");
	is_str(grant_order(storm, 4, 5, 5), "aTbc", "a truncate goes before the faults that came after it");
	is_str(grant_order(wides, 3, 550, 550), "PQR", "wide requests are served in order of arrival");
	is_str(grant_order(apart, 3, 5, 5), "yzx", "who does not overlap does not wait");
}

static void test_slow_path(void)
{
	struct range_request a, b, c;

	world_new(1);
	range_lock(&w->lock, &a, 512, 512, false);
	range_lock(&w->lock, &b, 7, 7, false);
	is(atomic_load(&w->lock.nr_slow), 0, "a request beside a far one stays on the fast path");
	is(range_trylock(&w->lock, &c, 7, 9, true), -EAGAIN, "trylock says busy");
	is(range_trylock(&w->lock, &c, 100, RANGE_LAST, false), -EAGAIN,
		"a wide trylock says busy and leaves nothing");
	is(atomic_load(&w->lock.nr_wide), 0, "no wide request is listed after it");
}

int main(void)
{
	test_random();
	test_fair();
	test_slow_path();
	return done_testing();
}
