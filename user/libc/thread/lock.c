/* SPDX-License-Identifier: MIT */
/*
 * newlib's own locks, of malloc, streams, the environment: all recursive, and three-state like mutexes. The owner is the
 * control block, so that fork()'s child, which has the same one, can release what fork() took.
 *
 * fork() takes all of the locks that have names, so that malloc and stdio are usable in the child of a program with
 * threads. The order is that in which newlib nests them, malloc last. Locks of single streams are not taken.
 */
#include "lock.h"
#include "futex.h"

#include <stdlib.h>
#include <sys/lock.h>

struct __lock {
	int word; /* 0 free, 1 locked, 2 locked and somebody may sleep */
	unsigned int depth;
	struct thread *owner;
};

struct __lock __lock___atexit_recursive_mutex, __lock___at_quick_exit_mutex, __lock___sinit_recursive_mutex,
	__lock___sfp_recursive_mutex, __lock___tz_mutex, __lock___dd_hash_mutex, __lock___arc4random_mutex,
	__lock___env_recursive_mutex, __lock___malloc_recursive_mutex;

static struct __lock *const named[] = {&__lock___atexit_recursive_mutex, &__lock___at_quick_exit_mutex,
	&__lock___sinit_recursive_mutex, &__lock___sfp_recursive_mutex, &__lock___tz_mutex,
	&__lock___dd_hash_mutex, &__lock___arc4random_mutex, &__lock___env_recursive_mutex,
	&__lock___malloc_recursive_mutex};

#define NAMED (sizeof(named) / sizeof(named[0]))

static int mine(struct __lock *lock)
{
	return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == thread_self();
}

static int try_acquire(struct __lock *lock)
{
	int free = 0;

	if (mine(lock)) {
		lock->depth++;
		return 1;
	}
	if (!__atomic_compare_exchange_n(&lock->word, &free, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return 0;
	__atomic_store_n(&lock->owner, thread_self(), __ATOMIC_RELAXED);
	return 1;
}

static void acquire(struct __lock *lock)
{
	if (try_acquire(lock))
		return;
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
		futex_wait(&lock->word, 2, 0);
	__atomic_store_n(&lock->owner, thread_self(), __ATOMIC_RELAXED);
}

static void release(struct __lock *lock)
{
	if (lock->depth) {
		lock->depth--;
		return;
	}
	__atomic_store_n(&lock->owner, NULL, __ATOMIC_RELAXED);
	if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
		futex_wake(&lock->word, 1, 0);
}

void __locks_before_fork(void)
{
	for (unsigned int i = 0; i < NAMED; i++)
		acquire(named[i]);
}

void __locks_after_fork(void)
{
	for (unsigned int i = NAMED; i-- > 0;)
		release(named[i]);
}

/* ---- what newlib calls ---- */

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
	*lock = calloc(1, sizeof(struct __lock));
	if (!*lock)
		abort(); /* newlib has no way to say that a stream cannot be made */
}

void __retarget_lock_init(_LOCK_T *lock)
{
	__retarget_lock_init_recursive(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
	free(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
	free(lock);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
	acquire(lock);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
	acquire(lock);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
	return try_acquire(lock);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
	return try_acquire(lock);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
	release(lock);
}

void __retarget_lock_release(_LOCK_T lock)
{
	release(lock);
}
