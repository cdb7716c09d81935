/* SPDX-License-Identifier: MIT */
/*
 * busy [DIRECTORY]: changes files for ever, so that the power can be cut in the middle of work.
 * Each round creates a file, writes and maps it, punches, shifts and truncates it, syncs and renames it,
 * and removes an older one; a line now and then says how far it came.
 */
#include "util.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP 32 /* files alive at a time */
#define FILE_PAGES 16
#define ROUNDS_PER_LINE 64

static void fill(char *page, unsigned long round, unsigned i)
{
	memset(page, (int)(round + i), PAGE);
	snprintf(page, PAGE, "busy: round %lu page %u\n", round, i);
}

/* Part of it goes to zeros, part goes, and a hole comes in: each may be where the power is cut. */
static void shift_file(const char *path, int fd, unsigned pages)
{
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE) < 0)
		err(1, "punch %s", path);
	if (fallocate(fd, FALLOC_FL_INSERT_RANGE, (off_t)(pages / 2 * PAGE), 3 * PAGE) < 0)
		err(1, "insert %s", path);
	if (fallocate(fd, FALLOC_FL_ZERO_RANGE, PAGE / 2, 2 * PAGE) < 0)
		err(1, "zero range %s", path);
	if (fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, PAGE, 2 * PAGE) < 0)
		err(1, "collapse %s", path);
}

static void write_file(const char *path, unsigned long round)
{
	static char page[PAGE];
	unsigned pages = 1 + round % FILE_PAGES;
	char *map;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
	if (fd < 0)
		err(1, "%s", path);
	for (unsigned i = 0; i < pages; i++) {
		fill(page, round, i);
		write_all(fd, page, PAGE);
	}
	if (ftruncate(fd, (off_t)((pages + 2) * PAGE)) < 0)
		err(1, "ftruncate %s", path);
	map = mmap(NULL, (pages + 2) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap %s", path);
	fill(map + (pages + 1) * PAGE, round, pages + 1);
	munmap(map, (pages + 2) * PAGE);
	if (pages > 2)
		shift_file(path, fd, pages);
	if (fsync(fd) < 0)
		err(1, "fsync %s", path);
	if (round % 5 == 0 && ftruncate(fd, PAGE / 2) < 0)
		err(1, "ftruncate %s", path);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/data/busy";
	char fresh[64], kept[64];

	if (!is_directory(dir) && mkdir(dir, 0777) < 0)
		err(1, "%s", dir);
	if (chdir(dir) < 0)
		err(1, "%s", dir);
	for (unsigned long round = 0;; round++) {
		snprintf(fresh, sizeof(fresh), "new%lu", round % KEEP);
		snprintf(kept, sizeof(kept), "kept%lu", round % KEEP);
		write_file(fresh, round);
		if (rename(fresh, kept) < 0)
			err(1, "rename %s", fresh);
		snprintf(kept, sizeof(kept), "kept%lu", (round * 7 + KEEP / 2) % KEEP);
		if (round % 3 == 0)
			unlink(kept);
		if (round % ROUNDS_PER_LINE == 0) {
			printf("busy: . round %lu\n", round);
			fflush(stdout);
		}
	}
}
