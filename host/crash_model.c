/* SPDX-License-Identifier: MIT */
/* See crash_model.h. Lines in doubt are kept in a list in the order in which they came, found by an index over the region's lines. */
#include "host/crash_model.h"
#include "lib/string.h"

#include <stdlib.h>

#define LINE 64u
#define UNITS (LINE / 8)
#define PAGE_UNITS (PAGE_SIZE / 8)
#define OPTIONS_MAX (1u << 16) /* of one line, when they are counted */

struct store {
	u64 value;
	u8 unit, cpu;
	bool past_cache;
};

struct line {
	u64 nr;
	u32 count, room;         /* stores, oldest first */
	u32 ordinary;            /* of them through the cache */
	u32 flushed[CRASH_CPUS]; /* a flush of that CPU has seen the first so many */
	struct store *stores;
};

struct crash_model {
	const u64 *region;
	u64 *durable, *seen; /* what is certain; what the region held after the last event */
	u64 size, hash;      /* hash: of durable */
	u32 *index;          /* by line: 1 + its place in lines[]; 0: certain */
	struct line *lines;
	u32 nr_lines, room;
	u32 *changed, nr_changed; /* pages of durable */
	bool *page_changed;
	/* one state under construction */
	u32 *options; /* by line */
	struct crash_word *words;
	u32 words_room;
};

static void *need(void *p)
{
	if (!p)
		abort();
	return p;
}

/* A unit's share of the hash; the shares of all units are combined by exclusive or. Zeros have none. */
static u64 hash_word(u64 at, u64 value)
{
	u64 h = value ? (value ^ at * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull : 0;

	h = (h ^ h >> 29) * 0x94d049bb133111ebull;
	return h ^ h >> 32;
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
	for (u64 at = 0; at < n / 8; at++)
		if (m->durable[at])
			m->hash ^= hash_word(at, m->durable[at]);
	m->index = need(calloc(n / LINE, sizeof(*m->index)));
	m->changed = need(calloc(n / PAGE_SIZE, sizeof(*m->changed)));
	m->page_changed = need(calloc(n / PAGE_SIZE, sizeof(*m->page_changed)));
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
	free(m->changed);
	free(m->page_changed);
	free(m->options);
	free(m->words);
	free(m);
}

const u64 *crash_model_durable(const struct crash_model *m)
{
	return m->durable;
}

u64 crash_model_hash(const struct crash_model *m)
{
	return m->hash;
}

u32 crash_model_changed(const struct crash_model *m, const u32 **pages)
{
	*pages = m->changed;
	return m->nr_changed;
}

void crash_model_rebase(struct crash_model *m)
{
	while (m->nr_changed)
		m->page_changed[m->changed[--m->nr_changed]] = false;
}

/* --- events --- */

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

static void add_store(struct crash_model *m, unsigned cpu, u64 word, bool past_cache)
{
	struct line *l;

	/* What is stored anew past the cache takes a line that is still in one with it. */
	if (m->region[word] == m->seen[word] && !(past_cache && m->index[word / UNITS]))
		return;
	m->seen[word] = m->region[word];
	l = line_of(m, word / UNITS);
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : UNITS;
		l->stores = need(realloc(l->stores, l->room * sizeof(*l->stores)));
	}
	if (past_cache)
		l->flushed[cpu] = l->count;
	else
		l->ordinary++;
	l->stores[l->count++] = (struct store){
		.value = m->region[word], .unit = word % UNITS, .cpu = (u8)cpu, .past_cache = past_cache};
}

static void make_certain(struct crash_model *m, u64 at, u64 value)
{
	u32 page = (u32)(at / PAGE_UNITS);

	if (m->durable[at] == value)
		return;
	m->hash ^= hash_word(at, m->durable[at]) ^ hash_word(at, value);
	m->durable[at] = value;
	if (!m->page_changed[page]) {
		m->page_changed[page] = true;
		m->changed[m->nr_changed++] = page;
	}
}

