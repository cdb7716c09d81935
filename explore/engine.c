/* SPDX-License-Identifier: MIT */
/* Depth-first enumeration of interleavings. See engine.h. */
#include "explore/explore.h"
#include "explore/reduce.h"
#include "lib/errno.h"
#include "lib/fmt.h"

#define INTERRUPTS ((1u << CHOICE_DRAIN) - (1u << CHOICE_INTERRUPT))

_Atomic(bool) explore_stop;

static void release_arrays(struct cell *c)
{
	c->w.backend->release(c->nodes);
	c->w.backend->release(c->schedule.choices);
	c->w.backend->release(c->w.own);
	c->w.backend->release(c->w.history);
	c->w.backend->release(c->w.crash);
	c->w.backend->release(c->tally.states);
}

int cell_open(struct cell *c, char *err, size_t err_size)
{
	const struct explore_backend *b = explore_backend();
	int e;

	c->w.backend = b;
	c->nodes = b->alloc(ENGINE_MAX_DEPTH * sizeof(*c->nodes));
	c->schedule.choices = b->alloc(ENGINE_MAX_DEPTH);
	c->w.own = b->alloc((ENGINE_MAX_DEPTH + 1) * sizeof(*c->w.own));
	c->w.history = b->alloc(history_size());
	if (c->w.sc->crash)
		c->w.crash = b->alloc(crash_size());
	if (c->want_states)
		c->tally.states = b->alloc(TALLY_STATES * sizeof(*c->tally.states));
	if (!c->nodes || !c->schedule.choices || !c->w.own || !c->w.history ||
		(c->w.sc->crash && !c->w.crash) || (c->want_states && !c->tally.states)) {
		fmt_snprintf(err, err_size, "no memory");
		e = -ENOMEM;
	} else {
		e = b->begin(&c->w, err, err_size);
	}
	if (e)
		release_arrays(c);
	else if (!b->recorder || !b->recorder())
		c->reduce = REDUCE_OFF;
	return e;
}

void cell_close(struct cell *c)
{
	c->w.backend->end(&c->w);
	release_arrays(c);
}

choices_t engine_enabled(struct explore_world *w)
{
	const struct explore_backend *b = w->backend;
	choices_t mask = 0;

	for (unsigned t = 0; t < w->sc->nr_threads && !w->crashed; t++) {
		if (w->threads[t].status != EXPLORE_DONE && b->can_run(w, t))
			mask |= (choices_t)(1u << t);
		if (b->can_interrupt && b->can_interrupt(w, t))
			mask |= (choices_t)(1u << (CHOICE_INTERRUPT + t));
		if (b->pending_stores && b->pending_stores(w, t))
			mask |= (choices_t)(1u << (CHOICE_DRAIN + t));
	}
	return mask;
}

/* Does a store that was made just now stay in its buffer while others move? The bounds count that like a switch. */
static bool delays_store(const struct node *n, choice_t choice)
{
	return n->delayed < NR_CHOICES && choice != CHOICE_DRAIN + n->delayed;
}

/* The same of an interrupt that has just come and can be taken: hardware would not let the thread go on before it. */
static bool delays_interrupt(const struct node *n, choice_t choice)
{
	return n->arrived && choice < CHOICE_INTERRUPT;
}

static unsigned preemptions_of(const struct node *n, choice_t choice)
{
	bool other = choice < CHOICE_INTERRUPT && n->last < NR_CHOICES && choice != n->last &&
		(n->enabled >> n->last & 1);

	return (unsigned)other + delays_store(n, choice) + delays_interrupt(n, choice);
}

static unsigned switches_by(const struct node *n, choice_t choice)
{
	bool other = choice < CHOICE_INTERRUPT && n->last < NR_CHOICES && choice != n->last;

	return (unsigned)other + delays_store(n, choice);
}

/* A store that did not reach memory at once is told from one that did only by what others do meanwhile. So its way to memory is no choice
 * right after its own thread went on: that is the same as a step earlier. */
static bool drains_too_late(const struct node *n, choice_t choice)
{
	return choice >= CHOICE_DRAIN && choice == CHOICE_DRAIN + n->ran && n->delayed != n->ran &&
		n->enabled & ((1u << CHOICE_DRAIN) - 1);
}

