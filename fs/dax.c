/* SPDX-License-Identifier: MIT */
/*
 * DAX faults: from a page of a file to a page-table entry that points at persistent memory.
 *
 * Rule: an entry for page p is installed only between the scheme's lock and unlock for p, and only after i_size and the block were
 * looked up inside the same lock. Whoever takes blocks away holds the lock of these pages from before its unmap until after
 * the free. So under a scheme whose lock excludes, no entry can reach a block that the file has lost. The schemes that do not
 * exclude run the same code: what breaks under them is the scheme, not a difference in the steps.
 *
 * Order: VMA lock (held by the caller) -> DAX lock -> journal handle -> block map -> rmap -> page table.
 * Faults never take the inode lock: write(2) faults on its buffer while it holds it.
 */
#include "fs/dax_priv.h"
#include "fs/state.h"
#include "kernel/event.h"
#include "kernel/instance.h"
#include "mm/kmem.h"
#include "mm/poison.h"

struct dax_config *dax_config(void)
{
	return &the_instance.fs->dax;
}

struct dax_stats *dax_stats(void)
{
	return &the_instance.fs->dax_stats;
}

void dax_mapping_configure(struct mapping *m, const struct dax_config *c)
{
	m->lock_ops = c->lock_ops;
	m->zeroing = c->zeroing;
	m->zero_page_global = c->zero_page_global;
	m->lock_ops->init(m);
}

struct mapping *dax_mapping(struct inode *i)
{
	struct mapping *m = atomic_load_explicit(&i->mapping, memory_order_acquire), *expected = NULL;

	if (likely(m))
		return m;
	m = kzalloc(sizeof(*m));
	if (!m)
		return NULL;
	m->inode = i;
	rmap_init(&m->rmap);
	waitq_init(&m->pin_wait);
	dax_mapping_configure(m, dax_config());
	if (atomic_compare_exchange_strong(&i->mapping, &expected, m))
		return m;
	rmap_destroy(&m->rmap);
	kfree(m);
	return expected;
}

void dax_mapping_destroy(struct inode *i)
{
	struct mapping *m = atomic_load(&i->mapping);
	struct page *zero, *huge;

	if (!m)
		return;
	if (i->nlink)
		dax_fsync(i, 0, RANGE_LAST);
	atomic_store(&i->mapping, NULL);
	zero = atomic_load(&m->zero_page);
	if (zero) {
		page_put(zero);
		atomic_fetch_sub_explicit(&dax_stats()->zero_pages, 1, memory_order_relaxed);
	}
	huge = atomic_load(&m->zero_huge_page);
	if (huge) {
		pmm_free(huge, HUGE_ORDER);
		atomic_fetch_sub_explicit(&dax_stats()->zero_pages, PAGES_PER_HUGE, memory_order_relaxed);
	}
	dax_segments_destroy(&m->segments);
	rmap_destroy(&m->rmap);
	kfree(m);
}

int dax_lock(struct mapping *m, struct dax_lock *l, enum dax_lock_for who, u64 first, u64 last)
{
	return dax_lock_segment(m, NULL, l, who, first, last);
}

int dax_lock_segment(struct mapping *m, struct dax_segment *s, struct dax_lock *l, enum dax_lock_for who,
	u64 first, u64 last)
{
	unsigned blocks = thread_current()->nr_blocks;
	int err;

	l->segment = s;
	l->who = who;
	l->first = first;
	l->last = last;
	PROTOCOL_STEP_OF(m->inode->ino, LOCK, first);
	err = m->lock_ops->lock(m, l);
	if (unlikely(thread_current()->nr_blocks != blocks))
		dax_count(&dax_stats()->lock[who].waits);
	return err;
}

void dax_unlock(struct mapping *m, struct dax_lock *l)
{
	PROTOCOL_STEP_ARG(UNLOCK, l->first);
	m->lock_ops->unlock(m, l);
}

bool dax_is_dirty(struct mapping *m, u64 pgoff)
{
	struct dax_segment *s = dax_segment_find(&m->segments, pgoff);

	return s && tag_test(s->dirty, pgoff);
}

/* The zero page of this mapping, or the global one, by policy. NULL: no memory. */
static struct page *zero_page(struct mapping *m)
{
	_Atomic(struct page *) *where = m->zero_page_global ? &the_instance.fs->zero_page : &m->zero_page;
	struct page *p, *expected = NULL;

