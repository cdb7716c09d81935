/* SPDX-License-Identifier: MIT */
/*
 * Changes of the name space: mkdir, mknod, symlink, link, rmdir, unlink, rename; and readlink.
 *
 * Lock order: rename_lock (only when the two parents differ) -> parents -> children. Two parents: the ancestor first, else by inode
 * number; under rename_lock no directory changes its parent, so "ancestor" is stable. Two children: by inode number. A damaged directory may name
 * itself or its parent as a child: refused before anything is locked twice.
 */
#include "fs/vfs_priv.h"
#include "kernel/thread.h"

/* What is to be made under a new name. */
struct new_name {
	u32 mode, rdev;
	const char *target;  /* of a symbolic link */
	struct inode *inode; /* gets one more name */
};

static int make_link(struct walk_parent *w, struct inode *i)
{
	int err;

	if (mode_is_dir(i->mode) || !w->dir->ops->link)
		return -EPERM;
	mutex_lock(&i->lock);
	if (inode_is(i, INODE_KEPT)) {
		mutex_unlock(&i->lock);
		return -EPERM;
	}
	err = i->nlink ? w->dir->ops->link(w->dir, w->name, w->len, i) : -ENOENT;
	mutex_unlock(&i->lock);
	return err;
}

/* The directory is locked and has no such entry. */
static int make_locked(struct walk_parent *w, const struct new_name *n)
{
	struct inode *dir = w->dir, *i;
	int err;

	if (w->trailing && !mode_is_dir(n->mode))
		return -ENOENT;
	if (n->inode && n->inode->super != dir->super)
		return -EXDEV;
	if (atomic_load(&dir->super->readonly))
		return -EROFS;
	if (inode_is(dir, INODE_IMMUTABLE))
		return -EPERM;
	if (!dir->ops->create || !dir->nlink)
		return -ENOENT;
	if (n->inode)
		return make_link(w, n->inode);
	if (n->target)
		return dir->ops->symlink
			? dir->ops->symlink(dir, w->name, w->len, n->target, strlen(n->target))
			: -EPERM;
	err = dir->ops->create(dir, w->name, w->len, n->mode, n->rdev, &i);
	if (!err)
		iput(i);
	return err;
}

static int make_name(struct inode *base, const char *path, const struct new_name *n)
{
	struct walk_parent w;
	struct inode *i;
	int err = walk_to_parent(base, path, &w);

	if (err)
		return err;
	dir_lock(w.dir);
	err = w.len ? lookup_one(w.dir, w.name, w.len, true, &i) : -EEXIST;
	if (!err) {
		iput(i);
		err = -EEXIST;
	} else if (err == -ENOENT) {
		err = make_locked(&w, n);
	}
	dir_unlock(w.dir);
	iput(w.dir);
	return err;
}

int vfs_mkdir(struct inode *base, const char *path, u32 mode)
{
	return make_name(base, path, &(struct new_name){.mode = S_IFDIR_ | (mode & 07777)});
}

int vfs_mknod(struct inode *base, const char *path, u32 mode, u32 rdev)
{
	struct new_name n = {.mode = mode & (S_IFMT_ | 07777)};

	switch (mode & S_IFMT_) {
	case 0:
		n.mode |= S_IFREG_;
		break;
	case S_IFCHR_:
	case S_IFBLK_:
		n.rdev = rdev;
		break;
	case S_IFREG_:
	case S_IFIFO_:
	case S_IFSOCK_:
		break;
	default:
		return mode_is_dir(mode) ? -EPERM : -EINVAL;
	}
	return make_name(base, path, &n);
}

int vfs_symlink(struct inode *base, const char *path, const char *target)
{
	if (!*target)
		return -ENOENT;
	return make_name(base, path, &(struct new_name){.mode = S_IFLNK_ | 0777, .target = target});
}

int vfs_link(struct inode *what, struct inode *base, const char *path)
{
	return make_name(base, path, &(struct new_name){.mode = what->mode & ~(u32)S_IFMT_, .inode = what});
}

