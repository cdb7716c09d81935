/* SPDX-License-Identifier: MIT */
/*
 * ext4 where things are not as they should be: images that must be refused, with the reason; file systems whose machine stopped, and what
 * the orphan list then does; images with damaged bytes, which may give errors but never a crash, a hang or a stray access; and
 * memory that runs out.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "fs/jbd2.h"
#include "host/pmem_sim.h"
#include "mm/state.h"
#include "tests/host/ext4_image.h"

/* --- refusals --- */

static struct ext4_super *super_on_disk(void)
{
	return (struct ext4_super *)((char *)image.region->virt + EXT4_SUPER_OFFSET);
}

static void super_seal(void)
{
	super_on_disk()->s_checksum = ext4_super_csum(super_on_disk());
}

/* The image that is loaded must be refused with exactly this, and stay as it is. */
static void refused(const char *label, int want, const char *why)
{
	size_t n = image.region->len;
	void *copy = malloc(n);
	u64 memory = kmem_bytes_in_use();

	memcpy(copy, image.region->virt, n);
	is(image_mount(false), want, "%s: refused", label);
	is_str(image.why, why, "%s: the reason", label);
	ok(!memcmp(copy, image.region->virt, n), "%s: nothing was changed", label);
	is(kmem_bytes_in_use(), memory, "%s: no memory is lost", label);
	free(copy);
}

/* The journal's superblock: the first block that says so. */
static struct jbd2_super *journal_super(void)
{
	for (u64 at = 0; at < image.region->len; at += JBD2_BLOCK_SIZE) {
		struct jbd2_super *s = (void *)((char *)image.region->virt + at);

		if (from_be32(s->s_header.h_magic) == JBD2_MAGIC &&
			from_be32(s->s_header.h_blocktype) == JBD2_SUPER_V2)
			return s;
	}
	printf("Bail out! no journal\n");
	exit(1);
}

static void test_incompat(u32 bit, const char *why)
{
	image_up(0);
	super_on_disk()->s_feature_incompat |= bit;
	super_seal();
	refused(why, -EOPNOTSUPP, why);
}

static void test_refusals(void)
{
	image_make(1024, "");
	run("debugfs -w -R 'feature needs_recovery' %s", image.path);
	image_up(0);
	refused("needs_recovery, and no journal", -EUCLEAN,
		"its journal cannot be found (feature needs_recovery): run e2fsck -fy on the image");

	image_make(1024, "");
	test_incompat(1u << 0, "feature compression is not supported");
	test_incompat(1u << 3, "feature journal_dev is not supported");
	test_incompat(1u << 15, "feature inline_data is not supported");
	test_incompat(1u << 16, "feature encrypt is not supported");
	test_incompat(1u << 30, "feature bit 30 is not supported");
	image_up(0);
	super_on_disk()->s_feature_incompat &= ~EXT4_INCOMPAT_EXTENTS;
	super_seal();
	refused("no extents", -EOPNOTSUPP, "feature extent is missing");
	image_up(0);
	super_on_disk()->s_state = 0;
	super_seal();
	refused("not clean", -EUCLEAN, "it is not clean (it was not unmounted): run e2fsck -fy on the image");
	image_up(0);
	super_on_disk()->s_inodes_count++;
	super_seal();
	refused("counts", -EUCLEAN,
		"the superblock is damaged: its counts do not fit together: run e2fsck -fy on the image");
	image_up(0);
	super_on_disk()->s_free_inodes_count++;
	refused("checksum", -EUCLEAN, "the superblock's checksum is wrong: run e2fsck -fy on the image");
	image_up(0);
	((u8 *)image.region->virt)[EXT4_BLOCK_SIZE + 12] ^= 1;
	refused("descriptor", -EUCLEAN,
		"a group descriptor's checksum is wrong: run e2fsck -fy on the image");
	image_up(0);
	super_on_disk()->s_blocks_count_lo = 1030;
	super_seal();
	refused("too short", -EINVAL, "the file system has 1030 blocks, the persistent memory only 1024");
	image_up(0);
	memset(image.region->virt, 0, image.region->len);
	refused("zeros", -EINVAL,
		"there is no ext4 file system (bad magic number): make one with mke2fs -t ext4 -b 4096");
	run("truncate -s 2M %s", image.path);
	image_up(0);
	refused("truncated", -EINVAL, "the file system has 1024 blocks, the persistent memory only 512");
	run("truncate -s 4096 %s", image.path);
	image_up(0);
	refused("one block", -EINVAL, "the region is too small for a file system");
	run("rm %s; mke2fs -q -F -t ext4 -b 1024 %s 8192", image.path, image.path);
	image_up(0);
	refused("1 KiB blocks", -EOPNOTSUPP,
		"its block size is not 4096, which DAX needs: make it with mke2fs -b 4096");
	if (image_make(4096, "-O bigalloc -C 16384")) {
		image_up(0);
		refused("bigalloc", -EOPNOTSUPP, "feature bigalloc is not supported");
	}
	image_make(8192, "");
	image_up(0);
	journal_super()->s_feature_incompat.raw |= to_be32(JBD2_INCOMPAT_FAST_COMMIT).raw;
	refused("fast commits in an empty log", -EOPNOTSUPP,
		"its journal may hold fast commits, which are not supported: run e2fsck -fy on the image");
}

