/* SPDX-License-Identifier: MIT */
/* truncate -s SIZE FILE…: sets the files' length, making them if need be. */
#include "util.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long long size = -1;
	int opt;

	while ((opt = getopt(argc, argv, "s:")) != -1) {
		if (opt != 's')
			return 2;
		size = parse_number(optarg);
	}
	if (size < 0 || optind == argc) {
		fprintf(stderr, "usage: truncate -s SIZE FILE...\n");
		return 2;
	}
	for (int i = optind; i < argc; i++) {
		int fd = open(argv[i], O_WRONLY | O_CREAT, 0666);

		if (fd < 0 || ftruncate(fd, size) < 0 || close(fd) < 0)
			err(1, "%s", argv[i]);
	}
	return 0;
}
