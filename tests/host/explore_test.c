/* SPDX-License-Identifier: MIT */
/* The explorer's own parts: the scenario language, the enumeration (counts that can be worked out by hand), replay, verdicts. */
#include "explore/explore.h"
#include "explore/scenario.h"
#include "host/unit.h"

#include <stdlib.h>

static char report[1 << 20];
static size_t report_len;

static void collect(void *arg, const char *s, size_t n)
{
	(void)arg;
	if (n > sizeof(report) - 1 - report_len)
		n = sizeof(report) - 1 - report_len;
	memcpy(report + report_len, s, n);
	report_len += n;
	report[report_len] = '\0';
}

static int run(const char *spec)
{
	report_len = 0;
	report[0] = '\0';
	return explore_run_spec(spec, collect, NULL);
}

/* The number before " interleavings" in the report; -1: none. */
static long interleavings(void)
{
	const char *p = strstr(report, " interleavings, ");

	if (!p)
		return -1;
	while (p > report && p[-1] >= '0' && p[-1] <= '9')
		p--;
	return atol(p);
}

static void test_language(void)
{
	static const struct scenario zero;
	struct scenario sc = zero;
	char err[96], text[64];

	is(scenario_parse("file f 2; file g 0; full; prepare B load f 1; A: store f 0 7; fsync f | B: "
			  "truncate f 0 | punch f 0 2",
		   &sc, err, sizeof(err)),
		0, "a scenario with everything");
	ok(sc.nr_files == 2 && sc.files[0].pages == 2 && sc.full && sc.nr_prepare == 1 &&
			sc.prepare[0].thread == 1,
		"its setup");
	ok(sc.nr_threads == 3 && sc.threads[0].nr == 2 && sc.threads[2].ops[0].nr == 2, "its threads");
	scenario_op_text(&sc, &sc.threads[0].ops[0], text, sizeof(text));
	is_str(text, "store f[0] = 7", "its operations");

	is(scenario_parse("together; zeroing fault; file f 2; file g 1; prepare A truncate f 1 head; A: "
			  "pstore f 0 7 tail; "
			  "write f 0 from g 0; write f 1 5 head; fork; exit | B: read g 0 into f 1; mprotect "
			  "f rw; munmap f",
		   &sc, err, sizeof(err)),
		0, "private mappings, mapped buffers, partial pages, munmap, mprotect, fork");
	ok(sc.together && sc.zero_in_fault && sc.prepare[0].op.head, "its setup");
	ok(sc.threads[0].ops[0].tail && sc.threads[0].ops[1].kind == OP_WRITE_FROM &&
			sc.threads[0].ops[1].other_file == 1 && sc.threads[0].ops[2].head &&
			sc.threads[1].ops[0].kind == OP_READ_INTO &&
			sc.threads[1].ops[1].kind == OP_PROTECT_RW,
		"its operations");
	scenario_op_text(&sc, &sc.threads[1].ops[0], text, sizeof(text));
	is_str(text, "read(g, page 0) into f[1]", "and their text");

	is(scenario_parse(
		   "fault-write 0; fault-read f 1 tail | truncate 0; fault-write 3", &sc, err, sizeof(err)),
		0, "a scenario without a file");
	is_str(sc.files[0].name, "f", "has one");
	ok(sc.nr_files == 1 && sc.files[0].pages == 4 && !sc.files[0].hole, "of 4 pages");
	ok(sc.threads[0].ops[0].kind == OP_STORE && sc.threads[0].ops[0].value == 1 &&
			sc.threads[1].ops[1].page == 3 && sc.threads[1].ops[1].value == 2 &&
			sc.threads[0].ops[1].kind == OP_LOAD && sc.threads[0].ops[1].tail,
		"in which faults of the two kinds are stores, each of a value of its own, and loads");
	is(scenario_parse(
		   "file g 2; prepare A load 1; mprotect ro; fsync; write 0 from 1", &sc, err, sizeof(err)),
		0, "the only file need not be named");
	ok(sc.nr_files == 1 && sc.prepare[0].op.page == 1 && sc.threads[0].ops[0].kind == OP_PROTECT_RO &&
			sc.threads[0].ops[2].kind == OP_WRITE_FROM && sc.threads[0].ops[2].other_page == 1,
		"and is meant");

	static const struct {
		const char *text, *why;
	} bad[] = {
		{"", "nothing"},
		{"file f 1", "no thread"},
		{"file f 1; load g 0", "a file that is not declared"},
		{"file f 1; file g 1; load 0", "one of two files, which is not named"},
		{"load g 0", "another file than the one that is there"},
		{"fault-write 0 7", "a value where it is not chosen"},
		{"file f 1; load f 99", "a page that is too high"},
		{"file f 1; store f 0", "a store without a value"},
		{"file f 1; load f 0 0", "a word too many"},
		{"file f 1; load f 0 | | load f 0", "an empty thread"},
		{"file f 1; B: load f 0", "the wrong letter"},
		{"file f 1; prepare C load f 0; load f 0 | load f 0", "a preparation of nobody"},
		{"file f 1; jump f 0", "an unknown operation"},
		{"file waytoolongname 1; load f 0", "a long name"},
		{"file a/b 1; load f 0", "a path"},
		{"file f 1; load f 0 | load f 0 | load f 0 | load f 0 | load f 0", "five threads"},
		{"file f 0x; load f 0", "not a number"},
		{"file f 9; load f 0", "nine pages"},
		{"file f 8 huge; load f 0", "a huge file of eight"},
		{"file f 512; load f 0", "512 pages that are not huge"},
		{"file f 512 huge; file g 512 huge; load f 0", "two huge files"},
		{"file f 512 huge; collapse f 0", "unknown pages that move"},
		{"file f 512 huge; load f 8", "a page of a huge file that is not looked at"},
		{"file f 1; load f 0 head", "half a page of the wrong kind"},
		{"file f 8; truncate f 8 head", "a size that is too large"},
		{"file f 6; insert f 0 3", "an insert that makes a file too large"},
		{"file f 4; insert f 0 2; truncate f 7", "an insert and a truncate that may"},
		{"file f 1; zero f 7 2", "a zero range past the last page"},
		{"file f 1; syncrange f", "a page that is missing"},
		{"file f 1; read f 0 into", "a buffer that is missing"},
		{"file f 1; read f 0 from f 0", "a buffer in the wrong direction"},
		{"file f 1; mprotect f", "mprotect to nothing"},
		{"file f 1; fork f", "a fork of a file"},
		{"file f 1; fork; fork", "two children"},
		{"file f 1; prepare A fork; load f 0", "a child before the start"},
		{"file f 1; file g 1; pload f 0; pload g 0", "two private files"},
		{"zeroing never; file f 1; load f 0", "an unknown policy"},
		{"together; file f 1; mremap f | load f 0", "a mapping moved under another thread"},
		{"file f 1; mmap f; pload f 0", "a private page of what a thread maps itself"},
		{"file f 1; dma f 0", "a device that stores nothing"},
		{"file f 1; crash; load f 0", "an operation after the power has failed"},
		{"file f 1; crash | crash", "two power failures"},
		{"file f 1; prepare A crash; load f 0", "a power failure before the start"},
		{"file f 2; collapse f 0 | crash", "pages that move before a power failure"},
		{"file f 512 huge; load f 0 | crash", "a huge file without a journal"},
		{"file f 1; persist f", "a line that is missing"},
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = '\0';
		ok(scenario_parse(bad[i].text, &sc, err, sizeof(err)) < 0 && err[0], "refused: %s (%s)",
			bad[i].why, err);
	}
}

