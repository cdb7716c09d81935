/* SPDX-License-Identifier: MIT */
/*
 * Condition variables: a counter that goes up with every signal. A waiter reads it while it holds the mutex, lets the
 * mutex go, and sleeps while the counter is what it was: a signal after the mutex was let go changes the counter,
 * so it is not missed. The futex's queue is first come, first served, so a signal's wake-up goes to one who waited before it.
 */
#include "futex.h"

struct wait {
	pthread_cond_t *cond;
	pthread_mutex_t *mutex;
	int error; /* of taking the mutex back */
};

/* Also the clean-up of a thread that is cancelled in its wait: it has the mutex in its handlers. */
static void end_wait(void *argument)
{
	struct wait *wait = argument;

	users_leave(&wait->cond->__users, wait->cond->__shared);
	wait->error = pthread_mutex_lock(wait->mutex);
}

static int wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int clock, const struct timespec *until)
{
	struct wait wait = {.cond = cond, .mutex = mutex};
	unsigned int seq;
	int err;

	if (until && (until->tv_nsec < 0 || until->tv_nsec >= 1000000000))
		return EINVAL;
	pthread_testcancel();
	users_enter(&cond->__users);
	seq = __atomic_load_n(&cond->__seq, __ATOMIC_SEQ_CST);
	err = pthread_mutex_unlock(mutex);
	if (err) {
		users_leave(&cond->__users, cond->__shared);
		return err;
	}
	pthread_cleanup_push(end_wait, &wait);
	err = -__futex_wait_until(&cond->__seq, (int)seq, cond->__shared, clock, until, 1);
	pthread_cleanup_pop(1);
	if (wait.error)
		return wait.error;
	return err == ETIMEDOUT ? ETIMEDOUT : 0;
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	return wait_until(cond, mutex, CLOCK_REALTIME, NULL);
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
	return wait_until(cond, mutex, cond->__clock, until);
}

int pthread_cond_clockwait(
	pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	return wait_until(cond, mutex, clock, until);
}

static int wake(pthread_cond_t *cond, int count)
{
	int shared = cond->__shared;

	if (__atomic_load_n(&cond->__users, __ATOMIC_SEQ_CST) == 0)
		return 0;
	__atomic_fetch_add(&cond->__seq, 1, __ATOMIC_SEQ_CST);
	futex_wake(&cond->__seq, count, shared);
	return 0;
}

int pthread_cond_signal(pthread_cond_t *cond)
{
	return wake(cond, 1);
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
	return wake(cond, INT_MAX);
}

int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
	*cond = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	if (attr) {
		cond->__clock = attr->__clock;
		cond->__shared = attr->__shared;
	}
	return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond)
{
	users_drain(&cond->__users, cond->__shared);
	return 0;
}
