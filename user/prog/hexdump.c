/* SPDX-License-Identifier: MIT */
/* hexdump [-s OFFSET] [-n LENGTH] FILE: bytes in hexadecimal and as text, sixteen a line. */
#include "util.h"

#include <ctype.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void print_line(long long offset, const unsigned char *p, ssize_t n)
{
	printf("%08llx ", offset);
	for (ssize_t i = 0; i < 16; i++) {
		printf("%s", i == 8 ? " " : "");
		if (i < n)
			printf(" %02x", p[i]);
		else
			printf("   ");
	}
	printf("  |");
	for (ssize_t i = 0; i < n; i++)
		putchar(isprint(p[i]) ? p[i] : '.');
	printf("|\n");
}

int main(int argc, char **argv)
{
	unsigned char buf[16];
	long long offset = 0, left = INT64_MAX;
	ssize_t n = 0;
	int fd, opt;

	while ((opt = getopt(argc, argv, "s:n:")) != -1) {
		if (opt == 's')
			offset = parse_number(optarg);
		else if (opt == 'n')
			left = parse_number(optarg);
		else
			return 2;
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "usage: hexdump [-s OFFSET] [-n LENGTH] FILE\n");
		return 2;
	}
	fd = open(argv[optind], O_RDONLY);
	if (fd < 0)
		err(1, "%s", argv[optind]);
	for (; left > 0; offset += n, left -= n) {
		n = pread(fd, buf, left < 16 ? (size_t)left : sizeof(buf), offset);
		if (n <= 0)
			break;
		print_line(offset, buf, n);
	}
	if (n < 0)
		err(1, "%s", argv[optind]);
	return 0;
}
