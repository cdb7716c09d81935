/* SPDX-License-Identifier: MIT */
/* Runs a target on the files and the files of the directories that the command line names, once each. For compilers without libFuzzer. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/hostile/target.h"

static unsigned runs;

static void run_file(const char *path)
{
	static u8 data[1 << 16];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		perror(path);
		exit(2);
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	fprintf(stderr, "Running: %s\n", path);
	LLVMFuzzerTestOneInput(data, n);
	runs++;
}

static void run_path(const char *path)
{
	struct dirent **list;
	int n = scandir(path, &list, NULL, alphasort);

	if (n < 0) {
		run_file(path);
		return;
	}
	for (int k = 0; k < n; k++) {
		char below[500];

		snprintf(below, sizeof(below), "%s/%s", path, list[k]->d_name);
		if (list[k]->d_name[0] != '.')
			run_path(below);
		free(list[k]);
	}
	free(list);
}

int main(int argc, char **argv)
{
	LLVMFuzzerInitialize(&argc, &argv);
	for (int k = 1; k < argc; k++)
		run_path(argv[k]);
	printf("%u inputs\n", runs);
	return 0;
}
