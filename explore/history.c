/* SPDX-License-Identifier: MIT */
/*
 * Values: is there an order of atomic events, each between its operation's call and return, that explains what every operation
 * returned and what the files hold in the end?
 *
 * Events of an operation, in this order:
 *	load, store   the access. Succeeds while the page is inside the file or not yet removed; a signal when it is past the end
 *	private load, private store  the same through a private mapping; the first store copies the page
 *	read          one page, or what of it is inside the file
 *	write         past the end: the old tail becomes zeros; the page gets its content; the file grows
 *	write from a mapped page  the old tail becomes zeros; the source is read; the page gets its content; the file grows
 *	read into a mapped page   the page is read; the buffer gets its content
 *	truncate      shrinking: private copies of what goes away go; i_size changes; the new tail becomes zeros; pages past it lose
 *	              their content. Growing: the old tail becomes zeros; i_size changes
 *	punch         the pages lose their content
 *	zero          the pages become zeros; past the end: the old tail becomes zeros; the file grows
 *	collapse      private copies from the page on go; the pages behind the range move down; i_size changes
 *	insert        private copies from the page on go; i_size changes; the pages from the page on move up
 *	munmap, mprotect  accesses may fail from the first event and must fail from the second (made writable: the reverse)
 *	mmap          the mapping is there
 *	pin, dma, unpin  the access, as a store without a value; the device's store; from then on the page may lose its content again
 *	poison        the page may be bad from the first event, is bad from the second: accesses, reads and writes of it fail. It is good again when it has
 *	              lost its block
 *	fsync, msync, sync_file_range, persist, mremap, fork, exit  none
 * Collapse and insert that do not lie inside the file fail, and change nothing.
 * A run that a crash ends is crash.c's.
 * On a full device ("full") a store or write that needs a block may fail.
 *
 * The search is depth-first over at most two dozen events.
 */
#include "explore/world.h"
#include "lib/errno.h"
#include "lib/fmt.h"

#define MAX_EVENTS 4 /* an operation */
#define COMMON EXPLORE_MAX_THREADS
#define MAX_DEPTH (EXPLORE_MAX_THREADS * EXPLORE_MAX_OPS * MAX_EVENTS)

/* How far an address space has a mapping, or its right to store; how far a page is good. */
enum progress { YES, MAYBE, NO };

struct model_page {
	u64 part[NR_PARTS];
	bool hole;
	u8 good;
};

struct model {
	u64 size[EXPLORE_MAX_FILES];                                  /* i_size */
	struct model_page page[EXPLORE_MAX_FILES][EXPLORE_MAX_PAGES]; /* past the end: empty once removed */
	/* by thread; COMMON where threads share a mapping */
	u8 mapped[COMMON + 1][EXPLORE_MAX_FILES], writable[COMMON + 1][EXPLORE_MAX_FILES];
	/* by address space: thread, or 0 where threads share one */
	struct model_page copy[EXPLORE_MAX_THREADS][EXPLORE_MAX_PAGES]; /* private; hole: there is none */
	u8 pins[EXPLORE_MAX_THREADS][EXPLORE_MAX_FILES][EXPLORE_MAX_PAGES];
	/* by thread, within one operation */
	struct {
		u64 part[NR_PARTS];
		u64 bytes;
		bool grows;
	} buffer[EXPLORE_MAX_THREADS];
};

/* Too large for a kernel stack: w->history. */
struct search {
	struct explore_world *w;
	struct model final;
	struct model models[MAX_DEPTH + 1]; /* by number of events placed */
	unsigned done[EXPLORE_MAX_THREADS]; /* operations whose events are all placed */
	unsigned half[EXPLORE_MAX_THREADS]; /* events placed of the next one */
};

/* One event that is tried. */
struct event {
	struct search *s;
	struct model *m;
	const struct script_op *op;
	const struct op_result *r;
	unsigned thread, nr;
};

