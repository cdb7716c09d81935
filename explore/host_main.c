/* SPDX-License-Identifier: MIT */
/* The hosted explorer: explore.h's words as arguments. */
#include "explore/explore.h"

#include <stdio.h>

static void to_stdout(void *arg, const char *s, size_t n)
{
	(void)arg;
	fwrite(s, 1, n, stdout);
}

int main(int argc, char **argv)
{
	/* Who reads a pipe sees a cell when it is done. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	return explore_run_words(argc - 1, (const char *const *)argv + 1, to_stdout, NULL);
}
