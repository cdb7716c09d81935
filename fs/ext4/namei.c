/* SPDX-License-Identifier: MIT */
/*
 * Changes of the name space: create, symlink, link, unlink, rmdir, rename, exchange. The VFS has checked types, emptiness aside, and loops, and holds the
 * inode locks of everything involved.
 *
 * Rule: one operation is one handle. An inode that loses its last name is an orphan before the name goes, and iput() of its last reference
 * frees it. What can fail is done first. What finds no block is tried again after a commit, which makes freed ones available.
 */
#include "fs/ext4/ext4_priv.h"

/* Blocks beside those of ext4_dir_add(). */
#define CREATE_CREDITS 11 /* an inode bitmap; a directory's first block, and its bitmap; an orphan's record */
#define REMOVE_CREDITS 4  /* the entry's block, the orphan file's */
#define LINK_CREDITS 2    /* the inodes */
#define RENAME_CREDITS 6  /* the same twice, and that of ".." */

static void touch(struct inode *i)
{
	inode_touch(i, INODE_MTIME | INODE_CTIME);
}

/* Links of a directory: past the limit, where the feature allows it, 1 says "many". */
static bool links_full(struct inode *dir)
{
	return dir->nlink >= EXT4_LINK_MAX && !ext4_has_ro(ext4_fs(dir->super), EXT4_RO_DIR_NLINK);
}

static void links_inc(struct inode *dir)
{
	if (dir->nlink != 1)
		dir->nlink = dir->nlink >= EXT4_LINK_MAX ? 1 : dir->nlink + 1;
}

static void links_dec(struct inode *dir)
{
	if (dir->nlink > 2)
		dir->nlink--;
}

/* What a new inode is: its mode, a device's number, and where a symbolic link leads. */
struct new_inode {
	u32 mode, rdev;
	const char *target; /* of target_len bytes; NULL: no link */
	size_t target_len;
};

/* Short targets stand in the inode where the extent tree would be; longer ones in a block. */
static int store_target(struct journal_handle *h, struct ext4_inode *ei, const struct new_inode *n)
{
	u64 block;
	void *data;
	int err;

	inode_set_size(&ei->vfs, n->target_len);
	rwsem_write_lock(&ei->map_lock);
	if (n->target_len < sizeof(ei->raw->i_block)) {
		memcpy(ei->raw->i_block, n->target, n->target_len);
		rwsem_write_unlock(&ei->map_lock);
		return 0;
	}
	ei->raw->i_flags |= EXT4_EXTENTS_FL;
	ext4_init_root(ei);
	rwsem_write_unlock(&ei->map_lock);
	err = ext4_map_new(h, ei, 0, &block);
	if (!err)
		err = journal_get_create(h, block, &data);
	if (err)
		return err;
	memcpy(data, n->target, n->target_len);
	journal_dirty(h, block);
	return 0;
}

/* Linux's number; what fits 8 bits of major and minor each stands in the old place, in the old form, which is the same. */
static void store_rdev(struct ext4_inode *ei, u32 rdev)
{
	ei->vfs.rdev = rdev;
	rwsem_write_lock(&ei->map_lock);
	ei->raw->i_block[rdev > 0xffff] = rdev;
	rwsem_write_unlock(&ei->map_lock);
}

static int create_in(struct journal_handle *h, struct inode *dir, const char *name, size_t len,
	const struct new_inode *n, struct ext4_inode *ei)
{
	bool is_dir = mode_is_dir(n->mode);
	int err = 0;

	if (is_dir) {
		ei->vfs.nlink = 2;
		err = ext4_dir_make(h, ei, (u32)dir->ino);
	} else {
		if (n->target)
			err = store_target(h, ei, n);
		else if (n->rdev)
			store_rdev(ei, n->rdev);
		ext4_store_inode(h, ei);
	}
	if (!err)
		err = ext4_dir_add(h, ext4_inode(dir), name, len, (u32)ei->vfs.ino, n->mode);
	if (err)
		return err;
	if (is_dir)
		links_inc(dir);
	touch(dir);
	ext4_store_inode(h, ext4_inode(dir));
	return 0;
}

