/* SPDX-License-Identifier: MIT */
/*
 * Address spaces on the simulated machine: the rules of each call. All contents are looked at through simulated user accesses on
 * several CPUs, so a missing shootdown shows as a stale value.
 */
#include "host/unit.h"
#include "tests/host/mm_file.h"

static void test_arguments(void)
{
	struct mm *mm = mm_create();

	is(map(mm, 0, 0, RW), -EINVAL, "mmap of nothing");
	is(map(mm, 0, ~0ull, RW), -ENOMEM, "mmap of everything");
	is(map(mm, 0, USER_TOP, RW), -ENOMEM, "mmap of the whole user half");
	is(map(mm, BASE + 1, 1, RW), -EINVAL, "fixed, not aligned");
	is(map(mm, USER_TOP - PAGE_SIZE, 2 * PAGE_SIZE, RW), -ENOMEM, "fixed, across the top");
	is(map(mm, (1ull << 47) - PAGE_SIZE, PAGE_SIZE, RW), -ENOMEM,
		"fixed, the last page of the user half");
	is(map(mm, 1ull << 63, PAGE_SIZE, RW), -ENOMEM, "fixed, in the kernel half");
	is(map(mm, PAGE_SIZE, PAGE_SIZE, RW), -EPERM, "fixed, close to null");
	is(map(mm, 0, PAGE_SIZE, RW | VMA_SHARED), -EOPNOTSUPP, "anonymous shared");
	is(map_file(mm, 0, PAGE_SIZE, ~0ull, VMA_READ), -EOVERFLOW, "page offsets that wrap");
	is(file->opens, 0, "none of these opened the file");
	is(mm_unmap(mm, UADDR(BASE + 8), PAGE_SIZE), -EINVAL, "munmap, not aligned");
	is(mm_unmap(mm, UADDR(BASE), 0), -EINVAL, "munmap of nothing");
	is(mm_unmap(mm, UADDR(BASE), ~0ull - 5), -EINVAL, "munmap that wraps");
	is(mm_unmap(mm, UADDR(BASE), 1 << 30), 0, "munmap where nothing is");
	is(mm_protect(mm, UADDR(BASE), PAGE_SIZE, VMA_READ), -ENOMEM, "mprotect where nothing is");
	is(mm_protect(mm, UADDR(BASE), ~0ull, VMA_READ), -ENOMEM, "mprotect that wraps");
	is(mm_protect(mm, UADDR(BASE), PAGE_SIZE, VMA_SHARED), -EINVAL, "mprotect with other flags");
	is(mm_discard(mm, UADDR(BASE), PAGE_SIZE, false), -ENOMEM, "madvise where nothing is");
	is(mm_fault(mm, UADDR(0), 0), FAULT_SIGSEGV_MAP, "fault at null");
	is(mm_fault(mm, UADDR(~0ull), FAULT_WRITE), FAULT_SIGSEGV_MAP, "fault at the last address");
	mm_put(mm);
}

static void test_places(void)
{
	struct mm *mm = mm_create();
	u64 a = (u64)map(mm, 0, 3 * PAGE_SIZE + 1, RW), b = (u64)map(mm, 0, PAGE_SIZE, VMA_READ), c;

	is(a, MM_MMAP_TOP - 4 * PAGE_SIZE, "addresses go downwards from the top");
	is(b, a - PAGE_SIZE, "without gaps");
	is(map(mm, 0, PAGE_SIZE, VMA_READ), b - PAGE_SIZE, "also for what is merged");
	is(mm->nr_vmas, 2, "neighbours with equal rights are one VMA");
	is(mm_unmap(mm, UADDR(a + PAGE_SIZE), PAGE_SIZE), 0, "a hole in the middle");
	is(mm->nr_vmas, 3, "splits");
	is(map(mm, 0, PAGE_SIZE, VMA_READ), a + PAGE_SIZE, "the highest hole is taken first");
	is(mm_protect(mm, UADDR(a + PAGE_SIZE), PAGE_SIZE, VMA_READ | VMA_WRITE), -EACCES,
		"writing needs MAYWRITE");
	mm_put(mm);

	mm = mm_create();
	a = (u64)mm_map(mm, &(struct mmap_request){.addr = UADDR(BASE + 5), .len = PAGE_SIZE, .flags = RW});
	is(a, BASE, "a hint is rounded and taken");
	c = (u64)mm_map(mm, &(struct mmap_request){.addr = UADDR(BASE), .len = PAGE_SIZE, .flags = RW});
	is(c, MM_MMAP_TOP - PAGE_SIZE, "unless something is there");
	is(mm_map(mm,
		   &(struct mmap_request){.addr = UADDR(BASE),
			   .len = PAGE_SIZE,
			   .flags = RW,
			   .fixed = true,
			   .noreplace = true}),
		-EEXIST, "noreplace");
	for (u64 pgoff = 0; pgoff < 1024; pgoff += 341) {
		struct mmap_request rq = {.len = HUGE_SIZE,
			.flags = VMA_READ | VMA_SHARED,
			.align = HUGE_SIZE,
			.pgoff = pgoff,
			.rmap = &file->rmap,
			.file = file,
			.ops = &file_ops};
		a = (u64)mm_map(mm, &rq);
		is((a - pgoff * PAGE_SIZE) % HUGE_SIZE, 0, "colour of page offset %llu",
			(unsigned long long)pgoff);
	}
	mm_put(mm);
	is(file->opens, 0, "every open has its close");
}

