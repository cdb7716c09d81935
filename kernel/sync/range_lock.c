/* SPDX-License-Identifier: MIT */
/*
 * Range lock: FIFO, shared and exclusive, over page offsets. Client: the `range` scheme of fs/dax_lock/.
 *
 * Shape. A request that fits into one 2 MiB segment is *local*: it lives on that segment's queue and touches no line that
 * requests on other segments write. A request that spans segments is *wide*: it lives on one list per lock. A local
 * request pays one read of nr_wide for their existence.
 *
 * States of a request: queued (on its queue, held = false) -> held (held = true) -> gone (off the queue). A request that
 * finds no conflict is queued and held in one step. "Conflict": overlapping, and at least one of the two is exclusive.
 *
 * Rule (order): every request waits exactly for the conflicting requests that arrived before it.
 *   local for local:  arrival is the queue order of the segment.
 *   local for wide:   a local request notes in `seq` the newest wide request that was listed when it queued itself; it waits
 *                     for conflicting wide requests up to that one.
 *   wide for wide:    arrival is the list order.
 *   wide for local:   a wide request waits for a conflicting local one that is held, or that is queued with a `seq` older
 *                     than its own (it arrived before). A local request that saw the wide one waits for it and is not held.
 * Arrival is one total order per pair that both sides agree on, because a local request reads the wide list while it holds its
 * segment's lock, and a wide request is listed before it looks at any segment. Waiting goes only to earlier arrivals, so
 * there is no cycle, and every request has finitely many predecessors: nobody starves, truncate does not wait for faults that come after it.
 *
 * Nothing is missed between a local request on a *new* segment and a wide one: the local side publishes the segment, then reads
 * nr_wide; the wide side writes nr_wide, then looks for segments. Both put a full fence in between, so at least one sees the other.
 *
 * No wake-up is lost: a waiter calls thread_prepare_block() before it looks, under the lock of the queue that the releaser
 * changes under the same lock; a release that comes after the look finds the waiter blocked, or makes thread_block() return.
 * Wide waiters look at many segments: the releaser of a local request takes the segment's lock, then reads nr_wide; if the waiter's
 * look at that segment came before the release, its nr_wide is visible and it is woken to look again.
 *
 * Locks: segment lock, then wide_lock, then a thread's wake-up.
 */
#include "kernel/sync/range_lock.h"
#include "kernel/log.h"
#include "kernel/protocol.h"
#include "lib/errno.h"

static const struct lock_class segment_class = {"range_segment", RANK_RANGE_INTERNAL, false};
static const struct lock_class wide_class = {"range_wide", RANK_RANGE_INTERNAL + 1, false};
static const struct lock_class range_class = {
	"range lock", RANK_DAX, true}; /* of two inodes: by inode number */

void range_lock_init(struct range_lock *l, const struct range_lock_ops *ops)
{
	l->ops = ops;
	atomic_init(&l->nr_wide, 0);
	spin_init(&l->wide_lock, &wide_class);
	list_init(&l->wide);
	l->next_seq = 1;
	atomic_init(&l->nr_slow, 0);
	atomic_init(&l->nr_waited, 0);
}

void range_segment_init(struct range_segment *s)
{
	spin_init(&s->lock, &segment_class);
	list_init(&s->requests);
}

static bool conflict(const struct range_request *a, const struct range_request *b)
{
	return a->first <= b->last && b->first <= a->last && !(a->shared && b->shared);
}

static bool wide_exists(struct range_lock *l)
{
	/* Pairs with the fence in wide_publish(): see "nothing is missed". */
	atomic_thread_fence(memory_order_seq_cst);
	SHARED_READ(&l->nr_wide);
	return atomic_load_explicit(&l->nr_wide, memory_order_relaxed) != 0;
}

/* Sets r->seq to the newest listed wide request; does r conflict with any up to r->seq? Segment lock held. */
static bool local_meets_wide(struct range_lock *l, struct range_request *r, bool note)
{
	struct range_request *w;
	bool hit = false;

	spin_lock(&l->wide_lock);
	if (note)
		r->seq = l->next_seq - 1;
	LIST_FOR_EACH (w, &l->wide, node) {
		if (w->seq > r->seq)
			break;
		if (conflict(w, r)) {
			hit = true;
			break;
		}
	}
	spin_unlock(&l->wide_lock);
	return hit;
}

/* Does an earlier request of the segment's queue conflict with r? Segment lock held; r is queued or about to be, last. */
static bool local_meets_local(struct range_segment *s, struct range_request *r)
{
	struct range_request *q;

	LIST_FOR_EACH (q, &s->requests, node) {
		if (q == r)
			break;
		if (conflict(q, r))
			return true;
	}
	return false;
}

