/* SPDX-License-Identifier: MIT */
/*
 * Mutexes. The word has three states: 0, free; a thread's id, locked; the id and FUTEX_WAITERS, locked and
 * somebody may sleep. Whoever has slept takes the lock with FUTEX_WAITERS, because he does not know whether he was the only
 * one, and whoever unlocks a word that has it wakes one thread. So a wake-up is sent for every
 * sleeper, and none where nobody sleeps.
 *
 * The id serves recursive, error-checking and robust mutexes; the kernel knows this format (set_robust_list(2)) and sets
 * FUTEX_OWNER_DIED for robust ones.
 */
#include "futex.h"

#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define TID_MASK 0x3fffffffu

enum {
	CONSISTENT,
	INCONSISTENT,    /* its owner has died, the new one knows */
	NOT_RECOVERABLE, /* and has unlocked it without making it consistent */
};

static unsigned int load(pthread_mutex_t *m)
{
	return __atomic_load_n((unsigned int *)&m->__word, __ATOMIC_RELAXED);
}

static int exchange_if(pthread_mutex_t *m, unsigned int *old, unsigned int new)
{
	return __atomic_compare_exchange_n(
		(unsigned int *)&m->__word, old, new, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* The caller owns it already: 0, EDEADLK, EAGAIN, or -1 if it has to wait for itself. */
static int lock_again(pthread_mutex_t *m)
{
	switch (m->__type) {
	case PTHREAD_MUTEX_RECURSIVE:
		if (m->__depth == UINT_MAX)
			return EAGAIN;
		m->__depth++;
		return 0;
	case PTHREAD_MUTEX_ERRORCHECK:
		return EDEADLK;
	default:
		return -1;
	}
}

/* The caller has just taken the word of a robust mutex. */
static int lock_robust(struct thread *self, pthread_mutex_t *m, unsigned int old)
{
	if (m->__state == NOT_RECOVERABLE) {
		__atomic_store_n(&m->__word, 0, __ATOMIC_RELEASE);
		futex_wake(&m->__word, INT_MAX, m->__shared);
		self->robust.pending = NULL;
		return ENOTRECOVERABLE;
	}
	__robust_add(self, m);
	self->robust.pending = NULL;
	if (!(old & FUTEX_OWNER_DIED))
		return 0;
	m->__depth = 0;
	m->__state = INCONSISTENT;
	return EOWNERDEAD;
}

/* One attempt; waiters is FUTEX_WAITERS if the caller has slept. EBUSY leaves in *old what stood in its way. */
static int take(struct thread *self, pthread_mutex_t *m, unsigned int waiters, unsigned int *old)
{
	unsigned int tid = (unsigned int)self->tid;

	*old = 0;
	while (!exchange_if(m, old, tid | waiters | (*old & FUTEX_WAITERS)))
		if (*old & TID_MASK)
			return EBUSY;
	return m->__robust ? lock_robust(self, m, *old) : 0;
}

/* A mutex that this thread may die with: the kernel looks at `pending` between word and list. */
static void announce(struct thread *self, pthread_mutex_t *m)
{
	if (m->__robust)
		__robust_pending(self, m);
}

static void announce_nothing(struct thread *self, pthread_mutex_t *m)
{
	if (m->__robust)
		self->robust.pending = NULL;
}

static int lock_until(pthread_mutex_t *m, int clock, const struct timespec *until)
{
	struct thread *self = thread_self();
	unsigned int old, waiters = 0;
	int err;

	announce(self, m);
	while ((err = take(self, m, waiters, &old)) == EBUSY) {
		if ((old & TID_MASK) == (unsigned int)self->tid && (err = lock_again(m)) >= 0)
			break;
		if (!(old & FUTEX_WAITERS) && !exchange_if(m, &old, old | FUTEX_WAITERS))
			continue;
		waiters = FUTEX_WAITERS;
		err = -__futex_wait_until(
			&m->__word, (int)(old | FUTEX_WAITERS), m->__shared, clock, until, 0);
		if (err == ETIMEDOUT || err == EINVAL)
			break;
	}
	if (err && err != EOWNERDEAD)
		announce_nothing(self, m);
	return err;
}

int pthread_mutex_lock(pthread_mutex_t *m)
{
	unsigned int free = 0;

	if (!m->__robust && exchange_if(m, &free, (unsigned int)thread_self()->tid))
		return 0;
	return lock_until(m, CLOCK_REALTIME, NULL);
}

int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *until)
{
	return lock_until(m, CLOCK_REALTIME, until);
}

int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	return lock_until(m, clock, until);
}

int pthread_mutex_trylock(pthread_mutex_t *m)
{
	struct thread *self = thread_self();
	unsigned int old;
	int err;

	announce(self, m);
	err = take(self, m, 0, &old);
	if (err == EBUSY && m->__type == PTHREAD_MUTEX_RECURSIVE &&
		(old & TID_MASK) == (unsigned int)self->tid)
		err = lock_again(m);
	if (err && err != EOWNERDEAD)
		announce_nothing(self, m);
	return err;
}

int pthread_mutex_unlock(pthread_mutex_t *m)
{
	struct thread *self = thread_self();
	int shared = m->__shared; /* after the exchange the mutex may be gone */
	unsigned int old;

	if (m->__type != PTHREAD_MUTEX_NORMAL || m->__robust) {
		if ((load(m) & TID_MASK) != (unsigned int)self->tid)
			return EPERM;
		if (m->__depth) {
			m->__depth--;
			return 0;
		}
	}
	if (m->__robust) {
		if (m->__state == INCONSISTENT)
			m->__state = NOT_RECOVERABLE;
		__robust_pending(self, m);
		__robust_remove(self, m);
	}
	old = __atomic_exchange_n((unsigned int *)&m->__word, 0, __ATOMIC_RELEASE);
	if (old & FUTEX_WAITERS)
		futex_wake(&m->__word, 1, shared);
	if (self->robust.pending)
		self->robust.pending = NULL;
	return 0;
}

int pthread_mutex_consistent(pthread_mutex_t *m)
{
	if (!m->__robust || m->__state != INCONSISTENT)
		return EINVAL;
	m->__state = CONSISTENT;
	return 0;
}

int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	*m = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	if (attr) {
		m->__type = attr->__type;
		m->__shared = attr->__shared;
		m->__robust = attr->__robust;
	}
	return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *m)
{
	return load(m) & TID_MASK ? EBUSY : 0;
}