static int create_once(
	struct inode *dir, const char *name, size_t len, const struct new_inode *n, struct inode **out)
{
	struct journal_handle *h;
	struct ext4_inode *ei;
	int err, stop;

	err = ext4_begin(ext4_fs(dir->super), ext4_dir_credits(ext4_inode(dir)) + CREATE_CREDITS, &h);
	if (err)
		return err;
	err = ext4_alloc_inode(h, dir, n->mode, &ei);
	if (err) {
		journal_stop(h);
		return err;
	}
	err = create_in(h, dir, name, len, n, ei);
	if (err) { /* nobody has seen the inode: it ends like one that was unlinked */
		ei->vfs.nlink = 0;
		ext4_orphan_add_handle(h, ei);
		ext4_store_inode(h, ei);
	}
	stop = journal_stop(h);
	if (err) {
		ext4_evict(&ei->vfs);
		return err;
	}
	inode_hash(&ei->vfs);
	*out = &ei->vfs;
	return stop;
}

static int create_node(
	struct inode *dir, const char *name, size_t len, const struct new_inode *n, struct inode **out)
{
	bool tried = false;
	int err;

	do {
		err = create_once(dir, name, len, n, out);
	} while (unlikely(err) && ext4_retry(ext4_fs(dir->super), err, &tried));
	return err;
}

int ext4_create(struct inode *dir, const char *name, size_t len, u32 mode, u32 rdev, struct inode **out)
{
	if (mode_is_dir(mode) && links_full(dir))
		return -EMLINK;
	return create_node(dir, name, len, &(struct new_inode){.mode = mode, .rdev = rdev}, out);
}

int ext4_symlink(struct inode *dir, const char *name, size_t len, const char *target, size_t tlen)
{
	struct new_inode n = {.mode = S_IFLNK_ | 0777, .target = target, .target_len = tlen};
	struct inode *i;
	int err;

	if (tlen >= EXT4_BLOCK_SIZE)
		return -ENAMETOOLONG;
	if (tlen >= sizeof(((struct ext4_disk_inode *)0)->i_block) &&
		!ext4_has_incompat(ext4_fs(dir->super), EXT4_INCOMPAT_EXTENTS))
		return -EOPNOTSUPP;
	err = create_node(dir, name, len, &n, &i);
	if (!err)
		iput(i);
	return err;
}

static int link_once(struct inode *dir, const char *name, size_t len, struct inode *i)
{
	struct journal_handle *h;
	int err, stop;

	err = ext4_begin(ext4_fs(dir->super), ext4_dir_credits(ext4_inode(dir)) + LINK_CREDITS, &h);
	if (err)
		return err;
	err = ext4_dir_add(h, ext4_inode(dir), name, len, (u32)i->ino, i->mode);
	if (!err) {
		i->nlink++;
		inode_touch(i, INODE_CTIME);
		ext4_store_inode(h, ext4_inode(i));
		touch(dir);
		ext4_store_inode(h, ext4_inode(dir));
	}
	stop = journal_stop(h);
	return err ? err : stop;
}

int ext4_link(struct inode *dir, const char *name, size_t len, struct inode *i)
{
	bool tried = false;
	int err;

	if (i->nlink >= EXT4_LINK_MAX)
		return -EMLINK;
	do {
		err = link_once(dir, name, len, i);
	} while (unlikely(err) && ext4_retry(ext4_fs(dir->super), err, &tried));
	return err;
}

/* The entry `name` of dir, which must name victim. */
static int find_entry(
	struct inode *dir, const char *name, size_t len, const struct inode *victim, struct ext4_where *w)
{
	int err = ext4_dir_find(ext4_inode(dir), name, len, w);

	return !err && w->ino != victim->ino ? -ENOENT : err;
}

