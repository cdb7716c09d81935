/* SPDX-License-Identifier: MIT */
/* Reads a spec, runs its cells (race x scheme), prints the table. Words: explore.h. */
#include "explore/print.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "lib/fmt.h"

#define MAX_WORDS 24
#define MAX_SPEC 1024
#define MAX_RACES 64
#define MAX_SCHEMES 8

enum { EXIT_GOOD = 0, EXIT_VIOLATED = 1, EXIT_USAGE = 2, EXIT_BROKEN = 3 };

struct spec {
	const char *races[MAX_RACES]; /* names, or scenario texts */
	unsigned nr_races;
	struct dax_config schemes[MAX_SCHEMES];
	unsigned nr_schemes;
	enum explore_granularity granularity;
	struct bounds bounds;
	const char *replay;
	bool quiet, tsv, strict, list, help;
	bool zero_in_fault, zero_page_global; /* of every scheme */
	bool bounded;                         /* a bound was given, or `exhaustive` */
	bool states, coverage;
	bool reduce_given;
	enum reduce reduce;
};

/* One row of the table. */
struct row {
	const char *race, *cut, *oracle;
	char scheme[SCHEME_TEXT];
	bool safe; /* SAFE_SCHEME */
	u64 interleavings, violations;
	int covered;
	bool reduced, by_preemptions;
};

struct job {
	struct printer p;
	struct spec spec;
	struct scenario scenario;
	struct cell cell;
	struct row rows[MAX_RACES * MAX_SCHEMES];
	unsigned nr_rows;
	struct tally reached; /* by all cells */
};

static int usage_error(struct printer *p, const char *what, const char *word)
{
	print(p, "explore: %s: '%s' (try: explore help)\n", what, word);
	return -EINVAL;
}

/* name=… : the value, or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(word, name, n) && word[n] == '=' ? word + n + 1 : NULL;
}

static int parse_number(struct printer *p, const char *word, const char *value, u64 *out)
{
	return str_to_u64(value, out) ? usage_error(p, "not a number", word) : 0;
}

static bool is_scenario(const char *word)
{
	return strchr(word, ' ') || strchr(word, '|') || strchr(word, ';');
}

static int parse_option(struct spec *s, struct printer *p, const char *word)
{
	const char *v;
	u64 n = 0;
	int err = 0;

	if ((v = value_of(word, "granularity"))) {
		s->granularity = !strcmp(v, "access") ? EXPLORE_ACCESSES : EXPLORE_STEPS;
		if (strcmp(v, "access") && strcmp(v, "step"))
			return usage_error(p, "granularity is step or access", word);
		if (s->granularity == EXPLORE_ACCESSES && !explore_backend()->accesses)
			return usage_error(p, "only the hosted explorer can do that", word);
	} else if ((v = value_of(word, "max"))) {
		err = parse_number(p, word, v, &s->bounds.max);
		s->bounded = true;
	} else if ((v = value_of(word, "preemptions"))) {
		err = parse_number(p, word, v, &n);
		s->bounds.preemptions = (int)MIN(n, 10000u);
		s->bounded = true;
	} else if ((v = value_of(word, "seconds"))) {
		err = parse_number(p, word, v, &n);
		s->bounds.ns = n * 1000000000ull;
		s->bounded = true;
	} else if ((v = value_of(word, "after"))) {
		err = parse_number(p, word, v, &n);
		s->bounds.after_ns = n * 1000000000ull;
	} else if ((v = value_of(word, "dax_zeroing"))) {
		s->zero_in_fault = !strcmp(v, "fault");
		if (!s->zero_in_fault && strcmp(v, "alloc"))
			return usage_error(p, "dax_zeroing is alloc or fault", word);
	} else if ((v = value_of(word, "dax_zero"))) {
		s->zero_page_global = !strcmp(v, "global");
		if (!s->zero_page_global && strcmp(v, "mapping"))
			return usage_error(p, "dax_zero is mapping or global", word);
	} else if ((v = value_of(word, "reduce"))) {
		s->reduce_given = true;
		s->reduce = !strcmp(v, "source") ? REDUCE_SOURCE
			: !strcmp(v, "sleep")    ? REDUCE_SLEEP
						 : REDUCE_OFF;
		if (s->reduce == REDUCE_OFF && strcmp(v, "off"))
			return usage_error(p, "reduce is source, sleep or off", word);
	} else if ((v = value_of(word, "replay"))) {
		s->replay = v;
	} else if (!strcmp(word, "first")) {
		s->bounds.first = true;
	} else if (!strcmp(word, "exhaustive")) {
		s->bounded = true;
	} else if (!strcmp(word, "quiet")) {
		s->quiet = true;
	} else if (!strcmp(word, "states")) {
		s->states = true;
	} else if (!strcmp(word, "coverage")) {
		s->coverage = true;
	} else if (!strcmp(word, "tsv")) {
		s->quiet = s->tsv = true;
	} else if (!strcmp(word, "strict")) {
		s->strict = true;
	} else if (!strcmp(word, "list")) {
		s->list = true;
	} else if (!strcmp(word, "help")) {
		s->help = true;
	} else if (strcmp(word, "all")) {
		return usage_error(p, "not a race, a scheme or an option", word);
	}
	return err;
}

/* NAME[+fault][+global]: the scheme, and its policies where they are not the default. */
static bool parse_scheme(const char *word, struct dax_config *c)
{
	char name[SCHEME_TEXT], *next;

	if (str_copy(name, word, sizeof(name)) >= sizeof(name))
		return false;
	next = strchr(name, '+');
	if (next)
		*next++ = '\0';
	*c = (struct dax_config){.lock_ops = dax_lock_find(name)};
	while (next) {
		char *policy = next;

		next = strchr(policy, '+');
		if (next)
			*next++ = '\0';
		if (!strcmp(policy, "fault"))
			c->zeroing = DAX_ZERO_IN_FAULT;
		else if (!strcmp(policy, "global"))
			c->zero_page_global = true;
		else
			return false;
	}
	return c->lock_ops != NULL;
}

