/* SPDX-License-Identifier: MIT */
/*
 * Listing a directory.
 *
 * Rule: entries are listed by the hash of their names, major and minor, and the position is that hash; so a name that stays is seen exactly once,
 * whatever comes, goes and moves to another block meanwhile. A directory of one block is listed the same way, because its
 * next block makes it an indexed one. "." and ".." stand before all names. Names that agree in all 63 bits are listed in the
 * order of their bytes; between two of them the position alone does not say where the reader is, and the tie does.
 *
 * Where there is no index and never will be (several blocks already, or a file system without dir_index) entries do not move: there
 * the position is the place.
 *
 * A batch: the BATCH first entries behind the cursor are gathered, by a heap, from the leaves that can hold the cursor's hash; all hashes up to
 * the next leaf's are covered then. Each batch moves the cursor on, on a damaged index too, and memory is one page whatever the directory holds.
 *
 * Locks: the directory's inode lock, held by the caller.
 */
#include "fs/ext4/htree.h"
#include "mm/kmem.h"

#define BATCH 216     /* entries; one of them is looked at only to see what follows */
#define FIRST_NAME 2u /* position; 0 is ".", 1 is ".." */

struct found {
	u64 at;
	const struct ext4_dirent *de;
};

struct reader {
	struct ext4_inode *dir;
	bool indexed;
	u32 version; /* of hashes */
	struct dir_tie
		up; /* the cursor: all before this name are done, and it, too. len 0: nothing of this position */
	u64 end;    /* first position that the batch does not reach */
	bool more; /* there were too many for it */
	u32 n;
	struct found found[BATCH]; /* a heap, the last entry on top */
};
_Static_assert(sizeof(struct reader) <= PAGE_SIZE, "one page");

static u64 position(u32 major, u32 minor)
{
	return MAX((u64)(major >> 1) << 32 | minor, (u64)FIRST_NAME);
}

/* Does (at, name) come before f? */
static bool before(u64 at, const char *name, u32 len, const struct found *f)
{
	int order;

	if (at != f->at)
		return at < f->at;
	order = memcmp(name, f->de->name, MIN(len, (u32)f->de->name_len));
	return order ? order < 0 : len < f->de->name_len;
}

static bool found_before(const struct found *a, const struct found *b)
{
	return before(a->at, a->de->name, a->de->name_len, b);
}

static void swap(struct found *a, struct found *b)
{
	struct found t = *a;

	*a = *b;
	*b = t;
}

/* Entry 0 of n sinks to where both below it come before it. */
static void sink(struct found *f, u32 n)
{
	for (u32 k = 0, low; (low = 2 * k + 1) < n; k = low) {
		if (low + 1 < n && found_before(&f[low], &f[low + 1]))
			low++;
		if (!found_before(&f[k], &f[low]))
			return;
		swap(&f[k], &f[low]);
	}
}

/* Takes an entry if it belongs to the batch: behind the cursor, among the BATCH first ones. */
static void offer(struct reader *r, u64 at, const struct ext4_dirent *de)
{
	struct found f = {at, de};

	if (at >= r->end || !before(r->up.at, r->up.name, r->up.len, &f))
		return;
	if (r->n == BATCH) {
		r->more = true;
		if (found_before(&f, &r->found[0])) {
			r->found[0] = f;
			sink(r->found, BATCH);
		}
		return;
	}
	r->found[r->n] = f;
	for (u32 k = r->n++; k && found_before(&r->found[(k - 1) / 2], &r->found[k]); k = (k - 1) / 2)
		swap(&r->found[k], &r->found[(k - 1) / 2]);
}

static void sort(struct reader *r)
{
	for (u32 n = r->n; n > 1; n--) {
		swap(&r->found[0], &r->found[n - 1]);
		sink(r->found, n - 1);
	}
}

