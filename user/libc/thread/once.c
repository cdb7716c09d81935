/* SPDX-License-Identifier: MIT */
/* pthread_once(): one thread runs the function, the others wait; if it is cancelled in there, the next one runs it. */
#include "futex.h"

enum { ONCE_NEW, ONCE_RUNS, ONCE_AWAITED, ONCE_DONE };

static void finish(pthread_once_t *once, int state)
{
	if (__atomic_exchange_n(once, state, __ATOMIC_RELEASE) == ONCE_AWAITED)
		futex_wake(once, INT_MAX, 0);
}

static void undo(void *once)
{
	finish(once, ONCE_NEW);
}

int pthread_once(pthread_once_t *once, void (*run)(void))
{
	int state = __atomic_load_n(once, __ATOMIC_ACQUIRE);

	while (state != ONCE_DONE) {
		if (state == ONCE_NEW) {
			if (!__atomic_compare_exchange_n(
				    once, &state, ONCE_RUNS, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
				continue;
			pthread_cleanup_push(undo, once);
			run();
			pthread_cleanup_pop(0);
			finish(once, ONCE_DONE);
			return 0;
		}
		if (state == ONCE_RUNS &&
			!__atomic_compare_exchange_n(
				once, &state, ONCE_AWAITED, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			continue;
		futex_wait(once, ONCE_AWAITED, 0);
		state = __atomic_load_n(once, __ATOMIC_ACQUIRE);
	}
	return 0;
}