/* One name less; the last one makes it an orphan. */
static int drop_link(struct journal_handle *h, struct inode *i)
{
	bool last = mode_is_dir(i->mode) || i->nlink <= 1;
	int err = 0;

	if (last && ext4_is_block_mapped(ext4_inode(i)))
		return -EOPNOTSUPP;
	if (last)
		err = ext4_orphan_add_handle(h, ext4_inode(i));
	if (err)
		return err;
	i->nlink = last ? 0 : i->nlink - 1;
	inode_touch(i, INODE_CTIME);
	ext4_store_inode(h, ext4_inode(i));
	return 0;
}

int ext4_unlink(struct inode *dir, const struct dir_name *n, struct inode *victim)
{
	struct ext4_where w = {n->at[0], (u32)(n->at[1] >> 32), (u32)n->at[1], (u32)n->ino};
	struct journal_handle *h;
	int err = ext4_begin(ext4_fs(dir->super), REMOVE_CREDITS, &h), stop;

	if (err)
		return err;
	err = drop_link(h, victim);
	if (!err)
		err = ext4_dir_remove(h, ext4_inode(dir), &w);
	if (!err) {
		if (mode_is_dir(victim->mode))
			links_dec(dir);
		touch(dir);
		ext4_store_inode(h, ext4_inode(dir));
	}
	stop = journal_stop(h);
	return err ? err : stop;
}

/* 0, -ENOTEMPTY, or damage. */
static int must_be_empty(struct inode *dir)
{
	int empty = ext4_dir_empty(ext4_inode(dir));

	return empty < 0 ? empty : empty ? 0 : -ENOTEMPTY;
}

int ext4_rmdir(struct inode *dir, const struct dir_name *n, struct inode *victim)
{
	int err = must_be_empty(victim);

	return err ? err : ext4_unlink(dir, n, victim);
}

/* Where the entry ".." of a directory stands. */
static int find_dotdot(struct inode *dir, struct ext4_where *w)
{
	int err = ext4_dir_find(ext4_inode(dir), "..", 2, w);

	return err == -ENOENT ? ext4_damage(ext4_fs(dir->super), dir->ino, "the directory has no \"..\"")
			      : err;
}

/* The new name first, then the old one away: a crash in between leaves two names, not none. */
static int rename_in(struct journal_handle *h, struct inode *odir, const char *oname, size_t olen,
	struct inode *what, struct inode *ndir, const char *nname, size_t nlen, struct inode *victim)
{
	bool moves_up = mode_is_dir(what->mode) && odir != ndir; /* it gets another ".." */
	struct ext4_where w, dotdot;
	int err = moves_up ? find_dotdot(what, &dotdot) : 0;

	if (err)
		return err;

	if (victim) {
		err = ext4_dir_find(ext4_inode(ndir), nname, nlen, &w);
		if (!err)
			err = drop_link(h, victim);
		if (!err)
			err = ext4_dir_set(h, ext4_inode(ndir), &w, (u32)what->ino, what->mode);
		if (!err && mode_is_dir(victim->mode))
			links_dec(ndir);
	} else {
		err = ext4_dir_add(h, ext4_inode(ndir), nname, nlen, (u32)what->ino, what->mode);
	}
	if (err)
		return err;
	err = ext4_dir_find(
		ext4_inode(odir), oname, olen, &w); /* it may have moved when the new one came in */
	if (!err)
		err = ext4_dir_remove(h, ext4_inode(odir), &w);
	if (!err && moves_up) {
		err = ext4_dir_set(h, ext4_inode(what), &dotdot, (u32)ndir->ino, S_IFDIR_);
		links_dec(odir);
		links_inc(ndir);
	}
	return err;
}

static int rename_once(struct inode *odir, const char *oname, size_t olen, struct inode *what,
	struct inode *ndir, const char *nname, size_t nlen, struct inode *victim)
{
	struct journal_handle *h;
	int err = ext4_begin(ext4_fs(odir->super), ext4_dir_credits(ext4_inode(ndir)) + RENAME_CREDITS, &h),
	    stop;

