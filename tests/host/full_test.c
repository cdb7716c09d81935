/* SPDX-License-Identifier: MIT */
/*
 * ext4 with nothing left: no block, no inode, no slot for an orphan, a log of the smallest size. Each operation fails as it should or
 * succeeds, nothing else changes, and when something has gone all works again. e2fsck judges every image.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "host/pmem_sim.h"
#include "tests/host/ext4_image.h"

#define BLOCKS 4096u

static u64 free_blocks(void)
{
	return ext4_fs(image.super)->free_blocks;
}

/* Takes every block that data may have: the file's pages. */
static u64 fill(const char *path)
{
	struct file *f = fs_create(path) ? NULL : fs_open(path, O_RDWR_);
	u64 pages = 0;

	if (!f)
		return 0;
	for (u64 n = 1024; n; n /= 2)
		while (!vfs_fallocate(f->inode, 0, pages * PAGE_SIZE, n * PAGE_SIZE))
			pages += n;
	file_put(f);
	return pages;
}

/* Fills `dir` with names, or makes directories in it, until that fails; how many there are. */
static unsigned crowd(const char *dir, bool dirs, int *err)
{
	char path[300];
	unsigned n = 0;

	for (*err = 0; !*err && n < 10000; n += !*err) {
		snprintf(path, sizeof(path), "%s/%0100u", dir, n);
		*err = dirs ? vfs_mkdir(NULL, path, 0755) : fs_create(path);
	}
	return n;
}

/* Removes those again. */
static void empty(const char *dir, unsigned n)
{
	char path[300];

	while (n--) {
		snprintf(path, sizeof(path), "%s/%0100u", dir, n);
		if (vfs_unlink(NULL, path) && vfs_rmdir(NULL, path))
			break;
	}
}

static int punch(const char *path, u64 page, u64 n)
{
	struct file *f = fs_open(path, O_RDWR_);
	int err = f ? vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, page * PAGE_SIZE,
			      n * PAGE_SIZE)
		    : -ENOENT;

	if (f)
		file_put(f);
	return err;
}

static int set_attribute(const char *path, size_t size)
{
	static char value[4000];
	struct inode *i;
	int err = vfs_lookup(NULL, path, false, &i);

	if (err)
		return err;
	err = i->ops->setxattr(i, "user.large", value, size, 0);
	iput(i);
	return err;
}

/* Each operation that needs a block, on paths of its own; `want` is what all of them should say. */
static void try_all(const char *label, int want)
{
	char name[300];
	struct inode *plain;
	int err;

	is(vfs_mkdir(NULL, "/new-dir", 0755), want, "%s: mkdir", label);
	is(vfs_symlink(
		   NULL, "/new-link", "a/target/that/is/too/long/for/the/inode/and/needs/a/block/of/its/own"),
		want, "%s: a long symbolic link", label);
	is(set_attribute("/keep/plain", 3000), want, "%s: an attribute that needs a block", label);
	snprintf(name, sizeof(name), "/crowd/%0250u", 1);
	is(fs_create(name), want, "%s: a name that needs a block for its directory", label);
	snprintf(name, sizeof(name), "/crowd/%0250u", 2);
	err = vfs_lookup(NULL, "/keep/plain", false, &plain);
	is(err ? err : vfs_link(plain, NULL, name), want, "%s: link", label);
	iput(plain);
	snprintf(name, sizeof(name), "/crowd/%0250u", 3);
	err = vfs_rename(NULL, "/keep/moved", NULL, name, 0);
	is(err, want, "%s: rename", label);
	ok(fs_exists("/keep/moved") == (err != 0) && fs_exists(name) == (err == 0),
		"%s: which leaves one name", label);
}

static void begin_full(const char *label, const char *options)
{
	image_make(BLOCKS, options);
	image_start(label);
	is(vfs_mkdir(NULL, "/keep", 0755) | vfs_mkdir(NULL, "/crowd", 0755) | vfs_mkdir(NULL, "/dirs", 0755),
		0, "%s: directories", label);
	is(fs_create("/keep/plain") | fs_create("/keep/moved"), 0, "%s: files", label);
}

/* All blocks that data may have, then all that names may have. The longest names fill the leaves, so that no other finds room there. */
static void exhaust(const char *label)
{
	int err;

	ok(fill("/big") > 100, "%s: a file takes what there is", label);
	crowd("/dirs", true, &err);
	is(err, -ENOSPC, "%s: and directories what is left", label);
	crowd("/crowd", false, &err);
	is(err, -ENOSPC, "%s: a directory cannot grow", label);
}

