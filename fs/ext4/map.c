/* SPDX-License-Identifier: MIT */
/*
 * What inode_ops offer on blocks: map_extent, remove_blocks, make_unwritten; and the block look-up of directories.
 *
 * Rules
 * - A new block is zeroed, and the zeros are durable, before an extent says that it is written (unless the policy leaves zeroing to
 *   the fault). An unwritten block is zeroed likewise before it is converted; MAP_MARK_WRITTEN trusts its caller to have filled it.
 * - A block is freed only after the tree, in pmem, does not name it any more.
 * - What needs no change is answered without a handle, and without map_lock where no change comes between (look_unlocked): that is
 *   the fault's fast path. It writes nothing, so a change elsewhere in the file costs a fault a second look at most.
 *
 * Locks: handle -> map_lock -> alloc_lock. Callers hold the DAX lock of the pages, in schemes that have one.
 */
#include "fs/dax.h"
#include "fs/ext4/ext4_priv.h"

#define ALLOC_MAX \
	32256u /* blocks of one allocation: whole 2 MiB pieces that fit one extent, also as unwritten */
#define WHOLE_MAX 32u  /* extents that are freed in one handle: so long does it keep others waiting */
#define GROUPS_MAX 16u /* groups that they lie in: each takes a bitmap and a descriptor of the credits */

static void describe(struct ext4_fs *fs, struct extent *out, u32 lblk, u64 nr, const struct ext4_ext *x)
{
	u32 skip = lblk - x->lblk;

	out->pgoff = lblk;
	out->len = MIN(nr, (u64)(x->len - skip));
	out->state = x->unwritten ? EXTENT_UNWRITTEN : EXTENT_MAPPED;
	out->pa = paddr_add(fs->region->base, (x->pblk + skip) << EXT4_BLOCK_BITS);
	out->is_new = false;
}

int ext4_leaf_damage(struct ext4_inode *ei, const struct ext4_path *p)
{
	u64 block = p->level[p->depth].block;

	return ext4_damage_block(ext4_fs_of(ei), ei->vfs.ino, block, "extent block %llu has changed",
		(unsigned long long)block);
}

/* What the leaf says that p leads to; x: the extent, where there is one. False: the leaf contradicts the path. */
static inline bool read_leaf(struct ext4_inode *ei, u32 lblk, u64 nr, struct extent *out,
	const struct ext4_path *p, struct ext4_ext *x)
{
	int pos = p->level[p->depth].pos;
	u64 next;

	if (likely(pos >= 0)) {
		*x = ext4_ext_decode(ext4_entry(p->level[p->depth].eh, pos));
		if (likely(lblk - x->lblk < x->len)) {
			if (p->depth && unlikely(!ext4_data_blocks_ok(ext4_fs_of(ei), x->pblk, x->len)))
				return false;
			describe(ext4_fs_of(ei), out, lblk, nr, x);
			return true;
		}
	}
	next = ext4_next_lblk(p);
	if (unlikely(next <= lblk))
		return false;
	*out = (struct extent){
		.pgoff = lblk, .len = MIN(nr, next - lblk), .state = EXTENT_HOLE, .pa = PADDR_NONE};
	return true;
}

int ext4_look(
	struct ext4_inode *ei, u32 lblk, u64 nr, struct extent *out, struct ext4_path *p, struct ext4_ext *x)
{
	int err = ext4_find(ei, lblk, p);

	if (unlikely(err))
		return err;
	return likely(read_leaf(ei, lblk, nr, out, p, x)) ? 0 : ext4_leaf_damage(ei, p);
}

/* The same without map_lock. False: a change came between, or damage did. */
static inline __attribute__((always_inline)) bool look_unlocked(
	struct ext4_inode *ei, u32 lblk, u64 nr, struct extent *out)
{
	struct journal_reader r;
	struct ext4_path p;
	struct ext4_ext x;
	unsigned depth;
	bool good;
	u32 seq;

	SHARED_READ(&ei->map_seq);
	seq = atomic_load_explicit(&ei->map_seq, memory_order_acquire);
	if (unlikely(seq & 1))
		return false;
	SHARED_READ(ext4_root(ei));
	depth = ext4_root(ei)->eh_depth;
	if (unlikely(depth)) /* nodes outside the inode */
		journal_read_begin(ext4_fs_of(ei)->journal, &r);
	good = ext4_find_unlocked(ei, lblk, depth, &p) && likely(read_leaf(ei, lblk, nr, out, &p, &x));
	if (unlikely(depth))
		journal_read_end(&r);
	if (unlikely(!good))
		return false;
	atomic_thread_fence(memory_order_acquire); /* after what was read */
	SHARED_READ(&ei->map_seq);
	return atomic_load_explicit(&ei->map_seq, memory_order_relaxed) == seq;
}

