/* SPDX-License-Identifier: MIT */
/*
 * kvlog: a store of keys and values in a file that is a log, written by plain stores and whole after every crash.
 *
 *   kvlog FILE put KEY VALUE     kvlog FILE get KEY     kvlog FILE list     kvlog FILE torture ROUNDS
 *
 * The file is mapped. Its first 64 bytes hold a magic number and `tail`, the offset where the log ends; records follow one
 * another. The rule that keeps it whole:
 *
 *   1. write the record behind the tail, where nobody looks;   2. make it durable;
 *   3. move the tail, one aligned store of eight bytes;        4. make that durable.
 *
 * A crash before 3 leaves the old log, a crash after it the new one, and there is nothing between: the processor writes eight
 * aligned bytes to persistent memory at once. Step 2 has to be complete before step 3, or the tail could reach the medium first.
 *
 * How a store becomes durable depends on the mapping. With MAP_SYNC (DAX file systems on persistent memory) the program does it itself:
 * it writes cache lines back (CLWB) and waits for them (SFENCE), no system call. Elsewhere msync() does it.
 * "torture" kills a writing child again and again, and looks whether all that the child had been told is safe is there.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAGIC 0x31474f4c564b0001u
#define FILE_SIZE (4u << 20)
#define CACHE_LINE 64u

struct header {
	uint64_t magic;
	_Atomic uint64_t tail;
	char unused[CACHE_LINE - 16];
};

/* The key, then the value, then bytes up to a multiple of eight. */
struct record {
	uint32_t key_len;
	uint32_t value_len;
	char bytes[];
};

static char *map;
static int by_cache_line; /* the mapping is MAP_SYNC */
static int have_clwb;

static struct header *header(void)
{
	return (struct header *)map;
}

static void persist(const void *start, size_t len)
{
	uintptr_t unit = by_cache_line ? CACHE_LINE : (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t p = (uintptr_t)start & -unit, end = (uintptr_t)start + len;

	if (!by_cache_line) {
		if (msync((void *)p, end - p, MS_SYNC) < 0)
			err(1, "msync");
		return;
	}
	for (; p < end; p += CACHE_LINE) {
		if (have_clwb)
			__asm__ volatile("clwb %0" : "+m"(*(volatile char *)p));
		else
			__asm__ volatile("clflush %0" : "+m"(*(volatile char *)p));
	}
	__asm__ volatile("sfence" ::: "memory");
}

static void open_log(const char *path)
{
	unsigned int a, b = 0, c, d;
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		err(1, "%s", path);
	if (st.st_size == 0 && (errno = posix_fallocate(fd, 0, FILE_SIZE)))
		err(1, "%s: %u bytes", path, FILE_SIZE);
	if (st.st_size && st.st_size != FILE_SIZE)
		errx(1, "%s is not one of ours", path);
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);
	by_cache_line = map != MAP_FAILED;
	if (!by_cache_line)
		map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap %s", path);
	close(fd);
	__get_cpuid_count(7, 0, &a, &b, &c, &d);
	have_clwb = b >> 24 & 1;
	if (header()->magic ==
		0) { /* a new file: the tail is durable before the number that says it is there */
		header()->tail = sizeof(struct header);
		persist(map, sizeof(struct header));
		header()->magic = MAGIC;
		persist(map, sizeof(struct header));
	}
	if (header()->magic != MAGIC)
		errx(1, "%s is not one of ours", path);
}

static size_t record_size(size_t key_len, size_t value_len)
{
	return (sizeof(struct record) + key_len + value_len + 7) & ~(size_t)7;
}

static void put(const char *key, const char *value)
{
	uint64_t tail = header()->tail;
	struct record *r = (struct record *)(map + tail);
	size_t key_len = strlen(key), value_len = strlen(value), size = record_size(key_len, value_len);

	if (size > FILE_SIZE - tail)
		errx(1, "the log is full");
	r->key_len = (uint32_t)key_len;
	r->value_len = (uint32_t)value_len;
	memcpy(r->bytes, key, key_len);
	memcpy(r->bytes + key_len, value, value_len);
	persist(r, size);
	atomic_store(&header()->tail, tail + size);
	persist(map, sizeof(struct header));
}

/* The next record from an offset on, or NULL at the end of the log. */
static struct record *next(uint64_t *at)
{
	struct record *r = (struct record *)(map + *at);

	if (*at >= header()->tail)
		return NULL;
	*at += record_size(r->key_len, r->value_len);
	if (*at > header()->tail || header()->tail > FILE_SIZE)
		errx(1, "the log is damaged");
	return r;
}

/* The last record of a key counts. */
static struct record *get(const char *key)
{
	struct record *r, *found = NULL;
	uint64_t at = sizeof(struct header);

	while ((r = next(&at)))
		if (r->key_len == strlen(key) && memcmp(r->bytes, key, r->key_len) == 0)
			found = r;
	return found;
}

/* Writes records until it is killed; says the number of each that is durable. */
static void write_for_ever(int round, int out)
{
	char key[32], value[64];

	for (int i = 0;; i++) {
		snprintf(key, sizeof(key), "%d.%d", round, i);
		snprintf(value, sizeof(value), "value %d of round %d", i, round);
		put(key, value);
		if (write(out, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

static void torture(const char *path, int rounds)
{
	for (int round = 0; round < rounds; round++) {
		char key[32], value[64];
		int fds[2], n, last = -1;
		struct record *r;
		pid_t pid;

		if (pipe(fds) < 0 || (pid = fork()) < 0)
			err(1, "round %d", round);
		if (pid == 0)
			write_for_ever(round, fds[1]);
		close(fds[1]);
		while (read(fds[0], &n, sizeof(n)) == sizeof(n)) {
			last = n;
			if (n == 10 + round)
				kill(pid, SIGKILL);
		}
		close(fds[0]);
		waitpid(pid, NULL, 0);
		munmap(map, FILE_SIZE);
		open_log(path);
		for (int i = 0; i <= last; i++) {
			snprintf(key, sizeof(key), "%d.%d", round, i);
			snprintf(value, sizeof(value), "value %d of round %d", i, round);
			r = get(key);
			if (!r || r->value_len != strlen(value) ||
				memcmp(r->bytes + r->key_len, value, r->value_len))
				errx(1, "round %d: record %d was said to be safe, and is not", round, i);
		}
	}
	printf("killed %d times, lost nothing\n", rounds);
}

int main(int argc, char **argv)
{
	struct record *r;
	uint64_t at = sizeof(struct header);

	if (argc < 3)
		errx(2, "usage: kvlog FILE put KEY VALUE | get KEY | list | torture ROUNDS");
	open_log(argv[1]);
	if (argc == 5 && !strcmp(argv[2], "put")) {
		put(argv[3], argv[4]);
	} else if (argc == 4 && !strcmp(argv[2], "get")) {
		r = get(argv[3]);
		if (!r)
			errx(1, "%s: no such key", argv[3]);
		printf("%.*s\n", (int)r->value_len, r->bytes + r->key_len);
	} else if (argc == 3 && !strcmp(argv[2], "list")) {
		while ((r = next(&at)))
			printf("%.*s = %.*s\n", (int)r->key_len, r->bytes, (int)r->value_len,
				r->bytes + r->key_len);
	} else if (argc == 4 && !strcmp(argv[2], "torture")) {
		torture(argv[1], atoi(argv[3]));
	} else {
		errx(2, "usage: kvlog FILE put KEY VALUE | get KEY | list | torture ROUNDS");
	}
	return 0;
}
