/* SPDX-License-Identifier: MIT */
/*
 * Block allocation: first fit from a goal, deterministic.
 *
 * Rule: a block is free exactly when its bit is clear in the bitmap of its group; the descriptor's and the file system's counts follow every
 * change of bits inside the same handle. A block that was freed is not allocated before that has committed: a crash would bring its old owner
 * back, with somebody else's data in it. So the search looks at two bitmaps, the current one and that of the last commit.
 * Order of the search: the goal itself; for large files a free 2 MiB-aligned run; then the first run that is long enough from the goal
 * on through all groups, else the longest one there is.
 *
 * A group whose bitmap was found damaged is left out, where the file system goes on; what is freed there is lost until e2fsck.
 *
 * Bad blocks (mm/poison.h) are free in the bitmap when nobody has them, as e2fsck counts, but are not handed out.
 *
 * Locks: alloc_lock, inside a handle.
 */
#include "fs/ext4/ext4_priv.h"
#include "mm/poison.h"

#define INITS_MAX 2u /* bitmaps that one search makes: each takes a block of the handle's credits */
#define ENOUGH 512u  /* blocks: a run of that length is taken at once for requests that are longer */

struct run {
	u32 group, bit, len;
};

static u32 bitmap_bytes(const struct ext4_fs *fs)
{
	return fs->blocks_per_group / 8;
}

/* A bitmap block that was never written: bits of the group's own structures, and of blocks past the end. */
static int init_bitmap(struct journal_handle *h, struct ext4_fs *fs, u32 group, struct ext4_group_desc *d)
{
	u64 base = (u64)group * fs->blocks_per_group, block = ext4_desc_block_bitmap(d);
	u32 nbits = ext4_group_blocks(fs, group);
	void *map;
	int err = journal_get_create(h, block, &map);

	if (err)
		return err;
	for (u32 z = ext4_zone_from(fs, base); z < fs->nr_zones && fs->zones[z].first < base + nbits; z++) {
		u64 first = MAX(fs->zones[z].first, base), last = MIN(fs->zones[z].last, base + nbits - 1);

		for (u64 b = first; b <= last; b++)
			ext4_set_bit(map, (u32)(b - base));
	}
	for (u32 b = nbits; b < EXT4_BLOCK_SIZE * 8; b++)
		ext4_set_bit(map, b);
	d->bg_flags &= (u16)~EXT4_BG_BLOCK_UNINIT;
	ext4_desc_set_block_csum(d, ext4_bitmap_csum(fs, map, bitmap_bytes(fs)));
	journal_dirty(h, block);
	ext4_desc_write(h, fs, group, d);
	return 0;
}

/* The bitmap of a group, initialised and verified. d: its descriptor. */
static int group_bitmap(
	struct journal_handle *h, struct ext4_fs *fs, u32 group, struct ext4_group_desc *d, const void **map)
{
	struct ext4_group *g = &fs->groups[group];

	*map = ext4_read(fs, ext4_desc_block_bitmap(d));
	if (g->bad)
		return -EUCLEAN;
	if (d->bg_flags & EXT4_BG_BLOCK_UNINIT) {
		int err = init_bitmap(h, fs, group, d);

		if (err)
			return err;
		g->blocks_checked = true;
		*map = ext4_read(fs, ext4_desc_block_bitmap(d));
	}
	if (g->blocks_checked)
		return 0;
	if (!ext4_bitmap_csum_ok(fs, ext4_desc_block_csum(d), *map, bitmap_bytes(fs))) {
		g->bad = true;
		return ext4_damage(fs, 0, "the block bitmap of group %u has a wrong checksum", group);
	}
	g->blocks_checked = true;
	return 0;
}

/* For a group whose bitmap `now` group_bitmap() has given. */
static struct ext4_free_map free_map(
	struct ext4_fs *fs, u32 group, const struct ext4_group_desc *d, const void *now)
{
	const void *committed = journal_read_committed(fs->journal, ext4_desc_block_bitmap(d));

	/* In a group that had no bitmap yet everything was free that is now. */
	if (committed != now && (ext4_committed_flags(fs, group) & EXT4_BG_BLOCK_UNINIT))
		committed = now;
	return (struct ext4_free_map){now, committed};
}

/* Marks a run used (or free) in bitmap, descriptor and counts. The bits were checked to be free (or used). */
static int change_run(struct journal_handle *h, struct ext4_fs *fs, const struct run *r,
	struct ext4_group_desc *d, bool used)
{
	u64 free = ext4_desc_free_blocks(d);
	u32 csum;

