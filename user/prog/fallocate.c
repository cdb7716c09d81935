/* SPDX-License-Identifier: MIT */
/* fallocate [-p] [-n] [-o OFFSET] -l LENGTH FILE: allocates a range of a file; -p punches a hole
 * instead, -n keeps the size. */
#include "util.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long long offset = 0, len = -1;
	int mode = 0;
	int fd, opt;

	while ((opt = getopt(argc, argv, "pno:l:")) != -1) {
		if (opt == 'p')
			mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		else if (opt == 'n')
			mode |= FALLOC_FL_KEEP_SIZE;
		else if (opt == 'o')
			offset = parse_number(optarg);
		else if (opt == 'l')
			len = parse_number(optarg);
		else
			return 2;
	}
	if (len < 0 || optind + 1 != argc) {
		fprintf(stderr, "usage: fallocate [-p] [-n] [-o OFFSET] -l LENGTH FILE\n");
		return 2;
	}
	fd = open(argv[optind], O_RDWR | O_CREAT, 0666);
	if (fd < 0 || fallocate(fd, mode, offset, len) < 0 || close(fd) < 0)
		err(1, "%s", argv[optind]);
	return 0;
}
