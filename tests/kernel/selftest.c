/* SPDX-License-Identifier: MIT */
/* Runs the kernel's own tests and reports them as KTAP. Client: kernel/main.c, by the option "selftest". */
#include "tests/kernel/selftest.h"

#include "drivers/serial.h"
#include "kernel/thread.h"
#include "lib/fmt.h"
#include "lib/string.h"

static const struct selftest *const suites[] = {
	cpu_selftests, paging_selftests, memory_selftests, sync_selftests, sched_selftests};

/* KTAP is read by a program: a line of it has no prefix. */
static void PRINTF_LIKE(1, 2) print_line(const char *fmt, ...)
{
	char line[200];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	fmt_vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	n = strlen(line);
	line[n++] = '\n';
	serial_write(line, n);
}

unsigned selftest_run(void)
{
	unsigned count = 0, number = 0, failed = 0;

	for (size_t s = 0; s < ARRAY_SIZE(suites); s++)
		for (const struct selftest *t = suites[s]; t->name; t++)
			count++;
	print_line("KTAP version 1");
	print_line("1..%u", count);
	for (size_t s = 0; s < ARRAY_SIZE(suites); s++) {
		for (const struct selftest *t = suites[s]; t->name; t++) {
			const char *problem = t->run();

			number++;
			if (problem) {
				failed++;
				print_line("# %s", problem);
			}
			print_line("%sok %u - %s", problem ? "not " : "", number, t->name);
		}
	}
	return failed;
}

/* A crew of threads that run the same function. A member's last access to it is the count. */
struct crew {
	void (*fn)(void *);
	void *arg;
	_Atomic(unsigned) left;
};

static void crew_member(void *arg)
{
	struct crew *c = arg;

	c->fn(c->arg);
	atomic_fetch_sub(&c->left, 1);
}

bool selftest_threads(unsigned n, void (*fn)(void *), void *arg)
{
	struct crew c = {.fn = fn, .arg = arg, .left = n};
	bool all = true;

	for (unsigned i = 0; i < n; i++) {
		if (!thread_create("selftest", crew_member, &c, NULL)) {
			atomic_fetch_sub(&c.left, 1);
			all = false;
		}
	}
	while (atomic_load(&c.left))
		thread_sleep_ns(1000000);
	return all;
}