/* The choices at n that the bounds still permit; notes whether they forbid any. */
static choices_t permitted(struct cell *c, const struct node *n, const struct bounds *b)
{
	choices_t mask = 0;

	for (choice_t ch = 0; ch < NR_CHOICES; ch++) {
		if (!(n->enabled >> ch & 1) || drains_too_late(n, ch))
			continue;
		if ((b->preemptions >= 0 &&
			    n->preemptions + preemptions_of(n, ch) > (unsigned)b->preemptions) ||
			(b->switches >= 0 && n->switches + switches_by(n, ch) > (unsigned)b->switches))
			c->more = true;
		else
			mask |= (choices_t)(1u << ch);
	}
	return mask;
}

choice_t engine_first_choice(u8 last, choices_t mask)
{
	if (last < NR_CHOICES && (mask >> last & 1))
		return last;
	return (choice_t)__builtin_ctz(mask);
}

/* As engine_first_choice, but a new store reaches memory first. */
static choice_t first_choice(const struct node *n, choices_t mask)
{
	if (n->delayed < NR_CHOICES && (mask >> (CHOICE_DRAIN + n->delayed) & 1))
		return CHOICE_DRAIN + n->delayed;
	return engine_first_choice(n->last, mask);
}

void engine_execute(struct cell *c, choice_t choice)
{
	struct explore_world *w = &c->w;

	w->now++;
	c->transitions++;
	if (choice < CHOICE_INTERRUPT)
		tally_thread(&c->tally, &w->threads[choice]);
	if (choice < CHOICE_INTERRUPT)
		w->backend->resume(w, choice);
	else if (choice < CHOICE_DRAIN)
		w->backend->interrupt(w, choice - CHOICE_INTERRUPT);
	else
		w->backend->drain(w, choice - CHOICE_DRAIN);
}

static bool all_done(const struct explore_world *w)
{
	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		if (w->threads[t].status != EXPLORE_DONE)
			return false;
	return true;
}

/* Nobody can run. */
void engine_check_end(struct explore_world *w, struct violation *v)
{
	size_t n;

	if (w->crashed) {
		crash_check(w, v);
		return;
	}
	if (all_done(w)) {
		oracle_end(w, v);
		return;
	}
	v->oracle = "deadlock";
	n = (size_t)fmt_snprintf(v->text, sizeof(v->text), "deadlock: nobody can go on;");
	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		if (w->threads[t].status != EXPLORE_DONE)
			n += (size_t)fmt_snprintf(v->text + n, sizeof(v->text) - n, " %c waits after \"%s\"",
				'A' + t, protocol_step_text(w->threads[t].step));
}

void engine_check_after(struct explore_world *w, choice_t choice, struct violation *v)
{
	if (choice < CHOICE_INTERRUPT && w->threads[choice].status == EXPLORE_PANICKED) {
		v->oracle = "panic";
		fmt_snprintf(v->text, sizeof(v->text), "panic: %s", w->panic_text);
		return;
	}
	oracle_step(w, v);
}

/* Fills in nodes[d] from the world as it is. */
static void make_node(struct cell *c, unsigned d)
{
	struct node *n = &c->nodes[d], *up = d ? n - 1 : NULL;

	n->enabled = engine_enabled(&c->w);
	n->last = !up ? NR_CHOICES : up->choice < CHOICE_INTERRUPT ? up->choice : up->last;
	n->preemptions = up ? (u16)(up->preemptions + preemptions_of(up, up->choice)) : 0;
	n->switches = up ? (u16)(up->switches + switches_by(up, up->choice)) : 0;
	for (unsigned t = 0; c->w.backend->pending_stores && t < c->w.sc->nr_threads; t++)
		n->stores[t] = (u8)c->w.backend->pending_stores(&c->w, t);
	n->ran = up && up->choice < CHOICE_INTERRUPT ? up->choice : NR_CHOICES;
	n->delayed = NR_CHOICES;
	if (up && up->choice < CHOICE_INTERRUPT && n->stores[up->choice] > up->stores[up->choice])
		n->delayed = up->choice;
	/* It was not the only one, or there was an older one before it. */
	if (up && up->delayed < EXPLORE_MAX_THREADS && up->choice == CHOICE_DRAIN + up->delayed &&
		n->stores[up->delayed])
		n->delayed = up->delayed;
	/* What could not be taken before, and what has come with another one that was taken just now. */
	n->arrived = up ? n->enabled & INTERRUPTS & (choices_t) ~(up->enabled & ~(1u << up->choice)) : 0;
	if (up && up->choice >= CHOICE_INTERRUPT)
		n->arrived |= n->enabled & up->arrived;
}