/* Of a line: ordinary stores before the first `flushed`, and what `cpu` stored past the cache, are certain. What is left of it stays, but for
 * what is older than a certain store to the same unit. */
static void settle(struct crash_model *m, struct line *l, unsigned cpu, u32 flushed, bool past_cache)
{
	u32 left = 0, last[UNITS] = {0}; /* 1 + the newest certain store to a unit */
	u32 kept_before[CRASH_CPUS] = {0};

	for (u32 k = 0; k < l->count; k++) {
		const struct store *s = &l->stores[k];

		if (s->past_cache ? past_cache && s->cpu == cpu : k < flushed) {
			make_certain(m, l->nr * UNITS + s->unit, s->value);
			last[s->unit] = k + 1;
		}
	}
	l->ordinary = 0;
	for (u32 k = 0; k < l->count; k++) {
		struct store s = l->stores[k];
		bool stays = k >= last[s.unit] && !(s.past_cache ? past_cache && s.cpu == cpu : k < flushed);

		for (unsigned c = 0; c < CRASH_CPUS; c++)
			kept_before[c] += stays && k < l->flushed[c];
		if (stays) {
			l->ordinary += !s.past_cache;
			l->stores[left++] = s;
		}
	}
	l->count = left;
	memcpy(l->flushed, kept_before, sizeof(kept_before));
}