/* Wide waiters that conflict with r look again. */
static void wake_wide(struct range_lock *l, struct range_request *r)
{
	struct range_request *w;

	spin_lock(&l->wide_lock);
	LIST_FOR_EACH (w, &l->wide, node)
		if (!atomic_load_explicit(&w->held, memory_order_relaxed) && conflict(w, r))
			thread_wake(w->thread);
	spin_unlock(&l->wide_lock);
}

/* Hands the segment to every queued request that has no earlier conflict any more. Segment lock held. */
static void grant_locals(struct range_lock *l, struct range_segment *s)
{
	struct range_request *r;

	LIST_FOR_EACH (r, &s->requests, node) {
		if (atomic_load_explicit(&r->held, memory_order_relaxed) || local_meets_local(s, r) ||
			(r->seq && local_meets_wide(l, r, false)))
			continue;
		SHARED_WRITE(&r->held);
		atomic_store_explicit(&r->held, true, memory_order_release);
		thread_wake(
			r->thread); /* under the lock: r is gone once its owner has seen `held` under it */
	}
}

static void local_release(struct range_request *r)
{
	struct range_segment *s = r->segment;

	spin_lock(&s->lock);
	list_remove(&r->node);
	if (!list_empty(&s->requests))
		grant_locals(r->lock, s);
	spin_unlock(&s->lock);
	if (wide_exists(r->lock))
		wake_wide(r->lock, r);
}

static int local_wait(struct range_request *r, bool killable)
{
	struct range_segment *s = r->segment;

	atomic_fetch_add_explicit(&r->lock->nr_waited, 1, memory_order_relaxed);
	for (;;) {
		bool held, killed;

		thread_prepare_block();
		spin_lock(&s->lock);
		held = atomic_load_explicit(&r->held, memory_order_acquire);
		spin_unlock(&s->lock);
		killed = killable && atomic_load(&r->thread->killed);
		if (held || killed) {
			thread_cancel_block();
			if (held)
				return 0;
			local_release(r); /* queued or granted meanwhile: either way it leaves */
			return -EINTR;
		}
		thread_block();
	}
}

static int local_lock(struct range_lock *l, struct range_request *r, bool try_only, bool killable)
{
	struct range_segment *s = r->segment;
	bool blocked;

	if (!s)
		s = r->segment = l->ops->segment(l, r->first);
	if (!s)
		return -ENOMEM;
	spin_lock(&s->lock);
	blocked = !list_empty(&s->requests) && local_meets_local(s, r);
	if (unlikely(wide_exists(l))) {
		atomic_fetch_add_explicit(&l->nr_slow, 1, memory_order_relaxed);
		blocked |= local_meets_wide(l, r, true);
	}
	if (!blocked || !try_only) {
		atomic_store_explicit(&r->held, !blocked, memory_order_relaxed);
		list_push_back(&s->requests, &r->node);
	}
	spin_unlock(&s->lock);
	if (!blocked)
		return 0;
	return try_only ? -EAGAIN : local_wait(r, killable);
}

static void wide_publish(struct range_request *r)
{
	struct range_lock *l = r->lock;

	spin_lock(&l->wide_lock);
	r->seq = l->next_seq++;
	list_push_back(&l->wide, &r->node);
	SHARED_WRITE(&l->nr_wide);
	atomic_fetch_add(&l->nr_wide, 1);
	spin_unlock(&l->wide_lock);
	atomic_thread_fence(memory_order_seq_cst);
}

static bool wide_meets_wide(struct range_request *r)
{
	struct range_lock *l = r->lock;
	struct range_request *w;
	bool hit = false;

	spin_lock(&l->wide_lock);
	LIST_FOR_EACH (w, &l->wide, node) {
		if (w == r)
			break;
		if (conflict(w, r)) {
			hit = true;
			break;
		}
	}
	spin_unlock(&l->wide_lock);
	return hit;
}

static bool wide_meets_local(struct range_request *r)
{
	u64 index = r->first >> RANGE_SEGMENT_SHIFT, end = r->last >> RANGE_SEGMENT_SHIFT;
	struct range_segment *s;
	bool hit = false;

	for (; !hit && index <= end && (s = r->lock->ops->next_segment(r->lock, &index, end)); index++) {
		struct range_request *q;

		spin_lock(&s->lock);
		LIST_FOR_EACH (q, &s->requests, node) {
			bool earlier =
				atomic_load_explicit(&q->held, memory_order_relaxed) || q->seq < r->seq;

			if (earlier && conflict(q, r)) {
				hit = true;
				break;
			}
		}
		spin_unlock(&s->lock);
	}
	return hit;
}

