/* SPDX-License-Identifier: MIT */
/*
 * ext4's trees at their limits: extent trees of several levels, directories of thousands of names with and without index, names whose
 * hashes collide, and a file system that is full. e2fsck judges every result.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "tests/host/ext4_image.h"

#define WORD(page) (0x5eed000000000000ull | (page))

static u64 free_blocks(void)
{
	return ext4_fs(image.super)->free_blocks;
}

static unsigned depth_of(struct inode *i)
{
	return ext4_root(ext4_inode(i))->eh_depth;
}

/* Mapped pieces of a file, as a reader meets them. */
static unsigned pieces(struct inode *i, u64 pages)
{
	unsigned n = 0;
	struct extent e;

	for (u64 p = 0; p < pages; p += e.len) {
		if (i->ops->map_extent(i, p, pages - p, MAP_LOOK, &e) || !e.len)
			return 0;
		n += e.state != EXTENT_HOLE;
	}
	return n;
}

static bool write_words(struct inode *i, u64 first, u64 pages, u64 step)
{
	for (u64 p = first; p < pages; p += step) {
		u64 w = WORD(p);

		if (vfs_kwrite(i, &w, sizeof(w), p * PAGE_SIZE) != sizeof(w))
			return false;
	}
	return true;
}

/* Has every page its word, but those that hole() says? */
static bool words_ok(struct inode *i, u64 pages, bool (*hole)(u64 page))
{
	for (u64 p = 0; p < pages; p++) {
		u64 w = 1;

		if (vfs_kread(i, &w, sizeof(w), p * PAGE_SIZE) != sizeof(w) || w != (hole(p) ? 0 : WORD(p))) {
			diag("page %llu has %llx", (unsigned long long)p, (unsigned long long)w);
			return false;
		}
	}
	return true;
}

static bool even(u64 p)
{
	return p % 2 == 0;
}
static bool odd(u64 p)
{
	return p % 2;
}
static bool none(u64 p UNUSED)
{
	return false;
}

static bool punch_even(struct inode *i, u64 pages)
{
	for (u64 p = 0; p < pages; p += 2)
		if (vfs_fallocate(i, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, p * PAGE_SIZE, PAGE_SIZE))
			return false;
	return true;
}

static void test_deep_tree(const char *options)
{
	const u64 pages = 12000;
	struct file *f;
	struct inode *i;
	u64 before;

	image_make(16384, options);
	image_start(*options ? options : "deep tree");
	before = free_blocks();
	is(fs_create("/f"), 0, "a file");
	f = fs_open("/f", O_RDWR_);
	i = f->inode;
	is(vfs_fallocate(i, 0, 0, pages * PAGE_SIZE), 0, "of %llu reserved pages", (unsigned long long)pages);
	ok(pieces(i, pages) < 40, "in few extents: %u", pieces(i, pages));
	ok(write_words(i, 1, pages, 2), "every other page is written");
	is(pieces(i, pages), pages, "which makes an extent of every page");
	ok(depth_of(i) >= 2, "and a tree of depth %u", depth_of(i));
	ok(punch_even(i, pages), "the others are punched out");
	is(pieces(i, pages), pages / 2, "half of the extents are left");
	ok(words_ok(i, pages, even), "they hold what was written");
	file_put(f);
	image_stop();
	image_start("refill");
	f = fs_open("/f", O_RDWR_);
	i = f->inode;
	ok(write_words(i, 0, pages, 2), "the holes are filled again");
	ok(words_ok(i, pages, none), "all pages hold what was written");
	ok(pieces(i, pages) < pages / 10, "extents have merged: %u are left", pieces(i, pages));
	ok(punch_even(i, pages), "they are punched again");
	for (u64 left = pages; left > 100; left -= left / 3) {
		if (vfs_truncate(i, left * PAGE_SIZE) || !words_ok(i, left, even)) {
			ok(false, "truncated to %llu pages", (unsigned long long)left);
			break;
		}
		if (left == pages)
			ok(true, "it is truncated in steps");
	}
	is(vfs_fallocate(i, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, 0, 50 * PAGE_SIZE), 0,
		"its beginning is punched out");
	file_put(f);
	image_stop();
	image_start("empty again");
	f = fs_open("/f", O_RDWR_);
	is(vfs_truncate(f->inode, 0), 0, "truncated to nothing");
	ok(depth_of(f->inode) == 0 && !atomic_load(&f->inode->blocks), "the tree has no block");
	file_put(f);
	is(vfs_unlink(NULL, "/f"), 0, "and deleted");
	is(free_blocks(), before, "every block is free again");
	image_stop();
}