static unsigned nr_events(const struct script_op *op)
{
	switch (op->kind) {
	case OP_FSYNC:
	case OP_MREMAP:
	case OP_MSYNC:
	case OP_SYNC_RANGE:
	case OP_FORK:
	case OP_EXIT:
	case OP_PERSIST:
	case OP_CRASH:
		return 0;
	case OP_READ_INTO:
	case OP_POISON:
	case OP_MUNMAP:
	case OP_PROTECT_RO:
	case OP_PROTECT_RW:
		return 2;
	case OP_WRITE:
	case OP_ZERO:
	case OP_COLLAPSE:
	case OP_INSERT:
		return 3;
	case OP_WRITE_FROM:
	case OP_TRUNCATE:
		return MAX_EVENTS;
	default:
		return 1;
	}
}

static unsigned space_of(const struct event *e)
{
	return e->s->w->sc->together ? 0 : e->thread;
}

/* Whose mapping of f it is that e's thread uses. */
static unsigned mapping_of(const struct event *e, unsigned f)
{
	const struct scenario *sc = e->s->w->sc;

	return sc->together && !scenario_maps_itself(sc, e->thread, f) ? COMMON : e->thread;
}

static struct model_page *page_of(struct model *m, unsigned f, u64 page)
{
	return &m->page[f][page < EXPLORE_MAX_PAGES ? page : 0];
}

/* Is any byte of the page inside the file? */
static bool inside(const struct model *m, unsigned f, u64 page)
{
	return page << PAGE_SHIFT < m->size[f];
}

/* Bytes of the page inside the file. */
static u64 bytes_inside(const struct model *m, unsigned f, u64 page)
{
	return inside(m, f, page) ? MIN(m->size[f] - (page << PAGE_SHIFT), PAGE_SIZE) : 0;
}

static unsigned parts_in(u64 bytes)
{
	return bytes >= PAGE_SIZE ? NR_PARTS : bytes ? 1 : 0;
}

/* Has a device a pin in [first, past)? Then these pages cannot lose their content. */
static bool pinned(const struct model *m, unsigned f, u64 first, u64 past)
{
	for (unsigned t = 0; t < EXPLORE_MAX_THREADS; t++)
		for (u64 p = first; p < past && p < EXPLORE_MAX_PAGES; p++)
			if (m->pins[t][f][p])
				return true;
	return false;
}

static void empty_pages(struct model *m, unsigned f, u64 first, u64 past)
{
	for (u64 p = first; p < past && p < EXPLORE_MAX_PAGES; p++)
		m->page[f][p] = (struct model_page){.hole = true};
}

/* What lies past the end in the page of the end. */
static void empty_tail(struct model *m, unsigned f)
{
	u64 page = m->size[f] >> PAGE_SHIFT;

	if (!(m->size[f] & PAGE_MASK) || page >= EXPLORE_MAX_PAGES)
		return;
	m->page[f][page].part[PART_BODY] = m->page[f][page].part[PART_TAIL] = 0;
}

static void drop_copies(struct model *m, u64 first)
{
	for (unsigned t = 0; t < EXPLORE_MAX_THREADS; t++)
		for (u64 p = first; p < EXPLORE_MAX_PAGES; p++)
			m->copy[t][p].hole = true;
}

static bool apply_zero(const struct event *e)
{
	struct model *m = e->m;
	u64 past = e->op->page + e->op->nr, *size = &m->size[e->op->file];

	if (e->r->ret)
		return e->r->ret == -ENOSPC && e->s->w->sc->full;
	if (e->nr == 0 && pinned(m, e->op->file, e->op->page, past))
		return false;
	if (e->nr == 0)
		for (u64 p = e->op->page; p < past; p++)
			m->page[e->op->file][p] = (struct model_page){
				.hole = false, .good = m->page[e->op->file][p].good == YES ? YES : MAYBE};
	if (e->nr == 1 && past << PAGE_SHIFT > *size)
		empty_tail(m, e->op->file);
	if (e->nr == 2)
		*size = MAX(*size, past << PAGE_SHIFT);
	return true;
}

