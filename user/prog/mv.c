/* SPDX-License-Identifier: MIT */
/* mv FROM TO: renames, or moves into a directory. */
#include "util.h"

#include <err.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	const char *to;

	if (argc != 3) {
		fprintf(stderr, "usage: mv FROM TO\n");
		return 2;
	}
	to = is_directory(argv[2]) ? join_path(argv[2], base_name(argv[1])) : argv[2];
	if (rename(argv[1], to) < 0)
		err(1, "%s to %s", argv[1], to);
	return 0;
}