/* The k-th name of a directory test: every fifth is as long as names can be. */
static void make_name(char *path, const char *dir, unsigned k)
{
	int n = snprintf(path, 600, "%s/", dir), start = n;

	n += snprintf(path + n, 300, "name-%u", k);
	if (k % 5 == 0)
		for (; n - start < NAME_MAX_LEN; n++)
			path[n] = (char)('a' + n % 26);
	path[n] = '\0';
}

static bool names_there(const char *dir, unsigned n, unsigned modulus, bool want)
{
	char path[600];

	for (unsigned k = 0; k < n; k++) {
		make_name(path, dir, k);
		if ((k % 3 == modulus) != want && fs_exists(path)) {
			diag("%s is there", path);
			return false;
		}
		if ((k % 3 == modulus) == want && !fs_exists(path)) {
			diag("%s is not there", path);
			return false;
		}
	}
	return true;
}

static bool each_name(const char *dir, unsigned n, unsigned modulus, int (*op)(const char *path))
{
	char path[600];

	for (unsigned k = 0; k < n; k++) {
		int err;

		make_name(path, dir, k);
		if (modulus < 3 && k % 3 != modulus)
			continue;
		err = op(path);
		if (err) {
			diag("%s: %d", path, err);
			return false;
		}
	}
	return true;
}

static int do_unlink(const char *path)
{
	return vfs_unlink(NULL, path);
}

static void test_directory(const char *label, const char *options, unsigned n)
{
	image_make(16384, options);
	image_start(label);
	is(vfs_mkdir(NULL, "/d", 0755), 0, "%s: a directory", label);
	ok(each_name("/d", n, 3, fs_create), "%s: %u names", label, n);
	is(fs_entries("/d"), n, "%s: readdir has them all", label);
	is(fs_create("/d/name-1"), -EEXIST, "%s: none twice", label);
	is(vfs_mkdir(NULL, "/d/sub", 0755), 0, "%s: a directory in it", label);
	is(fs_create("/d/sub/file"), 0, "%s: is a plain one", label);
	is(vfs_unlink(NULL, "/d/sub/file"), 0, "%s: and empty again", label);
	is(vfs_rmdir(NULL, "/d/sub"), 0, "%s: it goes", label);
	ok(each_name("/d", n, 1, do_unlink), "%s: every third goes", label);
	ok(names_there("/d", n, 1, false), "%s: these are not found, the others are", label);
	image_stop();
	image_start(label);
	ok(names_there("/d", n, 1, false), "%s: so it is after a remount", label);
	ok(each_name("/d", n, 1, fs_create), "%s: they come back", label);
	is(fs_entries("/d"), n, "%s: all are there", label);
	is(vfs_rmdir(NULL, "/d"), -ENOTEMPTY, "%s: it cannot be removed", label);
	image_stop();
	image_start(label);
	ok(each_name("/d", n, 3, do_unlink), "%s: all go", label);
	is(fs_entries("/d"), 0, "%s: it is empty", label);
	is(vfs_rmdir(NULL, "/d"), 0, "%s: and removed", label);
	image_stop();
}

/* A directory that the host filled and e2fsck indexed. */
static void test_host_index(const char *options)
{
	char all[300];
	FILE *f;

	run("rm -rf %s/src; mkdir -p %s/src/d", image.dir, image.dir);
	for (unsigned k = 0; k < 3000; k++) {
		char name[600], path[800];

		make_name(name, "/d", k);
		snprintf(path, sizeof(path), "%s/src%s", image.dir, name);
		f = fopen(path, "w");
		if (f)
			fclose(f);
	}
	snprintf(all, sizeof(all), "%s -N 8192 -d %s/src", options, image.dir);
	ok(image_make(16384, all) && run("e2fsck -fyD %s", image.path) <= 1,
		"%s: a directory of 3000 names, indexed by e2fsck", options);
	image_start(options);
	ok(names_there("/d", 3000, 3, false), "%s: all are found", options);
	is(fs_entries("/d"), 3000, "%s: readdir has them", options);
	ok(each_name("/d", 3000, 2, do_unlink), "%s: every third goes", options);
	ok(each_name("/d", 3000, 2, fs_create), "%s: and comes back", options);
	ok(names_there("/d", 3000, 3, false), "%s: all are found", options);
	image_stop();
}

