/* SPDX-License-Identifier: MIT */
/*
 * Files in very many pieces, and what others wait while one of them goes. Runs on Faultline and on Linux alike.
 *
 *   full pieces FILE N         a file of N extents, each of a block: 2N blocks reserved, every other one punched out
 *   full unlink FILE           removes it, while another process makes and removes files, stores to new pages and syncs them; says how long that took
 *   full cut FILE SIZE         the same with truncate
 *   full free                  free blocks and inodes of the file system that holds the working directory
 *   full errors                fills the file system and says, in TAP, whether each call fails as it should, and works again afterwards
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096L

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags, 0666);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void pieces(const char *path, long n)
{
	int fd = open_file(path, O_RDWR | O_CREAT | O_EXCL);

	if (fallocate(fd, 0, 0, 2 * n * BLOCK) < 0)
		err(1, "fallocate");
	for (long k = 0; k < n; k++)
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (2 * k + 1) * BLOCK, BLOCK) < 0)
			err(1, "punch %ld", k);
	if (fsync(fd) < 0)
		err(1, "fsync");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Milliseconds that have gone by, if more than *longest. */
static void since(double before, double *longest)
{
	double took = (now() - before) * 1e3;

	*longest = took > *longest ? took : *longest;
}

/* Someone else, until the child has ended. */
static void meanwhile(pid_t child, double start)
{
	double longest_create = 0, longest_store = 0, longest_sync = 0, before;
	int fd = open_file("other", O_RDWR | O_CREAT | O_TRUNC), status;
	long n = 0, pages = 4096;
	char *map;

	if (ftruncate(fd, pages * BLOCK) < 0)
		err(1, "ftruncate");
	map = mmap(NULL, (size_t)(pages * BLOCK), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
	for (;; n++) {
		before = now();
		close(open_file("name", O_RDWR | O_CREAT | O_EXCL));
		if (unlink("name") < 0)
			err(1, "unlink");
		since(before, &longest_create);
		before = now();
		map[n % pages * BLOCK] = 1;
		since(before, &longest_store);
		before = now();
		if (fsync(fd) < 0)
			err(1, "fsync");
		since(before, &longest_sync);
		if (waitpid(child, &status, WNOHANG) == child)
			break;
	}
	if (status)
		errx(1, "the child ended with %#x", status);
	printf("took %.2f s; meanwhile %ld times creat and unlink, the longest %.1f ms, store to a new page "
	       "%.1f ms, fsync %.1f ms\n",
		now() - start, n, longest_create, longest_store, longest_sync);
	if (unlink("other") < 0)
		err(1, "unlink");
}

static void beside(const char *path, int cut, long size)
{
	double start = now();
	pid_t child;

	printf("begins\n");
	fflush(stdout);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child)
		_exit(cut ? truncate(path, size) < 0 : unlink(path) < 0);
	meanwhile(child, start);
}

/* --- a full file system --- */

static int tests, want; /* the errno that calls should end with now; 0: they should succeed */

static void ok(int good, const char *what)
{
	printf("%sok %d - %s%s\n", good ? "" : "not ", ++tests, what,
		want ? "" : ", and again when there is room");
}

static void result(long got, const char *what)
{
	int good = want ? got < 0 && errno == want : got >= 0;

	if (!good)
		printf("# %s: %ld, errno %d\n", what, got, errno);
	ok(good, what);
}

/* Writes until nothing more can be written; the size. *shorter: how many writes were partial. */
static off_t fill(int fd, int *shorter)
{
	static char chunk[37 * BLOCK + 100];
	off_t size = 0;
	ssize_t got;

	memset(chunk, 'f', sizeof(chunk));
	while ((got = write(fd, chunk, sizeof(chunk))) > 0) {
		size += got;
		*shorter += got < (ssize_t)sizeof(chunk);
	}
	return size;
}