/* The tree of directories is none: -EUCLEAN. */
static int tree_damage(struct inode *dir, const char *what)
{
	if (dir->super->ops->damaged)
		dir->super->ops->damaged(dir->super, dir->ino, what);
	return -EUCLEAN;
}

/* A directory has been removed from dir, both are locked: for who still stands in it, the inode that its ".." names stays what it is. */
static void keep_parent(struct inode *victim, struct inode *dir)
{
	iref(dir);
	victim->removed_from = dir;
}

/* May the name of i in dir go? */
static bool may_remove(const struct inode *dir, const struct inode *i)
{
	return !inode_is(dir, INODE_KEPT) && !inode_is(i, INODE_KEPT);
}

static int remove_checked(struct walk_parent *w, struct inode *victim, bool dir)
{
	if (victim == w->dir)
		return tree_damage(w->dir, "the directory holds itself");
	if (dir && !mode_is_dir(victim->mode))
		return -ENOTDIR;
	if (!dir && mode_is_dir(victim->mode))
		return -EISDIR;
	if (!dir && w->trailing)
		return -ENOTDIR;
	if (!w->dir->ops->unlink || !w->dir->ops->rmdir)
		return -EPERM;
	if (atomic_load(&w->dir->super->readonly))
		return -EROFS;
	return may_remove(w->dir, victim) ? 0 : -EPERM;
}

static int remove_name(struct walk_parent *w, bool dir)
{
	struct dir_name n = {.name = w->name, .len = w->len};
	struct inode *victim;
	int err;

	if (mount_at(w->dir, w->name, w->len))
		return dir ? -EBUSY : -EISDIR;
	dir_lock(w->dir);
	err = lookup_entry(w->dir, &n, &victim);
	if (err) {
		dir_unlock(w->dir);
		return err;
	}
	err = remove_checked(w, victim, dir);
	if (!err) {
		mutex_lock(&victim->lock);
		err = dir ? w->dir->ops->rmdir(w->dir, &n, victim) : w->dir->ops->unlink(w->dir, &n, victim);
		if (!err && dir)
			keep_parent(victim, w->dir);
		mutex_unlock(&victim->lock);
	}
	dir_unlock(w->dir);
	iput(victim);
	return err;
}

int vfs_rmdir(struct inode *base, const char *path)
{
	struct walk_parent w;
	int err = walk_to_parent(base, path, &w);

	if (err)
		return err;
	if (!w.len)
		err = -EBUSY;
	else if (name_is_dot(w.name, w.len))
		err = -EINVAL;
	else if (name_is_dotdot(w.name, w.len))
		err = -ENOTEMPTY;
	else
		err = remove_name(&w, true);
	iput(w.dir);
	return err;
}

int vfs_unlink(struct inode *base, const char *path)
{
	struct walk_parent w;
	int err = walk_to_parent(base, path, &w);

	if (err)
		return err;
	if (!w.len || name_is_dot(w.name, w.len) || name_is_dotdot(w.name, w.len))
		err = -EISDIR;
	else
		err = remove_name(&w, false);
	iput(w.dir);
	return err;
}

/*
 * Does `dir`, or a directory above it, equal `top`? 1 or 0, or errno; -EINTR: killed on the way. However deep: of a way up that is none because
 * it goes round, the walk meets a directory again that it has marked, at the latest after three times as many steps as the round and the way to it
 * have (Brent).
 */
static int is_below(struct inode *top, struct inode *dir)
{
	struct inode *cur = dir, *up;
	u64 mark = dir->ino, steps = 0, next_mark = 1;
	int err = 0;

	iref(cur);
	while (cur != top && cur != cur->super->root) {
		err = atomic_load(&thread_current()->killed) ? -EINTR : lookup_one(cur, "..", 2, false, &up);
		if (err)
			break;
		iput(cur);
		cur = up;
		if (cur->ino == mark) {
			err = tree_damage(cur, "no way leads up to the root");
			break;
		}
		if (++steps == next_mark) {
			mark = cur->ino;
			next_mark *= 2;
		}
	}
	if (!err)
		err = cur == top;
	iput(cur);
	return err;
}

