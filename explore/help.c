/* SPDX-License-Identifier: MIT */
/* `explore help` and `explore list`. What a scenario may hold comes from the tables of its parser (scenario.c), races and schemes from theirs. */
#include "explore/print.h"
#include "lib/fmt.h"

#define INDENT 22 /* of what stands beside a word */
#define WIDTH 110

static void print_lines(struct printer *p, const char *const lines[], unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		print(p, "%s\n", lines[i]);
}

/* "title: …, …, …", in lines. */
static void print_syntax(
	struct printer *p, const char *title, bool (*syntax)(unsigned i, char *buf, size_t size))
{
	char text[64];
	size_t at = (size_t)INDENT + strlen(title);

	print(p, "%*s%s", INDENT, "", title);
	for (unsigned i = 0; syntax(i, text, sizeof(text)); i++) {
		size_t n = strlen(text) + 2;
		bool wrap = at + n > WIDTH;

		print(p, "%s", i ? "," : "");
		if (wrap)
			print(p, "\n%*s", INDENT + 1, "");
		print(p, " %s", text);
		at = (wrap ? INDENT + 1 : at) + n;
	}
	print(p, "\n");
}

void print_help(struct printer *p)
{
	static const char *const before[] = {
		"explore [RACE...] [SCHEME...] [OPTION...]",
		"Runs races between threads on the DAX protocol code, every interleaving of its steps, and "
		"prints what breaks.",
		"  RACE                one of `explore list`, or a scenario, for example",
		"                      'fault-write 0 | truncate 0'",
		"                      'file f 1; file g 0; full; A: store f 0 7 | B: truncate f 0; write g "
		"0 9'",
		"                      Statements of the setup, each with a ; behind it; then threads with | "
		"between them,",
		"                      each of which is operations with ; between them.",
	};
	static const char *const notes[] = {
		"                      F is a file; it may be left out where there is only one. Without a "
		"file statement",
		"                      there is file f 4. P is a page, V a value; fault-write takes 1, the "
		"next one 2.",
		"                      pload and pstore: through a private mapping. crash: the power fails "
		"(hosted only).",
	};
	static const char *const options[] = {
		"; without one, each of them",
		"                      SCHEME+fault, SCHEME+global: with that policy (below)",
		"  dax_zeroing=fault   new blocks are zeroed by the fault; default alloc: inside the "
		"allocation",
		"  dax_zero=global     one zero page for all files; default mapping: one for each",
		"  all                 every race, every scheme that is named",
		"  granularity=step    switch at protocol steps and lock waits (default)",
		"  granularity=access  also at each access to shared protocol state (hosted explorer only)",
		"  max=N               at most N interleavings a cell          } a cell that was cut short",
		"  preemptions=N       schedules with at most N preemptions    } says \"not exhaustive\"",
		"  seconds=N           at most so long a cell                  } and by what",
		"  first               stop a cell at its first violation",
		"  after=N             reduced: at most N seconds after its first violation (\"decided\")",
		"  exhaustive          no bound: the default of the hosted explorer; in the kernel it is "
		"first max=100",
		"  reduce=source       one interleaving of those that differ in commuting steps only: the "
		"default",
		"                      of the hosted explorer where there is no bound (sleep: weaker; off: "
		"all)",
		"  states              count the final states",
		"  coverage            the protocol steps, and pairs of them, that were reached",
		"  replay=STRING       run the one schedule that a report names",
		"  quiet               the table only",
		"  tsv                 the table only, for programs: columns separated by tabs",
		"  list                the races; the schemes and what they cost a file",
		"  strict              exit 1 if any cell has a violation",
		"Exit status: 0 explored, and " SAFE_SCHEME
		" had no violation; 1 it had (strict, replay: any scheme had);",
		"2 not understood; 3 the explorer failed.",
	};

	print_lines(p, before, ARRAY_SIZE(before));
	print_syntax(p, "setup:", scenario_setup_syntax);
	print_syntax(p, "operations:", scenario_op_syntax);
	print_lines(p, notes, ARRAY_SIZE(notes));
	print(p, "  SCHEME             ");
	for (unsigned i = 0; dax_lock_scheme(i); i++)
		print(p, " %s", dax_lock_scheme(i)->name);
	print_lines(p, options, ARRAY_SIZE(options));
}

void print_list(struct printer *p)
{
	for (unsigned i = 0; race_at(i); i++)
		print(p, "%s\n    %s\n    %s\n", race_at(i)->name, race_at(i)->what, race_at(i)->scenario);
	print(p, "\n%-7s %9s %10s\n", "scheme", "bytes a", "and a 2 MiB");
	print(p, "%-7s %9s %10s\n", "", "file", "segment");
	for (unsigned i = 0; dax_lock_scheme(i); i++)
		print(p, "%-7s %9u %10u   %s\n", dax_lock_scheme(i)->name, dax_lock_scheme(i)->bytes,
			dax_lock_scheme(i)->segment_bytes, dax_lock_scheme(i)->describe);
}
