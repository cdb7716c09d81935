/* SPDX-License-Identifier: MIT */
/* The pages of tmpfs's files, in a table for each file. Rules and locks: tmpfs.c. */
#include "fs/tmpfs_priv.h"
#include "mm/kmem.h"
#include "mm/pmm.h"

#define FANOUT_SHIFT 9
#define FANOUT (1u << FANOUT_SHIFT)  /* slots of a table: one page of pointers */
#define TOP_SHIFT (2 * FANOUT_SHIFT) /* pages below a slot of the first of three levels: 1 << this */
_Static_assert(TMPFS_MAX_PAGES == (u64)FANOUT << TOP_SHIFT, "the tables hold the largest file");

static const struct lock_class pages_class = {"tmpfs pages", RANK_FS_META, true};

void tmpfs_pages_init(struct tmpfs_inode *ti)
{
	rwsem_init(&ti->lock, &pages_class);
}

/* A page more, of data or a table, is the file system's. False: it has its share, or the machine has none to spare. */
static bool take_page(struct tmpfs_fs *fs)
{
	if (atomic_fetch_add(&fs->pages, 1) < fs->max_pages && pmm_has_spare())
		return true;
	atomic_fetch_sub(&fs->pages, 1);
	return false;
}

static void give_page(struct tmpfs_fs *fs)
{
	atomic_fetch_sub(&fs->pages, 1);
}

static void **new_table(struct tmpfs_fs *fs)
{
	void **table;

	if (!take_page(fs))
		return NULL;
	table = kcalloc(FANOUT, sizeof(void *));
	if (!table)
		give_page(fs);
	return table;
}

/* The slot of page `pgoff`; NULL: no table there (make: no memory). A table without pages goes when its range is removed. */
static struct page **find_slot(struct tmpfs_inode *ti, u64 pgoff, bool make)
{
	void ***level = &ti->table;

	for (int shift = TOP_SHIFT; shift >= 0; shift -= FANOUT_SHIFT) {
		if (!*level && make)
			*level = new_table(tmpfs_fs(ti->vfs.super));
		if (!*level)
			return NULL;
		level = (void ***)&(*level)[pgoff >> shift & (FANOUT - 1)];
	}
	return (struct page **)level;
}

static struct page *page_at(struct tmpfs_inode *ti, u64 pgoff)
{
	struct page **slot = find_slot(ti, pgoff, false);

	return slot ? *slot : NULL;
}

static int add_page(struct tmpfs_inode *ti, u64 pgoff)
{
	struct tmpfs_fs *fs = tmpfs_fs(ti->vfs.super);
	struct page **slot = find_slot(ti, pgoff, true), *p;

	if (!slot)
		return -ENOSPC;
	if (!take_page(fs))
		return -ENOSPC;
	p = pmm_alloc_zeroed(0);
	if (!p) {
		give_page(fs);
		return -ENOSPC;
	}
	*slot = p;
	atomic_fetch_add(&ti->vfs.blocks, PAGE_SIZE / 512);
	return 0;
}

/* How many pages from pgoff on, at most nr, are holes, or lie behind one another in memory. */
static void describe(struct tmpfs_inode *ti, u64 pgoff, u64 nr, struct extent *out)
{
	struct page *first = page_at(ti, pgoff);
	u64 n = 1;

	while (n < nr && n < FANOUT) {
		struct page *p = page_at(ti, pgoff + n);

		if (first ? !p || p->pfn != first->pfn + n : p != NULL)
			break;
		n++;
	}
	*out = (struct extent){
		.pgoff = pgoff,
		.len = n,
		.state = first ? EXTENT_MAPPED : EXTENT_HOLE,
		.pa = first ? page_to_paddr(first) : PADDR_NONE,
	};
}

int tmpfs_map_extent(struct inode *i, u64 pgoff, u64 nr, enum map_intent intent, struct extent *out)
{
	struct tmpfs_inode *ti = tmpfs_inode(i);
	bool look = intent == MAP_LOOK || intent == MAP_TRY;
	int err = 0;

	if (pgoff >= TMPFS_MAX_PAGES) {
		*out = (struct extent){.pgoff = pgoff, .len = nr, .state = EXTENT_HOLE, .pa = PADDR_NONE};
		return look ? 0 : -EFBIG;
	}
	nr = MIN(nr, TMPFS_MAX_PAGES - pgoff);
	if (intent != MAP_TRY)
		rwsem_read_lock(&ti->lock);
	else if (!rwsem_read_trylock(&ti->lock))
		return -EAGAIN;
	describe(ti, pgoff, nr, out);
	rwsem_read_unlock(&ti->lock);
	if (look || out->state == EXTENT_MAPPED)
		return 0;
	rwsem_write_lock(&ti->lock);
	if (!page_at(ti, pgoff)) {
		err = add_page(ti, pgoff);
		out->is_new = !err;
		nr = 1;
	}
	if (!err) {
		bool is_new = out->is_new;

		describe(ti, pgoff, nr, out);
		out->is_new = is_new;
	}
	rwsem_write_unlock(&ti->lock);
	return err;
}

static void free_page_at(struct tmpfs_inode *ti, void **slot)
{
	page_put(*slot);
	*slot = NULL;
	atomic_fetch_sub(&ti->vfs.blocks, PAGE_SIZE / 512);
	give_page(tmpfs_fs(ti->vfs.super));
}

/*
 * Frees pages [first, last] of those below the table in *link, whose first one is `base`; a slot of it has 1 << shift of them. The table
 * goes as well if all that it can hold is to go.
 */
static void remove_below(struct tmpfs_inode *ti, void **link, u64 base, int shift, u64 first, u64 last)
{
	void **table = *link;
	u64 end = base + ((u64)FANOUT << shift) - 1;

	for (u64 i = (MAX(first, base) - base) >> shift; i <= (MIN(last, end) - base) >> shift; i++) {
		if (!table[i])
			continue;
		if (shift)
			remove_below(ti, &table[i], base + (i << shift), shift - FANOUT_SHIFT, first, last);
		else
			free_page_at(ti, &table[i]);
	}
	if (first <= base && last >= end) {
		kfree(table);
		*link = NULL;
		give_page(tmpfs_fs(ti->vfs.super));
	}
}

int tmpfs_remove_blocks(struct inode *i, u64 first, u64 last)
{
	struct tmpfs_inode *ti = tmpfs_inode(i);

	last = MIN(last, TMPFS_MAX_PAGES - 1);
	rwsem_write_lock(&ti->lock);
	if (ti->table && first <= last)
		remove_below(ti, (void **)&ti->table, 0, TOP_SHIFT, first, last);
	rwsem_write_unlock(&ti->lock);
	return 0;
}
