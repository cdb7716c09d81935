/* SPDX-License-Identifier: MIT */
/*
 * Zero range, collapse and insert against a copy of the file in memory: random ones on shallow and deep extent trees, with preallocated
 * blocks, the arguments that are refused, a full file system. e2fsck -fn judges every result. And the machine dies in the
 * middle: e2fsck -fy has to make a file of it that has lost nothing.
 */
#include "host/unit.h"

#include "fs/dax_priv.h"
#include "fs/ext4/ext4_priv.h"
#include "host/pmem_sim.h"
#include "tests/host/ext4_image.h"

#define PAGES 4096u /* of the copy */
#define MAX_SIZE ((u64)PAGES * PAGE_SIZE)
#define PUNCH (FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_)
#define COLLAPSE FALLOC_COLLAPSE_RANGE_
#define INSERT FALLOC_INSERT_RANGE_
#define ZERO FALLOC_ZERO_RANGE_

static struct {
	struct file *f;
	struct inode *i;
	u8 *data; /* MAX_SIZE bytes; zeros past size */
	u64 size, seed;
	u8 last; /* written last */
} t;

static u64 below(u64 n)
{
	return test_random(&t.seed, (unsigned)n);
}

static void open_file(const char *path)
{
	t.f = fs_open(path, O_RDWR_);
	t.i = t.f->inode;
}

static void begin(unsigned blocks, const char *options, const char *label, u64 seed)
{
	image_make(blocks, options);
	image_start(label);
	is(fs_create("/f"), 0, "%s: a file", label);
	open_file("/f");
	t.data = calloc(1, MAX_SIZE);
	t.size = 0;
	t.seed = seed;
}

static void end(void)
{
	file_put(t.f);
	free(t.data);
	image_stop();
}

static unsigned depth(void)
{
	return ext4_root(ext4_inode(t.i))->eh_depth;
}

/* Is the file what the copy says, and its block count what its tree has? */
static bool same(void)
{
	static u8 page[PAGE_SIZE];

	if (inode_size(t.i) != t.size) {
		diag("size %llu, want %llu", (unsigned long long)inode_size(t.i), (unsigned long long)t.size);
		return false;
	}
	for (u64 at = 0; at < t.size; at += PAGE_SIZE) {
		u64 n = MIN(PAGE_SIZE, t.size - at);

		if (vfs_kread(t.i, page, n, at) != (ssize_t)n || memcmp(page, t.data + at, n)) {
			diag("page %llu differs: has %02x.., want %02x..",
				(unsigned long long)(at / PAGE_SIZE), page[0], t.data[at]);
			return false;
		}
	}
	return true;
}

static bool put(u64 pos, u64 n)
{
	t.last = (u8)(t.last % 250 + 1);
	memset(t.data + pos, t.last, n);
	t.size = MAX(t.size, pos + n);
	return vfs_kwrite(t.i, t.data + pos, n, pos) == (ssize_t)n;
}

/* What the call has to return; changes the copy. */
static int expect(u32 mode, u64 pos, u64 len)
{
	u64 stop = pos + len;

	if (mode == COLLAPSE || mode == INSERT) {
		if ((pos | len) & PAGE_MASK || (mode == INSERT ? pos >= t.size : stop >= t.size))
			return -EINVAL;
		if (mode == COLLAPSE) {
			memmove(t.data + pos, t.data + stop, t.size - stop);
			memset(t.data + t.size - len, 0, len);
			t.size -= len;
		} else {
			memmove(t.data + stop, t.data + pos, t.size - pos);
			memset(t.data + pos, 0, len);
			t.size += len;
		}
		return 0;
	}
	if (mode & (FALLOC_PUNCH_HOLE_ | ZERO))
		memset(t.data + pos, 0, stop - pos);
	if (!(mode & FALLOC_KEEP_SIZE_))
		t.size = MAX(t.size, stop);
	return 0;
}

static bool call(u32 mode, u64 pos, u64 len)
{
	int want = expect(mode, pos, len), got = vfs_fallocate(t.i, mode, pos, len);

	if (got != want)
		diag("mode %u, %llu bytes at %llu: %d, want %d", mode, (unsigned long long)len,
			(unsigned long long)pos, got, want);
	return got == want;
}

