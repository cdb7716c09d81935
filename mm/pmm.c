/* SPDX-License-Identifier: MIT */
/*
 * Physical pages: a binary buddy allocator, per-CPU caches of single pages in front of it. Clients:
 * everyone.
 *
 * Rules
 * - A free block of order n starts at a multiple of 2^n pages; its first struct page has PAGE_BUDDY and
 *   the order, is on free[n], and no block's buddy of the same order is free as well.
 * - A page is free exactly if refs is 0. The struct page of memory that is not ours (holes inside a
 *   section, carved blocks) is PAGE_RESERVED.
 * - The page array is cut into sections of 128 MiB. A section is initialised when memory runs out
 *   without it, so boot touches as many struct pages as it needs and not those of 8 GiB. A block never
 *   spans sections.
 * - Pages in per-CPU caches are free pages. An allocation that would fail first brings in the remaining
 *   sections, then drains all caches.
 *
 * Locks: a CPU's cache lock (interrupts off), then pmm.lock.
 */
#include "kernel/log.h"
#include "kernel/protocol.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/state.h"

#define CACHE_BATCH_ORDER 4
#define CACHE_BATCH (1u << CACHE_BATCH_ORDER)
#define CACHE_MAX (2 * CACHE_BATCH)
#define MAX_PFN ((u64)UINT32_MAX)

_Static_assert(PMM_SECTION_SHIFT - PAGE_SHIFT >= PMM_MAX_ORDER, "a block never spans sections");
_Static_assert(PAGE_SHIFT + 32 == 44, "16 TiB");

static const struct lock_class cache_class = {"pmm-cache", RANK_PMM - 1, false};
static const struct lock_class pmm_class = {"pmm", RANK_PMM, false};

static struct pmm *pmm(void)
{
	return &mm_state()->pmm;
}

void pmm_state_init(struct pmm *m)
{
	spin_init(&m->lock, &pmm_class);
	for (unsigned o = 0; o <= PMM_MAX_ORDER; o++)
		list_init(&m->free[o]);
	for (unsigned c = 0; c < MAX_CPUS; c++)
		spin_init(&m->cpu[c].lock, &cache_class);
}

/* --- struct page and physical address --- */

static inline struct page *pfn_to_page(struct pmm *m, u64 pfn)
{
	u64 i = pfn >> (PMM_SECTION_SHIFT - PAGE_SHIFT);

	if (unlikely(i >= m->nr_sections))
		return NULL;
	const struct pmm_section *s = &m->sections[i];
	u64 off = pfn - s->first_pfn;
	return likely(off < s->count && s->ready) ? &s->pages[off] : NULL;
}

struct page *paddr_to_page(paddr_t a)
{
	struct page *p = pfn_to_page(pmm(), paddr_to_pfn(a).v);

	return p && !(p->flags & PAGE_RESERVED) ? p : NULL;
}

bool paddr_is_ram(paddr_t a)
{
	struct pmm *m = pmm();
	struct page *p = pfn_to_page(m, paddr_to_pfn(a).v);

	if (p)
		return !(p->flags & PAGE_RESERVED);
	for (unsigned i = 0; i < m->nr_ranges; i++) /* a section that is not ready */
		if (a.v >= m->ranges[i].base.v && a.v - m->ranges[i].base.v < m->ranges[i].len)
			return true;
	return false;
}

/* --- poison: debug builds fill freed pages and look at the pattern when they are handed out; what never was in use gets it then --- */

#ifdef FAULTLINE_DEBUG
#define PAGE_POISON 0xa5a5a5a5a5a5a5a5ull

static void poison(struct page *p, unsigned order)
{
	memset(page_to_virt(p), (u8)PAGE_POISON, PAGE_SIZE << order);
	for (unsigned i = 0; i < 1u << order; i++)
		p[i].flags |= PAGE_POISONED;
}

static void check_poison(struct page *p, unsigned order)
{
	for (unsigned i = 0; i < 1u << order; i++) {
		u64 *w = page_to_virt(&p[i]);

		if (!(p[i].flags & PAGE_POISONED)) {
			memset(w, (u8)PAGE_POISON, PAGE_SIZE);
			continue;
		}
		for (unsigned k = 0; k < PAGE_SIZE / 8; k++)
			if (w[k] != PAGE_POISON)
				panic("pmm: page %#lx was written at offset %#x after it was freed: %#lx",
					(unsigned long)p[i].pfn << PAGE_SHIFT, k * 8, (unsigned long)w[k]);
		p[i].flags &= (u8)~PAGE_POISONED;
	}
}
#else
static inline void poison(struct page *p UNUSED, unsigned order UNUSED) {}
static inline void check_poison(struct page *p UNUSED, unsigned order UNUSED) {}
#endif

