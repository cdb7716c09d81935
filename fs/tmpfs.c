/* SPDX-License-Identifier: MIT */
/*
 * tmpfs: a file system whose blocks are pages of RAM. It is a DAX file system like any other: map_extent() answers with the
 * address of a RAM page, so reads, writes, shared mappings, truncate and punch are fs/dax*.c's, under the same locks.
 *
 * Rules: an inode with a name holds one reference of its own (there is no disk to read it back from); the last unlink drops it.
 * Pages belong to the inode's table; page-table entries do not count them, because the DAX protocol unmaps before it frees.
 * A file system has a limit of pages, tables of pages included, and of inodes, and leaves a reserve of the machine's memory alone: -ENOSPC.
 *
 * Locks: a directory's entries by its inode lock; the page table by ti->lock (RANK_FS_META); counts are atomic.
 */
#include "fs/tmpfs.h"

#include "fs/tmpfs_priv.h"
#include "mm/kmem.h"
#include "mm/pmm.h"

#define TMPFS_MAGIC 0x01021994
#define DIRENT_SIZE 20 /* what an entry adds to a directory's size, as on Linux */
#define MAX_LINKS 65000

struct tmpfs_entry {
	struct list_node node;
	struct inode *inode; /* its own reference counts the name */
	u64 pos;             /* where readdir finds it: ascending in the list */
	size_t len;
	char name[];
};

static const struct inode_ops tmpfs_dir_ops, tmpfs_file_ops, tmpfs_link_ops, tmpfs_special_ops;

static int nothing_to_do(struct inode *i UNUSED)
{
	return 0;
}

/* --- inodes --- */

static const struct inode_ops *ops_of(u32 mode)
{
	switch (mode & S_IFMT_) {
	case S_IFDIR_:
		return &tmpfs_dir_ops;
	case S_IFREG_:
		return &tmpfs_file_ops;
	case S_IFLNK_:
		return &tmpfs_link_ops;
	default:
		return &tmpfs_special_ops;
	}
}

/* Room for one inode more, or a second name of one? There may be as many as pages. */
static bool has_room(struct tmpfs_fs *fs)
{
	return atomic_load(&fs->inodes) < fs->max_pages && pmm_has_spare();
}

/* A new inode with one reference and no name. NULL: no memory. */
static struct tmpfs_inode *new_inode(struct tmpfs_fs *fs, u32 mode, struct inode *parent)
{
	struct tmpfs_inode *ti = kzalloc(sizeof(*ti));
	struct inode *i;

	if (!ti)
		return NULL;
	i = &ti->vfs;
	inode_init(i, &fs->super, atomic_fetch_add(&fs->next_ino, 1));
	i->ops = ops_of(mode);
	i->mode = mode;
	i->nlink = mode_is_dir(mode) ? 2 : 1;
	i->atime = i->mtime = i->ctime = i->crtime = vfs_now();
	tmpfs_pages_init(ti);
	list_init(&ti->entries);
	ti->next_pos = 2;
	ti->parent = parent ? parent : i;
	if (mode_is_dir(mode))
		inode_set_size(i, 2 * DIRENT_SIZE);
	atomic_fetch_add(&fs->inodes, 1);
	return ti;
}

/* The memory of an inode that nobody can reach. */
static void tmpfs_evict(struct inode *i)
{
	struct tmpfs_inode *ti = tmpfs_inode(i);

	tmpfs_remove_blocks(i, 0, ~0ull);
	kfree(ti->target);
	atomic_fetch_sub(&tmpfs_fs(i->super)->inodes, 1);
	kfree(ti);
}

static int tmpfs_read_inode(struct super *s UNUSED, u64 ino UNUSED, struct inode **out UNUSED)
{
	return -ENOENT; /* what is not in memory is gone */
}

/* --- directories --- */

static struct tmpfs_entry *find_entry(struct inode *dir, const char *name, size_t len)
{
	struct tmpfs_entry *e;

