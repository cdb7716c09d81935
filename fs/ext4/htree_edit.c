/* SPDX-License-Identifier: MIT */
/*
 * Changes of a directory's index (htree.c says what it is); client: dir.c.
 *
 * Rule: what has to grow does so in steps - the root gets a level, an index block is split, a leaf is split - of which each takes one new
 * block before it changes anything, and leaves a whole tree. Entries may move within a leaf and to another one: who reads the directory
 * meanwhile goes by hash (readdir.c), and no move changes that.
 *
 * Locks: the directory's inode lock, held by every caller; inside a handle.
 */
#include "fs/ext4/htree.h"
#include "mm/kmem.h"

#define LEAF_ENTRIES_MAX (EXT4_BLOCK_SIZE / 12)

static struct ext4_dx_countlimit *countlimit(void *data, u32 offset)
{
	return (struct ext4_dx_countlimit *)((char *)data + offset);
}

static void index_dirty(struct journal_handle *h, struct ext4_inode *dir, u64 block, void *data, u32 offset)
{
	ext4_dx_csum_set(dir, data, offset);
	journal_dirty(h, block);
}

static void leaf_dirty(struct journal_handle *h, struct ext4_inode *dir, u64 block, void *data)
{
	ext4_leaf_csum_set(dir, data);
	journal_dirty(h, block);
}

/* Puts an entry behind the one that the way goes through; there is room. */
static void index_insert(void *data, const struct ext4_frame *f, u32 hash, u32 lblk)
{
	struct ext4_dx_entry *e = (struct ext4_dx_entry *)((char *)data + f->offset) + f->pos + 1;

	memmove(e + 1, e, (f->count - f->pos - 1) * sizeof(*e));
	*e = (struct ext4_dx_entry){hash, lblk};
	countlimit(data, f->offset)->count++;
}

/* Makes an index block of n entries; the hash of the first is dropped. */
static void fill_node(const struct ext4_fs *fs, void *data, const struct ext4_dx_entry *from, u32 n)
{
	*(struct ext4_dirent *)data = (struct ext4_dirent){.rec_len = EXT4_BLOCK_SIZE};
	memcpy((char *)data + EXT4_DX_NODE_ENTRIES, from, n * sizeof(*from));
	*countlimit(data, EXT4_DX_NODE_ENTRIES) =
		(struct ext4_dx_countlimit){(u16)ext4_dx_limit(fs, EXT4_DX_NODE_ENTRIES), (u16)n};
}

/* All entries of the root go to a new index block below it. */
static int grow_root(struct journal_handle *h, struct ext4_inode *dir, const struct ext4_frame *root)
{
	struct ext4_dx_entry *e;
	void *top, *node;
	u64 block;
	u32 lblk;
	int err = journal_get_write(h, root->block, &top);

	if (!err)
		err = ext4_dir_append(h, dir, &lblk, &block, &node);
	if (err)
		return err;
	e = (struct ext4_dx_entry *)((char *)top + root->offset);
	fill_node(ext4_fs_of(dir), node, e, root->count);
	countlimit(top, root->offset)->count = 1;
	e->block = lblk;
	((struct ext4_dx_root_info *)((char *)top + EXT4_DX_ROOT_INFO))->indirect_levels++;
	index_dirty(h, dir, block, node, EXT4_DX_NODE_ENTRIES);
	index_dirty(h, dir, root->block, top, root->offset);
	ext4_store_inode(h, dir);
	return 0;
}

/* The upper half of an index block's entries goes to a new one. The block above has room. */
static int split_node(struct journal_handle *h, struct ext4_inode *dir, const struct ext4_frame *above,
	const struct ext4_frame *f)
{
	u32 keep = f->count / 2, lblk, hash = f->entry[keep].hash;
	void *top, *old, *new;
	u64 block;
	int err = journal_get_write(h, above->block, &top);

	if (!err)
		err = journal_get_write(h, f->block, &old);
	if (!err)
		err = ext4_dir_append(h, dir, &lblk, &block, &new);
	if (err)
		return err;
	fill_node(ext4_fs_of(dir), new, (struct ext4_dx_entry *)((char *)old + f->offset) + keep,
		f->count - keep);
	countlimit(old, f->offset)->count = (u16)keep;
	index_insert(top, above, hash, lblk);
	index_dirty(h, dir, block, new, EXT4_DX_NODE_ENTRIES);
	index_dirty(h, dir, above->block, top, above->offset);
	index_dirty(h, dir, f->block, old, f->offset);
	ext4_store_inode(h, dir);
	return 0;
}