/* --- buddy; pmm.lock held --- */

static void push_block_locked(struct pmm *m, struct page *p, unsigned order)
{
	p->order = (u8)order;
	p->flags |= PAGE_BUDDY;
	list_push_front(&m->free[order], &p->node);
}

static void take_block_locked(struct page *p)
{
	p->flags &= (u8)~PAGE_BUDDY;
	list_remove(&p->node);
}

static void free_block_locked(struct pmm *m, struct page *p, unsigned order)
{
	m->nr_free += 1ull << order;
	for (; order < PMM_MAX_ORDER; order++) {
		struct page *b = pfn_to_page(m, p->pfn ^ (1ull << order));

		if (!b || !(b->flags & PAGE_BUDDY) || b->order != order)
			break;
		take_block_locked(b);
		if (b < p)
			p = b;
	}
	push_block_locked(m, p, order);
}

static struct page *alloc_block_locked(struct pmm *m, unsigned order)
{
	for (unsigned o = order; o <= PMM_MAX_ORDER; o++) {
		struct list_node *n = list_first(&m->free[o]);

		if (!n)
			continue;
		struct page *p = LIST_ENTRY(n, struct page, node);
		take_block_locked(p);
		while (o > order) {
			o--;
			push_block_locked(m, p + (1u << o), o);
		}
		m->nr_free -= 1ull << order;
		return p;
	}
	return NULL;
}

/* Frees pages [first, end) block by block. */
static void free_run_locked(struct pmm *m, u64 first, u64 end)
{
	while (first < end) {
		unsigned order = first ? MIN((unsigned)__builtin_ctzll(first), (unsigned)PMM_MAX_ORDER)
				       : PMM_MAX_ORDER;

		while (first + (1ull << order) > end)
			order--;
		free_block_locked(m, pfn_to_page(m, first), order);
		first += 1ull << order;
	}
}

/* Fills the struct pages of a section and frees its RAM. */
static void init_section_locked(struct pmm *m, struct pmm_section *s)
{
	for (u32 i = 0; i < s->count; i++) {
		struct page *p = &s->pages[i];

		atomic_init(&p->refs, 0);
		p->pfn = (u32)(s->first_pfn + i);
		p->flags = PAGE_RESERVED;
	}
	s->ready = true;
	for (unsigned r = 0; r < m->nr_ranges; r++) {
		u64 first = MAX(paddr_to_pfn(m->ranges[r].base).v, s->first_pfn);
		u64 end =
			MIN((m->ranges[r].base.v + m->ranges[r].len) >> PAGE_SHIFT, s->first_pfn + s->count);

		if (first >= end)
			continue;
		for (u64 f = first; f < end; f++)
			s->pages[f - s->first_pfn].flags = 0;
		free_run_locked(m, first, end);
		m->nr_lazy -= end - first;
	}
}

/* Brings in the next section. false: there is none. */
static bool grow_locked(struct pmm *m)
{
	for (; m->next_section < m->nr_sections; m->next_section++) {
		struct pmm_section *s = &m->sections[m->next_section];

		if (s->count && !s->ready) {
			init_section_locked(m, s);
			return true;
		}
	}
	return false;
}

/* --- per-CPU caches; the cache's lock held --- */

static void cache_fill(struct pmm *m, struct pmm_cpu *c)
{
	spin_lock(&m->lock);
	unsigned order = CACHE_BATCH_ORDER;
	struct page *p = alloc_block_locked(m, order);

	if (!p && grow_locked(m))
		p = alloc_block_locked(m, order);
	while (!p && order)
		p = alloc_block_locked(m, --order);
	spin_unlock(&m->lock);
	if (!p)
		return;
	for (unsigned i = 1u << order; i--;) { /* the lowest address goes out first */
		p[i].next = c->head;
		c->head = &p[i];
	}
	c->count += 1u << order;
}

static void cache_shrink(struct pmm *m, struct pmm_cpu *c, u32 keep)
{
	spin_lock(&m->lock);
	while (c->count > keep) {
		struct page *p = c->head;
		c->head = p->next;
		c->count--;
		free_block_locked(m, p, 0);
	}
	spin_unlock(&m->lock);
}

static void drain_caches(struct pmm *m)
{
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		irq_state_t s = spin_lock_irq(&m->cpu[i].lock);
		if (m->cpu[i].count)
			cache_shrink(m, &m->cpu[i], 0);
		spin_unlock_irq(&m->cpu[i].lock, s);
	}
}