static void lock_two(struct inode *a, struct inode *b)
{
	if (a->ino > b->ino) {
		struct inode *t = a;

		a = b;
		b = t;
	}
	mutex_lock(&a->lock);
	mutex_lock(&b->lock);
}

/* Locks the two parents of a rename; rename_lock is held if they differ. */
static int lock_parents(struct inode *odir, struct inode *ndir)
{
	int below;

	if (odir == ndir) {
		mutex_lock(&odir->lock);
		return 0;
	}
	below = is_below(odir, ndir);
	if (below < 0)
		return below;
	if (below) {
		mutex_lock(&odir->lock);
		mutex_lock(&ndir->lock);
		return 0;
	}
	below = is_below(ndir, odir);
	if (below < 0)
		return below;
	if (below) {
		mutex_lock(&ndir->lock);
		mutex_lock(&odir->lock);
		return 0;
	}
	lock_two(odir, ndir);
	return 0;
}

struct rename {
	struct walk_parent old, new;
	struct inode *what, *victim; /* counted; victim may be NULL */
	u32 flags;                   /* RENAME_* */
};

static int rename_find(struct rename *r, bool locked)
{
	int err = lookup_one(r->old.dir, r->old.name, r->old.len, locked, &r->what);

	r->victim = NULL;
	if (err)
		return err;
	err = lookup_one(r->new.dir, r->new.name, r->new.len, locked, &r->victim);
	if (err) {
		r->victim = NULL;
		if (err != -ENOENT) {
			iput(r->what);
			return err;
		}
	}
	return 0;
}

static void rename_forget(struct rename *r)
{
	iput(r->what);
	if (r->victim)
		iput(r->victim);
}

/* What the flags and slashes behind the names ask for. */
static int rename_check_names(const struct rename *r)
{
	bool exchange = r->flags & RENAME_EXCHANGE_;

	if (r->victim && (r->flags & RENAME_NOREPLACE_))
		return -EEXIST;
	if (!r->victim && exchange)
		return -ENOENT;
	if (!mode_is_dir(r->what->mode) && (r->old.trailing || (r->new.trailing && !exchange)))
		return -ENOTDIR;
	return exchange && !mode_is_dir(r->victim->mode) && r->new.trailing ? -ENOTDIR : 0;
}

/* A directory may not move below itself, nor replace one that it lies in. Parents unlocked, rename_lock held. */
static int rename_check_tree(struct rename *r)
{
	int err = rename_find(r, false), below = 0;

	if (err)
		return err;
	err = rename_check_names(r);
	if (!err && mode_is_dir(r->what->mode)) {
		below = is_below(r->what, r->new.dir);
		err = below > 0 ? -EINVAL : below;
	}
	if (!err && r->victim && mode_is_dir(r->victim->mode)) {
		below = is_below(r->victim, r->old.dir);
		err = below > 0 ? (r->flags & RENAME_EXCHANGE_ ? -EINVAL : -ENOTEMPTY) : below;
	}
	rename_forget(r);
	return err;
}

static int rename_check(const struct rename *r)
{
	const struct inode *what = r->what, *victim = r->victim, *od = r->old.dir, *nd = r->new.dir;
	bool exchange = r->flags & RENAME_EXCHANGE_;
	int err = rename_check_names(r);

	if (err)
		return err;
	if (what == od || (victim && victim == nd))
		return tree_damage(what == od ? r->old.dir : r->new.dir, "the directory holds itself");
	if (what == nd)
		return -EINVAL;
	if (victim && victim == od)
		return exchange ? -EINVAL : -ENOTEMPTY;
	if (exchange)
		goto access;
	if (victim && mode_is_dir(what->mode) && !mode_is_dir(victim->mode))
		return -ENOTDIR;
	if (victim && !mode_is_dir(what->mode) && mode_is_dir(victim->mode))
		return -EISDIR;
access:
	if (!od->ops->rename)
		return -EPERM;
	if (exchange && !od->ops->exchange)
		return -EINVAL;
	if (atomic_load(&od->super->readonly))
		return -EROFS;
	if (!may_remove(od, what) || (victim ? !may_remove(nd, victim) : inode_is(nd, INODE_IMMUTABLE)))
		return -EPERM;
	return nd->nlink ? 0 : -ENOENT;
}

