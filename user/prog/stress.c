/* SPDX-License-Identifier: MIT */
/*
 * stress: processes that fault, truncate, punch and write one file, and check every word they see.
 *
 *   stress [-n PROCESSES] [-t SECONDS] [-p PAGES] [-d DIRECTORY] [--self-test KIND]
 *
 * A word of 8 bytes is 0 or tells its history: writer (8 bits), the writer's sequence number (24),
 * its own offset / 8 (32). A writer publishes a sequence number before it uses it. So:
 *
 * - every word anywhere is 0 or has its own offset, a writer of this file and a published sequence;
 * - in the second half of each page every 64-byte chunk has one owner, who alone stores there and
 *   keeps a model of it. The owner must find what it stored last or 0, and after a 0 only 0, until
 * it stores again; after its own truncate or punch it must find 0. What a stale page brings back is
 *   caught by that, even when the words are good ones;
 * - a second file takes the blocks that the first one frees. One process rewrites it and must find
 *   each word exactly as written: a store that lands in a freed block is caught there.
 *
 * With 512 pages or more there are entries of 2 MiB as well: now and then a process gives 2 MiB of the file new, reserved blocks and maps the
 * file anew, so that no page tables stand in the way. The others still have theirs, or have not.
 *
 * A mapped access past the end of the file kills its process by SIGBUS. That is not an error: the
 * supervisor counts it and starts the worker again; models and counters live in a mapped file.
 */
#include "util.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_PER_PAGE (PAGE / 8)
#define HALF (WORDS_PER_PAGE / 2) /* words below: for all writers; from here on: owned chunks */
#define HUGE_PAGES 512UL
#define CHUNK 8UL /* words of an owned chunk */
#define MAX_WRITERS 64
#define OTHER_WRITER 200 /* the second file's writer: never seen in the first file */
#define MAX_SEQUENCE 0xffffffU
#define OTHER_PAGES 48UL

struct shared {
	_Atomic uint32_t published[256];
	_Atomic uint64_t ops[256];
	_Atomic int stop;
	uint64_t model[]; /* of each word of the file; the owned ones are used */
};

static unsigned writers = 4;
static unsigned long pages = 64;
static long seconds = 10;
static const char *dir = "/data";
static const char *self_test;

static struct shared *shared;
static volatile uint64_t *map; /* the file under test */
static int fd;
static unsigned me; /* this process's writer number */
static uint64_t rng;
static long deadline;

static uint64_t make_word(unsigned writer, uint32_t seq, unsigned long index)
{
	return (uint64_t)writer << 56 | (uint64_t)(seq & MAX_SEQUENCE) << 32 | (uint32_t)index;
}

static unsigned long random_below(unsigned long n)
{
	return rng_next(&rng) % n;
}

static _Noreturn void fail(const char *what, const char *how, unsigned long index, uint64_t word)
{
	printf("stress: process %u, %s at offset %#lx (page %lu): %s: word %016llx: writer %u "
	       "sequence %u offset %#llx\n",
		me, how, index * 8, index / WORDS_PER_PAGE, what, (unsigned long long)word,
		(unsigned)(word >> 56), (unsigned)(word >> 32) & MAX_SEQUENCE,
		(unsigned long long)(word & 0xffffffff) * 8);
	fflush(stdout);
	atomic_store(&shared->stop, 1);
	_exit(1);
}

static uint32_t next_sequence(void)
{
	uint32_t seq = atomic_load(&shared->published[me]) + 1;

	if (seq > MAX_SEQUENCE)
		_exit(0);
	atomic_store(&shared->published[me], seq);
	return seq;
}

static int owned(unsigned long index)
{
	unsigned long chunk = index / CHUNK;

	return index % WORDS_PER_PAGE >= HALF && chunk % writers == me - 1;
}

/* What holds of every word of the file, whoever looks. */
static void check_word(uint64_t word, unsigned long index, const char *how)
{
	unsigned writer = (unsigned)(word >> 56);

	if (!word)
		return;
	if (writer < 1 || writer > writers)
		fail("the writer is none of this file's", how, index, word);
	if ((uint32_t)word != (uint32_t)index)
		fail("the word belongs to another offset", how, index, word);
	if (((word >> 32) & MAX_SEQUENCE) > atomic_load(&shared->published[writer]))
		fail("the sequence number is not written yet", how, index, word);
}

/* What holds of an owned word besides. A 0 is learnt: the word is gone until it is stored again. */
static void check_owned(uint64_t word, unsigned long index, const char *how)
{
	uint64_t *model = &shared->model[index];

	if (!word)
		*model = 0;
	else if (!*model)
		fail("a removed word came back", how, index, word);
	else if (word != *model)
		fail("not the word that its owner stored last", how, index, word);
}