struct hashed {
	u32 hash;
	unsigned k;
};

static int by_hash(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void long_name(char *path, unsigned k)
{
	int n = sprintf(path, "/d/%07u", k);

	memset(path + n, 'x', (size_t)(3 + NAME_MAX_LEN - n));
	path[3 + NAME_MAX_LEN] = '\0';
}

/* Fifteen names fill a leaf; the split falls between two of one hash, so that the second goes on in the next leaf. */
static void test_collision(void)
{
	enum { NAMES = 100000, LOWER = 7, FULL = 15 };
	struct hashed *h = calloc(NAMES, sizeof(*h));
	char path[600];
	unsigned at = 0;
	bool found = true;

	image_make(2048, "-E hash_seed=12345678-1234-1234-1234-123456789abc");
	image_start("collision");
	for (unsigned k = 0; k < NAMES; k++) {
		long_name(path, k);
		h[k].k = k;
		ext4_hash(ext4_fs(image.super), ext4_fs(image.super)->sb.s_def_hash_version, path + 3,
			NAME_MAX_LEN, &h[k].hash, NULL);
	}
	qsort(h, NAMES, sizeof(*h), by_hash);
	for (unsigned k = LOWER; k + FULL < NAMES && !at; k++)
		if (h[k].hash == h[k + 1].hash)
			at = k;
	if (ok(at, "two names of one hash")) {
		is(vfs_mkdir(NULL, "/d", 0755), 0, "a directory");
		for (unsigned k = 0; k < FULL + 20; k++) {
			long_name(path, h[at - LOWER + k].k);
			found &= !fs_create(path);
		}
		for (unsigned k = 0; k < FULL + 20; k++) {
			long_name(path, h[at - LOWER + k].k);
			found &= fs_exists(path);
		}
		ok(found, "both are found, and all others");
		long_name(path, h[at].k);
		is(vfs_unlink(NULL, path), 0, "the first goes");
		ok(!fs_exists(path), "it is not found any more");
		long_name(path, h[at + 1].k);
		ok(fs_exists(path), "the second is");
		is(vfs_rename(NULL, path, NULL, "/d/other", 0), 0, "and moves");
		ok(!fs_exists(path) && fs_exists("/d/other"), "to another leaf");
	}
	free(h);
	image_stop();
}

/* Fills the file with one word per page until there is no room; pages. */
static u64 fill(const char *path)
{
	static u64 page[PAGE_SIZE / 8];
	struct file *f;
	u64 n = 0;

	if (fs_create(path))
		return 0;
	f = fs_open(path, O_RDWR_);
	for (;; n++) {
		for (unsigned k = 0; k < ARRAY_SIZE(page); k++)
			page[k] = WORD(n);
		if (vfs_kwrite(f->inode, page, PAGE_SIZE, n * PAGE_SIZE) != PAGE_SIZE)
			break;
	}
	file_put(f);
	return n;
}

static void test_no_space(const char *options)
{
	struct file *f, *g;
	u64 start, first, second;
	char path[100];
	unsigned n = 0;

	image_make(2048, options);
	image_start(options);
	start = free_blocks();
	is(vfs_mkdir(NULL, "/keep", 0755), 0, "%s: a directory", options);
	is(fs_create("/keep/file"), 0, "%s: with a file", options);
	g = fs_open("/keep/file", O_RDWR_);
	ok(write_words(g->inode, 0, 40, 2), "%s: that has holes", options);
	first = fill("/big");
	ok(first > start / 2, "%s: a file takes all there is: %llu pages", options,
		(unsigned long long)first);
	f = fs_open("/big", O_RDWR_);
	is(inode_size(f->inode), first * PAGE_SIZE, "%s: its size is what was written", options);
	ok(words_ok(f->inode, first, none), "%s: and nothing of it is lost", options);
	is(vfs_fallocate(g->inode, 0, 0, 64 * PAGE_SIZE), -ENOSPC, "%s: no holes can be filled", options);
	ok(words_ok(g->inode, 39, odd), "%s: the other file is whole", options);
	for (n = 0; n < 5000; n++) {
		sprintf(path, "/keep/a-name-that-takes-some-room-in-its-directory-%u", n);
		if (fs_create(path))
			break;
	}
	ok(n < 5000, "%s: at last there is no room for names or inodes: %u", options, n);
	is(vfs_mkdir(NULL, "/keep/dir", 0755), -ENOSPC, "%s: nor for a directory", options);
	is(vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, 10 * PAGE_SIZE, PAGE_SIZE), 0,
		"%s: a hole can be punched", options);
	file_put(f);
	file_put(g);
	image_stop();
	image_start(options);
	while (n--) {
		sprintf(path, "/keep/a-name-that-takes-some-room-in-its-directory-%u", n);
		if (vfs_unlink(NULL, path))
			break;
	}
	is(vfs_unlink(NULL, "/big"), 0, "%s: the large file goes", options);
	second = fill("/big");
	ok(second + 64 > first, "%s: its room can be filled again: %llu pages", options,
		(unsigned long long)second);
	is(vfs_unlink(NULL, "/big"), 0, "%s: and goes", options);
	is(vfs_unlink(NULL, "/keep/file"), 0, "%s: the file with holes goes", options);
	is(vfs_rmdir(NULL, "/keep"), 0, "%s: the directory goes", options);
	is(free_blocks(), start, "%s: every block is free again", options);
	image_stop();
}

