/* SPDX-License-Identifier: MIT */
/*
 * Wait queues. Clients: whoever sleeps for a condition (WAIT_EVENT), and interrupt handlers that make it true.
 *
 * Rule: a waiter queues itself and marks itself blocked in one critical section of the queue's lock, and evaluates the condition after that.
 * A waker makes the condition true before it takes the lock. If the waiter queued first, the waker finds it and
 * ends the block; if the waker came first, the waiter's evaluation sees the condition. So no wake-up is lost.
 *
 * waitq_finish() always takes the lock, also when the thread was already dequeued: the waker that dequeued it may
 * still be inside thread_wake(), and the thread must not exit before that has returned.
 *
 * Locks: waitq.lock (RANK_WAITQ), interrupts off.
 */
#include "kernel/sync/waitq.h"

static const struct lock_class waitq_class = {"waitq", RANK_WAITQ, false};

void waitq_init(struct waitq *q)
{
	spin_init(&q->lock, &waitq_class);
	list_init(&q->waiters);
}

void waitq_prepare(struct waitq *q)
{
	struct thread *t = thread_current();
	irq_state_t s;

	lockdep_might_sleep();
	s = spin_lock_irq(&q->lock);
	thread_prepare_block();
	list_push_back(&q->waiters, &t->wait_node);
	spin_unlock_irq(&q->lock, s);
}

void waitq_sleep(struct waitq *q UNUSED)
{
	thread_block();
}

void waitq_finish(struct waitq *q)
{
	irq_state_t s = spin_lock_irq(&q->lock);

	thread_cancel_block();
	list_remove(&thread_current()->wait_node);
	spin_unlock_irq(&q->lock, s);
}

/* Wakes up to `max` threads, in order of arrival. */
static void wake(struct waitq *q, unsigned long max)
{
	irq_state_t s = spin_lock_irq(&q->lock);
	struct list_node *n;

	while (max-- && (n = list_pop_front(&q->waiters)))
		thread_wake(LIST_ENTRY(n, struct thread, wait_node));
	spin_unlock_irq(&q->lock, s);
}

void waitq_wake_one(struct waitq *q)
{
	wake(q, 1);
}

void waitq_wake_all(struct waitq *q)
{
	wake(q, ~0ul);
}
