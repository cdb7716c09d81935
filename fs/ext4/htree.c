/* SPDX-License-Identifier: MIT */
/*
 * The index of a directory: a tree of name hashes above the blocks of entries, and the ways through it; clients: dir.c, readdir.c.
 *
 * Rule: the entries of an index block ascend by hash. Entry k covers hashes from its own up to that of entry k + 1; the
 * first entry of a block has no hash of its own and starts where its block does. Names of one hash may go on in the next
 * leaf: then that leaf's hash has bit 0 set. The root is block 0, at most one level of index blocks is between it and the
 * leaves. Changes: htree_edit.c.
 * Kernel documentation, "ext4: Hash Tree Directories".
 *
 * Locks: the directory's inode lock, held by every caller.
 */
#include "fs/ext4/htree.h"

bool ext4_dir_indexed(const struct ext4_inode *dir)
{
	return (dir->raw->i_flags & EXT4_INDEX_FL) && ext4_has_compat(ext4_fs_of(dir), EXT4_COMPAT_DIR_INDEX);
}

static bool root_ok(const void *data)
{
	const struct ext4_dirent *dot = data, *dotdot = (const void *)((const char *)data + EXT4_DX_DOTDOT);
	const struct ext4_dx_root_info *info = ext4_dx_info(data);

	return dot->rec_len == EXT4_DX_DOTDOT && dot->name_len == 1 && dot->name[0] == '.' &&
		dotdot->rec_len == EXT4_BLOCK_SIZE - EXT4_DX_DOTDOT && dotdot->name_len == 2 &&
		dotdot->name[0] == '.' && dotdot->name[1] == '.' && info->info_length == sizeof(*info) &&
		info->indirect_levels < EXT4_DX_LEVELS && !(info->unused_flags & 1);
}

static bool node_ok(const void *data)
{
	const struct ext4_dirent *de = data;

	return !de->inode && de->rec_len == EXT4_BLOCK_SIZE && !de->name_len;
}

u32 ext4_dx_entries(const struct ext4_inode *dir, u32 lblk, const void *data)
{
	u32 offset = lblk ? EXT4_DX_NODE_ENTRIES : EXT4_DX_ROOT_ENTRIES;
	const struct ext4_dx_countlimit *cl = (const void *)((const char *)data + offset);

	if (!ext4_dir_indexed(dir) || !(lblk ? node_ok(data) : root_ok(data)))
		return 0;
	return cl->limit == ext4_dx_limit(ext4_fs_of(dir), offset) && cl->count && cl->count <= cl->limit
		? offset
		: 0;
}

int ext4_dx_damage(struct ext4_inode *dir, u32 lblk)
{
	return ext4_damage(
		ext4_fs_of(dir), dir->vfs.ino, "the index of the directory is damaged at block %u", lblk);
}

/* Reads an index block, and stands at its first entry. */
static int load_frame(struct ext4_inode *dir, u32 lblk, struct ext4_frame *f)
{
	const struct ext4_dx_countlimit *cl;
	const void *data;
	int err = ext4_dir_block(dir, lblk, &f->block, &data);

	if (err)
		return err;
	f->lblk = lblk;
	f->offset = ext4_dx_entries(dir, lblk, data);
	if (!f->offset)
		return ext4_dx_damage(dir, lblk);
	cl = (const void *)((const char *)data + f->offset);
	f->entry = (const void *)cl;
	f->count = cl->count;
	f->limit = cl->limit;
	f->pos = 0;
	return 0;
}

/* Goes to the last entry whose hash is not above `hash`. */
static void seek_hash(struct ext4_frame *f, u32 hash)
{
	u32 lo = 1, hi = f->count;

	while (lo < hi) { /* first entry above hash */
		u32 mid = lo + (hi - lo) / 2;

		if (f->entry[mid].hash > hash)
			hi = mid;
		else
			lo = mid + 1;
	}
	f->pos = lo - 1;
}

static u32 child(const struct ext4_frame *f)
{
	return f->entry[f->pos].block & EXT4_DX_BLOCK_MASK;
}