/*
 * It has met a change. That takes some hundred instructions, but who makes it holds map_lock for much longer: for the allocation, and while
 * what was allocated is zeroed. So we spin for the change before we sleep for the lock. False: ask under the lock.
 */
static __attribute__((noinline)) bool look_again(struct ext4_inode *ei, u32 lblk, u64 nr, struct extent *out)
{
	unsigned spun = 0;

	while (cpu_spin(&spun))
		if (look_unlocked(ei, lblk, nr, out))
			return true;
	return false;
}

/* The same for who has no handle. */
static int look_only(
	struct ext4_inode *ei, u32 lblk, u64 nr, struct extent *out, struct ext4_path *p, struct ext4_ext *x)
{
	struct journal_reader r;
	int err;

	if (likely(!ext4_root(ei)->eh_depth)) /* nothing is read but the inode */
		return ext4_look(ei, lblk, nr, out, p, x);
	journal_read_begin(ext4_fs_of(ei)->journal, &r);
	err = ext4_look(ei, lblk, nr, out, p, x);
	journal_read_end(&r);
	return err;
}

static bool satisfied(const struct extent *e, enum map_intent intent)
{
	return intent == MAP_LOOK || intent == MAP_TRY || e->state == EXTENT_MAPPED ||
		(intent == MAP_RESERVE && e->state == EXTENT_UNWRITTEN);
}

int ext4_put(struct journal_handle *h, struct ext4_inode *ei, struct ext4_path *p, u32 lblk, bool after,
	int ndel, const struct ext4_ext *add, int nadd)
{
	for (;;) {
		int err = ext4_replace(h, ei, p, p->level[p->depth].pos + (after ? 1 : 0), ndel, add, nadd);

		if (err != -EAGAIN)
			return err;
		err = ext4_make_room(h, ei, p);
		if (!err)
			err = ext4_find(ei, lblk, p);
		if (err)
			return err;
	}
}

static void *block_virt(struct ext4_fs *fs, u64 pblk)
{
	return (char *)fs->region->virt + (pblk << EXT4_BLOCK_BITS);
}

static void zero_blocks(struct ext4_fs *fs, u64 pblk, u64 n, u32 lblk)
{
	PROTOCOL_STEP_ARG(ZERO_BLOCK, lblk);
	pmem_zero(block_virt(fs, pblk), n << EXT4_BLOCK_BITS);
	pmem_fence();
}

static bool zero_here(struct ext4_inode *ei, enum map_intent intent)
{
	const struct mapping *m = atomic_load_explicit(&ei->vfs.mapping, memory_order_acquire);

	return intent == MAP_WRITE && (!m || m->zeroing == DAX_ZERO_IN_ALLOC);
}

/* Allocates for the hole that `out` describes; out describes what is there afterwards. */
static int fill_hole(struct journal_handle *h, struct ext4_inode *ei, enum map_intent intent,
	struct ext4_path *p, struct extent *out)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	u32 lblk = (u32)out->pgoff;
	struct ext4_alloc a = {.goal = ext4_group_goal(ei),
		.want = (u32)MIN(out->len, (u64)ALLOC_MAX),
		.lblk = lblk,
		.aligned = inode_size(&ei->vfs) >= HUGE_SIZE || out->len >= PAGES_PER_HUGE};
	int err, pos = p->level[p->depth].pos;
	struct ext4_ext x;

	if (pos >= 0) { /* beside the extent before it, at the same distance */
		x = ext4_ext_decode(ext4_entry(p->level[p->depth].eh, pos));
		a.goal = x.pblk + (lblk - x.lblk);
	}
	PROTOCOL_STEP_ARG(ALLOC, lblk);
	err = ext4_alloc_blocks(h, fs, &a);
	if (err)
		return err;
	x = (struct ext4_ext){
		.lblk = lblk, .len = a.got, .pblk = a.start, .unwritten = intent == MAP_RESERVE};
	if (zero_here(ei, intent))
		zero_blocks(fs, a.start, a.got, lblk);
	err = ext4_put(h, ei, p, lblk, true, 0, &x, 1);
	if (err) {
		ext4_free_blocks(h, fs, a.start, a.got);
		return err;
	}
	ext4_add_blocks(ei, a.got);
	describe(fs, out, lblk, out->len, &x);
	out->is_new = true;
	return 0;
}