	LIST_FOR_EACH (e, &tmpfs_inode(dir)->entries, node)
		if (e->len == len && !memcmp(e->name, name, len))
			return e;
	return NULL;
}

static void touch_dir(struct inode *dir, i64 entries)
{
	inode_set_size(dir, inode_size(dir) + (u64)(entries * DIRENT_SIZE));
	inode_touch(dir, INODE_MTIME | INODE_CTIME);
}

/* Gives i a name; takes a reference for it if it is the first one. -ENOSPC: no memory. */
static int add_entry(struct inode *dir, const char *name, size_t len, struct inode *i)
{
	struct tmpfs_entry *e;

	if (len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	e = kmalloc(sizeof(*e) + len);
	if (!e)
		return -ENOSPC;
	list_node_init(&e->node);
	e->inode = i;
	e->pos = tmpfs_inode(dir)->next_pos++;
	e->len = len;
	memcpy(e->name, name, len);
	list_push_back(&tmpfs_inode(dir)->entries, &e->node);
	touch_dir(dir, 1);
	return 0;
}

static void remove_entry(struct inode *dir, struct tmpfs_entry *e)
{
	list_remove(&e->node);
	kfree(e);
	touch_dir(dir, -1);
}

static int tmpfs_lookup(struct inode *dir, struct dir_name *n)
{
	struct tmpfs_entry *e;

	if (name_is_dotdot(n->name, n->len)) {
		n->ino = tmpfs_inode(dir)->parent->ino;
		return 0;
	}
	e = find_entry(dir, n->name, n->len);
	if (!e)
		return -ENOENT;
	n->ino = e->inode->ino;
	n->at[0] = (uintptr_t)e;
	return 0;
}

static int tmpfs_readdir(struct inode *dir, struct dir_pos *pos, readdir_fn fn, void *arg)
{
	struct tmpfs_entry *e;

	if (pos->at == 0) {
		if (fn(arg, ".", 1, dir->ino, DT_DIR_, 1))
			return 0;
		pos->at = 1;
	}
	if (pos->at == 1) {
		if (fn(arg, "..", 2, tmpfs_inode(dir)->parent->ino, DT_DIR_, 2))
			return 0;
		pos->at = 2;
	}
	LIST_FOR_EACH (e, &tmpfs_inode(dir)->entries, node) {
		if (e->pos < pos->at)
			continue;
		if (fn(arg, e->name, e->len, e->inode->ino, (u8)((e->inode->mode & S_IFMT_) >> 12),
			    e->pos + 1))
			return 0;
		pos->at = e->pos + 1;
	}
	return 0;
}

/* A new inode under a new name; the name has its first reference, *out another one. */
static int make(struct inode *dir, const char *name, size_t len, u32 mode, u32 rdev, struct inode **out)
{
	struct tmpfs_fs *fs = tmpfs_fs(dir->super);
	struct tmpfs_inode *ti = has_room(fs) ? new_inode(fs, mode, mode_is_dir(mode) ? dir : NULL) : NULL;
	int err;

	if (!ti)
		return -ENOSPC;
	ti->vfs.rdev = rdev;
	err = add_entry(dir, name, len, &ti->vfs);
	if (err) {
		tmpfs_evict(&ti->vfs);
		return err;
	}
	if (mode_is_dir(mode))
		dir->nlink++;
	inode_hash(&ti->vfs);
	iref(&ti->vfs);
	*out = &ti->vfs;
	return 0;
}

static int tmpfs_symlink(struct inode *dir, const char *name, size_t len, const char *target, size_t tlen)
{
	char *copy = kmalloc(tlen + 1);
	struct inode *i;
	int err;

	if (!copy)
		return -ENOSPC;
	memcpy(copy, target, tlen + 1);
	err = make(dir, name, len, S_IFLNK_ | 0777, 0, &i);
	if (err) {
		kfree(copy);
		return err;
	}
	tmpfs_inode(i)->target = copy;
	inode_set_size(i, tlen);
	iput(i);
	return 0;
}

static ssize_t tmpfs_readlink(struct inode *i, char *buf, size_t size)
{
	size_t n = MIN(size, inode_size(i));

	memcpy(buf, tmpfs_inode(i)->target, n);
	return (ssize_t)n;
}

static int tmpfs_link(struct inode *dir, const char *name, size_t len, struct inode *i)
{
	struct tmpfs_fs *fs = tmpfs_fs(i->super);
	int err = i->nlink >= MAX_LINKS ? -EMLINK : !has_room(fs) ? -ENOSPC : add_entry(dir, name, len, i);

	if (err)
		return err;
	atomic_fetch_add(&fs->inodes, 1);
	i->nlink++;
	inode_touch(i, INODE_CTIME);
	return 0;
}

/* One name less; the last one takes its reference along. The caller holds another. */
static void drop_name(struct inode *i)
{
	i->nlink = mode_is_dir(i->mode) ? 0 : i->nlink - 1;
	inode_touch(i, INODE_CTIME);
	if (i->nlink)
		atomic_fetch_sub(&tmpfs_fs(i->super)->inodes, 1);
	else
		iput(i);
}

static int tmpfs_unlink(struct inode *dir, const struct dir_name *n, struct inode *victim)
{
	remove_entry(dir, (struct tmpfs_entry *)(uintptr_t)n->at[0]);
	if (mode_is_dir(victim->mode))
		dir->nlink--;
	drop_name(victim);
	return 0;
}

static int tmpfs_rmdir(struct inode *dir, const struct dir_name *n, struct inode *victim)
{
	if (!list_empty(&tmpfs_inode(victim)->entries))
		return -ENOTEMPTY;
	return tmpfs_unlink(dir, n, victim);
}

/* Directory `what` moves from odir to ndir. */
static void set_parent(struct inode *what, struct inode *odir, struct inode *ndir)
{
	if (!mode_is_dir(what->mode) || odir == ndir)
		return;
	tmpfs_inode(what)->parent = ndir;
	odir->nlink--;
	ndir->nlink++;
}

static int tmpfs_rename(struct inode *odir, const char *oname, size_t olen, struct inode *what,
	struct inode *ndir, const char *nname, size_t nlen, struct inode *victim)
{
	struct tmpfs_entry *from = find_entry(odir, oname, olen), *to = find_entry(ndir, nname, nlen);
	int err;

	if (!from || (victim && !to))
		return -ENOENT;
	if (victim && mode_is_dir(victim->mode) && !list_empty(&tmpfs_inode(victim)->entries))
		return -ENOTEMPTY;
	if (victim) {
		to->inode = what;
		touch_dir(ndir, 0);
		if (mode_is_dir(victim->mode))
			ndir->nlink--;
		drop_name(victim);
	} else {
		err = add_entry(ndir, nname, nlen, what);
		if (err)
			return err;
	}
	remove_entry(odir, from);
	set_parent(what, odir, ndir);
	inode_touch(what, INODE_CTIME);
	return 0;
}

static int tmpfs_exchange(struct inode *odir, const char *oname, size_t olen, struct inode *what,
	struct inode *ndir, const char *nname, size_t nlen, struct inode *other)
{
	struct tmpfs_entry *from = find_entry(odir, oname, olen), *to = find_entry(ndir, nname, nlen);

	if (!from || !to)
		return -ENOENT;
	from->inode = other;
	to->inode = what;
	set_parent(what, odir, ndir);
	set_parent(other, ndir, odir);
	touch_dir(odir, 0);
	touch_dir(ndir, 0);
	inode_touch(what, INODE_CTIME);
	inode_touch(other, INODE_CTIME);
	return 0;
}

static const struct inode_ops tmpfs_dir_ops = {
	.write_inode = nothing_to_do,
	.lookup = tmpfs_lookup,
	.create = make,
	.symlink = tmpfs_symlink,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	.exchange = tmpfs_exchange,
	.readdir = tmpfs_readdir,
};

static const struct inode_ops tmpfs_file_ops = {
	.map_extent = tmpfs_map_extent,
	.remove_blocks = tmpfs_remove_blocks,
	.orphan_add = nothing_to_do,
	.orphan_del = nothing_to_do,
	.write_inode = nothing_to_do,
};

static const struct inode_ops tmpfs_link_ops = {
	.write_inode = nothing_to_do,
	.readlink = tmpfs_readlink,
};

static const struct inode_ops tmpfs_special_ops = {
	.write_inode = nothing_to_do,
};

/* --- the file system --- */

static void tmpfs_statfs(struct super *s, struct fs_stat *out)
{
	struct tmpfs_fs *fs = tmpfs_fs(s);
	u64 used = MIN(atomic_load(&fs->pages), fs->max_pages);

	*out = (struct fs_stat){
		.magic = TMPFS_MAGIC,
		.blocks = fs->max_pages,
		.free_blocks = fs->max_pages - used,
		.available_blocks = fs->max_pages - used,
		.inodes = fs->max_pages,
		.free_inodes = fs->max_pages - MIN(atomic_load(&fs->inodes), fs->max_pages),
	};
}

/* The first name of `dir` goes, which is not that of a directory with names. */
static void drop_first(struct inode *dir)
{
	struct tmpfs_entry *e = LIST_ENTRY(list_first(&tmpfs_inode(dir)->entries), struct tmpfs_entry, node);
	struct inode *i = e->inode;

	iref(i);
	remove_entry(dir, e);
	drop_name(i);
	iput(i);
}

/* Everything below the root loses its name, what lies deepest first: then nothing but what is still open keeps the file system busy. */
static void tmpfs_drop(struct super *s)
{
	struct inode *dir = s->root;

	while (dir != s->root || !list_empty(&tmpfs_inode(dir)->entries)) {
		struct list_node *n = list_first(&tmpfs_inode(dir)->entries);
		struct inode *first = n ? LIST_ENTRY(n, struct tmpfs_entry, node)->inode : NULL;

		if (!first) /* empty: goes from above */
			dir = tmpfs_inode(dir)->parent;
		else if (mode_is_dir(first->mode) && !list_empty(&tmpfs_inode(first)->entries))
			dir = first;
		else
			drop_first(dir);
	}
}

static int tmpfs_unmount(struct super *s)
{
	struct tmpfs_fs *fs = tmpfs_fs(s);

	super_destroy(s);
	kfree(fs);
	return 0;
}

static const struct super_ops tmpfs_super_ops = {
	.read_inode = tmpfs_read_inode,
	.evict = tmpfs_evict,
	.statfs = tmpfs_statfs,
	.drop = tmpfs_drop,
	.unmount = tmpfs_unmount,
};

int tmpfs_create(u64 max_pages, struct super **out)
{
	struct tmpfs_fs *fs = kzalloc(sizeof(*fs));
	struct tmpfs_inode *root;
	int err;

	if (!fs)
		return -ENOMEM;
	err = super_init(&fs->super, &tmpfs_super_ops, "tmpfs");
	if (err)
		goto no_super;
	fs->max_pages = max_pages;
	fs->super.max_size = TMPFS_MAX_PAGES << PAGE_SHIFT;
	atomic_init(&fs->next_ino, 1);
	err = -ENOMEM;
	root = new_inode(fs, S_IFDIR_ | 01777, NULL);
	if (!root)
		goto no_root;
	inode_hash(&root->vfs);
	fs->super.root = &root->vfs;
	*out = &fs->super;
	return 0;

no_root:
	super_destroy(&fs->super);
no_super:
	kfree(fs);
	return err;
}

int tmpfs_new_file(struct super *s, u64 size, struct inode **out)
{
	struct tmpfs_fs *fs = tmpfs_fs(s);
	struct tmpfs_inode *ti = has_room(fs) ? new_inode(fs, S_IFREG_ | 0600, NULL) : NULL;

	if (!ti)
		return -ENOMEM;
	ti->vfs.nlink = 0;
	inode_set_size(&ti->vfs, size);
	inode_hash(&ti->vfs);
	*out = &ti->vfs;
	return 0;
}
