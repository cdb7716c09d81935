/* SPDX-License-Identifier: MIT */
/*
 * The reduced enumeration: one interleaving of each class is run, where two interleavings are of one class if one becomes the other by
 * exchanging neighbours that commute. Verdict, violated oracles and final states are those of the full enumeration.
 *
 * Footprints. The backend records for each transition which words of the world it read and which it changed (explore/footprint.h); nothing
 * is annotated by hand. A word that holds its old value again at the end counts as read. Two transitions of different processes (a
 * thread; the interrupts of a CPU) are *dependent* if
 *	1. one changed a word that the other one read or changed. Otherwise they commute: run in the other order, each finds the
 *	   words that it reads unchanged, so it does the same, and the world is the same afterwards. Being able to run is also in words: what a
 *	   waiting thread waits for (its state, the lock's word, the number of acknowledgments) is read when it goes on
 *	2. both are *visible* to one check: they changed words that it looks at. The oracles are a list of checks (oracles.c), each of which
 *	   reads words of its own
 *	3. one begins an operation and the other one ends one: the history oracle compares just these moments, and so does "stored before
 *	   the fsync was called"
 *	4. one has touched what has no word: that goes with nothing
 * Dependence and program order give each interleaving a partial order, kept as vector clocks; a class is the set of its linear extensions.
 *
 * Oracles look at states between, and an interleaving that is left out has states that no other one of its class has. Let s be such a
 * state, after the set C of transitions, and take one check. What is visible to it is ordered by 2, so C has the first k of that; let D be
 * the transitions that the interleaving which was run had made right after its k-th. D and C both contain the least set that contains these
 * k, and differ from that by transitions that are invisible to the check. What it reads in the state after D is changed by none of those, so
 * it reads the same words with the same values in all three states and says the same. D's state was checked. (A check that carries something
 * from one time to the next, the block map of while it was unlocked, sees the same sequence of visible states.) What a sync promises is
 * checked once, when it returns: what that reads counts as read by the transition that returned, which is besides visible to the check
 * that carries the file's block map; that it looks at what had returned before the sync began is taken care of by 3. Which words
 * a check reads is recorded while it runs, and grows. When it turns out to read one that a transition had changed which was taken for
 * invisible, the cell is explored again from the start with what is known by then. The words only get more, so that ends.
 *
 * Which interleavings are run. `sleep`: at each state every choice, but those in the sleep set: choices that were
 * tried before at a state above and commute with everything since (Godefroid, LNCS 1032, chapter 5). `source`, the default: also
 * only those choices that a race asks for: whenever a transition depends on an earlier one of another process with nothing
 * between that orders them, a choice is added at the state before the earlier one with which their order can be the other one (Abdulla,
 * Aronis, Jonsson and Sagonas, "Optimal dynamic partial order reduction", POPL 2014, algorithm 1: source sets). A transition that can only
 * run because the earlier one has made it so cannot come first, and adds nothing. That algorithm wants processes that do not stop one another
 * from running. Here two things do: who takes a spinlock stops those that spin for it, and a thread stops its CPU's interrupts by turning them
 * off, or by taking them in passing where it waits or ends. So a choice that a transition stopped from running is wanted where it still
 * could; an interrupt that cannot come directly before a transition of its thread is tried before the thread's earlier ones; and where a thread
 * took interrupts in passing everything is wanted since they were sent.
 *
 * A run ends at its violation, before the races of what would have followed are known. So there every choice counts as asked for,
 * at each state on the way: sleep sets need no races. All of the class are violated by the same oracle at the same visible transition.
 *
 * A power failure is a transition that reads all of persistent memory, caches included, and stops everybody: it depends on everything, so that it
 * commutes with nothing and comes in every place of every class; and it ends its run as a violation does. Whether what it leaves is good is
 * a function of what it read and of which operations had begun and returned in which transitions (3).
 */
#include "explore/reduce.h"
#include "lib/errno.h"
#include "lib/fmt.h"

#define NO_CHOICE NR_CHOICES