static int parse_word(struct spec *s, struct printer *p, const char *word)
{
	struct dax_config scheme;

	if (word[0] == '-' && word[1] == '-')
		word += 2;
	if (!value_of(word, "replay") && (race_find(word) || is_scenario(word))) {
		if (s->nr_races == MAX_RACES)
			return usage_error(p, "too many races", word);
		s->races[s->nr_races++] = word;
		return 0;
	}
	if (!parse_scheme(word, &scheme))
		return parse_option(s, p, word);
	if (s->nr_schemes == MAX_SCHEMES)
		return usage_error(p, "too many schemes", word);
	s->schemes[s->nr_schemes++] = scheme;
	return 0;
}

static bool has_bound(const struct bounds *b)
{
	return b->max || b->ns || b->first || b->preemptions >= 0;
}

/* Can this backend run the named race? */
static bool can_run_race(struct job *j, const struct race *race)
{
	char err[96];

	return !scenario_parse(race->scenario, &j->scenario, err, sizeof(err)) &&
		(!j->scenario.crash || explore_backend()->power_failure);
}

static void set_defaults(struct job *j)
{
	struct spec *s = &j->spec;

	if (!s->bounded && explore_backend()->default_max) {
		s->bounds.max = explore_backend()->default_max;
		s->bounds.first = true;
	}
	if (!s->reduce_given && !has_bound(&s->bounds))
		s->reduce = REDUCE_SOURCE;
	if (!s->nr_races)
		for (unsigned i = 0; race_at(i); i++) {
			BUG_ON(i == MAX_RACES);
			if (can_run_race(j, race_at(i)))
				s->races[s->nr_races++] = race_at(i)->name;
		}
	if (!s->nr_schemes)
		for (unsigned i = 0; dax_lock_scheme(i) && s->nr_schemes < MAX_SCHEMES; i++)
			s->schemes[s->nr_schemes++].lock_ops = dax_lock_scheme(i);
	for (unsigned i = 0; i < s->nr_schemes; i++) {
		if (s->zero_in_fault)
			s->schemes[i].zeroing = DAX_ZERO_IN_FAULT;
		s->schemes[i].zero_page_global |= s->zero_page_global;
	}
}

