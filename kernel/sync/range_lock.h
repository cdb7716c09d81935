/* SPDX-License-Identifier: MIT */
/*
 * Range lock over the page offsets of one file (implementation and proof: range_lock.c).
 * Closed page ranges [first, last]; last may be RANGE_LAST (infinity). Requests of one thread do not nest.
 */
#ifndef KERNEL_SYNC_RANGE_LOCK_H
#define KERNEL_SYNC_RANGE_LOCK_H

#include "kernel/sync/spinlock.h"
#include "kernel/thread.h"
#include "lib/list.h"

#define RANGE_LAST (~0ull)
#define RANGE_SEGMENT_SHIFT 9 /* 512 pages = 2 MiB */

/* The lock's part of a 2 MiB segment; the owner of the range lock embeds it in its per-segment record. */
struct range_segment {
	_Atomic(u64) state;   /* free; the request that holds it by the fast path; or queued: range_lock.c */
	struct spinlock lock; /* RANK_RANGE_INTERNAL: guards `requests` */
	struct list requests; /* local requests, held and waiting, in order of arrival */
};

struct range_lock;
struct range_lock_ops {
	/* The segment of page `pgoff`, made on demand; NULL: no memory. Stable until the lock dies. */
	struct range_segment *(*segment)(struct range_lock *l, u64 pgoff);
	/* First existing segment with index (pgoff >> RANGE_SEGMENT_SHIFT) in [*index, last]; *index is set to it. NULL: none. */
	struct range_segment *(*next_segment)(struct range_lock *l, u64 *index, u64 last);
};

struct range_lock {
	const struct range_lock_ops *ops; /* constant */
	struct spinlock
		wide_lock; /* RANK_RANGE_INTERNAL, inside a segment's lock: guards wide, nr_wide, next_seq */
	_Atomic(u32) nr_wide; /* entries of `wide`; read without wide_lock by local requests that queue */
	struct list wide;     /* wide requests, held and waiting, in order of arrival */
	u64 next_seq;
	_Atomic(u64) nr_slow; /* statistics: local requests that met another one; requests that waited */
	_Atomic(u64) nr_waited;
};

/* One request; lives on the caller's stack from lock to unlock. */
struct range_request {
	struct range_lock *lock;
	struct range_segment *segment; /* NULL: a wide request */
	u64 first, last;
	bool shared;
	bool slow; /* set when a request of one segment met another one there; cleared by who counts that */
	_Atomic(bool) held; /* once it is on a queue */
	u64 seq; /* wide: its order; local: it waits for conflicting wide requests up to this one */
	struct list_node node;
	struct thread *thread; /* who waits */
};

void range_lock_init(struct range_lock *l, const struct range_lock_ops *ops);
void range_segment_init(struct range_segment *s);
/* Context: may sleep. 0 or -ENOMEM (a segment could not be made). */
int range_lock(struct range_lock *l, struct range_request *r, u64 first, u64 last, bool shared);
/* Also -EINTR when killed while waiting. */
int range_lock_killable(struct range_lock *l, struct range_request *r, u64 first, u64 last, bool shared);
/* As range_lock_killable, for pages of one segment, which the caller has found already. */
int range_lock_segment(struct range_lock *l, struct range_request *r, struct range_segment *s, u64 first,
	u64 last, bool shared);
/* 0, -EAGAIN, -ENOMEM. */
int range_trylock(struct range_lock *l, struct range_request *r, u64 first, u64 last, bool shared);
void range_unlock(struct range_request *r);
/* Debug builds only: does the current thread hold a request that covers [first, last]? */
bool range_held(struct range_lock *l, u64 first, u64 last);

#endif
