/* SPDX-License-Identifier: MIT */
/*
 * Trees of directories that are deep, deeper than any path is long, on ext4 and in memory: made, moved, walked up and removed; directories that are
 * removed while somebody stands in them; and a damaged tree whose ".." lead round.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "fs/tmpfs.h"
#include "tests/host/ext4_image.h"

enum { DEPTH = 10000 };

static struct inode *find(struct inode *base, const char *path)
{
	struct inode *i;

	return vfs_lookup(base, path, false, &i) ? NULL : i;
}

/* `n` directories "d" in one another, below base; the last one, counted. NULL: it failed. */
static struct inode *dig(struct inode *base, unsigned n)
{
	struct inode *at = base, *next;

	iref(at);
	for (unsigned k = 0; at && k < n; k++) {
		next = vfs_mkdir(at, "d", 0755) ? NULL : find(at, "d");
		iput(at);
		at = next;
	}
	return at;
}

/* From the bottom up to `top`, removing each "d": how many. Takes the reference. */
static unsigned fill_up(struct inode *at, const struct inode *top)
{
	struct inode *up;
	unsigned n = 0;

	while (at && at != top) {
		up = find(at, "..");
		iput(at);
		at = up;
		if (!at || vfs_rmdir(at, "d"))
			break;
		n++;
	}
	if (at)
		iput(at);
	return n;
}

static void test_deep(const char *label, unsigned depth)
{
	struct inode *top, *bottom, *middle;
	char path[PATH_MAX_LEN];

	is(vfs_mkdir(NULL, "/t", 0755) | vfs_mkdir(NULL, "/x", 0755) | vfs_mkdir(NULL, "/x/y", 0755), 0,
		"%s: directories", label);
	top = find(NULL, "/t");
	middle = dig(top, depth / 2);
	bottom = middle ? dig(middle, depth - depth / 2) : NULL;
	if (!ok(bottom != NULL, "%s: %u directories in one another", label, depth))
		return;
	is(vfs_path_of(bottom, path, sizeof(path)), -ENAMETOOLONG, "%s: no path leads there", label);
	atomic_store(&thread_current()->killed, true);
	is(vfs_rename(NULL, "/x/y", bottom, "y", 0), -EINTR, "%s: who is killed does not walk all the way up",
		label);
	atomic_store(&thread_current()->killed, false);
	is(vfs_rename(NULL, "/x/y", bottom, "y", 0), 0, "%s: a directory moves to the bottom", label);
	is(vfs_rename(bottom, "y", NULL, "/x/y", 0), 0, "%s: and back", label);
	is(vfs_rename(NULL, "/t", bottom, "t", 0), -EINVAL, "%s: the tree does not move below itself", label);
	is(vfs_rename(top, "d", middle, "d/e", 0), -EINVAL, "%s: nor a part of it", label);
	is(vfs_rename(bottom, "../d", NULL, "/t", 0), -ENOTEMPTY, "%s: nor a part in place of it", label);
	is(vfs_rename(NULL, "/t", NULL, "/x/t", 0), 0, "%s: but elsewhere", label);
	is(vfs_rename(middle, "d", NULL, "/x/half", 0), 0, "%s: half of it too", label);
	is(vfs_rename(NULL, "/x/half", middle, "d", 0), 0, "%s: and back", label);
	iput(middle);
	is(fill_up(bottom, top), depth, "%s: all are removed, from the bottom up", label);
	iput(top);
	is(vfs_rmdir(NULL, "/x/t") | vfs_rmdir(NULL, "/x/y") | vfs_rmdir(NULL, "/x"), 0, "%s: the rest goes",
		label);
}

