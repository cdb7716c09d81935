/* SPDX-License-Identifier: MIT */
/* ls [-l] [PATH…]: names in a directory, sorted; -l adds mode, links and size. */
#include "util.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int long_format;
static int failed;

static void print_mode(mode_t mode)
{
	static const char types[] = "?pc?d?b?-?l?s???";
	static const char bits[] = "rwxrwxrwx";
	char text[11];

	text[0] = types[(mode & S_IFMT) >> 12];
	for (int i = 0; i < 9; i++)
		text[i + 1] = mode & (0400U >> i) ? bits[i] : '-';
	text[10] = '\0';
	printf("%s", text);
}

static void print_entry(const char *path, const char *name)
{
	struct stat st;

	if (long_format) {
		if (lstat(path, &st) < 0) {
			warn("%s", path);
			failed = 1;
			return;
		}
		print_mode(st.st_mode);
		printf(" %3lu %12lld ", st.st_nlink, (long long)st.st_size);
	}
	printf("%s\n", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	char **names = NULL;
	size_t count = 0;

	if (!dir) {
		warn("%s", path);
		failed = 1;
		return;
	}
	for (errno = 0; (d = readdir(dir)); errno = 0) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		names = realloc(names, (count + 1) * sizeof(*names));
		if (!names || !(names[count++] = strdup(d->d_name)))
			err(1, "%s", path);
	}
	if (errno) {
		warn("%s", path);
		failed = 1;
	}
	closedir(dir);
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		print_entry(join_path(path, names[i]), names[i]);
		free(names[i]);
	}
	free(names);
}

static void list(const char *path, int heading)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		warn("%s", path);
		failed = 1;
	} else if (S_ISDIR(st.st_mode)) {
		if (heading)
			printf("%s:\n", path);
		list_directory(path);
	} else {
		print_entry(path, path);
	}
}

int main(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "l")) != -1) {
		if (opt != 'l')
			return 2;
		long_format = 1;
	}
	if (optind == argc)
		list(".", 0);
	for (int i = optind; i < argc; i++)
		list(argv[i], argc - optind > 1);
	return failed;
}
