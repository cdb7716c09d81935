/* SPDX-License-Identifier: MIT */
/*
 * churn DIRECTORY SEED N: N random changes of a tree, the same ones for the same seed and the same tree, on Faultline and on Linux alike. Calls
 * may fail (a name is taken, a directory is not empty, the file system is full); that is part of it.
 */
#define _GNU_SOURCE
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

#define NAMES 40
#define MAX_SIZE (300 * 4096L)
#define MAX_WRITE 60000

static uint64_t state;

static long below(long n)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (long)((state >> 33) % (uint64_t)n);
}

/* One of the tree's names; every fourth is in a directory, which may not be there. */
static const char *pick(char *name)
{
	long n = below(NAMES);

	if (n % 4)
		sprintf(name, "file-%ld", n);
	else
		sprintf(name, "dir-%ld/file-%ld", n / 4 % 3, n);
	return name;
}

static void pick_directory(char *name)
{
	sprintf(name, "dir-%ld", below(3));
}

/* A range of whole blocks where `aligned`. */
static off_t pick_offset(int aligned)
{
	long at = below(MAX_SIZE);

	return aligned ? at & ~4095L : at;
}

static void write_some(int fd)
{
	static char data[MAX_WRITE];
	long size = 1 + below(below(2) ? 200 : MAX_WRITE);

	for (long i = 0; i < size; i++)
		data[i] = (char)(state >> 40) + (char)i;
	if (pwrite(fd, data, (size_t)size, pick_offset(0)) < 0 && errno != ENOSPC)
		err(1, "pwrite");
}

/* Never past the end, which would be SIGBUS. */
static void store_some(int fd)
{
	struct stat st;
	char *map;

	if (fstat(fd, &st) < 0 || st.st_size < 4096)
		return;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
	for (long n = below(20); n > 0; n--)
		map[below(st.st_size)] = (char)n;
	munmap(map, (size_t)st.st_size);
}

static void allocate(int fd)
{
	static const int modes[] = {
		0,
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE,
	};
	int mode = modes[below(7)];
	int aligned = mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE);
	off_t at = pick_offset(aligned), size = aligned ? 4096 * (1 + below(20)) : 1 + below(100000);
	struct stat st;

	if (fstat(fd, &st) == 0 && (mode & FALLOC_FL_INSERT_RANGE) && st.st_size > MAX_SIZE)
		return;
	fallocate(fd, mode, at, size);
}

static void change_file(const char *name, long what)
{
	int fd = open(name, O_RDWR | O_CREAT, 0666);

	if (fd < 0)
		return;
	if (what < 3)
		write_some(fd);
	else if (what < 5)
		allocate(fd);
	else if (what < 6)
		store_some(fd);
	else if (ftruncate(fd, pick_offset(0)) < 0)
		err(1, "ftruncate %s", name);
	close(fd);
}

static void change_names(long what)
{
	char name[64], other[64];

	pick(name);
	pick(other);
	switch (what) {
	case 0:
		unlink(name);
		break;
	case 1:
		rename(name, other);
		break;
	case 2:
		if (link(name, other) < 0)
			symlink(name, other);
		break;
	case 3:
		pick_directory(name);
		if (mkdir(name, 0777) < 0)
			rmdir(name);
		break;
	case 4:
		pick_directory(name);
		pick_directory(other);
		rename(name, other);
		break;
	}
}

int main(int argc, char **argv)
{
	char name[64];

	if (argc != 4)
		errx(2, "usage: churn DIRECTORY SEED N");
	if (mkdir(argv[1], 0777) < 0 && errno != EEXIST)
		err(1, "mkdir %s", argv[1]);
	if (chdir(argv[1]) < 0)
		err(1, "%s", argv[1]);
	state = strtoul(argv[2], NULL, 10);
	for (long n = strtol(argv[3], NULL, 10); n > 0; n--) {
		long what = below(12);

		if (what < 7)
			change_file(pick(name), what);
		else
			change_names(what - 7);
	}
	return 0;
}
