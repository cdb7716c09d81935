/* SPDX-License-Identifier: MIT */
/*
 * Range lock: FIFO, shared and exclusive, over page offsets. Client: the `range` scheme of fs/dax_lock/.
 *
 * Shape. A request that fits into one 2 MiB segment is *local*: it touches that segment's record and nothing else that
 * is written. A request that spans segments is *wide*: it lives on one list per lock, and marks the segments that it covers.
 *
 * States of a segment (its word `state`):
 *   FREE      no request is here and no wide one covers it. The queue is empty.
 *   a request that local request holds the segment's only lock, without being on the queue. The fast path: FREE -> r by one
 *             compare-exchange, r -> FREE by another.
 *   QUEUED    whoever comes or goes takes the segment's lock and looks at the queue, and at the wide list if nr_wide says that
 *             there is one. New segments begin so.
 * Only a holder of the segment's lock changes the word to QUEUED or away from it. take_over() sets it by an exchange, so it
 * learns atomically who held the segment by the fast path, and puts that request on the queue; the owner's compare-exchange then
 * fails and it leaves by way of the queue. let_go() sets FREE when the queue is empty and no listed wide request covers the segment.
 *
 * States of a request: [fast ->] queued (held = false) -> held (held = true) -> gone (off the queue). A request that
 * finds no conflict is queued and held in one step. "Conflict": overlapping, and at least one of the two is exclusive.
 *
 * Rule (order): every request waits exactly for the conflicting requests that arrived before it.
 *   local for local:  arrival is the queue order of the segment; a fast holder arrived before everybody on the queue.
 *   local for wide:   a local request notes in `seq` the newest wide request that was listed when it queued itself; it waits
 *                     for conflicting wide requests up to that one.
 *   wide for wide:    arrival is the list order.
 *   wide for local:   a wide request waits for a conflicting local one that is held, or that is queued with a `seq` older
 *                     than its own (it arrived before). A local request that saw the wide one waits for it and is not held.
 * Each pair agrees on who came first, because both decide under the segment's lock: a wide request is listed, then takes over every
 * segment that it covers; a local one that comes to the segment later finds QUEUED and the list. Waiting goes only to earlier
 * arrivals, so there is no cycle, and every request has finitely many predecessors: nobody starves, truncate does not wait for
 * faults that come after it has marked their segment.
 *
 * What a fault pays for wide requests elsewhere: nothing. It reads no word of the whole lock on the fast path, and a wide
 * request that does not cover its segment does not change its segment's word.
 *
 * Memory order. Lists and requests are plain data under their locks. Three things are not:
 *   the word       FREE -> r releases what r says to take_over(), which acquires it; r -> FREE releases what r guarded to the
 *                  next FREE -> r.
 *   nr_wide        is read under a segment's lock. If the reader's section comes after a wide request took that segment over, the
 *                  lock orders it after the store. If it comes before, the wide request will see what the reader did to the segment.
 *   new segments   a wide request cannot take over a segment that it does not find. The local side publishes the segment (a
 *                  compare-exchange), then reads nr_wide; the wide side stores nr_wide, then looks for segments: a store, then a
 *                  load of something else, which x86 reorders. Hence the fence in wide_publish(), the only one here that
 *                  is an instruction of its own.
 *
 * No wake-up is lost: a waiter calls thread_prepare_block() before it looks, under the lock of the queue that the releaser
 * changes under the same lock; a release that comes after the look finds the waiter blocked, or makes thread_block() return.
 * Wide waiters look at many segments: a local release takes the segment's lock and reads nr_wide under it; if the waiter's
 * look at that segment came before, its nr_wide is visible and it is woken to look again. A fast release wakes nobody: had
 * anybody waited for it, the word would be QUEUED.
 *
 * Locks: segment lock, then wide_lock, then a thread's wake-up.
 */
#include "kernel/sync/range_lock.h"
#include "kernel/log.h"
#include "kernel/protocol.h"
#include "lib/errno.h"