/* The last transitions of each kind, from 1; by process. */
struct latest {
	u16 ran[NR_CHOICES], began[NR_CHOICES], returned[NR_CHOICES];
	u16 visible[64]; /* by check */
	u16 everything;
};

/* The state before a transition, and the transition that runs from there now. */
struct state {
	u8 enabled;
	u8 wanted; /* choices to be tried, or tried */
	u8 tried;  /* but for the one that runs */
	u8 sleep;  /* at the beginning */
	choice_t choice;
	u8 last;                                  /* thread that ran before; NO_CHOICE: none */
	struct footprint own[NR_CHOICES];         /* of the choices that were tried from here */
	const struct footprint *next[NR_CHOICES]; /* of the sleeping ones: here, or in a state above */
	/* By process: number of its last transition (from 1) that comes before, or is, this one. 0: none. */
	u16 clock[NR_CHOICES];
	/* To come back here: the recorder's mark, what was the latest, r->nr_old, and the tally's last step. */
	u32 mark, nr_old;
	struct latest latest;
	enum protocol_step last_step;
	unsigned last_thread;
};

/* The last transitions, from 1, that have touched a word in this run. */
struct use {
	u32 run;
	u16 changed;
	u16 read[NR_CHOICES];
};

struct reduction {
	struct cell *c;
	const struct recorder *rec;
	struct state states[ENGINE_MAX_DEPTH];
	u32 run;          /* number of the enumeration */
	struct use *uses; /* by word */
	u16 *old;         /* what note() has put something else in place of, in `uses` */
	u32 nr_old, room_old;
	struct latest latest;
	struct footprint scratch;
	unsigned depth;
	bool complete; /* nobody could go on, or a violation; otherwise the rest is asleep */
};

/* What comes directly before a transition, by process; from 1. */
struct before {
	u16 at[NR_CHOICES];
};

static void max_into(u16 *to, u16 from)
{
	if (from > *to)
		*to = from;
}

static struct use *use_of(struct reduction *r, u32 word)
{
	struct use *u = &r->uses[word];

	if (u->run != r->run)
		*u = (struct use){.run = r->run};
	return u;
}

static choice_t process_at(const struct reduction *r, u16 at)
{
	return r->states[at - 1].choice;
}

static void depends_on(const struct reduction *r, struct before *b, u16 at)
{
	if (at)
		max_into(&b->at[process_at(r, at)], at);
}

/* The latest transition of each process that one with footprint f depends on. */
static struct before find_before(struct reduction *r, const struct footprint *f)
{
	struct before b = {0};

	for (u32 i = 0; i < f->nr; i++) {
		const struct use *u = use_of(r, f->words[i] >> 1);

		depends_on(r, &b, u->changed);
		for (unsigned p = 0; (f->words[i] & 1) && p < NR_CHOICES; p++)
			max_into(&b.at[p], u->read[p]);
	}
	for (u64 left = f->visible; left; left &= left - 1)
		depends_on(r, &b, r->latest.visible[__builtin_ctzll(left)]);
	depends_on(r, &b, r->latest.everything);
	for (unsigned p = 0; p < NR_CHOICES; p++) {
		if (f->begins)
			max_into(&b.at[p], r->latest.returned[p]);
		if (f->returns)
			max_into(&b.at[p], r->latest.began[p]);
		if (f->everything)
			max_into(&b.at[p], r->latest.ran[p]);
	}
	return b;
}

/* The entry of u that a transition by p with this word replaces. */
static u16 *replaced(struct use *u, u32 word, choice_t p)
{
	return word & 1 ? &u->changed : &u->read[p];
}

