/* SPDX-License-Identifier: MIT */
/*
 * 2 MiB entries, on a file system that mke2fs made: when a fault sets one and when it does not, what takes one away, what is
 * seen through it. Once per locking scheme, and then threads under the random scheduler. User memory is touched through the simulated MMU on
 * several CPUs, so a missing shootdown shows. At the end e2fsck judges the medium.
 */
#include "host/unit.h"

#include "host/pmem_sim.h"
#include "mm/state.h"
#include "tests/host/dax_image.h"

#define IMAGE_BLOCKS 8192u
#define LAST (PAGES_PER_HUGE - 1)

static struct mm *other;
static const char *scheme;

static void setup(u64 seed)
{
	dax_start(
		scheme, IMAGE_BLOCKS, &(struct sim_config){.ram = 96 << 20, .pmem = 64 << 20, .seed = seed});
	other = mm_create();
}

/* The mm's CPU: 0 for mm, 1 for the other one. */
static void in(struct mm *which)
{
	sim_set_boot_cpu(which == other);
	sim_set_boot_mm(which);
}

static void unload(void)
{
	for (unsigned c = 4; c--;) {
		sim_set_boot_cpu(c);
		sim_set_boot_mm(NULL);
	}
}

/* Of the file's colour; off by one page if not `coloured`. */
static uaddr_t map_in(struct mm *where, struct file *f, u64 pgoff, u64 pages, u32 flags, bool coloured)
{
	struct mmap_request rq = {.len = pages * PAGE_SIZE, .flags = flags, .pgoff = pgoff};
	int err = vfs_mmap(f, &rq);

	rq.align = HUGE_SIZE;
	if (!coloured) {
		rq.addr = UADDR((64ull << 30) + (pgoff + 1) * PAGE_SIZE);
		rq.align = 0;
	}
	long a = err ? err : mm_map(where, &rq);
	return UADDR(a < 0 ? 0 : (u64)a);
}

static uaddr_t map_coloured(struct file *f, u64 pages, u32 flags)
{
	return map_in(mm, f, 0, pages, flags, true);
}

static u64 load(uaddr_t base, u64 page)
{
	u64 v = ~0ull;

	return cpu_load_user64(uaddr_add(base, page * PAGE_SIZE), &v) ? FAULTED : v;
}

static bool store(uaddr_t base, u64 page, u64 v)
{
	return !cpu_store_user64(uaddr_add(base, page * PAGE_SIZE), v);
}

/* What stands for the page: 'H' a 2 MiB entry, 'Z' one of zeros, 't' a table without an entry for it, 'p' a 4 KiB entry, '-' nothing. */
static char entry_at(struct mm *where, uaddr_t base, u64 page)
{
	struct pt_slot s;
	pte_t e;

	if (pt_walk(where->root, uaddr_add(base, page * PAGE_SIZE), 0, false, &s))
		return '-';
	e = pte_load(s.slot);
	if (s.order)
		return pte_kind(e) == PTE_ZERO ? 'Z' : 'H';
	return pte_present(e) ? 'p' : 't';
}

static bool writable_at(struct mm *where, uaddr_t base, u64 page)
{
	struct pt_slot s;

	return !pt_walk(where->root, uaddr_add(base, page * PAGE_SIZE), 0, false, &s) &&
		pte_writable(pte_load(s.slot));
}

static unsigned dirty_pages(struct file *f)
{
	struct mapping *m = atomic_load(&f->inode->mapping);
	unsigned n = 0;

	for (u64 p = 0; p < 2 * PAGES_PER_HUGE; p++)
		n += dax_is_dirty(m, p);
	return n;
}

static int punch(struct file *f, u64 page, u64 pages)
{
	return vfs_fallocate(
		f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, page * PAGE_SIZE, pages * PAGE_SIZE);
}

#define entry_is(where, base, page, want, ...) is(entry_at(where, base, page), want, "%s: " __VA_ARGS__)

