/* SPDX-License-Identifier: MIT */
/*
 * Semaphores: value and number of waiters in one word, so that sem_post() learns in the moment it adds whether it has to wake;
 * afterwards the semaphore may be gone.
 */
#include "futex.h"

#include <semaphore.h>

#define WAITER (1ul << 32)

static unsigned int value_of(unsigned long state)
{
	return (unsigned int)state;
}

int sem_init(sem_t *sem, int shared, unsigned int value)
{
	if (value > SEM_VALUE_MAX) {
		errno = EINVAL;
		return -1;
	}
	*sem = (sem_t){.__state = value, .__shared = shared};
	return 0;
}

int sem_destroy(sem_t *sem)
{
	(void)sem;
	return 0;
}

int sem_getvalue(sem_t *sem, int *value)
{
	*value = (int)value_of(__atomic_load_n(&sem->__state, __ATOMIC_RELAXED));
	return 0;
}

int sem_post(sem_t *sem)
{
	unsigned long old = __atomic_load_n(&sem->__state, __ATOMIC_RELAXED);
	int shared = sem->__shared;

	do {
		if (value_of(old) == SEM_VALUE_MAX) {
			errno = EOVERFLOW;
			return -1;
		}
	} while (!__atomic_compare_exchange_n(
		&sem->__state, &old, old + 1, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	if (old >= WAITER)
		futex_wake(&sem->__state, 1, shared);
	return 0;
}

/* Takes one, and with it leaves the waiters if it was among them. */
static int take(sem_t *sem, unsigned long was_waiter)
{
	unsigned long old = __atomic_load_n(&sem->__state, __ATOMIC_RELAXED);

	do {
		if (value_of(old) == 0)
			return -1;
	} while (!__atomic_compare_exchange_n(
		&sem->__state, &old, old - 1 - was_waiter, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return 0;
}

int sem_trywait(sem_t *sem)
{
	if (take(sem, 0) == 0)
		return 0;
	errno = EAGAIN;
	return -1;
}

static void stop_waiting(void *sem)
{
	__atomic_fetch_sub(&((sem_t *)sem)->__state, WAITER, __ATOMIC_RELAXED);
}

static int wait_until(sem_t *sem, int clock, const struct timespec *until)
{
	int err = 0, taken;

	pthread_testcancel();
	if (take(sem, 0) == 0)
		return 0;
	__atomic_fetch_add(&sem->__state, WAITER, __ATOMIC_SEQ_CST);
	pthread_cleanup_push(stop_waiting, sem);
	while ((taken = take(sem, WAITER)) < 0) {
		err = -__futex_wait_until(&sem->__state, 0, sem->__shared, clock, until, 1);
		if (err == EINTR || err == ETIMEDOUT || err == EINVAL)
			break;
	}
	pthread_cleanup_pop(taken < 0);
	if (taken == 0)
		return 0;
	errno = err;
	return -1;
}

int sem_wait(sem_t *sem)
{
	return wait_until(sem, CLOCK_REALTIME, NULL);
}

int sem_timedwait(sem_t *sem, const struct timespec *until)
{
	return wait_until(sem, CLOCK_REALTIME, until);
}

int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) {
		errno = EINVAL;
		return -1;
	}
	return wait_until(sem, clock, until);
}