/* Somebody stands in a directory that is removed, and all above it with it: ".." leads to what was there, however often the numbers are used again. */
static void test_removed(const char *label)
{
	struct inode *top, *bottom, *i, *in;
	char path[100], name[40];

	vfs_mkdir(NULL, "/r", 0755);
	top = find(NULL, "/r");
	bottom = dig(top, 300);
	iref(bottom);
	is(fill_up(bottom, top), 300, "%s: removed, with somebody in it", label);
	iput(top);
	is(vfs_rmdir(NULL, "/r"), 0, "%s: to the top", label);
	for (unsigned k = 0; k < 310; k++) { /* other inodes, perhaps with their numbers */
		snprintf(name, sizeof(name), "/other-%u", k);
		fs_create(name);
	}
	in = find(bottom, "..");
	ok(in && in != bottom && !in->nlink && mode_is_dir(in->mode), "%s: \"..\" is the directory it was in",
		label);
	i = find(bottom, "../../..");
	ok(i && i != in && mode_is_dir(i->mode), "%s: and on upwards", label);
	if (i)
		iput(i);
	if (in)
		iput(in);
	ok(!find(bottom, "d"), "%s: nothing is in it", label);
	is(vfs_mkdir(bottom, "d", 0755), -ENOENT, "%s: nor can be made in it", label);
	is(vfs_rename(NULL, "/other-1", bottom, "x", 0), -ENOENT, "%s: or moved to it", label);
	is(vfs_path_of(bottom, path, sizeof(path)), -ENOENT, "%s: it has no path", label);
	is(vfs_mkdir(NULL, "/v", 0755) | vfs_mkdir(NULL, "/w", 0755), 0, "%s: two directories", label);
	i = find(NULL, "/w");
	is(vfs_rename(NULL, "/v", NULL, "/w", 0), 0, "%s: one replaces the other", label);
	in = find(i, "..");
	ok(in && in->nlink, "%s: whose \"..\" is there still", label);
	iput(in);
	iput(i);
	iput(bottom);
	is(vfs_rmdir(NULL, "/w"), 0, "%s: it goes", label);
	for (unsigned k = 0; k < 310; k++) {
		snprintf(name, sizeof(name), "/other-%u", k);
		vfs_unlink(NULL, name);
	}
	ok(!atomic_load(&vfs_root()->super->readonly), "%s: nothing is damaged", label);
	iput(the_instance.fs->mounts[0].super->root); /* vfs_root() has counted */
}

/* What ".." of a directory in one block names, written into the image. */
static void set_dotdot(const char *path, u64 ino)
{
	struct inode *i = find(NULL, path);
	u64 block;

	ext4_map_block(ext4_inode(i), 0, &block);
	((u32 *)ext4_block_virt(ext4_fs(i->super), block))[3] = (u32)ino;
	iput(i);
}

/* a/b/c/d with ".." of b or a naming c: no way leads up. */
static void test_cycle(const char *from, const char *to)
{
	struct inode *c;

	image_make(2048, "-e remount-ro -O ^metadata_csum,^has_journal");
	image_start("cycle");
	vfs_mkdir(NULL, "/a", 0755);
	vfs_mkdir(NULL, "/a/b", 0755);
	vfs_mkdir(NULL, "/a/b/c", 0755);
	vfs_mkdir(NULL, "/a/b/c/d", 0755);
	vfs_mkdir(NULL, "/e", 0755);
	c = find(NULL, to);
	set_dotdot(from, c->ino);
	iput(c);
	is(vfs_rename(NULL, "/e", NULL, "/a/b/c/d/e", 0), -EUCLEAN, "%s/.. is %s: a rename notices", from,
		to);
	is(vfs_mkdir(NULL, "/f", 0755), -EROFS, "and nothing is written any more");
	image_unmount();
}

static void test_tmpfs(void)
{
	struct super *s;
	struct inode *bottom;
	u64 bytes;

	sim_init(&(struct sim_config){.ram = 96 << 20});
	sim_boot_mm();
	sim_boot_fs();
	kmem_trim();
	bytes = kmem_bytes_in_use();
	is(tmpfs_create(100000, &s), 0, "in memory: made");
	is(vfs_mount(s, "/"), 0, "in memory: mounted");
	test_deep("in memory", 5 * DEPTH);
	test_removed("in memory");
	bottom = dig(s->root, 5 * DEPTH);
	ok(bottom != NULL, "in memory: a deep tree stays");
	iput(bottom);
	is(vfs_unmount_all(), 0, "in memory: and goes with the file system");
	kmem_trim();
	is(kmem_bytes_in_use(), bytes, "in memory: nothing is left of it");
}

int main(void)
{
	image_begin();
	image_make(30000, "-N 16384");
	image_start("ext4");
	test_deep("ext4", DEPTH);
	image_stop();
	image_make(4096, "-e remount-ro");
	image_start("ext4");
	test_removed("ext4");
	image_stop();
	test_cycle("/a", "/a/b/c/d");
	test_cycle("/a/b/c", "/a/b/c");
	test_cycle("/a/b", "/a/b/c");
	test_tmpfs();
	image_end();
	return done_testing();
}
