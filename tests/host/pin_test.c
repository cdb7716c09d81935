/* SPDX-License-Identifier: MIT */
/*
 * Pins and MAP_SYNC in order, on one thread and on two: what a pin holds, what waits for it and what does not, what a
 * synchronous mapping makes durable before its entry can be stored through. The interleavings are the explorer's.
 */
#include "host/unit.h"

#include "mm/pin.h"
#include "mm/priv.h"
#include "tests/host/dax_image.h"

#define IMAGE_BLOCKS 2048u

static struct file *create_sized(const char *path, u32 flags, u64 size)
{
	struct file *f = fs_open(path, O_RDWR_ | O_CREAT_ | flags);

	return f && vfs_truncate(f->inode, size) ? NULL : f;
}

static bool is_pinned(struct file *f, u64 first, u64 last)
{
	return dax_pinned(atomic_load(&f->inode->mapping), first, last);
}

static void test_pins(void)
{
	struct file *f = create_sized("/pins", 0, 1100 * PAGE_SIZE);
	uaddr_t a = map(f, 0, 1100, SHARED_RW), anon;
	struct mm_pin p, q;
	u64 value = 0;

	is(mm_pin(mm, uaddr_add(a, 600 * PAGE_SIZE + 8), true, &p), 0, "a pin on a page that nobody touched");
	ok(is_pinned(f, 600, 600) && is_pinned(f, 0, RANGE_LAST), "it is found");
	ok(!is_pinned(f, 0, 599) && !is_pinned(f, 601, RANGE_LAST), "by its page only");
	*(u64 *)phys_to_virt(p.pa) = 42;
	cpu_load_user64(uaddr_add(a, 600 * PAGE_SIZE), &value);
	is(value, 42, "the device writes to what the mapping shows");
	is(mm_pin(mm, uaddr_add(a, 600 * PAGE_SIZE), false, &q), 0, "a second pin");
	is(q.pa.v, p.pa.v, "on the same page");
	mm_unpin(&p);
	ok(is_pinned(f, 600, 600), "one of them is dropped: still pinned");
	is(vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, 0, 600 * PAGE_SIZE), 0,
		"a punch beside the pinned page does not wait");
	is(vfs_truncate(f->inode, 601 * PAGE_SIZE), 0, "nor does a truncate behind it");
	mm_unmap(mm, a, 1100 * PAGE_SIZE);
	file_put(f);
	*(u64 *)phys_to_virt(q.pa) = 43;
	mm_unpin(&q);
	ok(true, "a pin outlives mapping and descriptor");

	f = create_sized("/pins", 0, 4 * PAGE_SIZE);
	a = map(f, 0, 8, SHARED_RW);
	is(mm_pin(mm, uaddr_add(a, 4 * PAGE_SIZE), false, &p), -EFAULT, "past the end of the file");
	is(mm_pin(mm, a, false, &p), -EOPNOTSUPP, "the zero page of a hole has no block");
	anon = UADDR((u64)mm_map(mm, &(struct mmap_request){.len = PAGE_SIZE, .flags = VMA_READ}));
	is(mm_pin(mm, anon, false, &p), -EOPNOTSUPP, "anonymous memory has none either");
	is(mm_pin(mm, anon, true, &p), -EFAULT, "and to this one nobody may write");
	is(mm_pin(mm, UADDR(0x20000), false, &p), -EFAULT, "nothing is mapped there");
	mm_unmap(mm, a, 8 * PAGE_SIZE);
	mm_unmap(mm, anon, PAGE_SIZE);
	file_put(f);
}

static struct {
	struct file *f;
	uaddr_t a;
	int pinned, ret;
	bool truncated, early;
} two;

static void pinner(void *arg)
{
	struct mm_pin p;
	u64 value;

	(void)arg;
	two.pinned = mm_pin(mm, two.a, true, &p);
	if (two.pinned) /* the truncate was first */
		return;
	for (unsigned i = 0; i < 50; i++)
		thread_yield();
	/* Faults on the same file while truncate waits. */
	cpu_load_user64(uaddr_add(two.a, PAGE_SIZE), &value);
	two.early = two.truncated;
	mm_unpin(&p);
}

static void truncator(void *arg)
{
	(void)arg;
	two.ret = vfs_truncate(two.f->inode, 0);
	two.truncated = true;
}

static void test_wait(void)
{
	unsigned waited = 0;

	two.f = create_sized("/wait", 0, 0);
	two.a = map(two.f, 0, 2, SHARED_RW);
	for (unsigned i = 0; i < 20; i++) {
		two.truncated = two.early = false;
		vfs_truncate(two.f->inode, 2 * PAGE_SIZE);
		sim_spawn("pinner", pinner, NULL, mm, 1);
		sim_spawn("truncator", truncator, NULL, mm, 2);
		if (sim_run() != SIM_ALL_DONE || two.ret || two.early) {
			ok(false, "a truncate waits for a pin and nothing else waits");
			return;
		}
		waited += !two.pinned;
	}
	ok(waited, "a truncate waits for a pin, while its holder faults on the same file (%u of 20)", waited);
	mm_unmap(mm, two.a, 2 * PAGE_SIZE);
	file_put(two.f);
}

/* A truncate that unmaps the page each time a pin is counted, and then waits for that pin. */
static unsigned nr_counted;

static int pin_and_unmap(struct vma *v, u64 pgoff, struct mm_pin *p)
{
	int err = dax_pin(v, pgoff, p);

	if (++nr_counted < 10)
		rmap_unmap(v->rmap, pgoff, pgoff, RMAP_ALL);
	return err;
}