	if (err)
		return err;
	err = rename_in(h, odir, oname, olen, what, ndir, nname, nlen, victim);
	if (err != -ENOSPC) { /* then nothing has changed */
		inode_touch(what, INODE_CTIME);
		ext4_store_inode(h, ext4_inode(what));
		touch(odir);
		ext4_store_inode(h, ext4_inode(odir));
		if (odir != ndir) {
			touch(ndir);
			ext4_store_inode(h, ext4_inode(ndir));
		}
	}
	stop = journal_stop(h);
	return err ? err : stop;
}

int ext4_rename(struct inode *odir, const char *oname, size_t olen, struct inode *what, struct inode *ndir,
	const char *nname, size_t nlen, struct inode *victim)
{
	struct ext4_where w;
	bool tried = false;
	int err = find_entry(odir, oname, olen, what, &w);

	if (!err && victim && mode_is_dir(victim->mode))
		err = must_be_empty(victim);
	if (!err && mode_is_dir(what->mode) && odir != ndir && !victim && links_full(ndir))
		err = -EMLINK;
	if (err)
		return err;
	do {
		err = rename_once(odir, oname, olen, what, ndir, nname, nlen, victim);
	} while (unlikely(err) && ext4_retry(ext4_fs(odir->super), err, &tried));
	return err;
}

/* The parent that has one directory more below it after an exchange; NULL: neither. */
static struct inode *gains_link(
	struct inode *odir, const struct inode *what, struct inode *ndir, const struct inode *other)
{
	if (odir == ndir || mode_is_dir(what->mode) == mode_is_dir(other->mode))
		return NULL;
	return mode_is_dir(what->mode) ? ndir : odir;
}

static int exchange_in(struct journal_handle *h, struct inode *odir, struct ext4_where *ow,
	struct inode *what, struct inode *ndir, struct ext4_where *nw, struct inode *other)
{
	bool what_up = mode_is_dir(what->mode) && odir != ndir,
	     other_up = mode_is_dir(other->mode) && odir != ndir;
	struct inode *gains = gains_link(odir, what, ndir, other);
	struct ext4_where what_dotdot, other_dotdot;
	int err = what_up ? find_dotdot(what, &what_dotdot) : 0;

	if (!err && other_up)
		err = find_dotdot(other, &other_dotdot);
	if (!err)
		err = ext4_dir_set(h, ext4_inode(ndir), nw, (u32)what->ino, what->mode);
	if (!err)
		err = ext4_dir_set(h, ext4_inode(odir), ow, (u32)other->ino, other->mode);
	if (!err && what_up)
		err = ext4_dir_set(h, ext4_inode(what), &what_dotdot, (u32)ndir->ino, S_IFDIR_);
	if (!err && other_up)
		err = ext4_dir_set(h, ext4_inode(other), &other_dotdot, (u32)odir->ino, S_IFDIR_);
	if (!err && gains) {
		links_dec(gains == ndir ? odir : ndir);
		links_inc(gains);
	}
	return err;
}

int ext4_exchange(struct inode *odir, const char *oname, size_t olen, struct inode *what, struct inode *ndir,
	const char *nname, size_t nlen, struct inode *other)
{
	struct ext4_where ow, nw;
	struct journal_handle *h;
	struct inode *changed[] = {what, other, odir, ndir}, *gains = gains_link(odir, what, ndir, other);
	int err = find_entry(odir, oname, olen, what, &ow), stop;

	if (!err)
		err = find_entry(ndir, nname, nlen, other, &nw);
	if (!err && gains && links_full(gains))
		err = -EMLINK;
	if (!err)
		err = ext4_begin(ext4_fs(odir->super), 2 * RENAME_CREDITS, &h);
	if (err)
		return err;
	err = exchange_in(h, odir, &ow, what, ndir, &nw, other);
	for (unsigned k = 0; k < ARRAY_SIZE(changed); k++) {
		inode_touch(changed[k], k < 2 ? INODE_CTIME : INODE_MTIME | INODE_CTIME);
		ext4_store_inode(h, ext4_inode(changed[k]));
	}
	stop = journal_stop(h);
	return err ? err : stop;
}