static int set_scenario(struct job *j, const char *race)
{
	const struct race *named = race_find(race);
	char err[96];

	if (!scenario_parse(named ? named->scenario : race, &j->scenario, err, sizeof(err))) {
		if (!j->scenario.crash || explore_backend()->power_failure)
			return 0;
		str_copy(err, "the power fails on the simulated machine only", sizeof(err));
	}
	print(&j->p, "explore: %s\n  in: %s\n", err, race);
	return -EINVAL;
}

static int open_cell(struct job *j, const struct dax_config *scheme)
{
	char err[240];

	memset(&j->cell, 0, sizeof(j->cell));
	j->cell.w.sc = &j->scenario;
	j->cell.w.config = *scheme;
	j->cell.w.granularity = j->spec.granularity;
	j->cell.reduce = j->spec.reduce;
	j->cell.want_states = j->spec.states;
	if (!cell_open(&j->cell, err, sizeof(err)))
		return 0;
	print(&j->p, "explore: %s\n", err);
	return -EIO;
}

static void print_verdict(struct printer *p, const struct row *r)
{
	if (r->violations)
		print(p, "VIOLATED: %s", r->oracle);
	else
		print(p, "no violation");
	if (r->cut)
		print(p, " (not exhaustive: %s%s", r->cut, r->reduced ? ", depth first" : "");
	if (r->cut && r->covered >= 0 && r->by_preemptions)
		print(p, "; all with up to %d preemption%s", r->covered, r->covered == 1 ? "" : "s");
	else if (r->cut && r->covered >= 0)
		print(p, "; all with up to %d switch%s", r->covered, r->covered == 1 ? "" : "es");
	if (r->cut)
		print(p, ")");
}

/* The schedule cannot be run again to be shown. */
static void print_stuck(struct printer *p, const char *race, const struct cell *c)
{
	print(p, "  => %s\n  the hosted explorer shows it:\n  replay=", c->violation.text);
	print_replay_string(p, race, c, &c->schedule);
	print(p, "\n\n");
}

static void print_tsv_head(struct printer *p)
{
	print(p, "race\tscheme\tinterleavings\tviolations\texhaustive\toracle\treplay\tbound\n");
}

static void print_tsv(struct printer *p, const struct row *r, const struct cell *c)
{
	print(p, "%s\t%s\t%lu\t%lu\t%s\t%s\t", r->race, r->scheme, (unsigned long)r->interleavings,
		(unsigned long)r->violations, r->cut ? "no" : "yes", r->violations ? r->oracle : "");
	if (r->violations)
		print_replay_string(p, r->race, c, &c->schedule);
	print(p, "\t%s\n", r->cut ? r->cut : "");
}

static void print_coverage_numbers(struct printer *p, const struct tally *y)
{
	print(p, "%u of %u steps, %u of %u ordered pairs between threads\n", tally_steps(y), NR_STEPS,
		tally_pairs(y), NR_STEPS * NR_STEPS);
}

/* What the options of one cell ask for, each on a line. */
static void print_reached(struct job *j, const struct cell *c)
{
	static const char *const names[] = {"off", "sleep", "source"};

	if (c->reduce != REDUCE_OFF)
		print(&j->p, "  reduce=%s: %lu more runs ended asleep\n", names[c->reduce],
			(unsigned long)c->blocked);
	if (c->tally.states) {
		print(&j->p, "  states: %u%s final states, digest %016lx; violated:", c->tally.nr_states,
			c->tally.more_states ? " and more" : "", (unsigned long)c->tally.digest);
		for (unsigned i = 0; i < c->tally.nr_oracles; i++)
			print(&j->p, " %s", c->tally.oracles[i]);
		print(&j->p, "%s\n", c->tally.nr_oracles ? "" : " nothing");
	}
	if (j->spec.coverage) {
		print(&j->p, "  coverage: ");
		print_coverage_numbers(&j->p, &c->tally);
	}
}

