/* SPDX-License-Identifier: MIT */
/*
 * Values: is there an order of atomic events, each between its operation's call and return, that explains what every operation
 * returned and what the files hold in the end?
 *
 * Events of an operation, in this order:
 *	load, store   the access. Succeeds while the page is inside the file or not yet removed; SIGBUS when it is past the end
 *	read, write   one page
 *	truncate      i_size changes; then (shrinking) the pages past it lose their content
 *	punch         the pages lose their content
 *	fsync, mmap   none
 * On a full device ("full") a store or write that needs a block may fail.
 *
 * The search is depth-first over at most a dozen events.
 */
#include "explore/world.h"
#include "lib/errno.h"
#include "lib/fmt.h"

struct model_page {
	u64 word, rest; /* first word; all others */
	bool hole;
};

struct model {
	u64 pages[EXPLORE_MAX_FILES];                                 /* i_size in pages */
	struct model_page page[EXPLORE_MAX_FILES][EXPLORE_MAX_PAGES]; /* past the end: empty once removed */
};

struct search {
	struct explore_world *w;
	struct model final;
	unsigned done[EXPLORE_MAX_THREADS]; /* operations whose events are all placed */
	unsigned half[EXPLORE_MAX_THREADS]; /* events placed of the next one */
};

static unsigned nr_events(const struct script_op *op)
{
	switch (op->kind) {
	case OP_FSYNC:
	case OP_MMAP:
		return 0;
	case OP_TRUNCATE:
		return 2;
	default:
		return 1;
	}
}

static void empty_pages(struct model *m, unsigned f, u64 first, u64 past)
{
	for (u64 p = first; p < past && p < EXPLORE_MAX_PAGES; p++)
		m->page[f][p] = (struct model_page){.hole = true};
}

static bool apply_truncate(
	struct model *m, const struct script_op *op, const struct op_result *r, unsigned event)
{
	if (r->ret)
		return false;
	if (event == 0)
		m->pages[op->file] = op->page;
	else
		empty_pages(m, op->file, m->pages[op->file], EXPLORE_MAX_PAGES);
	return true;
}

/* Does the event agree with the operation's result? Then m is changed by it. */
static bool apply(struct search *s, struct model *m, const struct script_op *op, const struct op_result *r,
	unsigned event)
{
	struct model_page *p = &m->page[op->file][op->page < EXPLORE_MAX_PAGES ? op->page : 0];
	bool inside = op->page < m->pages[op->file];
	bool no_block = s->w->sc->full && p->hole;

	switch (op->kind) {
	case OP_LOAD:
		return r->ret ? !inside : (inside || !p->hole) && r->value == p->word;
	case OP_STORE:
		if (r->ret)
			return !inside || no_block;
		if (!inside && p->hole)
			return false;
		p->word = op->value;
		p->hole = false;
		return true;
	case OP_READ:
		if (!inside)
			return r->ret == 0;
		return r->ret == (i64)PAGE_SIZE && r->value == p->word && r->rest == p->rest;
	case OP_WRITE:
		if (r->ret < 0)
			return no_block;
		*p = (struct model_page){.word = op->value, .rest = op->value};
		if (!inside)
			m->pages[op->file] = op->page + 1;
		return r->ret == (i64)PAGE_SIZE;
	case OP_TRUNCATE:
		return apply_truncate(m, op, r, event);
	case OP_PUNCH:
		empty_pages(m, op->file, op->page, op->page + op->nr);
		return r->ret == 0;
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
		if (m->pages[f] != s->final.pages[f])
			return false;
		for (u64 p = 0; p < m->pages[f]; p++)
			if (m->page[f][p].word != s->final.page[f][p].word ||
				m->page[f][p].rest != s->final.page[f][p].rest)
				return false;
	}
	return true;
}

static bool explain(struct search *s, const struct model *m)
{
	const struct scenario *sc = s->w->sc;
	bool complete = true;

	for (unsigned t = 0; t < sc->nr_threads; t++) {
		unsigned i = s->done[t], event = s->half[t];
		const struct script_op *op = &sc->threads[t].ops[i];
		const struct op_result *r = &s->w->threads[t].results[i];
		struct model next = *m;
		bool last, found;

		if (i == sc->threads[t].nr)
			continue;
		complete = false;
		if (!in_order(s, t, r->begin))
			continue;
		if (nr_events(op) && !apply(s, &next, op, r, event))
			continue;
		last = event + 1 >= nr_events(op);
		s->done[t] += last;
		s->half[t] = last ? 0 : event + 1;
		found = explain(s, &next);
		s->done[t] = i;
		s->half[t] = event;
		if (found)
			return true;
	}
	return complete && same_as_final(s, m);
}

