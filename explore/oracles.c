/* SPDX-License-Identifier: MIT */
/*
 * What must hold after every step, whoever is in the middle of whatever.
 *
 * ownership      each entry that maps persistent memory, in a page table or a TLB, and each pin that a device has, reaches the block that
 *                the file owns at that offset, written
 * clean-writable no writable entry of a page whose dirty tag is clear
 * past-eof       when no operation that moves i_size is under way: nothing is mapped past the end of the file, private copies included
 * zero-page      when no operation that allocates is under way: no zero page is mapped where the file has data
 * coherence      no TLB shows another page than the page table of its address space does where that has a private copy which can be written
 * poison         when no machine check is under way: no entry, in a page table or a TLB, reaches a page that one has named
 * durability     when an fsync (msync, sync_file_range: of a page) returns, what operations stored that had returned before its call is flushed and fenced (hosted; where the power fails the crash is the judge)
 * deadlock, livelock, panic, values, crash: found by the engine, history.c and crash.c
 *
 * Rule: the controller runs this while every scripted thread is paused, perhaps with locks held. So it takes no lock: page tables are read
 * raw, and while a block map is being changed (MAP_TRY says -EAGAIN) the file counts as owning what it owned after the step before.
 */
#include "drivers/pmem.h"
#include "explore/footprint.h"
#include "explore/world.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "mm/poison.h"

/*
 * What the oracles check falls into checks that can be told apart by what they read, so that the reduced enumeration need not order what
 * different ones look at (reduce.c): the page tables (of thread t, its child included, for file f), the TLB of t's CPU, t's pins. What a
 * sync promises is checked once, when it returns, and counts as read by that transition.
 */
#define OF(t, f) (1ull << ((t)*EXPLORE_MAX_FILES + (f)))
#define EVERY_FILE ((1ull << EXPLORE_MAX_FILES) - 1)
#define TABLES(t, f) OF(t, f)
#define TLB(t, f) (OF(t, f) << 16)
#define PINS(t, f) (OF(t, f) << 32)
#define SYNCS(f) (1ull << (48 + (f)))
_Static_assert(EXPLORE_MAX_THREADS *EXPLORE_MAX_FILES <= 16, "bits of a mask of checks");

static u64 checks_of_file(unsigned f)
{
	u64 mask = SYNCS(f);

	for (unsigned t = 0; t < EXPLORE_MAX_THREADS; t++)
		mask |= TABLES(t, f) | TLB(t, f) | PINS(t, f);
	return mask;
}

/* The memory that is read from now on is read by these checks. */
static void look(const struct explore_world *w, u64 checks)
{
	if (w->recorder)
		w->recorder->look(checks);
}

static const struct ownership *own_now(const struct explore_world *w)
{
	return &w->own[w->now];
}

/* Leaves *own as it is where the map is locked. */
static void read_block_map(struct explore_world *w, unsigned f, struct ownership *own)
{
	struct ownership fresh;

	for (u64 p = 0; p < EXPLORE_MAX_PAGES;) {
		struct extent e;

		if (w->inodes[f]->ops->map_extent(w->inodes[f], p, EXPLORE_MAX_PAGES - p, MAP_TRY, &e))
			return;
		for (u64 k = 0; k < e.len && p < EXPLORE_MAX_PAGES; k++, p++) {
			fresh.state[f][p] = (u8)e.state;
			fresh.block[f][p] = (u32)(((e.pa.v - w->region->base.v) >> PAGE_SHIFT) + k);
		}
	}
	memcpy(own->state[f], fresh.state[f], sizeof(fresh.state[f]));
	memcpy(own->block[f], fresh.block[f], sizeof(fresh.block[f]));
}

static void read_block_maps(struct explore_world *w)
{
	struct ownership *own = &w->own[w->now];

	look(w, 0);
	if (w->now)
		*own = own[-1];
	for (unsigned f = 0; f < w->sc->nr_files; f++) {
		look(w, checks_of_file(f));
		read_block_map(w, f, own);
	}
}

void oracle_reset(struct explore_world *w)
{
	read_block_maps(w);
}