static void test_no_inodes(void)
{
	unsigned n, free;
	char path[100];

	image_make(2048, "-N 64");
	image_start("no inodes");
	free = ext4_fs(image.super)->free_inodes;
	for (n = 0; n < 1000; n++) {
		sprintf(path, "/%u", n);
		if (n % 2 ? fs_create(path) : vfs_mkdir(NULL, path, 0755))
			break;
	}
	is(n, free, "every inode can be used");
	is(fs_create("/more"), -ENOSPC, "and not one more");
	ok(!fs_exists("/more"), "which leaves no name");
	image_stop();
	image_start("no inodes");
	while (n--) {
		sprintf(path, "/%u", n);
		if (n % 2 ? vfs_unlink(NULL, path) : vfs_rmdir(NULL, path))
			break;
	}
	is(ext4_fs(image.super)->free_inodes, free, "all are free again");
	image_stop();
}

static int longest(void *arg, const struct extent *e)
{
	u64 *max = arg;

	*max = MAX(*max, e->len);
	return 0;
}

/* One extent over many small groups: to free it takes more bitmaps than a handle has room for. */
static void test_small_groups(void)
{
	const u64 blocks = 21000, size = blocks * EXT4_BLOCK_SIZE;
	struct inode *i;
	u64 max = 0;

	image_make(28000, "-g 256 -G 128 -N 2048 -O ^resize_inode,sparse_super2");
	image_start("small groups");
	fs_create("/long");
	vfs_lookup(NULL, "/long", false, &i);
	is(vfs_fallocate(i, 0, 0, size), 0, "%s: allocated", image.label);
	vfs_extents(i, 0, blocks - 1, longest, &max);
	ok(max > 40 * 256, "%s: an extent of %llu blocks", image.label, (unsigned long long)max);
	vfs_sync_all(); /* none of them has been changed since */
	is(vfs_fallocate(i, FALLOC_COLLAPSE_RANGE_, EXT4_BLOCK_SIZE, size - 3 * EXT4_BLOCK_SIZE), 0,
		"%s: collapsed", image.label);
	is(pieces(i, blocks), 2, "%s: the ends are left", image.label);
	is(vfs_fallocate(i, 0, 0, size), 0, "%s: allocated again", image.label);
	vfs_sync_all();
	is(vfs_truncate(i, 0), 0, "%s: truncated", image.label);
	is(atomic_load(&i->blocks), 0, "%s: nothing is left", image.label);
	iput(i);
	image_stop();
}

