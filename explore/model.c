/* SPDX-License-Identifier: MIT */
/*
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
 */
#include "explore/model.h"
#include "lib/errno.h"

unsigned model_nr_events(const struct script_op *op)
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
		return MODEL_MAX_EVENTS;
	default:
		return 1;
	}
}

static unsigned space_of(const struct model_event *e)
{
	return e->sc->together ? 0 : e->thread;
}

/* Whose mapping of f it is that e's thread uses. */
static unsigned mapping_of(const struct model_event *e, unsigned f)
{
	const struct scenario *sc = e->sc;

	return sc->together && !scenario_maps_itself(sc, e->thread, f) ? COMMON : e->thread;
}

static struct model_page *page_of(struct model *m, unsigned f, u64 page)
{
	return &m->page[f][page < EXPLORE_MAX_PAGES ? page : 0];
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

static bool apply_zero(const struct model_event *e)
{
	struct model *m = e->m;
	u64 past = e->op->page + e->op->nr, *size = &m->size[e->op->file];

	if (e->r->ret)
		return e->r->ret == -ENOSPC && e->sc->full;
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

static bool apply_collapse(const struct model_event *e)
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

static bool apply_insert(const struct model_event *e)
{
	const struct script_op *op = e->op;
	u64 *size = &e->m->size[op->file];

	if (e->r->ret)
		return e->r->ret == -EINVAL && (e->nr || !model_inside(e->m, op->file, op->page));
	if (e->nr == 0 && !model_inside(e->m, op->file, op->page))
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

static bool apply_truncate(const struct model_event *e)
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
static bool may_succeed(const struct model_event *e, unsigned f, u64 page, bool write)
{
	unsigned k = mapping_of(e, f);

	return e->m->mapped[k][f] != NO && (!write || e->m->writable[k][f] != NO) &&
		page_of(e->m, f, page)->good != NO &&
		(model_inside(e->m, f, page) || !page_of(e->m, f, page)->hole);
}

static bool may_fail(const struct model_event *e, unsigned f, u64 page, bool write)
{
	unsigned k = mapping_of(e, f);

	return !model_inside(e->m, f, page) || e->m->mapped[k][f] != YES ||
		page_of(e->m, f, page)->good != YES ||
		(write && (e->m->writable[k][f] != YES || (e->sc->full && page_of(e->m, f, page)->hole)));
}

static bool apply_access(const struct model_event *e)
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

static bool apply_private(const struct model_event *e)
{
	const struct script_op *op = e->op;
	struct model_page *p = page_of(e->m, op->file, op->page);
	struct model_page *copy = &e->m->copy[space_of(e)][op->page % EXPLORE_MAX_PAGES];
	u8 mapped = e->m->mapped[mapping_of(e, op->file)][op->file];

	if (e->r->ret)
		return mapped != YES ||
			(copy->hole && (!model_inside(e->m, op->file, op->page) || p->good != YES));
	if (mapped == NO || (copy->hole && p->good == NO) ||
		(copy->hole && p->hole && !model_inside(e->m, op->file, op->page)))
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

static bool apply_pin(const struct model_event *e)
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

static bool apply_poison(const struct model_event *e)
{
	struct model_page *p = page_of(e->m, e->op->file, e->op->page);

	if (e->r->ret)
		return e->r->ret == -ENOENT && p->hole;
	if (e->nr || p->good == YES)
		p->good = e->nr ? NO : MAYBE;
	return true;
}

/* Through the pin, whatever has become of the mapping. */
static bool apply_device(const struct model_event *e)
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

static bool apply_read(const struct model_event *e)
{
	const struct model_page *p = page_of(e->m, e->op->file, e->op->page);
	u64 n = model_bytes_inside(e->m, e->op->file, e->op->page);

	if (e->r->ret == -EIO)
		return p->good != YES;
	if (n && p->good == NO)
		return false;
	for (unsigned k = 0; k < model_parts_in(n); k++)
		if (e->r->part[k] != p->part[k])
			return false;
	return e->r->ret == (i64)n;
}

/* The last events of a write: the old tail, the content, the size. */
static bool apply_write(const struct model_event *e, unsigned nr, const u64 part[NR_PARTS], u64 bytes)
{
	struct model_page *p = page_of(e->m, e->op->file, e->op->page);
	u64 pos = e->op->page << PAGE_SHIFT, *size = &e->m->size[e->op->file];

	if (e->r->ret < 0)
		return e->r->ret == -EIO ? p->good != YES : e->sc->full && p->hole;
	if (nr == 1 && p->good == NO)
		return false;
	if (nr == 0 && pos > *size)
		empty_tail(e->m, e->op->file);
	if (nr == 1) {
		memcpy(p->part, part, sizeof(p->part[0]) * model_parts_in(bytes));
		p->hole = false;
	}
	if (nr == 2)
		*size = MAX(*size, pos + bytes);
	return e->r->ret == (i64)bytes;
}

static bool apply_write_from(const struct model_event *e)
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

static bool apply_read_into(const struct model_event *e)
{
	const struct script_op *op = e->op;
	struct model_page *to = page_of(e->m, op->other_file, op->other_page);
	u64 *part = e->m->buffer[e->thread].part, *bytes = &e->m->buffer[e->thread].bytes;

	if (e->nr == 0) {
		*bytes = model_bytes_inside(e->m, op->file, op->page);
		memcpy(part, page_of(e->m, op->file, op->page)->part, sizeof(*part) * NR_PARTS);
		return e->r->ret < 0 || e->r->ret == (i64)*bytes;
	}
	if (e->r->ret < 0)
		return may_fail(e, op->other_file, op->other_page, true) ||
			page_of(e->m, op->file, op->page)->good != YES;
	if (!*bytes)
		return true;
	memcpy(to->part, part, sizeof(*part) * model_parts_in(*bytes));
	to->hole = false;
	return may_succeed(e, op->other_file, op->other_page, true);
}

bool model_apply(const struct model_event *e)
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

/* Nobody is in the way of a preparation: it returns what it should. */
static void prepare(const struct scenario *sc, struct model *m, unsigned t, const struct script_op *op)
{
	struct op_result r = {0};

	if (op->kind == OP_WRITE || op->kind == OP_WRITE_FROM)
		r.ret = (i64)op_bytes(op);
	else if (op->kind == OP_READ_INTO)
		r.ret = (i64)model_bytes_inside(m, op->file, op->page);
	for (unsigned nr = 0; nr < model_nr_events(op); nr++)
		model_apply(&(struct model_event){sc, m, op, &r, t, nr});
}

void model_start(const struct scenario *sc, struct model *m)
{
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
				prepare(sc, m, t, &sc->prepare[i].op);
}
