/* SPDX-License-Identifier: MIT */
/*
 * ackload DIRECTORY [WORKER=SEQUENCE…]: a load whose every operation is acknowledged when it is durable, so that the power can be cut at any
 * moment and what was acknowledged looked for. tests/lib/Acked.pm knows what a worker's files hold after each operation.
 *
 * Each worker is a process that does one operation after the other. What number k writes, and where, follows from the worker and k; when
 * the call that makes it durable has returned, the line "ack WORKER k" is written. So what is found later is the state after the last
 * acknowledged operation, or that of the next one, or something in between. WORKER=k makes a worker go on behind its operation k, whose successor
 * may have been begun: every operation can be done again. Where workers are named, they alone work.
 *
 * The same binary runs on Linux. Where there is no MAP_SYNC, msync takes its place.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PAGE 4096
#define RECORDS 512 /* of the growing file, before it starts anew */
#define SLOTS 128   /* pages of a file that is filled page by page */
#define SLOT_SIZE 512
#define LIVE 100 /* files that exist at a time in the directory of names */
#define MAX_TEXT 24000
#define ATTRIBUTE(k) ((k) % 8 == 1 ? 30 : 900) /* bytes: in the inode, in a block */

struct worker {
	const char *name;
	char letter; /* what its bytes begin with: one worker's data in another's file is seen */
	void (*prepare)(const struct worker *, unsigned long k);
	void (*operate)(const struct worker *, unsigned long k);
	enum { BY_MSYNC = 1, BY_MAP_SYNC, BY_O_SYNC } how; /* of the slots: how a store becomes durable */
};

static int fd; /* the worker's file or directory */
static char *map;
static bool map_sync;
static char text[MAX_TEXT + 16];

/* 1 to max, scattered. */
static size_t length(unsigned long k, size_t max)
{
	return 1 + ((uint32_t)(k * 2654435761U) >> 7) % max;
}

/* The text of operation k, as long as is needed: "a0000123 a0000123 a00…" */
static void compose(const struct worker *w, unsigned long k, size_t size)
{
	for (size_t at = 0; at < size; at += 9)
		snprintf(text + at, 10, "%c%07lu ", w->letter, k);
}

static void put(int to, size_t size)
{
	if (write(to, text, size) != (ssize_t)size)
		err(1, "write");
}

static void sync_file(int of)
{
	if (fsync(of) < 0)
		err(1, "fsync");
}

static void set_size(off_t size)
{
	if (ftruncate(fd, size) < 0)
		err(1, "ftruncate");
}

static void open_own(const struct worker *w, int flags)
{
	fd = open(w->name, O_RDWR | O_CREAT | flags, 0666);
	if (fd < 0)
		err(1, "%s", w->name);
}

