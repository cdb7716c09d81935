/* SPDX-License-Identifier: MIT */
/* cat [FILE…]: copies files, or standard input, to standard output. */
#include "util.h"

#include <err.h>
#include <fcntl.h>
#include <unistd.h>

static int copy_out(int fd, const char *name)
{
	static char buf[16384];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		write_all(STDOUT_FILENO, buf, (size_t)n);
	if (n < 0)
		warn("%s", name);
	return n < 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc < 2)
		return copy_out(STDIN_FILENO, "standard input");
	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY);

		if (fd < 0) {
			warn("%s", argv[i]);
			failed = 1;
			continue;
		}
		failed |= copy_out(fd, argv[i]);
		close(fd);
	}
	return failed;
}
