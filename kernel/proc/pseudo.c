/* SPDX-License-Identifier: MIT */
/*
 * Pseudo file systems: pseudo.h. Their directories are `fixed`: the VFS does not lock them, because nothing in them changes by its
 * calls, and so look-ups may take the locks of processes.
 */
#include "kernel/proc/pseudo.h"

#include "kernel/proc/process.h"
#include "lib/fmt.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define ROOT_INO 1
#define DT_DIR_ 4
#define DT_SHIFT 12 /* a directory entry's type is the file type of the mode */
#define NODE_BITS 16
#define NUMBERED_POS (1ull << 32) /* positions of readdir from here on: the number itself */
#define PSEUDO_MAGIC 0x9fa0       /* statfs: PROC_SUPER_MAGIC */

struct pseudo_fs {
	const struct pseudo_node *nodes;
	unsigned count;
};

static const struct pseudo_node *node_of(const struct inode *i)
{
	const struct pseudo_fs *fs = i->super->fs;

	return &fs->nodes[(i->ino & ((1 << NODE_BITS) - 1)) - 1];
}

static u64 instance_of(const struct inode *i)
{
	return i->ino >> NODE_BITS;
}

static u64 ino_of(unsigned node, u64 instance)
{
	return instance << NODE_BITS | (node + 1);
}

/* Is node k the look of a parent's numbered children, not a child of that name? */
static bool is_template(const struct pseudo_fs *fs, unsigned k)
{
	const struct pseudo_numbered *n = fs->nodes[fs->nodes[k].parent].numbered;

	return n && n->template == k;
}

static u64 parent_ino(const struct inode *dir)
{
	const struct pseudo_fs *fs = dir->super->fs;
	const struct pseudo_node *n = node_of(dir);
	u64 instance = instance_of(dir);

	if (is_template(fs, (unsigned)(n - fs->nodes)))
		instance &= (1ull << fs->nodes[n->parent].numbered->shift) - 1;
	return ino_of(n->parent, instance);
}

/* A number without sign or leading zeros. */
static bool parse_number(const char *name, size_t len, u64 *out)
{
	*out = 0;
	if (!len || len > 9 || (name[0] == '0' && len > 1))
		return false;
	for (size_t k = 0; k < len; k++) {
		if (name[k] < '0' || name[k] > '9')
			return false;
		*out = *out * 10 + (u64)(name[k] - '0');
	}
	return true;
}

static int pseudo_lookup(struct inode *dir, struct dir_name *name)
{
	const struct pseudo_fs *fs = dir->super->fs;
	const struct pseudo_numbered *numbered = node_of(dir)->numbered;
	unsigned at = (unsigned)(node_of(dir) - fs->nodes);
	u64 number;

	if (name->len == 2 && !memcmp(name->name, "..", 2)) {
		name->ino = parent_ino(dir);
		return 0;
	}
	for (unsigned k = 1; k < fs->count; k++) {
		const struct pseudo_node *n = &fs->nodes[k];

		if (n->parent == at && !is_template(fs, k) && strlen(n->name) == name->len &&
			!memcmp(n->name, name->name, name->len)) {
			name->ino = ino_of(k, instance_of(dir));
			return 0;
		}
	}
	if (!numbered || !parse_number(name->name, name->len, &number) ||
		numbered->next(instance_of(dir), number) != (i64)number)
		return -ENOENT;
	name->ino = ino_of(numbered->template, instance_of(dir) | number << numbered->shift);
	return 0;
}

static void list_numbered(struct inode *dir, u64 *pos, readdir_fn fn, void *arg)
{
	const struct pseudo_fs *fs = dir->super->fs;
	const struct pseudo_numbered *numbered = node_of(dir)->numbered;
	char name[24];
	i64 number;

	while ((number = numbered->next(instance_of(dir), *pos - NUMBERED_POS)) >= 0) {
		int len = fmt_snprintf(name, sizeof(name), "%lld", (long long)number);
		u64 next = NUMBERED_POS + (u64)number + 1;

		if (fn(arg, name, (size_t)len,
			    ino_of(numbered->template, instance_of(dir) | (u64)number << numbered->shift),
			    (u8)(fs->nodes[numbered->template].mode >> DT_SHIFT), next))
			return;
		*pos = next;
	}
}

