/* SPDX-License-Identifier: MIT */
/*
 * Directories as blocks of entries; clients: namei.c, htree.c, readdir.c, inode.c (the operations of directories).
 *
 * Rule: the entries of a block follow each other without gaps up to its limit: the block's end, or its checksum tail.
 * An entry without an inode is free space, and so is what an entry has behind its name. An index block keeps this form
 * too: it looks like a block with nothing in it, block 0 like one with "." and "..". ext4_next_entry() checks each
 * entry's shape at every step; names and inode numbers are checked once, with the checksum. Adding an entry never moves
 * another in a directory of several blocks without index: readdir.c builds on that.
 *
 * Locks: the directory's inode lock, held by every caller; changes inside a handle.
 */
#include "fs/ext4/ext4_priv.h"

#define ENTRY_MIN 12u
#define DIR_BLOCKS_MAX ((1u << 20) - 1) /* a directory's size has 32 bits */

struct ext4_dirent *ext4_next_entry(const void *block, u32 limit, u32 *off)
{
	struct ext4_dirent *de = (struct ext4_dirent *)((char *)block + *off);

	if (*off >= limit || limit - *off < ENTRY_MIN)
		return NULL;
	if (de->rec_len < ENTRY_MIN || de->rec_len % 4 || de->rec_len > limit - *off)
		return NULL;
	if (de->inode && (!de->name_len || EXT4_DIRENT_LEN(de->name_len) > de->rec_len))
		return NULL;
	*off += de->rec_len;
	return de;
}

u32 ext4_dir_limit(const struct ext4_fs *fs)
{
	return EXT4_BLOCK_SIZE - (fs->metadata_csum ? sizeof(struct ext4_dirent_tail) : 0);
}

u32 ext4_block_limit(const struct ext4_inode *dir, u32 lblk, const void *data)
{
	return ext4_dx_entries(dir, lblk, data) ? EXT4_BLOCK_SIZE : ext4_dir_limit(ext4_fs_of(dir));
}

static bool csum_ok(const struct ext4_inode *dir, u32 lblk, const void *data)
{
	u32 entries = ext4_dx_entries(dir, lblk, data);

	return entries ? ext4_dx_csum_ok(dir, data, entries) : ext4_leaf_csum_ok(dir, data);
}

static void csum_set(const struct ext4_inode *dir, u32 lblk, void *data)
{
	u32 entries = ext4_dx_entries(dir, lblk, data);

	if (entries)
		ext4_dx_csum_set(dir, data, entries);
	else
		ext4_leaf_csum_set(dir, data);
}

static bool ino_ok(const struct ext4_fs *fs, u32 ino)
{
	return ino == EXT4_ROOT_INO || (ino >= fs->sb.s_first_ino && ino <= fs->inodes_count);
}

static bool name_ok(const struct ext4_dirent *de)
{
	return !memchr(de->name, '/', de->name_len) && !memchr(de->name, '\0', de->name_len);
}

static bool entries_ok(const struct ext4_fs *fs, const void *data, u32 limit)
{
	const struct ext4_dirent *de;
	u32 off = 0;

	while ((de = ext4_next_entry(data, limit, &off)))
		if (de->inode && (!ino_ok(fs, de->inode) || !name_ok(de)))
			return false;
	return off == limit;
}

u32 ext4_dir_blocks(struct ext4_inode *dir)
{
	u64 size = inode_size(&dir->vfs);

	if (size && size % EXT4_BLOCK_SIZE == 0 && size / EXT4_BLOCK_SIZE <= DIR_BLOCKS_MAX)
		return (u32)(size / EXT4_BLOCK_SIZE);
	ext4_damage(ext4_fs_of(dir), dir->vfs.ino, "a directory has size %llu", (unsigned long long)size);
	return 0;
}

int ext4_entry_damage(struct ext4_inode *dir, u32 lblk)
{
	return ext4_damage(ext4_fs_of(dir), dir->vfs.ino, "block %u of the directory has a bad entry", lblk);
}