static void drop_certain_lines(struct crash_model *m)
{
	u32 left = 0;

	for (u32 k = 0; k < m->nr_lines; k++) {
		struct line *l = &m->lines[k];

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

static void flush(struct crash_model *m, unsigned cpu, u64 nr, bool at_once)
{
	struct line *l;

	if (!m->index[nr])
		return;
	l = &m->lines[m->index[nr] - 1];
	if (at_once)
		settle(m, l, cpu, l->count, false);
	else
		l->flushed[cpu] = l->count;
}

void crash_model_event(struct crash_model *m, unsigned cpu, enum pmem_sim_event what, const void *p, u64 n)
{
	u64 from = (u64)((const char *)p - (const char *)m->region), end;

	if (what == PMEM_SIM_FENCE) {
		for (u32 k = 0; k < m->nr_lines; k++)
			settle(m, &m->lines[k], cpu, m->lines[k].flushed[cpu], true);
		drop_certain_lines(m);
		return;
	}
	if (!n || from >= m->size)
		return;
	end = MIN(from + n, m->size) - 1;
	if (what == PMEM_SIM_STORE || what == PMEM_SIM_NT_STORE) {
		for (u64 word = from / 8; word <= end / 8; word++)
			add_store(m, cpu, word, what == PMEM_SIM_NT_STORE);
		return;
	}
	for (u64 nr = from / LINE; nr <= end / LINE; nr++)
		flush(m, cpu, nr, what == PMEM_SIM_CLFLUSH);
	if (what == PMEM_SIM_CLFLUSH)
		drop_certain_lines(m);
}

/* --- states --- */

static u64 next_random(u64 *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* Option o of a line: so many of its ordinary stores are there, and of those past the cache the ones whose bits are set. */
static u32 nr_options(const struct line *l)
{
	u32 past = l->count - l->ordinary;

	return past < 16 && l->ordinary < 16 ? (l->ordinary + 1) << past : OPTIONS_MAX;
}

#define ALL_OF_IT (~0u)

/* Appends what option o of a line leaves there. */
static void add_words(struct crash_model *m, const struct line *l, u32 o, struct crash_state *st)
{
	u64 value[UNITS], mask = o == ALL_OF_IT ? ~0ull : o / (l->ordinary + 1);
	u32 keep = o == ALL_OF_IT ? l->ordinary : o % (l->ordinary + 1), units = 0;

	/* More stores past the cache than bits: the bits come again. */
	for (u32 k = 0, ordinary = 0, past = 0; k < l->count; k++) {
		const struct store *s = &l->stores[k];

		if (s->past_cache ? mask >> past++ % 16 & 1 : ordinary++ < keep) {
			value[s->unit] = s->value;
			units |= 1u << s->unit;
		}
	}
	for (u32 u = 0; u < UNITS; u++) {
		u64 at = l->nr * UNITS + u;

		if (!(units >> u & 1) || value[u] == m->durable[at])
			continue;
		st->hash ^= hash_word(at, m->durable[at]) ^ hash_word(at, value[u]);
		m->words[st->nr_words++] = (struct crash_word){at, value[u]};
	}
}

static bool tell(struct crash_model *m, crash_state_fn fn, void *arg)
{
	struct crash_state st = {.words = m->words, .hash = m->hash};

	for (u32 k = 0; k < m->nr_lines; k++)
		if (m->options[k])
			add_words(m, &m->lines[k], m->options[k], &st);
	return fn(arg, &st);
}

static void set_all(struct crash_model *m, u32 option)
{
	for (u32 k = 0; k < m->nr_lines; k++)
		m->options[k] = option;
}

/* All combinations of options, like an odometer. */
static void tell_every(struct crash_model *m, crash_state_fn fn, void *arg)
{
	u32 k;

	set_all(m, 0);
	do {
		if (!tell(m, fn, arg))
			return;
		for (k = 0; k < m->nr_lines; k++) {
			if (++m->options[k] < nr_options(&m->lines[k]))
				break;
			m->options[k] = 0;
		}
	} while (k < m->nr_lines);
}

/* Each line by itself: not there, whole, or any of its options; how often it is there differs from state to state. */
static void choose_random(struct crash_model *m, u64 *seed)
{
	u64 often = next_random(seed) % 7 + 1;

	for (u32 k = 0; k < m->nr_lines; k++) {
		u64 r = next_random(seed);

		m->options[k] = r % 8 >= often ? 0
			: r / 8 % 4            ? ALL_OF_IT
					       : (u32)(next_random(seed) % nr_options(&m->lines[k]));
	}
}

/* The k-th of n lines to be picked: every one where there are few, else spread over all. */
static u32 pick(const struct crash_model *m, u32 k, u32 n, u64 *seed)
{
	u32 stride = m->nr_lines / n;

	return stride <= 1 ? k % m->nr_lines : k * stride + (u32)(next_random(seed) % stride);
}

/* The k-th state of a sample: in turn a single line, all but one, two, and random ones. */
static bool tell_kind(struct crash_model *m, u32 k, u32 limit, u64 *seed, crash_state_fn fn, void *arg)
{
	u32 n = MAX(limit / 4, 1u), one = pick(m, k / 4 % n, n, seed);

	if (k % 4 == 3) {
		choose_random(m, seed);
		return tell(m, fn, arg);
	}
	if (k / 4 >= m->nr_lines) /* every single line had its turn */
		return true;
	set_all(m, k % 4 == 1 ? ALL_OF_IT : 0);
	m->options[one] = k % 4 == 1 ? 0 : ALL_OF_IT;
	if (k % 4 == 2)
		m->options[next_random(seed) % m->nr_lines] = ALL_OF_IT;
	return tell(m, fn, arg);
}

static void make_room(struct crash_model *m)
{
	if (m->words_room >= m->nr_lines && m->words)
		return;
	m->words_room = m->nr_lines + 64;
	m->options = need(realloc(m->options, m->words_room * sizeof(*m->options)));
	m->words = need(realloc(m->words, m->words_room * UNITS * sizeof(*m->words)));
}

void crash_model_states(struct crash_model *m, u32 limit, u64 *seed, crash_state_fn fn, void *arg)
{
	u64 all = 1;

	make_room(m);
	for (u32 k = 0; k < m->nr_lines && all <= limit; k++)
		all *= nr_options(&m->lines[k]);
	if (all <= limit) {
		tell_every(m, fn, arg);
		return;
	}
	set_all(m, 0);
	if (!tell(m, fn, arg))
		return;
	set_all(m, ALL_OF_IT);
	if (!tell(m, fn, arg))
		return;
	for (u32 k = 0; k + 2 < limit && tell_kind(m, k, limit, seed, fn, arg); k++)
		;
}