/* With interrupts off the CPU stays the same until the cache's lock is dropped. */
static struct page *alloc_single(struct pmm *m)
{
	irq_state_t s = irq_save();
	struct pmm_cpu *c = &m->cpu[cpu_id()];

	spin_lock(&c->lock);
	if (unlikely(!c->head))
		cache_fill(m, c);
	struct page *p = c->head;
	if (likely(p)) {
		c->head = p->next;
		c->count--;
	}
	spin_unlock(&c->lock);
	irq_restore(s);
	return p;
}

static void free_single(struct pmm *m, struct page *p)
{
	irq_state_t s = irq_save();
	struct pmm_cpu *c = &m->cpu[cpu_id()];

	spin_lock(&c->lock);
	p->next = c->head;
	c->head = p;
	if (unlikely(++c->count > CACHE_MAX))
		cache_shrink(m, c, CACHE_MAX - CACHE_BATCH);
	spin_unlock(&c->lock);
	irq_restore(s);
}

/* --- public --- */

static struct page *alloc_block(struct pmm *m, unsigned order)
{
	irq_state_t s = spin_lock_irq(&m->lock);
	struct page *p;

	while (!(p = alloc_block_locked(m, order)) && grow_locked(m))
		;
	spin_unlock_irq(&m->lock, s);
	return p;
}

struct page *pmm_alloc(unsigned order)
{
	struct pmm *m = pmm();

	if (unlikely(order > PMM_MAX_ORDER))
		return NULL;
	struct page *p = order ? alloc_block(m, order) : alloc_single(m);
	if (unlikely(!p)) {
		drain_caches(m);
		p = alloc_block(m, order);
		if (!p)
			return NULL;
	}
	DEBUG_ASSERT(atomic_load(&p->refs) == 0 && !(p->flags & ~PAGE_POISONED));
	check_poison(p, order);
	atomic_store_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

struct page *pmm_alloc_zeroed(unsigned order)
{
	struct page *p = pmm_alloc(order);

	if (p)
		memset(page_to_virt(p), 0, PAGE_SIZE << order);
	return p;
}

static void release(struct page *p, unsigned order)
{
	struct pmm *m = pmm();

	if (unlikely(p->flags))
		panic("pmm: page %#lx freed with flags %#x", (unsigned long)p->pfn << PAGE_SHIFT, p->flags);
	poison(p, order);
	if (order == 0) {
		free_single(m, p);
		return;
	}
	irq_state_t s = spin_lock_irq(&m->lock);
	free_block_locked(m, p, order);
	spin_unlock_irq(&m->lock, s);
}

void pmm_free(struct page *p, unsigned order)
{
	u32 refs = atomic_exchange_explicit(&p->refs, 0, memory_order_relaxed);

	if (unlikely(refs != 1))
		panic("pmm: page %#lx freed with %u references", (unsigned long)p->pfn << PAGE_SHIFT, refs);
	release(p, order);
}

void page_put(struct page *p)
{
	SHARED_WRITE(&p->refs);
	u32 refs = atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel);

	if (unlikely(refs == 0))
		panic("pmm: page %#lx put while free", (unsigned long)p->pfn << PAGE_SHIFT);
	if (refs == 1)
		release(p, 0);
}

u64 pmm_free_pages(void)
{
	struct pmm *m = pmm();
	irq_state_t s = spin_lock_irq(&m->lock);
	u64 n = m->nr_free + m->nr_lazy;

	spin_unlock_irq(&m->lock, s);
	for (unsigned i = 0; i < MAX_CPUS; i++)
		n += __atomic_load_n(&m->cpu[i].count, __ATOMIC_RELAXED);
	return n;
}

bool pmm_has_spare(void)
{
	return pmm_free_pages() > MIN(2048u, pmm()->nr_total / 8);
}

u64 pmm_total_pages(void)
{
	return pmm()->nr_total;
}

/* --- boot --- */

/* First and last page that section i needs, over all ranges. Number of pages. */
static u64 section_span(const struct ram_range *r, unsigned n, u64 i, u64 *first)
{
	u64 lo = i * PMM_SECTION_PAGES, hi = lo + PMM_SECTION_PAGES, min = hi, max = lo;

	for (unsigned k = 0; k < n; k++) {
		u64 a = MAX(r[k].base.v >> PAGE_SHIFT, lo),
		    b = MIN((r[k].base.v + r[k].len) >> PAGE_SHIFT, hi);

		if (a < b) {
			min = MIN(min, a);
			max = MAX(max, b);
		}
	}
	*first = min;
	return min < max ? max - min : 0;
}