/* The block that names the leaf is full: one step towards room in it. */
static int index_make_room(struct journal_handle *h, struct ext4_inode *dir, struct ext4_way *w)
{
	struct ext4_frame *f = ext4_way_end(w);

	if (w->levels == 1)
		return grow_root(h, dir, f);
	return w->frame[0].count < w->frame[0].limit ? split_node(h, dir, &w->frame[0], f) : -ENOSPC;
}

struct leaf_entry {
	u32 hash;
	u16 off, size; /* size: bytes it needs */
};

/* Entries in use, by hash. Their number, or -EUCLEAN. */
static int leaf_list(
	struct ext4_inode *dir, u32 version, const struct ext4_where *leaf, struct leaf_entry *list)
{
	struct ext4_fs *fs = ext4_fs_of(dir);
	u32 off = 0, next = 0, limit = ext4_dir_limit(fs), n = 0;
	const void *data = ext4_read(fs, leaf->block);
	const struct ext4_dirent *de;

	for (; (de = ext4_next_entry(data, limit, &next)); off = next) {
		struct leaf_entry v = {0, (u16)off, (u16)EXT4_DIRENT_LEN(de->name_len)};
		u32 k = n;

		if (!de->inode)
			continue;
		if (!ext4_hash(fs, version, de->name, de->name_len, &v.hash, NULL))
			return ext4_dx_damage(dir, 0);
		for (; k && list[k - 1].hash > v.hash; k--)
			list[k] = list[k - 1];
		list[k] = v;
		n++;
	}
	return off == limit ? (int)n : ext4_dx_leaf_damage(dir, leaf->lblk);
}

/* Copies an entry, without the free space behind it, to offset `at`; the offset behind it. */
static u32 copy_entry(void *to, u32 at, const struct ext4_dirent *de)
{
	struct ext4_dirent *copy = (struct ext4_dirent *)((char *)to + at);
	u32 size = EXT4_DIRENT_LEN(de->name_len);

	memmove(copy, de, size);
	copy->rec_len = (u16)size;
	return at + size;
}

/* Gives the space up to the limit to the last entry, which starts at `last`. */
static void end_block(const struct ext4_fs *fs, void *data, u32 last)
{
	((struct ext4_dirent *)((char *)data + last))->rec_len = (u16)(ext4_dir_limit(fs) - last);
}

/* Joins entries without an inode to the one before. */
static void join_unused(const struct ext4_fs *fs, void *data)
{
	u32 limit = ext4_dir_limit(fs), next = 0;
	struct ext4_dirent *de, *before = NULL;

	while ((de = ext4_next_entry(data, limit, &next))) {
		if (before && !de->inode)
			before->rec_len = (u16)(before->rec_len + de->rec_len);
		else
			before = de;
	}
}

/* Moves all entries together, so that the free space is in one piece. */
static void compact(const struct ext4_fs *fs, void *data)
{
	u32 limit = ext4_dir_limit(fs), next = 0, at = 0, last = 0;
	struct ext4_dirent *de;

	while ((de = ext4_next_entry(data, limit, &next))) {
		if (!de->inode)
			continue;
		last = at;
		at = copy_entry(data, at, de);
	}
	if (at)
		end_block(fs, data, last);
}

/* First entry of the list that moves: about half of the bytes do. */
static u32 split_point(const struct leaf_entry *list, u32 n, u32 limit)
{
	u32 k = n, bytes = 0;

	while (k > 1 && bytes + list[k - 1].size <= limit / 2)
		bytes += list[--k].size;
	return k;
}