/* The pages from page `from` on stand at page `to` afterwards; what is between them is a hole. */
static void move_pages(struct model *m, unsigned f, u64 from, u64 to)
{
	struct model_page *p = m->page[f];

	if (to < from) {
		memmove(&p[to], &p[from], (EXPLORE_MAX_PAGES - from) * sizeof(*p));
		empty_pages(m, f, EXPLORE_MAX_PAGES - (from - to), EXPLORE_MAX_PAGES);
	} else {
		memmove(&p[to], &p[from], (EXPLORE_MAX_PAGES - to) * sizeof(*p));
		empty_pages(m, f, from, to);
	}
}

static bool apply_collapse(const struct event *e)
{
	const struct script_op *op = e->op;
	u64 past = op->page + op->nr, *size = &e->m->size[op->file];

	if (e->r->ret)
		return e->r->ret == -EINVAL && (e->nr || past << PAGE_SHIFT >= *size);
	if (e->nr == 0)
		drop_copies(e->m, op->page);
	if (e->nr == 1 && pinned(e->m, op->file, op->page, EXPLORE_MAX_PAGES))
		return false;
	if (e->nr == 1)
		move_pages(e->m, op->file, past, op->page);
	if (e->nr == 2)
		*size -= op->nr << PAGE_SHIFT;
	return e->nr || past << PAGE_SHIFT < *size;
}

static bool apply_insert(const struct event *e)
{
	const struct script_op *op = e->op;
	u64 *size = &e->m->size[op->file];

	if (e->r->ret)
		return e->r->ret == -EINVAL && (e->nr || !inside(e->m, op->file, op->page));
	if (e->nr == 0 && !inside(e->m, op->file, op->page))
		return false;
	if (e->nr == 0)
		drop_copies(e->m, op->page);
	if (e->nr == 1)
		*size += op->nr << PAGE_SHIFT;
	if (e->nr == 2 && pinned(e->m, op->file, op->page, EXPLORE_MAX_PAGES))
		return false;
	if (e->nr == 2)
		move_pages(e->m, op->file, op->page, op->page + op->nr);
	return true;
}

static bool apply_truncate(const struct event *e)
{
	struct model *m = e->m;
	unsigned f = e->op->file;
	u64 size = op_new_size(e->op), first = DIV_ROUND_UP(size, PAGE_SIZE);

	if (e->nr == 0)
		m->buffer[e->thread].grows = size > m->size[f];
	if (m->buffer[e->thread].grows) {
		if (e->nr == 0)
			empty_tail(m, f);
		if (e->nr == 1)
			m->size[f] = size;
		return e->r->ret == 0;
	}
	if (e->nr == 0)
		drop_copies(m, first);
	if (e->nr == 1)
		m->size[f] = size;
	if (e->nr == 2)
		empty_tail(m, f);
	if (e->nr == 3 && pinned(m, f, first, EXPLORE_MAX_PAGES))
		return false;
	if (e->nr == 3)
		empty_pages(m, f, first, EXPLORE_MAX_PAGES);
	return e->r->ret == 0;
}

/* May an access through the shared mapping succeed; may it fail? */
static bool may_succeed(const struct event *e, unsigned f, u64 page, bool write)
{
	unsigned k = mapping_of(e, f);

	return e->m->mapped[k][f] != NO && (!write || e->m->writable[k][f] != NO) &&
		page_of(e->m, f, page)->good != NO &&
		(inside(e->m, f, page) || !page_of(e->m, f, page)->hole);
}

static bool may_fail(const struct event *e, unsigned f, u64 page, bool write)
{
	unsigned k = mapping_of(e, f);

	return !inside(e->m, f, page) || e->m->mapped[k][f] != YES || page_of(e->m, f, page)->good != YES ||
		(write &&
			(e->m->writable[k][f] != YES || (e->s->w->sc->full && page_of(e->m, f, page)->hole)));
}

static bool apply_access(const struct event *e)
{
	const struct script_op *op = e->op;
	struct model_page *p = page_of(e->m, op->file, op->page);
	bool write = op->kind == OP_STORE;

	if (e->r->ret)
		return may_fail(e, op->file, op->page, write);
	if (!may_succeed(e, op->file, op->page, write))
		return false;
	if (!write)
		return e->r->value == p->part[op_part(op)];
	p->part[op_part(op)] = op->value;
	p->hole = false;
	return true;
}