static int run_cell(struct job *j, const char *race, const struct dax_config *scheme)
{
	struct row *r = &j->rows[j->nr_rows];
	struct cell *c = &j->cell;
	char text[SCHEME_TEXT];
	int err = open_cell(j, scheme);

	if (err)
		return err;
	scheme_text(scheme, text);
	err = cell_explore(c, &j->spec.bounds);
	if (err) {
		print(&j->p, "explore: a schedule of %s under %s did not replay the same way (%d)\n", race,
			text, err);
		goto out;
	}
	*r = (struct row){race, c->cut, c->violation.oracle, .interleavings = c->interleavings,
		.violations = c->violations, .covered = c->covered, .reduced = c->reduce != REDUCE_OFF,
		.by_preemptions = j->spec.bounds.preemptions >= 0,
		.safe = !strcmp(scheme->lock_ops->name, SAFE_SCHEME)};
	str_copy(r->scheme, text, sizeof(r->scheme));
	j->nr_rows++;
	tally_add(&j->reached, &c->tally);
	if (j->spec.tsv)
		print_tsv(&j->p, r, c);
	if (!j->spec.quiet) {
		struct violation v;

		print(&j->p, "%s under %s: %lu interleavings, ", race, text, (unsigned long)c->interleavings);
		print_verdict(&j->p, r);
		print(&j->p, "\n");
		print_reached(j, c);
		if (c->stuck)
			print_stuck(&j->p, race, c);
		else if (r->violations)
			err = print_schedule(&j->p, race, c, &c->schedule, &v);
	}
out:
	cell_close(c);
	return err;
}

/* At the end: over all cells. */
static void print_coverage(struct job *j)
{
	bool any = false;

	print(&j->p, "\ncoverage: ");
	print_coverage_numbers(&j->p, &j->reached);
	print(&j->p, "never reached:");
	for (unsigned s = 0; s < NR_STEPS; s++) {
		if (!j->reached.step[s])
			print(&j->p, " %s", protocol_step_name(s));
		any |= !j->reached.step[s];
	}
	print(&j->p, "%s\n", any ? "" : " none");
}

static void print_table(struct job *j)
{
	print(&j->p, "\n%-28s %-18s %13s %11s  %s\n", "race", "scheme", "interleavings", "violations",
		"verdict");
	for (unsigned i = 0; i < j->nr_rows; i++) {
		const struct row *r = &j->rows[i];
		char name[29];

		str_copy(name, r->race, sizeof(name));
		print(&j->p, "%-28s %-18s %13lu %11lu  ", name, r->scheme, (unsigned long)r->interleavings,
			(unsigned long)r->violations);
		print_verdict(&j->p, r);
		print(&j->p, "\n");
	}
}

static int run_all(struct job *j)
{
	int status = EXIT_GOOD;

	set_defaults(j);
	if (j->spec.tsv)
		print_tsv_head(&j->p);
	for (unsigned i = 0; i < j->spec.nr_races; i++) {
		if (set_scenario(j, j->spec.races[i]))
			return EXIT_USAGE;
		for (unsigned k = 0; k < j->spec.nr_schemes; k++)
			if (run_cell(j, j->spec.races[i], &j->spec.schemes[k]))
				return EXIT_BROKEN;
	}
	if (!j->spec.tsv)
		print_table(j);
	if (j->spec.coverage)
		print_coverage(j);
	for (unsigned i = 0; i < j->nr_rows; i++)
		if (j->rows[i].violations && (j->spec.strict || j->rows[i].safe))
			status = EXIT_VIOLATED;
	return status;
}

