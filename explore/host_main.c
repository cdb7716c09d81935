/* SPDX-License-Identifier: MIT */
/* The hosted explorer: explore.h's words as arguments. */
#include "explore/explore.h"
#include "host/sim.h"

#include <stdio.h>

/* In the build that sees every access: shared state was touched without a mark, or unordered. */
enum { EXIT_UNMARKED = 4 };

static void to_stdout(void *arg, const char *s, size_t n)
{
	(void)arg;
	fwrite(s, 1, n, stdout);
}

int main(int argc, char **argv)
{
	int status;

	/* Who reads a pipe sees a cell when it is done. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	status = explore_run_words(argc - 1, (const char *const *)argv + 1, to_stdout, NULL);
	return sim_unmarked_report() && !status ? EXIT_UNMARKED : status;
}