static void test_allocated(void)
{
	struct file *f = create("/allocated");
	struct extent e;
	uaddr_t a, b;

	is(vfs_fallocate(f->inode, 0, 0, 2 * HUGE_SIZE), 0, "%s: 4 MiB are reserved", scheme);
	is(f->inode->ops->map_extent(f->inode, 0, PAGES_PER_HUGE, MAP_LOOK, &e), 0, "%s: looked at", scheme);
	ok(e.len == PAGES_PER_HUGE && e.pa.v % HUGE_SIZE == 0 && e.state == EXTENT_UNWRITTEN,
		"%s: the extent is aligned", scheme);
	a = map_coloured(f, 2 * PAGES_PER_HUGE, SHARED_RW);
	b = map_in(other, f, 0, 2 * PAGES_PER_HUGE, SHARED_RW, false);
	ok(store(a, 7, 70), "%s: a store to a reserved page", scheme);
	entry_is(mm, a, 7, 'H', "maps 2 MiB", scheme);
	is(dirty_pages(f), PAGES_PER_HUGE, "%s: all of it is tagged", scheme);
	is(f->inode->ops->map_extent(f->inode, 0, PAGES_PER_HUGE, MAP_LOOK, &e), 0, "%s: looked at", scheme);
	ok(e.len == PAGES_PER_HUGE && e.state == EXTENT_MAPPED, "%s: and written, as a whole", scheme);
	ok(load(a, 0) == 0 && load(a, LAST) == 0 && store(a, LAST, 71), "%s: the rest of it is zero", scheme);
	entry_is(mm, a, PAGES_PER_HUGE, '-', "the next 2 MiB are not mapped", scheme);
	in(other);
	ok(load(b, 7) == 70 && load(b, LAST) == 71, "%s: a mapping of another colour sees it", scheme);
	entry_is(other, b, 7, 'p', "by 4 KiB", scheme);
	ok(store(b, 8, 80), "%s: it stores", scheme);
	in(mm);
	is(load(a, 8), 80, "%s: and is seen", scheme);
	u64 flushes = pmem_sim_count(PMEM_SIM_FLUSH);
	is(vfs_fsync(f->inode, 0, RANGE_LAST, true), 0, "%s: fsync", scheme);
	ok(dirty_pages(f) == 0 && pmem_sim_count(PMEM_SIM_FLUSH) > flushes, "%s: flushes and cleans", scheme);
	entry_is(mm, a, 7, 'H', "leaves the entry", scheme);
	ok(!writable_at(mm, a, 7), "%s: read-only", scheme);
	ok(store(a, 9, 90) && writable_at(mm, a, 7), "%s: the next store is noticed", scheme);
	is(dirty_pages(f), PAGES_PER_HUGE, "%s: and tags 2 MiB again", scheme);
	is(dax_fsync(f->inode, 5, 5), 0, "%s: fsync of one page", scheme);
	ok(!writable_at(mm, a, 400) && dirty_pages(f) == LAST, "%s: protects all, cleans one", scheme);
	ok(load(a, PAGES_PER_HUGE + 3) == 0, "%s: a load of reserved pages", scheme);
	entry_is(mm, a, PAGES_PER_HUGE, 'Z', "maps 2 MiB of zeros", scheme);
	ok(store(a, PAGES_PER_HUGE + 3, 5) && load(a, PAGES_PER_HUGE + 4) == 0, "%s: a store there", scheme);
	entry_is(mm, a, PAGES_PER_HUGE, 'H', "exchanges them for blocks", scheme);
	mm_unmap(mm, a, 2 * HUGE_SIZE);
	mm_unmap(other, b, 2 * HUGE_SIZE);
	file_put(f);
}