static void check(uint64_t word, unsigned long index, const char *how)
{
	check_word(word, index, how);
	if (owned(index))
		check_owned(word, index, how);
}

/* Picks the words of one store or write: a run for all, or one of our own chunks. */
static unsigned long pick_run(unsigned long *count)
{
	unsigned long page = random_below(pages) * WORDS_PER_PAGE;
	unsigned long first, chunks;

	if (random_below(2)) {
		first = random_below(HALF);
		*count = 1 + random_below(HALF - first);
		return page + first;
	}
	chunks = pages * WORDS_PER_PAGE / CHUNK;
	do
		first = random_below(chunks) * CHUNK;
	while (!owned(first));
	*count = CHUNK;
	return first;
}

static off_t file_size(void)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		err(1, "fstat");
	return st.st_size;
}

/* Whether the word is before the end of the file, at this moment: keeps deaths by SIGBUS rare. */
static int inside(unsigned long index)
{
	return (off_t)(index / WORDS_PER_PAGE * PAGE) < file_size();
}

static void op_store(void)
{
	unsigned long count, first = pick_run(&count);
	uint32_t seq;

	if (!inside(first))
		return;
	seq = next_sequence();
	for (unsigned long i = first; i < first + count; i++) {
		uint64_t word = make_word(me, seq, i);

		if (owned(i))
			shared->model[i] = word;
		map[i] = word;
	}
}

static void op_write(void)
{
	uint64_t buf[HALF];
	unsigned long count, first = pick_run(&count);
	uint32_t seq = next_sequence();

	for (unsigned long i = 0; i < count; i++) {
		buf[i] = make_word(me, seq, first + i);
		if (owned(first + i))
			shared->model[first + i] = buf[i];
	}
	if (pwrite(fd, buf, count * 8, (off_t)(first * 8)) != (ssize_t)(count * 8))
		err(1, "pwrite");
}

static void op_load(void)
{
	unsigned long page = random_below(pages) * WORDS_PER_PAGE;

	if (!inside(page))
		return;
	for (unsigned long i = page; i < page + WORDS_PER_PAGE; i++)
		check(map[i], i, "load");
}

static void op_read(void)
{
	uint64_t buf[WORDS_PER_PAGE];
	unsigned long page = random_below(pages) * WORDS_PER_PAGE;
	ssize_t n = pread(fd, buf, sizeof(buf), (off_t)(page * 8));

	if (n < 0)
		err(1, "pread");
	for (unsigned long i = 0; i < (size_t)n / 8; i++)
		check(buf[i], page + i, "read");
}

/*
 * Our own words in a range that we have removed are 0 from now on. The size is the file's before
 * the removal. A word behind it, in the page of the file's end, is left out: a store through a
 * mapping may stand there, and a punch, or a truncate that in fact extends the file, need not clear
 * it. A word before it is 0 in any case: if not we, then another's truncate in between has removed
 * it.
 */
static void forget(unsigned long first, unsigned long end, off_t size)
{
	for (unsigned long i = first; i < end; i++)
		if (owned(i) && (off_t)(i * 8) < size)
			shared->model[i] = 0;
}

static void op_truncate(void)
{
	unsigned long words = pages * WORDS_PER_PAGE;
	unsigned long size = random_below(words + 1);
	off_t before = file_size();

	if (random_below(3) == 0)
		size = words;
	if (ftruncate(fd, (off_t)(size * 8)) < 0)
		err(1, "ftruncate");
	forget(size, words, before);
}

static void op_punch(void)
{
	unsigned long first = random_below(pages * WORDS_PER_PAGE);
	unsigned long count = 1 + random_below(4 * WORDS_PER_PAGE);
	unsigned long end = first + count;
	off_t before = file_size();

	if (random_below(2)) {
		first -= first % WORDS_PER_PAGE;
		end = first + (1 + random_below(4)) * WORDS_PER_PAGE;
	}
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(first * 8),
		    (off_t)((end - first) * 8)) < 0)
		err(1, "punch hole");
	if (end > pages * WORDS_PER_PAGE)
		end = pages * WORDS_PER_PAGE;
	forget(first, end, before);
}

static void op_allocate(void)
{
	unsigned long page = random_below(pages);
	unsigned long count = 1 + random_below(pages - page);

	if (fallocate(fd, (int)random_below(2) ? FALLOC_FL_KEEP_SIZE : 0, (off_t)(page * PAGE),
		    (off_t)((count > 8 ? 8 : count) * PAGE)) < 0)
		err(1, "fallocate");
}

