/* SPDX-License-Identifier: MIT */
/*
 * Bad pages in order, on one thread: a load meets one (the simulated machine raises the machine check), entries of 4 KiB and of 2 MiB, reads,
 * writes, private copies, and the allocator. The interleavings are the explorer's.
 */
#include "host/unit.h"

#include "mm/poison.h"
#include "mm/uaccess.h"
#include "tests/host/dax_image.h"

#define IMAGE_BLOCKS 4096u

static char page[2 * PAGE_SIZE];

static struct file *create_filled(const char *path, u64 pages)
{
	struct file *f = create(path);

	memset(page, 'f', sizeof(page));
	for (u64 p = 0; f && p < pages; p++)
		vfs_kwrite(f->inode, page, PAGE_SIZE, p << PAGE_SHIFT);
	return f;
}

static paddr_t block_of(struct file *f, u64 pgoff)
{
	struct extent e = {.state = EXTENT_HOLE};

	f->inode->ops->map_extent(f->inode, pgoff, 1, MAP_LOOK, &e);
	return e.state == EXTENT_HOLE ? PADDR_NONE : e.pa;
}

static int load(uaddr_t a, u64 pgoff)
{
	u64 value;

	return cpu_load_user64(uaddr_add(a, pgoff << PAGE_SHIFT), &value);
}

static void count_entry(void *arg, struct vma *v UNUSED, u64 pgoff UNUSED, u64 pte UNUSED)
{
	++*(u64 *)arg;
}

static u64 entries(struct file *f)
{
	u64 n = 0;

	rmap_visit(&atomic_load(&f->inode->mapping)->rmap, 0, RANGE_LAST, count_entry, &n);
	return n;
}

static void test_load(void)
{
	struct file *f = create_filled("/load", 4), *other = create_filled("/other", 4);
	uaddr_t a = map(f, 0, 4, SHARED_RW), b = map(f, 0, 4, SHARED_RW), c = map(other, 0, 4, SHARED_RW);
	uaddr_t private = map(f, 0, 4, PRIVATE_RW);

	for (u64 p = 0; p < 4; p++)
		load(a, p), load(b, p), load(c, p);
	is(entries(f), 8, "two mappings of four pages");
	sim_break_page(block_of(f, 1));
	is(load(a, 1), -EFAULT, "a load from a bad page fails");
	is(entries(f), 6, "and the page is out of both mappings");
	is(poison_count(), 1, "it is on the list");
	sim_break_page(PADDR(0));
	is(load(b, 1), -EFAULT, "the list, not the machine, keeps others from it");
	is(cpu_store_user64(uaddr_add(b, PAGE_SIZE), 1), -EFAULT, "stores too");
	is(cpu_store_user64(uaddr_add(private, PAGE_SIZE), 1), -EFAULT, "a private copy cannot be made");
	ok(!load(a, 0) && !load(b, 2) && !load(c, 1), "its neighbours and another file are there");
	is(mm_populate(mm, a, 4 * PAGE_SIZE, POPULATE_READ), -EHWPOISON, "populating tells");
	is(vfs_kread(f->inode, page, PAGE_SIZE, PAGE_SIZE), -EIO, "read: EIO");
	is(vfs_kread(f->inode, page, 2 * PAGE_SIZE, 100), PAGE_SIZE - 100, "a read is short before it");
	is(vfs_kwrite(f->inode, page, PAGE_SIZE, PAGE_SIZE), -EIO, "write: EIO");
	is(vfs_kwrite(f->inode, page, 2 * PAGE_SIZE, 0), PAGE_SIZE, "a write is short before it");
	is(vfs_fsync(f->inode, 0, RANGE_LAST, false), 0, "fsync");
	file_put(f);
	file_put(other);
}