static bool apply_private(const struct event *e)
{
	const struct script_op *op = e->op;
	struct model_page *p = page_of(e->m, op->file, op->page);
	struct model_page *copy = &e->m->copy[space_of(e)][op->page % EXPLORE_MAX_PAGES];
	u8 mapped = e->m->mapped[mapping_of(e, op->file)][op->file];

	if (e->r->ret)
		return mapped != YES || (copy->hole && (!inside(e->m, op->file, op->page) || p->good != YES));
	if (mapped == NO || (copy->hole && p->good == NO) ||
		(copy->hole && p->hole && !inside(e->m, op->file, op->page)))
		return false;
	if (op->kind == OP_PRIVATE_LOAD)
		return e->r->value == (copy->hole ? p : copy)->part[op_part(op)];
	if (copy->hole)
		*copy = *p;
	copy->hole = false;
	copy->good = YES;
	copy->part[op_part(op)] = op->value;
	return true;
}

static bool apply_pin(const struct event *e)
{
	const struct script_op *op = e->op;

	if (e->r->ret)
		return may_fail(e, op->file, op->page, true);
	if (!may_succeed(e, op->file, op->page, true))
		return false;
	page_of(e->m, op->file, op->page)->hole = false;
	e->m->pins[e->thread][op->file][op->page]++;
	return true;
}

static bool apply_poison(const struct event *e)
{
	struct model_page *p = page_of(e->m, e->op->file, e->op->page);

	if (e->r->ret)
		return e->r->ret == -ENOENT && p->hole;
	if (e->nr || p->good == YES)
		p->good = e->nr ? NO : MAYBE;
	return true;
}

/* Through the pin, whatever has become of the mapping. */
static bool apply_device(const struct event *e)
{
	const struct script_op *op = e->op;
	u8 *pins = &e->m->pins[e->thread][op->file][op->page];

	if (!*pins)
		return e->r->ret == -ENOENT;
	if (op->kind == OP_UNPIN)
		--*pins;
	else
		page_of(e->m, op->file, op->page)->part[PART_HEAD] = op->value;
	return e->r->ret == 0;
}

static bool apply_read(const struct event *e)
{
	const struct model_page *p = page_of(e->m, e->op->file, e->op->page);
	u64 n = bytes_inside(e->m, e->op->file, e->op->page);

	if (e->r->ret == -EIO)
		return p->good != YES;
	if (n && p->good == NO)
		return false;
	for (unsigned k = 0; k < parts_in(n); k++)
		if (e->r->part[k] != p->part[k])
			return false;
	return e->r->ret == (i64)n;
}

/* The last events of a write: the old tail, the content, the size. */
static bool apply_write(const struct event *e, unsigned nr, const u64 part[NR_PARTS], u64 bytes)
{
	struct model_page *p = page_of(e->m, e->op->file, e->op->page);
	u64 pos = e->op->page << PAGE_SHIFT, *size = &e->m->size[e->op->file];

	if (e->r->ret < 0)
		return e->r->ret == -EIO ? p->good != YES : e->s->w->sc->full && p->hole;
	if (nr == 1 && p->good == NO)
		return false;
	if (nr == 0 && pos > *size)
		empty_tail(e->m, e->op->file);
	if (nr == 1) {
		memcpy(p->part, part, sizeof(p->part[0]) * parts_in(bytes));
		p->hole = false;
	}
	if (nr == 2)
		*size = MAX(*size, pos + bytes);
	return e->r->ret == (i64)bytes;
}

static bool apply_write_from(const struct event *e)
{
	const struct script_op *op = e->op;
	u64 *part = e->m->buffer[e->thread].part;

	if (e->nr != 1)
		return (e->r->ret == -EFAULT) || apply_write(e, e->nr - (e->nr > 0), part, PAGE_SIZE);
	if (e->r->ret == -EFAULT)
		return may_fail(e, op->other_file, op->other_page, false);
	memcpy(part, page_of(e->m, op->other_file, op->other_page)->part, sizeof(*part) * NR_PARTS);
	return may_succeed(e, op->other_file, op->other_page, false);
}

