/* SPDX-License-Identifier: MIT */
/* Target "text": the kernel's command line, and scenarios of the race explorer. The first byte says which. */
#include <stdlib.h>
#include <string.h>

#include "explore/scenario.h"
#include "kernel/options.h"
#include "tests/hostile/target.h"
#include "tests/hostile/world.h"

int LLVMFuzzerInitialize(int *argc UNUSED, char ***argv UNUSED)
{
	setenv("SIM_VERBOSE", "-1", 0);
	return 0;
}

static void parse_scenario(const char *text)
{
	static struct scenario sc;
	char line[80], err[96] = "";

	if (scenario_parse(text, &sc, err, sizeof(err))) {
		if (!err[0])
			finding("refused without a reason");
		return;
	}
	if (sc.nr_threads > EXPLORE_MAX_THREADS || sc.nr_files > EXPLORE_MAX_FILES ||
		sc.nr_prepare > EXPLORE_MAX_PREPARE)
		finding("%u threads, %u files", sc.nr_threads, sc.nr_files);
	for (unsigned t = 0; t < sc.nr_threads; t++) {
		if (sc.threads[t].nr > EXPLORE_MAX_OPS)
			finding("%u operations", sc.threads[t].nr);
		for (unsigned k = 0; k < sc.threads[t].nr; k++)
			scenario_op_text(&sc, &sc.threads[t].ops[k], line, sizeof(line));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] % 2)
		parse_scenario(text);
	else
		options_parse(text);
	free(text);
	return 0;
}
