/* SPDX-License-Identifier: MIT */
/* Pseudo file systems: pseudo.h. Nothing in them changes, so the inode lock guards nothing of ours. */
#include "kernel/proc/pseudo.h"

#include "mm/kmem.h"

#define ROOT_INO 1
#define DT_DIR_ 4
#define DT_SHIFT 12 /* a directory entry's type is the file type of the mode */

struct pseudo_fs {
	const struct pseudo_node *nodes;
	unsigned count;
};

static const struct pseudo_node *node_of(const struct inode *i)
{
	const struct pseudo_fs *fs = i->super->fs;

	return &fs->nodes[i->ino - 1];
}

static int pseudo_lookup(struct inode *dir, const char *name, size_t len, u64 *ino)
{
	const struct pseudo_fs *fs = dir->super->fs;

	if (len == 2 && !memcmp(name, "..", 2)) {
		*ino = node_of(dir)->parent + 1;
		return 0;
	}
	for (unsigned k = 1; k < fs->count; k++) {
		const struct pseudo_node *n = &fs->nodes[k];

		if (n->parent + 1 == dir->ino && strlen(n->name) == len && !memcmp(n->name, name, len)) {
			*ino = k + 1;
			return 0;
		}
	}
	return -ENOENT;
}

/* Positions: 0 is ".", 1 is "..", k + 1 is node k. */
static int pseudo_readdir(struct inode *dir, u64 *pos, readdir_fn fn, void *arg)
{
	const struct pseudo_fs *fs = dir->super->fs;
	int stop = 0;

	if (*pos == 0 && !(stop = fn(arg, ".", 1, dir->ino, DT_DIR_, 1)))
		*pos = 1;
	if (*pos == 1 && !stop && !(stop = fn(arg, "..", 2, node_of(dir)->parent + 1, DT_DIR_, 2)))
		*pos = 2;
	while (!stop && *pos >= 2 && *pos - 1 < fs->count) {
		u64 k = *pos - 1;
		const struct pseudo_node *n = &fs->nodes[k];

		if (n->parent + 1 == dir->ino)
			stop = fn(arg, n->name, strlen(n->name), k + 1, (u8)(n->mode >> DT_SHIFT), k + 2);
		if (!stop)
			*pos = k + 2;
	}
	return 0;
}

static const struct inode_ops dir_iops = {
	.lookup = pseudo_lookup,
	.readdir = pseudo_readdir,
};
static const struct inode_ops file_iops;

static int pseudo_read_inode(struct super *s, u64 ino, struct inode **out)
{
	const struct pseudo_fs *fs = s->fs;
	const struct pseudo_node *n;
	struct inode *i;

	if (!ino || ino > fs->count)
		return -ENOENT;
	i = kzalloc(sizeof(*i));
	if (!i)
		return -ENOMEM;
	n = &fs->nodes[ino - 1];
	inode_init(i, s, ino);
	i->ops = mode_is_dir(n->mode) ? &dir_iops : &file_iops;
	i->fops = n->fops;
	i->mode = n->mode;
	i->nlink = mode_is_dir(n->mode) ? 2 : 1;
	i->rdev = n->rdev;
	i->atime = i->mtime = i->ctime = i->crtime = vfs_now();
	*out = i;
	return 0;
}

static void pseudo_evict(struct inode *i)
{
	kfree(i);
}

static int pseudo_unmount(struct super *s)
{
	kfree(s->fs);
	super_destroy(s);
	return 0;
}

static const struct super_ops pseudo_sops = {
	.read_inode = pseudo_read_inode,
	.evict = pseudo_evict,
	.unmount = pseudo_unmount,
};

int pseudo_mount(
	struct super *s, const char *type, const char *path, const struct pseudo_node *nodes, unsigned count)
{
	struct pseudo_fs *fs = kmalloc(sizeof(*fs));
	int err;

	if (!fs)
		return -ENOMEM;
	*fs = (struct pseudo_fs){.nodes = nodes, .count = count};
	err = super_init(s, &pseudo_sops, type);
	if (err)
		goto no_super;
	s->fs = fs;
	err = iget(s, ROOT_INO, &s->root);
	if (err)
		goto no_root;
	err = vfs_mount(s, path);
	if (!err)
		return 0;
	iput(s->root);
no_root:
	super_destroy(s);
no_super:
	kfree(fs);
	return err;
}
