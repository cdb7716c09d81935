/* SPDX-License-Identifier: MIT */
/*
 * Address spaces on the simulated machine: a random walk against a model, and threads under the random scheduler. All contents
 * are looked at through simulated user accesses on several CPUs, so a missing shootdown shows as a stale value.
 */
#include "host/unit.h"
#include "tests/host/mm_file.h"

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