static bool apply_read_into(const struct event *e)
{
	const struct script_op *op = e->op;
	struct model_page *to = page_of(e->m, op->other_file, op->other_page);
	u64 *part = e->m->buffer[e->thread].part, *bytes = &e->m->buffer[e->thread].bytes;

	if (e->nr == 0) {
		*bytes = bytes_inside(e->m, op->file, op->page);
		memcpy(part, page_of(e->m, op->file, op->page)->part, sizeof(*part) * NR_PARTS);
		return e->r->ret < 0 || e->r->ret == (i64)*bytes;
	}
	if (e->r->ret < 0)
		return may_fail(e, op->other_file, op->other_page, true) ||
			page_of(e->m, op->file, op->page)->good != YES;
	if (!*bytes)
		return true;
	memcpy(to->part, part, sizeof(*part) * parts_in(*bytes));
	to->hole = false;
	return may_succeed(e, op->other_file, op->other_page, true);
}

/* Does the event agree with the operation's result? Then e->m is changed by it. */
static bool apply(const struct event *e)
{
	const struct script_op *op = e->op;
	u8 *mapped = &e->m->mapped[mapping_of(e, op->file)][op->file];
	u8 *writable = &e->m->writable[mapping_of(e, op->file)][op->file];
	u64 value[NR_PARTS] = {op->value, op->value, op->value};

	switch (op->kind) {
	case OP_LOAD:
	case OP_STORE:
		return apply_access(e);
	case OP_PRIVATE_LOAD:
	case OP_PRIVATE_STORE:
		return apply_private(e);
	case OP_PIN:
		return apply_pin(e);
	case OP_DMA:
	case OP_UNPIN:
		return apply_device(e);
	case OP_READ:
		return apply_read(e);
	case OP_READ_INTO:
		return apply_read_into(e);
	case OP_WRITE:
		return apply_write(e, e->nr, value, op_bytes(op));
	case OP_WRITE_FROM:
		return apply_write_from(e);
	case OP_TRUNCATE:
		return apply_truncate(e);
	case OP_PUNCH:
		if (pinned(e->m, op->file, op->page, op->page + op->nr))
			return false;
		empty_pages(e->m, op->file, op->page, op->page + op->nr);
		return e->r->ret == 0;
	case OP_ZERO:
		return apply_zero(e);
	case OP_COLLAPSE:
		return apply_collapse(e);
	case OP_INSERT:
		return apply_insert(e);
	case OP_POISON:
		return apply_poison(e);
	case OP_MMAP:
		*mapped = *writable = YES;
		return e->r->ret == 0;
	case OP_MUNMAP:
		*mapped = e->nr ? NO : MAYBE;
		return e->r->ret == 0;
	case OP_PROTECT_RO:
	case OP_PROTECT_RW:
		if (e->r->ret)
			return *mapped != YES;
		*writable = !e->nr ? MAYBE : op->kind == OP_PROTECT_RW ? YES : NO;
		return *mapped != NO;
	default:
		return true;
	}
}

/* Had every operation that returned before `begin` placed its events? */
static bool in_order(const struct search *s, unsigned self, unsigned begin)
{
	for (unsigned t = 0; t < s->w->sc->nr_threads; t++) {
		unsigned next = s->done[t];

		if (t != self && next < s->w->sc->threads[t].nr && s->w->threads[t].results[next].end < begin)
			return false;
	}
	return true;
}

static bool same_as_final(const struct search *s, const struct model *m)
{
	for (unsigned f = 0; f < s->w->sc->nr_files; f++) {
		if (m->size[f] != s->final.size[f])
			return false;
		for (u64 p = 0; inside(m, f, p) && p < EXPLORE_MAX_PAGES; p++) {
			const struct model_page *end = &s->final.page[f][p];

			if (end->good == NO ? m->page[f][p].good == YES : m->page[f][p].good == NO)
				return false;
			for (unsigned k = 0; end->good == YES && k < parts_in(bytes_inside(m, f, p)); k++)
				if (m->page[f][p].part[k] != end->part[k])
					return false;
		}
	}
	return true;
}