/* Everything that takes 2 MiB away because of a part of it. */
static void test_parts(void)
{
	struct file *f = create("/parts");
	uaddr_t a, b;

	vfs_fallocate(f->inode, 0, 0, HUGE_SIZE);
	a = map_coloured(f, PAGES_PER_HUGE, SHARED_RW);
	b = map_in(other, f, 0, PAGES_PER_HUGE, SHARED_RW, true);
	for (u64 p = 0; p < PAGES_PER_HUGE; p++)
		store(a, p, 1000 + p);
	in(other);
	is(load(b, 1), 1001, "%s: two address spaces", scheme);
	entry_is(other, b, 1, 'H', "with 2 MiB each", scheme);
	is(punch(f, 100, 1), 0, "%s: one page is punched", scheme);
	ok(load(b, 100) == 0 && load(b, 101) == 1101, "%s: it alone is gone, here", scheme);
	in(mm);
	ok(load(a, 100) == 0 && load(a, 99) == 1099 && store(a, 100, 3), "%s: and there", scheme);
	entry_is(mm, a, 99, 'p', "mapped by 4 KiB now", scheme);
	mm_unmap(mm, a, HUGE_SIZE);
	mm_unmap(other, b, HUGE_SIZE);

	f->inode->ops->remove_blocks(f->inode, 0, RANGE_LAST);
	vfs_fallocate(f->inode, 0, 0, HUGE_SIZE);
	a = map_coloured(f, PAGES_PER_HUGE, SHARED_RW);
	store(a, 0, 1);
	store(a, LAST, 2);
	entry_is(mm, a, 0, 'H', "2 MiB again", scheme);
	is(mm_protect(mm, a, 16 * PAGE_SIZE, VMA_READ), 0, "%s: mprotect of a part", scheme);
	ok(load(a, 0) == 1 && !store(a, 0, 5), "%s: it is read-only", scheme);
	ok(store(a, 16, 6) && load(a, LAST) == 2, "%s: the rest is not", scheme);
	is(mm_unmap(mm, uaddr_add(a, 256 * PAGE_SIZE), 256 * PAGE_SIZE), 0, "%s: munmap of a part", scheme);
	ok(load(a, 256) == FAULTED && load(a, 16) == 6, "%s: the rest stays", scheme);
	mm_unmap(mm, a, HUGE_SIZE);

	a = map_coloured(f, PAGES_PER_HUGE, SHARED_RW);
	ok(store(a, 3, 7), "%s: a new mapping", scheme);
	entry_is(mm, a, 3, 'H', "has 2 MiB", scheme);
	is(mm_unmap(mm, uaddr_add(a, 256 * PAGE_SIZE), 256 * PAGE_SIZE), 0, "%s: half is unmapped", scheme);
	entry_is(mm, a, 3, '-', "no entry reaches past the mapping", scheme);
	ok(load(a, 3) == 7 && load(a, 256) == FAULTED, "%s: it faults in again", scheme);
	mm_unmap(mm, a, HUGE_SIZE);

	a = map_coloured(f, PAGES_PER_HUGE, SHARED_RW);
	store(a, 3, 8);
	is(mm_protect(mm, a, HUGE_SIZE, VMA_READ), 0, "%s: mprotect of all", scheme);
	entry_is(mm, a, 3, 'H', "keeps the entry", scheme);
	ok(!store(a, 3, 9) && load(a, 3) == 8, "%s: read-only", scheme);
	is(mm_protect(mm, a, HUGE_SIZE, 0), 0, "%s: no access", scheme);
	is(load(a, 3), FAULTED, "%s: at all", scheme);
	is(mm_protect(mm, a, HUGE_SIZE, VMA_READ | VMA_WRITE), 0, "%s: and back", scheme);
	ok(store(a, 3, 10) && load(a, 3) == 10, "%s: works", scheme);
	struct mm *child = mm_fork(mm);
	sim_set_boot_cpu(2);
	sim_set_boot_mm(child);
	ok(load(a, 3) == 10 && store(a, 4, 11), "%s: in a child too", scheme);
	sim_set_boot_mm(NULL);
	in(mm);
	is(load(a, 4), 11, "%s: whose stores are seen", scheme);
	mm_put(child);
	is(mm_discard(mm, uaddr_add(a, 8 * PAGE_SIZE), PAGE_SIZE, false), 0, "%s: discard a page", scheme);
	ok(load(a, 8) == 0 && load(a, 4) == 11, "%s: loses nothing", scheme);
	mm_unmap(mm, a, HUGE_SIZE);
	file_put(f);
}