static u64 block_of(const struct explore_world *w, pte_t e)
{
	return (pte_paddr(e).v - w->region->base.v) >> PAGE_SHIFT;
}

/* "belongs to g[0]" or "is free". */
static void fate_of_block(struct explore_world *w, u64 block, char *buf, size_t size)
{
	const struct ownership *own = own_now(w);

	for (unsigned f = 0; f < w->sc->nr_files; f++)
		for (unsigned p = 0; p < EXPLORE_MAX_PAGES; p++)
			if (own->state[f][p] != EXTENT_HOLE && own->block[f][p] == block) {
				fmt_snprintf(buf, size, "belongs to page %u of %s", p, w->sc->files[f].name);
				return;
			}
	fmt_snprintf(buf, size, "is free");
}

/* Is an operation under way for which `may` holds on f? */
static bool in_flight(
	struct explore_world *w, unsigned f, bool (*may)(const struct script_op *op, unsigned f))
{
	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		if (thread_in_op(&w->threads[t]) && may(&w->sc->threads[t].ops[w->threads[t].op], f))
			return true;
	return false;
}

struct entry {
	struct explore_world *w;
	struct violation *v;
	unsigned thread, file;
	u64 page;
	pte_t pte;
	const char *where; /* "page table", "TLB", "pin" */
};

static void report(const struct entry *e, const char *oracle, const char *problem)
{
	char fate[48] = "";
	unsigned long block = (unsigned long)block_of(e->w, e->pte);

	e->v->oracle = oracle;
	if (pte_kind(e->pte) == PTE_PMEM) {
		fate_of_block(e->w, block, fate, sizeof(fate));
		fmt_snprintf(e->v->text, sizeof(e->v->text),
			"%s: %c's %s maps page %lu of %s%s to block %lu, which %s%s", oracle, 'A' + e->thread,
			e->where, (unsigned long)e->page, e->w->sc->files[e->file].name,
			pte_writable(e->pte) ? ", writable," : "", block, fate, problem);
	} else {
		fmt_snprintf(e->v->text, sizeof(e->v->text), "%s: %c's %s maps page %lu of %s to %s%s",
			oracle, 'A' + e->thread, e->where, (unsigned long)e->page,
			e->w->sc->files[e->file].name,
			pte_kind(e->pte) == PTE_ZERO ? "the zero page" : "a private copy", problem);
	}
}

static void check_entry(const struct entry *e)
{
	struct explore_world *w = e->w;
	struct mapping *m = atomic_load(&w->inodes[e->file]->mapping);
	u8 state = own_now(w)->state[e->file][e->page];
	enum pte_kind kind = pte_kind(e->pte);
	char problem[96];

	if (kind == PTE_NONE)
		return;
	if (e->page >= DIV_ROUND_UP(atomic_load(&w->inodes[e->file]->size_), PAGE_SIZE) &&
		!in_flight(w, e->file, op_may_resize)) {
		fmt_snprintf(problem, sizeof(problem), "; the file ends before (i_size %lu)",
			(unsigned long)atomic_load(&w->inodes[e->file]->size_));
		report(e, "past-eof", problem);
	} else if (kind == PTE_ANON) {
		return;
	} else if (kind == PTE_ZERO) {
		if (state == EXTENT_MAPPED && !in_flight(w, e->file, op_may_allocate))
			report(e, "zero-page", ", but the file has data there");
	} else if (state == EXTENT_HOLE || own_now(w)->block[e->file][e->page] != block_of(w, e->pte)) {
		fmt_snprintf(problem, sizeof(problem), "; %s has %s there", w->sc->files[e->file].name,
			state == EXTENT_HOLE ? "nothing" : "another block");
		report(e, "ownership", problem);
	} else if (state == EXTENT_UNWRITTEN) {
		fmt_snprintf(problem, sizeof(problem), "; it is unwritten there: %s has zeros",
			w->sc->files[e->file].name);
		report(e, "ownership", problem);
	} else if (poison_hits(pte_paddr(e->pte), 1) && !in_flight(w, e->file, op_may_poison)) {
		report(e, "poison", "; that is bad");
	} else if (pte_writable(e->pte) && !dax_is_dirty(m, e->page)) {
		report(e, "clean-writable", "; its dirty tag is clear");
	}
}