	SHARED_READ(where);
	p = atomic_load_explicit(where, memory_order_acquire);
	if (likely(p))
		return p;
	p = pmm_alloc_zeroed(0);
	if (!p)
		return NULL;
	SHARED_WRITE(where);
	if (atomic_compare_exchange_strong(where, &expected, p)) {
		dax_count(&dax_stats()->zero_pages);
		return p;
	}
	page_put(p);
	return expected;
}

/* Whether the scheme has a lock to give back after the walk. */
static bool walk_begin(struct mapping *m, struct dax_lock *l, u64 first, u64 last)
{
	return m->lock_ops->walk_begin && m->lock_ops->walk_begin(m, l, first, last);
}

void dax_unmap(struct mapping *m, struct dax_lock *l, u64 first, u64 last, enum rmap_what what)
{
	bool locked = walk_begin(m, l, first, last);

	rmap_unmap(&m->rmap, first, last, what);
	if (locked)
		m->lock_ops->walk_end(m, l, first, last);
}

void dax_wrprotect(struct mapping *m, struct dax_lock *l, u64 first, u64 last)
{
	bool locked = walk_begin(m, l, first, last);

	rmap_wrprotect(&m->rmap, first, last);
	if (locked)
		m->lock_ops->walk_end(m, l, first, last);
}

/* The same for pages of one segment. A run of tagged pages is one walk. */
static void unmap_zero_of(struct mapping *m, struct dax_segment *s, struct dax_lock *l, u64 p, u64 last)
{
	while ((p = tag_next(s->zero, p, last, true)) <= last) {
		u64 end = p < last ? tag_next(s->zero, p + 1, last, false) - 1 : last;
		bool locked;

		PROTOCOL_STEP_ARG(UNMAP_ZERO, p);
		dax_count(&dax_stats()->zero_walks);
		locked = walk_begin(m, l, p, end);
		rmap_unmap(&m->rmap, p, end, RMAP_ZERO_PAGES);
		tags_clear(s->zero, p, end);
		if (locked)
			m->lock_ops->walk_end(m, l, p, end);
		p = end + 1;
	}
}

void dax_unmap_zero(struct mapping *m, struct dax_lock *l, u64 first, u64 last)
{
	while (first <= last) {
		struct dax_segment *s = dax_segment_find(&m->segments, first);
		u64 end = MIN(last, first | (PAGES_PER_HUGE - 1));

		if (s)
			unmap_zero_of(m, s, l, first, end);
		first = end + 1;
	}
}

enum fault_result dax_fault_result(int err, const struct fault *f)
{
	switch (err) {
	case 0:
	case -EAGAIN: /* somebody else's entry is there: the access is made again and finds it */
		return FAULT_DONE;
	case -EINTR: /* the thread is dying: on its way to user mode it ends; a copy in the kernel must not go on */
		return f->user ? FAULT_DONE : FAULT_SIGBUS;
	case -ENOMEM:
		return FAULT_OOM;
	case -EHWPOISON:
		return FAULT_HWPOISON;
	default:
		return FAULT_SIGBUS;
	}
}

static bool past_end(struct inode *i, u64 pgoff)
{
	PROTOCOL_STEP_ARG(CHECK_SIZE, pgoff);
	return pgoff >= DIV_ROUND_UP(inode_size(i), PAGE_SIZE);
}

static int look_up(struct inode *i, u64 pgoff, enum map_intent intent, struct extent *e)
{
	PROTOCOL_STEP_ARG(LOOKUP, pgoff);
	return i->ops->map_extent(i, pgoff, 1, intent, e);
}

/*
 * MAP_SYNC promises that a store is durable when the program has flushed its line, without fsync. So before the first store can happen,
 * which is before the entry is writable, the block map must be durable. The page is tagged dirty all the same: other mappings of it
 * rely on fsync.
 */
int dax_commit_map(struct inode *i, const struct fault *f, u64 pgoff, u64 nr)
{
	if (likely(!(f->vma->flags & VMA_SYNC)))
		return 0;
	PROTOCOL_STEP_ARG(COMMIT_MAP, pgoff);
	return i->ops->commit_map(i, pgoff, nr);
}

/* Read fault, locked: the block read-only, or the zero page where there is none. */
static int map_for_read(struct mapping *m, struct dax_segment *s, struct fault *f)
{
	struct extent e;
	struct page *zero;
	int err = look_up(m->inode, f->pgoff, MAP_LOOK, &e);

	if (err)
		return err;
	if (e.state == EXTENT_MAPPED) {
		event_count(EVENT_FAULT_READ);
		PROTOCOL_STEP_ARG(SET_PTE, f->pgoff);
		return vm_insert_pmem(f, e.pa, false);
	}
	event_count(EVENT_FAULT_HOLE);
	zero = zero_page(m);
	if (!zero)
		return -ENOMEM;
	tag_set(s->zero, f->pgoff); /* before the entry: who sees no tag need not look for entries */
	PROTOCOL_STEP_ARG(SET_PTE, f->pgoff);
	return vm_insert_zero(f, page_to_paddr(zero));
}