/* The schedule ended at a violation, or by itself: what comes of it, without checks and with the least switching. */
static void show_rest(struct cell *c, const struct observer *o, const struct violation *v)
{
	if (v->oracle)
		o->violated(o->arg, c, v);
	for (unsigned d = c->depth; d < ENGINE_MAX_DEPTH; d++) {
		struct node *n = &c->nodes[d];

		make_node(c, d);
		if (!n->enabled)
			break;
		n->choice = first_choice(n, n->enabled);
		o->before(o->arg, c, n->choice);
		engine_execute(c, n->choice);
		o->after(o->arg, c, n->choice);
	}
	if (c->w.crashed || all_done(&c->w))
		o->ended(o->arg, c);
}

/* One schedule: the first `prefix` choices as they stand in the nodes, then new ones. Ends at a violation, when nobody can run, or where
 * the bounds permit nothing more. */
static int run(struct cell *c, unsigned prefix, const struct bounds *b, const struct observer *o,
	struct violation *v)
{
	struct explore_world *w = &c->w;
	unsigned d;
	int err = w->backend->reset(w);

	if (err)
		return err;
	world_reset_threads(w);
	oracle_reset(w);
	tally_run_starts(&c->tally);
	*v = (struct violation){0};
	for (d = 0;; d++) {
		struct node *n = &c->nodes[d];
		bool replayed = d < prefix;
		choice_t choice;

		if (d == ENGINE_MAX_DEPTH) {
			v->oracle = "livelock";
			fmt_snprintf(v->text, sizeof(v->text), "livelock: no end after %u steps", d);
			break;
		}
		if (replayed) {
			if (!(engine_enabled(w) >> n->choice & 1)) {
				err = -EIO;
				break;
			}
			choice = n->choice;
		} else {
			make_node(c, d);
			n->todo = permitted(c, n, b);
			c->complete = !n->enabled;
			if (c->complete)
				engine_check_end(w, v);
			if (!n->todo)
				break;
			choice = n->choice = first_choice(n, n->todo);
			n->todo &= (choices_t) ~(1u << choice);
		}
		if (o)
			o->before(o->arg, c, choice);
		engine_execute(c, choice);
		/* What holds after the prefix was checked when the prefix was new. Its last choice is new. */
		if (!replayed || d + 1 == prefix || o)
			engine_check_after(w, choice, v);
		if (o)
			o->after(o->arg, c, choice);
		if (v->oracle) {
			d++;
			break;
		}
	}
	c->depth = d;
	if (!err && !o && (c->complete || v->oracle))
		tally_end(&c->tally, w, v);
	if (o && !err)
		show_rest(c, o, v);
	c->stuck = w->backend->finish(w) != 0;
	return err;
}

/* The next schedule in depth-first order: length of the prefix that it shares, its last choice new; 0: there is none. */
static unsigned backtrack(struct cell *c)
{
	while (c->depth > 0) {
		struct node *n = &c->nodes[c->depth - 1];

		if (n->todo) {
			n->choice = (choice_t)__builtin_ctz(n->todo);
			n->todo &= (choices_t) ~(1u << n->choice);
			return c->depth;
		}
		c->depth--;
	}
	return 0;
}

static void keep_schedule(struct cell *c, const struct violation *v)
{
	for (unsigned i = 0; i < c->depth; i++)
		c->schedule.choices[i] = c->nodes[i].choice;
	c->schedule.len = c->depth;
	c->violation = *v;
}

/* Looks for a counterexample with fewer switches than c->schedule has: all schedules with 0, then 1, ... of them. Of those with equally few
 * it keeps one that no TLB is needed to see, if there is one: the kernel can replay that. */
static int minimise(struct cell *c)
{
	struct violation v;
	unsigned levels = c->violation.in_tlb; /* then its own too */
	bool kept = false;
	u64 runs = 0;

	for (unsigned i = 1; i < c->schedule.len; i++)
		levels += c->schedule.choices[i] != c->schedule.choices[i - 1];
	for (unsigned n = 0; n < levels && !kept; n++) {
		struct bounds b = {.preemptions = -1, .switches = (int)n};
		unsigned prefix = 0;

		do {
			int err = run(c, prefix, &b, NULL, &v);

			if (err || ++runs == c->w.backend->minimise_runs || atomic_load(&explore_stop))
				return err;
			if (v.oracle && !(kept && v.in_tlb)) {
				keep_schedule(c, &v);
				kept = true;
				if (!v.in_tlb)
					return 0;
			}
			prefix = backtrack(c);
		} while (prefix);
	}
	return 0;
}