/* fsync of a clean file has no step of its own: an operation is one transition. */
static void test_counts(void)
{
	is(run("'file f 1; fsync f | fsync f' range"), 0, "two threads, one transition each");
	is(interleavings(), 2, "2 interleavings");
	run("'file f 1; fsync f; fsync f | fsync f; fsync f' range");
	is(interleavings(), 6, "2 + 2 transitions: 4 over 2");
	run("'file f 1; fsync f; fsync f; fsync f | fsync f; fsync f; fsync f' range");
	is(interleavings(), 20, "3 + 3 transitions: 6 over 3");
	run("'file f 1; fsync f; fsync f | fsync f; fsync f | fsync f; fsync f' range");
	is(interleavings(), 90, "three threads: 6! / 2!2!2!");
	run("'file f 1; fsync f; fsync f; fsync f | fsync f; fsync f; fsync f' range preemptions=0");
	is(interleavings(), 2, "without preemption one thread after the other");
	ok(strstr(report, "not exhaustive: preemptions; all with up to 0 preemptions"),
		"and the bound is named");
	run("'file f 1; fsync f; fsync f; fsync f | fsync f; fsync f; fsync f' range preemptions=1");
	is(interleavings(), 6, "one preemption: after 1 or 2 of either thread's 3");
	run("'file f 1; fsync f; fsync f; fsync f | fsync f; fsync f; fsync f' range preemptions=1 max=3");
	ok(strstr(report, "not exhaustive: max; all with up to 0 preemptions"),
		"the third has a preemption: the thread comes back for nothing");
	run("'file f 1; fsync f; fsync f; fsync f | fsync f; fsync f; fsync f' range preemptions=5");
	is(interleavings(), 20, "preemptions enough for all");
	ok(!strstr(report, "not exhaustive"), "and then that is said");
	run("'file f 1; fsync f; fsync f; fsync f | fsync f; fsync f; fsync f' range max=7");
	is(interleavings(), 7, "max=7 stops after 7");
	ok(strstr(report, "not exhaustive: max"), "and is named");
	run("'file f 2; A: store f 0 5; load f 0 | load f 1' none");
	is(interleavings() > 0 && strstr(report, "no violation") != NULL, 1,
		"two threads on two pages disturb nobody");
}

