/* SPDX-License-Identifier: MIT */
/*
 * Large files and directories, made, changed and told about by a static program that runs on Faultline and on Linux alike.
 *
 *   large extents FILE N        a file of N extents: every other block, in scattered order
 *   large sparse FILE           a file of 1 TiB with data here and there
 *   large change FILE           punches, fills and cuts either of them
 *   large digest FILE           one line: size, runs of data, and a digest of where they are and what they hold
 *   large names DIRECTORY N     N files with long names, each holding its own
 *   large rename DIRECTORY N    a third of them goes, a third gets another name
 *   large count DIRECTORY N     looks each of them up by name, after `rename` with N < 0, and finds no others
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096L
#define SPARSE_SIZE (1L << 40)
#define STRIDE 7919 /* a prime: i * STRIDE % N visits all, unless it divides N */

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags, 0666);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void put(int fd, uint64_t value, off_t at)
{
	uint64_t words[8] = {value, ~value, (uint64_t)at, value * 3, 5, 6, 7, value};

	if (pwrite(fd, words, sizeof(words), at) != sizeof(words))
		err(1, "pwrite at %#lx", (long)at);
}

static void extents(const char *path, long n)
{
	int fd = open_file(path, O_RDWR | O_CREAT);

	for (long i = 0; i < n; i++) {
		long k = i * STRIDE % n;

		put(fd, (uint64_t)k, 2 * k * BLOCK);
	}
	if (fsync(fd) < 0)
		err(1, "fsync");
}

static void sparse(const char *path)
{
	int fd = open_file(path, O_RDWR | O_CREAT);
	char *map;

	if (ftruncate(fd, SPARSE_SIZE) < 0)
		err(1, "ftruncate");
	for (off_t at = BLOCK; at < SPARSE_SIZE; at *= 2) {
		put(fd, (uint64_t)at, at);
		put(fd, (uint64_t)at, SPARSE_SIZE - at);
	}
	map = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, SPARSE_SIZE - 8 * BLOCK);
	if (map == MAP_FAILED)
		err(1, "mmap");
	strcpy(map, "stored through a mapping");
	if (msync(map, BLOCK, MS_SYNC) < 0)
		err(1, "msync");
}

static void allocate(int fd, int mode, off_t at, off_t size)
{
	if (fallocate(fd, mode, at, size) < 0)
		err(1, "fallocate %d at %#lx", mode, (long)at);
}

static void change(const char *path)
{
	int fd = open_file(path, O_RDWR);
	off_t at = 0, size = lseek(fd, 0, SEEK_END);

	for (long n = 0; (at = lseek(fd, at, SEEK_DATA)) >= 0; n++) {
		if (n % 10 == 3)
			allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, BLOCK);
		if (n % 10 == 5 && at + 2 * BLOCK <= size)
			put(fd, (uint64_t)n, at + BLOCK);
		if (n % 50 == 7)
			allocate(fd, FALLOC_FL_KEEP_SIZE, at,
				3 * BLOCK); /* unwritten: still a hole to look at */
		if (n % 50 == 9)
			allocate(fd, FALLOC_FL_ZERO_RANGE, at, BLOCK / 2);
		at += 2 * BLOCK;
	}
	if (ftruncate(fd, size / 4 * 3 + 100) < 0 || ftruncate(fd, size) < 0 || fsync(fd) < 0)
		err(1, "%s", path);
}

static uint64_t mix(uint64_t digest, uint64_t word)
{
	return (digest ^ word) * 0x9e3779b97f4a7c15 + (digest >> 29);
}

/* Blocks of zeros count as holes: which of them are allocated is not told. */
static void digest(const char *path)
{
	int fd = open_file(path, O_RDONLY);
	uint64_t words[BLOCK / 8], sum = 0;
	struct stat st;
	long runs = 0;

	if (fstat(fd, &st) < 0)
		err(1, "fstat");
	for (off_t at = 0, end; (at = lseek(fd, at, SEEK_DATA)) >= 0; at = end) {
		end = lseek(fd, at, SEEK_HOLE);
		if (end < 0)
			err(1, "SEEK_HOLE");
		runs++;
		for (; at < end; at += BLOCK) {
			memset(words, 0, sizeof(words));
			if (pread(fd, words, sizeof(words), at) < 0)
				err(1, "pread");
			sum = mix(sum, (uint64_t)at);
			for (unsigned i = 0; i < BLOCK / 8; i++)
				sum = mix(sum, words[i]);
		}
	}
	if (errno != ENXIO)
		err(1, "SEEK_DATA");
	printf("%s: size %ld, %ld blocks, %ld runs, digest %016lx\n", path, (long)st.st_size,
		(long)st.st_blocks, runs, (unsigned long)sum);
}

static void name_of(char *name, const char *kind, long i)
{
	sprintf(name, "%s-%06ld-a-name-that-fills-its-directory-with-leaves", kind, i);
}

static void write_name(const char *name)
{
	int fd = open_file(name, O_WRONLY | O_CREAT | O_EXCL);

	if (write(fd, name, strlen(name)) < 0)
		err(1, "%s", name);
	close(fd);
}

static void names(long n)
{
	char name[96];

	for (long i = 0; i < n; i++) {
		name_of(name, "first", i);
		write_name(name);
	}
}

static void rename_names(long n)
{
	char name[96], other[96];

	for (long i = 0; i < n; i++) {
		name_of(name, "first", i);
		name_of(other, "other", i);
		if ((i % 3 == 0 && unlink(name) < 0) || (i % 3 == 1 && rename(name, other) < 0))
			err(1, "%s", name);
	}
}

static void look_up(const char *name, const char *content)
{
	char got[96] = "";
	int fd = open_file(name, O_RDONLY);

	if (read(fd, got, sizeof(got) - 1) < 0)
		err(1, "%s", name);
	if (strcmp(got, content))
		errx(1, "%s holds '%s', not '%s'", name, got, content);
	close(fd);
}

static void count(long n)
{
	long renamed = n < 0, expected = 0, found = 0;
	char name[96], other[96];
	DIR *d = opendir(".");

	n = labs(n);
	for (long i = 0; i < n; i++) {
		name_of(name, "first", i);
		name_of(other, "other", i);
		if (renamed && i % 3 == 0) {
			if (!access(name, F_OK))
				errx(1, "%s is back", name);
			continue;
		}
		look_up(renamed && i % 3 == 1 ? other : name, name);
		expected++;
	}
	while (d && readdir(d))
		found++;
	if (found != expected + 2)
		errx(1, "%ld entries, not %ld", found, expected + 2);
	printf("%ld names\n", expected);
}

static void in_directory(const char *path)
{
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		err(1, "mkdir %s", path);
	if (chdir(path) < 0)
		err(1, "%s", path);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long n = argc > 3 ? strtol(argv[3], NULL, 10) : 0;

	if (!strcmp(what, "extents") && n > 0)
		extents(argv[2], n);
	else if (!strcmp(what, "sparse"))
		sparse(argv[2]);
	else if (!strcmp(what, "change"))
		change(argv[2]);
	else if (!strcmp(what, "digest"))
		digest(argv[2]);
	else if (!strcmp(what, "names") && n)
		in_directory(argv[2]), names(n);
	else if (!strcmp(what, "rename") && n)
		in_directory(argv[2]), rename_names(n);
	else if (!strcmp(what, "count") && n)
		in_directory(argv[2]), count(n);
	else
		errx(2,
			"usage: large extents|sparse|change|digest FILE [N], large names|rename|count "
			"DIRECTORY N");
	return 0;
}
