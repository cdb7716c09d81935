/* SPDX-License-Identifier: MIT */
/*
 * Reader/writer locks that sleep. Clients: mm->lock, inode locks, the rwsem DAX scheme.
 *
 * The state word: bits 0..31 readers (R), bit 32 a writer holds the lock (W), bit 33 the queue is not empty (Q).
 *   read_lock    R += 1; if W or Q was set the reader has no right to it, and takes its count back under wait_lock
 *   read_unlock  R -= 1; if that leaves R = 0 and Q set: dispatch
 *   write_lock   0 -> W; else queue
 *   write_unlock W -> 0; else clear W and dispatch under wait_lock
 * dispatch (wait_lock held) passes a lock without writer on: after a writer to all readers that wait, else to the first
 * writer, and if no writer waits to all readers. That is phase-fair: a writer waits for one phase of readers, a reader for
 * one writer.
 *
 * Rule: whenever wait_lock is free and the queue is not empty, Q is set and (W is set or R > 0), and whoever
 * takes the last of those away sees Q and dispatches. A reader in R that holds nothing yet (it met W or Q) counts: it takes
 * itself out under wait_lock and dispatches, so that it cannot hide the end of a phase. W and Q change under wait_lock
 * only, but for W in the two fast paths, which need Q clear.
 *
 * Why no wake-up is lost: a waiter queues itself, sets Q and dispatches in one critical section. A holder that left before
 * Q was set is seen by that dispatch, one that leaves after sees Q. `granted` is read and written under wait_lock only, and
 * the waiter marks itself blocked before it drops wait_lock, so the wake meets a blocked thread, whose stack
 * cannot go away meanwhile.
 *
 * Locks: wait_lock (RANK_WAITQ). The lock's memory must stay until every unlock call has returned.
 */
#include "kernel/sync/rwsem.h"

#include "kernel/log.h"
#include "lib/errno.h"

#define RWSEM_READER 1ull
#define RWSEM_READERS 0xffffffffull
#define RWSEM_WRITER (1ull << 32)
#define RWSEM_QUEUE (1ull << 33)

struct rwsem_waiter {
	struct list_node node;
	struct thread *thread;
	bool write;
	bool granted;
};

static const struct lock_class wait_class = {"rwsem.wait_lock", RANK_WAITQ, false};

void rwsem_init(struct rwsem *s, const struct lock_class *cls)
{
	atomic_init(&s->state, 0);
	spin_init(&s->wait_lock, &wait_class);
	list_init(&s->waiters);
	s->writer = NULL;
	s->class = cls;
}

/* Queue and Q bit. wait_lock held. */
static void enqueue_locked(struct rwsem *s, struct rwsem_waiter *w)
{
	list_push_back(&s->waiters, &w->node);
	atomic_fetch_or(&s->state, RWSEM_QUEUE);
}

static void dequeue_locked(struct rwsem *s, struct rwsem_waiter *w)
{
	list_remove(&w->node);
	if (list_empty(&s->waiters))
		atomic_fetch_and(&s->state, ~RWSEM_QUEUE);
}

static void grant_locked(struct rwsem *s, struct rwsem_waiter *w)
{
	dequeue_locked(s, w);
	w->granted = true;
	thread_wake(w->thread);
}

static struct rwsem_waiter *first_waiter_locked(struct rwsem *s, bool write)
{
	struct rwsem_waiter *w;

	LIST_FOR_EACH (w, &s->waiters, node) {
		if (w->write == write)
			return w;
	}
	return NULL;
}

/* Passes the lock on if no writer holds it. wait_lock held. */
static void dispatch_locked(struct rwsem *s, bool after_writer)
{
	u64 state = atomic_load(&s->state);
	struct rwsem_waiter *writer = first_waiter_locked(s, true);
	struct rwsem_waiter *w, *tmp;

	if (state & RWSEM_WRITER)
		return;
	if (writer && !(after_writer && first_waiter_locked(s, false))) {
		while (!(state & RWSEM_READERS)) {
			if (atomic_compare_exchange_strong(&s->state, &state, state | RWSEM_WRITER)) {
				grant_locked(s, writer);
				return;
			}
		}
		return; /* the last of the readers comes back here */
	}
	LIST_FOR_EACH_SAFE (w, tmp, &s->waiters, node) {
		if (!w->write) {
			atomic_fetch_add(&s->state, RWSEM_READER);
			grant_locked(s, w);
		}
	}
}

