/* SPDX-License-Identifier: MIT */
/*
 * Shifting the extents of a file: collapse moves what follows a range down over it, insert moves it up and leaves a hole.
 *
 * Both move a gap of nr blocks through the tree: collapse from the range, which it empties, to the end; insert from behind the last extent
 * down to the first block. One step, in a handle of its own, moves the gap over the extents of one leaf. So the tree is valid after every
 * step, and extents never overlap: what moves, moves into the gap. Splitting the extent that insert cuts in two comes last, and the room for
 * that is made first.
 *
 * Rule after a crash: between two steps part of the file has moved and part has not, which is a valid file for e2fsck (CAVEATS), and i_size
 * covers all of it: the caller grows it before an insert and shrinks it after a collapse. Within a step see ext4_shift_entries().
 *
 * Between two steps map_lock is free. Schemes that keep faults away let nothing in. Under the others a fault may put a block into the gap;
 * the next step frees it, as what was collapsed is freed.
 *
 * Credits of a step: the path to a leaf, which is edited or split (ext4_tree_credits), and bitmap, descriptor, superblock and inode of what
 * it frees. Locks: handle -> map_lock.
 */
#include "fs/ext4/ext4_priv.h"

enum { MOVED, FINISHED }; /* results of a step that are no error */

struct shift {
	u64 first, nr;
	u64 gap; /* the gap is [gap, gap + nr) */
};
typedef int (*step_fn)(struct journal_handle *h, struct ext4_inode *ei, struct shift *s);

/* Frees one extent's worth of the gap: MOVED; FINISHED: nothing is in it. */
static int empty_gap(struct journal_handle *h, struct ext4_inode *ei, const struct shift *s)
{
	u64 last = MIN(s->gap + s->nr - 1, (u64)EXT4_MAX_LBLK);
	struct ext4_path p;
	struct ext4_ext x;
	struct extent e;

	for (u64 at = s->gap; at <= last; at += e.len) {
		int err = ext4_look(ei, (u32)at, last - at + 1, &e, &p, &x);

		if (err)
			return err;
		if (e.state == EXTENT_HOLE)
			continue;
		err = ext4_remove_piece(h, ei, &at, last, EXT4_REMOVE);
		return err ? err : MOVED;
	}
	return FINISHED;
}

static struct ext4_ext entry_at(const struct ext4_path *p, int pos)
{
	return ext4_ext_decode(ext4_entry(p->level[p->depth].eh, pos));
}

static u64 end_of(const struct ext4_ext *x)
{
	return (u64)x->lblk + x->len;
}

/* The extents of the next leaf behind the gap move down; the gap is behind them then. */
static int step_down(struct journal_handle *h, struct ext4_inode *ei, struct shift *s)
{
	int err = empty_gap(h, ei, s), from, to;
	u64 behind = s->gap + s->nr;
	struct ext4_path p;
	struct ext4_ext x;

	if (err != FINISHED)
		return err;
	if (behind > EXT4_MAX_LBLK)
		return FINISHED;
	err = ext4_find(ei, (u32)behind, &p);
	if (err)
		return err;
	from = p.level[p.depth].pos;
	if (from < 0 || entry_at(&p, from).lblk < behind)
		from++;
	if (from == p.level[p.depth].eh->eh_entries) {
		u64 next = ext4_next_lblk(&p);

		if (next > EXT4_MAX_LBLK)
			return FINISHED;
		err = ext4_find(ei, (u32)next, &p);
		if (err)
			return err;
		from = MAX(p.level[p.depth].pos, 0);
	}
	to = p.level[p.depth].eh->eh_entries;
	x = entry_at(&p, to - 1);
	if (entry_at(&p, from).lblk < behind || end_of(&x) <= behind)
		return ext4_leaf_damage(ei, &p);
	err = ext4_shift_entries(h, ei, &p, from, to, -(i64)s->nr);
	ext4_write_raw(h, ei);
	s->gap = end_of(&x) - s->nr;
	return err;
}

/* What has moved down and what it meets may be one extent now. */
static int join(struct journal_handle *h, struct ext4_inode *ei, struct shift *s)
{
	struct ext4_path p;
	struct ext4_ext x;
	struct extent e;
	int err = ext4_look(ei, (u32)s->first, 1, &e, &p, &x);

	if (!err && e.state != EXTENT_HOLE) {
		err = ext4_put(h, ei, &p, (u32)s->first, false, 1, &x, 1);
		ext4_write_raw(h, ei);
	}
	return err ? err : FINISHED;
}

