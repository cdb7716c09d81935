/* SPDX-License-Identifier: MIT */
/*
 * Address spaces on the simulated machine: rules of each call, a random walk against a model, and
 * threads under the random scheduler. All contents are looked at through simulated user accesses on
 * several CPUs, so a missing shootdown shows as a stale value.
 */
#include "host/sim.h"
#include "host/unit.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/mm.h"
#include "mm/tlb.h"
#include "mm/uaccess.h"
#include <stdlib.h>

#define BASE 0x10000000ull
#define RW (VMA_READ | VMA_WRITE | VMA_MAYWRITE)

/* --- a file: pages of simulated pmem, some of them holes, and a size --- */

#define FILE_PAGES 32

struct file {
	struct rmap rmap;
	u64 base; /* physical */
	bool hole[FILE_PAGES];
	bool dirty[FILE_PAGES];
	u64 pages; /* size */
	struct page *zero;
	int opens;
	unsigned mkwrites;
};
static struct file *file;

static paddr_t file_page(struct file *f, u64 pgoff)
{
	return PADDR(f->base + pgoff * PAGE_SIZE);
}

static int file_write_fault(struct file *fl, struct fault *f)
{
	if (fl->hole[f->pgoff]) {
		memset(phys_to_virt(file_page(fl, f->pgoff)), 0, PAGE_SIZE);
		fl->hole[f->pgoff] = false;
		rmap_unmap(&fl->rmap, f->pgoff, f->pgoff, RMAP_ZERO_PAGES);
	}
	fl->dirty[f->pgoff] = true;
	return vm_insert_pmem(f, file_page(fl, f->pgoff), true);
}

static int file_cow(struct file *fl, struct fault *f)
{
	struct page *p = pmm_alloc_zeroed(0);

	if (!p)
		return -ENOMEM;
	if (!fl->hole[f->pgoff])
		memcpy(page_to_virt(p), phys_to_virt(file_page(fl, f->pgoff)), PAGE_SIZE);
	int err = vm_insert_anon(f, p);
	if (err)
		page_put(p);
	return err;
}

static enum fault_result file_fault(struct vma *v, struct fault *f)
{
	struct file *fl = v->file;
	int err;

	if (f->pgoff >= fl->pages)
		return FAULT_SIGBUS;
	if (f->cow)
		err = file_cow(fl, f);
	else if (f->write)
		err = file_write_fault(fl, f);
	else if (fl->hole[f->pgoff])
		err = vm_insert_zero(f, page_to_paddr(fl->zero));
	else
		err = vm_insert_pmem(f, file_page(fl, f->pgoff), false);
	return err == -ENOMEM ? FAULT_OOM : FAULT_DONE;
}

static enum fault_result file_mkwrite(struct vma *v, struct fault *f)
{
	v->file->mkwrites++;
	return file_fault(v, f);
}

static void file_open(struct vma *v)
{
	v->file->opens++;
}

static void file_close(struct vma *v)
{
	v->file->opens--;
}

static const struct vm_ops file_ops = {.fault = file_fault,
	.mkwrite = file_mkwrite,
	.open = file_open,
	.close = file_close};

static void make_file(void)
{
	struct pmem_region *r = sim_add_pmem(FILE_PAGES * PAGE_SIZE, "", 0);

	file = sim_static_alloc(sizeof(*file));
	file->base = r->base.v;
	file->pages = FILE_PAGES;
	file->zero = pmm_alloc_zeroed(0);
	rmap_init(&file->rmap);
}

static void truncate_file(u64 pages)
{
	if (pages < file->pages)
		rmap_unmap(&file->rmap, pages, ~0ull, RMAP_ALL);
	for (u64 p = pages; p < file->pages; p++) {
		memset(phys_to_virt(file_page(file, p)), 0, PAGE_SIZE);
		file->hole[p] = true;
	}
	file->pages = pages;
}

/* --- helpers --- */

static long map(struct mm *mm, u64 addr, u64 len, u32 flags)
{
	return mm_map(mm,
		&(struct mmap_request){.addr = UADDR(addr), .len = len, .flags = flags, .fixed = addr != 0});
}