static pte_t raw_entry(u64 table, u64 a, int shift)
{
	pte_slot_t *slots = phys_to_virt(PADDR(table & PTE_ADDR_MASK));

	return (pte_t){atomic_load(&slots[a >> shift & 511].v)};
}

/* The 4 KiB or 2 MiB leaf of `a`, as a 4 KiB entry; 0: none. */
static pte_t leaf_of(paddr_t root, u64 a)
{
	pte_t e = {root.v};

	for (int shift = 39; shift >= PAGE_SHIFT; shift -= 9) {
		e = raw_entry(e.v, a, shift);
		if (!pte_present(e))
			return (pte_t){0};
		if (shift == HUGE_SHIFT && pte_huge(e))
			return (pte_t){e.v + (a & (HUGE_SIZE - 1) & ~PAGE_MASK)};
	}
	return e;
}

/* The i-th place where thread t may have a mapping of file i / NR_PLACES; 0: it has none. */
#define NR_PLACES 4
static u64 place_of(const struct explore_world *w, unsigned t, unsigned i)
{
	const struct explore_maps *m = i % NR_PLACES < 2 ? &w->threads[t].maps : &w->threads[t].moved;

	return (i % 2 ? m->private : m->shared)[i / NR_PLACES].v;
}

/* Is `page` in a mapping of thread t? Then which page of which file, and whether the mapping is private. */
static bool find_mapped(
	const struct explore_world *w, unsigned t, u64 page, unsigned *f, u64 *index, bool *private)
{
	for (unsigned i = 0; i < NR_PLACES * w->sc->nr_files; i++) {
		u64 base = place_of(w, t, i);

		*f = i / NR_PLACES;
		*private = i % 2;
		*index = (page - base) >> PAGE_SHIFT;
		if (base && page >= base && *index < EXPLORE_MAX_PAGES)
			return true;
	}
	return false;
}

/* e: of a TLB, for page a of a private mapping. */
static void check_copy(const struct entry *e, paddr_t root, u64 a)
{
	pte_t now = leaf_of(root, a);

	if (pte_kind(now) == PTE_ANON && pte_writable(now) && pte_paddr(now).v != pte_paddr(e->pte).v)
		report(e, "coherence", "; the page table has a private copy there that can be written");
}

static void check_tlb_entry(void *arg, unsigned thread, paddr_t root, uaddr_t page, unsigned order, pte_t pte)
{
	const struct entry *from = arg;
	struct explore_world *w = from->w;

	/* The caller looks for TLB(thread, *). */
	for (unsigned t = 0; t < w->sc->nr_threads && !from->v->oracle; t++) {
		struct entry e = {.w = w, .v = from->v, .thread = thread, .pte = pte, .where = "TLB"};

		if (w->threads[t].mm->root.v != root.v)
			continue;
		/* Of 2 MiB the pages that scenarios name: a mapping that has such entries begins where they do. */
		for (u64 k = 0; k < (order ? EXPLORE_MAX_PAGES : 1) && !from->v->oracle; k++) {
			u64 a = page.v + (k << PAGE_SHIFT);
			bool private;

			e.pte.v = pte.v + (k << PAGE_SHIFT);
			if (find_mapped(w, t, a, &e.file, &e.page, &private)) {
				look(w, TLB(thread, e.file));
				check_entry(&e);
				if (private && !e.v->oracle)
					check_copy(&e, root, a);
				look(w, TLB(thread, 0) * EVERY_FILE);
			}
		}
	}
}

static void check_tables(
	struct explore_world *w, struct violation *v, unsigned t, const struct mm *mm, const char *where)
{
	for (unsigned i = 0; i < NR_PLACES * w->sc->nr_files; i++) {
		u64 base;

		look(w, TABLES(t, i / NR_PLACES));
		base = place_of(w, t, i);
		if (t && w->sc->together && base == place_of(w, 0, i))
			continue; /* looked at for A */
		for (u64 p = 0; base && p < EXPLORE_MAX_PAGES && !v->oracle; p++) {
			pte_t e = leaf_of(mm->root, base + (p << PAGE_SHIFT));

			if (pte_present(e))
				check_entry(&(struct entry){w, v, t, i / NR_PLACES, p, e, where});
		}
	}
}

