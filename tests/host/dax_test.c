/* SPDX-License-Identifier: MIT */
/*
 * DAX operations one after the other, on a file system that mke2fs made: what each promises when nothing races. The
 * races are the explorer's. Run once per locking scheme. User memory is touched through the simulated MMU, so a wrong or
 * missing page-table entry shows. At the end e2fsck judges what is left on the medium.
 */
#include "host/unit.h"

#include "host/pmem_sim.h"
#include "tests/host/dax_image.h"

#define IMAGE_BLOCKS 4096u
#define WORD(pgoff, i) ((u64)(pgoff) << 32 | (i) << 8 | 0x5a)

static const char *scheme;

static int truncate_to(struct file *f, u64 size)
{
	return vfs_truncate(f->inode, size);
}

static u64 load(uaddr_t a)
{
	u64 v = ~0ull;

	return cpu_load_user64(a, &v) ? FAULTED : v;
}

static void test_faults(void)
{
	struct file *f = create("/faults");
	uaddr_t a, b, c;
	u64 word;

	is(truncate_to(f, 4 * PAGE_SIZE), 0, "%s: a file of four pages, all holes", scheme);
	a = map(f, 0, 8, SHARED_RW);
	b = map(f, 1, 2, SHARED_RW);
	is(load(a), 0, "%s: a hole reads as zero", scheme);
	is(load(b), 0, "%s: through a second mapping as well", scheme);
	is(cpu_store_user64(uaddr_add(a, PAGE_SIZE), WORD(1, 1)), 0, "%s: a store into a hole", scheme);
	is(load(b), WORD(1, 1), "%s: the other mapping has lost its zero page", scheme);
	is(load(uaddr_add(a, 4 * PAGE_SIZE)), FAULTED, "%s: past the end: SIGBUS", scheme);
	is(cpu_store_user64(uaddr_add(a, 4 * PAGE_SIZE), 1), -EFAULT, "%s: for stores too", scheme);
	is(vfs_kread(f->inode, &word, 8, PAGE_SIZE), 8, "%s: read(2) of the stored word", scheme);
	is(word, WORD(1, 1), "%s: sees what the mapping stored", scheme);
	word = WORD(2, 7);
	is(vfs_kwrite(f->inode, &word, 8, 2 * PAGE_SIZE + 56), 8, "%s: write(2) into a hole", scheme);
	is(load(uaddr_add(a, 2 * PAGE_SIZE + 56)), WORD(2, 7), "%s: shows in the mapping", scheme);
	is(load(uaddr_add(a, 2 * PAGE_SIZE)), 0, "%s: and the rest of its new block is zero", scheme);
	c = map(f, 1, 1, PRIVATE_RW);
	is(load(c), WORD(1, 1), "%s: a private mapping reads the file", scheme);
	is(cpu_store_user64(c, 9), 0, "%s: and stores", scheme);
	is(load(c), 9, "%s: into its copy", scheme);
	is(load(b), WORD(1, 1), "%s: not into the file", scheme);
	is(truncate_to(f, 0), 0, "%s: truncate to nothing", scheme);
	is(load(a), FAULTED, "%s: nothing is mapped", scheme);
	is(load(c), FAULTED, "%s: private copies are gone as well", scheme);
	mm_unmap(mm, a, 8 * PAGE_SIZE);
	mm_unmap(mm, b, 2 * PAGE_SIZE);
	mm_unmap(mm, c, PAGE_SIZE);
	file_put(f);
}