static bool random_step(void)
{
	static const u32 modes[] = {0, FALLOC_KEEP_SIZE_, PUNCH, ZERO, ZERO | FALLOC_KEEP_SIZE_, COLLAPSE,
		COLLAPSE, INSERT, INSERT};
	u64 limit = MIN(t.size + 20 * PAGE_SIZE, MAX_SIZE / 2), pos = below(limit), n = 1 + below(300000);
	unsigned k = (unsigned)below(ARRAY_SIZE(modes) + 3);
	u32 mode = k < ARRAY_SIZE(modes) ? modes[k] : 0;

	n = MIN(n, MAX_SIZE / 2 - pos);
	if (k >= ARRAY_SIZE(modes))
		return put(pos, MIN(n, 1 + below(60000)));
	if (mode == INSERT && t.size > MAX_SIZE / 4)
		mode = COLLAPSE;
	if ((mode == COLLAPSE || mode == INSERT) && below(20)) { /* sometimes left wrong */
		pos = ALIGN_DOWN(pos, PAGE_SIZE);
		n = ALIGN_UP(n, PAGE_SIZE);
	}
	return call(mode, pos, n);
}

static void test_random_steps(const char *options, u64 seed, unsigned steps)
{
	unsigned k;

	begin(16384, options, *options ? options : "random", seed);
	for (k = 0; k < steps; k++)
		if (!random_step() || (k % 16 == 0 && !same()))
			break;
	ok(k == steps && same(), "%s: %u random operations of %u", image.label, k, steps);
	end();
}

/* Every page of [0, pages) an extent of its own: every other one of what was reserved is written. */
static bool make_deep(u64 pages)
{
	bool good = !vfs_fallocate(t.i, 0, 0, pages * PAGE_SIZE);

	t.size = pages * PAGE_SIZE;
	for (u64 p = 1; good && p < pages; p += 2)
		good = put(p * PAGE_SIZE, PAGE_SIZE);
	return good;
}

static void test_deep(const char *options)
{
	const u64 pages = 2600;

	begin(16384, options, *options ? options : "deep", 7);
	ok(make_deep(pages), "%s: a file of %llu extents", image.label, (unsigned long long)pages);
	ok(depth() >= 2, "%s: in a tree of depth %u", image.label, depth());
	ok(call(INSERT, 0, PAGE_SIZE) && same(), "%s: all of it moves up", image.label);
	ok(call(COLLAPSE, 0, PAGE_SIZE) && same(), "%s: and down", image.label);
	ok(call(INSERT, 1000 * PAGE_SIZE, 600 * PAGE_SIZE) && same(), "%s: the middle moves up", image.label);
	ok(call(COLLAPSE, 900 * PAGE_SIZE, 800 * PAGE_SIZE) && same(), "%s: and what surrounds the hole goes",
		image.label);
	ok(call(ZERO, 5000, 1000 * PAGE_SIZE) && same(), "%s: much of it becomes zeros", image.label);
	ok(call(COLLAPSE, 0, 2399 * PAGE_SIZE) && same(), "%s: all but one page goes", image.label);
	ok(atomic_load(&t.i->blocks) < 100, "%s: and with it most of the tree", image.label);
	end();
	image_start("deep, collapsed");
	open_file("/f");
	is(vfs_truncate(t.i, 0), 0, "truncated to nothing");
	is(atomic_load(&t.i->blocks), 0, "no block is left");
	file_put(t.f);
	image_stop();
}

/* Insert in the middle of one large extent splits it, collapse joins it again. */
static void test_join(void)
{
	begin(16384, "", "join", 1);
	ok(put(0, 64 * PAGE_SIZE) && put(10 * PAGE_SIZE, PAGE_SIZE), "one extent");
	is(ext4_root(ext4_inode(t.i))->eh_entries, 1, "it is one");
	ok(call(INSERT, 20 * PAGE_SIZE, 5 * PAGE_SIZE) && same(), "a hole in it");
	is(ext4_root(ext4_inode(t.i))->eh_entries, 2, "makes two");
	ok(call(COLLAPSE, 20 * PAGE_SIZE, 5 * PAGE_SIZE) && same(), "without the hole");
	is(ext4_root(ext4_inode(t.i))->eh_entries, 1, "they are one again");
	end();
}