/* What a copy in the kernel meets first. */
static void test_copy(void)
{
	struct file *f = create_filled("/copy", 4), *out = create_filled("/out", 1);
	uaddr_t a = map(f, 0, 4, SHARED_RW), private = map(f, 0, 4, PRIVATE_RW);
	unsigned before = poison_count();
	u64 pos = 0;

	sim_break_page(block_of(f, 2));
	is(vfs_kread(f->inode, page, 2 * PAGE_SIZE, PAGE_SIZE), PAGE_SIZE, "a read ends at the bad page");
	is(poison_count(), before + 1, "which is on the list then");
	is(vfs_kread(f->inode, page, PAGE_SIZE, 2 * PAGE_SIZE), -EIO, "and EIO is what remains");
	sim_break_page(block_of(f, 3));
	is(cpu_store_user64(uaddr_add(private, 3 * PAGE_SIZE), 1), -EFAULT, "a private copy that meets one");
	is(poison_count(), before + 2, "is a machine check as well");
	load(a, 0);
	sim_break_page(block_of(f, 0));
	is(vfs_write(out, a, PAGE_SIZE, &pos), -EFAULT, "write from a mapping of a bad page");
	is(poison_count(), before + 3, "the same");
	sim_break_page(PADDR(0));
	file_put(f);
	file_put(out);
}

static void test_huge(void)
{
	struct file *f = create_filled("/huge", 0);
	struct mmap_request rq = {.len = HUGE_SIZE, .flags = SHARED_RW};
	struct extent e = {0};
	uaddr_t a;

	vfs_fallocate(f->inode, 0, 0, HUGE_SIZE);
	f->inode->ops->map_extent(f->inode, 0, PAGES_PER_HUGE, MAP_WRITE, &e);
	vfs_mmap(f, &rq);
	rq.align = HUGE_SIZE;
	a = UADDR((u64)mm_map(mm, &rq));
	ok(!load(a, 7) && entries(f) == 1, "2 MiB are one entry");
	is(poison_page(paddr_add(e.pa, 5 * PAGE_SIZE)), 0, "one of its pages is bad");
	is(entries(f), 0, "the entry is gone");
	ok(!load(a, 4) && !load(a, 6), "its neighbours are mapped by 4 KiB");
	is(entries(f), 2, "a page each");
	is(load(a, 5), -EFAULT, "it is not");
	file_put(f);
}

static void test_allocator(void)
{
	struct file *f = create_filled("/free", 8), *g;
	paddr_t bad = block_of(f, 3);
	bool handed_out = false;
	u64 p;

	poison_page(bad);
	is(vfs_truncate(f->inode, 0), 0, "a file with a bad page is truncated");
	g = create_filled("/filler", 0);
	for (p = 0; vfs_kwrite(g->inode, page, PAGE_SIZE, p << PAGE_SHIFT) == (ssize_t)PAGE_SIZE; p++)
		handed_out |= block_of(g, p).v == bad.v;
	ok(p > 100 && !handed_out, "its block is handed out to nobody, until the disk is full");
	file_put(f);
	file_put(g);
}

static void test_list(void)
{
	unsigned before = poison_count();
	int err = 0;

	for (u64 i = 0; i < POISON_MAX && !err; i++)
		err = poison_add(PADDR(image.region->base.v + (1000 + i) * PAGE_SIZE));
	is(err, -ENOSPC, "the list has an end");
	is(poison_count(), POISON_MAX, "at so many pages");
	is(poison_good_pages(PADDR(image.region->base.v + 990 * PAGE_SIZE), 30), 10,
		"the first bad page of a range");
	poison_forget(PADDR(image.region->base.v + 1000 * PAGE_SIZE), POISON_MAX * PAGE_SIZE);
	is(poison_count(), before, "it can forget");
}

int main(void)
{
	image_begin();
	dax_start(NULL, IMAGE_BLOCKS, &(struct sim_config){.ram = 32 << 20, .pmem = 32 << 20});
	test_load();
	test_copy();
	test_huge();
	test_allocator();
	test_list();
	dax_stop();
	image_end();
	return done_testing();
}
