/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own tests, in debug builds, run by the option "selftest" before init: what needs the real machine — CPUs,
 * page tables, interrupts, preemption. What does not is tested hosted (tests/host). Output: KTAP on the console.
 */
#ifndef TESTS_KERNEL_SELFTEST_H
#define TESTS_KERNEL_SELFTEST_H

#include "lib/types.h"

struct selftest {
	const char *name;
	/* NULL: passed; else what went wrong. Runs in a kernel thread, may sleep. */
	const char *(*run)(void);
};

/* Ends with an entry whose name is NULL. */
extern const struct selftest cpu_selftests[], paging_selftests[], memory_selftests[], sync_selftests[],
	sched_selftests[];

/* Runs all of them; the number that failed. */
unsigned selftest_run(void);

/* Runs fn(arg) in n threads and waits for all of them; false: no memory for so many. */
bool selftest_threads(unsigned n, void (*fn)(void *), void *arg);

#define SELFTEST_CHECK(cond)                     \
	do {                                     \
		if (!(cond))                     \
			return "not so: " #cond; \
	} while (0)

#endif
