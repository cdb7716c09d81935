/* SPDX-License-Identifier: MIT */
/* See crash_model.h. Lines in doubt are kept in a list in the order in which they came, found by an index over the region's lines. */
#include "host/crash_model.h"
#include "lib/string.h"

#include <stdlib.h>

#define LINE 64u
#define UNITS (LINE / 8)

struct store {
	u64 value;
	u8 unit;
	bool past_cache;
};

struct line {
	u64 nr;
	u32 count, room, flushed; /* stores; of the first `flushed` a flush has seen the ordinary ones */
	struct store *stores;
};

struct crash_model {
	const u64 *region;
	u64 *durable, *seen; /* what is certain; what the region held after the last event */
	u64 size;
	u32 *index; /* by line: 1 + its place in lines[]; 0: certain */
	struct line *lines;
	u32 nr_lines, room;
};

static void *need(void *p)
{
	if (!p)
		abort();
	return p;
}

struct crash_model *crash_model_create(const void *region, u64 n)
{
	struct crash_model *m = need(calloc(1, sizeof(*m)));

	m->region = region;
	m->size = n;
	m->durable = need(malloc(n));
	m->seen = need(malloc(n));
	memcpy(m->durable, region, n);
	memcpy(m->seen, region, n);
	m->index = need(calloc(n / LINE, sizeof(*m->index)));
	return m;
}

void crash_model_destroy(struct crash_model *m)
{
	for (u32 k = 0; k < m->nr_lines; k++)
		free(m->lines[k].stores);
	free(m->lines);
	free(m->index);
	free(m->durable);
	free(m->seen);
	free(m);
}

static struct line *line_of(struct crash_model *m, u64 nr)
{
	if (!m->index[nr]) {
		if (m->nr_lines == m->room) {
			m->room = m->room ? 2 * m->room : 64;
			m->lines = need(realloc(m->lines, m->room * sizeof(*m->lines)));
		}
		m->lines[m->nr_lines] = (struct line){.nr = nr};
		m->index[nr] = ++m->nr_lines;
	}
	return &m->lines[m->index[nr] - 1];
}

static void add_store(struct crash_model *m, u64 word, bool past_cache)
{
	struct line *l;

	if (m->region[word] == m->seen[word])
		return;
	m->seen[word] = m->region[word];
	l = line_of(m, word / UNITS);
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : UNITS;
		l->stores = need(realloc(l->stores, l->room * sizeof(*l->stores)));
	}
	l->stores[l->count++] =
		(struct store){.value = m->region[word], .unit = word % UNITS, .past_cache = past_cache};
}

/* What is certain now goes into `durable`; what is left of the line stays. */
static void settle(struct crash_model *m, struct line *l)
{
	u64 *to = m->durable + l->nr * UNITS;
	u32 left = 0;

	for (u32 k = 0; k < l->count; k++) {
		if (l->stores[k].past_cache || k < l->flushed)
			to[l->stores[k].unit] = l->stores[k].value;
		else
			l->stores[left++] = l->stores[k];
	}
	l->count = left;
	l->flushed = 0;
}

static void fence(struct crash_model *m)
{
	u32 left = 0;

	for (u32 k = 0; k < m->nr_lines; k++) {
		struct line *l = &m->lines[k];

		settle(m, l);
		m->index[l->nr] = 0;
		if (l->count) {
			m->lines[left++] = *l;
			m->index[l->nr] = left;
		} else {
			free(l->stores);
		}
	}
	m->nr_lines = left;
}

void crash_model_event(struct crash_model *m, enum pmem_sim_event what, const void *p, u64 n)
{
	u64 from = (u64)((const char *)p - (const char *)m->region);

	if (what == PMEM_SIM_FENCE) {
		fence(m);
		return;
	}
	if (!n || from >= m->size)
		return;
	for (u64 word = from / 8; what != PMEM_SIM_FLUSH && word <= (from + n - 1) / 8; word++)
		add_store(m, word, what == PMEM_SIM_NT_STORE);
	for (u64 nr = from / LINE; what == PMEM_SIM_FLUSH && nr <= (from + n - 1) / LINE; nr++)
		if (m->index[nr])
			m->lines[m->index[nr] - 1].flushed = m->lines[m->index[nr] - 1].count;
}

u64 crash_model_doubt(const struct crash_model *m)
{
	return m->nr_lines;
}

static u64 next_random(u64 *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* Stores of one line, of the ordinary ones the first `keep`. */
static u64 apply(const struct line *l, u32 keep, bool all, u64 *seed, u64 *image)
{
	u64 hash = 0;

	for (u32 k = 0; k < l->count; k++) {
		const struct store *s = &l->stores[k];

		if (!all && (s->past_cache ? next_random(seed) & 1 : k >= keep))
			continue;
		if (image)
			image[l->nr * UNITS + s->unit] = s->value;
		hash = (hash ^ (l->nr * UNITS + s->unit) ^ s->value) * 0x9e3779b97f4a7c15ull + k;
	}
	return hash;
}

u64 crash_model_image(struct crash_model *m, enum crash_choice how, u64 *seed, void *image)
{
	u32 one = m->nr_lines ? (u32)(next_random(seed) % m->nr_lines) : 0;
	u64 hash = 0;

	if (image)
		memcpy(image, m->durable, m->size);
	for (u32 k = 0; k < m->nr_lines; k++) {
		const struct line *l = &m->lines[k];
		bool all = how == CRASH_ALL || (how == CRASH_ONE && k == one) ||
			(how == CRASH_BUT_ONE && k != one);

		if (all || how == CRASH_RANDOM)
			hash ^= apply(l, (u32)(next_random(seed) % (l->count + 1)), all, seed, image);
	}
	return hash;
}
