/* SPDX-License-Identifier: MIT */
/* The pages of tmpfs's files, in a table for each file. Rules and locks: tmpfs.c. */
#include "fs/tmpfs_priv.h"
#include "mm/kmem.h"
#include "mm/pmm.h"

#define FANOUT 512         /* slots of a table: one page of pointers */
#define RESERVE_PAGES 2048 /* 8 MiB that tmpfs does not touch */

static const struct lock_class pages_class = {"tmpfs pages", RANK_FS_META, true};

void tmpfs_pages_init(struct tmpfs_inode *ti)
{
	rwsem_init(&ti->lock, &pages_class);
}

/* The slot of page `pgoff`; NULL: no table there (make: no memory). */
static struct page **find_slot(struct tmpfs_inode *ti, u64 pgoff, bool make)
{
	void ***level = &ti->table;

	for (int shift = 18; shift >= 0; shift -= 9) {
		if (!*level && make)
			*level = kcalloc(FANOUT, sizeof(void *));
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
	struct page **slot = find_slot(ti, pgoff, true), *p = NULL;

	if (!slot)
		return -ENOSPC;
	if (atomic_fetch_add(&fs->pages, 1) < fs->max_pages && pmm_free_pages() > RESERVE_PAGES)
		p = pmm_alloc_zeroed(0);
	if (!p) {
		atomic_fetch_sub(&fs->pages, 1);
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

static void free_page_at(struct tmpfs_inode *ti, struct page **slot)
{
	page_put(*slot);
	*slot = NULL;
	atomic_fetch_sub(&ti->vfs.blocks, PAGE_SIZE / 512);
	atomic_fetch_sub(&tmpfs_fs(ti->vfs.super)->pages, 1);
}

int tmpfs_remove_blocks(struct inode *i, u64 first, u64 last)
{
	struct tmpfs_inode *ti = tmpfs_inode(i);

	last = MIN(last, TMPFS_MAX_PAGES - 1);
	rwsem_write_lock(&ti->lock);
	for (u64 p = first; p <= last && ti->table;) {
		struct page **slot = find_slot(ti, p, false);

		if (!slot) { /* nothing in this table, or none of a whole level */
			u64 step = ti->table[p >> 18] ? FANOUT : FANOUT * FANOUT;

			p = ALIGN_DOWN(p, step) + step;
			continue;
		}
		if (*slot)
			free_page_at(ti, slot);
		p++;
	}
	rwsem_write_unlock(&ti->lock);
	return 0;
}

void tmpfs_free_tables(struct tmpfs_inode *ti)
{
	for (unsigned a = 0; ti->table && a < FANOUT; a++) {
		void **middle = ti->table[a];

		for (unsigned b = 0; middle && b < FANOUT; b++)
			kfree(middle[b]);
		kfree(middle);
	}
	kfree(ti->table);
}
