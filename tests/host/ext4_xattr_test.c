/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes: those that the host has put in are read, ours are judged by e2fsck and read by debugfs, a model says what there must be;
 * blocks that several inodes share; file systems that are full; damage.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "tests/host/ext4_image.h"

#define NAMES 12u
#define VALUE_MAX 1600u

static int get(const char *path, const char *name, void *buf, size_t size)
{
	struct inode *i;
	int n = vfs_lookup(NULL, path, false, &i);

	if (n)
		return n;
	n = (int)vfs_getxattr(i, name, buf, size);
	iput(i);
	return n;
}

static int set(const char *path, const char *name, const void *value, size_t size, u32 flags)
{
	struct inode *i;
	int err = vfs_lookup(NULL, path, false, &i);

	if (err)
		return err;
	err = value ? vfs_setxattr(i, name, value, size, flags) : vfs_removexattr(i, name);
	iput(i);
	return err;
}

static int list(const char *path, char *buf, size_t size)
{
	struct inode *i;
	int n = vfs_lookup(NULL, path, false, &i);

	if (n)
		return n;
	n = (int)vfs_listxattr(i, buf, size);
	iput(i);
	return n;
}

/* What attribute k of a file has in its version v: any length, each byte known. */
static u32 value_of(unsigned k, unsigned v, u8 *buf)
{
	u32 n = (k * 977 + v * 131) % (v % 3 ? 60 : VALUE_MAX);

	for (u32 b = 0; b < n; b++)
		buf[b] = (u8)(k * 31 + v * 7 + b);
	return n;
}

static void name_of(unsigned k, char name[64])
{
	static const char *const prefix[] = {"user.", "trusted.", "security."};

	snprintf(name, 64, "%sa%.*s%u", prefix[k % 3], (int)(k * 2), "-long-name-of-an-attribute", k);
}

/* Have all attributes of the file the versions that the model says? 0: absent. */
static bool model_holds(const char *path, const unsigned *version)
{
	static u8 want[VALUE_MAX], got[VALUE_MAX];
	size_t length = 0;

	for (unsigned k = 0; k < NAMES; k++) {
		u32 n = value_of(k, version[k], want);
		char name[64];
		int r;

		name_of(k, name);
		r = get(path, name, got, sizeof(got));
		if (version[k] ? r != (int)n || memcmp(got, want, n) : r != -ENODATA) {
			diag("%s of %s: %d in place of %d", name, path, r, version[k] ? (int)n : -ENODATA);
			return false;
		}
		length += version[k] ? strlen(name) + 1 : 0;
	}
	return list(path, NULL, 0) == (int)length;
}

/* Do the entries of the file's block, if it has one, ascend? Linux stops looking at the first that is greater. */
static bool in_order(const char *path)
{
	const struct ext4_xattr_entry *e, *next;
	struct inode *i;
	u64 block;

	if (vfs_lookup(NULL, path, false, &i))
		return false;
	block = ext4_file_acl(ext4_inode(i));
	iput(i);
	e = (void *)((char *)image.region->virt + block * EXT4_BLOCK_SIZE + sizeof(struct ext4_xattr_header));
	for (; block; e = next) {
		int order;

		next = (void *)((char *)e + ALIGN_UP(sizeof(*e) + e->e_name_len, 4u));
		if (!*(const u32 *)next)
			break;
		order = e->e_name_index != next->e_name_index ? e->e_name_index - next->e_name_index
			: e->e_name_len != next->e_name_len   ? e->e_name_len - next->e_name_len
							    : memcmp(e->e_name, next->e_name, e->e_name_len);
		if (order >= 0)
			return false;
	}
	return true;
}

/* One random change; false: it gave what it may not give. */
static bool change(u64 *seed, const char *path, unsigned *version)
{
	static u8 value[VALUE_MAX];
	unsigned k = test_random(seed, NAMES), v = 1 + test_random(seed, 200);
	bool there = version[k];
	u32 flags = 0, n = value_of(k, v, value);
	char name[64];
	int err;

	name_of(k, name);
	if (!test_random(seed, 4)) {
		err = set(path, name, NULL, 0, 0);
		version[k] = 0;
		return err == (there ? 0 : -ENODATA);
	}
	if (!test_random(seed, 3))
		flags = test_random(seed, 2) ? XATTR_CREATE_ : XATTR_REPLACE_;
	err = set(path, name, value, n, flags);
	if (flags == XATTR_CREATE_ && there)
		return err == -EEXIST;
	if (flags == XATTR_REPLACE_ && !there)
		return err == -ENODATA;
	if (!err)
		version[k] = v;
	return !err || err == -ENOSPC;
}

