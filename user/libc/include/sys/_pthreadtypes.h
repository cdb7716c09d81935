/* SPDX-License-Identifier: MIT */
/*
 * The types behind newlib's pthread.h: locks are futexes in place, a thread is the address of its
 * control block (libc/thread/). All zeroes is a valid initial value of every lock.
 */
#ifndef _SYS__PTHREADTYPES_H_
#define _SYS__PTHREADTYPES_H_

#include <sys/_types.h>
#include <sys/sched.h>

#define __need_size_t
#include <stddef.h>

typedef unsigned long pthread_t;
typedef unsigned int pthread_key_t;
typedef int pthread_once_t;
typedef int pthread_spinlock_t;

#define PTHREAD_SCOPE_SYSTEM 0
#define PTHREAD_SCOPE_PROCESS 1
#define PTHREAD_INHERIT_SCHED 0
#define PTHREAD_EXPLICIT_SCHED 1
#define PTHREAD_CREATE_JOINABLE 0
#define PTHREAD_CREATE_DETACHED 1
#define PTHREAD_PROCESS_PRIVATE 0
#define PTHREAD_PROCESS_SHARED 1
#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_RECURSIVE 1
#define PTHREAD_MUTEX_ERRORCHECK 2
#define PTHREAD_MUTEX_DEFAULT PTHREAD_MUTEX_NORMAL
#define PTHREAD_MUTEX_STALLED 0
#define PTHREAD_MUTEX_ROBUST 1

typedef struct {
	size_t __stack_size; /* 0: the default */
	size_t __guard_size;
	void *__stack; /* the lowest byte, if the program brings the memory */
	int __detached;
} pthread_attr_t;

/* A node of the list that the kernel walks when a thread dies; set_robust_list(2). */
struct __robust_node {
	struct __robust_node *__next;
	struct __robust_node *__prev;
};

typedef struct {
	int __word;           /* 0, or the owner's thread id and FUTEX_WAITERS, FUTEX_OWNER_DIED */
	unsigned char __type; /* PTHREAD_MUTEX_NORMAL … */
	unsigned char __shared;
	unsigned char __robust;
	unsigned char __state; /* of a robust mutex */
	unsigned int __depth;  /* of a recursive mutex: locked so often, less one */
	struct __robust_node __node;
} pthread_mutex_t;

typedef struct {
	unsigned char __type;
	unsigned char __shared;
	unsigned char __robust;
} pthread_mutexattr_t;

typedef struct {
	unsigned int __seq;   /* the futex: goes up with each signal */
	unsigned int __users; /* threads inside a wait */
	int __clock;
	int __shared;
} pthread_cond_t;

typedef struct {
	int __clock;
	int __shared;
} pthread_condattr_t;

typedef struct {
	unsigned int __state; /* readers, or the mark of a writer; and whether somebody waits */
	int __shared;
	int __writer; /* its thread id */
} pthread_rwlock_t;

typedef struct {
	int __shared;
} pthread_rwlockattr_t;

typedef struct {
	unsigned long __state; /* low half: how many have come; high half, the futex: the round */
	unsigned int __needed;
	unsigned int __users; /* threads inside a wait */
	int __shared;
} pthread_barrier_t;

typedef struct {
	int __shared;
} pthread_barrierattr_t;

/* clang-format off: lists of initial values */
#define _PTHREAD_ONCE_INIT 0
#define _PTHREAD_MUTEX_INITIALIZER                   \
	{                                            \
		0, PTHREAD_MUTEX_NORMAL, 0, 0, 0, 0, \
		{                                    \
			0, 0                         \
		}                                    \
	}
#define PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP          \
	{                                               \
		0, PTHREAD_MUTEX_RECURSIVE, 0, 0, 0, 0, \
		{                                       \
			0, 0                            \
		}                                       \
	}
#define PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP          \
	{                                                \
		0, PTHREAD_MUTEX_ERRORCHECK, 0, 0, 0, 0, \
		{                                        \
			0, 0                             \
		}                                        \
	}
#define _PTHREAD_COND_INITIALIZER \
	{                         \
		0, 0, 0, 0        \
	}
#define _PTHREAD_RWLOCK_INITIALIZER \
	{                           \
		0, 0, 0             \
	}
/* clang-format on */

#endif