static void test_tail(void)
{
	struct file *f = create("/tail");
	uaddr_t a;
	u64 word = ~0ull, back = 1;

	truncate_to(f, 100);
	a = map(f, 0, 2, SHARED_RW);
	is(cpu_store_user64(uaddr_add(a, 96), ~0ull), 0, "%s: a store across the end of the file", scheme);
	is(cpu_store_user64(uaddr_add(a, 2048), ~0ull), 0, "%s: and one past it in the last page", scheme);
	is(truncate_to(f, 4096), 0, "%s: the file grows over them", scheme);
	is(load(uaddr_add(a, 2048)), 0, "%s: what lay past the end reads as zero", scheme);
	is(load(uaddr_add(a, 96)), 0xffffffffull, "%s: what lay before it is kept", scheme);
	truncate_to(f, 50);
	is(load(uaddr_add(a, 96)), 0, "%s: truncation zeroes the tail", scheme);
	cpu_store_user64(uaddr_add(a, 1024), ~0ull);
	is(vfs_kwrite(f->inode, &word, 8, 5000), 8, "%s: a write past the end", scheme);
	is(load(uaddr_add(a, 1024)), 0, "%s: zeroes the old tail too", scheme);
	is(vfs_kread(f->inode, &back, 8, 4992), 8, "%s: a read of the gap", scheme);
	is(back, 0, "%s: is zero", scheme);
	is(inode_size(f->inode), 5008, "%s: the size is right", scheme);
	mm_unmap(mm, a, 2 * PAGE_SIZE);
	file_put(f);
}

static void test_punch(void)
{
	struct file *f = create("/punch");
	bool good = true;
	uaddr_t a;

	truncate_to(f, 16 * PAGE_SIZE);
	a = map(f, 0, 16, SHARED_RW);
	for (u64 p = 0; p < 16; p++)
		cpu_store_user64(uaddr_add(a, p * PAGE_SIZE + 8 * p), WORD(p, 0));
	is(vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, 4 * PAGE_SIZE, 4 * PAGE_SIZE), 0,
		"%s: punch four pages", scheme);
	for (u64 p = 0; p < 16; p++)
		good &= load(uaddr_add(a, p * PAGE_SIZE + 8 * p)) == (p >= 4 && p < 8 ? 0 : WORD(p, 0));
	ok(good, "%s: they read as zero, the others are untouched", scheme);
	is(vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, 10 * PAGE_SIZE + 80, 8), 0,
		"%s: punch eight bytes", scheme);
	is(load(uaddr_add(a, 10 * PAGE_SIZE + 80)), 0, "%s: they are zero", scheme);
	is(cpu_store_user64(uaddr_add(a, 5 * PAGE_SIZE), 5), 0, "%s: a punched page takes a new block",
		scheme);
	is(load(uaddr_add(a, 5 * PAGE_SIZE)), 5, "%s: and keeps what is stored", scheme);
	is(vfs_fallocate(f->inode, 0, 0, 20 * PAGE_SIZE), 0, "%s: allocate everything", scheme);
	is(load(uaddr_add(a, 6 * PAGE_SIZE)), 0, "%s: a reserved block reads as zero", scheme);
	is(cpu_store_user64(uaddr_add(a, 6 * PAGE_SIZE + 8), 6), 0, "%s: and can be stored to", scheme);
	is(load(uaddr_add(a, 6 * PAGE_SIZE)), 0, "%s: with the rest still zero", scheme);
	is(inode_size(f->inode), 20 * PAGE_SIZE, "%s: allocation grew the file", scheme);
	mm_unmap(mm, a, 16 * PAGE_SIZE);
	file_put(f);
}