static void open_directory(const struct worker *w, unsigned long k)
{
	(void)k;
	if (mkdir(w->name, 0777) < 0 && errno != EEXIST)
		err(1, "mkdir %s", w->name);
	if (chdir(w->name) < 0)
		err(1, "%s", w->name);
	fd = open(".", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		err(1, "%s", w->name);
}

static void gone(int failed)
{
	if (failed < 0 && errno != ENOENT)
		err(1, "unlink");
}

/* --- append and fsync --- */

static void prepare_append(const struct worker *w, unsigned long k)
{
	off_t size = 0;

	for (unsigned long i = k; i > 0; i--) {
		size += (off_t)length(i, 3000);
		if (i % RECORDS == 0)
			break;
	}
	open_own(w, O_APPEND);
	set_size(size);
}

static void append(const struct worker *w, unsigned long k)
{
	size_t size = length(k, 3000);

	if (k % RECORDS == 0)
		set_size(0);
	compose(w, k, size);
	put(fd, size);
	sync_file(fd);
}

/* --- write a new file, rename it over the old one, or exchange the two --- */

static void replace(const struct worker *w, unsigned long k)
{
	size_t size = length(k, 20000);
	int new = open("new", O_WRONLY | O_CREAT | O_TRUNC, 0666);

	if (new < 0)
		err(1, "new");
	compose(w, k, size);
	put(new, size);
	sync_file(new);
	close(new);
	if (renameat2(AT_FDCWD, "new", AT_FDCWD, "current", k % 4 ? 0 : RENAME_EXCHANGE) < 0)
		err(1, "rename");
	sync_file(fd);
}

/* --- one page after the other of a file of holes --- */

static void prepare_slots(const struct worker *w, unsigned long k)
{
	(void)k;
	open_own(w, w->how == BY_O_SYNC ? O_SYNC : 0);
	set_size(SLOTS * PAGE);
	if (w->how == BY_O_SYNC)
		return;
	map = MAP_FAILED;
	if (w->how == BY_MAP_SYNC)
		map = mmap(NULL, SLOTS * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
	map_sync = map != MAP_FAILED;
	if (!map_sync)
		map = mmap(NULL, SLOTS * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap %s", w->name);
}

static void fill_slot(const struct worker *w, unsigned long k)
{
	size_t page = k * 37 % SLOTS * PAGE, at = page + k % 8 * SLOT_SIZE;

	if (k % SLOTS == 0) {
		set_size(0);
		set_size(SLOTS * PAGE);
		sync_file(fd);
	}
	compose(w, k, SLOT_SIZE);
	if (w->how == BY_O_SYNC) {
		if (pwrite(fd, text, SLOT_SIZE, (off_t)at) != SLOT_SIZE)
			err(1, "pwrite");
		return;
	}
	memcpy(map + at, text, SLOT_SIZE);
	if (!map_sync) {
		if (msync(map + page, PAGE, MS_SYNC) < 0)
			err(1, "msync");
		return;
	}
	for (size_t i = 0; i < SLOT_SIZE; i += 64)
		__builtin_ia32_clflush(map + at + i);
	__builtin_ia32_sfence();
}

/* --- names come and go --- */

static void name_of(char *name, char kind, unsigned long k)
{
	int n = sprintf(name, "%c%07lu-", kind, k);

	memset(name + n, 'x', k % 64);
	name[n + k % 64] = '\0';
}

static void make_names(const struct worker *w, unsigned long k)
{
	size_t size = length(k, 5000);
	char name[96], other[96];
	int file;

	name_of(name, 'f', k);
	file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (file < 0)
		err(1, "%s", name);
	compose(w, k, size + ATTRIBUTE(k));
	put(file, size);
	if (k % 4 == 1 && fsetxattr(file, "user.text", text, ATTRIBUTE(k), 0) < 0)
		err(1, "fsetxattr");
	sync_file(file);
	close(file);
	if (k % 8 == 2) {
		name_of(other, 'p', k);
		if (mkfifo(other, 0666) < 0 && errno != EEXIST)
			err(1, "mkfifo %s", other);
	}
	if (k % 4 == 0) {
		name_of(other, 'l', k);
		if (link(name, other) < 0 && errno != EEXIST)
			err(1, "link %s", other);
	}
	if (k % 8 == 0) {
		name_of(other, 'd', k);
		if (mkdir(other, 0777) < 0 && errno != EEXIST)
			err(1, "mkdir %s", other);
	}
}

static void names(const struct worker *w, unsigned long k)
{
	unsigned long old = k - LIVE;
	char name[96];

	make_names(w, k);
	if (k > LIVE) {
		name_of(name, 'f', old);
		gone(unlink(name));
		name_of(name, 'l', old);
		gone(unlink(name));
		name_of(name, 'p', old);
		gone(unlink(name));
		name_of(name, 'd', old);
		gone(rmdir(name));
	}
	sync_file(fd);
}

/* --- a file that is cut and grows --- */

static void prepare_cut(const struct worker *w, unsigned long k)
{
	(void)k;
	open_own(w, 0);
}

static void cut(const struct worker *w, unsigned long k)
{
	size_t size = length(k, MAX_TEXT);

	set_size(0);
	compose(w, k, size);
	if (pwrite(fd, text, size, 0) != (ssize_t)size)
		err(1, "pwrite");
	set_size((off_t)length(k + 1000, MAX_TEXT)); /* less or more */
	sync_file(fd);
}

/* --- files that have no name any more while they are written --- */

static void orphan(const struct worker *w, unsigned long k)
{
	int file = open("orphan", O_RDWR | O_CREAT | O_TRUNC, 0666);

	if (file < 0)
		err(1, "orphan");
	compose(w, k, MAX_TEXT);
	put(file, MAX_TEXT);
	if (unlink("orphan") < 0)
		err(1, "unlink");
	sync_file(fd);
	put(file, MAX_TEXT);
	sync_file(file);
	close(file);
}

static const struct worker workers[] = {
	{"append", 'a', prepare_append, append, 0},
	{"replace", 'r', open_directory, replace, 0},
	{"msync", 'm', prepare_slots, fill_slot, BY_MSYNC},
	{"mapsync", 's', prepare_slots, fill_slot, BY_MAP_SYNC},
	{"osync", 'o', prepare_slots, fill_slot, BY_O_SYNC},
	{"names", 'n', open_directory, names, 0},
	{"cut", 'c', prepare_cut, cut, 0},
	{"orphans", 'u', open_directory, orphan, 0},
};
#define NR_WORKERS (sizeof(workers) / sizeof(workers[0]))

/* False: it is not named, and so has nothing to do. */
static bool sequence_of(const struct worker *w, char **argv, unsigned long *k)
{
	size_t n = strlen(w->name);

	*k = 0;
	if (!*argv)
		return true;
	for (; *argv; argv++)
		if (!strncmp(*argv, w->name, n) && (*argv)[n] == '=') {
			*k = strtoul(*argv + n + 1, NULL, 10);
			return true;
		}
	return false;
}

static void work(const struct worker *w, unsigned long k)
{
	char line[64];

	w->prepare(w, k);
	for (;;) {
		int n;

		w->operate(w, ++k);
		n = sprintf(line, "ack %s %lu\n", w->name, k);
		if (write(STDOUT_FILENO, line, (size_t)n) != n)
			err(1, "stdout");
	}
}

int main(int argc, char **argv)
{
	if (argc < 2)
		errx(2, "usage: ackload DIRECTORY [WORKER=SEQUENCE...]");
	if (mkdir(argv[1], 0777) < 0 && errno != EEXIST)
		err(1, "mkdir %s", argv[1]);
	if (chdir(argv[1]) < 0)
		err(1, "%s", argv[1]);
	for (size_t i = 0; i < NR_WORKERS; i++) {
		unsigned long k;
		pid_t pid;

		if (!sequence_of(&workers[i], argv + 2, &k))
			continue;
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (pid == 0)
			work(&workers[i], k);
	}
	wait(NULL); /* a worker ends only when it has failed */
	return 1;
}