/* Does one extent stand before and after block `first`? */
static bool spans(const struct ext4_path *p, u64 first)
{
	int pos = p->level[p->depth].pos;
	struct ext4_ext x;

	if (pos < 0)
		return false;
	x = entry_at(p, pos);
	return x.lblk < first && end_of(&x) > first;
}

/* Before an insert: can it be done, and where does the gap begin? Makes room for the extent that will be split. */
static int prepare_up(struct journal_handle *h, struct ext4_inode *ei, struct shift *s)
{
	struct ext4_path p;
	int err = ext4_find(ei, EXT4_MAX_LBLK, &p);

	if (err)
		return err;
	if (p.level[p.depth].pos >= 0) {
		struct ext4_ext last = entry_at(&p, p.level[p.depth].pos);

		s->gap = end_of(&last);
	}
	if (s->gap <= s->first)
		return FINISHED; /* nothing moves */
	if (s->gap + s->nr > (u64)EXT4_MAX_LBLK + 1)
		return -EINVAL;
	err = ext4_find(ei, (u32)s->first, &p);
	while (!err && spans(&p, s->first) &&
		p.level[p.depth].eh->eh_entries == p.level[p.depth].eh->eh_max) {
		err = ext4_make_room(h, ei, &p);
		if (!err)
			err = ext4_find(ei, (u32)s->first, &p);
	}
	ext4_write_raw(h, ei); /* also after an error: room that was made stays */
	return err;
}

/* The extents of the leaf before the gap, from `first` on, move up; the gap is before them then. The one that spans `first` is split. */
static int step_up(struct journal_handle *h, struct ext4_inode *ei, struct shift *s)
{
	int err = empty_gap(h, ei, s), from, pos;
	struct ext4_path p;
	struct ext4_ext x;

	if (err != FINISHED)
		return err;
	if (s->gap <= s->first)
		return FINISHED;
	err = ext4_find(ei, (u32)(s->gap - 1), &p);
	if (err)
		return err;
	pos = p.level[p.depth].pos;
	if (pos < 0)
		return FINISHED;
	x = entry_at(&p, pos);
	if (end_of(&x) <= s->first)
		return FINISHED;
	if (end_of(&x) > s->gap)
		return ext4_leaf_damage(ei, &p);
	if (x.lblk < s->first) {
		u32 keep = (u32)s->first - x.lblk;
		struct ext4_ext parts[2] = {{x.lblk, keep, x.pblk, x.unwritten},
			{(u32)(s->first + s->nr), x.len - keep, x.pblk + keep, x.unwritten}};

		err = ext4_put(h, ei, &p, (u32)s->first, false, 1, parts, 2);
		ext4_write_raw(h, ei);
		return err ? err : FINISHED;
	}
	for (from = pos; from > 0 && entry_at(&p, from - 1).lblk >= s->first;)
		from--;
	s->gap = entry_at(&p, from).lblk;
	err = ext4_shift_entries(h, ei, &p, from, pos + 1, (i64)s->nr);
	ext4_write_raw(h, ei);
	return err;
}

/* One step in a handle. */
static int run(struct ext4_inode *ei, step_fn step, struct shift *s)
{
	struct journal_handle *h;
	int err = ext4_begin(ext4_fs_of(ei), ext4_tree_credits(ei) + 8, &h), stop;

	if (err)
		return err;
	rwsem_write_lock(&ei->map_lock);
	err = step(h, ei, s);
	rwsem_write_unlock(&ei->map_lock);
	stop = journal_stop(h);
	return err < 0 ? err : stop ? stop : err;
}

int ext4_shift_blocks(struct inode *i, u64 first, i64 by)
{
	struct ext4_inode *ei = ext4_inode(i);
	struct shift s = {.first = first, .nr = (u64)(by < 0 ? -by : by), .gap = by < 0 ? first : 0};
	int err = MOVED;

	if (!ext4_uses_extents(ei))
		return -EOPNOTSUPP;
	if (by > 0)
		err = run(ei, prepare_up, &s);
	while (err == MOVED)
		err = run(ei, by < 0 ? step_down : step_up, &s);
	if (err == FINISHED && by < 0)
		err = run(ei, join, &s);
	return err == FINISHED ? 0 : err;
}
