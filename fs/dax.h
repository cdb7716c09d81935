/* SPDX-License-Identifier: MIT */
/*
 * DAX: page faults, truncate, punch, shifts, read, write and fsync of files whose pages are persistent memory itself.
 *
 * There is no page cache, so there is no page lock; what keeps a fault and a truncate apart is the scheme behind struct
 * dax_lock_ops (fs/dax_lock.h). docs/PROTOCOL.md tells the protocol; each function in fs/dax*.c is one operation whose steps
 * are named by PROTOCOL_STEP.
 */
#ifndef FS_DAX_H
#define FS_DAX_H

#include "fs/dax_lock.h"
#include "fs/vfs.h"
#include "mm/mm.h"

/*
 * One 2 MiB segment of a file: what faults on it share, and nothing that faults on other segments write. Made on
 * demand, freed with the mapping.
 */
struct dax_segment {
	union {
		struct range_segment range;
		struct dax_page_locks pages;
	} lock;    /* the scheme's */
	u64 index; /* constant: pgoff >> RANGE_SEGMENT_SHIFT */
	_Atomic(u64) dirty[PAGES_PER_HUGE /
		64]; /* a bit a page: stored to through a mapping since the last fsync */
	_Atomic(u64) zero[PAGES_PER_HUGE / 64]; /* a bit a page: the zero page may be mapped there */
	_Atomic(u32) nr_pins;                   /* on pages of the segment */
	_Atomic(_Atomic(u32) *) page_pins;      /* PAGES_PER_HUGE counts; NULL: never pinned (fs/dax_pin.c) */
};

/* Segments by index: a radix tree (fs/dax_segment.c) with lock-free look-up. */
struct dax_segments {
	_Atomic(u64) root; /* node or segment | height in the low bits; 0: empty */
};

enum dax_zeroing { DAX_ZERO_IN_ALLOC, DAX_ZERO_IN_FAULT };

struct mapping {
	struct inode *inode;
	struct rmap rmap;
	struct dax_segments segments;
	const struct dax_lock_ops *lock_ops; /* constant: chosen when the mapping is made */
	enum dax_zeroing zeroing;            /* the same */
	bool zero_page_global;               /* the same */
	union {
		struct rwsem rwsem;
		struct range_lock range;
	} lock;
	/* dax_zero=mapping: one per mapping, made at the first fault on a hole, and at the first on 2 MiB of hole */
	_Atomic(struct page *) zero_page, zero_huge_page;
	_Atomic(u64) nr_pins;  /* on pages of the file */
	struct waitq pin_wait; /* who waits for them to go */
};

/*
 * What the schemes did, of the whole instance (/proc/faultline/lock). Counted where somebody waits or walks anyway: a fault that
 * is not disturbed writes none of these lines.
 */
struct dax_stats {
	struct {
		_Atomic(u64) waits; /* requests that slept */
		_Atomic(u64)
			slow; /* requests that left the scheme's fast path without having to sleep for it */
	} lock[NR_DAX_FOR];
	_Atomic(u64) zero_walks; /* walks over the reverse map for zero pages of a page that got a block */
	_Atomic(u64) zero_pages; /* zero pages that there are now */
};
static inline void dax_count(_Atomic(u64) *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Settings of the instance, from the command line or the explorer's run. */
struct dax_config {
	const struct dax_lock_ops *lock_ops;
	bool zero_page_global;
	enum dax_zeroing zeroing;
};
struct dax_config *dax_config(void);
struct dax_stats *dax_stats(void);

/* fs/dax_segment.c. `get` makes the segment of a page (NULL: no memory), `find` does not; `next`: the first with index in
 * [*index, last]. A segment stays until dax_segments_destroy(). Any context. */
struct dax_segment *dax_segment_get(struct dax_segments *s, u64 pgoff);
struct dax_segment *dax_segment_find(struct dax_segments *s, u64 pgoff);
struct dax_segment *dax_segment_next(struct dax_segments *s, u64 *index, u64 last);
void dax_segments_destroy(struct dax_segments *s);

/* The inode's mapping, made on demand. NULL: no memory. */
struct mapping *dax_mapping(struct inode *i);
/* Gives a mapping that nobody has used yet (no page locked, no segment) another scheme and other policies. */
void dax_mapping_configure(struct mapping *m, const struct dax_config *c);
/* Flushes dirty tags and frees; eviction. No VMA is left. */
void dax_mapping_destroy(struct inode *i);

extern const struct vm_ops dax_vm_ops;
enum fault_result dax_fault(struct vma *v, struct fault *f);
enum fault_result dax_mkwrite(struct vma *v, struct fault *f);
enum fault_result dax_huge_fault(struct vma *v, struct fault *f); /* both, of order 9: dax_huge.c */

/* vm_ops.pin and unpin. Is a page of [first, last] pinned? Any context. */
int dax_pin(struct vma *v, u64 pgoff, struct mm_pin *p);
void dax_unpin(const struct mm_pin *p);
bool dax_pinned(struct mapping *m, u64 first, u64 last);

/* Inode lock held. 0 or errno. */
int dax_truncate(struct inode *i, u64 new_size);
int dax_punch(struct inode *i, u64 pos, u64 len);
int dax_allocate(struct inode *i, u64 pos, u64 len, bool keep_size);
/* The bytes read as zeros; their blocks stay, and holes get blocks. */
int dax_zero_range(struct inode *i, u64 pos, u64 len, bool keep_size);
/* Takes [pos, pos + len) out of the file (it ends before the end of the file), or puts a hole of len bytes in at pos (inside the file): what
 * follows moves, and i_size with it. Whole pages. */
int dax_shift(struct inode *i, u64 pos, u64 len, bool insert);
ssize_t dax_write(struct inode *i, uaddr_t buf, size_t n, u64 pos);
ssize_t dax_kwrite(struct inode *i, const void *buf, size_t n, u64 pos);
/* O_DIRECT: where the buffer is a mapping of a DAX file its pages are pinned and the copy goes straight to their blocks, as a device's
 * would; other buffers as in dax_read and dax_write. */
ssize_t dax_direct_write(struct inode *i, uaddr_t buf, size_t n, u64 pos);
ssize_t dax_direct_read(struct inode *i, uaddr_t buf, size_t n, u64 pos);
/* No inode lock. */
ssize_t dax_read(struct inode *i, uaddr_t buf, size_t n, u64 pos);
ssize_t dax_kread(struct inode *i, void *buf, size_t n, u64 pos);
int dax_fsync(struct inode *i, u64 first_page, u64 last_page);
/* Oracle: is page tagged dirty? */
bool dax_is_dirty(struct mapping *m, u64 pgoff);

#endif
