/* SPDX-License-Identifier: MIT */
/* fallocate [-c | -i | -p | -z] [-n] [-o OFFSET] -l LENGTH FILE: allocates a range of a file. Instead of that -c takes the range out
 * (what follows moves down), -i puts a hole in (what follows moves up), -p punches a hole, -z turns the range into zeros. -n keeps the
 * size. */
#include "util.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int usage(void)
{
	fprintf(stderr, "usage: fallocate [-c | -i | -p | -z] [-n] [-o OFFSET] -l LENGTH FILE\n");
	return 2;
}

/* The mode of an option letter; 0: it is none. */
static int mode_of(int opt)
{
	switch (opt) {
	case 'c':
		return FALLOC_FL_COLLAPSE_RANGE;
	case 'i':
		return FALLOC_FL_INSERT_RANGE;
	case 'p':
		return FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	case 'z':
		return FALLOC_FL_ZERO_RANGE;
	default:
		return 0;
	}
}

int main(int argc, char **argv)
{
	long long offset = 0, len = -1;
	int mode = 0, keep = 0;
	int fd, opt;

	while ((opt = getopt(argc, argv, "cipzno:l:")) != -1) {
		if (mode_of(opt) && !mode)
			mode = mode_of(opt);
		else if (opt == 'n')
			keep = FALLOC_FL_KEEP_SIZE;
		else if (opt == 'o')
			offset = parse_number(optarg);
		else if (opt == 'l')
			len = parse_number(optarg);
		else
			return usage();
	}
	if (len < 0 || optind + 1 != argc)
		return usage();
	fd = open(argv[optind], O_RDWR | O_CREAT, 0666);
	if (fd < 0 || fallocate(fd, mode | keep, offset, len) < 0 || close(fd) < 0)
		err(1, "%s", argv[optind]);
	return 0;
}
