/* SPDX-License-Identifier: MIT */
/*
 * What kernel/sync/range_lock.c needs of a kernel, over pthreads: spinlocks, the current thread, blocking and waking by the contract of
 * kernel/thread.h. Nothing here is part of what is compared, and every lock of the comparison waits by it or by pthreads.
 */
#include "bench/locks/locks.h"
#include "kernel/protocol.h"

#include <sched.h>

static _Thread_local struct bench_thread *self;

void bench_thread_enter(struct bench_thread *t)
{
	*t = (struct bench_thread){.t = {.name = "bench"}};
	pthread_mutex_init(&t->mutex, NULL);
	pthread_cond_init(&t->woken, NULL);
	self = t;
}

struct thread *thread_current(void)
{
	return &self->t;
}

void thread_prepare_block(void)
{
	atomic_store(&self->blocked, true);
}

void thread_cancel_block(void)
{
	atomic_store(&self->blocked, false);
}

void thread_block(void)
{
	pthread_mutex_lock(&self->mutex);
	while (atomic_load(&self->blocked))
		pthread_cond_wait(&self->woken, &self->mutex);
	pthread_mutex_unlock(&self->mutex);
}

void thread_wake(struct thread *thread)
{
	struct bench_thread *t = (struct bench_thread *)thread;

	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load(&t->blocked))
		return;
	pthread_mutex_lock(&t->mutex);
	atomic_store(&t->blocked, false);
	pthread_cond_signal(&t->woken);
	pthread_mutex_unlock(&t->mutex);
}

void spin_init(struct spinlock *l, const struct lock_class *cls UNUSED)
{
	atomic_init(&l->tickets, 0);
}

/* The holder may have lost its CPU: after a while we give ours away. */
void spin_lock(struct spinlock *l)
{
	for (unsigned n = 1; atomic_exchange_explicit(&l->tickets, 1, memory_order_acquire); n++)
		while (atomic_load_explicit(&l->tickets, memory_order_relaxed))
			if (n++ % 64 == 0)
				sched_yield();
}

void spin_unlock(struct spinlock *l)
{
	atomic_store_explicit(&l->tickets, 0, memory_order_release);
}

void shared_access(const volatile void *p UNUSED, bool write UNUSED) {}
