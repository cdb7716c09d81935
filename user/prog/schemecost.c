/* SPDX-License-Identifier: MIT */
/*
 * schemecost [-q] ROW...: what the DAX locking scheme in force costs. A line is NAME<TAB>VALUE; tools/costs runs it under
 * each scheme and makes the table.
 *
 *   faults     ticks of a read fault, of an allocating write fault and of a write fault over a zero page (median), one process
 *   beside     the same read faults beside a second process that allocates and punches 4 KiB, and 4 MiB, far away in
 *              the same file, and how many of them waited or left the scheme's fast path
 *   rate       how many read faults a second are left of 1000 beside that process: median of alternating pairs. Also beside one that does
 *              the same in a file of its own: what is lost there the machine has taken, or the file system, and no lock of the file's
 *   truncate   nanoseconds of ftruncate by one page, alone and beside a process that faults without pause
 *   zero       zero pages and walks over the reverse map for files of holes that are read, then written
 *
 * NAME-high is what all but one sample of a thousand stay below.
 *
 * Ticks are of the time-stamp counter: instructions where the emulator counts them. The two processes talk by a word in a
 * file that both map. With two CPUs they run side by side; with one they are preempted.
 */
#include "util.h"

#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAULTS 1024UL /* pages of the measured region */
#define FAR 16384UL   /* first page of the other process's region */
#define FAR_PAGES 2048UL
#define WIDE_PAGES 1024UL /* a punch over several 2 MiB segments */
#define MAX_SAMPLES 65536UL
#define FILE_NAME "cost-file"

enum mode { STOP, IDLE, PUNCH, PUNCH_WIDE, PUNCH_ELSEWHERE, LOAD };

struct talk {
	_Atomic int mode;   /* what the other process is to do */
	_Atomic int doing;  /* what it does */
	_Atomic long works; /* how often it did */
};

static uint64_t samples[MAX_SAMPLES];
static size_t sample_count;
static struct talk *talk;
static int fd;
static volatile char *map;
static int elsewhere_fd; /* of a second file, of the same size */
static volatile char *elsewhere;
static unsigned rounds = 15;

static inline uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void check(int ok, const char *what)
{
	if (!ok)
		err(1, "%s", what);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void sample(uint64_t value)
{
	samples[sample_count] = value;
	sample_count += sample_count + 1 < MAX_SAMPLES;
}

static void print_row(const char *name, uint64_t value)
{
	printf("%s\t%llu\n", name, (unsigned long long)value);
	fflush(stdout);
}

/* Sorts and forgets the samples; their median, and what all but one of a thousand stay below. */
static uint64_t take_median(uint64_t *high)
{
	uint64_t median;

	qsort(samples, sample_count, sizeof(*samples), compare);
	median = samples[sample_count / 2];
	if (high)
		*high = samples[sample_count - 1 - sample_count / 1000];
	sample_count = 0;
	return median;
}

/* A counter of /proc/faultline/lock. */
static uint64_t counter(const char *name)
{
	char text[2048], *at;
	int f = open("/proc/faultline/lock", O_RDONLY);
	ssize_t n = read(f, text, sizeof(text) - 1);

	check(f >= 0 && n > 0, "/proc/faultline/lock");
	close(f);
	text[n] = '\0';
	for (at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, name, strlen(name)) && at[strlen(name)] == '\t')
			return strtoull(at + strlen(name), NULL, 10);
	}
	errx(1, "/proc/faultline/lock has no %s", name);
}

/* --- the file --- */

static void fill(unsigned long first, unsigned long count)
{
	static char page[PAGE];

	memset(page, 'c', PAGE);
	for (unsigned long i = first; i < first + count; i++)
		check(pwrite(fd, page, PAGE, (off_t)(i * PAGE)) == (ssize_t)PAGE, "pwrite");
}

/* One page off: no 2 MiB of the file lie at 2 MiB of address, so it is mapped by entries of 4 KiB. */
static char *const place_4k = (char *)(0x100000000000UL + PAGE);
static char *const elsewhere_4k = (char *)(0x110000000000UL + PAGE);

static int open_at(const char *name, char *place)
{
	int f = open(name, O_RDWR | O_CREAT | O_TRUNC, 0666);

	check(f >= 0 && ftruncate(f, (off_t)((FAR + FAR_PAGES) * PAGE)) == 0, name);
	check(mmap(place, (FAR + FAR_PAGES) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0) == place,
		"mmap");
	return f;
}

static void close_at(int f, const char *name, volatile char *place)
{
	munmap((void *)place, (FAR + FAR_PAGES) * PAGE);
	close(f);
	unlink(name);
}

static void open_file(void)
{
	fd = open_at(FILE_NAME, place_4k);
	map = place_4k;
}

static void close_file(void)
{
	close_at(fd, FILE_NAME, map);
}

static void forget_pages(void)
{
	check(madvise((void *)map, FAULTS * PAGE, MADV_DONTNEED) == 0, "madvise");
}

