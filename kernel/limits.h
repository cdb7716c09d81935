/* SPDX-License-Identifier: MIT */
/*
 * Resource limits of a process (setrlimit). They lie in the process (kernel/proc/limits.c); its threads point to them, so mm and fs can ask for those
 * of who is running without knowing of processes. Kernel threads have none.
 *
 * Any context reads; a value that another thread changes meanwhile is the old or the new one.
 */
#ifndef KERNEL_LIMITS_H
#define KERNEL_LIMITS_H

#include "kernel/thread.h"

#define LIMIT_NONE (~0ull)

enum limit { /* Linux: include/uapi/asm-generic/resource.h */
	LIMIT_CPU,
	LIMIT_FSIZE,
	LIMIT_DATA,
	LIMIT_STACK,
	LIMIT_CORE,
	LIMIT_RSS,
	LIMIT_NPROC,
	LIMIT_NOFILE,
	LIMIT_MEMLOCK,
	LIMIT_AS,
	LIMIT_LOCKS,
	LIMIT_SIGPENDING,
	LIMIT_MSGQUEUE,
	LIMIT_NICE,
	LIMIT_RTPRIO,
	LIMIT_RTTIME,
	NR_LIMITS
};

struct limits {
	_Atomic(u64) soft[NR_LIMITS], hard[NR_LIMITS];
};

/* The running thread's soft limit; `none` for a thread that has no limits. */
static inline u64 limit_or(enum limit which, u64 none)
{
	const struct limits *l = thread_current()->limits;

	return l ? atomic_load_explicit(&l->soft[which], memory_order_relaxed) : none;
}
static inline u64 limit_of(enum limit which)
{
	return limit_or(which, LIMIT_NONE);
}

#endif
