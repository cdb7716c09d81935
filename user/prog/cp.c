/* SPDX-License-Identifier: MIT */
/* cp FILE TARGET: copies a file's bytes and mode to a new name or into a directory. */
#include "util.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char buf[16384];
	const char *to;
	struct stat st, target;
	ssize_t n;
	int in, out;

	if (argc != 3) {
		fprintf(stderr, "usage: cp FILE TARGET\n");
		return 2;
	}
	to = is_directory(argv[2]) ? join_path(argv[2], base_name(argv[1])) : argv[2];
	in = open(argv[1], O_RDONLY);
	if (in < 0 || fstat(in, &st) < 0)
		err(1, "%s", argv[1]);
	if (S_ISDIR(st.st_mode))
		errx(1, "%s is a directory", argv[1]);
	if (stat(to, &target) == 0 && target.st_dev == st.st_dev && target.st_ino == st.st_ino)
		errx(1, "%s and %s are the same file", argv[1], to);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC, st.st_mode & 0777);
	if (out < 0)
		err(1, "%s", to);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		write_all(out, buf, (size_t)n);
	if (n < 0)
		err(1, "%s", argv[1]);
	if (close(out) < 0)
		err(1, "%s", to);
	return 0;
}
