/* SPDX-License-Identifier: MIT */
/*
 * Lock-order checker (debug builds).
 *
 * Rule: a thread takes locks in ascending rank. Every lock belongs to a class with a rank;
 * taking a rank not above the highest held one is reported with both lock names and both
 * backtraces, unless the class says `nestable` (several of one class, ordered by the caller: address or
 * inode number). Sleeping locks may not be taken under a spinlock. The ranks below are the whole order of
 * docs/LOCKING.md. Release builds: nothing.
 */
#ifndef KERNEL_SYNC_LOCKDEP_H
#define KERNEL_SYNC_LOCKDEP_H

#include "lib/types.h"

enum lock_rank {
	RANK_UNCHECKED = 0,      /* not this checker's business: a lock that is kept for how it deadlocks */
	RANK_PROCESS_TABLE = 10, /* process tree, wait4 */
	RANK_FILE_TABLE = 15,
	RANK_FILE_POS = 18,
	RANK_STREAM = 19,     /* pipes and terminals: held over copies from and to the user */
	RANK_FS_RENAME = 20,  /* one rename at a time per file system */
	RANK_INODE = 30,      /* inode lock; two inodes: parent first, else inode-number order */
	RANK_MM = 40,         /* mm->lock: VMA tree changes */
	RANK_VMA = 45,        /* per-VMA lock */
	RANK_DAX = 50,        /* dax_lock_ops: range lock, rwsem … */
	RANK_JOURNAL = 60,    /* journal handle, one at a time; + 2: the list of orphans */
	RANK_FS_META = 65,    /* block map of one inode */
	RANK_FS_ALLOC = 70,   /* block and inode allocation */
	RANK_FS_CACHE = 75,   /* inode cache */
	RANK_FILE_LOCKS = 78, /* advisory locks of all files; a last file_put() releases some */
	RANK_POISON = 79,     /* walk over all reverse maps for a bad page */
	RANK_RMAP = 80,       /* struct rmap: VMAs of one mapping */
	/* spinlocks from here on */
	RANK_SPIN_FIRST = 100,
	RANK_RANGE_INTERNAL = 105, /* range lock's own words' lists */
	RANK_PGTABLE = 110,        /* lock of one page-table page */
	RANK_KVA = 115,            /* kernel stacks and device mappings */
	RANK_KMEM = 120,
	RANK_PMM = 130,
	RANK_TLB = 135,
	RANK_WAITQ = 140,
	RANK_TIMER = 145,
	RANK_RUNQUEUE = 150,
	RANK_CONSOLE = 160,
};

struct lock_class {
	const char *name;
	u16 rank;
	bool nestable;
};

#ifdef FAULTLINE_DEBUG
#define LOCKDEP_DEPTH 32
#define LOCKDEP_TRACE 4

/* What a thread holds, in order of acquisition. The machine gives each thread one, zeroed (thread.held); interrupt
 * handlers have their own per CPU, because their locks stand in no order to those of the thread they interrupt. */
struct lockdep_held {
	unsigned nr;
	struct lockdep_entry {
		const void *lock;
		const struct lock_class *class;
		u64 trace[LOCKDEP_TRACE]; /* return addresses of the acquisition, innermost first; 0 ends */
	} locks[LOCKDEP_DEPTH];
};

/* Before waiting for `lock`; try: a trylock cannot deadlock and is only recorded. */
void lockdep_acquire(const void *lock, const struct lock_class *c, bool try_only);
void lockdep_release(const void *lock, const struct lock_class *c);
bool lockdep_is_held(const void *lock);
/* The current thread is about to sleep: no spinlock may be held, preemption and interrupts are on. */
void lockdep_might_sleep(void);
/* The current thread is about to end: it may hold nothing. */
void lockdep_thread_exit(void);
/* The current thread is about to wait for other CPUs: no spinlock may be held, interrupts are on. Hardware only. */
void lockdep_might_wait_for_cpus(void);
#else
static inline void lockdep_acquire(const void *l UNUSED, const struct lock_class *c UNUSED, bool t UNUSED) {}
static inline void lockdep_release(const void *l UNUSED, const struct lock_class *c UNUSED) {}
static inline bool lockdep_is_held(const void *l UNUSED)
{
	return true;
}
static inline void lockdep_might_sleep(void) {}
static inline void lockdep_thread_exit(void) {}
static inline void lockdep_might_wait_for_cpus(void) {}
#endif

#endif