static void test_protection(void)
{
	struct mm *mm = mm_create();

	sim_set_boot_mm(mm);
	map(mm, BASE, 8 * PAGE_SIZE, RW);
	ok(load(BASE) == 0 && store(BASE, 5) && load(BASE) == 5,
		"anonymous memory reads zero, then what was stored");
	ok(load(BASE - 8) == ~0ull && load(BASE + 8 * PAGE_SIZE) == ~0ull, "its neighbours fault");
	is(mm_protect(mm, UADDR(BASE), PAGE_SIZE, VMA_READ), 0, "read-only");
	ok(!store(BASE, 6) && load(BASE) == 5, "a store faults");
	is(mm_fault(mm, UADDR(BASE), FAULT_WRITE | FAULT_USER), FAULT_SIGSEGV_ACC, "with the right code");
	is(mm_fault(mm, UADDR(BASE), FAULT_EXEC | FAULT_USER), FAULT_SIGSEGV_ACC, "and cannot be executed");
	is(mm_protect(mm, UADDR(BASE), 2 * PAGE_SIZE, 0), 0, "no access");
	ok(load(BASE) == ~0ull && !store(BASE, 7), "everything faults");
	struct mm *child = mm_fork(mm);
	is(mm_protect(mm, UADDR(BASE), 8 * PAGE_SIZE, VMA_READ | VMA_WRITE), 0, "full access again");
	ok(load(BASE) == 5 && store(BASE, 8) && load(BASE) == 8, "the content is still there");
	is(mm->nr_vmas, 1, "and all is one VMA again");
	sim_set_boot_mm(child);
	ok(load(BASE) == ~0ull, "the child has no access");
	mm_protect(child, UADDR(BASE), PAGE_SIZE, VMA_READ);
	is(load(BASE), 5, "but the content of the fork");
	unload();
	mm_put(child);
	mm_put(mm);
}

static void test_stack_and_brk(void)
{
	struct mm *mm = mm_create();
	u64 top = USER_TOP - PAGE_SIZE;

	sim_set_boot_mm(mm);
	map(mm, top - PAGE_SIZE, PAGE_SIZE, RW | VMA_STACK);
	ok(store(top - 16, 1) && store(top - 5 * PAGE_SIZE, 2) && load(top - 16) == 1, "a stack grows");
	ok(store(top - MM_STACK_MAX, 3) && !store(top - MM_STACK_MAX - 8, 4), "up to its limit");
	unload();
	mm_put(mm);
	mm = mm_create();
	sim_set_boot_mm(mm);
	map(mm, top - PAGE_SIZE, PAGE_SIZE, RW | VMA_STACK);
	map(mm, top - (1 << 20), PAGE_SIZE, RW);
	ok(store(top - (1 << 20) + PAGE_SIZE + MM_STACK_GAP, 1) &&
			!store(top - (1 << 20) + PAGE_SIZE + MM_STACK_GAP - 8, 1),
		"and not close to what is below");

	mm->brk_start = mm->brk = UADDR(BASE + 100);
	is(mm_brk(mm, UADDR(0)), BASE + 100, "brk(0) tells the break");
	ok(!store(BASE + 104, 1), "no heap yet");
	is(mm_brk(mm, UADDR(BASE + 3 * PAGE_SIZE)), BASE + 3 * PAGE_SIZE, "it grows");
	ok(store(BASE + PAGE_SIZE, 7) && store(BASE + 3 * PAGE_SIZE - 8, 8), "and can be used");
	is(mm_brk(mm, UADDR(BASE + PAGE_SIZE + 8)), BASE + PAGE_SIZE + 8, "it shrinks");
	ok(load(BASE + PAGE_SIZE) == 7 && !store(BASE + 2 * PAGE_SIZE, 1), "to whole pages");
	map(mm, BASE + 4 * PAGE_SIZE, PAGE_SIZE, VMA_READ);
	is(mm_brk(mm, UADDR(BASE + 5 * PAGE_SIZE)), BASE + PAGE_SIZE + 8, "not over another mapping");
	is(mm_brk(mm, UADDR(~0ull)), BASE + PAGE_SIZE + 8, "nor out of the user half");
	unload();
	mm_put(mm);
}