static long map_file(struct mm *mm, u64 addr, u64 len, u64 pgoff, u32 flags)
{
	return mm_map(mm,
		&(struct mmap_request){.addr = UADDR(addr),
			.len = len,
			.flags = flags,
			.fixed = addr != 0,
			.pgoff = pgoff,
			.rmap = &file->rmap,
			.file = file,
			.ops = &file_ops});
}

static bool store(u64 a, u64 v)
{
	return cpu_store_user64(UADDR(a), v) == 0;
}

/* ~0: fault. */
static u64 load(u64 a)
{
	u64 v;

	return cpu_load_user64(UADDR(a), &v) ? ~0ull : v;
}

/* No CPU has an address space loaded any more, and the boot thread is on CPU 0. */
static void unload(void)
{
	for (unsigned c = 4; c--;) {
		sim_set_boot_cpu(c);
		sim_set_boot_mm(NULL);
	}
}

static u64 memory_in_use(void)
{
	for (unsigned c = 4; c--;) {
		sim_set_boot_cpu(c);
		kmem_trim();
	}
	return pmm_total_pages() - pmm_free_pages();
}

static void boot(void)
{
	sim_init(&(struct sim_config){.ram = 64 << 20});
	sim_boot_mm();
	make_file();
}

/* --- rules of each call --- */