static void test_random_changes(const char *options, unsigned steps)
{
	static const char *const paths[] = {"/f", "/d", "/g"};
	unsigned version[3][NAMES] = {{0}};
	u64 seed = 20260731, before;
	bool good = true;
	char want[600];

	if (!ok(image_make(2048, options), "%s: an image", options))
		return;
	image_start(options);
	before = ext4_fs(image.super)->free_blocks;
	fs_create(paths[0]);
	vfs_mkdir(NULL, paths[1], 0755);
	fs_create(paths[2]);
	for (unsigned turn = 0; turn < 3; turn++) {
		for (unsigned k = 0; k < steps && good; k++) {
			unsigned which = test_random(&seed, 3);

			good = change(&seed, paths[which], version[which]) &&
				(k % 8 || model_holds(paths[which], version[which]));
			if (!good)
				diag("turn %u, step %u", turn, k);
		}
		ok(good, "%s: %u random changes", options, steps);
		image_stop();
		image_start(options);
		for (unsigned k = 0; k < 3; k++)
			ok(model_holds(paths[k], version[k]) && in_order(paths[k]),
				"%s: %s has its attributes", options, paths[k]);
	}
	for (unsigned k = 0; k < NAMES; k++) { /* what debugfs says to those of a file */
		char name[64];

		name_of(k, name);
		if (!version[0][k])
			continue;
		run("debugfs -R 'ea_get -V /f %s' %s >%s/got", name, image.path, image.dir);
		snprintf(want, sizeof(want), "%s/got", image.dir);
		static u8 value[VALUE_MAX], got[VALUE_MAX + 1];
		u32 n = value_of(k, version[0][k], value);
		FILE *f = fopen(want, "r");
		size_t r = f ? fread(got, 1, sizeof(got), f) : 0;

		if (f)
			fclose(f);
		ok(r >= n && !memcmp(got, value, n), "%s: debugfs reads %s", options, name);
	}
	is(vfs_unlink(NULL, "/f"), 0, "%s: a file with attributes goes", options);
	is(vfs_unlink(NULL, "/g"), 0, "%s: another", options);
	is(vfs_rmdir(NULL, "/d"), 0, "%s: and a directory", options);
	is(ext4_fs(image.super)->free_blocks, before, "%s: every block is free again", options);
	image_stop();
}

/* What the calls refuse. */
static void test_errors(void)
{
	char buf[300];
	u8 big[EXT4_BLOCK_SIZE] = {1};

	image_make(1024, "");
	image_start("what is refused");
	fs_create("/f");
	is(vfs_symlink(NULL, "/link", "f"), 0, "a link");
	is(set("/link", "user.a", "x", 1, 0), -EPERM, "a user's attribute of a link");
	is(get("/link", "user.a", buf, 10), -ENODATA, "there is none");
	is(set("/link", "trusted.a", "x", 1, 0), 0, "another of a link");
	is(get("/link", "trusted.a", buf, 10), 1, "is there");
	is(vfs_readlink(NULL, "/link", buf, sizeof(buf)), 1, "and the link leads where it did");
	is(set("/f", "a", "x", 1, 0), -EOPNOTSUPP, "a name without prefix");
	is(set("/f", "system.a", "x", 1, 0), -EOPNOTSUPP, "one that is not supported");
	is(set("/f", "user.", "x", 1, 0), -EINVAL, "a prefix alone");
	is(set("/f", "user.a", "value", 5, 0), 0, "a value");
	is(get("/f", "user.a", NULL, 0), 5, "its length");
	is(get("/f", "user.a", buf, 4), -ERANGE, "a buffer that is too small");
	is(list("/f", buf, 6), -ERANGE, "also for the names");
	ok(list("/f", buf, 7) == 7 && !memcmp(buf, "user.a", 7), "one that is not");
	is(set("/f", "user.b", big, sizeof(big), 0), -ENOSPC, "a value that no block takes");
	is(set("/f", "user.empty", "", 0, 0), 0, "an empty value");
	is(get("/f", "user.empty", buf, 10), 0, "is there");
	is(set("/f", "user.none", NULL, 0, 0), -ENODATA, "what is not there cannot be removed");
	image_stop();
	image_up(0);
	is(image_mount(true), 0, "read-only");
	is(set("/f", "user.a", "x", 1, 0), -EROFS, "nothing is set");
	is(get("/f", "user.a", buf, 10), 5, "but read");
	is(image_unmount(), 0, "unmounted");
}

