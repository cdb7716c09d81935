/* SPDX-License-Identifier: MIT */
/* mkdir [-p] DIRECTORY…: makes directories; -p also the ones above, not minding existing ones. */
#include "util.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make(const char *path, int parents)
{
	char *copy, *slash;

	if (parents) {
		copy = strdup(path);
		if (!copy)
			err(1, "%s", path);
		for (slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
			*slash = '\0';
			mkdir(copy, 0777);
			*slash = '/';
		}
		free(copy);
	}
	if (mkdir(path, 0777) == 0 || (parents && errno == EEXIST && is_directory(path)))
		return 0;
	warn("%s", path);
	return 1;
}

int main(int argc, char **argv)
{
	int parents = argc > 1 && !strcmp(argv[1], "-p");
	int failed = 0;

	for (int i = 1 + parents; i < argc; i++)
		failed |= make(argv[i], parents);
	return failed;
}
