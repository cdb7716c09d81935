/* SPDX-License-Identifier: MIT */
/*
 * Reader/writer locks: one word holds the number of readers, or WRITER, and whether somebody may sleep. Readers get in while
 * there are readers, as is Linux's default; who ends the last hold wakes everybody, and they try again.
 */
#include "futex.h"

#define WAITERS 0x80000000u
#define WRITER 0x7fffffffu
#define MAX_READERS (WRITER - 1)

static int try_lock(pthread_rwlock_t *lock, int writer, unsigned int *old)
{
	unsigned int holds, new;

	*old = __atomic_load_n(&lock->__state, __ATOMIC_RELAXED);
	do {
		holds = *old & ~WAITERS;
		if (holds == WRITER || (writer && holds))
			return EBUSY;
		if (!writer && holds == MAX_READERS)
			return EAGAIN;
		new = writer ? WRITER | (*old & WAITERS) : *old + 1;
	} while (!__atomic_compare_exchange_n(
		&lock->__state, old, new, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	if (writer)
		__atomic_store_n(&lock->__writer, thread_self()->tid, __ATOMIC_RELAXED);
	return 0;
}

static int lock_until(pthread_rwlock_t *lock, int writer, int clock, const struct timespec *until)
{
	unsigned int old;
	int err;

	while ((err = try_lock(lock, writer, &old)) == EBUSY) {
		if ((old & ~WAITERS) == WRITER &&
			__atomic_load_n(&lock->__writer, __ATOMIC_RELAXED) == thread_self()->tid)
			return EDEADLK;
		if (!(old & WAITERS) &&
			!__atomic_compare_exchange_n(
				&lock->__state, &old, old | WAITERS, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		err = -__futex_wait_until(
			&lock->__state, (int)(old | WAITERS), lock->__shared, clock, until, 0);
		if (err == ETIMEDOUT || err == EINVAL)
			return err;
	}
	return err;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	return lock_until(lock, 0, CLOCK_REALTIME, NULL);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	return lock_until(lock, 1, CLOCK_REALTIME, NULL);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until)
{
	return lock_until(lock, 0, CLOCK_REALTIME, until);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until)
{
	return lock_until(lock, 1, CLOCK_REALTIME, until);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	unsigned int old;

	return try_lock(lock, 0, &old);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	unsigned int old;

	return try_lock(lock, 1, &old);
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	unsigned int old = __atomic_load_n(&lock->__state, __ATOMIC_RELAXED), holds, new;
	int shared = lock->__shared; /* after the exchange the lock may be gone */

	if ((old & ~WAITERS) == WRITER)
		__atomic_store_n(&lock->__writer, 0, __ATOMIC_RELAXED);
	do {
		holds = old & ~WAITERS;
		if (!holds)
			return EPERM;
		new = holds == WRITER || holds == 1 ? 0 : old - 1;
	} while (!__atomic_compare_exchange_n(
		&lock->__state, &old, new, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	if (!new && (old & WAITERS))
		futex_wake(&lock->__state, INT_MAX, shared);
	return 0;
}

int pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr)
{
	*lock = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
	if (attr)
		lock->__shared = attr->__shared;
	return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
	return __atomic_load_n(&lock->__state, __ATOMIC_RELAXED) ? EBUSY : 0;
}
