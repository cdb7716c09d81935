/* SPDX-License-Identifier: MIT */
/*
 * The locking scheme of a DAX mapping: what keeps faults and truncate apart. One file a scheme in fs/dax_lock/.
 * A new scheme is one file with one struct, and one line in dax_lock/schemes.c.
 */
#ifndef FS_DAX_LOCK_H
#define FS_DAX_LOCK_H

#include "kernel/sync/range_lock.h"
#include "kernel/sync/rwsem.h"

struct mapping;
struct dax_segment;

/* Who asks. The scheme decides what that costs. Pages [first, last], last may be RANGE_LAST. */
enum dax_lock_for {
	DAX_FOR_FAULT,    /* one page (or 2 MiB) that is looked up and mapped */
	DAX_FOR_REMOVE,   /* truncate, punch: pages that lose their blocks */
	DAX_FOR_WRITE,    /* write(2): allocate, invalidate, copy */
	DAX_FOR_READ,     /* read(2): copy out */
	DAX_FOR_SYNC,     /* fsync: write-protect, flush, clean */
};

/* On the caller's stack between lock and unlock. dax_lock() fills in the rest. */
struct dax_lock {
	enum dax_lock_for who;
	u64 first, last;
	struct dax_segment *segment; /* of all these pages, if it was at hand; or NULL */
	struct range_request range; /* the scheme's */
};

struct dax_lock_ops {
	const char *name;      /* dax_lock=NAME */
	const char *describe;  /* one line for the log */
	u32 bytes;             /* per mapping: what the lock itself takes */
	void (*init)(struct mapping *m);
	/* 0, -EINTR (killed while it waited), -ENOMEM. */
	int (*lock)(struct mapping *m, struct dax_lock *l);
	void (*unlock)(struct mapping *m, struct dax_lock *l);
};

extern const struct dax_lock_ops dax_lock_none, dax_lock_rwsem, dax_lock_range;
/* By name; NULL: unknown. */
const struct dax_lock_ops *dax_lock_find(const char *name);
/* The i-th scheme; NULL past the last. */
const struct dax_lock_ops *dax_lock_scheme(unsigned i);

#endif