/* Both parents locked. */
static int rename_locked(struct rename *r)
{
	const struct inode_ops *ops = r->old.dir->ops;
	int err = rename_check(r);

	if (err || r->what == r->victim)
		return err;
	if (r->victim)
		lock_two(r->what, r->victim);
	else
		mutex_lock(&r->what->lock);
	err = (r->flags & RENAME_EXCHANGE_ ? ops->exchange : ops->rename)(
		r->old.dir, r->old.name, r->old.len, r->what, r->new.dir, r->new.name, r->new.len, r->victim);
	if (!err && r->victim && mode_is_dir(r->victim->mode) && !(r->flags & RENAME_EXCHANGE_))
		keep_parent(r->victim, r->new.dir);
	mutex_unlock(&r->what->lock);
	if (r->victim)
		mutex_unlock(&r->victim->lock);
	return err;
}

static int rename_between(struct rename *r)
{
	struct inode *od = r->old.dir, *nd = r->new.dir;
	bool two = od != nd;
	int err = 0;

	if (two) {
		err = mutex_lock_killable(&od->super->rename_lock);
		if (err)
			return err;
		err = rename_check_tree(r);
	}
	if (!err)
		err = lock_parents(od, nd);
	if (err)
		goto out;
	err = rename_find(r, true);
	if (!err)
		err = rename_locked(r);
	else
		r->what = NULL;
	mutex_unlock(&od->lock);
	if (two)
		mutex_unlock(&nd->lock);
	if (r->what)
		rename_forget(r);
out:
	if (two)
		mutex_unlock(&od->super->rename_lock);
	return err;
}

/* Why nothing is renamed in a directory that takes no names: perhaps there is no such file. */
static int rename_refused(struct rename *r)
{
	int err = rename_find(r, false);

	if (err)
		return err;
	err = r->victim ? rename_check(r) : -ENOENT;
	rename_forget(r);
	return err;
}

static bool special_name(const struct walk_parent *w)
{
	return !w->len || name_is_dot(w->name, w->len) || name_is_dotdot(w->name, w->len);
}

int vfs_rename(struct inode *obase, const char *opath, struct inode *nbase, const char *npath, u32 flags)
{
	struct rename r = {.flags = flags};
	int err;

	if (flags & ~(u32)(RENAME_NOREPLACE_ | RENAME_EXCHANGE_) ||
		flags == (RENAME_NOREPLACE_ | RENAME_EXCHANGE_))
		return -EINVAL;
	err = walk_to_parent(obase, opath, &r.old);
	if (err)
		return err;
	err = walk_to_parent(nbase, npath, &r.new);
	if (err)
		goto out_old;
	if (r.old.dir->super != r.new.dir->super)
		err = -EXDEV;
	else if (special_name(&r.old))
		err = -EBUSY;
	else if (special_name(&r.new))
		err = flags & RENAME_NOREPLACE_ ? -EEXIST : -EBUSY;
	else if (mount_at(r.old.dir, r.old.name, r.old.len) || mount_at(r.new.dir, r.new.name, r.new.len))
		err = -EBUSY;
	else
		err = r.old.dir->ops->rename ? rename_between(&r) : rename_refused(&r);
	iput(r.new.dir);
out_old:
	iput(r.old.dir);
	return err;
}

ssize_t vfs_readlink(struct inode *base, const char *path, char *buf, size_t size)
{
	struct inode *i;
	ssize_t n = vfs_lookup(base, path, false, &i);

	if (n)
		return n;
	n = mode_is_lnk(i->mode) && i->ops->readlink ? i->ops->readlink(i, buf, size) : -EINVAL;
	iput(i);
	return n;
}