/* A pin must reach what its file owns there, as an entry must. */
static void check_pins(struct explore_world *w, struct violation *v, unsigned t)
{
	for (unsigned k = 0; k < EXPLORE_MAX_PINS && !v->oracle; k++) {
		const struct explore_pin *p = &w->threads[t].pins[k];

		look(w, PINS(t, 0) * EVERY_FILE);
		if (!p->held)
			continue;
		look(w, PINS(t, p->file));
		check_entry(
			&(struct entry){w, v, t, p->file, p->page, pte_make(p->pin.pa, PTE_PRESENT), "pin"});
	}
}

/* Operations that had returned before `now`, as bits of those that stored. */
static u32 returned_before(const struct explore_world *w, unsigned now)
{
	u32 mask = EXPLORE_STORED_BEFORE;

	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		for (unsigned i = 0; i < w->sc->threads[t].nr; i++)
			if (w->threads[t].results[i].returned && w->threads[t].results[i].end < now)
				mask |= EXPLORE_STORED_BY(t, i);
	return mask;
}

static bool op_is_sync(const struct script_op *op)
{
	return op->kind == OP_FSYNC || op->kind == OP_MSYNC || op->kind == OP_SYNC_RANGE;
}

/* A sync that began at `begin` has returned. */
static void check_durable(struct explore_world *w, struct violation *v, unsigned thread,
	const struct script_op *op, unsigned begin)
{
	unsigned f = op->file;
	const struct ownership *own = own_now(w);
	u32 before = returned_before(w, begin);

	if (w->recorder)
		w->recorder->look_as_transition(SYNCS(f));
	for (unsigned p = 0; p < EXPLORE_MAX_PAGES && !v->oracle; p++) {
		if (own->state[f][p] != EXTENT_MAPPED || (op->kind != OP_FSYNC && op->page != p) ||
			!(w->backend->not_durable(w, own->block[f][p]) & before))
			continue;
		v->oracle = "durability";
		fmt_snprintf(v->text, sizeof(v->text),
			"durability: %c's sync of %s has returned, but page %u holds a store from before it "
			"that is not "
			"flushed and fenced",
			'A' + thread, w->sc->files[f].name, p);
	}
}

static void check_fsyncs(struct explore_world *w, struct violation *v)
{
	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		for (unsigned i = 0; i < w->sc->threads[t].nr; i++) {
			const struct op_result *r = &w->threads[t].results[i];
			const struct script_op *op = &w->sc->threads[t].ops[i];

			/* Which operations have returned when: of that the order of beginnings and returns takes care. */
			look(w, 0);
			if (op_is_sync(op) && r->returned && r->end == w->now && !r->ret)
				check_durable(w, v, t, op, r->begin);
		}
}

void oracle_step(struct explore_world *w, struct violation *v)
{
	struct entry from = {.w = w, .v = v};

	read_block_maps(w);
	for (unsigned t = 0; t < w->sc->nr_threads; t++) {
		look(w, TABLES(t, 0) * EVERY_FILE);
		check_tables(w, v, t, w->threads[t].mm, "page table");
		look(w, TABLES(t, 0) * EVERY_FILE);
		if (w->threads[t].child)
			check_tables(w, v, t, w->threads[t].child, "child's page table");
		check_pins(w, v, t);
	}
	for (unsigned t = 0; t < w->sc->nr_threads && !v->oracle && w->backend->visit_tlb; t++) {
		look(w, TLB(t, 0) * EVERY_FILE);
		w->backend->visit_tlb(w, t, check_tlb_entry, &from);
		v->in_tlb = v->oracle != NULL;
	}
	if (!v->oracle && w->backend->not_durable && !w->sc->crash)
		check_fsyncs(w, v);
}

void oracle_end(struct explore_world *w, struct violation *v)
{
	oracle_step(w, v);
	if (v->oracle)
		return;
	if (w->recorder)
		w->recorder->look_as_transition(0);
	history_check(w, v);
}