static void test_readonly(void)
{
	void *copy;

	image_make(1024, "");
	image_up(0);
	super_on_disk()->s_feature_ro_compat |= 1u << 13; /* project */
	super_seal();
	copy = malloc(image.region->len);
	memcpy(copy, image.region->virt, image.region->len);
	is(image_mount(false), 0, "an unknown ro_compat feature: mounted");
	ok(atomic_load(&image.super->readonly), "but read-only");
	is(fs_create("/x"), -EROFS, "nothing is created");
	is(vfs_mkdir(NULL, "/x", 0755), -EROFS, "nor made");
	is(vfs_rmdir(NULL, "/lost+found"), -EROFS, "nor removed");
	is(fs_entries("/"), 1, "but read");
	is(image_unmount(), 0, "it unmounts");
	ok(!memcmp(copy, image.region->virt, image.region->len), "and no byte has changed");
	image_up(0);
	is(image_mount(true), 0, "mounted read-only because so asked");
	is(fs_create("/x"), -EROFS, "nothing is created");
	is(image_unmount(), 0, "it unmounts");
	free(copy);
}

/* An image of the old kind whose files have no extents. */
static void test_block_mapped(void)
{
	const char *why = "its directories are mapped by blocks, not extents: run e2fsck -fy -E bmap2extent "
			  "on the image";
	struct inode *i;
	char text[5];

	run("rm -rf %s %s/src; mkdir %s/src; echo text >%s/src/file; mke2fs -q -F -t ext3 -b 4096 -O "
	    "^has_journal -d %s/src %s 1024 && "
	    "tune2fs -O extent %s",
		image.path, image.dir, image.dir, image.dir, image.dir, image.path, image.path);
	image_up(0);
	refused("block map", -EOPNOTSUPP, why);
	run("e2fsck -fy -E bmap2extent %s", image.path);
	image_start("converted to extents");
	is(vfs_lookup(NULL, "/file", true, &i), 0, "its file is there");
	ok(vfs_kread(i, text, 5, 0) == 5 && !memcmp(text, "text\n", 5), "with its text");
	iput(i);
	is(vfs_unlink(NULL, "/file"), 0, "it can be deleted");
	image_stop();
}

/* A directory whose size says that it ends before its last block: that block must not be overwritten by a new one. */
static void test_short_directory(void)
{
	char path[300];
	int err = 0;

	image_make(1024, "-O ^dir_index");
	image_start("a directory of two blocks");
	vfs_mkdir(NULL, "/d", 0755);
	for (unsigned k = 0; k < 200; k++) {
		sprintf(path, "/d/some-longer-name-%u", k);
		fs_create(path);
	}
	image_stop();
	run("debugfs -w -R 'sif /d size 4096' %s", image.path);
	image_start("its size says one");
	for (unsigned k = 0; k < 300 && !err; k++) {
		sprintf(path, "/d/another-name-%u", k);
		err = fs_create(path);
	}
	is(err, -EUCLEAN, "the block past the end is noticed");
	is(image_unmount(), -EUCLEAN, "so says the unmount");
	image_save();
	is(run("e2fsck -fy %s", image.path), 1, "e2fsck repairs it");
	image_start("repaired");
	is(fs_entries("/d") >= 200, 1, "no name is lost");
	image_stop();
}

/* --- a machine that stopped --- */

/* A word in each of so many pages, `step` pages apart. */
static bool put_words(const char *path, u64 pages, u64 step)
{
	struct file *f;
	u64 p;

	if (fs_create(path))
		return false;
	f = fs_open(path, O_RDWR_);
	for (p = 0; p < pages && vfs_kwrite(f->inode, &p, sizeof(p), p * step * PAGE_SIZE) == sizeof(p); p++)
		;
	vfs_fsync(f->inode, 0, RANGE_LAST, false);
	file_put(f);
	return p == pages;
}