int ext4_dir_block(struct ext4_inode *dir, u32 lblk, u64 *block, const void **data)
{
	struct ext4_fs *fs = ext4_fs_of(dir);
	u32 nr = ext4_dir_blocks(dir);
	int err;

	if (!nr)
		return -EUCLEAN;
	if (lblk >= nr)
		return ext4_damage(
			fs, dir->vfs.ino, "the index names block %u of a directory of %u", lblk, nr);
	err = ext4_map_block(dir, lblk, block);
	if (err)
		return err;
	*data = ext4_read(fs, *block);
	if (ext4_verified(dir, *block))
		return 0;
	if (!csum_ok(dir, lblk, *data))
		return ext4_damage_block(
			fs, dir->vfs.ino, *block, "block %u of the directory has a wrong checksum", lblk);
	if (!entries_ok(fs, *data, ext4_block_limit(dir, lblk, *data)))
		return ext4_entry_damage(dir, lblk);
	ext4_set_verified(dir, *block);
	return 0;
}

int ext4_dir_append(struct journal_handle *h, struct ext4_inode *dir, u32 *lblk, u64 *block, void **data)
{
	u64 size = inode_size(&dir->vfs);
	int err;

	if (size / EXT4_BLOCK_SIZE >= DIR_BLOCKS_MAX)
		return -ENOSPC;
	*lblk = (u32)(size / EXT4_BLOCK_SIZE);
	err = ext4_map_new(h, dir, *lblk, block);
	if (!err)
		err = journal_get_create(h, *block, data);
	if (!err)
		inode_set_size(&dir->vfs, size + EXT4_BLOCK_SIZE);
	return err;
}

void ext4_dir_init_block(const struct ext4_fs *fs, void *data)
{
	u32 limit = ext4_dir_limit(fs);
	struct ext4_dirent *de = data;

	*de = (struct ext4_dirent){.inode = 0, .rec_len = (u16)limit};
	if (fs->metadata_csum)
		*(struct ext4_dirent_tail *)((char *)data + limit) = (struct ext4_dirent_tail){
			.det_rec_len = sizeof(struct ext4_dirent_tail),
			.det_reserved_ft = EXT4_DIRENT_TAIL_FT,
		};
}

bool ext4_block_find(const void *data, u32 limit, const char *name, size_t len, u32 *off, bool *damaged)
{
	const struct ext4_dirent *de;
	u32 next = 0;

	for (*off = 0; (de = ext4_next_entry(data, limit, &next)); *off = next)
		if (de->inode && de->name_len == len && !memcmp(de->name, name, len))
			return true;
	*damaged = next != limit;
	return false;
}

/* Bytes of an entry that are in use. */
static u32 entry_used(const struct ext4_dirent *de)
{
	return de->inode ? EXT4_DIRENT_LEN(de->name_len) : 0;
}

/* The entry whose free space takes an entry of `need` bytes. -ENOSPC; -EUCLEAN: a bad entry. */
static int find_room(const void *data, u32 limit, u32 need, struct ext4_dirent **out)
{
	u32 off = 0;

	while ((*out = ext4_next_entry(data, limit, &off)))
		if ((*out)->rec_len - entry_used(*out) >= need)
			return 0;
	return off == limit ? -ENOSPC : -EUCLEAN;
}

/* A new entry in the free space of de. */
static void fill_room(struct ext4_dirent *de, const char *name, size_t len, u32 ino, u8 type)
{
	u32 used = entry_used(de);

	if (used) {
		struct ext4_dirent *behind = (struct ext4_dirent *)((char *)de + used);

		behind->rec_len = (u16)(de->rec_len - used);
		de->rec_len = (u16)used;
		de = behind;
	}
	de->inode = ino;
	de->name_len = (u8)len;
	de->file_type = type;
	memcpy(de->name, name, len);
}

int ext4_block_insert(const struct ext4_fs *fs, void *data, const char *name, size_t len, u32 ino, u8 type)
{
	struct ext4_dirent *de;
	int err = find_room(data, ext4_dir_limit(fs), EXT4_DIRENT_LEN((u32)len), &de);

	if (!err)
		fill_room(de, name, len, ino, type);
	return err;
}