/* A new file in the place of one that had attributes. */
static void test_reuse(void)
{
	u64 first, again;
	struct inode *i;

	image_make(1024, "");
	image_start("an inode used again");
	for (unsigned turn = 0; turn < 2; turn++) {
		fs_create("/f");
		is(vfs_lookup(NULL, "/f", false, &i), 0, "a file");
		*(turn ? &again : &first) = i->ino;
		is((int)vfs_listxattr(i, NULL, 0), 0, "it begins without attributes");
		iput(i);
		is(set("/f", "user.small", "abc", 3, 0), 0, "it gets one");
		is(vfs_unlink(NULL, "/f"), 0, "and goes");
	}
	is(again, first, "both were the same inode");
	image_stop();
}

static void test_without_feature(void)
{
	image_make(1024, "-O ^ext_attr");
	image_start("without ext_attr");
	fs_create("/f");
	is(set("/f", "user.a", "x", 1, 0), -EOPNOTSUPP, "nothing is set where the feature is missing");
	is(list("/f", NULL, 0), 0, "and nothing is there");
	image_stop();
}

/* debugfs and e2fsck make a block that two inodes share. */
static void test_shared(const char *options)
{
	u8 value[500], got[500];
	u64 block;

	memset(value, 'v', sizeof(value));
	image_make(1024, options);
	image_start(options);
	fs_create("/a");
	fs_create("/b");
	is(set("/a", "user.big", value, sizeof(value), 0), 0, "%s: an attribute in a block", options);
	{
		struct inode *i;

		vfs_lookup(NULL, "/a", false, &i);
		block = ext4_file_acl(ext4_inode(i));
		iput(i);
	}
	ok(block, "%s: block %llu", options, (unsigned long long)block);
	image_stop();
	run("debugfs -w -R 'sif /b file_acl %llu' %s; debugfs -w -R 'sif /b blocks 8' %s; e2fsck -fy %s",
		(unsigned long long)block, image.path, image.path, image.path);
	ok(image_fsck(), "%s: two inodes share it", options);
	image_start(options);
	is(get("/b", "user.big", got, sizeof(got)), sizeof(value), "%s: the other has it too", options);
	is(set("/b", "user.more", "xyz", 3, 0), 0, "%s: gets another", options);
	value[0] = 'w';
	is(set("/b", "user.big", value, 400, XATTR_REPLACE_), 0, "%s: changes the one", options);
	ok(get("/a", "user.big", got, sizeof(got)) == 500 && got[0] == 'v', "%s: the first keeps it",
		options);
	ok(get("/b", "user.big", got, sizeof(got)) == 400 && got[0] == 'w', "%s: the other has its own",
		options);
	image_stop();
	image_start(options);
	is(vfs_unlink(NULL, "/a"), 0, "%s: the first goes", options);
	ok(get("/b", "user.big", got, sizeof(got)) == 400 && got[0] == 'w', "%s: the other stays", options);
	image_stop();
}

/* Attributes of the host's making, in both places, survive what we do to the file. */
static void test_foreign(void)
{
	static u8 got[3100];
	struct file *f;

	run("rm -rf %s/src; mkdir %s/src; echo text >%s/src/f; head -c 3000 /dev/zero | tr '\\0' x >%s/value",
		image.dir, image.dir, image.dir, image.dir);
	run("echo >>%s/log2; mke2fs -q -F -t ext4 -b 4096 -d %s/src %s 1024 && "
	    "debugfs -w -R 'ea_set /f user.small abc' %s && debugfs -w -R 'ea_set -f %s/value /f user.big' "
	    "%s && "
	    "debugfs -w -R 'ea_set /f security.selinux label' %s",
		image.dir, image.dir, image.path, image.path, image.dir, image.path, image.path);
	image_start("of the host");
	ok(get("/f", "user.small", got, sizeof(got)) == 3 && !memcmp(got, "abc", 3), "a small one");
	is(get("/f", "security.selinux", got, sizeof(got)), 5, "a label");
	ok(get("/f", "user.big", got, sizeof(got)) == 3000 && got[2999] == 'x', "a big one");
	f = fs_open("/f", O_RDWR_);
	ok(vfs_kwrite(f->inode, got, 3000, 1 << 20) == 3000, "the file grows");
	is(vfs_truncate(f->inode, 1), 0, "shrinks");
	is(vfs_rename(NULL, "/f", NULL, "/g", 0), 0, "moves");
	file_put(f);
	image_stop();
	image_start("of the host, again");
	is(get("/g", "user.small", got, sizeof(got)), 3, "they are still there");
	is(get("/g", "user.big", got, sizeof(got)), 3000, "both");
	is(set("/g", "user.big", NULL, 0, 0), 0, "the big one goes");
	image_stop();
}

