/* SPDX-License-Identifier: MIT */
/*
 * Mutexes. Clients: everything above sync that sleeps under a lock.
 *
 * Rule: the owner word holds the owner and, in bit 0, "somebody waits". While bit 0 is set only a holder of
 * wait_lock changes the word, and it never becomes 0: unlocking hands the mutex to the first waiter. So a newcomer
 * cannot overtake the queue.
 *
 * Why no wake-up is lost: a waiter queues itself and sets bit 0 in one critical section of wait_lock, by a
 * compare-exchange that fails if the owner has left meanwhile (then it takes the mutex instead). From then on the owner's fast
 * unlock (owner -> 0) fails and it comes to wait_lock, where it finds the waiter. The waiter marks
 * itself blocked before it drops wait_lock, so the thread_wake() that follows the grant meets a blocked thread.
 * `granted` is read and written under wait_lock only: the waiter cannot return, and its stack and thread cannot
 * go away, before the thread that grants has finished with both.
 *
 * Locks: wait_lock (RANK_WAITQ).
 */
#include "kernel/sync/mutex.h"

#include "kernel/log.h"
#include "lib/errno.h"

#define MUTEX_WAITERS ((uintptr_t)1)

struct mutex_waiter {
	struct list_node node;
	struct thread *thread;
	bool granted;
};

static const struct lock_class wait_class = {"mutex.wait_lock", RANK_WAITQ, false};

static uintptr_t me(void)
{
	return (uintptr_t)thread_current();
}

void mutex_init(struct mutex *m, const struct lock_class *cls)
{
	atomic_init(&m->owner, 0);
	spin_init(&m->wait_lock, &wait_class);
	list_init(&m->waiters);
	m->class = cls;
}

static bool try_acquire(struct mutex *m)
{
	uintptr_t free = 0;

	return atomic_compare_exchange_strong(&m->owner, &free, me());
}

/* Takes a free mutex (true), or announces a waiter in the owner word (false). wait_lock held. */
static bool acquire_or_announce_locked(struct mutex *m)
{
	uintptr_t o = atomic_load(&m->owner);

	while (!(o & MUTEX_WAITERS)) {
		uintptr_t next = o ? o | MUTEX_WAITERS : me();

		if (atomic_compare_exchange_strong(&m->owner, &o, next))
			return next == me();
	}
	return false;
}

static int lock_slow(struct mutex *m, bool killable)
{
	struct mutex_waiter w = {.thread = thread_current()};
	int err = 0;

	spin_lock(&m->wait_lock);
	if (acquire_or_announce_locked(m))
		goto out;
	list_push_back(&m->waiters, &w.node);
	while (!w.granted) {
		thread_prepare_block();
		/* After prepare: whoever kills sets the flag first and wakes then, so one of the two is seen. */
		if (killable && atomic_load(&w.thread->killed)) {
			thread_cancel_block();
			list_remove(&w.node);
			if (list_empty(&m->waiters))
				atomic_fetch_and(&m->owner, ~MUTEX_WAITERS);
			err = -EINTR;
			break;
		}
		spin_unlock(&m->wait_lock);
		thread_block();
		spin_lock(&m->wait_lock);
	}
out:
	spin_unlock(&m->wait_lock);
	return err;
}

void mutex_lock(struct mutex *m)
{
	lockdep_might_sleep();
	lockdep_acquire(m, m->class, false);
	if (!try_acquire(m))
		lock_slow(m, false);
}

int mutex_lock_killable(struct mutex *m)
{
	int err = 0;

	lockdep_might_sleep();
	lockdep_acquire(m, m->class, false);
	if (!try_acquire(m))
		err = lock_slow(m, true);
	if (err)
		lockdep_release(m, m->class);
	return err;
}

bool mutex_trylock(struct mutex *m)
{
	if (!try_acquire(m))
		return false;
	lockdep_acquire(m, m->class, true);
	return true;
}

/* Gives the mutex to the first waiter, if one is still there: a killed waiter may have left since the fast path failed. */
static void unlock_slow(struct mutex *m)
{
	struct mutex_waiter *w;
	struct list_node *n;

	spin_lock(&m->wait_lock);
	n = list_pop_front(&m->waiters);
	if (n) {
		w = LIST_ENTRY(n, struct mutex_waiter, node);
		atomic_store(&m->owner, (uintptr_t)w->thread | (list_empty(&m->waiters) ? 0 : MUTEX_WAITERS));
		w->granted = true;
		thread_wake(w->thread);
	} else {
		atomic_store(&m->owner, 0);
	}
	spin_unlock(&m->wait_lock);
}

void mutex_unlock(struct mutex *m)
{
	uintptr_t expected = me();

	DEBUG_ASSERT(mutex_held(m));
	lockdep_release(m, m->class);
	if (!atomic_compare_exchange_strong(&m->owner, &expected, 0))
		unlock_slow(m);
}

bool mutex_held(const struct mutex *m)
{
	return (atomic_load_explicit(&m->owner, memory_order_relaxed) & ~MUTEX_WAITERS) == me();
}
