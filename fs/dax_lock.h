/* SPDX-License-Identifier: MIT */
/*
 * The locking scheme of a DAX mapping: what keeps faults and truncate apart. One file a scheme in fs/dax_lock/.
 * A new scheme is one file with one struct, its name below and in dax_lock/schemes.c.
 */
#ifndef FS_DAX_LOCK_H
#define FS_DAX_LOCK_H

#include "kernel/sync/range_lock.h"
#include "kernel/sync/rwsem.h"

struct mapping;
struct dax_segment;

/* Lock bits of the pages of one 2 MiB segment (dax_lock/page_locks.c). */
struct dax_page_locks {
	struct waitq waiters;
	_Atomic(u32) nr_waiters;
	_Atomic(u64) bits[PAGES_PER_HUGE / 64];
};

void dax_page_locks_init(struct dax_page_locks *l);
/* Pages [first, last] of one segment: all of them, or -EINTR (killed while it waited). May sleep. */
int dax_page_locks_take(struct dax_page_locks *l, u64 first, u64 last);
void dax_page_locks_drop(struct dax_page_locks *l, u64 first, u64 last);
/* The same over all segments that exist. Between the two nobody else may lock pages of a segment that is new. */
int dax_page_locks_take_range(struct mapping *m, u64 first, u64 last);
void dax_page_locks_drop_range(struct mapping *m, u64 first, u64 last);

/* Who asks. The scheme decides what that costs. Pages [first, last], last may be RANGE_LAST. */
enum dax_lock_for {
	DAX_FOR_FAULT,  /* one page (or 2 MiB) that is looked up and mapped */
	DAX_FOR_REMOVE, /* truncate, punch, zero range, shifts: pages that lose or change their blocks */
	DAX_FOR_WRITE,  /* write(2): allocate, invalidate, copy */
	DAX_FOR_READ,   /* read(2): copy out */
	DAX_FOR_SYNC,   /* fsync: write-protect, flush, clean */
	NR_DAX_FOR,
};

/* On the caller's stack between lock and unlock. dax_lock() fills in the rest. */
struct dax_lock {
	enum dax_lock_for who;
	u64 first, last;
	struct dax_segment *segment; /* of all these pages, if it was at hand; or NULL */
	/* the scheme's */
	union {
		struct range_request range;
		struct {
			struct dax_page_locks
				*pages; /* fault: whose bit is held in place of the lock; NULL: none */
			bool walk_bits; /* the walk under way holds the bits of its pages */
		} imap;
	};
};

struct dax_lock_ops {
	const char *name;     /* dax_lock=NAME */
	const char *describe; /* one line for the log */
	u32 bytes;            /* per mapping: what the lock itself takes */
	u32 segment_bytes;    /* the same, for each 2 MiB of the file that were touched */
	/* Does DAX_FOR_REMOVE keep faults away until its unlock? If not, i_size is all that truncate has against them. */
	bool excludes_faults;
	void (*init)(struct mapping *m);
	void (*init_segment)(struct dax_segment *s); /* NULL: it has nothing there */
	/* 0, -EINTR (killed while it waited), -ENOMEM. */
	int (*lock)(struct mapping *m, struct dax_lock *l);
	void (*unlock)(struct mapping *m, struct dax_lock *l);
	/* Round each walk over the reverse map that takes entries or rights of [first, last] away, by who holds l (NULL: nothing). The
	 * end only if the begin returned true. */
	bool (*walk_begin)(struct mapping *m, struct dax_lock *l, u64 first, u64 last);
	void (*walk_end)(struct mapping *m, struct dax_lock *l, u64 first, u64 last);
};

extern const struct dax_lock_ops dax_lock_none, dax_lock_imap, dax_lock_rwsem, dax_lock_range, dax_lock_entry;
/* By name; NULL: unknown. */
const struct dax_lock_ops *dax_lock_find(const char *name);
/* The i-th scheme; NULL past the last. */
const struct dax_lock_ops *dax_lock_scheme(unsigned i);

#endif
