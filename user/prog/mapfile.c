/* SPDX-License-Identifier: MIT */
/*
 * The demonstration of first light, on files of a DAX file system.
 *
 * 1. Maps /data/hello.txt, which the host put on the image, prints it through the mapping, stores a
 *    line through the mapping and syncs it: the host reads that line afterwards.
 * 2. Two processes share a two-page file. One truncates it under the other, which then touches the
 *    second page and must die by SIGBUS.
 *
 * The two take turns by a word in a third file that both map. Another directory than /data can be
 * given. Exits 0 when all was as it should be.
 */
#include "util.h"

#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char stored_line[] = "stored through the mapping by mapfile\n";

enum turn { CHILD_MAPS, PARENT_TRUNCATES, CHILD_TOUCHES };

static void *map_shared(int fd, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void await(_Atomic int *turn, enum turn want)
{
	while (atomic_load(turn) != (int)want)
		sched_yield();
}

static int ends_with_stored_line(const char *text, size_t len)
{
	size_t n = strlen(stored_line);

	return len >= n && !memcmp(text + len - n, stored_line, n);
}

/* Prints the host's file through a mapping and adds a line to it through the mapping. */
static void show_and_store(const char *path)
{
	size_t n = strlen(stored_line);
	struct stat st;
	char *text;
	size_t len;
	int fd;

	fd = open(path, O_RDWR);
	if (fd < 0 || fstat(fd, &st) < 0)
		err(1, "%s", path);
	len = (size_t)st.st_size;
	if (!len)
		errx(1, "%s is empty", path);
	text = map_shared(fd, len + n);
	printf("mapfile: %s, %zu bytes, read through a shared mapping:\n", path, len);
	fwrite(text, 1, len, stdout);

	if (ends_with_stored_line(text, len)) {
		memcpy(text + len - n, stored_line, n);
	} else {
		if (ftruncate(fd, (off_t)(len + n)) < 0)
			err(1, "ftruncate %s", path);
		memcpy(text + len, stored_line, n);
	}
	if (fsync(fd) < 0)
		err(1, "fsync %s", path);
	printf("mapfile: stored a line through the mapping, and synced it\n");
	munmap(text, len + n);
	close(fd);
}

/* The process under whose feet the file shrinks. */
static void touch_after_truncate(int fd, _Atomic int *turn)
{
	volatile char *p = map_shared(fd, 2 * PAGE);

	p[0] = 'a';
	p[PAGE] = 'b';
	atomic_store(turn, PARENT_TRUNCATES);
	await(turn, CHILD_TOUCHES);
	p[0] = 'c';
	p[PAGE] = 'd';
	_exit(0);
}

static int show_truncate(const char *path, const char *turn_path)
{
	_Atomic int *turn = map_new_file(turn_path, PAGE);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
	int status;
	pid_t pid;
	char first;

	if (fd < 0 || ftruncate(fd, 2 * PAGE) < 0)
		err(1, "%s", path);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0)
		touch_after_truncate(fd, turn);

	await(turn, PARENT_TRUNCATES);
	printf("mapfile: process %d has both pages of %s mapped and written; truncating it to one\n",
		(int)pid, path);
	fflush(stdout);
	if (ftruncate(fd, PAGE) < 0)
		err(1, "ftruncate %s", path);
	atomic_store(turn, CHILD_TOUCHES);
	status = wait_for(pid);
	printf("mapfile: process %d was %s\n", (int)pid, status_text(status));

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS) {
		warnx("it should have been killed by SIGBUS at the second page");
		return 1;
	}
	if (pread(fd, &first, 1, 0) != 1 || first != 'c') {
		warnx("its store to the first page, which the file still has, is lost");
		return 1;
	}
	printf("mapfile: as it should be: the first page took the store, the second is gone\n");
	close(fd);
	unlink(turn_path);
	return 0;
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/data";

	show_and_store(join_path(dir, "hello.txt"));
	return show_truncate(join_path(dir, "shrinking"), join_path(dir, "mapfile-turn"));
}