/* One read fault on each page of the region, measured; then the entries go again. */
static void sample_read_faults(void)
{
	for (unsigned long i = 0; i < FAULTS; i++) {
		uint64_t start = ticks();

		(void)map[i * PAGE];
		sample(ticks() - start);
	}
	forget_pages();
}

/* --- the other process --- */

static void work(enum mode mode, unsigned long turn)
{
	int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	unsigned long page = FAR + turn % FAR_PAGES;

	switch (mode) {
	case PUNCH:
		map[page * PAGE] = 'p';
		check(fallocate(fd, punch, (off_t)(page * PAGE), (off_t)PAGE) == 0, "punch hole");
		break;
	case PUNCH_ELSEWHERE:
		elsewhere[page * PAGE] = 'p';
		check(fallocate(elsewhere_fd, punch, (off_t)(page * PAGE), (off_t)PAGE) == 0, "punch hole");
		break;
	case PUNCH_WIDE:
		map[page * PAGE] = 'p';
		check(fallocate(fd, punch, (off_t)(FAR * PAGE), (off_t)(WIDE_PAGES * PAGE)) == 0,
			"punch hole");
		break;
	case LOAD:
		(void)map[turn % FAULTS * PAGE];
		if (turn % FAULTS == FAULTS - 1)
			forget_pages();
		break;
	default: /* as busy as the others, so that the host's CPUs are as busy */
		for (volatile int i = 0; i < 100; i++)
			;
	}
}

static void other_process(void)
{
	unsigned long turn = 0;
	int mode;

	while ((mode = atomic_load(&talk->mode)) != STOP) {
		atomic_store(&talk->doing, mode);
		work(mode, turn++);
		atomic_fetch_add(&talk->works, 1);
	}
	_exit(0);
}

static pid_t start_other(void)
{
	pid_t pid;

	atomic_store(&talk->mode, IDLE);
	fflush(stdout);
	pid = fork();
	check(pid >= 0, "fork");
	if (!pid)
		other_process();
	return pid;
}

/* Returns when the other process does it and has done it at least once. */
static void let_other(enum mode mode)
{
	long works;

	atomic_store(&talk->mode, mode);
	while (atomic_load(&talk->doing) != (int)mode)
		sched_yield();
	works = atomic_load(&talk->works);
	while (atomic_load(&talk->works) <= works + 1)
		sched_yield();
}

static void stop_other(pid_t pid)
{
	atomic_store(&talk->mode, STOP);
	check(wait_for(pid) == 0, "the other process");
}

/* --- rows --- */

static void row_faults(void)
{
	fill(0, FAULTS);
	sample_read_faults();
	print_row("read-fault", take_median(NULL));
	close_file();

	open_file();
	for (unsigned long i = 0; i < FAULTS; i++) {
		uint64_t start = ticks();

		map[i * PAGE] = 'w';
		sample(ticks() - start);
	}
	print_row("alloc-fault", take_median(NULL));
	close_file();

	open_file();
	for (unsigned long i = 0; i < FAULTS; i++)
		(void)map[i * PAGE];
	for (unsigned long i = 0; i < FAULTS; i++) {
		uint64_t start = ticks();

		map[i * PAGE] = 'w';
		sample(ticks() - start);
	}
	print_row("zero-page-fault", take_median(NULL));
}

static void sample_beside(enum mode mode, const char *name)
{
	char row[64];
	uint64_t waits, slow, faults, high;
	long works;

	let_other(mode);
	waits = counter("fault-waits");
	slow = counter("fault-slow");
	works = atomic_load(&talk->works);
	/* At least so many faults, and at least so much work beside them. */
	for (faults = 0; faults < rounds * FAULTS || atomic_load(&talk->works) < works + 20; faults += FAULTS)
		sample_read_faults();
	works = atomic_load(&talk->works) - works;
	waits = counter("fault-waits") - waits;
	slow = counter("fault-slow") - slow;
	snprintf(row, sizeof(row), "%s-fault", name);
	print_row(row, take_median(&high));
	snprintf(row, sizeof(row), "%s-high", name);
	print_row(row, high);
	snprintf(row, sizeof(row), "%s-faults", name);
	print_row(row, faults);
	snprintf(row, sizeof(row), "%s-works", name);
	print_row(row, (uint64_t)works);
	snprintf(row, sizeof(row), "%s-waits", name);
	print_row(row, waits);
	snprintf(row, sizeof(row), "%s-slow", name);
	print_row(row, slow);
}

static void row_beside(void)
{
	pid_t pid;

	fill(0, FAULTS);
	pid = start_other();
	sample_beside(IDLE, "idle");
	sample_beside(PUNCH, "punch");
	sample_beside(PUNCH_WIDE, "punch-wide");
	stop_other(pid);
}

/* Nanoseconds of a million faults. */
static uint64_t fault_time(void)
{
	uint64_t ns = 0;

	for (int i = 0; i < 8; i++) {
		uint64_t start = now_ns();

		for (unsigned long p = 0; p < FAULTS; p++)
			(void)map[p * PAGE];
		ns += now_ns() - start;
		forget_pages();
	}
	return ns * 1000000 / (8 * FAULTS);
}

