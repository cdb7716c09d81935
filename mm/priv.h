/* SPDX-License-Identifier: MIT */
/* What the files of mm/ share with one another only: VMAs, zapping, reverse-map surgery. */
#ifndef MM_PRIV_H
#define MM_PRIV_H

#include "mm/mm.h"
#include "mm/tlb.h"

/* --- vma.c --- */

/* Shared lock of the VMA that spans a, without any mm-wide lock where possible. NULL: there is none.
 * Context: may sleep. */
struct vma *vma_lock_at(struct mm *mm, uaddr_t a);
void vma_read_unlock(struct vma *v);
/* mm->lock held for writing. Waits for the readers; new ones stay out. */
void vma_write_lock(struct vma *v);
void vma_write_unlock(struct vma *v);
void vma_write_lock_all(struct mm *mm);
void vma_write_unlock_all(struct mm *mm);

/* mm->lock held: the first VMA that ends after a; the neighbours. */
struct vma *vma_find(const struct mm *mm, uaddr_t a);
struct vma *vma_next(const struct vma *v);
struct vma *vma_prev(const struct vma *v);
struct vma *vma_first(const struct mm *mm);

/* mm->lock held for writing from here on. A blank VMA, detached; NULL: no memory or too many. */
struct vma *vma_alloc(struct mm *mm);
/* Any context: v is in no tree and nobody's but ours. */
void vma_free(struct mm *mm, struct vma *v);
/* Into the tree (and out of it: returns when no fault uses v any more). Not the reverse map. */
void vma_attach(struct mm *mm, struct vma *v);
void vma_detach(struct mm *mm, struct vma *v);
/* Moves the borders of a VMA inside the free space round it; of one that maps a file only the end. */
void vma_resize(struct vma *v, uaddr_t start, uaddr_t end);
/* Cuts v at a, which lies inside; v keeps the lower part. -ENOMEM. */
int vma_split(struct vma *v, uaddr_t a);
/* Highest hole of len bytes in [MM_MMAP_MIN, mmap_top), and below `below` unless that is 0, whose address is `colour` modulo `align`. -ENOMEM. */
int vma_find_hole(const struct mm *mm, u64 len, u64 align, u64 colour, u64 below, uaddr_t *out);

static inline u64 vma_pages(const struct vma *v)
{
	return (v->end.v - v->start.v) >> PAGE_SHIFT;
}
static inline u64 vma_pgoff(const struct vma *v, uaddr_t a)
{
	return v->pgoff + ((a.v - v->start.v) >> PAGE_SHIFT);
}
/* Are a and b neighbours that could be one? Anonymous memory only. */
bool vma_can_merge(const struct vma *a, const struct vma *b);

/* --- mmap.c --- */

/* VMAs that left the tree, linked by free_next. */
struct removed {
	struct vma *first;
	bool file; /* one of them is in a reverse map */
};

/* mm->lock held for writing. Takes v out of the tree and puts it on the list; its entries and its place in the reverse map are the
 * caller's business. */
void mm_remove_vma(struct mm *mm, struct vma *v, struct removed *list);
/* After mm->lock was dropped: ops->close, and the memory. */
void mm_close_removed(struct mm *mm, struct removed *list);
/* [start, start + len) in whole pages inside the user half? */
bool mm_make_range(uaddr_t start, u64 len, uaddr_t *end);
/* mm->lock held for writing from here on. Makes start and end borders of VMAs; *v: the first one that ends after start, then the
 * first after the split. -ENOMEM. */
int mm_split_borders(struct mm *mm, uaddr_t start, uaddr_t end, struct vma **v);
/* Removes everything in [start, end), entries included; what is left to close goes on the list. -ENOMEM. */
int mm_unmap_locked(struct mm *mm, uaddr_t start, uaddr_t end, struct removed *list);
bool mm_is_free(const struct mm *mm, uaddr_t start, uaddr_t end);
/* mm->lock held. Is [start, end) mapped without a hole? Notes the flags that all of its VMAs have, and those that any has. */
bool mm_all_mapped(const struct mm *mm, uaddr_t start, uaddr_t end, u32 *all, u32 *any);

/* --- limit.c; mm->lock held --- */

/* Do the running process's limits let `pages` more be mapped with these flags? */
bool mm_may_add(const struct mm *mm, u64 pages, u32 flags);
/* The same for [start, end), where what is mapped now goes. */
bool mm_may_map_at(const struct mm *mm, uaddr_t start, uaddr_t end, u32 flags);
/* May [start, end), which is mapped, get these rights? A shared mapping in it counts as private: the range is then refused too early. */
bool mm_may_protect(const struct mm *mm, uaddr_t start, uaddr_t end, u32 prot_flags);
/* May so many more pages be locked? */
bool mm_may_lock_more(const struct mm *mm, u64 pages);

/* --- zap.c --- */

enum zap_what { ZAP_ALL, ZAP_FILE, ZAP_ZERO_PAGES };
/* Clears the entries of [start, end) and gathers what they referred to. Flushes in between when the
 * gather is full. Number cleared. The rest is shot down by the caller's tlb_gather_finish(). Context:
 * may sleep. */
u64 zap_range(struct tlb_gather *g, uaddr_t start, uaddr_t end, enum zap_what what);

/* --- rmap.c --- */

/* rmap->lock held for writing. */
void rmap_add_locked(struct rmap *r, struct vma *v);
/* v ends at `at` from now on and `upper`, filled in, follows it: one step for walkers. */
void rmap_split(struct vma *v, struct vma *upper, uaddr_t at);
/* v, which is in its reverse map, ends at `end` from now on. */
void rmap_set_end(struct vma *v, uaddr_t end);

#endif