/* Files without a name and one in the middle of a truncate; then the machine is gone. */
static void stop_with_orphans(const char *options)
{
	struct file *open[3], *f;
	char path[20];

	image_make(2048, options);
	image_start(options);
	ok(put_words("/cut", 100, 1), "%s: a file", options);
	for (unsigned k = 0; k < 3; k++) {
		sprintf(path, "/gone%u", k);
		ok(put_words(path, 20 + 400 * (k == 1), 2), "%s: a file", options);
		open[k] = fs_open(path, O_RDWR_);
		is(vfs_unlink(NULL, path), 0, "%s: unlinked but open", options);
	}
	is(vfs_mkdir(NULL, "/dir", 0755), 0, "%s: a directory", options);
	f = fs_open("/cut", O_RDWR_);
	is(f->inode->ops->orphan_add(f->inode), 0, "%s: a truncate has begun", options);
	inode_set_size(f->inode, 3 * PAGE_SIZE);
	is(f->inode->ops->write_inode(f->inode), 0, "%s: the size is written", options);
	file_put(open[1]); /* from the middle of the list */
	is(vfs_sync_all(), 0, "%s: synced", options);
	image_save();
}

/* Without a journal the mark "clean" is missing; with one the log says that it was in use, and the mount goes on from there. */
static void test_orphans(const char *options)
{
	bool journal = !strstr(options, "^has_journal");
	struct inode *i;
	u64 after;

	stop_with_orphans(options);
	if (!journal) {
		image_up(0);
		is(image_mount(false), -EUCLEAN, "%s: not clean, so refused", options);
	}
	ok(run("e2fsck -fy %s", image.path) <= 1, "%s: e2fsck -fy repairs it", options);
	ok(image_fsck(), "%s: and finds nothing more", options);
	image_start(options);
	ok(fs_exists("/cut") && fs_exists("/dir"), "%s: what had a name is there", options);
	after = ext4_fs(image.super)->free_blocks;
	image_stop();

	stop_with_orphans(options);
	image_up(0);
	if (!journal) {
		super_on_disk()->s_state |= EXT4_STATE_VALID;
		super_seal();
	}
	is(image_mount(false), 0, "%s: called clean, its orphans are finished at mount", options);
	is(ext4_fs(image.super)->free_blocks, after, "%s: as many blocks are free as after e2fsck", options);
	is(vfs_lookup(NULL, "/cut", true, &i), 0, "%s: the truncated file", options);
	is(atomic_load(&i->blocks), 24, "%s: has three blocks for its three pages", options);
	iput(i);
	image_stop();
}

/* --- damage --- */

static u8 *pristine;
static u64 lines; /* of persistent memory that were flushed: a measure of work */

static int walk_step(void *arg, const char *name, size_t len, u64 ino UNUSED, u8 type UNUSED, u64 next UNUSED)
{
	char *names = arg;
	size_t n = strlen(names);

	if (n + len + 2 < 60000 && name[0] != '.') {
		memcpy(names + n, name, len);
		strcpy(names + n + len, "/");
	}
	return 0;
}

/* Reads everything below a directory; a damaged one may lead anywhere, so depth and number are bounded. */
static void walk_all(const char *path, unsigned depth, unsigned *budget)
{
	struct file *f;
	struct inode *i;
	char *names, *name, *rest;
	static u8 buf[40000];

	if (!*budget || !--*budget || vfs_lookup(NULL, *path ? path : "/", false, &i))
		return;
	if (mode_is_lnk(i->mode))
		vfs_readlink(NULL, path, (char *)buf, sizeof(buf));
	if (mode_is_reg(i->mode)) {
		vfs_kread(i, buf, sizeof(buf), 0);
		vfs_kread(i, buf, 100, inode_size(i) / 2);
	}
	if (mode_is_dir(i->mode) && depth < 6 && !file_open_inode(i, O_RDONLY_, &f)) {
		names = calloc(1, 60300);
		vfs_readdir(f, walk_step, names);
		file_put(f);
		for (name = strtok_r(names, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
			char below[PATH_MAX_LEN];

			if (snprintf(below, sizeof(below), "%s/%s", path, name) < (int)sizeof(below))
				walk_all(below, depth + 1, budget);
		}
		free(names);
	}
	iput(i);
}

/* Changes whatever can be changed; results do not matter. */
static void mishandle(u64 *seed)
{
	static u8 buf[20000];
	struct file *f;
	char path[300];

	for (unsigned k = 0; k < 30; k++) {
		sprintf(path, "/%s%u", test_random(seed, 2) ? "d/sub/f" : "big", test_random(seed, 40));
		if (vfs_open(NULL, path, O_RDWR_ | O_CREAT_, 0644, &f))
			continue;
		vfs_kwrite(f->inode, buf, test_random(seed, sizeof(buf)), test_random(seed, 600000));
		vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, test_random(seed, 300000),
			test_random(seed, 100000));
		vfs_fallocate(f->inode, 0, test_random(seed, 300000), test_random(seed, 100000));
		if (k % 3 == 0)
			vfs_truncate(f->inode, test_random(seed, 300000));
		if (k % 4 == 0)
			vfs_unlink(NULL, path);
		file_put(f);
	}
	for (unsigned k = 0; k < 40; k++) {
		char to[300];

		sprintf(path, "/many/name-%u", test_random(seed, 200));
		sprintf(to, "/d/%u", test_random(seed, 30));
		if (k % 3 == 0)
			vfs_mkdir(NULL, to, 0755);
		else if (k % 3 == 1)
			vfs_rename(NULL, path, NULL, to, 0);
		else
			vfs_rename(NULL, to, NULL, "/d/sub", 0);
		vfs_unlink(NULL, path);
		vfs_rmdir(NULL, to);
	}
}