static void initial_model(struct search *s, struct model *m)
{
	const struct scenario *sc = s->w->sc;

	memset(m, 0, sizeof(*m));
	for (unsigned f = 0; f < sc->nr_files; f++) {
		m->pages[f] = sc->files[f].pages;
		for (u64 p = 0; p < EXPLORE_MAX_PAGES; p++) {
			u64 v = scenario_initial_value(f, p);
			bool hole = sc->files[f].hole || p >= m->pages[f];

			m->page[f][p] = (struct model_page){hole ? 0 : v, hole ? 0 : v, hole};
		}
	}
	/* Preparations are alone: they return what they should. */
	for (unsigned i = 0; i < sc->nr_prepare; i++) {
		const struct script_op *op = &sc->prepare[i].op;
		struct model_page *p = &m->page[op->file][op->page];

		if (op->kind == OP_STORE || op->kind == OP_WRITE) {
			p->word = op->value;
			p->rest = op->kind == OP_WRITE ? op->value : p->rest;
			p->hole = false;
			m->pages[op->file] = MAX(m->pages[op->file], op->page + (op->kind == OP_WRITE));
		} else if (op->kind == OP_TRUNCATE) {
			m->pages[op->file] = op->page;
			empty_pages(m, op->file, op->page, EXPLORE_MAX_PAGES);
		} else if (op->kind == OP_PUNCH) {
			empty_pages(m, op->file, op->page, op->page + op->nr);
		}
	}
}

/* Reads what the files hold now. A page whose words past the first differ among themselves agrees with nothing. */
static bool read_final(struct search *s, struct violation *v)
{
	struct explore_world *w = s->w;
	u64 *buf = w->threads[0].page;

	for (unsigned f = 0; f < w->sc->nr_files; f++) {
		s->final.pages[f] = DIV_ROUND_UP(inode_size(w->inodes[f]), PAGE_SIZE);
		for (u64 p = 0; p < s->final.pages[f] && p < EXPLORE_MAX_PAGES; p++) {
			ssize_t n = vfs_kread(w->inodes[f], buf, PAGE_SIZE, p << PAGE_SHIFT);
			bool mixed = false;

			for (unsigned k = 2; k < PAGE_SIZE / sizeof(u64); k++)
				mixed |= buf[k] != buf[1];
			s->final.page[f][p] = (struct model_page){buf[0], buf[1], false};
			if (n == (ssize_t)PAGE_SIZE && !mixed)
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

static void final_text(const struct search *s, char *buf, size_t size)
{
	size_t n = 0;

	for (unsigned f = 0; f < s->w->sc->nr_files && n < size; f++) {
		n += (size_t)fmt_snprintf(
			buf + n, size - n, "%s%s holds", f ? ", " : "", s->w->sc->files[f].name);
		if (n < size && !s->final.pages[f])
			n += (size_t)fmt_snprintf(buf + n, size - n, " nothing");
		for (u64 p = 0; p < s->final.pages[f] && n < size; p++) {
			const struct model_page *mp = &s->final.page[f][p];

			n += (size_t)fmt_snprintf(buf + n, size - n,
				mp->word == mp->rest ? " %lu" : " %lu (then %lu)", (unsigned long)mp->word,
				(unsigned long)mp->rest);
		}
	}
}

void history_check(struct explore_world *w, struct violation *v)
{
	struct search s = {.w = w};
	struct model start;
	char text[160];

	if (!read_final(&s, v))
		return;
	initial_model(&s, &start);
	if (explain(&s, &start))
		return;
	final_text(&s, text, sizeof(text));
	v->oracle = "values";
	fmt_snprintf(v->text, sizeof(v->text),
		"values: no order of the operations explains the results and the end: %s", text);
}

void history_final_text(struct explore_world *w, char *buf, size_t size)
{
	struct search s = {.w = w};
	struct violation v = {0};

	if (read_final(&s, &v))
		final_text(&s, buf, size);
	else
		str_copy(buf, v.text, size);
}