static void test_zero_allocates(void)
{
	struct extent e;

	begin(4096, "", "zero range", 1);
	ok(put(4 * PAGE_SIZE, 4 * PAGE_SIZE) && call(ZERO, PAGE_SIZE + 100, 6 * PAGE_SIZE) && same(),
		"a range that begins in a hole and ends in a page");
	is(t.i->ops->map_extent(t.i, 1, 10, MAP_LOOK, &e), 0, "its first page");
	ok(e.state == EXTENT_UNWRITTEN, "has a block, in part of the range");
	t.i->ops->map_extent(t.i, 6, 1, MAP_LOOK, &e);
	ok(e.state == EXTENT_UNWRITTEN, "the last whole one lost its contents, not its block");
	t.i->ops->map_extent(t.i, 7, 1, MAP_LOOK, &e);
	ok(e.state == EXTENT_MAPPED, "what is zeroed in part stays written");
	ok(call(ZERO | FALLOC_KEEP_SIZE_, 20 * PAGE_SIZE, 3 * PAGE_SIZE) && same(), "past the end");
	t.i->ops->map_extent(t.i, 20, 3, MAP_LOOK, &e);
	ok(e.state == EXTENT_UNWRITTEN && e.len == 3, "there are blocks");
	ok(call(INSERT, 0, 2 * PAGE_SIZE) && same(), "they move with an insert");
	t.i->ops->map_extent(t.i, 22, 3, MAP_LOOK, &e);
	ok(e.state == EXTENT_UNWRITTEN && e.len == 3, "as far as the rest");
	ok(call(ZERO, 9 * PAGE_SIZE, 3 * PAGE_SIZE + 17) && same(),
		"a range across the end extends the file");
	end();
}

static void test_arguments(void)
{
	const u64 page = PAGE_SIZE;
	static const struct {
		u32 mode;
		u64 pos, len;
		int want;
		const char *what;
	} cases[] = {
		{COLLAPSE, 0, 0, -EINVAL, "nothing"},
		{COLLAPSE, 100, PAGE_SIZE, -EINVAL, "a collapse inside a block"},
		{COLLAPSE, 0, 100, -EINVAL, "a collapse of part of a block"},
		{COLLAPSE, 2 * PAGE_SIZE, 2 * PAGE_SIZE, -EINVAL, "a collapse up to the end"},
		{COLLAPSE, 8 * PAGE_SIZE, PAGE_SIZE, -EINVAL, "a collapse past the end"},
		{COLLAPSE | FALLOC_KEEP_SIZE_, 0, PAGE_SIZE, -EOPNOTSUPP, "a collapse that keeps the size"},
		{COLLAPSE | INSERT, 0, PAGE_SIZE, -EOPNOTSUPP, "collapse and insert"},
		{INSERT, 4 * PAGE_SIZE, PAGE_SIZE, -EINVAL, "an insert at the end"},
		{INSERT, 10, PAGE_SIZE, -EINVAL, "an insert inside a block"},
		{INSERT | FALLOC_KEEP_SIZE_, 0, PAGE_SIZE, -EOPNOTSUPP, "an insert that keeps the size"},
		{INSERT | ZERO, 0, PAGE_SIZE, -EOPNOTSUPP, "insert and zero range"},
		{ZERO | FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, 0, PAGE_SIZE, -EOPNOTSUPP,
			"zero range and punch"},
		{FALLOC_PUNCH_HOLE_, 0, PAGE_SIZE, -EOPNOTSUPP, "a punch that does not keep the size"},
		{4, 0, PAGE_SIZE, -EOPNOTSUPP, "an unknown mode"},
		{FALLOC_UNSHARE_RANGE_, 0, PAGE_SIZE, -EOPNOTSUPP, "unshare: ext4 has nothing to share"},
		{FALLOC_UNSHARE_RANGE_ | ZERO, 0, PAGE_SIZE, -EOPNOTSUPP, "unshare and zero range"},
		{INSERT, 0, (u64)INT64_MAX - PAGE_SIZE + 1, -EFBIG, "an insert of more than a file can be"},
		{COLLAPSE, 0, (u64)INT64_MAX - PAGE_SIZE + 1, -EFBIG, "a collapse of more than that"},
		{ZERO, 0, (u64)INT64_MAX, -EFBIG, "a zero range of more than that"},
	};

	begin(4096, "", "arguments", 1);
	ok(put(0, 4 * page), "a file of four pages");
	for (unsigned k = 0; k < ARRAY_SIZE(cases); k++)
		is(vfs_fallocate(t.i, cases[k].mode, cases[k].pos, cases[k].len), cases[k].want,
			"refused: %s", cases[k].what);
	is(vfs_fallocate(t.i, INSERT, 0, ALIGN_DOWN(image.super->max_size, PAGE_SIZE)), -EFBIG,
		"refused: an insert that makes the file too large");
	is(vfs_fallocate(t.i, INSERT, 5 * page, ALIGN_DOWN(image.super->max_size - 4 * page, PAGE_SIZE)),
		-EFBIG, "too large comes before past the end");
	ok(same(), "nothing has changed");
	is(vfs_fallocate(t.i, FALLOC_KEEP_SIZE_, image.super->max_size - page, page), 0,
		"a block in the last page of the largest file");
	is(vfs_fallocate(t.i, INSERT, 0, page), -EINVAL, "an insert would push it out");
	ok(same() && inode_size(t.i) == 4 * page, "nothing has changed");
	is(vfs_truncate(t.i, 4 * page), 0, "without it");
	ok(call(INSERT, page, page) && call(COLLAPSE, 0, page) && same(), "it goes");
	is(vfs_sync_range(t.i, 0, 0, 8), -EINVAL, "sync_file_range: an unknown flag");
	is(vfs_sync_range(t.i, 1, ~0ull, 2), -EINVAL, "an end before the start");
	is(vfs_sync_range(t.i, 0, 0, 7), 0, "all flags, all of the file");
	end();
}