/* The parts of x outside [lblk, lblk + n), and between them that piece with another state. */
static int cut(const struct ext4_ext *x, u32 lblk, u32 n, bool keep, bool unwritten, struct ext4_ext parts[3])
{
	u32 before = lblk - x->lblk, after = x->len - before - n;
	int k = 0;

	if (before)
		parts[k++] = (struct ext4_ext){x->lblk, before, x->pblk, x->unwritten};
	if (keep)
		parts[k++] = (struct ext4_ext){lblk, n, x->pblk + before, unwritten};
	if (after)
		parts[k++] = (struct ext4_ext){lblk + n, after, x->pblk + before + n, x->unwritten};
	return k;
}

/* Makes the unwritten piece that `out` describes written. x is its whole extent. */
static int convert(struct journal_handle *h, struct ext4_inode *ei, enum map_intent intent,
	struct ext4_path *p, const struct ext4_ext *x, struct extent *out)
{
	struct ext4_ext parts[3];
	u32 lblk = (u32)out->pgoff, n = (u32)out->len;
	int k = cut(x, lblk, n, true, false, parts), err;

	if (zero_here(ei, intent))
		zero_blocks(ext4_fs_of(ei), x->pblk + (lblk - x->lblk), n, lblk);
	err = ext4_put(h, ei, p, lblk, false, 1, parts, k);
	if (!err) {
		out->state = EXTENT_MAPPED;
		out->is_new = true;
	}
	return err;
}

static int change_locked(struct journal_handle *h, struct ext4_inode *ei, u32 lblk, u64 nr,
	enum map_intent intent, struct extent *out)
{
	struct ext4_path p;
	struct ext4_ext x;
	int err = ext4_look(ei, lblk, nr, out, &p, &x);

	if (err || satisfied(out, intent))
		return err;
	if (out->state == EXTENT_UNWRITTEN)
		err = convert(h, ei, intent, &p, &x, out);
	else
		err = intent == MAP_MARK_WRITTEN ? -EINVAL : fill_hole(h, ei, intent, &p, out);
	if (!err && intent == MAP_MARK_WRITTEN)
		ext4_cover(ei, (out->pgoff + out->len) << EXT4_BLOCK_BITS);
	ext4_write_raw(h, ei); /* also after an error: room that was made stays */
	return err;
}

static int change(struct ext4_inode *ei, u32 lblk, u64 nr, enum map_intent intent, struct extent *out)
{
	struct journal_handle *h;
	int err = ext4_begin(ext4_fs_of(ei), ext4_tree_credits(ei) + EXT4_ALLOC_CREDITS + 1, &h), stop;

	if (err)
		return err;
	rwsem_write_lock(&ei->map_lock);
	err = change_locked(h, ei, lblk, nr, intent, out);
	rwsem_write_unlock(&ei->map_lock);
	stop = journal_stop(h);
	return err ? err : stop;
}

static int look_locked(struct ext4_inode *ei, u32 lblk, u64 nr, enum map_intent intent, struct extent *out)
{
	struct ext4_path p;
	struct ext4_ext x;
	int err;

	if (intent != MAP_TRY)
		rwsem_read_lock(&ei->map_lock);
	else if (!rwsem_read_trylock(&ei->map_lock))
		return -EAGAIN;
	err = look_only(ei, lblk, nr, out, &p, &x);
	rwsem_read_unlock(&ei->map_lock);
	return err;
}

int ext4_map_extent(struct inode *i, u64 pgoff, u64 nr, enum map_intent intent, struct extent *out)
{
	struct ext4_inode *ei = ext4_inode(i);
	bool tried = false;
	int err;

	if (unlikely(!ext4_uses_extents(ei)))
		return -EOPNOTSUPP;
	if (unlikely(pgoff > EXT4_MAX_LBLK)) {
		*out = (struct extent){.pgoff = pgoff, .len = nr, .state = EXTENT_HOLE, .pa = PADDR_NONE};
		return intent == MAP_LOOK || intent == MAP_TRY ? 0 : -EFBIG;
	}
	nr = MIN(nr, EXT4_MAX_LBLK - pgoff + 1);
	if (unlikely(!look_unlocked(ei, (u32)pgoff, nr, out) && !look_again(ei, (u32)pgoff, nr, out))) {
		err = look_locked(ei, (u32)pgoff, nr, intent, out);
		if (err)
			return err;
	}
	if (likely(satisfied(out, intent)))
		return 0;
	do {
		err = change(ei, (u32)pgoff, nr, intent, out);
	} while (unlikely(err) && ext4_retry(ext4_fs_of(ei), err, &tried));
	return err;
}