/* Transition `at` with footprint f by process p is the last one of the run now. -ENOMEM. */
static int note(struct reduction *r, const struct footprint *f, choice_t p, u16 at)
{
	struct latest *l = &r->latest;

	if (r->room_old - r->nr_old < f->nr) {
		u32 room = 2 * (r->room_old + f->nr);
		u16 *old = r->c->w.backend->alloc(room * sizeof(*old));

		if (!old)
			return -ENOMEM;
		memcpy(old, r->old, r->nr_old * sizeof(*old));
		r->c->w.backend->release(r->old);
		r->old = old;
		r->room_old = room;
	}
	for (u32 i = 0; i < f->nr; i++) {
		u16 *entry = replaced(use_of(r, f->words[i] >> 1), f->words[i], p);

		r->old[r->nr_old++] = *entry;
		*entry = at;
	}
	l->ran[p] = at;
	if (f->begins)
		l->began[p] = at;
	if (f->returns)
		l->returned[p] = at;
	for (u64 left = f->visible; left; left &= left - 1)
		l->visible[__builtin_ctzll(left)] = at;
	if (f->everything)
		l->everything = at;
	return 0;
}

/* The last transition is no longer part of the run. */
static void forget(struct reduction *r, const struct state *s)
{
	const struct footprint *f = &s->own[s->choice];

	for (u32 i = f->nr; i-- > 0;)
		*replaced(&r->uses[f->words[i] >> 1], f->words[i], s->choice) = r->old[--r->nr_old];
	r->latest = s->latest;
}

/* Does f, of a process that slept, depend on the last transition, which was g, number `at` by p? */
static bool depends(
	struct reduction *r, const struct footprint *f, const struct footprint *g, choice_t p, u16 at)
{
	if (f->everything || g->everything || (f->visible & g->visible) || (f->begins && g->returns) ||
		(f->returns && g->begins))
		return true;
	for (u32 i = 0; i < f->nr; i++) {
		const struct use *u = use_of(r, f->words[i] >> 1);

		if (u->changed == at || ((f->words[i] & 1) && u->read[p] == at))
			return true;
	}
	return false;
}

/* Processes whose next transition can be the first after the state before `at`, when `at` and all that must come behind it are left out of the
 * transitions up to `end`, but for `end` itself, the last one: that shall come before `at`. */
static u8 can_be_first(const struct reduction *r, u16 at, u16 end)
{
	choice_t left_out = process_at(r, at);
	u16 first[NR_CHOICES] = {0};
	u8 mask = 0;

	for (u16 k = at + 1; k <= end; k++) {
		const struct state *s = &r->states[k - 1];
		bool led = false;

		/* Of each process the first one that stays. */
		if (first[s->choice] || (k < end && s->clock[left_out] >= at))
			continue;
		first[s->choice] = k;
		for (unsigned p = 0; p < NR_CHOICES; p++)
			led |= p != s->choice && first[p] && s->clock[p] >= first[p];
		if (!led)
			mask |= (u8)(1u << s->choice);
	}
	return mask;
}

/* The last transition, `end`, races with `at`: wants a choice at the state before `at` from which it can come first. False: it could not run
 * there. */
static bool want_reversed(struct reduction *r, u16 at, u16 end)
{
	struct state *s = &r->states[at - 1];
	choice_t p = process_at(r, end);
	u8 first = can_be_first(r, at, end);

	/* What begins with a choice that sleeps here was run elsewhere. */
	if (first & (s->wanted | s->sleep))
		return true;
	if ((first >> p & 1) && !(s->enabled >> p & 1))
		return false;
	first &= s->enabled;
	if (first >> p & 1)
		s->wanted |= (u8)(1u << p);
	else if (first)
		s->wanted |= (u8)(1u << __builtin_ctz(first));
	else
		s->wanted |= s->enabled;
	return true;
}

static bool conflict(const struct footprint *f, const struct footprint *g)
{
	if (f->everything || g->everything || (f->visible & g->visible))
		return true;
	for (u32 i = 0; i < f->nr; i++)
		for (u32 k = 0; k < g->nr; k++)
			if (f->words[i] >> 1 == g->words[k] >> 1 && ((f->words[i] | g->words[k]) & 1))
				return true;
	return false;
}

