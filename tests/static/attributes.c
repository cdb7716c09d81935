/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes, changed and told about by a static program that runs on Faultline and on Linux alike.
 *
 *   attributes change DIRECTORY SEED  each file gets one that is the same for all, which Linux keeps in a block that they share; then random
 *                                     changes, the same ones for the same seed. What a file has at most fits in one block.
 *   attributes list DIRECTORY         a line for each: file, name, length, digest
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FILES 24
#define CHANGES 40
#define SAME 500L /* bytes */
#define SMALL 60L
#define LARGE 700L

static const char *const names[] = {
	"user.a",
	"user.the-second",
	"user.b",
	"trusted.a",
	"trusted.another-name",
	"security.a",
	"security.b",
	"user.c",
};
#define NAMES (long)(sizeof(names) / sizeof(names[0]))

static uint64_t state;

static long below(long n)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (long)((state >> 33) % (uint64_t)n);
}

/* File n; the directory itself is one of them. */
static const char *path_of(const char *dir, long n)
{
	static char path[200];

	if (n)
		snprintf(path, sizeof(path), "%s/file-%ld", dir, n);
	else
		snprintf(path, sizeof(path), "%s", dir);
	return path;
}

static void set(const char *path, const char *name, long size)
{
	char value[LARGE];

	for (long i = 0; i < size; i++)
		value[i] = (char)below(256);
	if (setxattr(path, name, value, (size_t)size, 0) < 0)
		err(1, "%s of %s", name, path);
}

static void change(const char *dir, uint64_t seed)
{
	mkdir(dir, 0755);
	for (long n = 1; n < FILES; n++)
		close(open(path_of(dir, n), O_RDWR | O_CREAT, 0644));
	for (long n = 0; n < FILES; n++) {
		state = seed;
		set(path_of(dir, n), "user.same", SAME);
	}
	for (long i = 0; i < CHANGES; i++) {
		const char *path = path_of(dir, below(FILES));
		long k = below(NAMES);

		if (below(3))
			set(path, names[k], below(k % 2 ? LARGE : SMALL));
		else if (removexattr(path, names[k]) < 0 && errno != ENODATA)
			err(1, "%s of %s goes", names[k], path);
	}
	unlink(path_of(dir, 1 + (long)(seed % 5)));
	sync();
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void show(const char *path, const char *name)
{
	uint64_t digest = 0xcbf29ce484222325;
	unsigned char value[LARGE];
	ssize_t n = getxattr(path, name, value, sizeof(value));

	if (n < 0)
		err(1, "%s of %s", name, path);
	for (ssize_t i = 0; i < n; i++)
		digest = (digest ^ value[i]) * 0x100000001b3;
	printf("%s %s %zd %016llx\n", path, name, n, (unsigned long long)digest);
}

static void list(const char *path)
{
	char buf[1000], *sorted[NAMES + 1];
	ssize_t n = listxattr(path, buf, sizeof(buf));
	int count = 0;

	if (n < 0 && errno == ENOENT)
		return;
	if (n < 0)
		err(1, "list of %s", path);
	for (char *p = buf; p < buf + n && count <= NAMES; p += strlen(p) + 1)
		sorted[count++] = p;
	qsort(sorted, (size_t)count, sizeof(sorted[0]), by_text);
	for (int i = 0; i < count; i++)
		show(path, sorted[i]);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "change"))
		change(argv[2], strtoull(argv[3], NULL, 10));
	else if (argc == 3 && !strcmp(argv[1], "list"))
		for (long n = 0; n < FILES; n++)
			list(path_of(argv[2], n));
	else
		errx(2, "usage: attributes change DIRECTORY SEED | attributes list DIRECTORY");
	return 0;
}