/* Copies the replay string of the report as a spec: one word. */
static void take_replay(char *spec, size_t size)
{
	const char *p = strstr(report, "replay="), *end = p ? strchr(p, '\n') : NULL;

	spec[0] = '\0';
	if (end)
		snprintf(spec, size, "replay='%.*s'", (int)(end - p - 7), p + 7);
}

static void test_verdicts(void)
{
	char replay[128];
	static char first[sizeof(report)];

	is(run("truncate-reuse none first strict"), 1, "none violates truncate-reuse");
	ok(strstr(report, "which belongs to page 0 of g"), "a page table reaches the stranger's block");
	ok(strstr(report, "g holds 7 (then 9)"), "and the store lands there");
	take_replay(replay, sizeof(replay));
	is(run(replay), 1, "%s finds it again", replay);
	memcpy(first, report, sizeof(report));
	run(replay);
	is_str(report, first, "and prints the same");
	is(run("'fault-write 0 | truncate 0' none first strict"), 1,
		"none violates a scenario of two words a thread");
	take_replay(replay, sizeof(replay));
	is(run(replay), 1, "%s finds it again", replay);
	is(run("'fault-write 0 | truncate 0' range"), 0, "range survives it");
	is(run("truncate-reuse none first"), 0, "only the scheme that must survive decides the status");
	is(run("truncate-reuse range quiet"), 0, "range survives it");
	ok(!strstr(report, "not exhaustive"), "in every interleaving");
	is(run("hole-read-vs-write-fault none strict quiet first"), 1, "none leaves a stale zero page");
	is(run("hole-read-vs-write-fault range quiet"), 0, "range does not");
}

/* The table for programs: a head line, then eight columns a cell: the seventh is a replay string that works, the last the bound. */
static void test_tsv(void)
{
	char race[64], scheme[32], exhaustive[8], oracle[32], replay[96], spec[128];
	unsigned long all, bad;
	const char *line;

	is(run("hole-read-vs-write-fault none tsv"), 0, "a table for programs");
	line = strchr(report, '\n');
	ok(!strncmp(report, "race\tscheme\t", 12) && line, "begins with the names of its columns");
	is(line ? sscanf(line + 1, "%63[^\t]\t%31[^\t]\t%lu\t%lu\t%7[^\t]\t%31[^\t]\t%95s", race, scheme,
			  &all, &bad, exhaustive, oracle, replay)
		: 0,
		7, "then has eight of them");
	ok(!strcmp(race, "hole-read-vs-write-fault") && !strcmp(scheme, "none") && all > bad && bad > 0 &&
			!strcmp(exhaustive, "yes"),
		"with what was found");
	snprintf(spec, sizeof(spec), "replay=%s", replay);
	is(run(spec), 1, "and a replay string");
	ok(strstr(report, oracle), "that ends in the same oracle");
	run("truncate-stale range max=3 tsv");
	ok(strstr(report, "\treplay\tbound\n") && strstr(report, "\tno\t\t\tmax\n"),
		"a cell that was cut short names its bound");
}

