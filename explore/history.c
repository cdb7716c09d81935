/* SPDX-License-Identifier: MIT */
/*
 * Values: is there an order of atomic events (model.c), each between its operation's call and return, that explains what every operation
 * returned and what the files hold in the end? The search is depth-first over at most two dozen events.
 */
#include "explore/model.h"
#include "lib/errno.h"
#include "lib/fmt.h"

#define MAX_DEPTH (EXPLORE_MAX_THREADS * EXPLORE_MAX_OPS * MODEL_MAX_EVENTS)

/* Too large for a kernel stack: w->history. */
struct search {
	struct explore_world *w;
	struct model final;
	struct model models[MAX_DEPTH + 1]; /* by number of events placed */
	unsigned done[EXPLORE_MAX_THREADS]; /* operations whose events are all placed */
	unsigned half[EXPLORE_MAX_THREADS]; /* events placed of the next one */
};

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
		for (u64 p = 0; model_inside(m, f, p) && p < EXPLORE_MAX_PAGES; p++) {
			const struct model_page *end = &s->final.page[f][p];

			if (end->good == NO ? m->page[f][p].good == YES : m->page[f][p].good == NO)
				return false;
			for (unsigned k = 0;
				end->good == YES && k < model_parts_in(model_bytes_inside(m, f, p)); k++)
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
		if (model_nr_events(op) && !model_apply(&(struct model_event){sc, next, op, r, t, nr}))
			continue;
		last = nr + 1 >= model_nr_events(op);
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

/* Reads what the files hold now. A page whose words between the first and the last differ agrees with nothing. */
static bool read_final(struct search *s, struct violation *v)
{
	struct explore_world *w = s->w;
	u64 *buf = w->threads[0].page;

	for (unsigned f = 0; f < w->sc->nr_files; f++) {
		s->final.size[f] = inode_size(w->inodes[f]);
		for (u64 p = 0; model_inside(&s->final, f, p) && p < EXPLORE_MAX_PAGES; p++) {
			u64 want = model_bytes_inside(&s->final, f, p);
			ssize_t n = vfs_kread(w->inodes[f], buf, PAGE_SIZE, p << PAGE_SHIFT);
			bool mixed = false;

			s->final.page[f][p] = (struct model_page){.good = n == -EIO ? NO : YES};
			if (n == -EIO)
				continue; /* bad, or else no order of events will explain it */
			for (unsigned k = 2; k < PART_WORD(PART_TAIL) && want == PAGE_SIZE; k++)
				mixed |= buf[k] != buf[1];
			for (unsigned k = 0; k < model_parts_in(want); k++)
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
	if (model_bytes_inside(&s->final, f, p) < PAGE_SIZE)
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
		for (u64 p = 0; model_inside(&s->final, f, p) && p < EXPLORE_MAX_PAGES && n + 48 < size; p++)
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
	model_start(w->sc, &s->models[0]);
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
		for (u64 p = 0; model_inside(&s->final, f, p) && p < EXPLORE_MAX_PAGES; p++)
			for (unsigned k = 0; k < model_parts_in(model_bytes_inside(&s->final, f, p)); k++)
				hash = mix(hash, s->final.page[f][p].part[k]);
	}
	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		for (unsigned i = 0; i < w->sc->threads[t].nr; i++) {
			const struct op_result *r = &w->threads[t].results[i];

			hash = mix(mix(hash, (u64)r->ret), r->value);
			for (unsigned k = 0; r->ret > 0 && k < model_parts_in((u64)r->ret); k++)
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