/* Words of range_segment.state that are no request. */
#define SEGMENT_FREE 0ull
#define SEGMENT_QUEUED 1ull

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
	atomic_init(&s->state, SEGMENT_QUEUED);
}

static inline void count(_Atomic(u64) *n)
{
	atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

static bool was_killed(const struct range_request *r)
{
	SHARED_READ(&r->thread->killed);
	return atomic_load(&r->thread->killed);
}

static void set_held(struct range_request *r, bool held)
{
	SHARED_WRITE(&r->held);
	atomic_store_explicit(&r->held, held, memory_order_release);
}

static bool is_held(const struct range_request *r)
{
	SHARED_READ(&r->held);
	return atomic_load_explicit(&r->held, memory_order_acquire);
}

static bool conflict(const struct range_request *a, const struct range_request *b)
{
	return a->first <= b->last && b->first <= a->last && !(a->shared && b->shared);
}

static bool wide_exists(struct range_lock *l)
{
	SHARED_READ(&l->nr_wide);
	return atomic_load(&l->nr_wide) != 0;
}

static u64 index_of(u64 page)
{
	return page >> RANGE_SEGMENT_SHIFT;
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

/* Is a wide request listed that covers a page of the segment? Segment lock held. */
static bool wide_covers(struct range_lock *l, u64 index)
{
	struct range_request *w;
	bool hit = false;

	if (!wide_exists(l))
		return false;
	spin_lock(&l->wide_lock);
	LIST_FOR_EACH (w, &l->wide, node) {
		if (index_of(w->first) <= index && index <= index_of(w->last)) {
			hit = true;
			break;
		}
	}
	spin_unlock(&l->wide_lock);
	return hit;
}

/* Segment lock held: only who holds it changes the word to QUEUED or back. */
static bool queued_locked(struct range_segment *s)
{
	return atomic_load_explicit(&s->state, memory_order_relaxed) == SEGMENT_QUEUED;
}

/* From here on nobody takes or leaves the segment without its lock. Segment lock held. */
static void take_over(struct range_segment *s)
{
	struct range_request *r;
	u64 old;

	if (queued_locked(s))
		return;
	SHARED_WRITE(&s->state);
	old = atomic_exchange_explicit(&s->state, SEGMENT_QUEUED, memory_order_acq_rel);
	if (old == SEGMENT_FREE)
		return;
	r = (struct range_request *)(uintptr_t)old;
	r->seq = 0;
	set_held(r, true);
	list_push_back(&s->requests, &r->node);
}

/* Opens the fast path again if nobody is there. Segment lock held. */
static void let_go(struct range_lock *l, struct range_segment *s, u64 index)
{
	/* Somebody else may have let go of it already, and a fast request come. */
	if (!queued_locked(s) || !list_empty(&s->requests) || wide_covers(l, index))
		return;
	SHARED_WRITE(&s->state);
	atomic_store_explicit(&s->state, SEGMENT_FREE, memory_order_release);
}

static inline bool take_fast(struct range_segment *s, struct range_request *r)
{
	u64 expected = SEGMENT_FREE;

	SHARED_WRITE(&s->state);
	return atomic_compare_exchange_strong_explicit(
		&s->state, &expected, (u64)(uintptr_t)r, memory_order_acq_rel, memory_order_relaxed);
}

static inline bool leave_fast(struct range_segment *s, struct range_request *r)
{
	u64 expected = (u64)(uintptr_t)r;

	SHARED_WRITE(&s->state);
	return atomic_compare_exchange_strong_explicit(
		&s->state, &expected, SEGMENT_FREE, memory_order_release, memory_order_relaxed);
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
		if (!is_held(w) && conflict(w, r))
			thread_wake(w->thread);
	spin_unlock(&l->wide_lock);
}

/* Hands the segment to every queued request that has no earlier conflict any more. Segment lock held. */
static void grant_locals(struct range_lock *l, struct range_segment *s)
{
	struct range_request *r;

	LIST_FOR_EACH (r, &s->requests, node) {
		if (is_held(r) || local_meets_local(s, r) || (r->seq && local_meets_wide(l, r, false)))
			continue;
		set_held(r, true);
		thread_wake(
			r->thread); /* under the lock: r is gone once its owner has seen `held` under it */
	}
}

/* r is on its segment's queue. */
static void leave_queue(struct range_request *r)
{
	struct range_segment *s = r->segment;
	struct range_lock *l = r->lock;
	bool wide;

	spin_lock(&s->lock);
	list_remove(&r->node);
	if (!list_empty(&s->requests))
		grant_locals(l, s);
	wide = wide_exists(l);
	let_go(l, s, index_of(r->first));
	spin_unlock(&s->lock);
	if (wide)
		wake_wide(l, r);
}

static int local_wait(struct range_request *r, bool killable)
{
	struct range_segment *s = r->segment;

	count(&r->lock->nr_waited);
	for (;;) {
		bool held, killed;

		thread_prepare_block();
		spin_lock(&s->lock);
		held = is_held(r);
		spin_unlock(&s->lock);
		killed = killable && was_killed(r);
		if (held || killed) {
			thread_cancel_block();
			if (held)
				return 0;
			leave_queue(r); /* queued or granted meanwhile: either way it leaves */
			return -EINTR;
		}
		thread_block();
	}
}

/* The segment was not free for the fast path. */
static int local_lock_slow(struct range_request *r, bool try_only, bool killable)
{
	struct range_segment *s = r->segment;
	struct range_lock *l = r->lock;
	bool blocked, wide;

	r->thread = thread_current();
	r->seq = 0;
	spin_lock(&s->lock);
	take_over(s);
	wide = wide_exists(l);
	if (wide || !list_empty(&s->requests)) {
		r->slow = true;
		count(&l->nr_slow);
	}
	blocked = local_meets_local(s, r);
	if (wide)
		blocked |= local_meets_wide(l, r, true);
	if (!blocked || !try_only) {
		set_held(r, !blocked);
		list_push_back(&s->requests, &r->node);
	}
	let_go(l, s, index_of(r->first));
	spin_unlock(&s->lock);
	if (!blocked)
		return 0;
	return try_only ? -EAGAIN : local_wait(r, killable);
}

/* wide_lock held. */
static void set_nr_wide_locked(struct range_lock *l, u32 n)
{
	SHARED_WRITE(&l->nr_wide);
	/* Release: who reads that nobody is listed any more goes on without wide_lock. */
	atomic_store_explicit(&l->nr_wide, n, memory_order_release);
}

static u32 nr_wide_locked(struct range_lock *l)
{
	return atomic_load_explicit(&l->nr_wide, memory_order_relaxed);
}

static void wide_publish(struct range_request *r)
{
	struct range_lock *l = r->lock;

	spin_lock(&l->wide_lock);
	r->seq = l->next_seq++;
	list_push_back(&l->wide, &r->node);
	set_nr_wide_locked(l, nr_wide_locked(l) + 1);
	spin_unlock(&l->wide_lock);
	/* nr_wide is visible before we look for segments: see "new segments". */
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

/* Takes every segment over, not just those up to the first conflict: who comes there from now on comes after r. */
static bool wide_meets_local(struct range_request *r)
{
	u64 index = index_of(r->first), end = index_of(r->last);
	struct range_segment *s;
	bool hit = false;

	for (; index <= end && (s = r->lock->ops->next_segment(r->lock, &index, end)); index++) {
		struct range_request *q;

		spin_lock(&s->lock);
		take_over(s);
		LIST_FOR_EACH (q, &s->requests, node) {
			bool earlier = is_held(q) || q->seq < r->seq;

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
	u64 index = index_of(r->first), end = index_of(r->last);
	struct range_segment *s;
	u32 others;

	spin_lock(&l->wide_lock);
	list_remove(&r->node);
	others = nr_wide_locked(l) - 1;
	set_nr_wide_locked(l, others);
	spin_unlock(&l->wide_lock);
	for (; index <= end && (s = l->ops->next_segment(l, &index, end)); index++) {
		spin_lock(&s->lock);
		if (!list_empty(&s->requests))
			grant_locals(l, s);
		let_go(l, s, index);
		spin_unlock(&s->lock);
	}
	if (others)
		wake_wide(l, r);
}

/* The segments first: all of them are taken over, whatever else r waits for. */
static bool wide_blocked(struct range_request *r)
{
	return wide_meets_local(r) || wide_meets_wide(r);
}

static int wide_wait(struct range_request *r, bool killable)
{
	count(&r->lock->nr_waited);
	for (;;) {
		bool blocked;

		thread_prepare_block();
		blocked = wide_blocked(r);
		if (!blocked || (killable && was_killed(r))) {
			thread_cancel_block();
			return blocked ? -EINTR : 0;
		}
		thread_block();
	}
}

static int wide_lock(struct range_request *r, bool try_only, bool killable)
{
	int err = 0;

	r->segment = NULL;
	r->thread = thread_current();
	set_held(r, false);
	wide_publish(r);
	if (wide_blocked(r))
		err = try_only ? -EAGAIN : wide_wait(r, killable);
	if (err)
		wide_release(r);
	else
		set_held(r, true);
	return err;
}

/* s: the segment of a local request, if it is known. */
static inline int request(struct range_lock *l, struct range_request *r, struct range_segment *s, u64 first,
	u64 last, bool shared, bool try_only, bool killable)
{
	int err = 0;

	DEBUG_ASSERT(first <= last);
	DEBUG_ASSERT(!range_held(l, first, last));
	if (!try_only)
		lockdep_might_sleep();
	lockdep_acquire(r, &range_class, try_only);
	r->lock = l;
	r->first = first;
	r->last = last;
	r->shared = shared;
	if (s || index_of(first) == index_of(last)) {
		r->segment = s ? s : l->ops->segment(l, first);
		if (unlikely(!r->segment))
			err = -ENOMEM;
		else if (unlikely(!take_fast(r->segment, r)))
			err = local_lock_slow(r, try_only, killable);
	} else {
		err = wide_lock(r, try_only, killable);
	}
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
	lockdep_release(r, &range_class);
	if (!r->segment)
		wide_release(r);
	else if (unlikely(!leave_fast(r->segment, r)))
		leave_queue(r);
}

#ifdef FAULTLINE_DEBUG
/* Requests of other threads may end while we look, so it is the lock-order checker that knows whose r is. */
static bool is_ours(const struct range_request *r, u64 first, u64 last)
{
	return lockdep_is_held(r) && r->first <= first && last <= r->last;
}

static bool covers(const struct list *queue, u64 first, u64 last)
{
	const struct list_node *n;

	for (n = queue->head.next; n != &queue->head; n = n->next) {
		const struct range_request *r = LIST_ENTRY(n, const struct range_request, node);

		if (is_ours(r, first, last) && atomic_load(&r->held))
			return true;
	}
	return false;
}

bool range_held(struct range_lock *l, u64 first, u64 last)
{
	u64 index = index_of(first), state;
	struct range_segment *s;
	bool held;

	spin_lock(&l->wide_lock);
	held = covers(&l->wide, first, last);
	spin_unlock(&l->wide_lock);
	if (held || index != index_of(last))
		return held;
	s = l->ops->next_segment(l, &index, index);
	if (!s)
		return false;
	state = atomic_load(&s->state);
	if (state > SEGMENT_QUEUED)
		return is_ours((const struct range_request *)(uintptr_t)state, first, last);
	spin_lock(&s->lock);
	held = covers(&s->requests, first, last);
	spin_unlock(&s->lock);
	return held;
}
#endif
