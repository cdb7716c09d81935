/* SPDX-License-Identifier: MIT */
/*
 * DAX faults of 2 MiB: the same protocol as in fs/dax.c, for 512 pages at once, under the lock of all of them.
 *
 * Rule: what is mapped by one entry was looked up as one piece inside the lock: 512 blocks that are contiguous and aligned in
 * physical memory, or 512 pages without data. And all 512 pages lie before the end of the file, rounded up to a page, as on Linux: so
 * who truncates or punches any of them finds the entry, and it goes as a whole (mm/zap.c). In every other case the answer is
 * FAULT_FALLBACK, and 4 KiB are mapped.
 *
 * A hole takes no blocks here. A store into one allocates 4 KiB, so that a sparse file stays sparse; the way to 2 MiB entries that can be
 * stored to is to fallocate() first, and ext4 then gives aligned extents. Such an extent becomes written as a whole at the first store, its
 * 2 MiB zeroed by that.
 *
 * Tags: all 512 dirty tags are set before a writable entry, all 512 zero tags before one of the zero page. Whoever puts a block
 * behind one page finds that page's zero tag, and its walk takes the whole entry away, in every address space (race huge-zero-stale).
 */
#include "fs/dax_priv.h"
#include "fs/state.h"
#include "kernel/event.h"
#include "kernel/instance.h"
#include "mm/pmm.h"

#define FELL_BACK 1

/* Of the pages that are free: memory that shows nothing but zeros must not push anything else out. */
#define ZERO_SHARE 16

/* 2 MiB of zeros, of this mapping or for all, by policy. NULL: there is no such piece of memory to spare. */
static struct page *zero_page(struct mapping *m)
{
	_Atomic(struct page *) *where =
		m->zero_page_global ? &the_instance.fs->zero_huge_page : &m->zero_huge_page;
	struct page *p = atomic_load_explicit(where, memory_order_acquire), *expected = NULL;

	if (p)
		return p;
	if (pmm_free_pages() / ZERO_SHARE < PAGES_PER_HUGE)
		return NULL;
	p = pmm_alloc_zeroed(HUGE_ORDER);
	if (!p)
		return NULL;
	if (atomic_compare_exchange_strong(where, &expected, p)) {
		atomic_fetch_add_explicit(&dax_stats()->zero_pages, PAGES_PER_HUGE, memory_order_relaxed);
		return p;
	}
	pmm_free(p, HUGE_ORDER);
	return expected;
}

static int look_up(struct inode *i, u64 first, enum map_intent intent, struct extent *e)
{
	PROTOCOL_STEP_ARG(LOOKUP, first);
	return i->ops->map_extent(i, first, PAGES_PER_HUGE, intent, e);
}

/* Can the blocks be mapped by one entry? */
static bool is_huge(const struct extent *e)
{
	return e->len == PAGES_PER_HUGE && IS_ALIGNED(e->pa.v, HUGE_SIZE);
}

static int map_for_read(struct mapping *m, struct dax_segment *s, struct fault *f)
{
	struct page *zero;
	struct extent e;
	int err = look_up(m->inode, f->pgoff, MAP_LOOK, &e);

	if (err)
		return err;
	if (e.len < PAGES_PER_HUGE)
		return FELL_BACK;
	if (e.state == EXTENT_MAPPED) {
		if (!is_huge(&e))
			return FELL_BACK;
		event_count(EVENT_FAULT_HUGE_READ);
		PROTOCOL_STEP_ARG(SET_PTE, f->pgoff);
		return vm_insert_pmem(f, e.pa, false);
	}
	zero = zero_page(m);
	if (!zero)
		return FELL_BACK;
	event_count(EVENT_FAULT_HUGE_HOLE);
	tags_set_all(s->zero);
	PROTOCOL_STEP_ARG(SET_PTE, f->pgoff);
	return vm_insert_zero(f, page_to_paddr(zero));
}

static int map_for_write(struct mapping *m, struct dax_lock *l, struct dax_segment *s, struct fault *f)
{
	u64 first = f->pgoff, last = first + PAGES_PER_HUGE - 1;
	struct extent e;
	int err = look_up(m->inode, first, MAP_LOOK, &e);

	if (!err && e.state == EXTENT_UNWRITTEN && is_huge(&e))
		err = look_up(m->inode, first, MAP_WRITE, &e);
	if (err)
		return err;
	if (e.state != EXTENT_MAPPED || !is_huge(&e))
		return FELL_BACK;
	if (e.is_new && m->zeroing == DAX_ZERO_IN_FAULT) {
		PROTOCOL_STEP_ARG(ZERO_BLOCK, first);
		pmem_zero(phys_to_virt(e.pa), HUGE_SIZE);
		pmem_fence();
	}
	if (tags_any(s->zero))
		dax_unmap_zero(m, l, first, last);
	err = dax_commit_map(m->inode, f, first, PAGES_PER_HUGE);
	if (unlikely(err))
		return err;
	event_count(EVENT_FAULT_HUGE_WRITE);
	PROTOCOL_STEP_ARG(TAG_DIRTY, first);
	tags_set_all(s->dirty);
	PROTOCOL_STEP_ARG(SET_PTE, first);
	return vm_insert_pmem(f, e.pa, true);
}

static bool ends_before(struct inode *i, u64 last)
{
	PROTOCOL_STEP_ARG(CHECK_SIZE, last);
	return last >= DIV_ROUND_UP(inode_size(i), PAGE_SIZE);
}

enum fault_result dax_huge_fault(struct vma *v, struct fault *f)
{
	struct inode *i = v->inode;
	struct mapping *m = CONTAINER_OF(v->rmap, struct mapping, rmap);
	struct dax_segment *s = dax_segment_get(&m->segments, f->pgoff);
	u64 last = f->pgoff + PAGES_PER_HUGE - 1;
	struct dax_lock l;
	int err;

	if (!s)
		return FAULT_OOM;
	err = dax_lock_segment(m, s, &l, DAX_FOR_FAULT, f->pgoff, last);
	if (err)
		return dax_fault_result(err, f);
	if (ends_before(i, last))
		err = FELL_BACK;
	else if (f->write)
		err = map_for_write(m, &l, s, f);
	else
		err = map_for_read(m, s, f);
	dax_unlock(m, &l);
	/* One bad page: the others are mapped by 4 KiB. */
	return err == FELL_BACK || err == -EHWPOISON ? FAULT_FALLBACK : dax_fault_result(err, f);
}
