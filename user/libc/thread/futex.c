/* SPDX-License-Identifier: MIT */
/* Waiting on a futex until a time. */
#include "futex.h"

int __futex_wait_until(
	volatile void *word, int value, int shared, int clock, const struct timespec *until, int cancellable)
{
	int op = futex_op(FUTEX_WAIT_BITSET, shared);

	if (until && (until->tv_nsec < 0 || until->tv_nsec >= 1000000000))
		return -EINVAL;
	if (until && until->tv_sec < 0)
		return -ETIMEDOUT;
	if (until && clock == CLOCK_REALTIME)
		op |= FUTEX_CLOCK_REALTIME;
	if (cancellable)
		return (int)cancel_point(SYS_futex, (long)word, op, value, (long)until, 0, FUTEX_ANY);
	return (int)raw_syscall(SYS_futex, (long)word, op, value, (long)until, 0, FUTEX_ANY);
}