static void test_size(void)
{
	struct file *f = create("/size");
	uaddr_t a;

	vfs_fallocate(f->inode, 0, 0, HUGE_SIZE);
	a = map_coloured(f, PAGES_PER_HUGE, SHARED_RW);
	is(vfs_truncate(f->inode, HUGE_SIZE - PAGE_SIZE + 1), 0, "%s: the last page holds a byte", scheme);
	ok(store(a, LAST, 1), "%s: a store", scheme);
	entry_is(mm, a, 0, 'H', "maps 2 MiB", scheme);
	is(vfs_truncate(f->inode, HUGE_SIZE - PAGE_SIZE), 0, "%s: now it holds none", scheme);
	entry_is(mm, a, 0, '-', "the entry is gone", scheme);
	ok(load(a, LAST) == FAULTED && load(a, 0) == 0, "%s: SIGBUS there, not here", scheme);
	entry_is(mm, a, 0, 'p', "mapped by 4 KiB", scheme);
	mm_unmap(mm, a, HUGE_SIZE);
	file_put(f);
}

static void test_zero(bool global)
{
	struct file *f;
	uaddr_t a, b, c;
	u64 word = 5;

	dax_config()->zero_page_global = global;
	f = create(global ? "/global" : "/zero");
	vfs_truncate(f->inode, 2 * HUGE_SIZE);
	a = map_coloured(f, 2 * PAGES_PER_HUGE, SHARED_RW);
	b = map_in(other, f, 0, 2 * PAGES_PER_HUGE, SHARED_RW, true);
	c = map_coloured(f, 2 * PAGES_PER_HUGE, PRIVATE_RW);
	in(other);
	is(load(b, 3), 0, "%s: a hole", scheme);
	entry_is(other, b, 3, 'Z', "2 MiB of zeros", scheme);
	in(mm);
	ok(load(a, 3) == 0 && load(c, 3) == 0, "%s: in every mapping", scheme);
	is(vfs_kwrite(f->inode, &word, 8, 5 * PAGE_SIZE), 8, "%s: write(2) of a word", scheme);
	entry_is(mm, a, 5, '-', "takes them away", scheme);
	ok(load(a, 5) == 5 && load(a, 6) == 0, "%s: and shows", scheme);
	in(other);
	ok(load(b, 5) == 5 && load(b, 3) == 0, "%s: everywhere", scheme);
	ok(store(b, 9, 9) && load(b, 9) == 9 && load(b, 10) == 0, "%s: a store into the hole", scheme);
	entry_is(other, b, 9, 'p', "is one of 4 KiB", scheme);
	is(load(b, PAGES_PER_HUGE), 0, "%s: the second 2 MiB of hole", scheme);
	in(mm);
	is(load(a, 9), 9, "%s: shows there too", scheme);
	is(load(a, PAGES_PER_HUGE), 0, "%s: zeros again", scheme);
	ok(store(a, PAGES_PER_HUGE + 1, 1) && load(a, PAGES_PER_HUGE) == 0, "%s: a store over them", scheme);
	entry_is(mm, a, PAGES_PER_HUGE + 1, 'p', "gets a table of 4 KiB entries", scheme);
	in(other);
	is(load(b, PAGES_PER_HUGE + 1), 1, "%s: and no zeros stay in the other address space", scheme);
	in(mm);
	ok(load(c, 9) == 9 && store(c, 9, 99) && load(c, 9) == 99 && load(a, 9) == 9, "%s: a private copy",
		scheme);
	mm_unmap(mm, a, 2 * HUGE_SIZE);
	mm_unmap(mm, c, 2 * HUGE_SIZE);
	mm_unmap(other, b, 2 * HUGE_SIZE);
	file_put(f);
	dax_config()->zero_page_global = false;
}