int ext4_way_start(struct ext4_inode *dir, struct ext4_way *w)
{
	const struct ext4_dx_root_info *info;
	int err = load_frame(dir, 0, &w->frame[0]);

	if (err)
		return err;
	info = ext4_dx_info(ext4_read(ext4_fs_of(dir), w->frame[0].block));
	w->levels = info->indirect_levels + 1u;
	w->version = info->hash_version;
	return 0;
}

int ext4_way_seek(struct ext4_inode *dir, u32 hash, struct ext4_way *w)
{
	w->hash = hash;
	seek_hash(&w->frame[0], hash);
	for (u32 k = 1; k < w->levels; k++) {
		int err = load_frame(dir, child(&w->frame[k - 1]), &w->frame[k]);

		if (err)
			return err;
		seek_hash(&w->frame[k], hash);
	}
	return 0;
}

int ext4_way_find(struct ext4_inode *dir, const char *name, size_t len, struct ext4_way *w)
{
	int err = ext4_way_start(dir, w);
	u32 hash;

	if (err)
		return err;
	if (!ext4_hash(ext4_fs_of(dir), w->version, name, len, &hash, NULL))
		return ext4_dx_damage(dir, 0);
	return ext4_way_seek(dir, hash, w);
}

u32 ext4_way_first_hash(const struct ext4_way *w)
{
	for (u32 k = w->levels; k--;)
		if (w->frame[k].pos)
			return w->frame[k].entry[w->frame[k].pos].hash;
	return 0;
}

u32 ext4_way_next_hash(const struct ext4_way *w)
{
	for (u32 k = w->levels; k--;)
		if (w->frame[k].pos + 1 < w->frame[k].count)
			return w->frame[k].entry[w->frame[k].pos + 1].hash;
	return 0;
}

int ext4_way_next(struct ext4_inode *dir, struct ext4_way *w)
{
	u32 k = w->levels - 1;

	if (ext4_way_next_hash(w) != (w->hash | EXT4_HASH_GOES_ON))
		return 0;
	while (w->frame[k].pos + 1 == w->frame[k].count)
		k--;
	w->frame[k].pos++;
	while (++k < w->levels) {
		int err = load_frame(dir, child(&w->frame[k - 1]), &w->frame[k]);

		if (err)
			return err;
	}
	return 1;
}

int ext4_way_leaf(struct ext4_inode *dir, struct ext4_way *w, struct ext4_where *leaf, const void **data)
{
	leaf->lblk = child(ext4_way_end(w));
	for (u32 k = 0; k < w->levels; k++)
		if (leaf->lblk == w->frame[k].lblk)
			return ext4_dx_damage(dir, leaf->lblk);
	return ext4_dir_block(dir, leaf->lblk, &leaf->block, data);
}

int ext4_dx_leaf_damage(struct ext4_inode *dir, u32 lblk)
{
	return ext4_damage(
		ext4_fs_of(dir), dir->vfs.ino, "block %u of the directory does not fit its index", lblk);
}

int ext4_htree_find(struct ext4_inode *dir, const char *name, size_t len, struct ext4_where *where)
{
	u32 limit = ext4_dir_limit(ext4_fs_of(dir));
	bool damaged = false;
	const void *data;
	struct ext4_way w;
	int err = ext4_way_find(dir, name, len, &w);

	if (err)
		return err;
	if (ext4_is_dots(name, len)) {
		*where = (struct ext4_where){.block = w.frame[0].block, .off = len == 1 ? 0 : EXT4_DX_DOTDOT};
		return 0;
	}
	do {
		err = ext4_way_leaf(dir, &w, where, &data);
		if (err)
			return err;
		if (ext4_block_find(data, limit, name, len, &where->off, &damaged))
			return 0;
		if (damaged)
			return ext4_dx_leaf_damage(dir, where->lblk);
		err = ext4_way_next(dir, &w);
	} while (err > 0);
	return err ? err : -ENOENT;
}
