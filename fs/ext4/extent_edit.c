/* SPDX-License-Identifier: MIT */
/*
 * Changing extent trees: entries replaced and shifted, nodes split and removed, the root grown. Clients: map.c,
 * shift.c.
 *
 * Rules
 * - An index entry's block number equals the first one below it; fix_index() carries a change of a node's first entry upwards.
 * - A node below the root is never empty: it goes with its last entry. A root without entries has depth 0.
 * - A change fails before it has changed anything, or not at all: room is made first (ext4_make_room), one node at a time, and each
 *   such step leaves a valid tree.
 * - Nodes below the root change in their journal shadow and get their checksum there; the root lies in the raw inode, which the caller writes
 *   (ext4_write_raw) at the end of its operation.
 *
 * - Whatever changes a node, the public functions here do between change_begin() and change_end(): look-ups without map_lock
 *   notice. Between two such changes the tree is whole.
 *
 * Locks: a handle is open, map_lock is held exclusively.
 */
#include "fs/ext4/ext4_priv.h"

#define MAX_ADD 3

/* A node that is being changed. */
struct edit {
	struct journal_handle *h;
	struct ext4_inode *ei;
	u64 block; /* 0: the root */
	struct ext4_extent_header *eh;
};

/* Who sees the change and asks for it to be durable must find that there is one to be committed. */
static void change_begin(struct journal_handle *h, struct ext4_inode *ei)
{
	ext4_note_change(h, ei);
	SHARED_WRITE(&ei->map_seq);
	atomic_fetch_add_explicit(&ei->map_seq, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* before what changes */
}

static void change_end(struct ext4_inode *ei)
{
	SHARED_WRITE(&ei->map_seq);
	atomic_fetch_add_explicit(&ei->map_seq, 1, memory_order_release);
}

static int edit_begin(struct edit *e, struct journal_handle *h, struct ext4_inode *ei, u64 block)
{
	void *p = ext4_root(ei);
	int err = block ? journal_get_write(h, block, &p) : 0;

	DEBUG_ASSERT(atomic_load(&ei->map_seq) & 1);
	SHARED_WRITE(ext4_root(ei));
	*e = (struct edit){h, ei, block, p};
	return err;
}

static void edit_end(struct edit *e)
{
	if (!e->block)
		return;
	if (ext4_fs_of(e->ei)->metadata_csum)
		*(u32 *)ext4_entry(e->eh, EXT4_EXT_BLOCK_MAX) = ext4_extent_csum(e->ei, e->eh);
	journal_dirty(e->h, e->block);
}

/* Replaces ndel entries from pos by n others; all entries, of leaves and of index nodes, have one size. */
static void splice(struct ext4_extent_header *eh, int pos, int ndel, const void *add, int n)
{
	struct ext4_extent *at = ext4_entry(eh, pos);

	memmove(at + n, at + ndel, (size_t)(eh->eh_entries - pos - ndel) * sizeof(*at));
	if (n)
		memcpy(at, add, (size_t)n * sizeof(*at));
	SHARED_WRITE(&eh->eh_entries); /* in between a look-up would miss the last ones */
	eh->eh_entries = (u16)(eh->eh_entries + n - ndel);
}

static struct ext4_extent index_make(u32 lblk, u64 block)
{
	union {
		struct ext4_extent_idx idx;
		struct ext4_extent raw;
	} u = {.idx = {.ei_block = lblk, .ei_leaf_lo = (u32)block, .ei_leaf_hi = (u16)(block >> 32)}};

	return u.raw;
}

/* The first entry of the node at `level` begins at lblk now: so says every index entry that leads there. */
static int fix_index(
	struct journal_handle *h, struct ext4_inode *ei, const struct ext4_path *p, int level, u32 lblk)
{
	while (--level >= 0) {
		int pos = p->level[level].pos;
		struct edit e;
		int err;

		if (ext4_entry(p->level[level].eh, pos)->ee_block == lblk)
			return 0;
		err = edit_begin(&e, h, ei, p->level[level].block);
		if (err)
			return err;
		ext4_entry(e.eh, pos)->ee_block = lblk;
		edit_end(&e);
		if (pos)
			return 0;
	}
	return 0;
}

/* The node at `level` has lost its last entry: it goes, and its index entry, and so on upwards. */
static int remove_node(struct journal_handle *h, struct ext4_inode *ei, const struct ext4_path *p, int level)
{
	for (; level > 0; level--) {
		u64 block = p->level[level].block;
		int pos = p->level[level - 1].pos, err;
		struct edit e;

		ext4_clear_verified(ei, block);
		err = ext4_free_blocks(h, ext4_fs_of(ei), block, 1);
		ext4_add_blocks(ei, -1);
		if (!err)
			err = edit_begin(&e, h, ei, p->level[level - 1].block);
		if (err)
			return err;
		splice(e.eh, pos, 1, NULL, 0);
		if (e.eh->eh_entries) {
			edit_end(&e);
			return pos ? 0 : fix_index(h, ei, p, level - 1, ext4_entry(e.eh, 0)->ee_block);
		}
	}
	ext4_root(ei)->eh_depth = 0;
	return 0;
}

static bool mergeable(const struct ext4_ext *a, const struct ext4_ext *b)
{
	u32 max = a->unwritten ? EXT4_EXT_UNWRITTEN_MAX : EXT4_EXT_LEN_MAX;

	return a->unwritten == b->unwritten && (u64)a->lblk + a->len == b->lblk &&
		a->pblk + a->len == b->pblk && a->len + b->len <= max;
}

static int push(struct ext4_ext *list, int n, const struct ext4_ext *x)
{
	if (n && mergeable(&list[n - 1], x))
		list[n - 1].len += x->len;
	else
		list[n++] = *x;
	return n;
}

/* The entries [from, to) of the leaf become n others. */
static int replace(struct journal_handle *h, struct ext4_inode *ei, const struct ext4_path *p, int from,
	int to, const struct ext4_extent *disk, int n)
{
	struct edit e;
	int err;

	if (p->depth && p->level[p->depth].eh->eh_entries == to - from && !n)
		return remove_node(h, ei, p, (int)p->depth);
	err = edit_begin(&e, h, ei, p->level[p->depth].block);
	if (err)
		return err;
	splice(e.eh, from, to - from, disk, n);
	edit_end(&e);
	return from || !p->depth ? 0 : fix_index(h, ei, p, (int)p->depth, ext4_entry(e.eh, 0)->ee_block);
}

/* What is to stand there is made ready first: look-ups wait for the change alone. */
int ext4_replace(struct journal_handle *h, struct ext4_inode *ei, struct ext4_path *p, int pos, int ndel,
	const struct ext4_ext *add, int nadd)
{
	const struct ext4_extent_header *eh = p->level[p->depth].eh;
	int from = pos ? pos - 1 : 0, to = MIN(pos + ndel + 1, (int)eh->eh_entries); /* with the neighbours */
	struct ext4_ext list[MAX_ADD + 2], x;
	struct ext4_extent disk[MAX_ADD + 2];
	int n = 0, err;

	if (from < pos) {
		x = ext4_ext_decode(ext4_entry(eh, from));
		n = push(list, n, &x);
	}
	for (int k = 0; k < nadd; k++)
		n = push(list, n, &add[k]);
	if (pos + ndel < to) {
		x = ext4_ext_decode(ext4_entry(eh, to - 1));
		n = push(list, n, &x);
	}
	if (eh->eh_entries - (to - from) + n > eh->eh_max)
		return -EAGAIN;
	for (int k = 0; k < n; k++)
		ext4_ext_encode(&disk[k], &list[k]);
	change_begin(h, ei);
	err = replace(h, ei, p, from, to, disk, n);
	change_end(ei);
	return err;
}

/*
 * Order of the stores: going down the index entries are mended before the leaf, going up after it. So, whenever the machine dies, no index entry lies
 * above the first extent below it, and e2fsck mends one that lies lower.
 */
static int shift_entries(
	struct journal_handle *h, struct ext4_inode *ei, const struct ext4_path *p, int from, int to, i64 by)
{
	int leaf = (int)p->depth, err = 0;
	u32 first = (u32)(ext4_entry(p->level[leaf].eh, from)->ee_block + by);
	struct edit e;

	if (by < 0 && !from)
		err = fix_index(h, ei, p, leaf, first);
	if (!err)
		err = edit_begin(&e, h, ei, p->level[leaf].block);
	if (err)
		return err;
	for (int k = from; k < to; k++)
		ext4_entry(e.eh, k)->ee_block = (u32)(ext4_entry(e.eh, k)->ee_block + by);
	edit_end(&e);
	return by > 0 && !from ? fix_index(h, ei, p, leaf, first) : 0;
}

int ext4_shift_entries(
	struct journal_handle *h, struct ext4_inode *ei, const struct ext4_path *p, int from, int to, i64 by)
{
	int err;

	change_begin(h, ei);
	err = shift_entries(h, ei, p, from, to, by);
	change_end(ei);
	return err;
}

/* A fresh block for a tree node, near the one that it relieves. */
static int node_alloc(struct journal_handle *h, struct ext4_inode *ei, u64 goal, u64 *block)
{
	struct ext4_alloc a = {.goal = goal ? goal : ext4_group_goal(ei), .want = 1, .node = true};
	int err = ext4_alloc_blocks(h, ext4_fs_of(ei), &a);

	if (err)
		return err;
	ext4_add_blocks(ei, 1);
	*block = a.start;
	return 0;
}

/* Fills a fresh block with n entries. */
static int node_fill(struct journal_handle *h, struct ext4_inode *ei, u64 block, unsigned depth,
	const void *entries, int n)
{
	struct edit e = {h, ei, block, NULL};
	void *p;
	int err = journal_get_create(h, block, &p);

	if (err)
		return err;
	e.eh = p;
	*e.eh = (struct ext4_extent_header){
		.eh_magic = EXT4_EXT_MAGIC, .eh_max = EXT4_EXT_BLOCK_MAX, .eh_depth = (u16)depth};
	splice(e.eh, 0, 0, entries, n);
	edit_end(&e);
	ext4_set_verified(ei, block);
	return 0;
}

/* The root's entries move into a block of their own, one level down. */
static int grow(struct journal_handle *h, struct ext4_inode *ei)
{
	struct ext4_extent_header *root = ext4_root(ei);
	struct ext4_extent index;
	u64 block;
	int err;

	if (root->eh_depth == EXT4_EXT_DEPTH_MAX)
		return -ENOSPC;
	err = node_alloc(h, ei, 0, &block);
	if (!err)
		err = node_fill(h, ei, block, root->eh_depth, root + 1, root->eh_entries);
	if (err)
		return err;
	SHARED_WRITE(root);
	index = index_make(ext4_entry(root, 0)->ee_block, block);
	splice(root, 0, root->eh_entries, &index, 1);
	root->eh_depth++;
	return 0;
}

/* The upper part of the full node at `level` moves to a new neighbour. Its parent has room. */
static int split(struct journal_handle *h, struct ext4_inode *ei, const struct ext4_path *p, int level)
{
	const struct ext4_extent_header *eh = p->level[level].eh;
	int n = eh->eh_entries,
	    keep = p->level[level].pos == n - 1 ? n - 1 : n / 2; /* appending leaves full nodes behind */
	struct ext4_extent index;
	struct edit e;
	u64 block;
	int err = node_alloc(h, ei, p->level[level].block, &block);

	if (!err)
		err = node_fill(h, ei, block, eh->eh_depth, ext4_entry(eh, keep), n - keep);
	if (err)
		return err;
	index = index_make(ext4_entry(eh, keep)->ee_block, block);
	err = edit_begin(&e, h, ei, p->level[level - 1].block);
	if (err)
		return err;
	splice(e.eh, p->level[level - 1].pos + 1, 0, &index, 1);
	edit_end(&e);
	err = edit_begin(&e, h, ei, p->level[level].block);
	if (err)
		return err;
	e.eh->eh_entries = (u16)keep;
	edit_end(&e);
	return 0;
}

static int make_room(struct journal_handle *h, struct ext4_inode *ei, struct ext4_path *p)
{
	/* The lowest node whose parent can take one more entry is split; every node below it is full as well and will be next. */
	for (int level = (int)p->depth; level > 0; level--)
		if (p->level[level - 1].eh->eh_entries < p->level[level - 1].eh->eh_max)
			return split(h, ei, p, level);
	return grow(h, ei);
}

int ext4_make_room(struct journal_handle *h, struct ext4_inode *ei, struct ext4_path *p)
{
	int err;

	change_begin(h, ei);
	err = make_room(h, ei, p);
	change_end(ei);
	return err;
}

void ext4_init_root(struct ext4_inode *ei)
{
	memset(ei->raw->i_block, 0, sizeof(ei->raw->i_block));
	*ext4_root(ei) = (struct ext4_extent_header){.eh_magic = EXT4_EXT_MAGIC, .eh_max = EXT4_EXT_ROOT_MAX};
}

/* Blocks that one replacement, with the room it may need, changes: every node of the path and a new one beside it, with its bitmap and descriptor; as if
 * the tree had grown, and one more for the bitmap of the goal. */
unsigned ext4_tree_credits(struct ext4_inode *ei)
{
	return 4 * (ext4_root(ei)->eh_depth + 2u);
}
