/* SPDX-License-Identifier: MIT */
/*
 * Path walks: from a string to an inode.
 *
 * Rule: a walk holds one reference, to where it is, and one inode lock at a time, while it looks a name up and gets the inode that the entry
 * names; so the entry cannot go away between the two. Symbolic links are expanded in place: the text of the link and what
 * followed it become the rest of the path, so nesting costs no stack.
 */
#include "fs/vfs_priv.h"
#include "mm/kmem.h"

int lookup_entry(struct inode *dir, struct dir_name *n, struct inode **out)
{
	int err = dir->ops->lookup ? dir->ops->lookup(dir, n) : -ENOTDIR;

	return err ? err : iget(dir->super, n->ino, out);
}

int lookup_one(struct inode *dir, const char *name, size_t len, bool locked, struct inode **out)
{
	struct dir_name n = {.name = name, .len = len};
	struct fs_mount *m;
	int err;

	if (!mode_is_dir(dir->mode))
		return -ENOTDIR;
	*out = dir;
	if (name_is_dot(name, len))
		goto counted;
	if (name_is_dotdot(name, len) && dir == dir->super->root) {
		m = mount_of(dir->super);
		if (m && m->parent)
			*out = m->parent;
		goto counted;
	}
	m = mount_at(dir, name, len);
	if (m) {
		*out = m->super->root;
		goto counted;
	}
	if (len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	if (!locked)
		dir_lock(dir);
	err = lookup_entry(dir, &n, out);
	if (!locked)
		dir_unlock(dir);
	return err;
counted:
	iref(*out);
	return 0;
}

/* A walk in progress. */
struct walk {
	struct inode *at; /* counted */
	const char *rest; /* not yet walked */
	char *text;       /* what rest points into, if a link was expanded; kfree */
	unsigned links;
};

static int walk_begin(struct walk *w, struct inode *base, const char *path)
{
	size_t len = strnlen(path, PATH_MAX_LEN);

	if (!len)
		return -ENOENT;
	if (len == PATH_MAX_LEN)
		return -ENAMETOOLONG;
	*w = (struct walk){.rest = path};
	if (path[0] == '/' || !base) {
		w->at = vfs_root();
		return w->at ? 0 : -ENOENT;
	}
	iref(base);
	w->at = base;
	return 0;
}

static void walk_end(struct walk *w)
{
	kfree(w->text);
	w->text = NULL;
}

/* The text of a link becomes longer than a path can be. The length of what it is so far, or -ENOMEM. */
static ssize_t lengthen(char **text, size_t len, size_t size)
{
	char *longer = kmalloc(size);

	if (!longer)
		return -ENOMEM;
	memcpy(longer, *text, len);
	kfree(*text);
	*text = longer;
	return (ssize_t)len;
}

/* The walk met symbolic link `link` in w->at, followed by `after`. */
static int expand(struct walk *w, struct inode *link, const char *after)
{
	size_t tail = strlen(after);
	char *text;
	ssize_t n;

	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (!link->ops->readlink)
		return -EINVAL;
	text = kmalloc(PATH_MAX_LEN);
	if (!text)
		return -ENOMEM;
	n = link->ops->readlink(link, text, PATH_MAX_LEN);
	if (n == 0)
		n = -ENOENT;
	if (n > 0 && n + tail >= PATH_MAX_LEN)
		n = lengthen(&text, (size_t)n, n + tail + 1);
	if (n < 0) {
		kfree(text);
		return n;
	}
	memcpy(text + n, after, tail + 1);
	kfree(w->text);
	w->text = text;
	w->rest = text;
	if (text[0] == '/') {
		iput(w->at);
		w->at = vfs_root();
	}
	return 0;
}

/* Cuts the next component off: its length in *len (0: the path is at its end), `last` if none follows, `slash` if slashes do. */
static const char *next_component(struct walk *w, size_t *len, bool *last, bool *slash)
{
	const char *name, *p;

	while (*w->rest == '/')
		w->rest++;
	name = p = w->rest;
	while (*p && *p != '/')
		p++;
	*len = p - name;
	*slash = *p == '/';
	w->rest = p;
	while (*p == '/')
		p++;
	*last = !*p;
	return name;
}

/* One step to `name`, which lies before w->rest. `where`, if not NULL, gets the place that it leads to; nothing for the dots. */
static int step(
	struct walk *w, const char *name, size_t len, bool follow, bool must_be_dir, struct file_place *where)
{
	struct inode *next;
	int err = lookup_one(w->at, name, len, false, &next);

	if (err)
		return err;
	if (mode_is_lnk(next->mode) && follow && next->ops->follow) {
		struct inode *link = next;

		err = ++w->links > LINKS_MAX ? -ELOOP : link->ops->follow(link, &next, where);
		where = NULL;
		iput(link);
		if (err)
			return err;
	} else if (mode_is_lnk(next->mode) && follow) {
		err = expand(w, next, w->rest);
		iput(next);
		return err;
	}
	if (where && !name_is_dot(name, len) && !name_is_dotdot(name, len))
		file_place_set(where, w->at, name, len);
	else
		iput(w->at);
	w->at = next;
	return must_be_dir && !mode_is_dir(next->mode) ? -ENOTDIR : 0;
}

int vfs_lookup(struct inode *base, const char *path, bool follow_last, struct inode **out)
{
	return vfs_find(base, path, follow_last, out, NULL);
}

int vfs_find(
	struct inode *base, const char *path, bool follow_last, struct inode **out, struct file_place *where)
{
	struct walk w;
	int err = walk_begin(&w, base, path);

	if (where)
		*where = (struct file_place){0};
	if (err)
		return err;
	for (;;) {
		size_t len;
		bool last, slash;
		const char *name = next_component(&w, &len, &last, &slash);

		if (!len)
			break;
		err = step(&w, name, len, !last || slash || follow_last, slash, last ? where : NULL);
		if (err)
			break;
	}
	if (err)
		iput(w.at);
	else
		*out = w.at;
	if (err && where)
		file_place_put(where);
	walk_end(&w);
	return err;
}

int walk_to_parent(struct inode *base, const char *path, struct walk_parent *p)
{
	struct walk w;
	int err = walk_begin(&w, base, path);

	if (err)
		return err;
	for (;;) {
		bool last;
		const char *name = next_component(&w, &p->len, &last, &p->trailing);

		if (last) {
			err = !mode_is_dir(w.at->mode) ? -ENOTDIR : p->len > NAME_MAX_LEN ? -ENAMETOOLONG : 0;
			if (!err) {
				memcpy(p->name, name, p->len);
				p->name[p->len] = '\0';
			}
			break;
		}
		err = step(&w, name, p->len, true, true, NULL);
		if (err)
			break;
	}
	if (err)
		iput(w.at);
	else
		p->dir = w.at;
	walk_end(&w);
	return err;
}