	if (used ? free < r->len || fs->free_blocks < r->len
		 : free + r->len > ext4_group_blocks(fs, r->group)) {
		fs->groups[r->group].bad = true;
		return ext4_damage(fs, 0, "the free count of group %u does not fit its bitmap", r->group);
	}
	csum = ext4_bitmap_change(h, fs, ext4_desc_block_bitmap(d), bitmap_bytes(fs), ext4_desc_block_csum(d),
		r->bit, r->len, used);
	ext4_desc_set_block_csum(d, csum);
	ext4_desc_set_free_blocks(d, used ? free - r->len : free + r->len);
	ext4_desc_write(h, fs, r->group, d);
	fs->free_blocks += used ? -(u64)r->len : r->len;
	return 0;
}

/* Of the free run [bit, end): where it ends for us, at its first bad block. */
static u32 good_end(const struct ext4_fs *fs, u32 group, u32 bit, u32 end)
{
	u64 page = fs->first_page + (u64)group * fs->blocks_per_group + bit;

	return poison_any() ? bit + (u32)poison_good_pages(PADDR(page << PAGE_SHIFT), end - bit) : end;
}

/* The first free run of at least `enough` from bit `from` on, else the longest, if it beats *best. true: long enough. */
static bool search_run(const struct ext4_fs *fs, const struct ext4_free_map *map, u32 nbits, u32 group,
	u32 from, u32 want, u32 enough, struct run *best)
{
	u32 bit = ext4_next_free(map, nbits, from);

	while (bit < nbits) {
		u32 end = ext4_next_taken(map, nbits - bit > want ? bit + want : nbits, bit);

		end = good_end(fs, group, bit, end);
		if (end - bit > best->len)
			*best = (struct run){group, bit, end - bit};
		if (best->len >= enough)
			return true;
		bit = ext4_next_free(map, nbits, MAX(end, bit + 1));
	}
	return false;
}

/* A wholly free, physically 2 MiB-aligned run; the answer starts inside it at the place of logical block lblk. */
static bool search_aligned(const struct ext4_fs *fs, const struct ext4_free_map *map, u32 nbits, u32 group,
	const struct ext4_alloc *a, struct run *r)
{
	u64 page = fs->first_page + (u64)group * fs->blocks_per_group;
	u32 bit = (u32)(-page % PAGES_PER_HUGE);

	for (; bit + PAGES_PER_HUGE <= nbits; bit += PAGES_PER_HUGE) {
		u32 start = bit + a->lblk % PAGES_PER_HUGE;

		if (ext4_next_taken(map, bit + PAGES_PER_HUGE, bit) < bit + PAGES_PER_HUGE ||
			good_end(fs, group, bit, bit + PAGES_PER_HUGE) < bit + PAGES_PER_HUGE)
			continue;
		*r = (struct run){group, start,
			good_end(fs, group, start, ext4_next_taken(map, MIN(nbits, start + a->want), start)) -
				start};
		return true;
	}
	return false;
}

enum search { SEARCH_ALIGNED, SEARCH_FIRST };

/* Goes through all groups, from the goal's on; that one is looked at again from its start at the end. */
static int search_groups(struct journal_handle *h, struct ext4_fs *fs, const struct ext4_alloc *a,
	enum search how, struct run *r)
{
	u32 goal_group = (u32)(a->goal / fs->blocks_per_group),
	    goal_bit = (u32)(a->goal % fs->blocks_per_group);
	u32 enough = MIN(a->want, ENOUGH), inits = 0;

	for (u32 k = 0; k <= fs->nr_groups; k++) {
		u32 group = (goal_group + k) % fs->nr_groups, nbits = ext4_group_blocks(fs, group);
		struct ext4_group_desc d;
		struct ext4_free_map map;
		const void *now;
		int err;

		ext4_desc_get(fs, group, &d);
		if (!ext4_desc_free_blocks(&d) || fs->groups[group].bad ||
			(how == SEARCH_ALIGNED && ext4_desc_free_blocks(&d) < PAGES_PER_HUGE))
			continue;
		if ((d.bg_flags & EXT4_BG_BLOCK_UNINIT) && inits++ == INITS_MAX)
			break; /* what the made ones have will do */
		err = group_bitmap(h, fs, group, &d, &now);
		if (err)
			return err;
		map = free_map(fs, group, &d, now);
		if (how == SEARCH_ALIGNED
				? search_aligned(fs, &map, nbits, group, a, r)
				: search_run(fs, &map, nbits, group, k ? 0 : goal_bit, a->want, enough, r))
			return 0;
	}
	return r->len ? 0 : -ENOSPC;
}