/* The upper half of a leaf's entries goes to a new one. The index block has room. */
static int split_listed(struct journal_handle *h, struct ext4_inode *dir, const struct ext4_frame *f,
	const struct ext4_where *leaf, const struct leaf_entry *list, u32 n)
{
	const struct ext4_fs *fs = ext4_fs_of(dir);
	u32 first = split_point(list, n, ext4_dir_limit(fs)), hash = list[first].hash, lblk, at = 0, last = 0;
	void *index, *old, *new;
	u64 block;
	int err = journal_get_write(h, f->block, &index);

	if (!err)
		err = journal_get_write(h, leaf->block, &old);
	if (!err)
		err = ext4_dir_append(h, dir, &lblk, &block, &new);
	if (err)
		return err;
	ext4_dir_init_block(fs, new);
	for (u32 k = first; k < n; k++) {
		struct ext4_dirent *de = (struct ext4_dirent *)((char *)old + list[k].off);

		last = at;
		at = copy_entry(new, at, de);
		de->inode = 0;
	}
	end_block(fs, new, last);
	join_unused(fs, old);
	index_insert(index, f, list[first - 1].hash == hash ? hash | EXT4_HASH_GOES_ON : hash, lblk);
	leaf_dirty(h, dir, block, new);
	index_dirty(h, dir, f->block, index, f->offset);
	leaf_dirty(h, dir, leaf->block, old);
	ext4_store_inode(h, dir);
	return 0;
}

/* Are there entries to split, with the hashes that the index says? */
static bool leaf_in_range(const struct ext4_frame *f, const struct leaf_entry *list, u32 n)
{
	const struct ext4_dx_entry *e = &f->entry[f->pos];

	if (n < 2 || (f->pos && list[0].hash < (e->hash & ~EXT4_HASH_GOES_ON)))
		return false;
	return f->pos + 1 == f->count || list[n - 1].hash < e[1].hash;
}

static int split_leaf(
	struct journal_handle *h, struct ext4_inode *dir, struct ext4_way *w, const struct ext4_where *leaf)
{
	const struct ext4_dx_root_info *info = ext4_dx_info(ext4_read(ext4_fs_of(dir), w->frame[0].block));
	struct leaf_entry *list = kcalloc(LEAF_ENTRIES_MAX, sizeof(*list));
	const struct ext4_frame *f = ext4_way_end(w);
	int n;

	if (!list)
		return -ENOMEM;
	n = leaf_list(dir, info->hash_version, leaf, list);
	if (n >= 0 && !leaf_in_range(f, list, (u32)n))
		n = ext4_dx_leaf_damage(dir, leaf->lblk);
	if (n >= 0)
		n = split_listed(h, dir, f, leaf, list, (u32)n);
	kfree(list);
	return n;
}

static u32 bytes_used(const void *data, u32 limit)
{
	const struct ext4_dirent *de;
	u32 next = 0, used = 0;

	while ((de = ext4_next_entry(data, limit, &next)))
		used += de->inode ? EXT4_DIRENT_LEN(de->name_len) : 0;
	return used;
}

/* Puts the entry into the leaf, if it has room: else -ENOSPC. */
static int leaf_add(struct journal_handle *h, struct ext4_inode *dir, const struct ext4_where *leaf,
	const struct ext4_new_entry *e)
{
	const struct ext4_fs *fs = ext4_fs_of(dir);
	u32 limit = ext4_dir_limit(fs);
	void *p;
	int err = journal_get_write(h, leaf->block, &p);

	if (err)
		return err;
	err = ext4_block_insert(fs, p, e->name, e->len, e->ino, e->type);
	if (err == -ENOSPC && bytes_used(p, limit) + EXT4_DIRENT_LEN((u32)e->len) <= limit) {
		compact(fs, p);
		err = ext4_block_insert(fs, p, e->name, e->len, e->ino, e->type);
	}
	if (err == -EUCLEAN)
		return ext4_dx_leaf_damage(dir, leaf->lblk);
	if (!err)
		leaf_dirty(h, dir, leaf->block, p);
	return err;
}