/* Can the rest be explained, after what led to *m (an element of s->models)? */
static bool explain(struct search *s, const struct model *m)
{
	const struct scenario *sc = s->w->sc;
	struct model *next = &s->models[m - s->models + 1];
	bool complete = true;

	for (unsigned t = 0; t < sc->nr_threads; t++) {
		unsigned i = s->done[t], nr = s->half[t];
		const struct script_op *op = &sc->threads[t].ops[i];
		const struct op_result *r = &s->w->threads[t].results[i];
		bool last, found;

		if (i == sc->threads[t].nr)
			continue;
		complete = false;
		if (!in_order(s, t, r->begin))
			continue;
		*next = *m;
		if (nr_events(op) && !apply(&(struct event){s, next, op, r, t, nr}))
			continue;
		last = nr + 1 >= nr_events(op);
		s->done[t] += last;
		s->half[t] = last ? 0 : nr + 1;
		found = explain(s, next);
		s->done[t] = i;
		s->half[t] = nr;
		if (found)
			return true;
	}
	return complete && same_as_final(s, m);
}

/* Nobody is in the way of a preparation: it returns what it should. */
static void prepare(struct search *s, struct model *m, unsigned t, const struct script_op *op)
{
	struct op_result r = {0};

	if (op->kind == OP_WRITE || op->kind == OP_WRITE_FROM)
		r.ret = (i64)op_bytes(op);
	else if (op->kind == OP_READ_INTO)
		r.ret = (i64)bytes_inside(m, op->file, op->page);
	for (unsigned nr = 0; nr < nr_events(op); nr++)
		apply(&(struct event){s, m, op, &r, t, nr});
}

static void initial_model(struct search *s, struct model *m)
{
	const struct scenario *sc = s->w->sc;

	memset(m, 0, sizeof(*m));
	for (unsigned t = 0; t < EXPLORE_MAX_THREADS; t++)
		for (u64 p = 0; p < EXPLORE_MAX_PAGES; p++)
			m->copy[t][p].hole = true;
	for (unsigned f = 0; f < sc->nr_files; f++) {
		m->size[f] = sc->files[f].pages << PAGE_SHIFT;
		for (u64 p = 0; p < EXPLORE_MAX_PAGES; p++) {
			bool hole = sc->files[f].hole || p >= sc->files[f].pages;
			u64 v = hole ? 0 : scenario_initial_value(f, p);

			m->page[f][p] = (struct model_page){{v, v, v}, hole, YES};
		}
		for (unsigned t = 0; t < sc->nr_threads; t++)
			if (scenario_maps_itself(sc, t, f))
				m->mapped[t][f] = NO;
	}
	for (unsigned t = 0; t < sc->nr_threads; t++)
		for (unsigned i = 0; i < sc->nr_prepare; i++)
			if (sc->prepare[i].thread == t)
				prepare(s, m, t, &sc->prepare[i].op);
}

/* Reads what the files hold now. A page whose words between the first and the last differ agrees with nothing. */
static bool read_final(struct search *s, struct violation *v)
{
	struct explore_world *w = s->w;
	u64 *buf = w->threads[0].page;

	for (unsigned f = 0; f < w->sc->nr_files; f++) {
		s->final.size[f] = inode_size(w->inodes[f]);
		for (u64 p = 0; inside(&s->final, f, p) && p < EXPLORE_MAX_PAGES; p++) {
			u64 want = bytes_inside(&s->final, f, p);
			ssize_t n = vfs_kread(w->inodes[f], buf, PAGE_SIZE, p << PAGE_SHIFT);
			bool mixed = false;

			s->final.page[f][p] = (struct model_page){.good = n == -EIO ? NO : YES};
			if (n == -EIO)
				continue; /* bad, or else no order of events will explain it */
			for (unsigned k = 2; k < PART_WORD(PART_TAIL) && want == PAGE_SIZE; k++)
				mixed |= buf[k] != buf[1];
			for (unsigned k = 0; k < parts_in(want); k++)
				s->final.page[f][p].part[k] = buf[PART_WORD(k)];
			if (n == (ssize_t)want && !mixed)
				continue;
			v->oracle = "values";
			fmt_snprintf(v->text, sizeof(v->text),
				"values: page %lu of %s is torn or cannot be read (%ld)", (unsigned long)p,
				w->sc->files[f].name, (long)n);
			return false;
		}
	}
	return true;
}