/* Blocks worth damaging: the file system's own, those of directories and extent trees. */
static unsigned metadata_blocks(u64 *list, unsigned max)
{
	struct ext4_fs *fs = ext4_fs(image.super);
	unsigned n = 0;

	for (u64 b = 0; b < fs->blocks_count && n < max; b++) {
		const struct ext4_extent_header *eh = ext4_read(fs, b);
		const struct ext4_dirent *de = (const void *)eh;
		bool known = eh->eh_magic == EXT4_EXT_MAGIC || (de->rec_len == 12 && de->name[0] == '.') ||
			(de->inode > 10 && de->inode < fs->inodes_count && de->rec_len < 300 &&
				de->rec_len % 4 == 0 && de->name_len && de->name_len < 30) ||
			(b < 3 && b != 2);

		for (u32 g = 0; g < fs->nr_groups; g++) {
			struct ext4_group_desc d;

			ext4_desc_get(fs, g, &d);
			known |= b >= ext4_desc_inode_table(&d) && b < ext4_desc_inode_table(&d) + 16;
			/* Bitmaps more often: they give one block to two owners. */
			for (unsigned k = 0; k < 6 && n < max - 1; k++)
				if (b == ext4_desc_block_bitmap(&d) || b == ext4_desc_inode_bitmap(&d))
					list[n++] = b;
		}
		if (known)
			list[n++] = b;
	}
	return n;
}

/* A file system with something of everything. */
static unsigned make_victim(const char *options, u64 *list, unsigned max)
{
	struct file *f;
	char path[300];
	unsigned n;

	image_make(4096, options);
	image_start(options);
	vfs_mkdir(NULL, "/d", 0755);
	vfs_mkdir(NULL, "/d/sub", 0755);
	vfs_mkdir(NULL, "/many", 0755);
	for (unsigned k = 0; k < 200; k++) {
		snprintf(path, sizeof(path), "/many/name-%u", k);
		fs_create(path);
	}
	for (unsigned k = 0; k < 20; k++) {
		snprintf(path, sizeof(path), k % 2 ? "/big%u" : "/d/sub/f%u", k);
		put_words(path, k == 1 ? 400 : k, 2);
	}
	f = fs_open("/big1", O_RDWR_);
	if (f) {
		vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, 0, 30 * PAGE_SIZE);
		file_put(f);
	}
	n = metadata_blocks(list, max);
	image_stop();
	pristine = realloc(pristine, image.region->len);
	memcpy(pristine, image.region->virt, image.region->len);
	return n;
}

static void damage(u64 *seed, const u64 *list, unsigned n)
{
	unsigned kind = test_random(seed, 4),
		 count = kind == 0 ? 1
		: kind == 1        ? 4
				   : 1 + test_random(seed, kind == 2 ? 200 : 40);
	u64 block = list[test_random(seed, n)];
	u8 *p = (u8 *)image.region->virt + block * EXT4_BLOCK_SIZE;
	unsigned at = test_random(seed, EXT4_BLOCK_SIZE);

	if (test_random(seed, 2)) /* where most of what counts is */
		at %= 256;
	for (unsigned k = 0; k < count; k++) {
		u8 *q = p + (kind == 3 ? test_random(seed, EXT4_BLOCK_SIZE) : (at + k) % EXT4_BLOCK_SIZE);

		if (block == 0 && q < p + EXT4_SUPER_OFFSET)
			q += EXT4_SUPER_OFFSET;
		if (kind == 2)
			*q = 0;
		else
			*q = test_random(seed, 3)      ? (u8)test_random(seed, 256)
				: test_random(seed, 2) ? 0xff
						       : (u8)(*q ^ 1u << test_random(seed, 8));
	}
	/* A superblock that is refused at once tests little: most of its damages are sealed. */
	if (block == 0 && test_random(seed, 4))
		super_seal();
}

