/* SPDX-License-Identifier: MIT */
/* Private to bench/locks/: the locks that are compared, as the benchmark sees them. */
#ifndef BENCH_LOCKS_LOCKS_H
#define BENCH_LOCKS_LOCKS_H

#include "kernel/sync/range_lock.h"

#include <pthread.h>

struct bench_thread {
	struct thread t; /* first */
	_Atomic(bool) blocked;
	pthread_mutex_t mutex;
	pthread_cond_t woken;
};
/* The calling pthread is t from now on. */
void bench_thread_enter(struct bench_thread *t);

/* A request of any of the locks. */
struct bench_request {
	u64 first, last;
	bool fault; /* of one page; else a punch */
	struct range_request range;
	struct {
		struct list_node node;
		struct thread *thread;
		_Atomic(u32) blockers; /* earlier conflicting requests that are still there */
	} listed;
};

struct bench_lock {
	const char *name, *what;
	void (*init)(void);
	void (*lock)(struct bench_request *r);
	void (*unlock)(struct bench_request *r);
	/* Requests that met another one, and that slept; NULL: it does not count. */
	void (*counts)(u64 *slow, u64 *waited);
};
extern const struct bench_lock bench_locks[];
extern const unsigned nr_bench_locks;

#define BENCH_SEGMENTS 64

#endif