/* 2 MiB of the file get blocks that one entry can map. */
static void op_huge(void)
{
	unsigned long page, words = HUGE_PAGES * WORDS_PER_PAGE;
	off_t before = file_size();

	if (pages < HUGE_PAGES)
		return;
	page = random_below(pages / HUGE_PAGES) * HUGE_PAGES;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(page * PAGE),
		    (off_t)(HUGE_PAGES * PAGE)) < 0)
		err(1, "punch hole of 2 MiB");
	forget(page * WORDS_PER_PAGE, page * WORDS_PER_PAGE + words, before);
	if (fallocate(fd, 0, (off_t)(page * PAGE), (off_t)(HUGE_PAGES * PAGE)) < 0)
		err(1, "fallocate of 2 MiB");
	if (mmap((void *)map, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != map)
		err(1, "mmap");
}

static void op_fsync(void)
{
	if (fsync(fd) < 0)
		err(1, "fsync");
}

static const struct {
	void (*run)(void);
	unsigned weight;
} operations[] = {
	{op_store, 40},
	{op_load, 25},
	{op_write, 20},
	{op_read, 10},
	{op_punch, 4},
	{op_truncate, 4},
	{op_allocate, 2},
	{op_fsync, 1},
	{op_huge, 2},
};

static void random_operation(void)
{
	unsigned total = 0;
	unsigned pick;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(operations); i++)
		total += operations[i].weight;
	pick = (unsigned)random_below(total);
	for (i = 0; pick >= operations[i].weight; i++)
		pick -= operations[i].weight;
	operations[i].run();
}

static int time_is_up(void)
{
	return atomic_load(&shared->stop) || now_ms() >= deadline;
}

static int work(void)
{
	while (!time_is_up()) {
		for (int i = 0; i < 16; i++)
			random_operation();
		atomic_fetch_add(&shared->ops[me], 16);
	}
	return 0;
}

/* The second file: write all, let others run, compare all, give the blocks back. */
static void rewrite_other(int other, volatile uint64_t *other_map)
{
	static uint64_t buf[WORDS_PER_PAGE];
	unsigned long n = 1 + random_below(OTHER_PAGES);
	uint32_t seq = next_sequence();

	for (unsigned long page = 0; page < n; page++) {
		for (unsigned long i = 0; i < WORDS_PER_PAGE; i++)
			buf[i] = make_word(me, seq, page * WORDS_PER_PAGE + i);
		if (pwrite(other, buf, PAGE, (off_t)(page * PAGE)) != (ssize_t)PAGE)
			err(1, "pwrite to the second file");
	}
	for (int i = 0; i < 4; i++)
		sched_yield();
	for (unsigned long i = 0; i < n * WORDS_PER_PAGE; i++)
		if (other_map[i] != make_word(me, seq, i))
			fail("the second file was changed", "load", i, other_map[i]);
	for (unsigned long page = 0; page < n; page++) {
		if (pread(other, buf, PAGE, (off_t)(page * PAGE)) != (ssize_t)PAGE)
			err(1, "pread of the second file");
		for (unsigned long i = 0; i < WORDS_PER_PAGE; i++)
			if (buf[i] != make_word(me, seq, page * WORDS_PER_PAGE + i))
				fail("the second file was changed", "read", page * WORDS_PER_PAGE + i,
					buf[i]);
	}
	if (ftruncate(other, 0) < 0)
		err(1, "ftruncate of the second file");
}