static size_t page_text(const struct search *s, unsigned f, u64 p, char *buf, size_t size)
{
	const u64 *part = s->final.page[f][p].part;
	size_t n;

	if (s->final.page[f][p].good == NO)
		return (size_t)fmt_snprintf(buf, size, " a bad page");
	n = (size_t)fmt_snprintf(buf, size, " %lu", (unsigned long)part[PART_HEAD]);
	if (bytes_inside(&s->final, f, p) < PAGE_SIZE)
		n += (size_t)fmt_snprintf(buf + n, size - MIN(n, size), " (8 bytes)");
	else if (part[PART_BODY] != part[PART_TAIL])
		n += (size_t)fmt_snprintf(buf + n, size - MIN(n, size), " (then %lu, last %lu)",
			(unsigned long)part[PART_BODY], (unsigned long)part[PART_TAIL]);
	else if (part[PART_BODY] != part[PART_HEAD])
		n += (size_t)fmt_snprintf(
			buf + n, size - MIN(n, size), " (then %lu)", (unsigned long)part[PART_BODY]);
	return n;
}

static void final_text(const struct search *s, char *buf, size_t size)
{
	size_t n = 0;

	for (unsigned f = 0; f < s->w->sc->nr_files && n < size; f++) {
		n += (size_t)fmt_snprintf(
			buf + n, size - n, "%s%s holds", f ? ", " : "", s->w->sc->files[f].name);
		if (n < size && !s->final.size[f])
			n += (size_t)fmt_snprintf(buf + n, size - n, " nothing");
		for (u64 p = 0; inside(&s->final, f, p) && p < EXPLORE_MAX_PAGES && n + 48 < size; p++)
			n += page_text(s, f, p, buf + n, size - n);
	}
}

static struct search *new_search(struct explore_world *w)
{
	struct search *s = w->history;

	s->w = w;
	memset(s->done, 0, sizeof(s->done));
	memset(s->half, 0, sizeof(s->half));
	return s;
}

size_t history_size(void)
{
	return sizeof(struct search);
}

void history_check(struct explore_world *w, struct violation *v)
{
	struct search *s = new_search(w);
	char text[160];

	if (!read_final(s, v))
		return;
	initial_model(s, &s->models[0]);
	if (explain(s, &s->models[0]))
		return;
	final_text(s, text, sizeof(text));
	v->oracle = "values";
	fmt_snprintf(v->text, sizeof(v->text),
		"values: no order of the operations explains the results and the end: %s", text);
}

static u64 mix(u64 hash, u64 v)
{
	hash = (hash ^ v) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

u64 history_hash(struct explore_world *w)
{
	struct search *s = w->history;
	u64 hash = 1;

	for (unsigned f = 0; f < w->sc->nr_files; f++) {
		hash = mix(hash, s->final.size[f]);
		for (u64 p = 0; inside(&s->final, f, p) && p < EXPLORE_MAX_PAGES; p++)
			for (unsigned k = 0; k < parts_in(bytes_inside(&s->final, f, p)); k++)
				hash = mix(hash, s->final.page[f][p].part[k]);
	}
	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		for (unsigned i = 0; i < w->sc->threads[t].nr; i++) {
			const struct op_result *r = &w->threads[t].results[i];

			hash = mix(mix(hash, (u64)r->ret), r->value);
			for (unsigned k = 0; r->ret > 0 && k < parts_in((u64)r->ret); k++)
				hash = mix(hash, r->part[k]);
		}
	return hash;
}

void history_final_text(struct explore_world *w, char *buf, size_t size)
{
	struct search *s = new_search(w);
	struct violation v = {0};

	if (read_final(s, &v))
		final_text(s, buf, size);
	else
		str_copy(buf, v.text, size);
}