/* RACE/SCHEME/GRANULARITY:SCHEDULE, from the right, because a scenario's text may hold ':'. */
static int run_replay(struct job *j)
{
	char text[EXPLORE_MAX_TEXT + 64], *schedule, *granularity, *name;
	struct dax_config scheme = {0};
	struct violation v = {0};
	int status = EXIT_USAGE;

	if (str_copy(text, j->spec.replay, sizeof(text)) >= sizeof(text) || !(schedule = strrchr(text, ':')))
		goto bad;
	*schedule++ = '\0';
	if (!(granularity = strrchr(text, '/')))
		goto bad;
	*granularity++ = '\0';
	if (!(name = strrchr(text, '/')))
		goto bad;
	*name++ = '\0';
	j->spec.granularity = !strcmp(granularity, "access") ? EXPLORE_ACCESSES : EXPLORE_STEPS;
	if (!parse_scheme(name, &scheme) || (strcmp(granularity, "step") && strcmp(granularity, "access")) ||
		(j->spec.granularity == EXPLORE_ACCESSES && !explore_backend()->accesses))
		goto bad;
	if (set_scenario(j, text))
		return EXIT_USAGE;
	if (open_cell(j, &scheme))
		return EXIT_BROKEN;
	if (!parse_schedule(schedule, &j->cell.schedule)) {
		print(&j->p, "%s under %s\n", text, name);
		if (print_schedule(&j->p, text, &j->cell, &j->cell.schedule, &v) == 0)
			status = v.oracle ? EXIT_VIOLATED : EXIT_GOOD;
	} else {
		print(&j->p, "explore: not a schedule: '%s'\n", schedule);
	}
	cell_close(&j->cell);
	return status;
bad:
	print(&j->p, "explore: not a replay string: '%s'\n", j->spec.replay);
	return EXIT_USAGE;
}

int explore_run_words(int n, const char *const words[], explore_out_fn out, void *arg)
{
	struct job *j = explore_backend()->alloc(sizeof(*j));
	int status = EXIT_GOOD, err = 0;

	if (!j)
		return EXIT_BROKEN;
	j->p = (struct printer){out, arg};
	j->spec.bounds.preemptions = j->spec.bounds.switches = -1;
	for (int i = 0; i < n && !err; i++)
		err = parse_word(&j->spec, &j->p, words[i]);
	if (!err && j->spec.reduce != REDUCE_OFF && j->spec.bounds.preemptions >= 0)
		err = usage_error(&j->p, "schedules with few preemptions cannot be reduced", "reduce");
	if (err)
		status = EXIT_USAGE;
	else if (j->spec.help)
		print_help(&j->p);
	else if (j->spec.list)
		print_list(&j->p);
	else if (j->spec.replay)
		status = run_replay(j);
	else
		status = run_all(j);
	explore_backend()->release(j);
	return status;
}

/* Splits at blanks, minding quotes; in place. The number of words. */
static int split(char *text, const char *words[MAX_WORDS])
{
	int n = 0;

	while (n < MAX_WORDS) {
		char end = ' ';

		while (*text == ' ' || *text == '\t' || *text == '\n')
			text++;
		if (!*text)
			break;
		if (*text == '\'' || *text == '"')
			end = *text++;
		words[n++] = text;
		while (*text && *text != end && !(end == ' ' && (*text == '\t' || *text == '\n'))) {
			/* replay='…' and the like: the quote starts inside the word */
			if (end == ' ' && (*text == '\'' || *text == '"')) {
				end = *text;
				memmove(text, text + 1, strlen(text));
				continue;
			}
			text++;
		}
		if (*text)
			*text++ = '\0';
	}
	return n;
}

int explore_run_spec(const char *spec, explore_out_fn out, void *arg)
{
	struct printer p = {out, arg};
	const char *words[MAX_WORDS];
	char *text;
	int n, status;

	text = explore_backend()->alloc(MAX_SPEC);
	if (!text)
		return EXIT_BROKEN;
	if (str_copy(text, spec, MAX_SPEC) >= MAX_SPEC) {
		status = EXIT_USAGE;
		print(&p, "explore: the spec is longer than %u characters\n", MAX_SPEC - 1);
	} else {
		n = split(text, words);
		status = explore_run_words(n, words, out, arg);
	}
	explore_backend()->release(text);
	return status;
}
