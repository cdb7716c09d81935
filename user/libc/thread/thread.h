/* SPDX-License-Identifier: MIT */
/*
 * A thread's control block. It stands where FS points, above the thread's own copy of the program's TLS
 * image; of threads but the first, guard page, stack, image and block are one mapping:
 *
 *   map          stack                                            self, FS        map + map_size
 *   | guard page | stack, used downwards … | thread-local storage | struct thread |
 *
 * Fields without a note belong to the thread itself.
 */
#ifndef FAULTLINE_LIBC_THREAD_H
#define FAULTLINE_LIBC_THREAD_H

#include "../syscall.h"

#include <limits.h>
#include <pthread.h>
#include <reent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* The C library's own signal, below SIGRTMIN: pthread_cancel() sends it. */
#define SIGCANCEL 32

#define DEFAULT_STACK (8ul << 20) /* what Linux gives */

enum {
	THREAD_JOINABLE,
	THREAD_DETACHED,
	THREAD_EXITED, /* and joinable: whoever joins or detaches it frees it */
};

/* What the kernel reads of the robust mutexes when a thread dies: robust.c. */
struct robust_head {
	struct __robust_node *first;
	long word_offset;
	struct __robust_node *pending;
};

struct thread {
	struct thread *self; /* the ABI's first word */
	void *dtv;           /* the ABI's place of it; static programs have no use for it */
	void *reserved[3];
	uintptr_t canary; /* fs:0x28, where -fstack-protector looks */

	struct _reent *reent; /* newlib's state; the first thread has the global one */
	_Atomic int tid;      /* set by clone; the kernel writes 0 and wakes when the thread has ended */
	_Atomic int life;     /* THREAD_JOINABLE … */
	void *map;            /* NULL of the first thread; freed with the thread */
	size_t map_size;
	char *stack; /* the lowest usable byte */
	size_t stack_size;
	size_t guard_size;
	void *(*start)(void *);
	void *argument;
	void *result; /* valid once tid is 0 */

	_Atomic int cancelled; /* set by other threads, never cleared */
	int cancel_state;
	int cancel_type;
	struct _pthread_cleanup_context *cleanup; /* innermost first */

	int robust_known; /* to the kernel */
	struct robust_head robust;
	struct {
		void *value;
		unsigned int generation; /* of the key when the value was set: key.c */
	} values[PTHREAD_KEYS_MAX];
	struct _reent own_reent;
};

_Static_assert(offsetof(struct thread, canary) == 0x28, "the ABI's place of the stack canary");

static inline struct thread *thread_self(void)
{
	struct thread *self;

	__asm__("movq %%fs:0, %0" : "=r"(self));
	return self;
}

/* ---- tls.c ---- */

/* Bytes that TLS image and control block take at the end of a mapping, at most. */
size_t __tls_size(void);
/* Lays both out, in zeroed memory that ends at end; returns the block, and in *below where the free memory
 * under them ends. */
struct thread *__tls_build(char *end, char **below);

/* ---- thread.c ---- */

/* Runs function(argument) on the stack, as a thread or a process: the flags are clone(2)'s. Returns as
 * the system call does. The stack ends 16-aligned. */
long __clone(int (*function)(void *), char *stack, unsigned long flags, void *argument,
	_Atomic int *parent_tid, _Atomic int *child_tid, void *tls);

/* fork()'s child: the calling thread is the only one, with a new id. */
void __thread_forked(void);

/* ---- key.c, robust.c: of the calling thread ---- */

void __keys_end(struct thread *self);
void __robust_pending(struct thread *self, pthread_mutex_t *mutex);
void __robust_add(struct thread *self, pthread_mutex_t *mutex);
void __robust_remove(struct thread *self, pthread_mutex_t *mutex);

#endif