static void count_entry(void *arg, struct vma *v, u64 pgoff, u64 pte)
{
	(void)v;
	(void)pgoff;
	((unsigned *)arg)[pte & PTE_WRITE ? 1 : 0]++;
}

static void test_file(void)
{
	struct mm *mm = mm_create(), *other = mm_create();
	unsigned entries[2] = {0};

	for (u64 i = 0; i < FILE_PAGES; i++)
		*(u64 *)phys_to_virt(file_page(file, i)) = 100 + i;
	file->hole[3] = true;
	sim_set_boot_mm(mm);
	map_file(mm, BASE, FILE_PAGES * PAGE_SIZE, 0, VMA_READ | VMA_SHARED | VMA_MAYWRITE);
	map_file(other, BASE, 8 * PAGE_SIZE, 0, RW | VMA_SHARED);
	ok(load(BASE) == 100 && load(BASE + 3 * PAGE_SIZE) == 0, "a page and a hole are read");
	is(mm_protect(mm, UADDR(BASE), FILE_PAGES * PAGE_SIZE, VMA_READ | VMA_WRITE), 0, "made writable");
	file->mkwrites = 0;
	ok(store(BASE, 1000) && file->mkwrites == 1 && file->dirty[0],
		"the first store still goes through mkwrite");
	ok(store(BASE + 8, 1) && file->mkwrites == 1, "the second does not");
	sim_set_boot_cpu(1);
	sim_set_boot_mm(other);
	ok(load(BASE) == 1000 && load(BASE + 3 * PAGE_SIZE) == 0, "another process sees it");
	ok(store(BASE + 3 * PAGE_SIZE, 1003), "it fills the hole");
	sim_set_boot_cpu(0);
	sim_set_boot_mm(mm);
	is(load(BASE + 3 * PAGE_SIZE), 1003, "and the first process has no stale zero page");
	rmap_visit(&file->rmap, 0, FILE_PAGES - 1, count_entry, entries);
	ok(entries[0] == 2 && entries[1] == 2, "two read-only and two writable entries");
	is(rmap_wrprotect(&file->rmap, 0, 2), 1, "write-protect clears what is writable in the range");
	file->mkwrites = 0;
	ok(store(BASE, 1001) && file->mkwrites == 1, "the next store is noticed");
	is(rmap_unmap(&file->rmap, 1, 2, RMAP_ALL), 0, "unmapping what is not mapped");
	truncate_file(2);
	ok(load(BASE) == 1001 && load(BASE + 3 * PAGE_SIZE) == ~0ull, "truncation takes the entries away");
	truncate_file(FILE_PAGES);
	is(load(BASE + 3 * PAGE_SIZE), 0, "extension brings zeros");

	map_file(mm, BASE + (1 << 20), 4 * PAGE_SIZE, 0, RW);
	u64 p = BASE + (1 << 20);
	ok(load(p) == 1001 && store(p, 55) && load(p) == 55 && load(BASE) == 1001, "a private copy");
	is(rmap_unmap(&file->rmap, 0, 0, RMAP_FILE), 2,
		"unmapping only file pages: from the two shared mappings");
	is(load(p), 55, "not the private copy");
	is(mm_unmap(mm, UADDR(BASE + PAGE_SIZE), PAGE_SIZE), 0, "a hole in the shared mapping");
	is(file->opens, 4, "split: one more reference");
	is(load(BASE + 2 * PAGE_SIZE), 0, "the upper part keeps its offset");
	*(u64 *)phys_to_virt(file_page(file, 5)) = 77;
	file->hole[5] = false;
	is(load(BASE + 5 * PAGE_SIZE), 77, "for later pages too");
	unload();
	mm_put(mm);
	mm_put(other);
	is(file->opens, 0, "all references dropped");
	ok(!file->rmap.vmas.tree.root, "the reverse map is empty");
}