static bool ranges_valid(const struct ram_range *r, unsigned n)
{
	u64 end = 0;

	for (unsigned i = 0; i < n; i++) {
		u64 e;

		if (!IS_ALIGNED(r[i].base.v | r[i].len, PAGE_SIZE) || !r[i].len || r[i].base.v < end ||
			__builtin_add_overflow(r[i].base.v, r[i].len, &e))
			return false;
		end = e;
	}
	return n > 0;
}

int pmm_init(const struct ram_range *ranges, unsigned n)
{
	struct pmm *m = pmm();

	if (!ranges_valid(ranges, n))
		return -EINVAL;
	while (n && ranges[n - 1].base.v >> PAGE_SHIFT > MAX_PFN)
		n--;
	if (!n)
		return -EINVAL;

	u64 top = MIN((ranges[n - 1].base.v + ranges[n - 1].len) >> PAGE_SHIFT, MAX_PFN + 1);
	u64 nr_sections = DIV_ROUND_UP(top, (u64)PMM_SECTION_PAGES), nr_pages = 0, first;
	unsigned largest = 0;

	for (u64 i = 0; i < nr_sections; i++)
		nr_pages += section_span(ranges, n, i, &first);
	for (unsigned i = 1; i < n; i++)
		if (ranges[i].len > ranges[largest].len)
			largest = i;

	u64 bytes = ALIGN_UP(nr_pages * sizeof(struct page), CACHE_LINE) +
		nr_sections * sizeof(struct pmm_section) + n * sizeof(*ranges);
	bytes = ALIGN_UP(bytes, PAGE_SIZE);
	if (bytes >= ranges[largest].len)
		return -ENOMEM;

	struct page *pages = phys_to_virt(ranges[largest].base);
	m->sections = (void *)((u8 *)pages + ALIGN_UP(nr_pages * sizeof(struct page), CACHE_LINE));
	m->ranges = (void *)(m->sections + nr_sections);
	m->nr_sections = nr_sections;
	m->nr_ranges = n;
	for (u64 i = 0; i < nr_sections; i++) {
		struct pmm_section *s = &m->sections[i];

		s->count = (u32)section_span(ranges, n, i, &s->first_pfn);
		s->pages = pages;
		s->ready = false;
		pages += s->count;
	}
	memcpy(m->ranges, ranges, n * sizeof(*ranges));
	m->ranges[largest].base.v += bytes;
	m->ranges[largest].len -= bytes;
	if (m->ranges[n - 1].base.v + m->ranges[n - 1].len > top << PAGE_SHIFT)
		m->ranges[n - 1].len = (top << PAGE_SHIFT) - m->ranges[n - 1].base.v;
	for (unsigned i = 0; i < n; i++)
		m->nr_lazy += m->ranges[i].len >> PAGE_SHIFT;
	m->nr_total = m->nr_lazy;
	return 0;
}

static bool is_free_block(struct pmm *m, u64 pfn)
{
	struct page *p = pfn_to_page(m, pfn);

	return p && p->flags & PAGE_BUDDY && p->order == PMM_MAX_ORDER;
}

/* Boot, so the largest blocks are still whole: looks for a run of them, from the top of memory down,
 * and gives back what it does not need. */
paddr_t pmm_carve(u64 len, u64 align)
{
	struct pmm *m = pmm();
	const u64 block = 1ull << PMM_MAX_ORDER;
	u64 want = DIV_ROUND_UP(len, PAGE_SIZE), step = MAX(align >> PAGE_SHIFT, block);
	paddr_t result = PADDR_NONE;

	if (!want || want > m->nr_total || (align & (align - 1)))
		return PADDR_NONE;
	u64 nr_blocks = DIV_ROUND_UP(want, block);
	irq_state_t s = spin_lock_irq(&m->lock);

	while (grow_locked(m))
		;
	for (u64 pfn = ALIGN_DOWN(m->nr_sections * PMM_SECTION_PAGES, step);; pfn -= step) {
		u64 k = 0;

		while (k < nr_blocks && is_free_block(m, pfn + k * block))
			k++;
		if (k == nr_blocks) {
			result = pfn_to_paddr((pfn_t){pfn});
			break;
		}
		if (pfn < step)
			break;
	}
	if (result.v != PADDR_NONE.v) {
		u64 pfn = paddr_to_pfn(result).v;

		for (u64 k = 0; k < nr_blocks; k++)
			take_block_locked(pfn_to_page(m, pfn + k * block));
		m->nr_free -= nr_blocks * block;
		free_run_locked(m, pfn + want, pfn + nr_blocks * block);
		m->nr_total -= want;
		for (u64 k = 0; k < want; k++)
			pfn_to_page(m, pfn + k)->flags |= PAGE_RESERVED;
	}
	spin_unlock_irq(&m->lock, s);
	return result;
}