static void test_sync(void)
{
	struct file *f = create("/sync");
	struct mapping *m;
	u64 flushes, fences;
	uaddr_t a;

	truncate_to(f, 600 * PAGE_SIZE);
	a = map(f, 0, 600, SHARED_RW);
	cpu_store_user64(a, 1);
	cpu_store_user64(uaddr_add(a, 511 * PAGE_SIZE), 2);
	cpu_store_user64(uaddr_add(a, 512 * PAGE_SIZE), 3);
	m = atomic_load(&f->inode->mapping);
	ok(dax_is_dirty(m, 0) && dax_is_dirty(m, 511) && dax_is_dirty(m, 512) && !dax_is_dirty(m, 1),
		"%s: stored pages are tagged", scheme);
	flushes = pmem_sim_count(PMEM_SIM_FLUSH);
	is(dax_fsync(f->inode, 0, 511), 0, "%s: fsync of the first segment", scheme);
	ok(pmem_sim_count(PMEM_SIM_FLUSH) >= flushes + 2, "%s: flushes its two pages", scheme);
	ok(!dax_is_dirty(m, 0) && !dax_is_dirty(m, 511) && dax_is_dirty(m, 512), "%s: and cleans these only",
		scheme);
	is(cpu_store_user64(uaddr_add(a, 8), 4), 0, "%s: a store after it", scheme);
	ok(dax_is_dirty(m, 0), "%s: tags the page again", scheme);
	is(dax_fsync(f->inode, 0, RANGE_LAST), 0, "%s: fsync of everything", scheme);
	flushes = pmem_sim_count(PMEM_SIM_FLUSH);
	fences = pmem_sim_count(PMEM_SIM_FENCE);
	is(dax_fsync(f->inode, 0, RANGE_LAST), 0, "%s: fsync of a clean file", scheme);
	ok(pmem_sim_count(PMEM_SIM_FLUSH) == flushes && pmem_sim_count(PMEM_SIM_FENCE) == fences,
		"%s: does nothing", scheme);
	is(mm_protect(mm, a, 600 * PAGE_SIZE, VMA_READ), 0, "%s: mprotect to read-only", scheme);
	is(mm_protect(mm, a, 600 * PAGE_SIZE, VMA_READ | VMA_WRITE), 0, "%s: and back", scheme);
	cpu_store_user64(a, 7);
	ok(dax_is_dirty(m, 0), "%s: does not make a clean page writable behind our back", scheme);
	mm_unmap(mm, a, 600 * PAGE_SIZE);
	file_put(f);
}

/* Shifts and zero range under mappings: what is seen, what is tagged, what is flushed. */
static void test_shift(void)
{
	struct file *f = create("/shift");
	struct inode *i = f->inode;
	u64 word;
	bool good = true;
	uaddr_t a, p;

	truncate_to(f, 600 * PAGE_SIZE);
	a = map(f, 0, 620, SHARED_RW);
	p = map(f, 0, 620, PRIVATE_RW);
	for (u64 k = 0; k < 600; k++)
		cpu_store_user64(uaddr_add(a, k * PAGE_SIZE), WORD(k, 0));
	cpu_store_user64(p, 1);
	cpu_store_user64(uaddr_add(p, 20 * PAGE_SIZE), 2);
	dax_fsync(i, 0, 499);
	is(vfs_fallocate(i, FALLOC_COLLAPSE_RANGE_, 10 * PAGE_SIZE, 5 * PAGE_SIZE), 0, "%s: collapse",
		scheme);
	for (u64 k = 0; k < 595; k++)
		good &= load(uaddr_add(a, k * PAGE_SIZE)) == WORD(k < 10 ? k : k + 5, 0);
	ok(good, "%s: the mapping shows what stands where now", scheme);
	good = true;
	for (u64 k = 0; k < 600; k++)
		good &= !dax_is_dirty(atomic_load(&i->mapping), k);
	ok(good, "%s: no page is tagged any more", scheme);
	is(load(uaddr_add(a, 595 * PAGE_SIZE)), FAULTED, "%s: past the new end: SIGBUS", scheme);
	is(load(p), 1, "%s: a private copy before the range stays", scheme);
	is(load(uaddr_add(p, 20 * PAGE_SIZE)), WORD(25, 0), "%s: one behind it goes, as on Linux", scheme);
	is(cpu_store_user64(uaddr_add(a, 20 * PAGE_SIZE), 7), 0, "%s: a store to a page that has moved",
		scheme);
	ok(dax_is_dirty(atomic_load(&i->mapping), 20), "%s: is noticed", scheme);
	is(vfs_fallocate(i, FALLOC_INSERT_RANGE_, 0, 3 * PAGE_SIZE), 0, "%s: insert", scheme);
	ok(load(a) == 0 && load(uaddr_add(a, 3 * PAGE_SIZE)) == WORD(0, 0) &&
			load(uaddr_add(a, 23 * PAGE_SIZE)) == 7 &&
			load(uaddr_add(a, 597 * PAGE_SIZE)) == WORD(599, 0),
		"%s: all pages show up behind the hole", scheme);
	is(cpu_store_user64(uaddr_add(a, PAGE_SIZE), 8), 0, "%s: a store into the hole", scheme);
	is(vfs_fallocate(i, FALLOC_ZERO_RANGE_, 100, 4 * PAGE_SIZE), 0, "%s: zero range", scheme);
	ok(load(a) == 0 && load(uaddr_add(a, PAGE_SIZE)) == 0 && load(uaddr_add(a, 4 * PAGE_SIZE)) == 0 &&
			load(uaddr_add(a, 4 * PAGE_SIZE + 104)) == 0 &&
			load(uaddr_add(a, 5 * PAGE_SIZE)) == WORD(2, 0),
		"%s: is seen through the mapping", scheme);
	is(cpu_store_user64(uaddr_add(a, PAGE_SIZE), 9), 0, "%s: a store to a page that it emptied", scheme);
	ok(vfs_kread(i, &word, 8, PAGE_SIZE) == 8 && word == 9, "%s: reaches the file", scheme);
	mm_unmap(mm, a, 620 * PAGE_SIZE);
	mm_unmap(mm, p, 620 * PAGE_SIZE);
	file_put(f);
}

