/* SPDX-License-Identifier: MIT */
/*
 * Extent trees of full depth. To get there by writing takes more extents than an image of a test has blocks, so the test writes the tree: valid,
 * with the nodes of one path full and the others of one entry each. What comes next to the last leaf then takes room on every level.
 */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "tests/host/ext4_image.h"

enum { BLOCKS_MAX = 6000 };

static struct {
	u64 blocks[BLOCKS_MAX]; /* for nodes and data */
	unsigned used;
	u32 page; /* of the next extent */
} tree;

static unsigned depth_of(struct inode *i)
{
	return ext4_root(ext4_inode(i))->eh_depth;
}

static u64 free_blocks(void)
{
	return ext4_fs(image.super)->free_blocks;
}

static char *block_at(u64 block)
{
	return (char *)image.region->virt + block * EXT4_BLOCK_SIZE;
}

/* Entries of a node. full: it has all that it can, and the last child is full again; otherwise there is one. */
static unsigned entries(unsigned max, bool full)
{
	return full ? max : 1;
}

static unsigned blocks_below(unsigned max, unsigned depth, bool full)
{
	unsigned n = entries(max, full), total = n;

	for (unsigned k = 0; depth && k < n; k++)
		total += blocks_below(EXT4_EXT_BLOCK_MAX, depth - 1, full && k == n - 1);
	return total;
}

/* A node of that depth with all below it. Each extent has one page, which begins with its number, and a hole behind it. */
static void write_node(struct ext4_extent_header *eh, unsigned max, unsigned depth, bool full)
{
	unsigned n = entries(max, full);

	*eh = (struct ext4_extent_header){EXT4_EXT_MAGIC, (u16)n, (u16)max, (u16)depth, 0};
	for (unsigned k = 0; k < n; k++) {
		u32 block = (u32)tree.blocks[tree.used++];

		if (depth) {
			((struct ext4_extent_idx *)(eh + 1))[k] =
				(struct ext4_extent_idx){.ei_block = tree.page, .ei_leaf_lo = block};
			write_node(
				(void *)block_at(block), EXT4_EXT_BLOCK_MAX, depth - 1, full && k == n - 1);
			continue;
		}
		((struct ext4_extent *)(eh + 1))[k] =
			(struct ext4_extent){.ee_block = tree.page, .ee_len = 1, .ee_start_lo = block};
		memset(block_at(block), 0, EXT4_BLOCK_SIZE);
		*(u64 *)block_at(block) = tree.page;
		tree.page += 2;
	}
}

static struct ext4_disk_inode *disk_inode(u64 ino)
{
	const struct ext4_super *sb = (void *)(block_at(0) + EXT4_SUPER_OFFSET);
	const struct ext4_group_desc *first = (void *)block_at(1);

	return (void *)(block_at(first->bg_inode_table_lo) + (ino - 1) * sb->s_inode_size);
}

/* An image with the file /f, whose tree has that depth and a full path. It has got its blocks by fallocate. */
static struct file *make_tree(unsigned depth)
{
	unsigned n = blocks_below(EXT4_EXT_ROOT_MAX, depth, true);
	struct inode *i;
	struct extent e;
	u64 ino;

	image_make(8192, "-O ^metadata_csum,^has_journal");
	image_start("blocks");
	is(fs_create("/f") | vfs_lookup(NULL, "/f", true, &i), 0, "depth %u: a file", depth);
	ino = i->ino;
	is(vfs_fallocate(i, 0, 0, (u64)n * PAGE_SIZE), 0, "of %u blocks", n);
	ok(n <= BLOCKS_MAX && depth_of(i) == 0, "in few extents");
	for (unsigned p = 0; p < n; p++)
		tree.blocks[p] = i->ops->map_extent(i, p, 1, MAP_LOOK, &e)
			? 0
			: (e.pa.v - image.region->base.v) / EXT4_BLOCK_SIZE;
	iput(i);
	is(image_unmount(), 0, "unmounted");
	tree.used = tree.page = 0;
	write_node((void *)disk_inode(ino)->i_block, EXT4_EXT_ROOT_MAX, depth, true);
	image_save();
	ok(image_fsck(), "depth %u: e2fsck takes it for what it is", depth);
	image_start("full path");
	return fs_open("/f", O_RDWR_);
}

/* Has each page what belongs there? The odd ones are holes but for `filled`. */
static bool words_ok(struct inode *i, u32 filled)
{
	for (u32 p = 0; p < tree.page; p++) {
		u64 w = 1;

		if (vfs_kread(i, &w, sizeof(w), (u64)p * PAGE_SIZE) == sizeof(w) &&
			w == (p % 2 && p != filled ? 0 : p))
			continue;
		diag("page %u has %llx", p, (unsigned long long)w);
		return false;
	}
	return true;
}

static ssize_t fill_hole(struct inode *i, u32 page)
{
	u64 w = page;

	return vfs_kwrite(i, &w, sizeof(w), (u64)page * PAGE_SIZE);
}

static void empty(struct file *f)
{
	is(vfs_truncate(f->inode, 0), 0, "truncated to nothing");
	ok(!depth_of(f->inode) && !atomic_load(&f->inode->blocks), "the tree has no block");
	file_put(f);
	image_stop();
}

static void test_grow(void)
{
	struct file *f = make_tree(EXT4_EXT_DEPTH_MAX - 1);
	u32 hole = tree.page - 3;

	is(depth_of(f->inode), EXT4_EXT_DEPTH_MAX - 1, "a tree of depth %u", depth_of(f->inode));
	ok(words_ok(f->inode, 0), "its pages are read");
	is(fill_hole(f->inode, hole), sizeof(u64), "a hole of the last leaf is filled");
	is(depth_of(f->inode), EXT4_EXT_DEPTH_MAX, "the root has grown");
	ok(words_ok(f->inode, hole), "all pages are in their places");
	is(vfs_fallocate(
		   f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, (hole - 1ull) * PAGE_SIZE, PAGE_SIZE),
		0, "a page beside it is punched out");
	is(fill_hole(f->inode, hole - 1), sizeof(u64), "and written again");
	file_put(f);
	image_stop();
	image_start("grown");
	f = fs_open("/f", O_RDWR_);
	ok(words_ok(f->inode, hole), "all is there after a mount");
	empty(f);
}

static void test_full(void)
{
	struct file *f = make_tree(EXT4_EXT_DEPTH_MAX);
	u32 hole = tree.page - 3;
	u64 before = free_blocks();

	is(depth_of(f->inode), EXT4_EXT_DEPTH_MAX, "a tree of full depth");
	is(fill_hole(f->inode, hole), -ENOSPC, "no room for one more extent");
	is(fill_hole(f->inode, hole), -ENOSPC, "nor when asked again");
	is(free_blocks(), before, "no block is lost for it");
	ok(!atomic_load(&image.super->readonly), "it is not taken for damage");
	ok(words_ok(f->inode, 0), "nothing has changed");
	is(vfs_fallocate(
		   f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, (hole + 1ull) * PAGE_SIZE, PAGE_SIZE),
		0, "an extent of that leaf goes");
	is(fill_hole(f->inode, hole), sizeof(u64), "which makes the room");
	is(fill_hole(f->inode, hole + 1), -ENOSPC, "for one");
	file_put(f);
	image_stop();
	image_start("full");
	empty(fs_open("/f", O_RDWR_));
}

int main(void)
{
	image_begin();
	test_grow();
	test_full();
	image_end();
	return done_testing();
}