static void wide_release(struct range_request *r)
{
	struct range_lock *l = r->lock;
	u64 index = r->first >> RANGE_SEGMENT_SHIFT, end = r->last >> RANGE_SEGMENT_SHIFT;
	struct range_segment *s;

	spin_lock(&l->wide_lock);
	list_remove(&r->node);
	SHARED_WRITE(&l->nr_wide);
	atomic_fetch_sub(&l->nr_wide, 1);
	spin_unlock(&l->wide_lock);
	for (; index <= end && (s = l->ops->next_segment(l, &index, end)); index++) {
		spin_lock(&s->lock);
		if (!list_empty(&s->requests))
			grant_locals(l, s);
		spin_unlock(&s->lock);
	}
	if (wide_exists(l))
		wake_wide(l, r);
}

static int wide_lock(struct range_request *r, bool try_only, bool killable)
{
	bool waited = false;

	wide_publish(r);
	for (;;) {
		bool blocked;

		thread_prepare_block();
		blocked = wide_meets_wide(r) || wide_meets_local(r);
		if (!blocked) {
			thread_cancel_block();
			atomic_store_explicit(&r->held, true, memory_order_relaxed);
			return 0;
		}
		if (try_only || (killable && atomic_load(&r->thread->killed))) {
			thread_cancel_block();
			wide_release(r);
			return try_only ? -EAGAIN : -EINTR;
		}
		if (!waited)
			atomic_fetch_add_explicit(&r->lock->nr_waited, 1, memory_order_relaxed);
		waited = true;
		thread_block();
	}
}

/* s: the segment of a local request, if it is known. */
static int request(struct range_lock *l, struct range_request *r, struct range_segment *s, u64 first,
	u64 last, bool shared, bool try_only, bool killable)
{
	int err;

	DEBUG_ASSERT(first <= last);
	DEBUG_ASSERT(!range_held(l, first, last));
	if (!try_only)
		lockdep_might_sleep();
	lockdep_acquire(r, &range_class, try_only);
	r->lock = l;
	r->segment = s;
	r->first = first;
	r->last = last;
	r->shared = shared;
	r->seq = 0;
	r->thread = thread_current();
	atomic_init(&r->held, false);
	list_node_init(&r->node);
	if (first >> RANGE_SEGMENT_SHIFT == last >> RANGE_SEGMENT_SHIFT)
		err = local_lock(l, r, try_only, killable);
	else
		err = wide_lock(r, try_only, killable);
	if (err)
		lockdep_release(r, &range_class);
	return err;
}

int range_lock(struct range_lock *l, struct range_request *r, u64 first, u64 last, bool shared)
{
	return request(l, r, NULL, first, last, shared, false, false);
}

int range_lock_killable(struct range_lock *l, struct range_request *r, u64 first, u64 last, bool shared)
{
	return request(l, r, NULL, first, last, shared, false, true);
}

int range_lock_segment(struct range_lock *l, struct range_request *r, struct range_segment *s, u64 first,
	u64 last, bool shared)
{
	return request(l, r, s, first, last, shared, false, true);
}

int range_trylock(struct range_lock *l, struct range_request *r, u64 first, u64 last, bool shared)
{
	return request(l, r, NULL, first, last, shared, true, false);
}

void range_unlock(struct range_request *r)
{
	DEBUG_ASSERT(atomic_load(&r->held));
	DEBUG_ASSERT(r->thread == thread_current());
	lockdep_release(r, &range_class);
	if (r->segment)
		local_release(r);
	else
		wide_release(r);
}

static bool covers(const struct list *queue, const struct thread *t, u64 first, u64 last)
{
	const struct list_node *n;

	for (n = queue->head.next; n != &queue->head; n = n->next) {
		const struct range_request *r = LIST_ENTRY(n, const struct range_request, node);

		if (r->thread == t && r->first <= first && last <= r->last && atomic_load(&r->held))
			return true;
	}
	return false;
}

bool range_held(struct range_lock *l, u64 first, u64 last)
{
	u64 index = first >> RANGE_SEGMENT_SHIFT;
	struct thread *t = thread_current();
	struct range_segment *s;
	bool held;

	spin_lock(&l->wide_lock);
	held = covers(&l->wide, t, first, last);
	spin_unlock(&l->wide_lock);
	if (held || index != last >> RANGE_SEGMENT_SHIFT)
		return held;
	s = l->ops->next_segment(l, &index, index);
	if (!s)
		return false;
	spin_lock(&s->lock);
	held = covers(&s->requests, t, first, last);
	spin_unlock(&s->lock);
	return held;
}
