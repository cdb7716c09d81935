/* SPDX-License-Identifier: MIT */
/* Plays a trace and judges what a power failure may leave at each point. See world.h. */
#include "lib/string.h"
#include "tests/crash/world.h"

#include <stdio.h>
#include <stdlib.h>

#define ELSEWHERE 40u    /* inside an epoch: at one event of so many */
#define KNOWN (1u << 18) /* states of this process that were judged, with what was acknowledged */

static struct {
	const struct script *s;
	const struct judge_rules *rules;
	struct tally *tally;
	u64 seed, judged, violations;
	u64 known[KNOWN];
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

static void fail_recovery(const struct crash_state *s, const struct trace *recovery)
{
	u64 seed = run.judged;

	if (!recovery->nr || !go_on())
		return;
	memcpy(run.inner_shadow, crash_model_durable(run.outer), run.len);
	for (u32 k = 0; k < s->nr_words; k++)
		((u64 *)run.inner_shadow)[s->words[k].at] = s->words[k].value;
	run.outer_state = s;
	run.inner = crash_model_create(run.inner_shadow, run.len);
	play(run.inner, run.inner_shadow, recovery, &seed, judge_again);
	crash_model_destroy(run.inner);
	run.inner = NULL;
}

static bool judge_state(void *arg UNUSED, const struct crash_state *s)
{
	struct trace recovery = {0};
	const char *bad = NULL;
	bool fsck, again;

	if (!enter(run.known, KNOWN, s->hash ^ oracle_acknowledgments() * 0x9e3779b97f4a7c15ull)) {
		atomic_fetch_add(&run.tally->duplicates, 1);
		return go_on();
	}
	run.judged++;
	fsck = run.judged % run.rules->fsck_every == 1 % run.rules->fsck_every;
	again = run.judged % run.rules->again_every == 2 % run.rules->again_every;
	if (fsck) {
		judge_load(run.outer, s, NULL, NULL);
		bad = judge_by_fsck(run.rules->dir);
		atomic_fetch_add(&run.tally->fscks, 1);
	}
	judge_load(run.outer, s, NULL, NULL);
	if (!bad)
		bad = judge_recovery(again ? &recovery : NULL);
	if (!bad && fsck)
		bad = judge_left(run.rules->dir);
	if (enter_shared(run.tally, s->hash))
		atomic_fetch_add(&run.tally->states, 1);
	if (bad)
		violation(bad);
	else if (again)
		fail_recovery(s, &recovery);
	trace_free(&recovery);
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

/* Events of t come to m one by one; fn gets states in front of each fence, inside epochs now and then, and when an operation has returned. */
static void play(struct crash_model *m, u8 *shadow, const struct trace *t, u64 *seed, crash_state_fn fn)
{
	const u32 limit = run.rules->limit;

	for (u64 k = 0; k < t->nr && go_on(); k++) {
		const struct trace_event *e = &t->events[k];

		*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
		if (!run.inner)
			run.event = k;
		if (e->what == PMEM_SIM_FENCE) {
			crash_model_states(m, limit, seed, fn, NULL);
			atomic_fetch_add(&run.tally->fences, 1);
		}
		if (e->what >= TRACE_BEGIN) {
			mark(e);
			if (e->what == TRACE_END)
				crash_model_states(m, limit / 2, seed, fn, NULL);
			continue;
		}
		if (e->what == PMEM_SIM_STORE || e->what == PMEM_SIM_NT_STORE)
			memcpy(shadow + e->at, t->data + e->data, e->n);
		crash_model_event(m, e->cpu, e->what, shadow + e->at, e->n);
		if (e->what != PMEM_SIM_FENCE && (*seed >> 33) % ELSEWHERE == 0)
			crash_model_states(m, limit / 2, seed, fn, NULL);
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
	judge_open(start->image, start->len);
	play(run.outer, run.shadow, &s->trace, &chooser, judge_state);
	judge_close();
	crash_model_destroy(run.outer);
	free(run.shadow);
	free(run.inner_shadow);
}