/* Queues the current thread until it is granted the lock. wait_lock held, and dropped. 0 or -EINTR. */
static int wait_locked(struct rwsem *s, bool write, bool killable)
{
	struct rwsem_waiter w = {.thread = thread_current(), .write = write};
	int err = 0;

	enqueue_locked(s, &w);
	dispatch_locked(s, false);
	while (!w.granted) {
		thread_prepare_block();
		/* After prepare: whoever kills sets the flag first and wakes then, so one of the two is seen. */
		if (killable && atomic_load(&w.thread->killed)) {
			thread_cancel_block();
			dequeue_locked(s, &w);
			dispatch_locked(s, false); /* readers that waited only for us */
			err = -EINTR;
			break;
		}
		spin_unlock(&s->wait_lock);
		thread_block();
		spin_lock(&s->wait_lock);
	}
	spin_unlock(&s->wait_lock);
	return err;
}

/* Adds a reader if neither a writer nor a queue is there. */
static bool try_add_reader(struct rwsem *s)
{
	u64 state = atomic_load(&s->state);

	while (!(state & (RWSEM_WRITER | RWSEM_QUEUE))) {
		if (atomic_compare_exchange_strong(&s->state, &state, state + RWSEM_READER))
			return true;
	}
	return false;
}

void rwsem_read_lock(struct rwsem *s)
{
	lockdep_might_sleep();
	lockdep_acquire(s, s->class, false);
	if (likely(!(atomic_fetch_add(&s->state, RWSEM_READER) & (RWSEM_WRITER | RWSEM_QUEUE))))
		return;
	spin_lock(&s->wait_lock);
	atomic_fetch_sub(&s->state, RWSEM_READER);
	if (try_add_reader(s))
		spin_unlock(&s->wait_lock);
	else
		wait_locked(s, false, false);
}

bool rwsem_read_trylock(struct rwsem *s)
{
	if (!try_add_reader(s))
		return false;
	lockdep_acquire(s, s->class, true);
	return true;
}

void rwsem_read_unlock(struct rwsem *s)
{
	u64 state;

	lockdep_release(s, s->class);
	state = atomic_fetch_sub(&s->state, RWSEM_READER) - RWSEM_READER;
	if (likely(!(state & RWSEM_QUEUE) || (state & (RWSEM_READERS | RWSEM_WRITER))))
		return;
	spin_lock(&s->wait_lock);
	dispatch_locked(s, false);
	spin_unlock(&s->wait_lock);
}

static bool try_write(struct rwsem *s)
{
	u64 free = 0;

	return atomic_compare_exchange_strong(&s->state, &free, RWSEM_WRITER);
}

static int write_lock(struct rwsem *s, bool killable)
{
	int err = 0;

	lockdep_might_sleep();
	lockdep_acquire(s, s->class, false);
	if (!try_write(s)) {
		spin_lock(&s->wait_lock);
		err = wait_locked(s, true, killable);
	}
	if (err)
		lockdep_release(s, s->class);
	else
		s->writer = thread_current();
	return err;
}

void rwsem_write_lock(struct rwsem *s)
{
	write_lock(s, false);
}

int rwsem_write_lock_killable(struct rwsem *s)
{
	return write_lock(s, true);
}

bool rwsem_write_trylock(struct rwsem *s)
{
	if (!try_write(s))
		return false;
	lockdep_acquire(s, s->class, true);
	s->writer = thread_current();
	return true;
}

void rwsem_write_unlock(struct rwsem *s)
{
	u64 held = RWSEM_WRITER;

	DEBUG_ASSERT(rwsem_write_held(s));
	lockdep_release(s, s->class);
	s->writer = NULL;
	if (atomic_compare_exchange_strong(&s->state, &held, 0))
		return;
	spin_lock(&s->wait_lock);
	atomic_fetch_and(&s->state, ~RWSEM_WRITER);
	dispatch_locked(s, true);
	spin_unlock(&s->wait_lock);
}

bool rwsem_write_held(const struct rwsem *s)
{
	return (atomic_load_explicit(&s->state, memory_order_relaxed) & RWSEM_WRITER) &&
		s->writer == thread_current();
}