/* The run that starts at the goal itself. len 0: it is taken. */
static int search_goal(
	struct journal_handle *h, struct ext4_fs *fs, const struct ext4_alloc *a, struct run *r)
{
	u32 group = (u32)(a->goal / fs->blocks_per_group), bit = (u32)(a->goal % fs->blocks_per_group);
	u32 nbits = ext4_group_blocks(fs, group);
	struct ext4_group_desc d;
	struct ext4_free_map map;
	const void *now;
	int err;

	if (fs->groups[group].bad)
		return 0;
	ext4_desc_get(fs, group, &d);
	err = group_bitmap(h, fs, group, &d, &now);
	if (err)
		return err;
	map = free_map(fs, group, &d, now);
	if (ext4_next_free(&map, bit + 1, bit) == bit)
		*r = (struct run){group, bit,
			good_end(fs, group, bit, ext4_next_taken(&map, MIN(nbits, bit + a->want), bit)) -
				bit};
	return 0;
}

static bool congruent(const struct ext4_fs *fs, const struct ext4_alloc *a)
{
	return (fs->first_page + a->goal) % PAGES_PER_HUGE == a->lblk % PAGES_PER_HUGE;
}

static int alloc_locked(struct journal_handle *h, struct ext4_fs *fs, struct ext4_alloc *a)
{
	struct run r = {0, 0, 0};
	struct ext4_group_desc d;
	int err = 0;

	if (a->goal >= fs->blocks_count)
		a->goal = 0;
	if (!a->aligned || congruent(fs, a))
		err = search_goal(h, fs, a, &r);
	if (!err && !r.len && a->aligned && search_groups(h, fs, a, SEARCH_ALIGNED, &r) == -EUCLEAN)
		err = -EUCLEAN;
	if (!err && !r.len)
		err = search_groups(h, fs, a, SEARCH_FIRST, &r);
	if (err)
		return err;
	a->start = (u64)r.group * fs->blocks_per_group + r.bit;
	a->got = r.len;
	if (!ext4_data_blocks_ok(fs, a->start, a->got)) {
		fs->groups[r.group].bad = true;
		return ext4_damage(fs, 0,
			"the block bitmap of group %u calls the file system's own blocks free", r.group);
	}
	ext4_desc_get(fs, r.group, &d);
	return change_run(h, fs, &r, &d, true);
}

int ext4_alloc_blocks(struct journal_handle *h, struct ext4_fs *fs, struct ext4_alloc *a)
{
	u64 keep = a->node ? 0 : fs->tree_reserve;
	int err = -ENOSPC;

	mutex_lock(&fs->alloc_lock);
	if (fs->free_blocks > keep) {
		a->want = (u32)MIN((u64)a->want, fs->free_blocks - keep);
		err = alloc_locked(h, fs, a);
	}
	mutex_unlock(&fs->alloc_lock);
	return err;
}

static int free_run(struct journal_handle *h, struct ext4_fs *fs, const struct run *r)
{
	struct ext4_group_desc d;
	const void *map;
	int err;

	ext4_desc_get(fs, r->group, &d);
	if (d.bg_flags & EXT4_BG_BLOCK_UNINIT)
		return ext4_damage(fs, 0, "blocks of group %u are in use but its bitmap is not", r->group);
	err = group_bitmap(h, fs, r->group, &d, &map);
	if (err)
		return err;
	if (ext4_next_zero(map, r->bit + r->len, r->bit) < r->bit + r->len) {
		fs->groups[r->group].bad = true;
		return ext4_damage(fs, 0, "a block of group %u is freed but was free", r->group);
	}
	return change_run(h, fs, r, &d, false);
}

int ext4_free_blocks(struct journal_handle *h, struct ext4_fs *fs, u64 start, u64 n)
{
	int err = 0;

	if (!ext4_data_blocks_ok(fs, start, n))
		return ext4_damage(fs, 0, "blocks %llu+%llu cannot belong to a file",
			(unsigned long long)start, (unsigned long long)n);
	journal_forget(h, start, n);
	mutex_lock(&fs->alloc_lock);
	while (n && !err) {
		struct run r = {(u32)(start / fs->blocks_per_group), (u32)(start % fs->blocks_per_group), 0};

		r.len = (u32)MIN(n, (u64)(fs->blocks_per_group - r.bit));
		err = free_run(h, fs, &r);
		start += r.len;
		n -= r.len;
	}
	mutex_unlock(&fs->alloc_lock);
	return err;
}

u64 ext4_group_goal(const struct ext4_inode *ei)
{
	struct ext4_fs *fs = ext4_fs_of(ei);

	return (ei->vfs.ino - 1) / fs->inodes_per_group * fs->blocks_per_group;
}