static void sample_rate(enum mode mode, const char *name)
{
	char row[64];
	uint64_t alone_sum = 0;

	for (unsigned i = 0; i < rounds; i++) {
		uint64_t alone, beside;

		let_other(IDLE);
		alone = fault_time();
		let_other(mode);
		beside = fault_time();
		alone_sum += alone;
		sample(alone * 1000 / beside);
	}
	snprintf(row, sizeof(row), "%s-rate", name);
	print_row(row, take_median(NULL));
	snprintf(row, sizeof(row), "%s-alone-per-second", name);
	print_row(row, 1000000000000000ULL / (alone_sum / rounds));
}

static void row_rate(void)
{
	pid_t pid;

	fill(0, FAULTS);
	elsewhere_fd = open_at("cost-elsewhere", elsewhere_4k);
	elsewhere = elsewhere_4k;
	pid = start_other();
	sample_rate(IDLE, "idle");
	sample_rate(PUNCH, "punch");
	sample_rate(PUNCH_WIDE, "punch-wide");
	sample_rate(PUNCH_ELSEWHERE, "elsewhere");
	stop_other(pid);
	close_at(elsewhere_fd, "cost-elsewhere", elsewhere);
}

static void sample_truncate(enum mode mode, const char *name)
{
	off_t size = (off_t)((FAR + FAR_PAGES) * PAGE);
	char row[64];
	uint64_t high;

	let_other(mode);
	for (unsigned i = 0; i < rounds * 20; i++) {
		uint64_t start = now_ns();

		check(ftruncate(fd, size - (off_t)PAGE) == 0, "ftruncate");
		sample(now_ns() - start);
		check(ftruncate(fd, size) == 0, "ftruncate");
	}
	snprintf(row, sizeof(row), "truncate-%s", name);
	print_row(row, take_median(&high));
	snprintf(row, sizeof(row), "truncate-%s-high", name);
	print_row(row, high);
}

static void row_truncate(void)
{
	pid_t pid;

	fill(0, FAULTS);
	pid = start_other();
	sample_truncate(IDLE, "alone");
	sample_truncate(LOAD, "storm");
	stop_other(pid);
}

#define ZERO_FILES 64U
#define ZERO_PAGES 16UL

static void row_zero(void)
{
	uint64_t pages = counter("zero-pages"), walks = counter("zero-walks");
	volatile char *maps[ZERO_FILES];

	for (unsigned i = 0; i < ZERO_FILES; i++) {
		char name[32];
		void *p;
		int f;

		snprintf(name, sizeof(name), "zero-%u", i);
		f = open(name, O_RDWR | O_CREAT | O_TRUNC, 0666);
		check(f >= 0 && ftruncate(f, (off_t)(ZERO_PAGES * PAGE)) == 0, name);
		p = mmap(NULL, ZERO_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
		check(p != MAP_FAILED, "mmap");
		maps[i] = p;
		for (unsigned long k = 0; k < ZERO_PAGES; k++)
			(void)maps[i][k * PAGE];
		unlink(name);
		close(f);
	}
	print_row("zero-files", ZERO_FILES);
	print_row("zero-pages", counter("zero-pages") - pages);
	for (unsigned i = 0; i < ZERO_FILES; i++) {
		for (unsigned long k = 0; k < ZERO_PAGES; k++)
			maps[i][k * PAGE] = 'z';
	}
	print_row("zero-stores", ZERO_FILES * ZERO_PAGES);
	print_row("zero-walks", counter("zero-walks") - walks);
	for (unsigned i = 0; i < ZERO_FILES; i++)
		munmap((void *)maps[i], ZERO_PAGES * PAGE);
	print_row("zero-pages-left", counter("zero-pages") - pages);
	walks = counter("zero-walks");
	for (unsigned long i = 0; i < FAULTS; i++)
		map[i * PAGE] = 'w';
	print_row("unread-stores", FAULTS);
	print_row("unread-walks", counter("zero-walks") - walks);
}

static const struct {
	const char *name;
	void (*run)(void);
} rows[] = {
	{"faults", row_faults},
	{"beside", row_beside},
	{"rate", row_rate},
	{"truncate", row_truncate},
	{"zero", row_zero},
};

int main(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "q")) != -1) {
		if (opt != 'q')
			return 2;
		rounds = 3;
	}
	check(chdir("/data") == 0, "/data");
	talk = map_new_file("cost-talk", PAGE);
	memset(samples, 1, sizeof(samples)); /* faulted in, so that no sample pays for it */
	print_row("file-bytes", counter("file-bytes"));
	print_row("segment-bytes", counter("segment-bytes"));
	for (; optind < argc; optind++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			if (!strcmp(rows[i].name, argv[optind])) {
				open_file();
				rows[i].run();
				close_file();
			}
	return 0;
}