static void test_errors(const char *label, const char *options)
{
	begin_full(label, options);
	exhaust(label);
	try_all(label, -ENOSPC);
	is(set_attribute("/keep/plain", 8), 0, "%s: an attribute in the inode", label);
	is(vfs_symlink(NULL, "/keep/short", "target"), 0, "%s: a short link", label);
	is(punch("/big", 50, 300), 0, "%s: a hole is punched into the large file", label);
	try_all("what was freed a moment ago is taken", 0);
	image_stop();
	image_start(label);
	is(vfs_unlink(NULL, "/big"), 0, "%s: the large file goes", label);
	image_stop();
}

/* Blocks are missing, but for nodes of trees there are some: what makes room can do so, and what was promised is kept. */
static void test_punch(void)
{
	struct file *f;
	bool good = true;

	begin_full("punch", "-N 1024");
	is(fs_create("/f"), 0, "a file");
	f = fs_open("/f", O_RDWR_);
	for (u64 k = 0; k < 4; k++)
		good &= !vfs_fallocate(f->inode, 0, k * 200 * PAGE_SIZE, 100 * PAGE_SIZE);
	ok(good && ext4_root(ext4_inode(f->inode))->eh_entries == 4, "of four extents, which fill its root");
	exhaust("punch");
	for (u64 k = 0; good && k < 100; k += 2)
		good &= !punch("/f", 201 + k, 1);
	ok(good, "single blocks of it can be punched out");
	is(vfs_truncate(f->inode, 150 * PAGE_SIZE + 100), 0, "it can be cut");
	is(vfs_truncate(f->inode, 0), 0, "and emptied");
	file_put(f);
	image_stop();
}