static void test_arguments(void)
{
	struct mm *mm = mm_create();

	is(map(mm, 0, 0, RW), -EINVAL, "mmap of nothing");
	is(map(mm, 0, ~0ull, RW), -ENOMEM, "mmap of everything");
	is(map(mm, 0, USER_TOP, RW), -ENOMEM, "mmap of the whole user half");
	is(map(mm, BASE + 1, 1, RW), -EINVAL, "fixed, not aligned");
	is(map(mm, USER_TOP - PAGE_SIZE, 2 * PAGE_SIZE, RW), -ENOMEM, "fixed, across the top");
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

/* --- random walk against a model --- */

#define WINDOW 96
#define PROCS 5

enum kind { GONE, ANON, SHARED, PRIVATE };
struct model_page {
	enum kind kind;
	u32 prot;
	u64 pgoff;
	bool copied; /* PRIVATE: has a copy of its own */
	u64 value;
};
struct proc {
	struct mm *mm;
	struct model_page page[WINDOW];
};
static struct proc procs[PROCS];
static u64 file_value[FILE_PAGES];

static u64 address(u64 page)
{
	return BASE + HUGE_SIZE - 40 * PAGE_SIZE + page * PAGE_SIZE +
		8 * (page % 500); /* across a page-table border */
}

static void pick_range(u64 *first, u64 *n)
{
	*first = (u64)rand() % WINDOW;
	*n = 1 + (u64)rand() % (rand() % 4 ? 6 : 40);
	*n = MIN(*n, WINDOW - *first);
}

static u64 page_start(u64 page)
{
	return ALIGN_DOWN(address(page), PAGE_SIZE);
}

static void step_map(struct proc *p)
{
	static const u32 prots[] = {
		VMA_READ, VMA_READ | VMA_WRITE, VMA_READ | VMA_WRITE, 0, VMA_READ | VMA_EXEC};
	u32 prot = prots[(size_t)rand() % ARRAY_SIZE(prots)];
	enum kind kind = ANON + rand() % 3;
	u64 first, n, pgoff;

	pick_range(&first, &n);
	n = kind == ANON ? n : MIN(n, (u64)FILE_PAGES);
	pgoff = kind == ANON ? 0 : (u64)rand() % (FILE_PAGES - n + 1);
	u32 flags = prot | VMA_MAYWRITE | (kind == SHARED ? VMA_SHARED : 0);
	long ret = kind == ANON ? map(p->mm, page_start(first), n * PAGE_SIZE, flags)
				: map_file(p->mm, page_start(first), n * PAGE_SIZE, pgoff, flags);
	if (ret < 0)
		return;
	for (u64 i = 0; i < n; i++)
		p->page[first + i] = (struct model_page){kind, prot, pgoff + i, false, 0};
}

static bool step_unmap(struct proc *p)
{
	u64 first, n;

	pick_range(&first, &n);
	for (u64 i = 0; i < n; i++)
		p->page[first + i].kind = GONE;
	return mm_unmap(p->mm, UADDR(page_start(first)), n * PAGE_SIZE) == 0;
}

static bool step_protect(struct proc *p)
{
	static const u32 prots[] = {VMA_READ, VMA_READ | VMA_WRITE, VMA_READ | VMA_WRITE, 0};
	u32 prot = prots[(size_t)rand() % ARRAY_SIZE(prots)];
	u64 first, n;
	int want = 0;

	pick_range(&first, &n);
	for (u64 i = 0; i < n; i++)
		if (p->page[first + i].kind == GONE)
			want = -ENOMEM;
	for (u64 i = 0; i < n && !want; i++)
		p->page[first + i].prot = prot;
	return mm_protect(p->mm, UADDR(page_start(first)), n * PAGE_SIZE, prot) == want;
}

static bool step_discard(struct proc *p)
{
	u64 first, n;
	int want = 0;

	pick_range(&first, &n);
	for (u64 i = 0; i < n; i++) {
		struct model_page *m = &p->page[first + i];
		if (m->kind == GONE)
			want = -ENOMEM;
		m->copied = false;
		m->value = 0;
	}
	return mm_discard(p->mm, UADDR(page_start(first)), n * PAGE_SIZE, false) == want;
}

static u64 model_value(const struct model_page *m)
{
	return m->kind == ANON || m->copied ? m->value : file_value[m->pgoff];
}

/* The word of a page lies where the page's place in the window says, so file pages need it per place:
 * the whole page is filled with one value instead. */
static bool step_access(struct proc *p)
{
	u64 i = (u64)rand() % WINDOW, a = page_start(i);
	struct model_page *m = &p->page[i];
	bool inside = m->kind == ANON || (m->kind != GONE && m->pgoff < file->pages);

	if (m->kind == PRIVATE && m->copied)
		inside = true;
	if (rand() % 2) {
		u64 want = m->kind != GONE && m->prot && inside ? model_value(m) : ~0ull;
		return load(a) == want;
	}
	u64 v = (u64)rand() + 1;
	bool done = store(a, v);
	if (done != (m->kind != GONE && (m->prot & VMA_WRITE) && inside))
		return false;
	if (!done)
		return true;
	if (m->kind == SHARED) {
		file_value[m->pgoff] = v;
		return !file->hole[m->pgoff] && file->dirty[m->pgoff];
	}
	m->value = v;
	m->copied = m->kind == PRIVATE;
	return true;
}

static void step_truncate(void)
{
	u64 pages = 1 + (u64)rand() % FILE_PAGES;

	for (unsigned k = 0; k < PROCS; k++)
		for (u64 i = 0; i < WINDOW; i++)
			if (procs[k].page[i].kind == PRIVATE && procs[k].page[i].pgoff >= pages &&
				pages < file->pages)
				procs[k].page[i].copied = false;
	for (u64 i = pages; i < file->pages; i++)
		file_value[i] = 0;
	truncate_file(pages);
}

static void step_fork_or_exit(struct proc *p)
{
	struct proc *q = &procs[rand() % PROCS];

	if (q == p)
		return;
	if (q->mm) {
		unload();
		mm_put(q->mm);
		memset(q, 0, sizeof(*q));
		return;
	}
	struct mm *child = mm_fork(p->mm);
	if (!child)
		return;
	*q = *p;
	q->mm = child;
}

static bool step(struct proc *p)
{
	switch (rand() % 32) {
	case 0 ... 2:
		step_map(p);
		return true;
	case 3:
		return step_unmap(p);
	case 4 ... 5:
		return step_protect(p);
	case 6:
		return rand() % 3 || step_discard(p);
	case 7:
		step_fork_or_exit(p);
		return true;
	case 8:
		if (rand() % 3 == 0)
			step_truncate();
		return true;
	case 9:
		rmap_wrprotect(&file->rmap, (u64)rand() % FILE_PAGES, ~0ull);
		return true;
	default:
		return step_access(p);
	}
}

static void test_random(unsigned seed)
{
	u64 before;
	bool good = true;
	unsigned round;

	boot();
	memset(procs, 0, sizeof(procs));
	memset(file_value, 0, sizeof(file_value));
	before = memory_in_use();
	srand(seed);
	procs[0].mm = mm_create();
	for (round = 0; round < 40000 && good; round++) {
		struct proc *p = &procs[rand() % PROCS];

		if (!p->mm)
			continue;
		if (rand() % 4 == 0)
			sim_set_boot_cpu((unsigned)rand() % 4);
		sim_set_boot_mm(p->mm);
		good = step(p);
	}
	if (!ok(good, "random walk, seed %u", seed))
		diag("it went wrong in round %u", round);
	unload();
	for (unsigned i = 0; i < PROCS; i++)
		if (procs[i].mm)
			mm_put(procs[i].mm);
	is(file->opens, 0, "seed %u: all file references dropped", seed);
	is(memory_in_use(), before, "seed %u: all memory came back", seed);
}

/* --- threads under the random scheduler --- */

#define WORKERS 4
#define SHARED_AT BASE
#define OWN_AT(i) (BASE + (1ull << 30) + (u64)(i)*64 * PAGE_SIZE)

static struct mm *shared_mm;
static bool lost, broken, stop;

/* Counts in two pages through the mapping; nobody else writes them. A store that fork loses shows at
 * the next load. */
static void counter(void *arg)
{
	u64 a = SHARED_AT + (u64)(uintptr_t)arg * 2 * PAGE_SIZE;

	for (u64 i = 1; i < 300; i++) {
		broken |= !store(a, i) || !store(a + PAGE_SIZE, i);
		lost |= load(a) != i || load(a + PAGE_SIZE) != i;
	}
	stop = true;
}

/* What a page-table walk finds at a; 0 where nothing is mapped. */
static u64 value_in(struct mm *mm, u64 a)
{
	struct pt_slot s;

	if (pt_walk(mm->root, UADDR(a), 0, false, &s) || !pte_present(pte_load(s.slot)))
		return 0;
	return *(u64 *)phys_to_virt(paddr_add(pte_paddr(pte_load(s.slot)), a & PAGE_MASK));
}

/* Forks; a child is a snapshot: the page that is stored to second is never ahead of the first, and it
 * does not move. */
static void forker(void *arg)
{
	(void)arg;
	while (!stop) {
		struct mm *child = mm_fork(shared_mm);
		if (!child) {
			broken = true;
			return;
		}
		u64 first = value_in(child, SHARED_AT), second = value_in(child, SHARED_AT + PAGE_SIZE);
		broken |= second > first || first > second + 1;
		thread_yield();
		broken |= value_in(child, SHARED_AT) != first;
		mm_put(child);
	}
}

static u64 published[2];

/* Threads 0 and 1 store ascending values, each to its word of one page, and then say so; thread 2 must
 * not read an older one, whatever its TLB holds, and nobody may lose a store. */
static void publisher(void *arg)
{
	u64 i = (u64)(uintptr_t)arg, a = SHARED_AT + 8 * (i + 1);

	if (i < 2) {
		for (u64 v = 1; i ? v < 1500 : !stop; v++) {
			lost |= load(a) != v - 1;
			for (u64 k = 0; i && k < SIM_TLB_ENTRIES; k++) /* thread 1 always has to walk */
				load(SHARED_AT + (8 + k) * PAGE_SIZE);
			broken |= !store(a, v);
			published[i] = v;
		}
		stop = true;
		return;
	}
	while (!stop) {
		for (u64 w = 0; w < 2; w++) {
			u64 said = published[w];
			lost |= load(SHARED_AT + 8 * (w + 1)) < said;
		}
	}
}

/* Maps, writes, protects, unmaps in its own place, beside the others'. */
static void mapper(void *arg)
{
	u64 at = OWN_AT((uintptr_t)arg);

	for (u64 i = 0; i < 60; i++) {
		u64 n = 1 + i % 7;
		broken |= map(shared_mm, at, n * PAGE_SIZE, RW) != (long)at;
		for (u64 k = 0; k < n; k++)
			broken |= load(at + k * PAGE_SIZE) != 0 || !store(at + k * PAGE_SIZE, i);
		broken |= mm_protect(shared_mm, UADDR(at), PAGE_SIZE, VMA_READ) != 0;
		broken |= store(at, 1) || load(at) != i;
		broken |= mm_unmap(shared_mm, UADDR(at), n * PAGE_SIZE) != 0;
		broken |= load(at) != ~0ull;
	}
}

/* Thread 0 maps and unmaps, the others touch what may be gone: they fault or not, but nothing may stay
 * behind. */
static void toucher(void *arg)
{
	u64 at = OWN_AT(0), id = (u64)(uintptr_t)arg;

	for (u64 i = 0; i < 150; i++) {
		if (id) {
			store(at + (i % 5) * PAGE_SIZE + 8 * id, i);
			continue;
		}
		broken |= map(shared_mm, at, 5 * PAGE_SIZE, RW) < 0;
		thread_yield();
		broken |= mm_unmap(shared_mm, UADDR(at + (i & 1 ? PAGE_SIZE : 0)), 3 * PAGE_SIZE) != 0;
		thread_yield();
		broken |= mm_unmap(shared_mm, UADDR(at), 5 * PAGE_SIZE) != 0;
	}
}

/* All of them write one page, each its own word, with a discard now and then; a word is what its writer
 * stored or 0. */
static void sharer(void *arg)
{
	u64 a = SHARED_AT + 40 * PAGE_SIZE + (u64)(uintptr_t)arg * 8;

	for (u64 i = 1; i < 100; i++) {
		broken |= !store(a, i);
		u64 v = load(a);
		lost |= v != i && v != 0;
		if (i % 17 == 0)
			mm_discard(shared_mm, UADDR(SHARED_AT + 40 * PAGE_SIZE), PAGE_SIZE, false);
	}
}

/* One point in eight is a short pause, one in 60 a long one: the others get far in between. */
static bool stall(struct sim_thread *t, enum sim_point what, const volatile void *obj, bool write)
{
	(void)t;
	(void)what;
	(void)obj;
	(void)write;
	for (int n = rand() % 60 ? 0 : 60; n > 0; n--)
		sim_pause();
	return rand() % 8 == 0;
}

static void run_threads(const char *what, void (*fn)(void *), unsigned n, void (*also)(void *), unsigned seed)
{
	sim_init(&(struct sim_config){.ram = 16 << 20, .seed = seed});
	sim_boot_mm();
	u64 before = memory_in_use();
	sim_set_point_hook(seed & 1 ? stall : NULL);
	srand(seed);
	lost = broken = stop = false;
	memset(published, 0, sizeof(published));
	shared_mm = mm_create();
	map(shared_mm, SHARED_AT, 64 * PAGE_SIZE, RW);
	for (unsigned i = 0; i < n; i++)
		sim_spawn(what, fn, (void *)(uintptr_t)i, shared_mm, i);
	if (also)
		sim_spawn("also", also, NULL, shared_mm, 3);
	enum sim_result r = sim_run();
	ok(r == SIM_ALL_DONE && !lost && !broken, "%s, seed %u", what, seed);
	if (r != SIM_ALL_DONE)
		sim_print_threads();
	unload();
	mm_put(shared_mm);
	is(memory_in_use(), before, "%s, seed %u: all memory came back", what, seed);
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
	test_limits();
	is(memory_in_use(), before, "all memory came back");
	for (unsigned seed = 1; seed <= 5; seed++)
		test_random(seed);
	for (unsigned seed = 1; seed <= 6; seed++) {
		run_threads("counters beside fork", counter, 2, forker, seed);
		run_threads("touching beside munmap", toucher, WORKERS, NULL, seed);
		run_threads("mapping side by side", mapper, WORKERS, NULL, seed);
		run_threads("one page for all", sharer, WORKERS, NULL, seed);
	}
	for (unsigned seed = 1; seed <= 24; seed++)
		run_threads("copy on write seen by all", publisher, 3, forker, seed);
	return done_testing();
}
