/* SPDX-License-Identifier: MIT */
/*
 * Changes of the name space: create, unlink, rmdir, rename. The VFS has checked types, emptiness aside, and loops, and holds the
 * inode locks of everything involved.
 *
 * Rule: one operation is one handle. An inode that loses its last name is an orphan before the name goes, and iput() of its last reference
 * frees it. What can fail is done first.
 */
#include "fs/ext4/ext4_priv.h"

/* Blocks beside those of ext4_dir_add(). */
#define CREATE_CREDITS 10 /* an inode bitmap; a directory's first block, and the bitmap that it comes from */
#define REMOVE_CREDITS 4  /* the entry's block, the orphan file's */
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

static int create_in(struct journal_handle *h, struct inode *dir, const char *name, size_t len, u32 mode,
	struct ext4_inode *ei)
{
	bool is_dir = mode_is_dir(mode);
	int err = 0;

	if (is_dir) {
		ei->vfs.nlink = 2;
		err = ext4_dir_make(h, ei, (u32)dir->ino);
	} else {
		ext4_store_inode(h, ei);
	}
	if (!err)
		err = ext4_dir_add(h, ext4_inode(dir), name, len, (u32)ei->vfs.ino, mode);
	if (err)
		return err;
	if (is_dir)
		links_inc(dir);
	touch(dir);
	ext4_store_inode(h, ext4_inode(dir));
	return 0;
}

int ext4_create(struct inode *dir, const char *name, size_t len, u32 mode, struct inode **out)
{
	struct journal_handle *h;
	struct ext4_inode *ei;
	int err, stop;

	if (mode_is_dir(mode) && links_full(dir))
		return -EMLINK;
	err = ext4_begin(ext4_fs(dir->super), ext4_dir_credits(ext4_inode(dir)) + CREATE_CREDITS, &h);
	if (err)
		return err;
	err = ext4_alloc_inode(h, dir, mode, &ei);
	if (err) {
		journal_stop(h);
		return err;
	}
	err = create_in(h, dir, name, len, mode, ei);
	stop = journal_stop(h);
	if (err) { /* nobody has seen the inode: it ends like one that was unlinked */
		ei->vfs.nlink = 0;
		ext4_evict(&ei->vfs);
		return err;
	}
	inode_hash(&ei->vfs);
	*out = &ei->vfs;
	return stop;
}

/* The entry `name` of dir, which must name victim. */
static int find_entry(
	struct inode *dir, const char *name, size_t len, const struct inode *victim, struct ext4_where *w)
{
	int err = ext4_dir_find(ext4_inode(dir), name, len, w);

	return !err && ext4_dir_entry(ext4_inode(dir), w)->inode != victim->ino ? -ENOENT : err;
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

static int remove_name(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	struct ext4_where w;
	struct journal_handle *h;
	int err = find_entry(dir, name, len, victim, &w), stop;

	if (!err)
		err = ext4_begin(ext4_fs(dir->super), REMOVE_CREDITS, &h);
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

int ext4_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	return remove_name(dir, name, len, victim);
}

/* 0, -ENOTEMPTY, or damage. */
static int must_be_empty(struct inode *dir)
{
	int empty = ext4_dir_empty(ext4_inode(dir));

	return empty < 0 ? empty : empty ? 0 : -ENOTEMPTY;
}

int ext4_rmdir(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	int err = must_be_empty(victim);

	return err ? err : remove_name(dir, name, len, victim);
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

int ext4_rename(struct inode *odir, const char *oname, size_t olen, struct inode *what, struct inode *ndir,
	const char *nname, size_t nlen, struct inode *victim)
{
	struct ext4_where w;
	struct journal_handle *h;
	int err = find_entry(odir, oname, olen, what, &w), stop;

	if (!err && victim && mode_is_dir(victim->mode))
		err = must_be_empty(victim);
	if (!err && mode_is_dir(what->mode) && odir != ndir && !victim && links_full(ndir))
		err = -EMLINK;
	if (!err)
		err = ext4_begin(
			ext4_fs(odir->super), ext4_dir_credits(ext4_inode(ndir)) + RENAME_CREDITS, &h);
	if (err)
		return err;
	err = rename_in(h, odir, oname, olen, what, ndir, nname, nlen, victim);
	inode_touch(what, INODE_CTIME);
	ext4_store_inode(h, ext4_inode(what));
	touch(odir);
	ext4_store_inode(h, ext4_inode(odir));
	if (odir != ndir) {
		touch(ndir);
		ext4_store_inode(h, ext4_inode(ndir));
	}
	stop = journal_stop(h);
	return err ? err : stop;
}