static void test_promise(void)
{
	const u64 pages = 1500;
	struct file *f;
	bool good = true;
	u64 word = 1;

	begin_full("promise", "-N 1024");
	is(fs_create("/f"), 0, "a file");
	f = fs_open("/f", O_RDWR_);
	is(vfs_fallocate(f->inode, 0, 0, pages * PAGE_SIZE), 0, "that has its blocks");
	exhaust("promise");
	for (u64 p = 0; good && p < pages; p += 2)
		good &= vfs_kwrite(f->inode, &word, sizeof(word), p * PAGE_SIZE) == sizeof(word);
	ok(good, "each of them can be written, though an extent of each needs nodes");
	file_put(f);
	image_stop();
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

/* Another machine comes up with what the one before has left. */
static void die(const char *label)
{
	FILE *f = fopen(image.path, "wb");

	if (!f || fwrite(death.copy, 1, image.region->len, f) != image.region->len || fclose(f)) {
		printf("Bail out! cannot save the image\n");
		exit(1);
	}
	free(death.copy);
	image_start(label);
}

/* Runs `op` in a machine that dies after so many events (0: never), and brings it up again. */
static void with_death(u64 at, bool (*op)(void), const char *label)
{
	death.at = at;
	death.events = 0;
	death.copy = malloc(image.region->len);
	pmem_sim_observe(die_sometime);
	ok(op() && !vfs_sync_all(), "%s: the work ends well", label);
	pmem_sim_observe(NULL);
	if (at && ok(death.events >= at, "%s: it dies after %llu events", label, (unsigned long long)at))
		die(label);
	else
		free(death.copy);
}

#define PIECES 1500

static bool make_pieces(void)
{
	struct file *f = fs_create("/f") ? NULL : fs_open("/f", O_RDWR_);
	bool good = f && !vfs_fallocate(f->inode, 0, 0, 2 * PIECES * PAGE_SIZE);

	if (f)
		file_put(f);
	for (u64 k = 0; good && k < PIECES; k++)
		good = !punch("/f", 2 * k + 1, 1);
	return good && !vfs_sync_all();
}

static bool unlink_pieces(void)
{
	return !vfs_unlink(NULL, "/f");
}

static bool cut_pieces(void)
{
	struct file *f = fs_open("/f", O_RDWR_);
	int err = vfs_truncate(f->inode, 100);

	file_put(f);
	return !err;
}

/* Sectors; negative errno. */
static i64 fs_blocks(const char *path)
{
	struct inode *i;
	int err = vfs_lookup(NULL, path, false, &i);
	i64 n = err ? err : (i64)atomic_load(&i->blocks);

	if (!err)
		iput(i);
	return n;
}

/* Of a file in pieces that goes, in as many transactions as it takes: whenever the machine dies, the next one finishes it, or it had not begun. */
static void test_pieces(const char *options, bool (*op)(void), const char *label)
{
	u64 before, all = 0, left = 0;
	i64 blocks;

	for (unsigned k = 0; k <= 5; k++) {
		image_make(8192, options);
		image_start(label);
		before = free_blocks();
		if (!ok(make_pieces(), "%s: a file of %u pieces", label, PIECES))
			return;
		blocks = fs_blocks("/f");
		with_death(all * k / 6, op, label);
		if (!k) {
			all = death.events;
			left = before - free_blocks();
		} else if (before - free_blocks() > left) { /* it had not begun */
			is(fs_blocks("/f"), blocks, "%s: it is as it was", label);
			ok(op(), "%s: and goes now", label);
		}
		is(before - free_blocks(), left, "%s: all blocks are free but %llu", label,
			(unsigned long long)left);
		if (fs_exists("/f"))
			is(vfs_unlink(NULL, "/f"), 0, "%s: what is left of it goes", label);
		is(free_blocks(), before, "%s: all blocks are free", label);
		image_stop();
	}
}

/* --- inodes, and slots of the orphan file --- */

static int create_kind(const char *path, unsigned k)
{
	switch (k % 4) {
	case 0:
		return fs_create(path);
	case 1:
		return vfs_mkdir(NULL, path, 0755);
	case 2:
		return vfs_symlink(NULL, path, "target");
	default:
		return vfs_mknod(NULL, path, S_IFIFO_ | 0644, 0);
	}
}

static void test_inodes(void)
{
	struct file *held;
	char path[100];
	unsigned n;

	image_make(BLOCKS, "-N 64");
	image_start("no inodes");
	for (n = 0; n < 100; n++) {
		snprintf(path, sizeof(path), "/%u", n);
		if (create_kind(path, n))
			break;
	}
	is(ext4_fs(image.super)->free_inodes, 0, "every inode is in use");
	for (unsigned k = 0; k < 4; k++)
		is(create_kind("/more", k), -ENOSPC, "none is left, kind %u", k);
	ok(!fs_exists("/more"), "and no name");
	held = fs_open("/0", O_RDWR_);
	is(vfs_unlink(NULL, "/0"), 0, "one goes while it is open");
	is(fs_create("/more"), -ENOSPC, "its inode is still in use");
	file_put(held);
	is(fs_create("/more"), 0, "until it is closed");
	for (unsigned k = 0; k < 4; k++) {
		is(vfs_unlink(NULL, "/more") ? vfs_rmdir(NULL, "/more") : 0, 0, "it goes");
		is(create_kind("/more", k), 0, "and kind %u takes its inode", k);
	}
	image_stop();
}

/* More files without a name than the orphan file has slots: the rest is chained. The machine dies, and the next one frees them all. */
static void test_orphans(void)
{
	enum { FILES = 2 * EXT4_ORPHANS_PER_BLOCK + 60 };
	static struct file *held[FILES];
	u32 inodes;
	bool good = true;
	u64 word = 1, blocks;

	image_make(BLOCKS * 2, "-N 4096 -E orphan_file_size=8192");
	image_start("orphans");
	inodes = ext4_fs(image.super)->free_inodes;
	blocks = free_blocks();
	for (unsigned k = 0; good && k < FILES; k++) {
		good = !fs_create("/orphan");
		held[k] = good ? fs_open("/orphan", O_RDWR_) : NULL;
		good = held[k] && vfs_kwrite(held[k]->inode, &word, sizeof(word), 0) == sizeof(word) &&
			!vfs_unlink(NULL, "/orphan");
	}
	ok(good, "%u files without a name", FILES);
	ok(ext4_fs(image.super)->sb.s_last_orphan, "some of them are chained");
	is(vfs_sync_all(), 0, "which is committed");
	death.copy = malloc(image.region->len);
	memcpy(death.copy, image.region->virt, image.region->len);
	for (unsigned k = 0; k < FILES; k += 2)
		file_put(held[k]);
	for (unsigned k = 1; k < FILES; k += 2)
		file_put(held[k]);
	is(ext4_fs(image.super)->free_inodes, inodes, "closed, they are gone");
	image_stop();
	die("orphans");
	is(ext4_fs(image.super)->free_inodes, inodes, "and so they are after the machine has died");
	is(free_blocks(), blocks, "with their blocks");
	image_stop();
}

/* --- a write whose blocks cannot be marked written --- */

static u64 marked_before; /* no page from here on can be */

static int mark_fails(struct inode *i, u64 pgoff, u64 nr, enum map_intent intent, struct extent *out)
{
	if (intent != MAP_MARK_WRITTEN)
		return ext4_file_ops.map_extent(i, pgoff, nr, intent, out);
	return pgoff < marked_before
		? ext4_file_ops.map_extent(i, pgoff, MIN(nr, marked_before - pgoff), intent, out)
		: -ENOSPC;
}

static void test_mark_fails(void)
{
	const struct inode_ops *ops = &ext4_file_ops;
	struct inode_ops fails = ext4_file_ops;
	static char data[8 * PAGE_SIZE];
	struct inode *i;

	fails.map_extent = mark_fails;
	image_make(1024, "");
	image_start("blocks are not marked");
	fs_create("/f");
	vfs_lookup(NULL, "/f", true, &i);
	memset(data, 'x', sizeof(data));
	i->ops = &fails;
	marked_before = 3;
	is(vfs_kwrite(i, data, sizeof(data), 0), 3 * PAGE_SIZE,
		"what was marked before the error is written");
	is(inode_size(i), 3 * PAGE_SIZE, "that is the size");
	is(atomic_load(&i->blocks), 3 * 8, "no block stays behind it");
	is(vfs_kwrite(i, data, sizeof(data), 3 * PAGE_SIZE - 10), 10, "the rest of a page of the file");
	is(vfs_kwrite(i, data, sizeof(data), 3 * PAGE_SIZE), -ENOSPC, "nothing is marked, nothing written");
	is(atomic_load(&i->blocks), 3 * 8, "nor allocated");
	i->ops = ops;
	is(vfs_fallocate(i, FALLOC_KEEP_SIZE_, 3 * PAGE_SIZE, 5 * PAGE_SIZE), 0, "blocks are reserved");
	i->ops = &fails;
	is(vfs_kwrite(i, data, sizeof(data), 3 * PAGE_SIZE), -ENOSPC, "they cannot be marked either");
	is(atomic_load(&i->blocks), 8 * 8, "but were promised, and stay");
	i->ops = ops;
	is(vfs_truncate(i, 20 * PAGE_SIZE), 0, "a larger file");
	i->ops = &fails;
	is(vfs_kwrite(i, data, sizeof(data), 10 * PAGE_SIZE), -ENOSPC, "inside it");
	is(atomic_load(&i->blocks), 16 * 8, "blocks stay: they are the file's");
	i->ops = ops;
	iput(i);
	image_stop();
}

/* --- the smallest log: whatever is large takes several transactions --- */

static void test_small_log(void)
{
	unsigned names, dirs;
	u64 before;
	int err;

	image_make(16384, "-J size=4 -N 16384");
	image_start("small log");
	before = free_blocks();
	is(vfs_mkdir(NULL, "/crowd", 0755) | vfs_mkdir(NULL, "/dirs", 0755), 0, "directories");
	ok(make_pieces(), "a file in pieces");
	names = crowd("/crowd", false, &err);
	dirs = crowd("/dirs", true, &err);
	ok(names == 10000 && dirs > 1000, "%u names, %u directories", names, dirs);
	ok(unlink_pieces(), "the pieces go");
	empty("/crowd", names);
	empty("/dirs", dirs);
	is(vfs_rmdir(NULL, "/crowd") | vfs_rmdir(NULL, "/dirs"), 0, "all goes");
	is(free_blocks(), before, "every block is free");
	image_stop();
}

int main(void)
{
	image_begin();
	test_errors("full", "-N 1024");
	test_errors("full, no journal", "-N 1024 -O ^has_journal");
	test_punch();
	test_promise();
	test_pieces("-N 64", unlink_pieces, "unlink");
	test_pieces("-N 64 -O ^orphan_file", cut_pieces, "truncate");
	test_inodes();
	test_orphans();
	test_mark_fails();
	test_small_log();
	image_end();
	return done_testing();
}