/* read(2) and write(2) whose buffer is a mapping of the same pages of the same file. */
static void test_self_copy(void)
{
	struct file *f = create("/self");
	u64 pos;
	uaddr_t a;

	truncate_to(f, 4 * PAGE_SIZE);
	a = map(f, 0, 4, SHARED_RW);
	cpu_store_user64(a, 11);
	pos = PAGE_SIZE;
	is(vfs_write(f, a, PAGE_SIZE, &pos), PAGE_SIZE, "%s: write(2) from a mapping of the same file",
		scheme);
	is(load(uaddr_add(a, PAGE_SIZE)), 11, "%s: copies", scheme);
	pos = 0;
	is(vfs_write(f, a, 2 * PAGE_SIZE, &pos), 2 * PAGE_SIZE, "%s: write(2) onto itself", scheme);
	pos = 2 * PAGE_SIZE;
	is(vfs_write(f, uaddr_add(a, 2 * PAGE_SIZE), 2 * PAGE_SIZE, &pos), 2 * PAGE_SIZE,
		"%s: from its own holes", scheme);
	pos = 0;
	is(vfs_read(f, uaddr_add(a, 3 * PAGE_SIZE), PAGE_SIZE, &pos), PAGE_SIZE,
		"%s: read(2) into the same file", scheme);
	is(load(uaddr_add(a, 3 * PAGE_SIZE)), 11, "%s: copies", scheme);
	pos = 0;
	is(vfs_write(f, UADDR(0x1000), 8, &pos), -EFAULT, "%s: a bad buffer is EFAULT", scheme);
	pos = 0;
	is(vfs_read(f, UADDR(0xffff800000000000ull), 8, &pos), -EFAULT, "%s: so is one in the kernel",
		scheme);
	mm_unmap(mm, a, 4 * PAGE_SIZE);
	file_put(f);
}

int main(void)
{
	image_begin();
	for (unsigned i = 0; dax_lock_scheme(i); i++) {
		scheme = dax_lock_scheme(i)->name;
		dax_start(scheme, IMAGE_BLOCKS, &(struct sim_config){.ram = 32 << 20, .pmem = 64 << 20});
		test_faults();
		test_tail();
		test_punch();
		test_sync();
		test_shift();
		test_self_copy();
		dax_stop();
	}
	image_end();
	return done_testing();
}