static int linear_find(struct ext4_inode *dir, const char *name, size_t len, struct ext4_where *w)
{
	u32 nr = ext4_dir_blocks(dir);

	if (!nr)
		return -EUCLEAN;
	for (w->lblk = 0; w->lblk < nr; w->lblk++) {
		bool damaged = false;
		const void *data;
		int err = ext4_dir_block(dir, w->lblk, &w->block, &data);

		if (err)
			return err;
		if (ext4_block_find(data, ext4_block_limit(dir, w->lblk, data), name, len, &w->off, &damaged))
			return 0;
		if (damaged)
			return ext4_entry_damage(dir, w->lblk);
	}
	return -ENOENT;
}

int ext4_dir_find(struct ext4_inode *dir, const char *name, size_t len, struct ext4_where *w)
{
	struct ext4_fs *fs = ext4_fs_of(dir);
	struct journal_reader r;
	int err;

	journal_read_begin(fs->journal, &r);
	err = ext4_dir_indexed(dir) ? ext4_htree_find(dir, name, len, w) : linear_find(dir, name, len, w);
	if (!err)
		w->ino =
			((const struct ext4_dirent *)((const char *)ext4_read(fs, w->block) + w->off))->inode;
	journal_read_end(&r);
	return err;
}

int ext4_lookup(struct inode *i, struct dir_name *n)
{
	struct ext4_inode *dir = ext4_inode(i);
	struct ext4_where w;
	int err = ext4_dir_find(dir, n->name, n->len, &w);

	if (err)
		return err;
	n->ino = w.ino;
	n->at[0] = w.block;
	n->at[1] = (u64)w.lblk << 32 | w.off;
	return ino_ok(ext4_fs_of(dir), w.ino) ? 0 : ext4_entry_damage(dir, w.lblk);
}

/* Puts the entry into the room of `de` in a block on disk: only the bytes of these two are written. */
static void insert_here(struct journal_handle *h, struct ext4_inode *dir, u64 block,
	const struct ext4_dirent *de, const struct ext4_new_entry *e)
{
	u32 n = entry_used(de) + EXT4_DIRENT_LEN((u32)e->len);
	u32 off = (u32)((const char *)de - (const char *)ext4_read(ext4_fs_of(dir), block));
	u32 copy[2 * EXT4_DIRENT_LEN(NAME_MAX_LEN) / sizeof(u32)];

	memcpy(copy, de, n);
	fill_room((struct ext4_dirent *)copy, e->name, e->len, e->ino, e->type);
	ext4_leaf_update(h, dir, block, off, copy, n);
}

/* Puts the entry into the first block that has room, or into a new one. */
static int linear_add(struct journal_handle *h, struct ext4_inode *dir, const struct ext4_new_entry *e)
{
	struct ext4_fs *fs = ext4_fs_of(dir);
	u32 nr = ext4_dir_blocks(dir), lblk, need = EXT4_DIRENT_LEN((u32)e->len);
	struct ext4_dirent *room;
	const void *data;
	void *p;
	u64 block;
	int err;

	if (!nr)
		return -EUCLEAN;
	for (lblk = 0; lblk < nr; lblk++) {
		err = ext4_dir_block(dir, lblk, &block, &data);
		if (err)
			return err;
		err = find_room(data, ext4_dir_limit(fs), need, &room);
		if (err == -EUCLEAN)
			return ext4_entry_damage(dir, lblk);
		if (!err) {
			insert_here(h, dir, block, room, e);
			return 0;
		}
	}
	if (nr == 1 && ext4_has_compat(fs, EXT4_COMPAT_DIR_INDEX)) {
		err = ext4_htree_create(h, dir);
		return err ? err : ext4_htree_add(h, dir, e);
	}
	err = ext4_dir_append(h, dir, &lblk, &block, &p);
	if (err)
		return err;
	ext4_dir_init_block(fs, p);
	err = ext4_block_insert(fs, p, e->name, e->len, e->ino, e->type);
	if (err)
		return err;
	ext4_leaf_csum_set(dir, p);
	journal_dirty(h, block);
	ext4_store_inode(h, dir);
	return 0;
}

