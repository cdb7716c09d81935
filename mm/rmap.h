/* SPDX-License-Identifier: MIT */
/*
 * Reverse map: which VMAs, in which address spaces, map which pages of one file.
 *
 * Rule: a VMA is in the tree of its file from before its first PTE until after its last PTE is gone. So
 * whoever holds the rmap lock and walks the tree sees every PTE there is; PTEs that appear behind the
 * walker are kept away by the DAX lock that the walker holds. Unmapping returns only when every CPU has
 * acknowledged the shootdown.
 */
#ifndef MM_RMAP_H
#define MM_RMAP_H

#include "kernel/sync/rwsem.h"
#include "lib/interval_tree.h"

struct vma;

struct rmap {
	struct rwsem
		lock; /* RANK_RMAP; walkers shared, VMA insertion and removal and fork's copy exclusive */
	struct interval_tree vmas; /* vma.rmap_node, by page offset */
	struct list_node node;     /* poison.lock: of all reverse maps (mm/poison.h) */
};

/* May sleep, both. destroy: no VMA is left. */
void rmap_init(struct rmap *r);
void rmap_destroy(struct rmap *r);
void rmap_add(struct rmap *r, struct vma *v);
void rmap_remove(struct rmap *r, struct vma *v);

enum rmap_what {
	RMAP_ALL,        /* file pages and zero pages, and private copies: truncate */
	RMAP_FILE,       /* file pages and zero pages, not private copies: punch on Linux keeps copies */
	RMAP_ZERO_PAGES, /* only the zero page's entries */
};
/* Clears entries of pages [first, last] in every VMA; all shootdowns acknowledged on return. A 2 MiB entry that shows one of these
 * pages goes as a whole. Number of entries cleared. Context: may sleep; DAX lock held by the caller; takes the rmap lock. */
u64 rmap_unmap(struct rmap *r, u64 first, u64 last, enum rmap_what what);
/* Makes entries of pages [first, last] read-only and clean everywhere, 2 MiB entries as a whole; shootdowns acknowledged on return. */
u64 rmap_wrprotect(struct rmap *r, u64 first, u64 last);
/* Clears every entry of file pages that reaches the page at `frame`, as rmap_unmap() does; 2 MiB entries as a whole. Context: may sleep; takes the
 * rmap lock; needs no DAX lock. */
u64 rmap_unmap_frame(struct rmap *r, paddr_t frame);
/* Calls fn for each present entry of [first, last]; pgoff: of the entry's first page, also of a 2 MiB entry (PTE_HUGE). fn may not sleep. */
void rmap_visit(struct rmap *r, u64 first, u64 last, void (*fn)(void *arg, struct vma *v, u64 pgoff, u64 pte),
	void *arg);

#endif