/* Bytes of attributes that are anything: an error or a value, and no more. */
static void test_damage(const char *options)
{
	static u8 pristine[1024 * EXT4_BLOCK_SIZE], buf[VALUE_MAX];
	u64 seed = 7, block, itable;
	struct inode *i;
	u32 at;

	image_make(1024, options);
	image_start(options);
	fs_create("/f");
	set("/f", "user.small", "abc", 3, 0);
	set("/f", "user.big", buf, 1000, 0);
	set("/f", "user.big2", buf, 1000, 0);
	vfs_lookup(NULL, "/f", false, &i);
	block = ext4_file_acl(ext4_inode(i));
	itable = ext4_inode(i)->itable_block;
	at = ext4_inode(i)->itable_offset;
	iput(i);
	image_stop();
	memcpy(pristine, image.region->virt, sizeof(pristine));
	for (unsigned k = 0; k < 400; k++) {
		u8 *p = image.region->virt;
		u32 off = test_random(&seed, 80);

		memcpy(p, pristine, sizeof(pristine));
		p += k % 2 ? block * EXT4_BLOCK_SIZE + off : itable * EXT4_BLOCK_SIZE + at + 128 + off;
		*p = (u8)(test_random(&seed, 2) ? test_random(&seed, 256) : 0xff);
		if (image_mount(false))
			continue;
		get("/f", "user.small", buf, sizeof(buf));
		get("/f", "user.big2", buf, sizeof(buf));
		list("/f", (char *)buf, sizeof(buf));
		set("/f", "user.small", buf, test_random(&seed, 500), 0);
		set("/f", "trusted.other", buf, 10, 0);
		set("/f", "user.big", NULL, 0, 0);
		vfs_unlink(NULL, "/f");
		vfs_unmount_all();
		if (kmem_bytes_in_use() != image.memory) {
			ok(false, "%s: memory is lost", options);
			return;
		}
	}
	ok(true, "%s: 400 damages, nothing is lost", options);
}

/* Two attributes that stand in the same bytes: once there are more of them than bytes, they could not be written again. */
static void test_overlap(void)
{
	struct ext4_xattr_entry *first, *second;
	static u8 value[3000];
	struct inode *i;
	u64 block;

	image_make(1024, "-I 128 -O ^metadata_csum");
	image_start("values in one place");
	fs_create("/f");
	is(set("/f", "user.a", value, 3000, 0), 0, "a value");
	is(set("/f", "user.b", value, 10, 0), 0, "another");
	vfs_lookup(NULL, "/f", false, &i);
	block = ext4_file_acl(ext4_inode(i));
	iput(i);
	image_stop();
	first = (void *)((char *)image.region->virt + block * EXT4_BLOCK_SIZE +
		sizeof(struct ext4_xattr_header));
	second = (void *)((char *)first + ALIGN_UP(sizeof(*first) + first->e_name_len, 4u));
	second->e_value_offs = first->e_value_offs;
	second->e_value_size = first->e_value_size;
	is(image_mount(false), 0, "mounted");
	is(get("/f", "user.b", value, sizeof(value)), -EUCLEAN, "two values in one place are damage");
	is(image_unmount(), -EUCLEAN, "unmounted, and it says so");
}

int main(void)
{
	image_begin();
	test_errors();
	test_foreign();
	test_random_changes("-I 256", 120);
	test_random_changes("-I 128", 80);
	test_random_changes("-I 1024 -O ^metadata_csum,^has_journal", 80);
	test_reuse();
	test_without_feature();
	test_shared("-I 128");
	test_shared("-I 256");
	test_overlap();
	test_damage("-O ^metadata_csum");
	test_damage("-O ^metadata_csum,^has_journal");
	image_end();
	return done_testing();
}
