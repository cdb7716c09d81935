/* SPDX-License-Identifier: MIT */
/*
 * Barriers: one word of 64 bits counts who has come (low half) and the rounds (high half, the futex). The last to come starts
 * the next round and wakes the others; since both change at once, whoever comes then is of the next round.
 */
#include "futex.h"

#define ROUND (1ul << 32)

int pthread_barrier_wait(pthread_barrier_t *barrier)
{
	volatile unsigned int *round = (volatile unsigned int *)&barrier->__state + 1;
	int shared = barrier->__shared;
	unsigned long old, new;
	int last;

	users_enter(&barrier->__users);
	old = __atomic_load_n(&barrier->__state, __ATOMIC_SEQ_CST);
	do {
		last = (unsigned int)old + 1 == barrier->__needed;
		new = last ? (old & -ROUND) + ROUND : old + 1;
	} while (!__atomic_compare_exchange_n(
		&barrier->__state, &old, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	if (last)
		futex_wake(round, INT_MAX, shared);
	else
		while (__atomic_load_n(round, __ATOMIC_SEQ_CST) == (unsigned int)(old >> 32))
			futex_wait(round, (int)(old >> 32), shared);
	users_leave(&barrier->__users, shared);
	return last ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}

int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned int count)
{
	if (count == 0 || count > INT_MAX)
		return EINVAL;
	*barrier = (pthread_barrier_t){.__needed = count, .__shared = attr ? attr->__shared : 0};
	return 0;
}

int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
	users_drain(&barrier->__users, barrier->__shared);
	return 0;
}