/* The last of the transitions that the ones in b, but for thread t's, come after, by t. */
static u16 ordered_before(const struct reduction *r, const struct before *b, const u16 *own, unsigned t)
{
	u16 last = own[t];

	for (unsigned q = 0; q < NR_CHOICES; q++)
		if (q != t && b->at[q])
			max_into(&last, r->states[b->at[q] - 1].clock[t]);
	return last;
}

/* An interrupt could not come directly before its thread's transition `at`: perhaps before an earlier one. */
static void want_interrupt_earlier(struct reduction *r, const struct footprint *f, const struct before *b,
	const u16 *own, u16 at, u16 end)
{
	choice_t t = process_at(r, at);
	u16 least = ordered_before(r, b, own, t);

	while (--at > least)
		if (process_at(r, at) == t && conflict(f, &r->states[at - 1].own[t]) &&
			want_reversed(r, at, end))
			return;
}

/* The last transition took thread t's interrupts with it: they could have been taken before each of t's transitions since they were sent. */
static void want_interrupts(struct reduction *r, const struct before *b, const u16 *own, unsigned t, u16 end)
{
	u16 least = ordered_before(r, b, own, t);

	for (u16 at = end; at > least; at--) {
		struct state *s = &r->states[at - 1];
		u8 itself = (u8)(1u << (CHOICE_INTERRUPT + t)) & s->enabled;

		if (s->choice == t || at == end)
			s->wanted |= itself ? itself : s->enabled;
	}
}

/* Orders the last transition behind the others; finds its races. -ENOMEM. */
static int place(struct reduction *r, const struct footprint *f, u16 at)
{
	struct state *s = &r->states[at - 1];
	choice_t p = s->choice;
	struct before b;
	u16 own[NR_CHOICES] = {0};
	int err;

	b = find_before(r, f);
	if (r->latest.ran[p])
		memcpy(own, r->states[r->latest.ran[p] - 1].clock, sizeof(own));
	memcpy(s->clock, own, sizeof(own));
	for (unsigned q = 0; q < NR_CHOICES; q++)
		for (unsigned k = 0; q != p && b.at[q] && k < NR_CHOICES; k++)
			max_into(&s->clock[k], r->states[b.at[q] - 1].clock[k]);
	s->clock[p] = at;
	err = note(r, f, p, at);
	if (err || r->c->reduce != REDUCE_SOURCE)
		return err;
	for (unsigned q = 0; q < NR_CHOICES; q++) {
		bool between = q == p || !b.at[q] || own[q] >= b.at[q];

		for (unsigned k = 0; !between && k < NR_CHOICES; k++)
			between = k != p && k != q && b.at[k] && r->states[b.at[k] - 1].clock[q] >= b.at[q];
		if (!between && !want_reversed(r, b.at[q], at) && p == CHOICE_INTERRUPT + q)
			want_interrupt_earlier(r, f, &b, own, b.at[q], at);
	}
	for (unsigned t = 0; t < CHOICE_INTERRUPT; t++)
		if (f->took >> t & 1)
			want_interrupts(r, &b, t == p ? (u16[NR_CHOICES]){0} : own, t, at);
	return 0;
}

/* Operations that have begun, and have returned, of all threads. */
static void count_operations(const struct explore_world *w, unsigned *begun, unsigned *returned)
{
	*begun = *returned = 0;
	for (unsigned t = 0; t < w->sc->nr_threads; t++) {
		const struct explore_thread *et = &w->threads[t];

		*begun += et->op + et->results[et->op].begun;
		*returned += et->op + et->results[et->op].returned;
	}
}

/* And checks what it has led to. */
static int execute_recorded(struct reduction *r, choice_t choice, struct footprint *f, struct violation *v)
{
	unsigned begun, returned, begun_after, returned_after;
	int err;

	count_operations(&r->c->w, &begun, &returned);
	r->rec->start();
	engine_execute(r->c, choice);
	r->rec->oracle_starts();
	engine_check_after(&r->c->w, choice, v);
	r->rec->oracle_ends();
	err = r->rec->stop(f);
	if (!err)
		f->visible = r->rec->visible(f);
	count_operations(&r->c->w, &begun_after, &returned_after);
	f->everything |= r->c->w.crashed;
	f->begins = begun_after != begun;
	f->returns = returned_after != returned;
	return err;
}

