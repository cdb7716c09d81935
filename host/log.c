/* SPDX-License-Identifier: MIT */
/* Log and panic of the simulation: stderr. Silent but for errors unless SIM_VERBOSE=1 (2: debug lines as well; -1: not even errors). */
#include "kernel/log.h"
#include "host/machine.h"
#include "lib/fmt.h"

#include <stdio.h>
#include <stdlib.h>

static void (*panic_hook)(const char *text);

static int verbosity(void)
{
	const char *v = getenv("SIM_VERBOSE");

	return v ? atoi(v) : 0;
}

void log_line(enum log_level level, const char *subsys, const char *fmt, ...)
{
	static const char *const names[] = {"error: ", "warning: ", ""};
	char buf[512];
	va_list ap;
	int v = verbosity();

	if (v < 0 || level > (v == 0 ? LOG_ERR : LOG_INFO))
		return;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	fprintf(stderr, "# %s: %s%s\n", subsys, names[level], buf);
}

void sim_set_panic_hook(void (*fn)(const char *text))
{
	panic_hook = fn;
}

void panic(const char *fmt, ...)
{
	char buf[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (panic_hook && sim_machine && sim_machine->running != &sim_machine->threads[0] &&
		sim_machine->irq_cpu < 0)
		panic_hook(buf);
	fflush(stdout);
	fprintf(stderr, "# PANIC: %s\n", buf);
	abort();
}
