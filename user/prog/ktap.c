/* SPDX-License-Identifier: MIT */
/* KTAP printing. Every line is flushed: if the machine dies, the log ends at the test that did it.
 */
#include "ktap.h"

#include <stdarg.h>
#include <stdio.h>

static int count, failures;

void ktap_start(void)
{
	printf("KTAP version 1\n");
	fflush(stdout);
}

int ktap_result(int ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%sok %d - ", ok ? "" : "not ", ++count);
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	va_end(ap);
	failures += !ok;
	return ok;
}

void ktap_skip(const char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("ok %d - ", ++count);
	vprintf(fmt, ap);
	printf(" # SKIP %s\n", why);
	fflush(stdout);
	va_end(ap);
}

void ktap_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	va_end(ap);
}

int ktap_finish(void)
{
	printf("1..%d\n", count);
	printf("# %d passed, %d failed\n", count - failures, failures);
	fflush(stdout);
	return failures ? 1 : 0;
}