/* The signal that ends a process that stores to this byte; 0: none. */
static int store(volatile char *at)
{
	int status;
	pid_t child = fork();

	if (!child) {
		*at = 1;
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		err(1, "store");
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* What needs a block, each. Names: of a length that no directory block has room for any more. */
static void need_blocks(char *hole)
{
	static char value[3000];
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	result(mkdir("directory", 0777), "mkdir");
	result(symlink("where/a/target/leads/that/is/too/long/to/be/in/the/inode/and/needs/a/block", "link"),
		"a long symbolic link");
	result(setxattr("plain", "user.large", value, sizeof(value), 0), "a large attribute");
	name[0] = 'c';
	result(mknod(name, S_IFIFO | 0666, 0), "a name");
	name[0] = 'l';
	result(link("plain", name), "a link");
	name[0] = 'r';
	result(rename("moved", name), "rename");
	ok(access(want ? "moved" : name, F_OK) == 0 && access(want ? name : "moved", F_OK) < 0,
		"one of the two names is there");
	ok(store(hole) == (want ? SIGBUS : 0),
		want ? "a store into a hole is SIGBUS" : "a store into a hole");
}

/* Takes the room of names, of the length that need_blocks() asks for, and what is left for directories. */
static void crowd(void)
{
	char name[256];
	long n = 0;

	for (; n < 100000; n++) {
		sprintf(name, "d%ld", n);
		if (mkdir(name, 0777) < 0)
			break;
	}
	result(n == 100000 ? 0 : -1, "directories, until there is no block");
	for (n = 0; n < 100000; n++) {
		sprintf(name, "%0255ld", n);
		if (link("plain", name) < 0)
			break;
	}
	result(n == 100000 ? 0 : -1, "names, until their directory cannot grow");
}

static void errors(void)
{
	int sparse = open_file("sparse", O_RDWR | O_CREAT), big = open_file("big", O_RDWR | O_CREAT),
	    shorter = 0;
	off_t size;
	char *map, byte = 0;

	close(open_file("plain", O_RDWR | O_CREAT));
	close(open_file("moved", O_RDWR | O_CREAT));
	if (ftruncate(sparse, 8 * BLOCK) < 0 || pwrite(sparse, "x", 1, BLOCK) != 1)
		err(1, "sparse");
	map = mmap(NULL, 8 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, sparse, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");

	want = ENOSPC;
	size = fill(big, &shorter);
	result(write(big, map, BLOCK), "write");
	ok(shorter <= 2 && lseek(big, 0, SEEK_END) == size, "what was written is there, no more");
	ok(pread(big, &byte, 1, size - 1) == 1 && byte == 'f', "to the last byte");
	result(fallocate(big, 0, size + BLOCK, 1L << 40), "fallocate");
	crowd();
	need_blocks(map + 4 * BLOCK);
	ok(map[4 * BLOCK] == 0 && map[BLOCK] == 'x' && store(map + BLOCK) == 0,
		"the other pages are as they were");

	ok(fallocate(big, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5 * BLOCK, BLOCK) == 0,
		"a block can be punched out of the middle");
	ok(ftruncate(big, size / 2 + 1) == 0 && fsync(big) == 0, "half of the file can be cut off");
	want = 0;
	need_blocks(map + 4 * BLOCK);
	ok(unlink("big") == 0, "it can be removed");
	printf("1..%d\n", tests);
}

static void tell_free(void)
{
	struct statvfs s;

	if (statvfs(".", &s) < 0)
		err(1, "statvfs");
	printf("free: %lu blocks, %lu inodes\n", (unsigned long)s.f_bfree, (unsigned long)s.f_ffree);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long n = argc > 3 ? strtol(argv[3], NULL, 10) : 0;

	if (!strcmp(what, "pieces") && n > 0)
		pieces(argv[2], n);
	else if (!strcmp(what, "unlink") && argc > 2)
		beside(argv[2], 0, 0);
	else if (!strcmp(what, "cut") && argc > 3)
		beside(argv[2], 1, n);
	else if (!strcmp(what, "free"))
		tell_free();
	else if (!strcmp(what, "errors"))
		errors();
	else
		errx(2, "usage: full pieces FILE N | unlink FILE | cut FILE SIZE | free | errors");
	return 0;
}