/* The state that transition `at` - 1 has led to; `at` is from 1. */
static void make_state(struct reduction *r, u16 at)
{
	struct state *s = &r->states[at - 1], *up = at > 1 ? s - 1 : NULL;
	u8 asleep;

	s->enabled = engine_enabled(&r->c->w);
	/* What a transition has stopped from running races with it, though it may never run. */
	if (up)
		up->wanted |= up->enabled & (u8) ~(s->enabled | 1u << up->choice);
	s->tried = s->sleep = 0;
	s->last = !up ? NO_CHOICE : up->choice < CHOICE_INTERRUPT ? up->choice : up->last;
	asleep = up ? (u8)((up->sleep | up->tried) & ~(1u << up->choice)) : 0;
	for (choice_t ch = 0; ch < NR_CHOICES; ch++) {
		const struct footprint *f;

		if (!(asleep >> ch & 1))
			continue;
		f = up->tried >> ch & 1 ? &up->own[ch] : up->next[ch];
		if (depends(r, f, &up->own[up->choice], up->choice, at - 1))
			continue;
		s->sleep |= (u8)(1u << ch);
		s->next[ch] = f;
	}
	s->wanted = 0;
}

/* The run ends here, after `depth` transitions (or the power fails), before the races of what would have followed were seen: everything is wanted on the way. */
static void widen(struct reduction *r, unsigned depth)
{
	for (unsigned d = 0; d < depth; d++)
		r->states[d].wanted = r->states[d].enabled;
}

/* The state from which every run starts. */
static int begin(struct reduction *r)
{
	struct explore_world *w = &r->c->w;
	int err = w->backend->reset(w);

	if (err)
		return err;
	r->rec->forget();
	world_reset_threads(w);
	r->rec->oracle_starts();
	oracle_reset(w);
	r->rec->oracle_ends();
	tally_run_starts(&r->c->tally);
	return 0;
}

/* Back to the state after the first `d` transitions of the run. */
static int go_back(struct reduction *r, unsigned d)
{
	const struct state *s = &r->states[d];
	int err;

	if (r->rec->undo(s->mark)) {
		r->c->w.now = d;
		r->c->tally.last_step = s->last_step;
		r->c->tally.last_thread = s->last_thread;
		return 0;
	}
	err = begin(r);
	for (unsigned i = 0; i < d && !err; i++) {
		r->states[i].mark = r->rec->mark();
		r->rec->start();
		engine_execute(r->c, r->states[i].choice);
		err = r->rec->stop(&r->scratch);
	}
	r->states[d].mark = r->rec->mark();
	return err;
}

/* Chooses from the new state after d transitions. False: the run ends here. */
static bool choose(struct reduction *r, unsigned d)
{
	struct state *s = &r->states[d];
	u8 can;

	make_state(r, (u16)(d + 1));
	can = s->enabled & (u8)~s->sleep;
	r->complete = !s->enabled;
	if (!can)
		return false;
	s->choice = engine_first_choice(s->last, can);
	s->wanted = r->c->reduce == REDUCE_SOURCE ? (u8)(1u << s->choice) : s->enabled;
	s->mark = r->rec->mark();
	s->latest = r->latest;
	s->last_step = r->c->tally.last_step;
	s->last_thread = r->c->tally.last_thread;
	return true;
}