struct seen {
	u64 first[4], last[4];
	int n, opens;
};

static int note_range(void *arg, struct file *f, u64 first, u64 last)
{
	struct seen *s = arg;

	s->opens = f->opens;
	s->first[s->n] = first;
	s->last[s->n++] = last;
	return 0;
}

static void test_ranges_and_copies(void)
{
	struct mm *mm = mm_create();
	struct seen s = {.n = 0};
	char buf[100];

	map_file(mm, BASE, 4 * PAGE_SIZE, 2, RW | VMA_SHARED);
	map(mm, BASE + 4 * PAGE_SIZE, PAGE_SIZE, RW);
	map_file(mm, BASE + 5 * PAGE_SIZE, 4 * PAGE_SIZE, 10, RW | VMA_SHARED);
	is(mm_for_each_file_range(mm, UADDR(BASE + PAGE_SIZE), 6 * PAGE_SIZE, note_range, &s), 0,
		"file ranges");
	ok(s.n == 2 && s.first[0] == 3 && s.last[0] == 5 && s.first[1] == 10 && s.last[1] == 11,
		"two pieces");
	is(s.opens, 3, "with a reference of their own");
	is(mm_for_each_file_range(mm, UADDR(BASE), 20 * PAGE_SIZE, note_range, &(struct seen){.n = 0}),
		-ENOMEM, "a gap is reported");

	sim_set_boot_mm(mm);
	u64 end = BASE + 9 * PAGE_SIZE;
	is(copy_to_user(UADDR(end - 5), "hell", 5), 0, "copy up to the last byte");
	is(copy_to_user(UADDR(end - 5), "hello!", 6), -EFAULT, "and past it");
	is(copy_to_user(UADDR(end - 5), "hell", 5), 0, "again");
	is(copy_string_from_user(buf, UADDR(end - 5), sizeof(buf)), 4, "a string that ends with the mapping");
	is(copy_string_from_user(buf, UADDR(end - 5), 4), -ENAMETOOLONG, "no room for its end");
	store(end - 8, 0x6161616161616161);
	is(copy_string_from_user(buf, UADDR(end - 4), sizeof(buf)), -EFAULT, "a string without end");
	is(copy_from_user(buf, UADDR(USER_TOP - 4), 8), -EFAULT, "across the top of the user half");
	is(copy_from_user(buf, UADDR(~0ull - 3), 8), -EFAULT, "round the end of the address space");
	is(zero_user(UADDR(end - 8), 8), 0, "zeroing");
	is(load(end - 8), 0, "zeroes");
	is(copy_to_user_nofault(UADDR(BASE + 4 * PAGE_SIZE), buf, 8), 8,
		"without faults nothing is copied to an untouched page");
	is(prefault_user(UADDR(BASE + 4 * PAGE_SIZE - 8), 16, true), 0, "prefault");
	is(copy_to_user_nofault(UADDR(BASE + 4 * PAGE_SIZE - 4), buf, 8), 0, "then it is");
	is(prefault_user(UADDR(end - 8), 16, false), -EFAULT, "prefault past the end");
	is(mm_discard(mm, UADDR(BASE), 5 * PAGE_SIZE, false), 0, "madvise(DONTNEED)");
	is(load(BASE + 4 * PAGE_SIZE + 8), 0, "anonymous memory reads zero afterwards");
	unload();
	mm_put(mm);
}