/* As a store through a mapping leaves the page. */
static void make_dirty(u64 pgoff)
{
	tag_set(dax_segment_get(&dax_mapping(t.i)->segments, pgoff)->dirty, pgoff);
}

/* No block for the node that a split needs: nothing changes, i_size neither, and what is dirty stays dirty. */
static void test_no_space(void)
{
	struct inode *full;
	struct file *f;
	bool good = true;
	u64 left;

	begin(2048, "-O ^has_journal", "no space", 1);
	for (u64 p = 0; p < 4; p++) /* four extents fill the root */
		good &= put(p * 20 * PAGE_SIZE, 3 * PAGE_SIZE);
	is(fs_create("/full"), 0, "another file");
	f = fs_open("/full", O_RDWR_);
	full = f->inode;
	is(good ? ext4_root(ext4_inode(t.i))->eh_entries : 0, 4, "a full root, %u deep", depth());
	/* also the blocks that are kept for trees */
	for (u64 p = 0; ext4_fs(image.super)->free_blocks > ext4_fs(image.super)->tree_reserve; p++)
		if (vfs_fallocate(full, FALLOC_KEEP_SIZE_, p * PAGE_SIZE, PAGE_SIZE))
			break;
	left = ext4_fs(image.super)->tree_reserve;
	ext4_fs(image.super)->tree_reserve = 0;
	for (u64 p = 10000; !vfs_fallocate(full, FALLOC_KEEP_SIZE_, p * PAGE_SIZE, PAGE_SIZE);)
		p++;
	is(ext4_fs(image.super)->free_blocks, 0, "takes every block");
	is(vfs_fallocate(t.i, INSERT, PAGE_SIZE, PAGE_SIZE), -ENOSPC, "an extent cannot be split");
	ok(same(), "nothing has changed");
	is(vfs_fallocate(t.i, COLLAPSE, PAGE_SIZE, PAGE_SIZE), -ENOSPC, "nor by a collapse");
	make_dirty(1);
	is(vfs_fallocate(t.i, ZERO, PAGE_SIZE, PAGE_SIZE), -ENOSPC, "nor by a zero range");
	is(vfs_fallocate(t.i, PUNCH, PAGE_SIZE, PAGE_SIZE), -ENOSPC, "nor by a punch");
	ok(same(), "nothing has changed");
	ok(dax_is_dirty(dax_mapping(t.i), 1), "the page is still dirty: fsync will find it");
	ok(call(INSERT, 20 * PAGE_SIZE, PAGE_SIZE) && call(COLLAPSE, 0, 10 * PAGE_SIZE) && same(),
		"between two extents it goes");
	ext4_fs(image.super)->tree_reserve = left;
	file_put(f);
	end();
}

/* --- the machine dies --- */

static struct {
	u64 at, events; /* stores, flushes and fences until then, and so far */
	u8 *copy;       /* what stood in the region then */
} death;

static void die_sometime(enum pmem_sim_event what UNUSED, const void *p UNUSED, size_t n UNUSED)
{
	if (++death.events == death.at)
		memcpy(death.copy, image.region->virt, image.region->len);
}

