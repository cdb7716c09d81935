/* SPDX-License-Identifier: MIT */
/*
 * TAP for hosted tests: include in the one source file of a test program, end main with `return done_testing();`.
 * `make test` runs the programs under prove.
 */
#ifndef HOST_UNIT_H
#define HOST_UNIT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static unsigned unit_run, unit_failed, unit_planned;

/* Optional: the number of tests to come; without it done_testing() writes the plan. */
static inline void plan(unsigned n)
{
	unit_planned = n;
	printf("1..%u\n", n);
}

static inline bool unit_report(bool good, const char *file, int line, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++unit_run, name);
	if (!good) {
		unit_failed++;
		printf("#   failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

#define ok(cond, ...)                                                    \
	({                                                               \
		char unit_name_[200];                                    \
		bool unit_good_ = (cond);                                \
		snprintf(unit_name_, sizeof(unit_name_), __VA_ARGS__);   \
		unit_report(unit_good_, __FILE__, __LINE__, unit_name_); \
	})

/* Integers of any type. */
#define is(got, want, ...)                                                                                  \
	({                                                                                                  \
		long long unit_got_ = (long long)(got), unit_want_ = (long long)(want);                     \
		bool unit_ok_ = ok(unit_got_ == unit_want_, __VA_ARGS__);                                   \
		if (!unit_ok_)                                                                              \
			printf("#   got %lld (0x%llx), want %lld (0x%llx)\n", unit_got_,                    \
				(unsigned long long)unit_got_, unit_want_, (unsigned long long)unit_want_); \
		unit_ok_;                                                                                   \
	})

#define is_str(got, want, ...)                                                      \
	({                                                                          \
		const char *unit_got_ = (got), *unit_want_ = (want);                \
		bool unit_ok_ = ok(!strcmp(unit_got_, unit_want_), __VA_ARGS__);    \
		if (!unit_ok_)                                                      \
			printf("#   got '%s', want '%s'\n", unit_got_, unit_want_); \
		unit_ok_;                                                           \
	})

#define diag(...) (printf("# "), printf(__VA_ARGS__), printf("\n"), fflush(stdout))

/* The exit status of main. */
static inline int done_testing(void)
{
	if (!unit_planned)
		printf("1..%u\n", unit_run);
	else if (unit_planned != unit_run)
		printf("# planned %u tests but ran %u\n", unit_planned, unit_run);
	fflush(stdout);
	return unit_failed || (unit_planned && unit_planned != unit_run) ? 1 : 0;
}

#endif
