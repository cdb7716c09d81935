/* SPDX-License-Identifier: MIT */
/*
 * Supers, mounts, sync, and the clock of time stamps.
 *
 * Rule: a mount is a pair (directory, name) and needs no entry on disk. Mounts are added one at a time during boot and removed all together at
 * the end, in reverse order; in between the table is constant, so path walks read it without a lock.
 */
#include "fs/vfs_priv.h"
#include "kernel/log.h"
#include "mm/kmem.h"

static const struct lock_class cache_class = {"inode cache", RANK_FS_CACHE, false};
static const struct lock_class rename_class = {"rename", RANK_FS_RENAME, false};

int super_init(struct super *s, const struct super_ops *ops, const char *type)
{
	s->ops = ops;
	s->type = type;
	mutex_init(&s->cache_lock, &cache_class);
	mutex_init(&s->rename_lock, &rename_class);
	waitq_init(&s->evict_wait);
	atomic_init(&s->evictions, 0);
	s->inodes = kcalloc(INODE_HASH, sizeof(*s->inodes));
	if (!s->inodes)
		return -ENOMEM;
	for (unsigned b = 0; b < INODE_HASH; b++)
		list_init(&s->inodes[b]);
	return 0;
}

void super_destroy(struct super *s)
{
	kfree(s->inodes);
	s->inodes = NULL;
}

struct fs_mount *mount_at(struct inode *dir, const char *name, size_t len)
{
	struct fs_state *fs = the_instance.fs;
	u32 n = atomic_load_explicit(&fs->nr_mounts, memory_order_acquire);

	for (u32 k = 1; k < n; k++) {
		struct fs_mount *m = &fs->mounts[k];

		if (m->parent == dir && m->len == len && !memcmp(m->name, name, len))
			return m;
	}
	return NULL;
}

struct fs_mount *mount_of(struct super *s)
{
	struct fs_state *fs = the_instance.fs;
	u32 n = atomic_load_explicit(&fs->nr_mounts, memory_order_acquire);

	for (u32 k = 0; k < n; k++)
		if (fs->mounts[k].super == s)
			return &fs->mounts[k];
	return NULL;
}

int vfs_mount(struct super *s, const char *path)
{
	struct fs_state *fs = the_instance.fs;
	u32 n = atomic_load(&fs->nr_mounts);
	struct fs_mount *m = &fs->mounts[n];
	struct walk_parent w;
	int err;

	if (n == FS_MAX_MOUNTS)
		return -ENFILE;
	if (n == 0) {
		if (strcmp(path, "/"))
			return -ENOENT;
		memset(m, 0, sizeof(*m));
		goto publish;
	}
	err = walk_to_parent(NULL, path, &w);
	if (err)
		return err;
	err = -EBUSY;
	if (!w.len || mount_at(w.dir, w.name, w.len))
		goto out;
	err = -ENAMETOOLONG;
	if (w.len >= FS_MOUNT_NAME)
		goto out;
	memcpy(m->name, w.name, w.len + 1);
	m->len = w.len;
	m->parent = w.dir; /* takes over the reference */
publish:
	s->dev = n + 1;
	m->super = s;
	atomic_store_explicit(&fs->nr_mounts, n + 1, memory_order_release);
	return 0;
out:
	iput(w.dir);
	return err;
}

static int unmount_last(struct fs_state *fs, u32 n)
{
	struct fs_mount *m = &fs->mounts[n];
	struct super *s = m->super;
	int err = super_sync(s);

	if (s->ops->drop)
		s->ops->drop(s);
	if (super_busy(s))
		return -EBUSY;
	if (m->parent)
		iput(m->parent);
	iput(s->root);
	s->root = NULL;
	atomic_store(&fs->nr_mounts, n);
	if (s->ops->unmount) {
		int e = s->ops->unmount(s);

		err = err ? err : e;
	}
	return err;
}

int vfs_unmount_all(void)
{
	struct fs_state *fs = the_instance.fs;
	int err = 0;

	for (u32 n = atomic_load(&fs->nr_mounts); n && err != -EBUSY; n--) {
		int e = unmount_last(fs, n - 1);

		err = err && e != -EBUSY ? err : e;
	}
	return err;
}

int vfs_sync_all(void)
{
	struct fs_state *fs = the_instance.fs;
	int err = 0;

	for (u32 k = 0; k < atomic_load(&fs->nr_mounts); k++) {
		int e = super_sync(fs->mounts[k].super);

		err = err ? err : e;
	}
	return err;
}

void vfs_commit_all(void)
{
	struct fs_state *fs = the_instance.fs;

	for (u32 k = 0; k < atomic_load(&fs->nr_mounts); k++) {
		struct super *s = fs->mounts[k].super;

		if (s->ops->commit)
			s->ops->commit(s);
	}
}

struct inode *vfs_root(void)
{
	struct fs_state *fs = the_instance.fs;
	struct inode *root;

	if (!atomic_load_explicit(&fs->nr_mounts, memory_order_acquire))
		return NULL;
	root = fs->mounts[0].super->root;
	iref(root);
	return root;
}

struct time_spec vfs_now(void)
{
	i64 ns = (i64)time_ns() + atomic_load_explicit(&the_instance.fs->wall_offset, memory_order_relaxed);

	return (struct time_spec){.sec = ns / 1000000000, .nsec = ns % 1000000000};
}

void vfs_set_wall_clock(i64 ns)
{
	atomic_store(&the_instance.fs->wall_offset, ns - (i64)time_ns());
}