/* First bytes of the pages that are not zero, in order. */
static size_t marks(const u8 *data, u64 size, u8 *out)
{
	size_t n = 0;

	for (u64 at = 0; at < size; at += PAGE_SIZE)
		if (data[at])
			out[n++] = data[at];
	return n;
}

/* Are the marks a[0..na) those of b[0..nb) without at most `gone` neighbours, which begin at or after `from`? */
static bool only_gone(const u8 *a, size_t na, const u8 *b, size_t nb, size_t gone)
{
	size_t k = 0, rest;

	if (na > nb || nb - na > gone)
		return false;
	while (k < na && a[k] == b[k])
		k++;
	rest = na - k;
	return !memcmp(a + k, b + nb - rest, rest);
}

/* The image of the moment, repaired: does /f hold what it held, but for part of what was to go? */
static bool survives(const char *what, const u8 *before, size_t nr, size_t gone)
{
	static u8 after[PAGES], data[MAX_SIZE];
	char path[150];
	size_t n;
	FILE *f;
	int st;

	snprintf(path, sizeof(path), "%s/dead", image.dir);
	f = fopen(path, "wb");
	fwrite(death.copy, 1, image.region->len, f);
	fclose(f);
	st = run("e2fsck -fy %s", path);
	if (st > 1) {
		diag("%s: e2fsck -fy ends with %d", what, st);
		show_log();
		return false;
	}
	if (run("e2fsck -fn %s", path)) {
		diag("%s: not clean afterwards", what);
		show_log();
		return false;
	}
	run("rm -f %s/out; debugfs -R 'dump /f %s/out' %s", image.dir, image.dir, path);
	snprintf(path, sizeof(path), "%s/out", image.dir);
	f = fopen(path, "rb");
	n = f ? fread(data, 1, sizeof(data), f) : 0;
	if (f)
		fclose(f);
	n = marks(data, n, after);
	if (!only_gone(after, n, before, nr, gone)) {
		diag("%s: %zu pages with data before, %zu after", what, nr, n);
		return false;
	}
	return true;
}

static void test_death(const char *label, u64 pages, bool deep, unsigned rounds)
{
	static u8 before[PAGES];
	u64 last[2] = {10, 10}; /* events of the last insert, collapse */
	unsigned k, dead = 0;

	begin(4096, "-O ^has_journal", label, 3);
	death.copy = malloc(image.region->len);
	ok(deep ? make_deep(pages) : put(0, pages * PAGE_SIZE), "%s: a file", label);
	for (u64 p = 0; !deep && p < pages; p += 7) /* every page tells itself from its neighbours */
		put(p * PAGE_SIZE, PAGE_SIZE);
	for (k = 0; k < rounds; k++) {
		u32 mode = k % 2 ? COLLAPSE : INSERT;
		u64 first = below(pages / 2), nr = 1 + below(pages / 4);
		size_t n = marks(t.data, t.size, before);
		char what[80];

		death.at = 1 + below(last[k % 2]);
		death.events = 0;
		snprintf(what, sizeof(what), "%s of %llu at %llu, dead at event %llu",
			mode == INSERT ? "insert" : "collapse", (unsigned long long)nr,
			(unsigned long long)first, (unsigned long long)death.at);
		pmem_sim_observe(die_sometime);
		if (!call(mode, first * PAGE_SIZE, nr * PAGE_SIZE))
			break;
		pmem_sim_observe(NULL);
		last[k % 2] = death.events;
		dead += death.events >= death.at;
		if (death.events >= death.at && !survives(what, before, n, mode == COLLAPSE ? nr : 0))
			break;
	}
	pmem_sim_observe(NULL);
	ok(k == rounds && same(), "%s: every shift that died was repaired", label);
	ok(dead > rounds / 2, "%s: %u of %u died", label, dead, rounds);
	free(death.copy);
	end();
}

int main(void)
{
	image_begin();
	test_random_steps("", 1, 1500);
	test_random_steps("", 2, 1500);
	test_random_steps("-O ^metadata_csum -g 1024", 3, 600);
	test_random_steps("-g 256 -O ^has_journal,^resize_inode", 4, 600);
	test_deep("");
	test_deep("-O ^metadata_csum");
	test_join();
	test_zero_allocates();
	test_arguments();
	test_no_space();
	test_death("dies, shallow", 60, false, 24);
	test_death("dies, deep", 1000, true, 24);
	image_end();
	return done_testing();
}