int ext4_dir_add(
	struct journal_handle *h, struct ext4_inode *dir, const char *name, size_t len, u32 ino, u32 mode)
{
	struct ext4_new_entry e = {name, len, ino, ext4_file_type(ext4_fs_of(dir), mode)};

	if (!len || len > NAME_MAX_LEN)
		return len ? -ENAMETOOLONG : -EINVAL;
	if (ext4_dir_indexed(dir))
		return ext4_htree_add(h, dir, &e);
	if (dir->raw->i_flags & EXT4_INDEX_FL) { /* the index is not kept up from here on */
		rwsem_write_lock(&dir->map_lock);
		dir->raw->i_flags &= ~EXT4_INDEX_FL;
		rwsem_write_unlock(&dir->map_lock);
	}
	return linear_add(h, dir, &e);
}

unsigned ext4_dir_credits(struct ext4_inode *dir)
{
	return 5 + 2 * ext4_tree_credits(dir) + 2;
}

int ext4_dir_remove(struct journal_handle *h, struct ext4_inode *dir, const struct ext4_where *w)
{
	const void *data = ext4_read(ext4_fs_of(dir), w->block);
	const struct ext4_dirent *de, *before = NULL;
	struct ext4_dirent head;
	u32 off = 0, next = 0, before_off = 0;

	if (ext4_dx_entries(dir, w->lblk, data))
		return ext4_entry_damage(dir, w->lblk); /* only "." and ".." stand there */
	for (; (de = ext4_next_entry(data, ext4_dir_limit(ext4_fs_of(dir)), &next)) && off != w->off;
		off = next) {
		before = de;
		before_off = off;
	}
	if (!de)
		return ext4_entry_damage(dir, w->lblk);
	memcpy(&head, before ? before : de, sizeof(head));
	if (before) /* which takes the room */
		head.rec_len = (u16)(head.rec_len + de->rec_len);
	else
		head.inode = 0;
	ext4_leaf_update(h, dir, w->block, before_off, &head, sizeof(head));
	return 0;
}

int ext4_dir_set(
	struct journal_handle *h, struct ext4_inode *dir, const struct ext4_where *w, u32 ino, u32 mode)
{
	struct ext4_dirent *de;
	void *p;
	int err = journal_get_write(h, w->block, &p);

	if (err)
		return err;
	de = (struct ext4_dirent *)((char *)p + w->off);
	de->inode = ino;
	de->file_type = ext4_file_type(ext4_fs_of(dir), mode);
	csum_set(dir, w->lblk, p);
	journal_dirty(h, w->block);
	return 0;
}

int ext4_dir_make(struct journal_handle *h, struct ext4_inode *dir, u32 parent)
{
	struct ext4_fs *fs = ext4_fs_of(dir);
	u8 type = ext4_file_type(fs, S_IFDIR_);
	u64 block;
	u32 lblk;
	void *p;
	int err = ext4_dir_append(h, dir, &lblk, &block, &p);

	if (err)
		return err;
	ext4_dir_init_block(fs, p);
	err = ext4_block_insert(fs, p, ".", 1, (u32)dir->vfs.ino, type);
	if (!err)
		err = ext4_block_insert(fs, p, "..", 2, parent, type);
	if (err)
		return err;
	ext4_leaf_csum_set(dir, p);
	journal_dirty(h, block);
	ext4_store_inode(h, dir);
	return 0;
}

u8 ext4_file_type(const struct ext4_fs *fs, u32 mode)
{
	if (!ext4_has_incompat(fs, EXT4_INCOMPAT_FILETYPE))
		return 0;
	switch (mode & S_IFMT_) {
	case S_IFREG_:
		return 1;
	case S_IFDIR_:
		return 2;
	case S_IFCHR_:
		return 3;
	case S_IFBLK_:
		return 4;
	case S_IFIFO_:
		return 5;
	case S_IFSOCK_:
		return 6;
	case S_IFLNK_:
		return 7;
	default:
		return 0;
	}
}
