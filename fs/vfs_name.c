/* SPDX-License-Identifier: MIT */
/*
 * From inodes back to paths, for getcwd() and /proc: no inode knows its names, so directories are searched for its number.
 *
 * Rule: an open file keeps the directory in which it was found, and its name there: directories above may be renamed, and the path follows. A name
 * is believed only as long as the directory has that inode under it.
 */
#include "fs/vfs_priv.h"
#include "lib/fmt.h"
#include "mm/kmem.h"

/* readdir callback: finds the name of an inode number. */
struct name_search {
	u64 ino;
	char name[NAME_MAX_LEN];
	size_t len;
};

static int match_ino(void *arg, const char *name, size_t len, u64 ino, u8 type UNUSED, u64 next UNUSED)
{
	struct name_search *s = arg;

	if (ino != s->ino || name_is_dot(name, len) || name_is_dotdot(name, len))
		return 0;
	memcpy(s->name, name, len);
	s->len = len;
	return 1;
}

/* The name that directory `dir` has for an inode number. -ENOENT: none. */
static int name_in(struct inode *dir, u64 ino, struct name_search *s)
{
	struct dir_pos pos = {0};
	int err;

	*s = (struct name_search){.ino = ino};
	dir_lock(dir);
	err = dir->ops->readdir(dir, &pos, match_ino, s);
	dir_unlock(dir);
	kfree(pos.tie);
	return err < 0 ? err : s->len ? 0 : -ENOENT;
}

/* Name of directory `dir` in its parent, which is returned counted. */
static int name_in_parent(struct inode *dir, struct inode **parent, struct name_search *s)
{
	struct fs_mount *m = dir == dir->super->root ? mount_of(dir->super) : NULL;
	int err = lookup_one(dir, "..", 2, false, parent);

	if (err)
		return err;
	if (m) {
		memcpy(s->name, m->name, m->len);
		s->len = m->len;
		return 0;
	}
	err = name_in(*parent, dir->ino, s);
	if (err)
		iput(*parent);
	return err;
}

int vfs_path_of(struct inode *dir, char *buf, size_t size)
{
	struct name_search *s = kmalloc(sizeof(*s));
	size_t at = size; /* the path grows downwards from the end of buf */
	struct inode *root = vfs_root(), *cur = dir, *parent;
	int err = -ENAMETOOLONG;

	if (!s || !root) {
		err = s ? -ENOENT : -ENOMEM;
		goto out_free;
	}
	iref(cur);
	if (size < 2)
		goto out;
	buf[--at] = '\0';
	while (cur != root) {
		err = name_in_parent(cur, &parent, s);
		if (err)
			goto out;
		iput(cur);
		cur = parent;
		err = -ENAMETOOLONG;
		if (at < s->len + 1)
			goto out;
		at -= s->len;
		memcpy(buf + at, s->name, s->len);
		buf[--at] = '/';
	}
	if (!buf[at])
		buf[--at] = '/';
	memmove(buf, buf + at, size - at);
	err = 0;
out:
	iput(cur);
out_free:
	if (root)
		iput(root);
	kfree(s);
	return err;
}

void file_place_set(struct file_place *p, struct inode *dir, const char *name, size_t len)
{
	len = MIN(len, sizeof(p->name) - 1);
	p->dir = dir;
	memcpy(p->name, name, len);
	p->name[len] = '\0';
}

void file_place_copy(struct file_place *to, const struct file_place *from)
{
	*to = *from;
	if (to->dir)
		iref(to->dir);
}

void file_place_put(struct file_place *p)
{
	if (p->dir)
		iput(p->dir);
	p->dir = NULL;
}

/* Has the place's directory the file still, under its name or another? That name. */
static bool name_now(struct file *f, struct name_search *s)
{
	const struct file_place *p = &f->place;
	struct inode *there;
	bool same;

	*s = (struct name_search){.len = strlen(p->name)};
	memcpy(s->name, p->name, s->len);
	if (!lookup_one(p->dir, s->name, s->len, false, &there)) {
		same = there == f->inode;
		iput(there);
		if (same)
			return true;
	}
	if (f->inode->super == p->dir->super && f->inode->nlink && !name_in(p->dir, f->inode->ino, s))
		return true;
	s->len = strlen(p->name);
	memcpy(s->name, p->name, s->len);
	return false;
}

int vfs_path_of_file(struct file *f, char *buf, size_t size)
{
	const struct file_place *p = &f->place;
	struct name_search *s;
	bool there;
	size_t len;
	int err = mode_is_dir(f->inode->mode) ? vfs_path_of(f->inode, buf, size) : -ENOENT;

	if (err != -ENOENT)
		return err;
	if (!p->dir) {
		fmt_snprintf(buf, size, "%s (deleted)", p->name);
		return 0;
	}
	s = kmalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	there = name_now(f, s);
	err = vfs_path_of(p->dir, buf, size);
	if (err == -ENOENT)
		str_copy(buf, "", size);
	if (!err || err == -ENOENT) {
		len = strlen(buf);
		len -= len == 1;
		err = fmt_snprintf(buf + len, size - len, "/%.*s%s", (int)s->len, s->name,
			      there ? "" : " (deleted)") < (int)(size - len)
			? 0
			: -ENAMETOOLONG;
	}
	kfree(s);
	return err;
}