/* The names of a block, whose hashes lie in [first, last]. */
static int scan(struct reader *r, u32 lblk, const void *data, u32 first, u32 last)
{
	const struct ext4_fs *fs = ext4_fs_of(r->dir);
	u32 next = 0, limit = ext4_dir_limit(fs), major, minor;
	const struct ext4_dirent *de;

	while ((de = ext4_next_entry(data, limit, &next))) {
		if (!de->inode)
			continue;
		if (ext4_is_dots(de->name, de->name_len)) {
			if (!r->indexed)
				offer(r, de->name_len - 1u, de);
			continue;
		}
		if (!ext4_hash(fs, r->version, de->name, de->name_len, &major, &minor))
			return ext4_dx_damage(r->dir, 0);
		if (major < first || major > last)
			return ext4_dx_leaf_damage(r->dir, lblk);
		offer(r, position(major, minor), de);
	}
	return next == limit ? 0 : ext4_entry_damage(r->dir, lblk);
}

/* The leaf at the end of the way; `next`: hash of the one behind it, 0: none. */
static int scan_leaf(struct reader *r, struct ext4_way *w, u32 next)
{
	u32 first = ext4_way_first_hash(w) & ~EXT4_HASH_GOES_ON,
	    last = next & EXT4_HASH_GOES_ON ? next : next - 1;
	struct ext4_where leaf;
	const void *data;
	int err = ext4_way_leaf(r->dir, w, &leaf, &data);

	return err ? err : scan(r, leaf.lblk, data, first, last);
}

static int gather_indexed(struct reader *r)
{
	u32 major = (u32)(r->up.at >> 32) << 1, next;
	struct ext4_way w;
	const char *root;
	int err = ext4_way_start(r->dir, &w);

	if (err)
		return err;
	r->version = w.version;
	root = ext4_read(ext4_fs_of(r->dir), w.frame[0].block);
	offer(r, 0, (const struct ext4_dirent *)root);
	offer(r, 1, (const struct ext4_dirent *)(root + EXT4_DX_DOTDOT));
	err = ext4_way_seek(r->dir, major, &w);
	if (err)
		return err;
	do { /* the last leaf of these says how far the batch reaches */
		next = ext4_way_next_hash(&w);
		if (next && next <= major)
			return ext4_dx_damage(r->dir, 0);
		if (next > (major | EXT4_HASH_GOES_ON))
			r->end = position(next, 0);
		err = scan_leaf(r, &w, next);
		if (!err)
			err = ext4_way_next(r->dir, &w);
	} while (err > 0);
	return err;
}

static int gather(struct reader *r)
{
	const void *data;
	u64 block;
	int err;

	r->n = 0;
	r->more = false;
	r->end = DIR_END;
	if (r->indexed)
		return gather_indexed(r);
	err = ext4_dir_block(r->dir, 0, &block, &data);
	return err ? err : scan(r, 0, data, 0, ~0u);
}

static u8 dt_type(const struct ext4_fs *fs, const struct ext4_dirent *de)
{
	static const u8 dt[] = {DT_UNKNOWN_, DT_REG_, DT_DIR_, DT_CHR_, DT_BLK_, DT_FIFO_, DT_SOCK_, DT_LNK_};

	if (!ext4_has_incompat(fs, EXT4_INCOMPAT_FILETYPE) || de->file_type >= ARRAY_SIZE(dt))
		return DT_UNKNOWN_;
	return dt[de->file_type];
}

static void set_tie(struct dir_tie *tie, const struct found *f)
{
	tie->at = f->at;
	tie->len = f->de->name_len;
	memcpy(tie->name, f->de->name, tie->len);
}

/* Lists what was gathered, and moves the cursor. */
static int emit(struct reader *r, struct dir_pos *pos, readdir_fn fn, void *arg)
{
	const struct ext4_fs *fs = ext4_fs_of(r->dir);
	u32 n = r->more ? r->n - 1 : r->n;

	sort(r);
	for (u32 k = 0; k < n; k++) {
		const struct found *f = &r->found[k];
		bool tie = k + 1 < r->n && f[1].at == f->at;
		u64 next = tie ? f->at : f->at + 1;
		int err;

		if (tie && !pos->tie && !(pos->tie = kzalloc(sizeof(*pos->tie))))
			return -ENOMEM;
		err = fn(arg, f->de->name, f->de->name_len, f->de->inode, dt_type(fs, f->de), next);
		if (err)
			return err;
		pos->at = next;
		if (tie)
			set_tie(pos->tie, f);
		else if (pos->tie)
			pos->tie->len = 0;
	}
	if (r->more) {
		set_tie(&r->up, &r->found[n - 1]);
	} else {
		pos->at = r->up.at = r->end;
		r->up.len = 0;
	}
	return 0;
}