static void count_lines(enum pmem_sim_event what, const void *p UNUSED, size_t n)
{
	if (what == PMEM_SIM_STORE || what == PMEM_SIM_NT_STORE)
		lines += 1 + n / 64;
}

static void test_damage(const char *options, unsigned rounds, u64 seed)
{
	u64 list[400];
	unsigned n = make_victim(options, list, ARRAY_SIZE(list)), mounted = 0, unclean = 0, leaks = 0;
	u64 most = 0;

	for (unsigned k = 0; k < rounds; k++) {
		u64 s = seed * 1000 + k;
		unsigned budget = 600;

		memcpy(image.region->virt, pristine, image.region->len);
		for (unsigned d = test_random(&s, 3) + 1; d; d--)
			damage(&s, list, n);
		if (getenv("EXT4_DAMAGE_KEEP"))
			image_save();
		lines = 0;
		pmem_sim_observe(count_lines);
		if (!image_mount(false)) {
			mounted++;
			walk_all("", 0, &budget);
			mishandle(&s);
			budget = 600;
			walk_all("", 0, &budget);
			leaks += vfs_unmount_all() == -EBUSY;
		}
		unclean += !(super_on_disk()->s_state & EXT4_STATE_VALID);
		leaks += kmem_bytes_in_use() != image.memory;
		if (leaks) {
			diag("round %u", k);
			break;
		}
		most = MAX(most, lines);
	}
	pmem_sim_observe(NULL);
	ok(!leaks, "%s: %u damages, nothing is lost or left busy", options, rounds);
	ok(mounted > rounds / 4, "%s: %u mounted all the same, %u are marked as not clean", options, mounted,
		unclean);
	ok(most < 4u << 20, "%s: at most %llu lines were written", options, (unsigned long long)most);
}

/* --- memory runs out --- */

/* The n-th allocation fails, and the 2n-th ... */
static void fail_every(u32 n)
{
	mm_state()->kmem.allocations = 0;
	mm_state()->kmem.fail_every = n;
}

/* A mount that fails at any of its allocations leaves nothing behind, neither in memory nor on disk. */
static void test_mount_memory(const char *options)
{
	unsigned n, good = 0;

	for (n = 1; n < 200; n++) {
		int err;

		memcpy(image.region->virt, pristine, image.region->len);
		fail_every(n);
		err = image_mount(false);
		fail_every(0);
		if (!err)
			break;
		good += err == -ENOMEM && !strcmp(image.why, "not enough memory") &&
			kmem_bytes_in_use() == image.memory && (super_on_disk()->s_state & EXT4_STATE_VALID);
	}
	is(good, n - 1, "%s: a mount needs %u allocations, each may fail", options, n - 1);
	is(image_unmount(), 0, "%s: with one more it works", options);
}

static void test_no_memory(const char *options)
{
	u64 list[400];

	make_victim(options, list, ARRAY_SIZE(list));
	test_mount_memory(options);
	for (unsigned every = 2; every < 40; every += 1 + every / 2) {
		u64 seed = every;
		unsigned budget = 300;
		char label[100];

		snprintf(label, sizeof(label), "%s: every %u. allocation fails", options, every);
		image_start(label);
		for (unsigned k = 0; k < 4; k++) {
			fail_every(every + k);
			mishandle(&seed);
		}
		walk_all("", 0, &budget);
		fail_every(0);
		image_stop();
	}
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
	u64 seed = argc > 2 ? (u64)atoi(argv[2]) : 1;

	image_begin();
	if (argc < 2) {
		test_refusals();
		test_readonly();
		test_block_mapped();
		test_short_directory();
		test_orphans("-O ^orphan_file");
		test_orphans("-O orphan_file");
		test_orphans("-O ^has_journal,^metadata_csum");
		test_no_memory("-O ^metadata_csum");
		test_no_memory("-O orphan_file -g 1024");
	}
	test_damage("-O ^metadata_csum", rounds, seed);
	test_damage("-O ^metadata_csum,^has_journal -g 1024", rounds / 2, seed);
	test_damage("-O orphan_file", rounds / 2, seed);
	free(pristine);
	image_end();
	return done_testing();
}
