/* SPDX-License-Identifier: MIT */
/*
 * Futexes, as the locks use them. Locks of one process use private ones; those that processes share, and
 * words that the kernel itself wakes (a dead thread's id), use the others.
 */
#ifndef FAULTLINE_LIBC_FUTEX_H
#define FAULTLINE_LIBC_FUTEX_H

#include "thread.h"

#include <errno.h>
#include <time.h>

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_WAIT_BITSET 9
#define FUTEX_PRIVATE 128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_ANY (-1)

static inline int futex_op(int op, int shared)
{
	return shared ? op : op | FUTEX_PRIVATE;
}

static inline void futex_wake(volatile void *word, int count, int shared)
{
	raw_syscall(SYS_futex, (long)word, futex_op(FUTEX_WAKE, shared), count, 0, 0, 0);
}

/* Sleeps while *word is value. 0, or a negative errno: the caller looks at the word again. */
static inline int futex_wait(volatile void *word, int value, int shared)
{
	return (int)raw_syscall(SYS_futex, (long)word, futex_op(FUTEX_WAIT, shared), value, 0, 0, 0);
}

/* As futex_wait, until a time on a clock (NULL: for ever), and a cancellation point if asked for. */
int __futex_wait_until(
	volatile void *word, int value, int shared, int clock, const struct timespec *until, int cancellable);

/* ---- threads inside a lock ---- */
/*
 * A condition or barrier may be destroyed, and its memory reused, as soon as its last waiter has been
 * woken; waiters that are on their way out still look at it. They are counted, and destruction waits.
 */
#define USERS_DRAINED 0x80000000u /* somebody waits for the count to fall to 0 */

static inline void users_enter(unsigned int *users)
{
	__atomic_fetch_add(users, 1, __ATOMIC_SEQ_CST);
}

/* After this the lock is not touched; that a wake-up may hit memory with another use is what futexes allow. */
static inline void users_leave(unsigned int *users, int shared)
{
	if (__atomic_sub_fetch(users, 1, __ATOMIC_SEQ_CST) == USERS_DRAINED)
		futex_wake(users, INT_MAX, shared);
}

static inline void users_drain(unsigned int *users, int shared)
{
	unsigned int left = __atomic_or_fetch(users, USERS_DRAINED, __ATOMIC_SEQ_CST);

	while (left != USERS_DRAINED) {
		futex_wait(users, (int)left, shared);
		left = __atomic_load_n(users, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(users, 0, __ATOMIC_SEQ_CST);
}

#endif
