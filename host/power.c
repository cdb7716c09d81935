/* SPDX-License-Identifier: MIT */
/* What a power failure may leave. See power.h. */
#include "host/power.h"
#include "kernel/log.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define LINE_WORDS 8u
#define BLOCK_LINES 64u
#define BLOCK_WORDS (BLOCK_LINES * LINE_WORDS)
#define POWER_CPUS 5
#define MAX_TAKEN 2048 /* between two fences of a CPU */

/* What the CPU's next fence makes certain. */
struct taken {
	u32 line;
	u32 words; /* bit mask */
	u64 when;
	u64 value[LINE_WORDS];
};

struct power {
	const u64 *region;
	u64 nr_words, nr_blocks;
	u64 now;  /* counts what is taken */
	u64 hash; /* of what is certain, from 0 at the beginning */
	u32 nr_taken[POWER_CPUS];
	struct taken taken[POWER_CPUS][MAX_TAKEN];
	/* Followed by what is certain, and then for each block a bit mask of its lines in doubt. */
	u64 certain[];
};

static u64 *doubt(struct power *p)
{
	return p->certain + p->nr_words;
}

static u64 doubt_of(const struct power *p, u64 block)
{
	return p->certain[p->nr_words + block];
}

size_t power_size(u64 region_len)
{
	return sizeof(struct power) + region_len + region_len / PAGE_SIZE * sizeof(u64);
}

void power_begin(struct power *p, const void *region, u64 region_len)
{
	p->region = region;
	p->nr_words = region_len / sizeof(u64);
	p->nr_blocks = region_len / PAGE_SIZE;
	p->now = p->hash = 0;
	memset(p->nr_taken, 0, sizeof(p->nr_taken));
	memcpy(p->certain, region, region_len);
	memset(doubt(p), 0, p->nr_blocks * sizeof(u64));
}

static u64 mix(u64 word, u64 value)
{
	u64 h = (word + 1) * 0x9e3779b97f4a7c15ull ^ value;

	h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull;
	return h ^ h >> 29;
}

static void set_certain(struct power *p, u64 word, u64 value)
{
	p->hash ^= mix(word, p->certain[word]) ^ mix(word, value);
	p->certain[word] = value;
}

/* A line is in doubt from a store on until a fence finds that all it holds is certain. */
static void settle(struct power *p, u32 line)
{
	u64 at = (u64)line * LINE_WORDS;

	if (!memcmp(p->region + at, p->certain + at, LINE_WORDS * sizeof(u64)))
		doubt(p)[line / BLOCK_LINES] &= ~(1ull << line % BLOCK_LINES);
}

/* What other CPUs have taken earlier may not come back over what is certain now. */
static void outdate(struct power *p, unsigned cpu, const struct taken *t)
{
	for (unsigned c = 0; c < POWER_CPUS; c++)
		for (u32 k = 0; c != cpu && k < p->nr_taken[c]; k++)
			if (p->taken[c][k].line == t->line && p->taken[c][k].when < t->when)
				p->taken[c][k].words &= ~t->words;
}

static void fence(struct power *p, unsigned cpu)
{
	for (u32 k = 0; k < p->nr_taken[cpu]; k++) {
		const struct taken *t = &p->taken[cpu][k];

		for (unsigned w = 0; w < LINE_WORDS; w++)
			if (t->words >> w & 1)
				set_certain(p, (u64)t->line * LINE_WORDS + w, t->value[w]);
		outdate(p, cpu, t);
		settle(p, t->line);
	}
	p->nr_taken[cpu] = 0;
}

static void take(struct power *p, unsigned cpu, u32 line, u32 words)
{
	struct taken *t = &p->taken[cpu][p->nr_taken[cpu]];

	if (p->nr_taken[cpu]++ == MAX_TAKEN)
		panic("power: more than %u lines between two fences", MAX_TAKEN);
	*t = (struct taken){line, words, ++p->now, {0}};
	memcpy(t->value, p->region + (u64)line * LINE_WORDS, sizeof(t->value));
}

void power_event(struct power *p, unsigned cpu, enum pmem_sim_event what, u64 off, u64 n)
{
	if (cpu >= POWER_CPUS)
		panic("power: CPU %u", cpu);
	if (what == PMEM_SIM_FENCE) {
		fence(p, cpu);
		return;
	}
	if (!n || off + n > p->nr_words * sizeof(u64))
		return;
	for (u64 line = off / 64; line <= (off + n - 1) / 64; line++) {
		u64 first = MAX(off, line * 64) / 8 % LINE_WORDS;
		u64 last = MIN(off + n - 1, line * 64 + 63) / 8 % LINE_WORDS;

		if (what == PMEM_SIM_STORE || what == PMEM_SIM_NT_STORE)
			doubt(p)[line / BLOCK_LINES] |= 1ull << line % BLOCK_LINES;
		if (what == PMEM_SIM_NT_STORE)
			take(p, cpu, (u32)line, (2u << last) - (1u << first));
		else if (what != PMEM_SIM_STORE &&
			(doubt_of(p, line / BLOCK_LINES) >> line % BLOCK_LINES & 1))
			take(p, cpu, (u32)line, (1u << LINE_WORDS) - 1);
	}
}

static unsigned blocks_in_doubt(const struct power *p)
{
	unsigned n = 0;

	for (u64 b = 0; b < p->nr_blocks; b++)
		n += doubt_of(p, b) != 0;
	return n;
}

unsigned power_states(const struct power *p)
{
	unsigned n = blocks_in_doubt(p);

	return n < 2 ? 1 + n : 2 + 2 * n;
}

/* Does what is in doubt of the n-th block in doubt survive? */
static bool survives(unsigned state, unsigned n)
{
	return state < 2 ? state == 1 : state % 2 ? n != state / 2 - 1 : n == state / 2 - 1;
}

/* Calls fn for each line in doubt that survives. */
static void for_each_survivor(const struct power *p, unsigned state,
	void (*fn)(void *arg, const struct power *p, u64 at), void *arg)
{
	unsigned n = 0;

	for (u64 b = 0; b < p->nr_blocks; b++) {
		u64 lines = doubt_of(p, b);

		if (lines && survives(state, n++))
			for (; lines; lines &= lines - 1)
				fn(arg, p, b * BLOCK_WORDS + (u64)__builtin_ctzll(lines) * LINE_WORDS);
	}
}

static void add_to_hash(void *arg, const struct power *p, u64 at)
{
	for (u64 w = at; w < at + LINE_WORDS; w++)
		*(u64 *)arg ^= mix(w, p->certain[w]) ^ mix(w, p->region[w]);
}

u64 power_hash(const struct power *p, unsigned state)
{
	u64 hash = p->hash;

	for_each_survivor(p, state, add_to_hash, &hash);
	return hash;
}

static void add_to_image(void *arg, const struct power *p, u64 at)
{
	memcpy((u64 *)arg + at, p->region + at, LINE_WORDS * sizeof(u64));
}

void power_image(const struct power *p, unsigned state, void *image)
{
	memcpy(image, p->certain, p->nr_words * sizeof(u64));
	for_each_survivor(p, state, add_to_image, image);
}

void power_text(const struct power *p, unsigned state, char *buf, size_t size)
{
	static const char *const texts[] = {"nothing", "everything", "one block", "all but one block"};
	unsigned which = state < 2 ? state : 2 + state % 2;

	if (blocks_in_doubt(p))
		fmt_snprintf(buf, size, "of what was in caches %s survives", texts[which]);
	else
		fmt_snprintf(buf, size, "nothing was in caches");
}