/* --- taking away --- */

#define PIECE_GROUPS 4u /* whose bitmaps one handle has room for */

/* Of n blocks from pblk so many lie before the last few groups. */
static u32 before_groups(const struct ext4_fs *fs, u64 pblk, u32 n)
{
	u64 first = pblk / fs->blocks_per_group, last = (pblk + n - 1) / fs->blocks_per_group;

	return last - first < PIECE_GROUPS ? 0
					   : (u32)((last - (PIECE_GROUPS - 1)) * fs->blocks_per_group - pblk);
}

int ext4_remove_piece(
	struct journal_handle *h, struct ext4_inode *ei, u64 *at, u64 last, enum ext4_removal what)
{
	struct ext4_ext parts[3], x;
	struct ext4_path p;
	struct extent e;
	u32 lblk, n, stay = 0;
	u64 pblk;
	int k, err = ext4_look(ei, (u32)*at, last - *at + 1, &e, &p, &x);

	if (err)
		return err;
	lblk = (u32)*at;
	if (e.state == EXTENT_MAPPED && what == EXT4_MAKE_UNWRITTEN)
		e.len = MIN(e.len, (u64)EXT4_EXT_UNWRITTEN_MAX);
	n = (u32)e.len;
	if (e.state == EXTENT_HOLE || (e.state == EXTENT_UNWRITTEN && what == EXT4_MAKE_UNWRITTEN)) {
		*at += e.len;
		return 0;
	}
	pblk = x.pblk + (lblk - x.lblk);
	if (what == EXT4_REMOVE) /* from its end: that splits no extent that is not split anyway */
		stay = before_groups(ext4_fs_of(ei), pblk, n);
	lblk += stay;
	pblk += stay;
	n -= stay;
	k = cut(&x, lblk, n, what == EXT4_MAKE_UNWRITTEN, true, parts);
	err = ext4_put(h, ei, &p, lblk, false, 1, parts, k);
	if (!err && what == EXT4_REMOVE) {
		err = ext4_free_blocks(h, ext4_fs_of(ei), pblk, n);
		ext4_add_blocks(ei, -(i64)n);
	}
	ext4_write_raw(h, ei); /* also after an error: room that was made stays */
	if (!err && !stay)
		*at += n;
	return err;
}

/* Groups that the blocks of x lie in. */
static u32 groups_of(struct ext4_fs *fs, const struct ext4_ext *x)
{
	return (u32)((x->pblk + x->len - 1) / fs->blocks_per_group - x->pblk / fs->blocks_per_group) + 1;
}

/* The extents of the path's leaf from entry `pos` on that lie wholly in [at, last], as many as go together. */
static u32 whole_extents(
	struct ext4_fs *fs, const struct ext4_path *p, int pos, u64 at, u64 last, struct ext4_ext *list)
{
	const struct ext4_extent_header *eh = p->level[p->depth].eh;
	u32 n = 0, groups = 0;

	for (; n < WHOLE_MAX && pos < eh->eh_entries; pos++, n++) {
		struct ext4_ext x = ext4_ext_decode(ext4_entry(eh, pos));

		if (x.lblk < at || (u64)x.lblk + x.len - 1 > last || !ext4_data_blocks_ok(fs, x.pblk, x.len))
			break;
		groups += groups_of(
			fs, &x); /* one that is met again costs nothing, but that is not looked for */
		if (n && list[n - 1].pblk / fs->blocks_per_group == x.pblk / fs->blocks_per_group)
			groups--;
		if (groups > GROUPS_MAX)
			break;
		list[n] = x;
		at = (u64)x.lblk + x.len;
	}
	return n;
}