static int work_on_other(void)
{
	int other = open(join_path(dir, "stress-other"), O_RDWR | O_CREAT | O_TRUNC, 0666);
	void *p;

	if (other < 0)
		err(1, "stress-other");
	p = mmap(NULL, OTHER_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	if (p == MAP_FAILED)
		err(1, "mmap stress-other");
	while (!time_is_up()) {
		rewrite_other(other, p);
		atomic_fetch_add(&shared->ops[me], 1);
	}
	return 0;
}

/* A word as the named defect would leave it. */
static uint64_t defective_word(unsigned long index)
{
	if (!strcmp(self_test, "writer"))
		return make_word(OTHER_WRITER, 0, index);
	if (!strcmp(self_test, "offset"))
		return make_word(1, 1, index + WORDS_PER_PAGE);
	if (!strcmp(self_test, "sequence"))
		return make_word(1, MAX_SEQUENCE, index);
	return make_word(1 + index / CHUNK % writers, 1, index); /* "stale" */
}

/* Plants wrong words until a worker finds one. */
static int plant(void)
{
	int other = open(join_path(dir, "stress-other"), O_RDWR);
	unsigned long base = !strcmp(self_test, "stale") ? HALF : 0;

	while (!time_is_up()) {
		unsigned long i = random_below(pages) * WORDS_PER_PAGE + base + random_below(HALF);
		uint64_t word = defective_word(i);

		if (!strcmp(self_test, "other") && other >= 0)
			pwrite(other, &word, 8, 0);
		else if (inside(i))
			pwrite(fd, &word, 8, (off_t)(i * 8));
		usleep(1000);
	}
	return 0;
}

static pid_t start(unsigned number, int (*body)(void), unsigned long salt)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid)
		return pid;
	me = number;
	rng = (number + 1) * 0x9e3779b97f4a7c15ULL + salt * 0x2545f4914f6cdd1dULL;
	exit(body());
}

/* Starts everything, restarts what SIGBUS ends, until the last process is gone. */
static int supervise(unsigned long *deaths)
{
	pid_t pids[MAX_WRITERS + 1];
	unsigned living = writers + 1;
	int failed = 0;

	for (unsigned i = 1; i <= writers; i++)
		pids[i] = start(i, work, 0);
	pids[0] = start(OTHER_WRITER, work_on_other, 0);
	if (self_test) {
		start(OTHER_WRITER + 1, plant, 0);
		living++;
	}
	while (living) {
		int status;
		pid_t pid = wait(&status);
		unsigned i = 1;

		if (pid < 0)
			err(1, "wait");
		living--;
		while (i <= writers && pids[i] != pid)
			i++;
		if (i <= writers && WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) {
			(*deaths)++;
			pids[i] = start(i, work, *deaths);
			living++;
		} else if (status) {
			printf("stress: a process was %s\n", status_text(status));
			atomic_store(&shared->stop, 1);
			failed = 1;
		}
	}
	return failed;
}

static void set_up(void)
{
	size_t size = sizeof(*shared) + pages * PAGE;

	shared = map_new_file(join_path(dir, "stress-state"), size);
	map = map_new_file(join_path(dir, "stress-shared"), pages * PAGE);
	fd = open(join_path(dir, "stress-shared"), O_RDWR);
	if (fd < 0)
		err(1, "stress-shared");
	if (pages >= HUGE_PAGES && fallocate(fd, 0, 0, (off_t)(pages * PAGE)) < 0)
		err(1, "fallocate");
	deadline = now_ms() + seconds * 1000;
}

static int parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{"self-test", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "n:t:p:d:", options, NULL)) != -1) {
		if (opt == 'n')
			writers = (unsigned)parse_number(optarg);
		else if (opt == 't')
			seconds = (long)parse_number(optarg);
		else if (opt == 'p')
			pages = (unsigned long)parse_number(optarg);
		else if (opt == 'd')
			dir = optarg;
		else if (opt == 's')
			self_test = optarg;
		else
			return -1;
	}
	return optind == argc && writers >= 1 && writers <= MAX_WRITERS && pages >= 1 && pages <= 65536 ? 0
													: -1;
}

/* Faults of 2 MiB since boot; 0 where nobody counts them. */
static unsigned long huge_faults(void)
{
	unsigned long n = 0;
	FILE *f = fopen("/proc/faultline/memory", "r");

	if (f) {
		if (fscanf(f, "huge_faults %lu", &n) != 1)
			n = 0;
		fclose(f);
	}
	return n;
}

int main(int argc, char **argv)
{
	unsigned long deaths = 0, huge;
	uint64_t ops = 0;
	int failed;

	if (parse_options(argc, argv) < 0) {
		fprintf(stderr,
			"usage: stress [-n PROCESSES] [-t SECONDS] [-p PAGES] "
			"[-d DIRECTORY] [--self-test writer|offset|sequence|stale|other]\n");
		return 2;
	}
	set_up();
	printf("stress: %u processes, %lu pages, %ld seconds\n", writers, pages, seconds);
	huge = huge_faults();
	failed = supervise(&deaths);
	for (unsigned i = 1; i <= writers; i++)
		ops += atomic_load(&shared->ops[i]);
	printf("stress: %s ops=%llu other=%llu sigbus=%lu huge=%lu\n", failed ? "FAILED" : "OK",
		(unsigned long long)ops, (unsigned long long)atomic_load(&shared->ops[OTHER_WRITER]), deaths,
		huge_faults() - huge);
	return failed;
}
