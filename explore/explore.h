/* SPDX-License-Identifier: MIT */
/*
 * The race explorer: runs scripted threads on the real protocol code, decides at every protocol step which one goes on, enumerates the
 * interleavings, and checks after each step what must always hold. docs/PROTOCOL.md reads its output.
 *
 * A spec is words separated by blanks; a word with blanks inside stands in '…' or "…". A leading "--" of a word is ignored.
 *	RACE            a name of races.c, or a scenario in the text form of scenario.h; several are run one after the other
 *	SCHEME          none, imap, rwsem, range, entry: several are tried one after the other. With "+fault", "+global": under that policy
 *	dax_zeroing=alloc|fault, dax_zero=mapping|global   the policies of all schemes; default alloc and mapping
 *	all             every race (also when no race is named); every scheme unless one is named
 *	granularity=step|access   scheduling points: protocol steps and waits; or, hosted only, also every access to shared protocol
 *	                state, every spinlock and every user access
 *	max=N           at most N interleavings a cell             } what was cut short is called
 *	preemptions=N   schedules with at most N preemptions       } "not exhaustive", with
 *	seconds=N       at most so long a cell                     } the bound that cut it
 *	first           a cell ends at its first violation
 *	reduce=source|sleep|off  one interleaving of each class whose members differ in the order of transitions that commute (reduce.c; sleep
 *	                is the same by a weaker method). Hosted only. Default source where there is no bound, otherwise off: bounded
 *	                enumerations go by the number of switches, or of preemptions where those are bounded. Asked for together with max,
 *	                seconds or first it goes depth first, and says so
 *	states          the number of distinct final states (content of the files, results), a digest of their set, the oracles violated
 *	coverage        protocol steps, and ordered pairs of steps by different threads, that were reached; names the steps that never were
 *	exhaustive      no bound. Hosted that is the default; in the kernel, where a run costs a mount, the default is first max=100
 *	replay=STRING   run exactly the schedule that a report printed: RACE/SCHEME/GRANULARITY:A3B2…
 *	quiet           no schedules, only the table
 *	tsv             the table alone, a line as soon as its cell is done, for programs: race, scheme, interleavings, violations,
 *	                exhaustive (yes or no), the oracle and the replay string of the violation, the bound that has cut the cell short; separated
 *	                by tabs, with a head line
 *	strict          exit status 1 if any cell has a violation
 *	list            the races and their scenarios; the schemes and the bytes that each takes
 *	help
 * Exit status: 0 explored, and scheme `range`, which must survive everything, had no violation; 1 it had one (strict, replay: any scheme); 2 a
 * spec that is not understood; 3 the explorer itself failed.
 */
#ifndef EXPLORE_EXPLORE_H
#define EXPLORE_EXPLORE_H

#include "lib/types.h"

typedef void (*explore_out_fn)(void *arg, const char *s, size_t n);

/* Runs a spec, printing through out; the exit status. In the kernel: any thread that may sleep; one at a time. */
int explore_run_spec(const char *spec, explore_out_fn out, void *arg);
/* The same for words that are already apart (argv). */
int explore_run_words(int n, const char *const words[], explore_out_fn out, void *arg);
/* While true, a run ends soon: its cells are cut short. Set and cleared by whoever starts runs. */
extern _Atomic(bool) explore_stop;
/* Kernel option explore=SPEC: prints on the console; the exit status. */
int explore_kernel_main(const char *spec);

#endif
