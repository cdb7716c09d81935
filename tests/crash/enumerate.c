/* SPDX-License-Identifier: MIT */
/* Plays a trace and judges what a power failure may leave at each point. See world.h. */
#include "lib/string.h"
#include "tests/crash/world.h"

#include <stdio.h>
#include <stdlib.h>

#define ELSEWHERE 40u    /* inside an epoch: at one event of so many */
#define KNOWN (1u << 18) /* states of this process that were judged, with what was acknowledged */

#define SITES_MAX 64u /* places that flush and fence; more are not told apart */
#define WAYS_MAX 256u
#define NO_JOURNAL_ENDS 3u /* without a journal: after one step of so many */

static struct {
	const struct script *s;
	const struct judge_rules *rules;
	struct tally *tally;
	u64 seed, judged, violations;
	u64 known[KNOWN];
	bool no_journal;
	struct {
		u64 way;
		u32 times;
	} ways[WAYS_MAX];
	u32 step;
	u64 event;
	/* outer: of the script; inner: of the recovery of one state of it */
	struct crash_model *outer, *inner;
	const struct crash_state *outer_state;
	u8 *shadow, *inner_shadow; /* memory as the CPUs see it */
	u64 len;
} run;

/* Not there yet? Then it is now. */
static bool enter(u64 *table, u32 slots, u64 hash)
{
	hash = hash ? hash : 1;
	for (u32 k = (u32)(hash >> 20);; k++) {
		u64 *slot = &table[k % slots];

		if (*slot == hash)
			return false;
		if (!*slot) {
			*slot = hash;
			return true;
		}
	}
}

static bool enter_shared(struct tally *t, u64 hash)
{
	hash = hash ? hash : 1;
	for (u32 k = (u32)(hash >> 20);; k++) {
		_Atomic(u64) *slot = &t->seen[k % ARRAY_SIZE(t->seen)];
		u64 old = 0;

		if (atomic_compare_exchange_strong(slot, &old, hash))
			return true;
		if (old == hash)
			return false;
	}
}

static void violation(const char *why)
{
	char text[400];

	run.violations++;
	atomic_fetch_add(&run.tally->violations, 1);
	if (run.rules->quiet)
		return;
	if (run.step < run.s->nr)
		script_describe(&run.s->steps[run.step], text, sizeof(text));
	else
		snprintf(text, sizeof(text), "the first mount");
	printf("# violation: seed %llu, step %u (%s), event %llu%s: %s\n", (unsigned long long)run.seed,
		run.step, text, (unsigned long long)run.event, run.inner ? ", in its recovery" : "", why);
	fflush(stdout);
}

static bool go_on(void)
{
	return run.violations < run.rules->violations_max &&
		atomic_load(&run.tally->states) < run.tally->enough;
}

static void play(struct crash_model *m, u8 *shadow, const struct trace *t, u64 *seed, crash_state_fn fn);

/* What the recovery of the state that was just judged did: it fails too. */
static bool judge_again(void *arg UNUSED, const struct crash_state *s)
{
	const char *bad;

	if (!enter(run.known, KNOWN, s->hash ^ oracle_acknowledgments() * 0x9e3779b97f4a7c15ull)) {
		atomic_fetch_add(&run.tally->duplicates, 1);
		return go_on();
	}
	judge_load(run.outer, run.outer_state, run.inner, s);
	bad = judge_recovery(NULL);
	if (enter_shared(run.tally, s->hash)) {
		atomic_fetch_add(&run.tally->states, 1);
		atomic_fetch_add(&run.tally->again, 1);
	}
	if (bad)
		violation(bad);
	return go_on();
}

/* Loads s, recovers it once more, and fails at each point of that. */
static void fail_recovery(const struct crash_state *s)
{
	struct trace recovery = {0};
	u64 seed = run.judged;

	judge_load(run.outer, s, NULL, NULL);
	judge_recovery(&recovery);
	memcpy(run.inner_shadow, crash_model_durable(run.outer), run.len);
	for (u32 k = 0; k < s->nr_words; k++)
		((u64 *)run.inner_shadow)[s->words[k].at] = s->words[k].value;
	run.outer_state = s;
	run.inner = crash_model_create(run.inner_shadow, run.len);
	play(run.inner, run.inner_shadow, &recovery, &seed, judge_again);
	crash_model_destroy(run.inner);
	run.inner = NULL;
	trace_free(&recovery);
}

static const char *fsck_both(const struct crash_state *s)
{
	const char *bad;

	judge_load(run.outer, s, NULL, NULL);
	atomic_fetch_add(&run.tally->fscks, 1);
	atomic_fetch_add(&run.tally->torn, judge_is_torn());
	if (run.no_journal && judge_is_torn())
		return "no operation is under way, and the superblock is torn";
	bad = judge_by_fsck(run.rules->dir);
	if (bad || run.no_journal)
		return bad;
	judge_load(run.outer, s, NULL, NULL);
	bad = judge_recovery(NULL);
	return bad ? bad : judge_left(run.rules->dir);
}