/* Two pieces go in one call: what lay at the new place, and the end of the old one. Each leaves the file's reverse map once. */
static void test_remap_over_file(void)
{
	struct mm *mm = mm_create();
	const u64 from = BASE + 64 * PAGE_SIZE, to = BASE + 2 * PAGE_SIZE;
	unsigned left = 0;

	sim_set_boot_mm(mm);
	is(map_file(mm, BASE, 8 * PAGE_SIZE, 0, RW | VMA_SHARED), BASE, "a file");
	is(map(mm, from, 5 * PAGE_SIZE, RW), from, "anonymous memory");
	ok(store(from, 7) && store(to, 1) && store(BASE + 7 * PAGE_SIZE, 2), "stores to both");
	is(mm_remap(mm,
		   &(struct mremap_request){.addr = UADDR(from),
			   .old_len = 5 * PAGE_SIZE,
			   .new_len = PAGE_SIZE,
			   .new_addr = UADDR(to),
			   .may_move = true,
			   .fixed = true}),
		to, "mremap to one page in the midst of the file's");
	is(load(to), 7, "the page is there");
	for (struct interval_node *i = interval_first(&file->rmap.vmas, 0, ~0ull); i && left < 9;
		i = interval_next(i, 0, ~0ull))
		left++;
	is(left, 2, "the file is mapped on both sides of it");
	is(load(BASE + 7 * PAGE_SIZE), 2, "with its contents");
	truncate_file(6);
	is(load(BASE + 7 * PAGE_SIZE), ~0ull, "which truncate takes away");
	truncate_file(FILE_PAGES);
	is(mm_unmap(mm, UADDR(BASE), 8 * PAGE_SIZE), 0, "munmap of all");
	ok(!interval_first(&file->rmap.vmas, 0, ~0ull), "leaves the file unmapped");
	is(file->opens, 0, "and closed");
	unload();
	mm_put(mm);
}

/* All pages but `left` of them; a list through the pages themselves. */
static struct page *take_memory(unsigned left)
{
	struct page *all = NULL, *p;

	while ((p = pmm_alloc(0))) {
		*(struct page **)page_to_virt(p) = all;
		all = p;
	}
	for (; left && all; left--) {
		p = all;
		all = *(struct page **)page_to_virt(p);
		page_put(p);
	}
	return all;
}

static void give_memory_back(struct page *all)
{
	while (all) {
		struct page *p = all;

		all = *(struct page **)page_to_virt(p);
		page_put(p);
	}
}

/* A move that finds memory for one of the two tables that it needs. The old mapping is in the file's reverse map all the while, so walkers may
 * be in any table of its span. */
static void test_remap_without_memory(void)
{
	struct mm *mm = mm_create();
	const u64 border = BASE + 2 * HUGE_SIZE, from = border - 32 * PAGE_SIZE,
		  to = border + 500 * PAGE_SIZE;
	struct page *all;
	struct pt_slot slot;

	sim_set_boot_mm(mm);
	map(mm, BASE, PAGE_SIZE, RW);
	mm_unmap(mm, UADDR(BASE), PAGE_SIZE); /* leaves a VMA to be used again */
	is(map_file(mm, from, to - from, 0, RW), from, "a private mapping");
	ok(store(from, 7) && store(border - PAGE_SIZE, 8), "and two copies");
	all = take_memory(1);
	is(mm_remap(mm,
		   &(struct mremap_request){.addr = UADDR(from),
			   .old_len = to - from,
			   .new_len = to - from,
			   .new_addr = UADDR(to),
			   .may_move = true,
			   .fixed = true}),
		-ENOMEM, "mremap to where two tables are missing");
	ok(load(from) == 7 && load(border - PAGE_SIZE) == 8, "the pages are where they were");
	is(pt_walk(mm->root, UADDR(border), 0, false, &slot), 0,
		"the table that the old mapping reaches into stays");
	is(pt_walk(mm->root, UADDR(border + HUGE_SIZE), 0, false, &slot), -ENOENT, "there is no other");
	give_memory_back(all);
	is(mm_unmap(mm, UADDR(from), to - from), 0, "munmap");
	unload();
	mm_put(mm);
}

static void test_limits(void)
{
	struct mm *mm = mm_create();
	u64 n = 0;

	while (n < 70000 && map(mm, BASE + n * PAGE_SIZE, PAGE_SIZE, VMA_READ | (n & 1 ? VMA_EXEC : 0)) > 0)
		n++;
	ok(n > MM_MAX_VMAS - 5 && n <= MM_MAX_VMAS, "%llu VMAs, then -ENOMEM", (unsigned long long)n);
	ok(map(mm, 0, PAGE_SIZE, VMA_READ) == -ENOMEM, "anywhere");
	is(mm_unmap(mm, UADDR(BASE), n * PAGE_SIZE), 0, "all unmapped in one call");
	is(mm->nr_vmas, 0, "none is left");
	mm_put(mm);
}

int main(void)
{
	boot();
	u64 before = memory_in_use();
	test_arguments();
	test_places();
	test_protection();
	test_stack_and_brk();
	test_file();
	test_ranges_and_copies();
	test_remap_over_file();
	test_remap_without_memory();
	test_limits();
	is(memory_in_use(), before, "all memory came back");
	return done_testing();
}
