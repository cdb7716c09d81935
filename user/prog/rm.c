/* SPDX-License-Identifier: MIT */
/* rm [-r] [-f] PATH…: removes files; -r directories with what is in them; -f not minding absence.
 */
#include "util.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int recursive, force;

static int remove_path(const char *path);

/* Reads the directory anew for each name: removing an entry may move the reading position. */
static int remove_contents(const char *path)
{
	int failed = 0;

	while (!failed) {
		DIR *dir = opendir(path);
		struct dirent *d = NULL;
		char *victim;

		if (!dir) {
			warn("%s", path);
			return 1;
		}
		do
			d = readdir(dir);
		while (d && (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..")));
		victim = d ? strdup(join_path(path, d->d_name)) : NULL;
		closedir(dir);
		if (!victim)
			break;
		failed = remove_path(victim);
		free(victim);
	}
	return failed;
}

static int remove_path(const char *path)
{
	struct stat st;
	int ret;

	if (lstat(path, &st) < 0) {
		if (force && errno == ENOENT)
			return 0;
		warn("%s", path);
		return 1;
	}
	if (S_ISDIR(st.st_mode)) {
		if (!recursive) {
			warnx("%s is a directory", path);
			return 1;
		}
		if (remove_contents(path))
			return 1;
		ret = rmdir(path);
	} else {
		ret = unlink(path);
	}
	if (ret < 0)
		warn("%s", path);
	return ret < 0;
}

int main(int argc, char **argv)
{
	int failed = 0;
	int opt;

	while ((opt = getopt(argc, argv, "rf")) != -1) {
		if (opt == 'r')
			recursive = 1;
		else if (opt == 'f')
			force = 1;
		else
			return 2;
	}
	for (int i = optind; i < argc; i++)
		failed |= remove_path(argv[i]);
	return failed;
}
