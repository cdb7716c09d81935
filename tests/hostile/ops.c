/* SPDX-License-Identifier: MIT */
/* One operation of an input, on one or two of a fixed list of paths, which the base images have, or have not yet. */
#include <stdio.h>
#include <string.h>

#include "fs/dax.h"
#include "fs/vfs.h"
#include "host/sim.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "tests/hostile/world.h"

static const char *const paths[] = {
	"/dir/a",
	"/dir/b",
	"/dir/new",
	"/dir",
	"/h/name-of-some-length-0100",
	"/h/name-of-some-length-0007",
	"/h/new-name-in-a-directory-with-an-index",
	"/h",
	"/deep",
	"/flat",
	"/unwritten",
	"/short",
	"/long",
	"/xattr",
	"/shared",
	"/sub/one/two",
	"/sub/one",
	"/sub/new",
	"/fifo",
	"/new",
	"/lost+found",
	"/sub",
};
#define LONG_TARGET \
	"a/target/that/does/not/fit/into/the/sixty/bytes/of/an/inode/and/so/gets/a/block/of/its/own"

static const char *path_of(u8 n)
{
	return paths[n % ARRAY_SIZE(paths)];
}

/* On an open file. */
typedef long (*file_fn)(struct file *f, u64 pos, const struct op *o);

/* A piece of metadata, a little changed: where a file's block is another's tree or directory as well, that one changes under the kernel. */
static long op_write(struct file *f, u64 pos, const struct op *o)
{
	static u8 data[2 * EXT4_BLOCK_SIZE];
	u32 n = 1 + o->b * 25u;

	world_sample(o->b, data, sizeof(data));
	data[o->y % EXT4_BLOCK_SIZE] ^= o->x;
	return vfs_kwrite(f->inode, data, n, o->x & 32 ? ALIGN_DOWN(pos, PAGE_SIZE) : pos);
}

static long op_truncate(struct file *f, u64 pos, const struct op *o)
{
	return vfs_truncate(f->inode, pos + o->b);
}

static long op_fallocate(struct file *f, u64 pos, const struct op *o)
{
	static const u32 modes[] = {0, FALLOC_KEEP_SIZE_, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_,
		FALLOC_ZERO_RANGE_, FALLOC_ZERO_RANGE_ | FALLOC_KEEP_SIZE_, FALLOC_COLLAPSE_RANGE_,
		FALLOC_INSERT_RANGE_};
	u32 mode = modes[o->b % ARRAY_SIZE(modes)];
	u64 len = (1 + o->b / 16) * (o->x & 64 ? 64 : 1) * PAGE_SIZE;

	if (mode == FALLOC_COLLAPSE_RANGE_ || mode == FALLOC_INSERT_RANGE_)
		pos = ALIGN_DOWN(pos, PAGE_SIZE);
	return vfs_fallocate(f->inode, mode, pos, len);
}

static long op_fsync(struct file *f, u64 pos UNUSED, const struct op *o)
{
	return vfs_fsync(f->inode, 0, RANGE_LAST, o->b % 2);
}

/* A store, and the load of another page, through a shared mapping. */
static long op_map(struct file *f, u64 pos, const struct op *o)
{
	struct mmap_request rq = {.len = o->x & 64 ? 2 * HUGE_SIZE : (2 + o->b % 8) * PAGE_SIZE,
		.flags = VMA_READ | VMA_WRITE | VMA_MAYWRITE | VMA_SHARED,
		.pgoff = (pos >> PAGE_SHIFT) % (1ull << 32)};
	struct mm *mm = thread_current()->mm;
	long at, err = vfs_mmap(f, &rq);
	u64 word = 0;

	if (err)
		return err;
	at = mm_map(mm, &rq);
	if (at < 0)
		return at;
	err = cpu_store_user64(UADDR((u64)at), word);
	cpu_load_user64(UADDR((u64)at + rq.len - PAGE_SIZE), &word);
	cpu_store_user64(UADDR((u64)at + rq.len - PAGE_SIZE), word);
	mm_unmap(mm, UADDR((u64)at), rq.len);
	return err;
}

static long op_times(struct file *f, u64 pos, const struct op *o)
{
	struct time_spec t = {.sec = (i64)pos, .nsec = o->b};

	return o->x % 2 ? vfs_chmod(f->inode, o->b) : vfs_set_times(f->inode, &t, &t);
}