/* Frees what begins at *at or behind it in that leaf; *at moves behind that, or stays: it is for ext4_remove_piece. */
static int remove_whole(struct journal_handle *h, struct ext4_inode *ei, u64 *at, u64 last)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct ext4_ext list[WHOLE_MAX];
	struct ext4_path p;
	struct extent e;
	struct ext4_ext x;
	int err = ext4_look(ei, (u32)*at, last - *at + 1, &e, &p, &x), pos;
	u32 n;

	if (err)
		return err;
	pos = p.level[p.depth].pos;
	if (e.state == EXTENT_HOLE)
		pos++; /* what comes behind it */
	n = whole_extents(fs, &p, pos, *at, last, list);
	if (!n)
		return 0;
	err = ext4_replace(h, ei, &p, pos, (int)n, NULL, 0);
	for (u32 k = 0; !err && k < n; k++) {
		err = ext4_free_blocks(h, fs, list[k].pblk, list[k].len);
		ext4_add_blocks(ei, -(i64)list[k].len);
	}
	ext4_write_raw(h, ei);
	*at = (u64)list[n - 1].lblk + list[n - 1].len;
	return err;
}

/* What goes in one handle: many whole extents, or a piece of one. Between two of them others have their turn. */
static int remove_some(struct ext4_inode *ei, u64 *at, u64 last, enum ext4_removal what)
{
	struct journal_handle *h;
	u64 from = *at;
	int err = ext4_begin(ext4_fs_of(ei), ext4_tree_credits(ei) + 2 * GROUPS_MAX + 2, &h), stop;

	if (err)
		return err;
	rwsem_write_lock(&ei->map_lock);
	if (what == EXT4_REMOVE && *at < last) /* a single page is looked up once */
		err = remove_whole(h, ei, at, last);
	if (!err && *at == from)
		err = ext4_remove_piece(h, ei, at, last, what);
	rwsem_write_unlock(&ei->map_lock);
	stop = journal_stop(h);
	return err ? err : stop;
}

static int remove_range(struct inode *i, u64 first, u64 last, enum ext4_removal what)
{
	struct ext4_inode *ei = ext4_inode(i);
	int err = 0;

	if (!ext4_uses_extents(ei))
		return -EOPNOTSUPP;
	last = MIN(last, (u64)EXT4_MAX_LBLK);
	for (u64 at = first; !err && at <= last;) {
		bool tried = false;

		do {
			err = remove_some(ei, &at, last, what);
		} while (unlikely(err) && ext4_retry(ext4_fs_of(ei), err, &tried));
	}
	return err;
}

int ext4_remove_blocks(struct inode *i, u64 first, u64 last)
{
	return remove_range(i, first, last, EXT4_REMOVE);
}

int ext4_make_unwritten(struct inode *i, u64 first, u64 last)
{
	return remove_range(i, first, last, EXT4_MAKE_UNWRITTEN);
}

/* --- directories, links, the orphan file --- */

int ext4_map_block(struct ext4_inode *ei, u32 lblk, u64 *block)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct extent e;
	int err = 0;

	if (!ext4_uses_extents(ei))
		return -EOPNOTSUPP;
	if (unlikely(!look_unlocked(ei, lblk, 1, &e)))
		err = look_locked(ei, lblk, 1, MAP_LOOK, &e);
	if (err)
		return err;
	if (e.state != EXTENT_MAPPED)
		return ext4_damage(fs, ei->vfs.ino, "block %u is missing", lblk);
	*block = (e.pa.v - fs->region->base.v) >> EXT4_BLOCK_BITS;
	return 0;
}

int ext4_map_new(struct journal_handle *h, struct ext4_inode *ei, u32 lblk, u64 *block)
{
	struct ext4_fs *fs = ext4_fs_of(ei);
	struct ext4_alloc a = {.goal = ext4_group_goal(ei), .want = 1, .lblk = lblk};
	struct ext4_path p;
	struct ext4_ext x;
	struct extent e;
	int err;

	if (!ext4_uses_extents(ei))
		return -EOPNOTSUPP;
	rwsem_write_lock(&ei->map_lock);
	err = ext4_look(ei, lblk, 1, &e, &p, &x);
	if (!err && e.state != EXTENT_HOLE)
		err = ext4_damage(fs, ei->vfs.ino, "block %u lies past the end but is there", lblk);
	if (!err)
		err = ext4_alloc_blocks(h, fs, &a);
	if (err)
		goto out;
	x = (struct ext4_ext){.lblk = lblk, .len = 1, .pblk = a.start};
	err = ext4_put(h, ei, &p, lblk, true, 0, &x, 1);
	if (err)
		ext4_free_blocks(h, fs, a.start, 1);
	else
		ext4_add_blocks(ei, 1);
	ext4_write_raw(h, ei);
	*block = a.start;
out:
	rwsem_write_unlock(&ei->map_lock);
	return err;
}