const char *engine_bound_reached(const struct cell *c, const struct bounds *b, u64 start)
{
	if (atomic_load_explicit(&explore_stop, memory_order_relaxed))
		return "stopped";
	if (b->first && c->violations)
		return "first";
	if (b->max && c->interleavings >= b->max)
		return "max";
	if (b->after_ns && c->violations && c->w.backend->clock_ns() - c->violated_at >= b->after_ns)
		return "decided";
	if (b->ns && (c->runs & 63) == 0 && c->w.backend->clock_ns() - start >= b->ns)
		return "seconds";
	return NULL;
}

/* The level of the last schedule, by what cell_explore() deepens. */
static unsigned level_of(const struct cell *c, const struct bounds *b)
{
	const struct node *last = c->depth ? &c->nodes[c->depth - 1] : NULL;

	if (!last)
		return 0;
	return b->preemptions >= 0 ? last->preemptions + preemptions_of(last, last->choice)
				   : last->switches + switches_by(last, last->choice);
}

/* Every schedule that b permits, but for those of a level below `least`, which an earlier call has counted. */
static int enumerate(struct cell *c, const struct bounds *b, unsigned least, u64 start)
{
	unsigned prefix = 0;
	struct violation v;

	do {
		int err = run(c, prefix, b, NULL, &v);

		c->runs++;
		if (err)
			return err;
		if ((c->complete || v.oracle) && level_of(c, b) >= least) {
			c->interleavings++;
			c->longest = MAX(c->longest, c->depth);
			if (v.oracle && c->violations++ == 0)
				keep_schedule(c, &v);
		}
		prefix = backtrack(c);
		c->cut = !prefix ? NULL : c->stuck ? "deadlocked threads" : engine_bound_reached(c, b, start);
	} while (prefix && !c->cut);
	return 0;
}

void engine_forget(struct cell *c)
{
	c->interleavings = c->violations = c->blocked = 0;
	c->longest = 0;
	c->cut = NULL;
	tally_forget(&c->tally);
}

/* To the end, depth first, reduced or not. Unreduced under a limit, level by level: first every schedule with no switch, then with one, and so on: most
 * races need few, so that is where a limited number is spent best. Where preemptions are bounded they make the levels, and a switch because a thread has
 * ended or waits is free: so a thread that was preempted comes back at the same level. */
int cell_explore(struct cell *c, const struct bounds *b)
{
	u64 start = c->w.backend->clock_ns();
	bool limited = b->max || b->ns || b->first, by_preemptions = b->preemptions >= 0;
	bool levels = limited || by_preemptions;
	struct bounds now = *b;
	int *level = by_preemptions ? &now.preemptions : &now.switches;
	int err;

	c->covered = -1;
	if (c->reduce != REDUCE_OFF) {
		err = reduce_explore(c, b, start);
		c->ns = c->w.backend->clock_ns() - start;
		return err || b->first || !c->violations ? err : minimise(c);
	}
	for (unsigned n = 0;; n++) {
		if (levels)
			*level = (int)n;
		c->more = false;
		err = enumerate(c, &now, levels ? n : 0, start);
		if (err || c->cut || !c->more)
			break;
		c->covered = (int)n;
		/* A bound may be reached exactly at the end. */
		c->cut = engine_bound_reached(c, b, start);
		if (!c->cut && (int)n == b->preemptions)
			c->cut = "preemptions";
		if (c->cut)
			break;
	}
	c->ns = c->w.backend->clock_ns() - start;
	return err || limited || !c->violations || c->stuck ? err : minimise(c);
}

int cell_replay(struct cell *c, const struct schedule *s, const struct observer *o, struct violation *v)
{
	const struct bounds none = {.preemptions = -1, .switches = -1};
	unsigned len = 0;
	int err;

	for (unsigned i = 0; i < s->len && i < ENGINE_MAX_DEPTH; i++) {
		bool ours = s->choices[i] < CHOICE_INTERRUPT ||
			(s->choices[i] < CHOICE_DRAIN ? c->w.backend->can_interrupt != NULL
						      : c->w.backend->pending_stores != NULL);

		/* Where hardware delivers interrupts they came within the transition that sent them; so do stores. */
		if (ours)
			c->nodes[len++] = (struct node){
				.choice = s->choices[i], .last = s->choices[i] % CHOICE_INTERRUPT};
	}
	err = run(c, len, &none, o, v);
	return err == -EIO ? -EINVAL : err;
}