static void with_file(const char *what, const struct op *o, file_fn fn)
{
	struct file *f;

	call_begin("open");
	if (call_end(vfs_open(NULL, path_of(o->a), O_RDWR_ | (o->x & 128 ? O_CREAT_ : 0), 0644, &f)))
		return;
	call_begin(what);
	call_end(fn(f, (u64)o->y << o->x % 30, o));
	call_begin("close");
	file_put(f);
	call_end(0);
}

static long op_link(const struct op *o)
{
	struct inode *i;
	int err = vfs_lookup(NULL, path_of(o->a), o->x % 2, &i);

	if (err)
		return err;
	err = vfs_link(i, NULL, path_of(o->b));
	iput(i);
	return err;
}

/* Names in bulk: blocks of directories fill, split and empty. */
static void op_many(const struct op *o)
{
	int width = o->x & 2 ? 200 : 20;
	char path[300];
	struct file *f;

	for (unsigned k = 0; k < o->y % 64; k++) {
		snprintf(path, sizeof(path), "%.40s/%0*u", path_of(o->a), width, (o->b + k) % 200);
		call_begin(o->x % 2 ? "unlink" : "create");
		if (o->x % 2)
			call_end(vfs_unlink(NULL, path));
		else if (!call_end(vfs_open(NULL, path, O_RDWR_ | O_CREAT_, 0600, &f)))
			file_put(f);
	}
}

static const char *const attributes[] = {
	"user.name1",
	"user.name2",
	"user.large",
	"user.new",
	"user.b",
	"trusted.t",
	"security.selinux",
	"system.posix_acl_access",
	"user.a-name-that-has-no-room-beside-others-in-an-inode-of-256-bytes-but-in-a-block-of-its-own",
};

/* A piece of metadata becomes a value; without `set` the attribute goes. */
static long op_xattr(const struct op *o, bool set)
{
	static u8 value[EXT4_BLOCK_SIZE];
	const char *name = attributes[o->x % 16 % ARRAY_SIZE(attributes)];
	size_t n = o->y % (sizeof(value) + 1);
	struct inode *i;
	int err = vfs_lookup(NULL, path_of(o->a), false, &i);

	if (err)
		return err;
	world_sample(o->b, value, n);
	err = set ? vfs_setxattr(i, name, value, n, o->x / 16 % 4) : vfs_removexattr(i, name);
	iput(i);
	return err;
}

void run_op(const struct op *o)
{
	const char *a = path_of(o->a), *b = path_of(o->b);

	switch (o->what % 21) {
	case 0:
		with_file("write", o, op_write);
		break;
	case 1:
		with_file("truncate", o, op_truncate);
		break;
	case 2:
	case 3:
		with_file("fallocate", o, op_fallocate);
		break;
	case 4:
		with_file("fsync", o, op_fsync);
		break;
	case 5:
	case 6:
		with_file("faults", o, op_map);
		break;
	case 7:
		with_file("attributes", o, op_times);
		break;
	case 8:
		call_begin("unlink");
		call_end(vfs_unlink(NULL, a));
		break;
	case 9:
		call_begin("rmdir");
		call_end(vfs_rmdir(NULL, a));
		break;
	case 10:
		call_begin("mkdir");
		call_end(vfs_mkdir(NULL, a, 0755));
		break;
	case 11:
	case 12:
		call_begin("rename");
		call_end(vfs_rename(NULL, a, NULL, b, o->x % 4 < 3 ? o->x % 4 : 0));
		break;
	case 13:
		call_begin("symlink");
		call_end(vfs_symlink(NULL, o->x % 2 ? LONG_TARGET : "a", b));
		break;
	case 14:
		call_begin("link");
		call_end(op_link(o));
		break;
	case 15:
		call_begin("sync");
		call_end(vfs_sync_all());
		break;
	case 16:
		op_many(o);
		break;
	case 17:
		call_begin("mknod");
		call_end(vfs_mknod(NULL, a, (o->x % 3 ? S_IFCHR_ : S_IFIFO_) | 0644, o->y));
		break;
	case 18:
	case 19:
		call_begin("setxattr");
		call_end(op_xattr(o, true));
		break;
	case 20:
		call_begin("removexattr");
		call_end(op_xattr(o, false));
		break;
	}
}