static int list_by_hash(struct ext4_inode *dir, struct dir_pos *pos, readdir_fn fn, void *arg)
{
	struct ext4_fs *fs = ext4_fs_of(dir);
	struct reader *r = kmalloc(sizeof(*r));
	int err = 0;

	if (!r)
		return -ENOMEM;
	r->dir = dir;
	r->indexed = ext4_dir_indexed(dir);
	r->version = ext4_hash_version(fs);
	r->up.at = pos->at;
	r->up.len = 0;
	if (pos->tie && pos->tie->at == pos->at)
		r->up = *pos->tie;
	while (!err && r->up.at < DIR_END) {
		struct journal_reader jr;

		journal_read_begin(fs->journal, &jr);
		err = gather(r);
		if (!err)
			err = emit(r, pos, fn, arg);
		journal_read_end(&jr);
	}
	kfree(r);
	return err;
}

/* Entries of one block from offset `from` on, wherever entries start now. */
static int list_block(struct ext4_inode *dir, u32 lblk, u32 from, u64 *at, readdir_fn fn, void *arg)
{
	const struct ext4_fs *fs = ext4_fs_of(dir);
	const struct ext4_dirent *de;
	u32 off = 0, next = 0, limit;
	const void *data;
	u64 block;
	int err = ext4_dir_block(dir, lblk, &block, &data);

	if (err)
		return err;
	limit = ext4_block_limit(dir, lblk, data);
	for (; (de = ext4_next_entry(data, limit, &next)); off = next) {
		u64 next_at = (u64)lblk * EXT4_BLOCK_SIZE + next;

		if (off < from || !de->inode)
			continue;
		err = fn(arg, de->name, de->name_len, de->inode, dt_type(fs, de), next_at);
		if (err)
			return err;
		*at = next_at;
	}
	return off == limit ? 0 : ext4_entry_damage(dir, lblk);
}

/* By place, from block and offset *at on. */
static int list_blocks(struct ext4_inode *dir, u32 nr, u64 *at, readdir_fn fn, void *arg)
{
	while (*at / EXT4_BLOCK_SIZE < nr) {
		u32 lblk = (u32)(*at / EXT4_BLOCK_SIZE);
		struct journal_reader r;
		int err;

		journal_read_begin(ext4_fs_of(dir)->journal, &r);
		err = list_block(dir, lblk, (u32)(*at % EXT4_BLOCK_SIZE), at, fn, arg);
		journal_read_end(&r);
		if (err)
			return err;
		*at = ((u64)lblk + 1) * EXT4_BLOCK_SIZE;
	}
	return 0;
}

int ext4_readdir(struct inode *i, struct dir_pos *pos, readdir_fn fn, void *arg)
{
	struct ext4_inode *dir = ext4_inode(i);
	u32 nr = ext4_dir_blocks(dir);

	if (!nr)
		return -EUCLEAN;
	if (ext4_has_compat(ext4_fs_of(dir), EXT4_COMPAT_DIR_INDEX) && (nr == 1 || ext4_dir_indexed(dir)))
		return list_by_hash(dir, pos, fn, arg);
	return list_blocks(dir, nr, &pos->at, fn, arg);
}

static int not_dots(
	void *arg UNUSED, const char *name, size_t len, u64 ino UNUSED, u8 type UNUSED, u64 next UNUSED)
{
	return !ext4_is_dots(name, len);
}

/* By place, whatever an index says: what it does not lead to would be lost with the directory. */
int ext4_dir_empty(struct ext4_inode *dir)
{
	u32 nr = ext4_dir_blocks(dir);
	u64 at = 0;
	int ret = nr ? list_blocks(dir, nr, &at, not_dots, NULL) : -EUCLEAN;

	return ret < 0 ? ret : !ret;
}
