/* SPDX-License-Identifier: MIT */
/*
 * make bench-locks: the range lock beside simpler ones, with real threads on this host. Prints operations per second; they depend
 * on the host, so nothing is asserted of them. slow and waited are per cent of all operations: requests that met another one, and that slept.
 */
#include "bench/locks/locks.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_THREADS 4
#define RUN_NS 200000000ull
#define PAGES(segment) ((u64)(segment) << RANGE_SEGMENT_SHIFT)

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

struct job {
	pthread_t pthread;
	unsigned index, threads;
	u64 random, done;
};

static u64 rnd(struct job *j, u64 n)
{
	j->random = j->random * 6364136223846793005ull + 1442695040888963407ull;
	return (j->random >> 33) % n;
}

/* Each thread faults in segments of its own. */
static void disjoint(struct job *j, struct bench_request *r)
{
	r->fault = true;
	r->first = r->last = PAGES(j->index * 4 + rnd(j, 4)) + rnd(j, 512);
}

/* Ranges of up to 16 pages among 64, all of one segment. */
static void overlapping(struct job *j, struct bench_request *r)
{
	r->fault = false;
	r->first = rnd(j, 64);
	r->last = r->first + rnd(j, 16);
}

/* As disjoint, and the last thread (one alone: every 64th time) punches five segments far away, again and again. */
static void far_punches(struct job *j, struct bench_request *r)
{
	disjoint(j, r);
	if (j->threads > 1 ? j->index + 1 < j->threads : rnd(j, 64) != 0)
		return;
	r->fault = false;
	r->first = PAGES(32) + rnd(j, 2048);
	r->last = r->first + 2048;
}

static const struct {
	const char *name;
	void (*next)(struct job *j, struct bench_request *r);
} loads[] = {
	{"faults in segments of their own", disjoint},
	{"overlapping ranges in one segment", overlapping},
	{"faults beside far punches", far_punches},
};

static const struct bench_lock *lock;
static void (*next_request)(struct job *j, struct bench_request *r);
static _Atomic(bool) stop;
static pthread_barrier_t start;

static void *worker(void *arg)
{
	struct job *j = arg;
	struct bench_thread me;

	bench_thread_enter(&me);
	pthread_barrier_wait(&start);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		struct bench_request r;

		next_request(j, &r);
		lock->lock(&r);
		for (volatile unsigned k = 0; k < 20; k++)
			; /* a look-up and a page-table entry */
		lock->unlock(&r);
		j->done++;
	}
	return NULL;
}

static void measure(unsigned threads)
{
	struct job jobs[MAX_THREADS];
	u64 begin, end, done = 0, slow = 0, waited = 0;

	atomic_store(&stop, false);
	lock->init();
	pthread_barrier_init(&start, NULL, threads + 1);
	for (unsigned t = 0; t < threads; t++) {
		jobs[t] = (struct job){.index = t, .threads = threads, .random = t + 1};
		if (pthread_create(&jobs[t].pthread, NULL, worker, &jobs[t]))
			abort();
	}
	pthread_barrier_wait(&start);
	begin = now_ns();
	while ((end = now_ns()) - begin < RUN_NS)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	atomic_store(&stop, true);
	for (unsigned t = 0; t < threads; t++) {
		pthread_join(jobs[t].pthread, NULL);
		done += jobs[t].done;
	}
	pthread_barrier_destroy(&start);
	printf("  %-7s %7u %12.2f %9.0f", lock->name, threads, (double)done * 1e3 / (double)(end - begin),
		(double)(end - begin) * threads / (double)done);
	if (lock->counts) {
		lock->counts(&slow, &waited);
		printf(" %8.3f%% %8.3f%%", 100.0 * (double)slow / (double)done,
			100.0 * (double)waited / (double)done);
	}
	printf("\n");
}

int main(void)
{
	struct bench_thread me;

	bench_thread_enter(&me);
	for (unsigned i = 0; i < nr_bench_locks; i++)
		printf("%-7s %s\n", bench_locks[i].name, bench_locks[i].what);
	for (unsigned l = 0; l < sizeof(loads) / sizeof(*loads); l++) {
		printf("\n%s\n  %-7s %7s %12s %9s %9s %9s\n", loads[l].name, "lock", "threads", "million/s",
			"ns each", "slow", "waited");
		for (unsigned i = 0; i < nr_bench_locks; i++)
			for (unsigned threads = 1; threads <= MAX_THREADS; threads *= 2) {
				lock = &bench_locks[i];
				next_request = loads[l].next;
				measure(threads);
			}
	}
	return 0;
}
