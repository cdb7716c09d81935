/* SPDX-License-Identifier: MIT */
/*
 * Where a file has blocks, as programs ask: SEEK_DATA, SEEK_HOLE, FIEMAP.
 *
 * Rule: unwritten blocks read as zeros and count as holes for SEEK; FIEMAP tells of them. The answer holds for the moment: nothing is
 * locked over the whole file.
 */
#include "fs/vfs_priv.h"

i64 vfs_seek_data(struct inode *i, u64 pos, bool hole)
{
	u64 size = inode_size(i), page = pos >> PAGE_SHIFT, past = DIV_ROUND_UP(size, PAGE_SIZE);

	if (pos >= size)
		return -ENXIO;
	while (page < past) {
		struct extent e;
		int err =
			i->ops->map_extent ? i->ops->map_extent(i, page, past - page, MAP_LOOK, &e) : -EINVAL;

		if (err)
			return err;
		if ((e.state == EXTENT_MAPPED) != hole)
			return (i64)MAX(pos, page << PAGE_SHIFT);
		page += e.len;
	}
	return hole ? (i64)size : -ENXIO;
}

/* Does `next` go on where *e ends, in the file, in memory and in state? */
static bool continues(const struct extent *e, const struct extent *next)
{
	return e->state == next->state && e->pgoff + e->len == next->pgoff &&
		e->pa.v + e->len * PAGE_SIZE == next->pa.v;
}

int vfs_extents(struct inode *i, u64 first, u64 last, int (*fn)(void *arg, const struct extent *e), void *arg)
{
	struct extent run = {0}, e;
	int err;

	for (u64 page = first; page <= last && page >= first; page += e.len) {
		err = i->ops->map_extent(i, page, last - page + 1, MAP_LOOK, &e);
		if (err)
			return err;
		if (run.len && e.state != EXTENT_HOLE && continues(&run, &e)) {
			run.len += e.len;
			continue;
		}
		if (run.len && fn(arg, &run))
			return 0;
		run.len = 0;
		if (e.state != EXTENT_HOLE)
			run = e;
	}
	if (run.len)
		fn(arg, &run);
	return 0;
}
