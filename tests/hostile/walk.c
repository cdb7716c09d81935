/* SPDX-License-Identifier: MIT */
/*
 * Reads what is reachable from the root by every way there is: look-ups, listings, read(2), shared mappings, holes, extents, links, attributes.
 * A damaged image may lead anywhere and back, so depth, names and runs are bounded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/dax.h"
#include "fs/vfs.h"
#include "host/sim.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "tests/hostile/world.h"

#define DEPTH_MAX 5
#define NAMES_MAX 10 /* of a directory, that are followed */
#define ENTRIES_MAX 2000
#define RUNS_MAX 200
#define ATTRIBUTES_MAX 20

static unsigned budget; /* of nodes */
static u8 buffer[3 * PAGE_SIZE];

struct names {
	unsigned n, seen;
	u32 random;
	char name[NAMES_MAX][NAME_MAX_LEN + 1];
};

/* The first ones, and then some instead of others. */
static int note_name(void *arg, const char *name, size_t len, u64 ino UNUSED, u8 type UNUSED, u64 next UNUSED)
{
	struct names *l = arg;
	unsigned at = l->n < NAMES_MAX ? l->n : l->seen * 7 % (4 * NAMES_MAX);

	if (len > NAME_MAX_LEN)
		finding("a name has %zu bytes", len);
	if (++l->seen > ENTRIES_MAX)
		return 1;
	if (at >= NAMES_MAX || (len <= 2 && name[0] == '.' && name[len - 1] == '.'))
		return 0;
	memcpy(l->name[at], name, len);
	l->name[at][len] = '\0';
	if (l->n < NAMES_MAX)
		l->n++;
	return 0;
}

static int note_run(void *arg, const struct extent *e)
{
	if (!e->len)
		finding("a run of no blocks");
	return ++*(unsigned *)arg == RUNS_MAX;
}

static void visit_map(struct file *f, u64 size)
{
	struct mmap_request rq = {.len = 3 * PAGE_SIZE,
		.flags = VMA_READ | VMA_SHARED,
		.pgoff = size >> PAGE_SHIFT ? (size >> PAGE_SHIFT) - 1 : 0};
	struct mm *mm = thread_current()->mm;
	long at;
	u64 word;

	call_begin("mmap");
	if (call_end(vfs_mmap(f, &rq)))
		return;
	at = mm_map(mm, &rq);
	if (at < 0)
		return;
	for (u64 off = 0; off < rq.len; off += PAGE_SIZE) {
		call_begin("read fault");
		call_end(cpu_load_user64(UADDR((u64)at + off), &word));
	}
	mm_unmap(mm, UADDR((u64)at), rq.len);
}

/* One whose name was listed: it is there, with the length that it says, in a buffer of just that. */
static void visit_attribute(struct inode *i, const char *name)
{
	bool hidden = !strncmp(name, "user.", 5) && !mode_is_reg(i->mode) && !mode_is_dir(i->mode);
	ssize_t n, again;
	void *value;

	call_begin("getxattr, length");
	n = call_end(vfs_getxattr(i, name, NULL, 0));
	if (hidden ? n != -ENODATA : n < 0 || n > (ssize_t)EXT4_BLOCK_SIZE)
		finding("attribute %s gives %zd", name, n);
	if (n <= 0)
		return;
	value = malloc((size_t)n);
	call_begin("getxattr");
	again = call_end(vfs_getxattr(i, name, value, (size_t)n));
	if (again != n)
		finding("attribute %s gives %zd, its length is %zd", name, again, n);
	free(value);
}

static void visit_attributes(struct inode *i)
{
	static char names[2 * EXT4_BLOCK_SIZE];
	ssize_t n, again;
	size_t len;

	call_begin("listxattr");
	n = call_end(vfs_listxattr(i, names, sizeof(names)));
	call_begin("listxattr, length");
	again = call_end(vfs_listxattr(i, NULL, 0));
	if (again != n)
		finding("names take %zd bytes, and %zd", again, n);
	for (ssize_t at = 0, k = 0; at < n && k < ATTRIBUTES_MAX; at += (ssize_t)len + 1, k++) {
		len = strnlen(names + at, (size_t)(n - at));
		if (!len || at + (ssize_t)len == n)
			finding("an attribute's name is empty, or has no end");
		visit_attribute(i, names + at);
	}
}

static void visit_file(struct inode *i, struct file *f)
{
	u64 size = inode_size(i);
	unsigned runs = 0;
	i64 at = 0;

	call_begin("read");
	call_end(vfs_kread(i, buffer, sizeof(buffer), 0));
	call_begin("read");
	call_end(vfs_kread(i, buffer, 5000, size / 2));
	call_begin("read");
	call_end(vfs_kread(i, buffer, 100, size > 50 ? size - 50 : 0));
	call_begin("extents");
	call_end(vfs_extents(i, 0, i->super->max_size >> PAGE_SHIFT, note_run, &runs));
	for (unsigned k = 0; k < 12 && at >= 0; k++) {
		call_begin("seek");
		at = call_end(vfs_seek_data(i, (u64)at, k % 2));
	}
	visit_map(f, size);
}

static void visit(const char *path, unsigned depth);

static void visit_dir(const char *path, unsigned depth, struct file *f)
{
	struct names *l = calloc(1, sizeof(*l));
	char below[PATH_MAX_LEN];
	struct inode *i;

	call_begin("readdir");
	call_end(vfs_readdir(f, note_name, l));
	for (u64 k = 1; k <= 4; k++) {
		file_seek(f, k * 0x9e3779b97f4a7c15ull >> (k == 4 ? 30 : 1));
		call_begin("readdir from somewhere");
		call_end(vfs_readdir(f, note_name, &(struct names){0}));
	}
	snprintf(below, sizeof(below), "%s/no such name", path);
	call_begin("lookup");
	if (!call_end(vfs_lookup(NULL, below, true, &i)))
		iput(i);
	for (unsigned k = 0; k < l->n; k++)
		if (snprintf(below, sizeof(below), "%s/%s", path, l->name[k]) < (int)sizeof(below))
			visit(below, depth + 1);
	free(l);
}

static void visit(const char *path, unsigned depth)
{
	struct inode *i;
	struct file *f;

	if (!budget || depth > DEPTH_MAX)
		return;
	budget--;
	call_begin("lookup");
	if (call_end(vfs_lookup(NULL, *path ? path : "/", false, &i)))
		return;
	call_begin("readlink");
	call_end(vfs_readlink(NULL, path, (char *)buffer, sizeof(buffer)));
	visit_attributes(i);
	if (mode_is_reg(i->mode) || mode_is_dir(i->mode)) {
		call_begin("open");
		if (!call_end(file_open_inode(i, O_RDONLY_, &f))) {
			if (mode_is_dir(i->mode))
				visit_dir(path, depth, f);
			else
				visit_file(i, f);
			call_begin("close");
			file_put(f);
			call_end(0);
		}
	}
	call_begin("iput");
	iput(i);
	call_end(0);
}

void walk_tree(void)
{
	struct inode *root = vfs_root();
	struct fs_stat st;

	call_begin("statfs");
	vfs_statfs(root->super, &st);
	call_end(0);
	iput(root);
	budget = 80;
	visit("", 0);
}
