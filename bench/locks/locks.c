/* SPDX-License-Identifier: MIT */
/*
 * Four locks over one file's pages: the range lock of the kernel; what a file system without one has, a mutex or a reader/writer
 * lock (faults share it, punches take it alone); and the simplest range lock, one list of requests under one spinlock.
 */
#include "bench/locks/locks.h"

/* The kernel's range lock */

static struct range_lock range;
static struct {
	struct range_segment segment;
	u8 line[128 -
		sizeof(struct range_segment)]; /* as in struct dax_segment, segments share no cache line */
} segments[BENCH_SEGMENTS];

static struct range_segment *segment(struct range_lock *l UNUSED, u64 pgoff)
{
	return &segments[pgoff >> RANGE_SEGMENT_SHIFT].segment;
}

static struct range_segment *next_segment(struct range_lock *l UNUSED, u64 *index, u64 last UNUSED)
{
	return *index < BENCH_SEGMENTS ? &segments[*index].segment : NULL;
}

static void range_begin(void)
{
	static const struct range_lock_ops ops = {segment, next_segment};

	range_lock_init(&range, &ops);
	for (unsigned i = 0; i < BENCH_SEGMENTS; i++) {
		struct range_request r;

		range_segment_init(&segments[i].segment);
		range_lock(&range, &r, (u64)i << RANGE_SEGMENT_SHIFT, (u64)i << RANGE_SEGMENT_SHIFT, false);
		range_unlock(&r);
	}
}

static void range_take(struct bench_request *r)
{
	if (r->fault)
		range_lock_segment(&range, &r->range, segment(&range, r->first), r->first, r->last, false);
	else
		range_lock(&range, &r->range, r->first, r->last, false);
}

static void range_drop(struct bench_request *r)
{
	range_unlock(&r->range);
}

static void range_counts(u64 *slow, u64 *waited)
{
	*slow = atomic_load(&range.nr_slow);
	*waited = atomic_load(&range.nr_waited);
}

/* One list under one spinlock. A request counts the earlier ones that conflict; who leaves counts down those behind it. */

static struct spinlock list_lock;
static struct list requests;
static _Atomic(u64) list_slow;

static bool conflict(const struct bench_request *a, const struct bench_request *b)
{
	return a->first <= b->last && b->first <= a->last;
}

static void list_begin(void)
{
	spin_init(&list_lock, NULL);
	list_init(&requests);
	atomic_store(&list_slow, 0);
}

static void list_take(struct bench_request *r)
{
	struct bench_request *q;
	u32 blockers = 0;

	r->listed.thread = thread_current();
	spin_lock(&list_lock);
	LIST_FOR_EACH (q, &requests, listed.node)
		blockers += conflict(q, r);
	atomic_store(&r->listed.blockers, blockers);
	list_push_back(&requests, &r->listed.node);
	spin_unlock(&list_lock);
	if (!blockers)
		return;
	atomic_fetch_add(&list_slow, 1);
	for (;;) {
		thread_prepare_block();
		if (!atomic_load(&r->listed.blockers))
			break;
		thread_block();
	}
	thread_cancel_block();
	/* Who counted us down still holds the lock of the list while it wakes us. */
	spin_lock(&list_lock);
	spin_unlock(&list_lock);
}

static void list_drop(struct bench_request *r)
{
	struct bench_request *q;
	bool behind = false;

	spin_lock(&list_lock);
	LIST_FOR_EACH (q, &requests, listed.node) {
		if (behind && conflict(q, r) && atomic_fetch_sub(&q->listed.blockers, 1) == 1)
			thread_wake(q->listed.thread);
		behind |= q == r;
	}
	list_remove(&r->listed.node);
	spin_unlock(&list_lock);
}

static void list_counts(u64 *slow, u64 *waited)
{
	*slow = *waited = atomic_load(&list_slow);
}

/* One lock for the whole file */

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock;

static void mutex_begin(void)
{
	pthread_mutex_init(&mutex, NULL);
}

static void mutex_take(struct bench_request *r UNUSED)
{
	pthread_mutex_lock(&mutex);
}

static void mutex_drop(struct bench_request *r UNUSED)
{
	pthread_mutex_unlock(&mutex);
}

static void rwlock_begin(void)
{
	pthread_rwlock_init(&rwlock, NULL);
}

static void rwlock_take(struct bench_request *r)
{
	if (r->fault)
		pthread_rwlock_rdlock(&rwlock);
	else
		pthread_rwlock_wrlock(&rwlock);
}

static void rwlock_drop(struct bench_request *r UNUSED)
{
	pthread_rwlock_unlock(&rwlock);
}

const struct bench_lock bench_locks[] = {
	{"range", "the kernel's range lock", range_begin, range_take, range_drop, range_counts},
	{"list", "ranges in one list under one spinlock", list_begin, list_take, list_drop, list_counts},
	{"rwlock", "one reader/writer lock (pthread): faults share, also on one page", rwlock_begin,
		rwlock_take, rwlock_drop, NULL},
	{"mutex", "one mutex (pthread)", mutex_begin, mutex_take, mutex_drop, NULL},
};
const unsigned nr_bench_locks = sizeof(bench_locks) / sizeof(*bench_locks);