/* Write fault on a shared mapping, and mkwrite, locked: a written block, tagged dirty, writable. */
static int map_for_write(struct mapping *m, struct dax_lock *l, struct dax_segment *s, struct fault *f)
{
	struct extent e;
	int err = look_up(m->inode, f->pgoff, MAP_WRITE, &e);

	if (err)
		return err;
	if (e.is_new)
		event_count(EVENT_FAULT_ALLOC);
	else
		event_count(EVENT_FAULT_WRITE);
	if (e.is_new && m->zeroing == DAX_ZERO_IN_FAULT) {
		PROTOCOL_STEP_ARG(ZERO_BLOCK, f->pgoff);
		pmem_zero(phys_to_virt(e.pa), PAGE_SIZE);
		pmem_fence();
	}
	if (tag_test(s->zero, f->pgoff))
		unmap_zero_of(m, s, l, f->pgoff, f->pgoff);
	err = dax_commit_map(m->inode, f, f->pgoff, 1);
	if (unlikely(err))
		return err;
	PROTOCOL_STEP_ARG(TAG_DIRTY, f->pgoff);
	tag_set(s->dirty, f->pgoff);
	PROTOCOL_STEP_ARG(SET_PTE, f->pgoff);
	return vm_insert_pmem(f, e.pa, true);
}

/* Write to a private mapping, locked: the copy is made and mapped inside the lock, so it cannot hold a stranger's data. */
static int map_private_copy(struct mapping *m, struct fault *f)
{
	struct page *copy = pmm_alloc(0);
	struct extent e;
	int err;

	if (!copy)
		return -ENOMEM;
	err = look_up(m->inode, f->pgoff, MAP_LOOK, &e);
	if (err)
		goto out;
	event_count(EVENT_FAULT_PRIVATE);
	PROTOCOL_STEP_ARG(COPY_COW, f->pgoff);
	if (e.state != EXTENT_MAPPED)
		memset(page_to_virt(copy), 0, PAGE_SIZE);
	else if (poison_hits(e.pa, 1) ||
		cpu_copy_from_pmem(page_to_virt(copy), phys_to_virt(e.pa), PAGE_SIZE))
		err = -EHWPOISON;
	if (err)
		goto out;
	PROTOCOL_STEP_ARG(SET_PTE, f->pgoff);
	err = vm_insert_anon(f, copy);
out:
	if (err)
		page_put(copy);
	return err;
}

static enum fault_result locked_fault(struct vma *v, struct fault *f)
{
	struct inode *i = v->inode;
	struct mapping *m = CONTAINER_OF(v->rmap, struct mapping, rmap);
	struct dax_segment *s = dax_segment_get(&m->segments, f->pgoff);
	struct dax_lock l;
	int err;

	if (!s)
		return FAULT_OOM;
	err = dax_lock_segment(m, s, &l, DAX_FOR_FAULT, f->pgoff, f->pgoff);
	if (err)
		return dax_fault_result(err, f);
	if (past_end(i, f->pgoff))
		err = -EFAULT;
	else if (f->cow)
		err = map_private_copy(m, f);
	else if (f->write)
		err = map_for_write(m, &l, s, f);
	else
		err = map_for_read(m, s, f);
	dax_unlock(m, &l);
	return dax_fault_result(err, f);
}

enum fault_result dax_fault(struct vma *v, struct fault *f)
{
	return locked_fault(v, f);
}

/*
 * A store to a page that is mapped read-only: a clean block, or the zero page. Everything is looked up again under the
 * lock, because between the entry and this call the page may have been truncated, punched or allocated. So mkwrite is the write
 * fault entered again, as Boaz Harrosh had it; there is no page that could be handed over instead.
 */
enum fault_result dax_mkwrite(struct vma *v, struct fault *f)
{
	return locked_fault(v, f);
}

static void vm_open(struct vma *v)
{
	file_get(v->file);
}

static void vm_close(struct vma *v)
{
	file_put(v->file);
}

const struct vm_ops dax_vm_ops = {
	.fault = dax_fault,
	.mkwrite = dax_mkwrite,
	.huge_fault = dax_huge_fault,
	.open = vm_open,
	.close = vm_close,
	.pin = dax_pin,
	.unpin = dax_unpin,
};