static void test_progress(void)
{
	struct file *f = create_sized("/progress", 0, PAGE_SIZE);
	uaddr_t a = map(f, 0, 1, SHARED_RW);
	struct vm_ops ops = dax_vm_ops;
	struct vma *v = vma_lock_at(mm, a);
	struct mm_pin p;

	ops.pin = pin_and_unmap;
	v->ops = &ops;
	vma_read_unlock(v);
	cpu_store_user64(a, 5);
	is(mm_pin(mm, a, true, &p), 0, "a pin whose page is unmapped while it is counted");
	is(nr_counted, 1, "stays counted through the fault, so that nobody unmaps the page again");
	mm_unpin(&p);
	ok(!is_pinned(f, 0, RANGE_LAST), "it is counted once");
	vfs_truncate(f->inode, 0);
	is(mm_pin(mm, a, true, &p), -EFAULT, "a pin on a page whose fault fails");
	ok(!is_pinned(f, 0, RANGE_LAST), "is not left behind");
	mm_unmap(mm, a, PAGE_SIZE);
	file_put(f);
}

static void test_direct(void)
{
	struct file *f = create_sized("/from", O_DIRECT_, 4 * PAGE_SIZE),
		    *g = create_sized("/to", 0, 4 * PAGE_SIZE);
	uaddr_t a = map(f, 0, 4, SHARED_RW), b = map(g, 0, 4, SHARED_RW);
	u64 pos = 0, value = 0;

	for (u64 p = 0; p < 4; p++)
		cpu_store_user64(uaddr_add(a, p * PAGE_SIZE), 100 + p);
	is(vfs_read(f, uaddr_add(b, 8), 3 * PAGE_SIZE, &pos), 3 * PAGE_SIZE, "O_DIRECT read into a mapping");
	cpu_load_user64(uaddr_add(b, 2 * PAGE_SIZE + 8), &value);
	is(value, 102, "arrives");
	ok(!is_pinned(g, 0, RANGE_LAST), "and leaves no pin");
	pos = PAGE_SIZE;
	is(vfs_write(f, uaddr_add(a, 3 * PAGE_SIZE), PAGE_SIZE, &pos), PAGE_SIZE,
		"O_DIRECT write from a mapping of the same file");
	pos = 0;
	is(vfs_read(f, a, 4 * PAGE_SIZE, &pos), 4 * PAGE_SIZE, "O_DIRECT read of a file into itself");
	is(vfs_truncate(g->inode, PAGE_SIZE), 0, "nothing waits");
	pos = 0;
	is(vfs_read(f, b, 2 * PAGE_SIZE, &pos), PAGE_SIZE, "half of the buffer is past the end of its file");
	pos = 0;
	is(vfs_read(f, uaddr_add(b, PAGE_SIZE), PAGE_SIZE, &pos), -EFAULT, "all of it");
	mm_unmap(mm, a, 4 * PAGE_SIZE);
	mm_unmap(mm, b, 4 * PAGE_SIZE);
	file_put(f);
	file_put(g);
}

/* MAP_SYNC: a file system that tells when its map was committed, and what could be stored to then. */
static struct {
	const struct inode_ops *real;
	uaddr_t a;
	unsigned commits, late;
	int err;
} spy;

static void note_writable(void *arg, struct vma *v, u64 pgoff, u64 pte)
{
	(void)arg, (void)v, (void)pgoff;
	spy.late += pte_writable((pte_t){pte});
}

static int spy_commit(struct inode *i, u64 pgoff, u64 nr)
{
	struct extent e;

	spy.commits++;
	if (spy.real->map_extent(i, pgoff, 1, MAP_LOOK, &e) || e.state != EXTENT_MAPPED)
		spy.late++;
	rmap_visit(&atomic_load(&i->mapping)->rmap, pgoff, pgoff, note_writable, NULL);
	return spy.err ? spy.err : spy.real->commit_map(i, pgoff, nr);
}

static void test_sync(void)
{
	struct file *f = create_sized("/sync", 0, 4 * PAGE_SIZE);
	struct inode_ops ops = *f->inode->ops;
	u64 value;

	spy.real = f->inode->ops;
	ops.commit_map = spy_commit;
	f->inode->ops = &ops;
	spy.a = map(f, 0, 4, SHARED_RW | VMA_SYNC);
	is(cpu_load_user64(spy.a, &value), 0, "a load through a synchronous mapping");
	is(spy.commits, 0, "commits nothing");
	is(cpu_store_user64(spy.a, 1), 0, "a store");
	is(spy.commits, 1, "commits the block map");
	is(spy.late, 0, "with the block in it, and before the entry is writable");
	ok(dax_is_dirty(atomic_load(&f->inode->mapping), 0), "the page is tagged dirty all the same");
	is(cpu_store_user64(spy.a, 2), 0, "another store to it");
	is(spy.commits, 1, "needs nothing");
	dax_fsync(f->inode, 0, RANGE_LAST);
	cpu_store_user64(spy.a, 3);
	is(spy.commits, 2, "after an fsync it asks again");
	spy.err = -EIO;
	is(cpu_store_user64(uaddr_add(spy.a, PAGE_SIZE), 1), -EFAULT, "a commit that fails is a signal");
	spy.err = 0;
	mm_unmap(mm, spy.a, 4 * PAGE_SIZE);
	f->inode->ops = spy.real;
	image.region->durable = false;
	is(try_map(f, 0, 4, SHARED_RW | VMA_SYNC), -EOPNOTSUPP,
		"memory that is gone at power-off cannot promise that");
	image.region->durable = true;
	file_put(f);
}

int main(void)
{
	image_begin();
	dax_start(NULL, IMAGE_BLOCKS, &(struct sim_config){.ram = 16 << 20, .pmem = 32 << 20});
	test_pins();
	test_wait();
	test_progress();
	test_direct();
	test_sync();
	dax_stop();
	image_end();
	return done_testing();
}