/* The way that a recovery goes: which places flushed and fenced. */
static u64 passed_so_far(u64 *counts)
{
	const struct pmem_site *site;
	u64 way = 0;

	for (u32 k = 0; k < SITES_MAX && (site = pmem_sim_site(k)); k++) {
		way |= site->passed != counts[k] ? 1ull << k : 0;
		counts[k] = site->passed;
	}
	return way;
}

/* How often that way has been gone before. */
static u32 ways_before(u64 way)
{
	for (u32 k = 0; k < WAYS_MAX; k++) {
		if (run.ways[k].times && run.ways[k].way != way)
			continue;
		run.ways[k].way = way;
		return run.ways[k].times++;
	}
	return ~0u;
}

static bool judge_state(void *arg UNUSED, const struct crash_state *s)
{
	u64 counts[SITES_MAX] = {0};
	const char *bad = NULL;
	u32 before = 0;

	if (!enter(run.known, KNOWN, s->hash ^ oracle_acknowledgments() * 0x9e3779b97f4a7c15ull)) {
		atomic_fetch_add(&run.tally->duplicates, 1);
		return go_on();
	}
	run.judged++;
	if (!run.no_journal) {
		judge_load(run.outer, s, NULL, NULL);
		passed_so_far(counts);
		bad = judge_recovery(NULL);
		before = ways_before(passed_so_far(counts));
	}
	if (!bad && (before < 1 || run.judged % run.rules->fsck_every == 0))
		bad = fsck_both(s);
	if (enter_shared(run.tally, s->hash))
		atomic_fetch_add(&run.tally->states, 1);
	if (bad)
		violation(bad);
	else if (!run.no_journal && go_on() && (before < 2 || run.judged % run.rules->again_every == 0))
		fail_recovery(s);
	return go_on();
}

static void mark(const struct trace_event *e)
{
	run.step = (u32)e->at;
	if (e->what == TRACE_BEGIN) {
		oracle_begin(&run.s->steps[e->at]);
		atomic_fetch_add(&run.tally->steps, 1);
	} else {
		oracle_end(&run.s->steps[e->at].ops[e->n]);
	}
}

/* May states be taken here? Without a journal only where nothing is under way. */
static u32 limit_at(const struct trace_event *e, u64 seed)
{
	const u32 limit = run.rules->limit;

	if (run.no_journal)
		return e->what == TRACE_END && e->at % NO_JOURNAL_ENDS == 0 && run.s->steps[e->at].nr_ops == 1
			? 2
			: 0;
	if (e->what == PMEM_SIM_FENCE)
		return limit;
	return e->what == TRACE_END || (e->what < TRACE_BEGIN && seed % ELSEWHERE == 0) ? limit / 2 : 0;
}

/* Events of t come to m one by one; fn gets states in front of each fence, inside epochs now and then, and when an operation has returned. */
static void play(struct crash_model *m, u8 *shadow, const struct trace *t, u64 *seed, crash_state_fn fn)
{
	for (u64 k = 0; k < t->nr && go_on(); k++) {
		const struct trace_event *e = &t->events[k];
		bool fence = e->what == PMEM_SIM_FENCE;
		u32 limit;

		*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
		limit = limit_at(e, *seed >> 33);
		if (!run.inner)
			run.event = k;
		if (fence && limit)
			crash_model_states(m, limit, seed, fn, NULL);
		atomic_fetch_add(&run.tally->fences, fence);
		if (e->what >= TRACE_BEGIN) {
			mark(e);
		} else {
			if (e->what == PMEM_SIM_STORE || e->what == PMEM_SIM_NT_STORE)
				memcpy(shadow + e->at, t->data + e->data, e->n);
			crash_model_event(m, e->cpu, e->what, shadow + e->at, e->n);
		}
		if (!fence && limit)
			crash_model_states(m, limit, seed, fn, NULL);
	}
}

void enumerate(const struct script *s, const struct start *start, u64 seed, const struct judge_rules *rules,
	struct tally *tally)
{
	u64 chooser = seed;

	run.s = s;
	run.rules = rules;
	run.tally = tally;
	run.seed = seed;
	run.step = ~0u;
	run.len = start->len;
	run.shadow = aligned_alloc(PAGE_SIZE, start->len);
	run.inner_shadow = aligned_alloc(PAGE_SIZE, start->len);
	if (!run.shadow || !run.inner_shadow)
		abort();
	memcpy(run.shadow, start->image, start->len);
	run.outer = crash_model_create(run.shadow, start->len);
	oracle_reset(start->pool_ino, POOL_PAGES);
	run.no_journal = start->no_journal;
	if (run.no_journal)
		oracle_names_at_once();
	judge_open(start->image, start->len);
	play(run.outer, run.shadow, &s->trace, &chooser, judge_state);
	judge_close();
	crash_model_destroy(run.outer);
	free(run.shadow);
	free(run.inner_shadow);
}