static void test_private(void)
{
	struct file *f = create("/private");
	uaddr_t a, c;

	vfs_fallocate(f->inode, 0, 0, HUGE_SIZE);
	a = map_coloured(f, PAGES_PER_HUGE, SHARED_RW);
	c = map_coloured(f, PAGES_PER_HUGE, PRIVATE_RW);
	store(a, 0, 1);
	ok(load(c, 0) == 1 && load(c, 1) == 0, "%s: a private mapping reads", scheme);
	entry_is(mm, c, 0, 'H', "2 MiB at once", scheme);
	ok(store(c, 0, 2) && load(c, 0) == 2 && load(a, 0) == 1, "%s: copies a page on write", scheme);
	entry_is(mm, c, 0, 'p', "4 KiB", scheme);
	ok(store(a, 1, 3) && load(c, 1) == 3, "%s: and shows the file elsewhere", scheme);
	struct mm *child = mm_fork(mm);
	sim_set_boot_cpu(2);
	sim_set_boot_mm(child);
	ok(load(c, 0) == 2 && load(c, 1) == 3, "%s: so does a child", scheme);
	sim_set_boot_mm(NULL);
	in(mm);
	mm_put(child);
	mm_unmap(mm, a, HUGE_SIZE);
	mm_unmap(mm, c, HUGE_SIZE);
	file_put(f);
}

/* Zeros of 2 MiB are a luxury. */
static void test_little_memory(void)
{
	struct file *f = create("/little");
	struct page *p, *taken = NULL;
	uaddr_t a;

	vfs_truncate(f->inode, HUGE_SIZE);
	a = map_coloured(f, PAGES_PER_HUGE, SHARED_RW);
	while (pmm_free_pages() > 16 * PAGES_PER_HUGE - 1 && (p = pmm_alloc(0))) {
		*(struct page **)page_to_virt(p) = taken;
		taken = p;
	}
	is(load(a, 0), 0, "%s: a hole, with little memory", scheme);
	entry_is(mm, a, 0, 'p', "shows one page of zeros", scheme);
	while (taken) {
		p = taken;
		taken = *(struct page **)page_to_virt(p);
		page_put(p);
	}
	mm_unmap(mm, a, HUGE_SIZE);
	file_put(f);
}

static void end(void)
{
	unload();
	mm_put(other);
	dax_stop();
}

/* --- threads --- */

static struct file *shared_file;
static struct {
	uaddr_t at;
	u64 model[PAGES_PER_HUGE];
} workers[4];
static bool broken;
static unsigned long huge_seen;

/*
 * Each thread owns a word of each page of the file and has a mapping of its own, 0 and 1 in one address space. A word is what its owner
 * stored last, or 0 since a punch, whatever the others do to the mappings and the blocks.
 */
static void worker(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;
	struct mm *my_mm = id < 2 ? mm : other;
	uaddr_t at = UADDR((u64)(id + 1) << 32);

	for (u64 i = 1; i < 120 && !broken; i++) {
		u64 page = (u64)rand() % 8 * 73, v = 0;
		struct mmap_request rq = {.addr = at, .len = HUGE_SIZE, .flags = SHARED_RW, .fixed = true};

		if (i % 4 == 1)
			broken |= vfs_mmap(shared_file, &rq) || mm_map(my_mm, &rq) != (long)at.v;
		uaddr_t word = uaddr_add(at, page * PAGE_SIZE + 8 * id);
		switch (rand() % 8) {
		case 0:
			if (rand() % 2)
				broken |= punch(shared_file, page, 1 + (u64)rand() % 3) != 0;
			else /* all of it, and aligned blocks again */
				broken |= punch(shared_file, 0, PAGES_PER_HUGE) ||
					vfs_fallocate(shared_file->inode, 0, 0, HUGE_SIZE);
			break;
		case 1:
			broken |= vfs_fallocate(shared_file->inode, 0, 0, HUGE_SIZE) != 0;
			break;
		case 2:
			broken |= mm_protect(my_mm, at, (1 + page) * PAGE_SIZE, VMA_READ) ||
				mm_protect(my_mm, at, HUGE_SIZE, VMA_READ | VMA_WRITE);
			break;
		case 3:
			broken |= vfs_fsync(shared_file->inode, 0, RANGE_LAST, true) != 0;
			break;
		case 4:
		case 5:
			broken |= cpu_load_user64(word, &v) != 0;
			broken |= v && v != workers[id].model[page];
			if (!v)
				workers[id].model[page] = 0;
			break;
		default:
			workers[id].model[page] = i;
			broken |= cpu_store_user64(word, i) != 0;
		}
		huge_seen += entry_at(my_mm, at, page) == 'H' || entry_at(my_mm, at, page) == 'Z';
	}
}