/* A hostile node that says it has room for so few entries, and has one: an extent that a write into its middle cuts in three. */
static void test_small_node(u16 max)
{
	struct ext4_extent_header *eh;
	char label[40];
	struct inode *i;
	u64 w = WORD(5), node;
	bool enough = max >= 3;

	snprintf(label, sizeof(label), "a node for %u", max);
	image_make(1024, "-O ^metadata_csum");
	image_start(label);
	fs_create("/f");
	vfs_lookup(NULL, "/f", true, &i);
	vfs_fallocate(i, 0, 0, 10 * PAGE_SIZE);
	write_words(i, 20, 40, 2);
	is(depth_of(i), 1, "%s: a tree of two levels", label);
	node = ((const struct ext4_extent_idx *)(ext4_root(ext4_inode(i)) + 1))->ei_leaf_lo;
	iput(i);
	image_unmount();
	eh = (void *)((char *)image.region->virt + node * EXT4_BLOCK_SIZE);
	eh->eh_entries = 1;
	eh->eh_max = max;
	is(image_mount(false), 0, "%s: mounted", label);
	vfs_lookup(NULL, "/f", true, &i);
	is(vfs_kwrite(i, &w, sizeof(w), 5 * PAGE_SIZE), enough ? (int)sizeof(w) : -EUCLEAN,
		"%s: the extent is cut, or the node refused", label);
	iput(i);
	is(image_unmount(), enough ? 0 : -EUCLEAN, "%s: unmounted", label);
}

/* As if the directory had so many others in it. */
static void set_links(struct inode *i, u32 n)
{
	i->nlink = n;
	i->ops->write_inode(i);
}

/* Without dir_nlink nothing may give a directory one link more than there can be. */
static void test_links_full(void)
{
	struct inode *full, *dir, *file;

	image_make(1024, "-O ^dir_nlink");
	image_start("links are full");
	vfs_mkdir(NULL, "/dir", 0755);
	vfs_mkdir(NULL, "/dir/below", 0755);
	fs_create("/dir/file");
	vfs_mkdir(NULL, "/full", 0755);
	vfs_mkdir(NULL, "/full/below", 0755);
	fs_create("/full/file");
	vfs_lookup(NULL, "/full", true, &full);
	vfs_lookup(NULL, "/dir", true, &dir);
	set_links(full, EXT4_LINK_MAX);
	is(vfs_mkdir(NULL, "/full/more", 0755), -EMLINK, "mkdir");
	is(vfs_rename(NULL, "/dir/below", NULL, "/full/more", 0), -EMLINK, "rename");
	is(vfs_rename(NULL, "/dir/below", NULL, "/full/file", RENAME_EXCHANGE_), -EMLINK,
		"a directory for a file");
	is(vfs_rename(NULL, "/full/file", NULL, "/dir/below", RENAME_EXCHANGE_), -EMLINK,
		"a file for a directory");
	is(vfs_rename(NULL, "/dir/file", NULL, "/full/file", RENAME_EXCHANGE_), 0, "a file for a file");
	is(vfs_rename(NULL, "/dir/below", NULL, "/full/below", RENAME_EXCHANGE_), 0,
		"a directory for a directory");
	is(full->nlink, EXT4_LINK_MAX, "that leaves the number of links");
	is(vfs_rename(NULL, "/full/below", NULL, "/dir/file", RENAME_EXCHANGE_), 0,
		"a directory goes and a file comes");
	is(full->nlink, EXT4_LINK_MAX - 1, "one link less");
	is(dir->nlink, 4, "and one more there");
	vfs_lookup(NULL, "/full/below", true, &file);
	set_links(file, EXT4_LINK_MAX);
	is(vfs_link(file, NULL, "/dir/name"), -EMLINK, "link");
	set_links(file, 1);
	iput(file);
	set_links(full, 2);
	iput(full);
	iput(dir);
	image_stop();
}

int main(void)
{
	image_begin();
	test_deep_tree("");
	test_deep_tree("-O ^metadata_csum -g 1024");
	test_directory("3000 names", "-N 16384", 3000);
	test_directory("no index", "-N 16384 -O ^dir_index", 1000);
	test_directory("two levels", "-N 16384", 12000);
	test_host_index("-O ^metadata_csum");
	test_host_index("");
	test_collision();
	test_no_space("-N 512");
	test_no_space("-O ^has_journal,^metadata_csum -g 256 -N 512");
	test_no_inodes();
	test_small_groups();
	for (u16 max = 1; max <= 4; max++)
		test_small_node(max);
	test_links_full();
	image_end();
	return done_testing();
}