/* The help knows every word of the language, and every option. */
static void test_help(void)
{
	static const char *const options[] = {"dax_zeroing=", "dax_zero=", "all", "granularity=step",
		"granularity=access", "max=", "preemptions=", "seconds=", "first", "after=", "exhaustive",
		"reduce=", "states", "coverage", "replay=", "quiet", "tsv", "list", "strict"};
	bool (*const syntax[])(unsigned i, char *buf, size_t size) = {
		scenario_setup_syntax, scenario_op_syntax};
	char text[64], line[64];
	unsigned nr = 0;

	is(run("help"), 0, "help");
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; syntax[k](i, text, sizeof(text)); i++, nr++)
			ok(strstr(report, text), "names %s", text);
	ok(nr > 30, "all of it");
	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		snprintf(line, sizeof(line), "\n  %s", options[i]);
		ok(strstr(report, line), "names %s", options[i]);
	}
}

/* One thread: one interleaving, whose values can be worked out by hand. */
static void test_values(void)
{
	static const struct {
		const char *scenario, *end;
	} cases[] = {
		{"file f 1; store f 0 7 tail; truncate f 0 head; truncate f 1", "f holds 100 (then 0)"},
		{"file f 1; truncate f 0 head; store f 0 7 tail; write f 1 9", "f holds 100 (then 0) 9"},
		{"file f 1; truncate f 0 head", "f holds 100 (8 bytes)"},
		{"file f 2; write f 0 5 head; write f 1 from f 0", "f holds 5 (then 100) 5 (then 100)"},
		{"file f 1; file g 1; truncate f 0 head; read f 0 into g 0",
			"f holds 100 (8 bytes), g holds 100 (then 200)"},
		{"file f 1 hole; write f 0 from f 0", "f holds 0"},
		{"file f 1; pstore f 0 7; load f 0; fork; pstore f 0 8; exit; pload f 0 tail", NULL},
		{"file f 3; store f 1 7; collapse f 0; store f 1 8", "f holds 7 (then 101) 8 (then 102)"},
		{"file f 2; collapse f 1; collapse f 0 2", "f holds 100 101"},
		{"file f 2; store f 1 7; insert f 1; write f 2 9 head; insert f 5",
			"f holds 100 0 9 (then 101)"},
		{"file f 2; truncate f 1 head; insert f 0 2; store f 0 6",
			"f holds 6 (then 0) 0 100 101 (8 bytes)"},
		{"file f 3; zero f 1; store f 1 5", "f holds 100 5 (then 0) 102"},
		{"file f 1; truncate f 0 head; store f 0 7 tail; zero f 1 2; load f 2",
			"f holds 100 (then 0) 0 0"},
		{"file f 4; pstore f 2 7; collapse f 1; pload f 2; load f 1; msync f 1; syncrange f 0", NULL},
		{"file f 1; store f 0 7; munmap f; fsync f; mmap f; load f 0", NULL},
		{"file f 1; store f 0 7; mprotect f ro; mprotect f rw; store f 0 8; fsync f",
			"f holds 8 (then 100)"},
		{"zeroing fault; file f 1 hole; store f 0 7; fsync f; load f 0 tail", "f holds 7 (then 0)"},
		{"file f 512 huge; store f 1 7; fsync f; punch f 0; truncate f 2", "f holds 0 7 (then 101)"},
		{"file f 512 huge hole; load f 0; store f 1 7; truncate f 2", "f holds 0 7 (then 0)"},
		{"file f 2 hole; pin f 1; dma f 1 9; unpin f 1; load f 1; unpin f 1; dma f 1 8",
			"f holds 0 9 (then 0)"},
		{"file f 1; pin f 0; munmap f; dma f 0 9; fsync f; unpin f 0; truncate f 0",
			"f holds nothing"},
		{"file f 1; truncate f 0; pin f 0; dma f 0 9; unpin f 0", "f holds nothing"},
		{"file f 1; pstore f 0 7; load f 0; mremap f; pload f 0; load f 0", "f holds 100"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char spec[300];

		snprintf(spec, sizeof(spec), "'%s' range strict", cases[i].scenario);
		is(run(spec), 0, "explained: %s", cases[i].scenario);
		snprintf(spec, sizeof(spec), "replay='%s/range/step:A1'", cases[i].scenario);
		is(run(spec), 0, "replayed");
		if (cases[i].end)
			ok(strstr(report, cases[i].end), "it ends as it should: %s", cases[i].end);
	}
	is(run("'file f 1; munmap f; store f 0 7' range strict"), 0, "a store after munmap is a signal");
	is(run("'file f 1; load f 0; mprotect f ro; store f 0 7' range strict"), 0,
		"and one without the right");
}

/* A mapping that comes while another one of the same address space goes: each is known for what it is. */
static void test_mmap_together(void)
{
	is(run("'together; file f 1; A: munmap f; load f 0 | B: mmap f; store f 0 3; load f 0' range strict"),
		0, "one file: who has unmapped it has lost it, who maps it has it");
	is(run("'together; file f 1; file g 1; A: munmap f; load f 0 | B: mmap g; store g 0 3; munmap g; "
	       "load g 0; mmap g; load "
	       "g 0' range strict"),
		0, "two files");
	is(run("'together; file f 1; A: munmap f | B: mprotect f ro; store f 0 3 | C: mmap f; store f 0 4' "
	       "range strict "
	       "seconds=5"),
		0, "rights are the mapping's");
}

/* A preparation that shoots down a thread which was prepared before: no interrupt is left over for the start. */
static void test_prepare(void)
{
	is(run("'file f 1 hole; prepare A load f 0; prepare B store f 0 4; A: load f 0 | B: load f 0' range "
	       "strict"),
		0, "a store to a hole that another thread has read");
	is(run("'file f 2; prepare A load f 0; prepare B punch f 0; A: load f 1 | B: load f 0' range strict"),
		0, "a punch of a page that another thread has mapped");
}

/* One thread: the power fails at its end, in every place of the model. */
static void test_crash(void)
{
	static const char *const good[] = {
		"file f 1; store f 0 7; fsync f; crash",
		"file f 1; store f 0 7; crash",
		"file f 2 hole; write f 1 7; msync f 1; store f 0 8; crash",
		"sync; file f 2 hole; store f 1 7 tail; persist f 1 tail; store f 0 8; crash",
		"file f 1 hole; store f 0 7; persist f 0; crash",
		"file f 3; truncate f 1 head; fsync f; write f 2 9; fsync f; truncate f 2; crash",
		"file f 1; truncate f 0 head; store f 0 7 tail; fsync f; truncate f 1; crash",
		"file f 2; file g 0; full; punch f 0; fsync f; write g 0 9; crash",
		"file f 1; file g 1; full; truncate f 0; write g 1 9; fsync g; write f 0 8; crash",
		"file f 2; file g 0; zero f 1 2; fsync f; store f 1 5; write g 0 from f 1; fsync g; crash",
		"file f 1; pin f 0; dma f 0 9; fsync f; unpin f 0; fork; exit | crash",
	};

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char spec[300];

		snprintf(spec, sizeof(spec), "'%s' range strict", good[i]);
		is(run(spec), 0, "after a power failure: %s", good[i]);
	}
	is(run("replay='file f 1; store f 0 7; fsync f; crash/range/step:A9'"), 0, "and replayed");
	ok(strstr(report, "the power fails") && strstr(report, "what was promised is there"), "it is said");
}

static void test_bad_specs(void)
{
	static const char *const bad[] = {"nonsense", "max=x", "replay=truncate-reuse/none/step:Z9",
		"replay=x", "'file f 1; jump'", "granularity=byte", "replay=truncate-reuse/none/step:B0"};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is(run(bad[i]), 2, "not understood: %s", bad[i]);
		ok(report_len > 0, "and it is said");
	}
	is(run("list"), 0, "list");
	ok(strstr(report, "stale-tlb-free"), "names the races");
}

int main(void)
{
	test_language();
	test_counts();
	test_verdicts();
	test_tsv();
	test_help();
	test_values();
	test_mmap_together();
	test_prepare();
	test_crash();
	test_bad_specs();
	return done_testing();
}