static void test_threads(unsigned seed)
{
	scheme = seed & 1 ? "range" : "entry";
	setup(seed);
	sim_set_boot_mm(NULL);
	srand(seed);
	memset(workers, 0, sizeof(workers));
	broken = false;
	shared_file = create("/threads");
	vfs_fallocate(shared_file->inode, 0, 0, HUGE_SIZE);
	for (unsigned i = 0; i < 4; i++)
		sim_spawn("worker", worker, (void *)(uintptr_t)i, i < 2 ? mm : other, i);
	ok(sim_run() == SIM_ALL_DONE && !broken, "%s: threads, seed %u", scheme, seed);
	file_put(shared_file);
	end();
}

static u64 memory_in_use(void)
{
	for (unsigned c = 4; c--;) {
		sim_set_boot_cpu(c);
		kmem_trim();
	}
	return pmm_total_pages() - pmm_free_pages();
}

/* A shift takes every 2 MiB entry behind it away, and changes which pages can have one. */
static void test_shift(void)
{
	struct file *f = create("/shift");
	uaddr_t a;

	vfs_fallocate(f->inode, 0, 0, 2 * HUGE_SIZE);
	a = map_coloured(f, 2 * PAGES_PER_HUGE, SHARED_RW);
	ok(store(a, 3, 3) && store(a, LAST, 4) && store(a, PAGES_PER_HUGE, 5), "%s: 4 MiB", scheme);
	entry_is(mm, a, PAGES_PER_HUGE, 'H', "by 2 MiB", scheme);
	is(vfs_fallocate(f->inode, FALLOC_COLLAPSE_RANGE_, 100 * PAGE_SIZE, PAGE_SIZE), 0,
		"%s: a page is taken out", scheme);
	ok(load(a, 3) == 3 && load(a, LAST - 1) == 4 && load(a, LAST) == 5, "%s: what follows has moved",
		scheme);
	entry_is(mm, a, 3, 'p', "in 4 KiB", scheme);
	is(vfs_fallocate(f->inode, FALLOC_INSERT_RANGE_, 100 * PAGE_SIZE, PAGE_SIZE), 0,
		"%s: and put in again", scheme);
	ok(load(a, 100) == 0 && load(a, LAST) == 4 && load(a, PAGES_PER_HUGE) == 5, "%s: it is back", scheme);
	entry_is(mm, a, PAGES_PER_HUGE, 'H', "by 2 MiB where the blocks allow it", scheme);
	is(vfs_fallocate(f->inode, FALLOC_ZERO_RANGE_, HUGE_SIZE + PAGE_SIZE, PAGE_SIZE), 0,
		"%s: zero range of a page", scheme);
	ok(load(a, PAGES_PER_HUGE) == 5 && load(a, PAGES_PER_HUGE + 1) == 0, "%s: leaves those beside it",
		scheme);
	mm_unmap(mm, a, 2 * HUGE_SIZE);
	file_put(f);
}

int main(void)
{
	image_begin();
	for (unsigned i = 0; dax_lock_scheme(i); i++) {
		scheme = dax_lock_scheme(i)->name;
		setup(1);
		u64 before = memory_in_use();
		test_allocated();
		test_parts();
		test_shift();
		test_size();
		test_private();
		test_zero(false);
		test_little_memory();
		unload();
		is(memory_in_use() < before + 100, true, "%s: no 2 MiB are left behind", scheme);
		in(mm);
		test_zero(true);
		end();
	}
	for (unsigned seed = 1; seed <= 12; seed++)
		test_threads(seed);
	ok(huge_seen > 100, "the threads have met %lu entries of 2 MiB", huge_seen);
	image_end();
	return done_testing();
}