int ext4_htree_add(struct journal_handle *h, struct ext4_inode *dir, const struct ext4_new_entry *e)
{
	for (u32 step = 0; step < 3; step++) { /* room in the index, a split of the leaf, the entry */
		struct ext4_where leaf;
		const void *data;
		struct ext4_way w;
		int err = ext4_way_find(dir, e->name, e->len, &w);

		if (!err)
			err = ext4_way_leaf(dir, &w, &leaf, &data);
		if (!err)
			err = leaf_add(h, dir, &leaf, e);
		if (err != -ENOSPC)
			return err;
		if (ext4_way_end(&w)->count == ext4_way_end(&w)->limit)
			err = index_make_room(h, dir, &w);
		else
			err = split_leaf(h, dir, &w, &leaf);
		if (err)
			return err;
	}
	return ext4_dx_damage(
		dir, 0); /* only an index out of order leads to another full leaf after a split */
}

/* Makes block 0 of a directory the root of an index whose one leaf is lblk. */
static void fill_root(const struct ext4_fs *fs, void *data, u32 ino, u32 parent, u32 lblk)
{
	struct ext4_dirent *dot = data, *dotdot = (struct ext4_dirent *)((char *)data + EXT4_DX_DOTDOT);
	u8 type = ext4_file_type(fs, S_IFDIR_);

	memset(data, 0, EXT4_BLOCK_SIZE);
	*dot = (struct ext4_dirent){ino, EXT4_DX_DOTDOT, 1, type};
	*dotdot = (struct ext4_dirent){parent, EXT4_BLOCK_SIZE - EXT4_DX_DOTDOT, 2, type};
	dot->name[0] = dotdot->name[0] = dotdot->name[1] = '.';
	*(struct ext4_dx_root_info *)((char *)data + EXT4_DX_ROOT_INFO) = (struct ext4_dx_root_info){
		.hash_version = (u8)ext4_hash_version(fs),
		.info_length = sizeof(struct ext4_dx_root_info),
	};
	((struct ext4_dx_entry *)((char *)data + EXT4_DX_ROOT_ENTRIES))->block = lblk;
	*countlimit(data, EXT4_DX_ROOT_ENTRIES) =
		(struct ext4_dx_countlimit){(u16)ext4_dx_limit(fs, EXT4_DX_ROOT_ENTRIES), 1};
}

static void set_index_flag(struct ext4_inode *dir)
{
	rwsem_write_lock(&dir->map_lock);
	dir->raw->i_flags |= EXT4_INDEX_FL;
	rwsem_write_unlock(&dir->map_lock);
}

int ext4_htree_create(struct journal_handle *h, struct ext4_inode *dir)
{
	const struct ext4_fs *fs = ext4_fs_of(dir);
	u32 limit = ext4_dir_limit(fs), next = 0, lblk, at = 0, last = 0, parent;
	const struct ext4_dirent *dot, *dotdot, *de;
	u64 block, leaf;
	const void *data;
	void *root, *p;
	int err = ext4_dir_block(dir, 0, &block, &data);

	if (!err)
		err = journal_get_write(h, block, &root);
	if (err)
		return err;
	dot = ext4_next_entry(root, limit, &next);
	dotdot = dot ? ext4_next_entry(root, limit, &next) : NULL;
	if (!dotdot || dot->name_len != 1 || !ext4_is_dots(dot->name, 1) || dotdot->name_len != 2 ||
		!ext4_is_dots(dotdot->name, 2) || dot->inode != dir->vfs.ino || !dotdot->inode)
		return ext4_damage(
			ext4_fs_of(dir), dir->vfs.ino, "the directory does not begin with \".\" and \"..\"");
	parent = dotdot->inode;
	err = ext4_dir_append(h, dir, &lblk, &leaf, &p);
	if (err)
		return err;
	ext4_dir_init_block(fs, p);
	while ((de = ext4_next_entry(root, limit, &next))) {
		if (!de->inode)
			continue;
		last = at;
		at = copy_entry(p, at, de);
	}
	if (at)
		end_block(fs, p, last);
	fill_root(fs, root, (u32)dir->vfs.ino, parent, lblk);
	set_index_flag(dir);
	leaf_dirty(h, dir, leaf, p);
	index_dirty(h, dir, block, root, EXT4_DX_ROOT_ENTRIES);
	ext4_store_inode(h, dir);
	return 0;
}