/* Positions: 0 is ".", 1 is "..", k + 1 is node k. */
static int pseudo_readdir(struct inode *dir, struct dir_pos *pos, readdir_fn fn, void *arg)
{
	const struct pseudo_fs *fs = dir->super->fs;
	unsigned at = (unsigned)(node_of(dir) - fs->nodes);
	int stop = 0;

	if (pos->at == 0 && !(stop = fn(arg, ".", 1, dir->ino, DT_DIR_, 1)))
		pos->at = 1;
	if (pos->at == 1 && !stop && !(stop = fn(arg, "..", 2, parent_ino(dir), DT_DIR_, 2)))
		pos->at = 2;
	while (!stop && pos->at >= 2 && pos->at - 1 < fs->count) {
		unsigned k = (unsigned)pos->at - 1;
		const struct pseudo_node *n = &fs->nodes[k];

		if (n->parent == at && !is_template(fs, k))
			stop = fn(arg, n->name, strlen(n->name), ino_of(k, instance_of(dir)),
				(u8)(n->mode >> DT_SHIFT), k + 2);
		if (!stop)
			pos->at = k + 2;
	}
	if (!stop && node_of(dir)->numbered) {
		pos->at = MAX(pos->at, NUMBERED_POS);
		list_numbered(dir, &pos->at, fn, arg);
	}
	return 0;
}

/* --- texts: made at open, constant after it --- */

static int text_open(struct file *f)
{
	struct text *t = kzalloc(sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	err = node_of(f->inode)->show(t, instance_of(f->inode));
	if (!err && t->full)
		err = -ENOMEM;
	if (err) {
		text_free(t);
		kfree(t);
		return err;
	}
	f->data = t;
	return 0;
}

static void text_release(struct file *f)
{
	text_free(f->data);
	kfree(f->data);
}

static ssize_t text_read(struct file *f, struct user_iter *to, u64 *pos)
{
	const struct text *t = f->data;
	ssize_t got;

	if (*pos >= t->len)
		return 0;
	got = copy_to_iter(to, t->buf + *pos, MIN(to->left, t->len - *pos));
	if (got > 0)
		*pos += (u64)got;
	return got;
}

static const struct file_ops text_fops = {
	.open = text_open,
	.release = text_release,
	.read = text_read,
};

static ssize_t pseudo_readlink(struct inode *i, char *buf, size_t size)
{
	return node_of(i)->readlink(instance_of(i), buf, size);
}

static int pseudo_follow(struct inode *i, struct inode **out, struct file_place *where)
{
	return node_of(i)->follow(instance_of(i), out, where);
}

static const struct inode_ops dir_iops = {
	.fixed = true,
	.lookup = pseudo_lookup,
	.readdir = pseudo_readdir,
};
static const struct inode_ops file_iops;
static const struct inode_ops link_iops = {.readlink = pseudo_readlink};
static const struct inode_ops magic_iops = {.readlink = pseudo_readlink, .follow = pseudo_follow};

static const struct inode_ops *ops_of(const struct pseudo_node *n)
{
	if (mode_is_dir(n->mode))
		return &dir_iops;
	if (!mode_is_lnk(n->mode))
		return &file_iops;
	return n->follow ? &magic_iops : &link_iops;
}

static int pseudo_read_inode(struct super *s, u64 ino, struct inode **out)
{
	const struct pseudo_fs *fs = s->fs;
	u64 k = ino & ((1 << NODE_BITS) - 1);
	const struct pseudo_node *n;
	struct inode *i;

	if (!k || k > fs->count)
		return -ENOENT;
	i = kzalloc(sizeof(*i));
	if (!i)
		return -ENOMEM;
	n = &fs->nodes[k - 1];
	inode_init(i, s, ino);
	i->ops = ops_of(n);
	i->fops = n->show ? &text_fops : n->fops;
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

static void pseudo_statfs(struct super *s UNUSED, struct fs_stat *out)
{
	out->magic = PSEUDO_MAGIC;
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
	.statfs = pseudo_statfs,
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