/* One run: goes on after the first `prefix` choices of the one before, of which the last is another one now, to the end. */
static int run(struct reduction *r, unsigned prefix, struct violation *v)
{
	struct explore_world *w = &r->c->w;
	unsigned d = prefix ? prefix - 1 : 0;
	int err = prefix ? go_back(r, d) : begin(r);

	if (err)
		return err;
	if (prefix && !(engine_enabled(w) >> r->states[d].choice & 1))
		return -EIO;
	*v = (struct violation){0};
	r->complete = false;
	for (;; d++) {
		struct state *s = &r->states[d];
		struct footprint *f;

		if (d == ENGINE_MAX_DEPTH) {
			v->oracle = "livelock";
			fmt_snprintf(v->text, sizeof(v->text), "livelock: no end after %u steps", d);
			widen(r, d);
			break;
		}
		if (d >= prefix && !choose(r, d)) {
			if (w->crashed)
				widen(r, d);
			break;
		}
		f = &s->own[s->choice];
		err = execute_recorded(r, s->choice, f, v);
		if (!err)
			err = place(r, f, (u16)(d + 1));
		if (err)
			return err;
		if (v->oracle) {
			widen(r, ++d);
			break;
		}
	}
	r->depth = d;
	if (r->complete && !v->oracle) {
		/* It reads the files, which stores to a buffer: that has to be undone too. */
		r->rec->start();
		r->rec->oracle_starts();
		engine_check_end(w, v);
		r->rec->oracle_ends();
		err = r->rec->stop(&r->scratch);
		if (err)
			return err;
	}
	r->complete |= v->oracle != NULL;
	if (r->complete)
		tally_end(&r->c->tally, w, v);
	return 0;
}

/* The next run's prefix, its last choice new; 0: there is none. */
static unsigned backtrack(struct reduction *r)
{
	for (; r->depth > 0; r->depth--) {
		struct state *s = &r->states[r->depth - 1];
		u8 left;

		forget(r, s);
		s->tried |= (u8)(1u << s->choice);
		left = s->wanted & (u8) ~(s->tried | s->sleep);
		if (left) {
			s->choice = engine_first_choice(s->last, left);
			return r->depth;
		}
	}
	return 0;
}

static void keep_schedule(struct reduction *r, const struct violation *v)
{
	struct cell *c = r->c;

	for (unsigned i = 0; i < r->depth; i++)
		c->schedule.choices[i] = r->states[i].choice;
	c->schedule.len = r->depth;
	c->violation = *v;
}

static int enumerate(struct reduction *r, const struct bounds *b, u64 start)
{
	struct cell *c = r->c;
	struct violation v;
	unsigned prefix = 0;

	r->run++; /* whatever `uses` holds is of no use */
	r->nr_old = 0;
	r->latest = (struct latest){0};
	do {
		int err = run(r, prefix, &v);

		if (err)
			return err;
		if (r->rec->misjudged())
			return -EAGAIN;
		if (r->complete) {
			c->interleavings++;
			c->longest = MAX(c->longest, r->depth);
			if (v.oracle && c->violations++ == 0) {
				c->violated_at = c->w.backend->clock_ns();
				keep_schedule(r, &v);
			}
		} else {
			c->blocked++;
		}
		prefix = backtrack(r);
		c->cut = !prefix ? NULL : engine_bound_reached(c, b, start);
	} while (prefix && !c->cut);
	/* All undone, the world must be as it was. */
	return prefix || !r->rec->undo(0) || c->w.backend->at_start(&c->w) ? 0 : -EIO;
}

int reduce_explore(struct cell *c, const struct bounds *b, u64 start)
{
	const struct explore_backend *be = c->w.backend;
	struct reduction *r = be->alloc(sizeof(*r));
	int err = -ENOMEM;

	if (!r)
		return err;
	r->c = c;
	c->w.recorder = r->rec = be->recorder();
	r->uses = be->alloc((size_t)r->rec->nr_words() * sizeof(*r->uses));
	if (!r->uses)
		goto out;
	/* What a first exploration has taught about the oracles is kept by the recorder. */
	do {
		engine_forget(c);
		err = enumerate(r, b, start);
	} while (err == -EAGAIN);
	c->w.backend->finish(&c->w);
	for (unsigned d = 0; d < ENGINE_MAX_DEPTH; d++)
		for (unsigned ch = 0; ch < NR_CHOICES; ch++)
			r->rec->release(&r->states[d].own[ch]);
	r->rec->release(&r->scratch);
	be->release(r->old);
out:
	c->w.recorder = NULL;
	be->release(r->uses);
	be->release(r);
	return err;
}
