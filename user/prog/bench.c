/* SPDX-License-Identifier: MIT */
/*
 * bench [-q] [-d DIRECTORY] [ROW...]: what operations cost, in ticks of the time-stamp counter. Under an
 * emulator that counts one tick an instruction these are guest instructions, the same in every run.
 *
 * A row is NAME<TAB>MEDIAN. The names are stable: results are compared across versions and with
 * Linux, where the same binary runs. A measurement includes the user side of the operation; an
 * empty one is subtracted nowhere. -q repeats less. Needs 80 MiB in the directory.
 *
 * tools/profile reads a measurement's ends off the rdtsc instructions: after the first one, of main,
 * they come in pairs, and nothing else here executes one.
 */
#include "util.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SAMPLES 4096
#define FAULTS 2048UL          /* pages of the file that faults are measured on */
#define BIG_PAGES 16384UL      /* 64 MiB */
#define MIB_PAGES 256UL        /* 1 MiB */
#define MIB (MIB_PAGES * PAGE) /* bytes */
#define HUGE_PAGES 512UL       /* 2 MiB */
#define HUGE (HUGE_PAGES * PAGE)

static uint64_t samples[MAX_SAMPLES];
static size_t sample_count;
static unsigned scale = 1; /* divides the repetitions */

static inline uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

/* Measures one statement. */
#define SAMPLE(statement)                                       \
	do {                                                    \
		uint64_t start_ = ticks();                      \
		statement;                                      \
		samples[sample_count] = ticks() - start_;       \
		sample_count += sample_count + 1 < MAX_SAMPLES; \
	} while (0)

static unsigned long times(unsigned long n)
{
	return n / scale ? n / scale : 1;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Prints the row of the samples taken since the last one. */
static void report(const char *name)
{
	if (!sample_count) /* a child process has printed it */
		return;
	qsort(samples, sample_count, sizeof(*samples), compare);
	printf("%s\t%llu\n", name, (unsigned long long)samples[sample_count / 2]);
	fflush(stdout);
	sample_count = 0;
}

static void check(int ok, const char *what)
{
	if (!ok)
		err(1, "%s", what);
}

static int new_file(unsigned long size_pages)
{
	int fd = open("bench-file", O_RDWR | O_CREAT | O_TRUNC, 0666);

	check(fd >= 0 && ftruncate(fd, (off_t)(size_pages * PAGE)) == 0, "bench-file");
	return fd;
}

static void done(int fd)
{
	close(fd);
	unlink("bench-file");
}

static volatile char *map_at(void *hint, int fd, unsigned long map_pages)
{
	void *p = mmap(hint, map_pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	check(p != MAP_FAILED, "mmap");
	return p;
}

/* One page off: no 2 MiB of the file lie at 2 MiB of address, so it is mapped by entries of 4 KiB. */
static char *const place_4k = (char *)(0x100000000000UL + PAGE);

static volatile char *map(int fd, unsigned long map_pages)
{
	volatile char *p = map_at(place_4k, fd, map_pages);

	check(p == place_4k, "the place of the mapping");
	return p;
}

/* So that entries of 2 MiB are possible. */
static volatile char *map_huge(int fd, unsigned long map_pages)
{
	char *place = (char *)0x200000000000UL;
	volatile char *p = map_at(place, fd, map_pages);

	check(p == place, "the place of the mapping");
	return p;
}

static void unmap(volatile char *p, unsigned long map_pages)
{
	munmap((void *)p, map_pages * PAGE);
}

static void write_pages(int fd, unsigned long count)
{
	static char page[PAGE];

	memset(page, 'b', PAGE);
	for (unsigned long i = 0; i < count; i++)
		check(pwrite(fd, page, PAGE, (off_t)(i * PAGE)) == (ssize_t)PAGE, "pwrite-4k");
}

static void load_pages(volatile char *p, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		(void)p[i * PAGE];
}

static void store_pages(volatile char *p, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		p[i * PAGE] = 's';
}

static void sample_loads(volatile char *p, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		SAMPLE((void)p[i * PAGE]);
}

static void sample_stores(volatile char *p, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		SAMPLE(p[i * PAGE] = 's');
}

static void bench_empty(void)
{
	for (unsigned long i = 0; i < times(4000); i++)
		SAMPLE((void)0);
}

static void bench_getppid(void)
{
	for (unsigned long i = 0; i < times(4000); i++)
		SAMPLE(getppid());
}

static void bench_read_allocated(void)
{
	int fd = new_file(FAULTS);
	volatile char *p = map(fd, FAULTS);

	write_pages(fd, FAULTS);
	sample_loads(p, FAULTS);
	unmap(p, FAULTS);
	done(fd);
}

static void bench_mkwrite(void)
{
	int fd = new_file(FAULTS);
	volatile char *p = map(fd, FAULTS);

	write_pages(fd, FAULTS);
	load_pages(p, FAULTS);
	sample_stores(p, FAULTS);
	unmap(p, FAULTS);
	done(fd);
}

static int second_process(void *arg)
{
	unmap(place_4k, FAULTS); /* what fork copied */
	volatile char *p = map(*(int *)arg, FAULTS);

	sample_loads(p, FAULTS);
	report("fault-second-process");
	return 0;
}

static void bench_second_process(void)
{
	int fd = new_file(FAULTS);
	volatile char *p = map(fd, FAULTS);

	store_pages(p, FAULTS);
	check(run_child(second_process, &fd) == 0, "second process");
	unmap(p, FAULTS);
	done(fd);
}

static void bench_read_hole(void)
{
	int fd = new_file(FAULTS);
	volatile char *p = map(fd, FAULTS);

	sample_loads(p, FAULTS);
	unmap(p, FAULTS);
	done(fd);
}

static void bench_write_zero_page(void)
{
	int fd = new_file(FAULTS);
	volatile char *p = map(fd, FAULTS);

	load_pages(p, FAULTS);
	sample_stores(p, FAULTS);
	unmap(p, FAULTS);
	done(fd);
}

static void bench_write_hole(void)
{
	int fd = new_file(FAULTS);
	volatile char *p = map(fd, FAULTS);

	sample_stores(p, FAULTS);
	unmap(p, FAULTS);
	done(fd);
}

static void bench_write_unwritten(void)
{
	int fd = new_file(FAULTS);
	volatile char *p = map(fd, FAULTS);

	check(fallocate(fd, 0, 0, (off_t)(FAULTS * PAGE)) == 0, "fallocate");
	sample_stores(p, FAULTS);
	unmap(p, FAULTS);
	done(fd);
}

static int huge_file(void)
{
	int fd = new_file(BIG_PAGES);

	check(fallocate(fd, 0, 0, (off_t)(BIG_PAGES * PAGE)) == 0, "fallocate");
	write_pages(fd, BIG_PAGES);
	return fd;
}

static void bench_huge_read(void)
{
	int fd = huge_file();

	for (unsigned long round = 0; round < times(8); round++) {
		volatile char *p = map_huge(fd, BIG_PAGES);

		for (unsigned long i = 0; i < BIG_PAGES; i += HUGE_PAGES)
			SAMPLE((void)p[i * PAGE]);
		unmap(p, BIG_PAGES);
	}
	done(fd);
}

static void bench_huge_write(void)
{
	int fd = huge_file();

	for (unsigned long round = 0; round < times(8); round++) {
		volatile char *p = map_huge(fd, BIG_PAGES);

		for (unsigned long i = 0; i < BIG_PAGES; i += HUGE_PAGES)
			SAMPLE(p[i * PAGE] = 's');
		unmap(p, BIG_PAGES);
		check(fsync(fd) == 0, "fsync");
	}
	done(fd);
}

static void bench_mmap_munmap(void)
{
	int fd = new_file(MIB_PAGES);

	write_pages(fd, MIB_PAGES);
	for (unsigned long i = 0; i < times(2000); i++)
		SAMPLE(unmap(map(fd, MIB_PAGES), MIB_PAGES));
	done(fd);
}

static void bench_munmap(void)
{
	int fd = new_file(MIB_PAGES);

	write_pages(fd, MIB_PAGES);
	for (unsigned long i = 0; i < times(100); i++) {
		volatile char *p = map(fd, MIB_PAGES);

		load_pages(p, MIB_PAGES);
		SAMPLE(unmap(p, MIB_PAGES));
	}
	done(fd);
}

static void bench_pread(void)
{
	static char page[PAGE];
	int fd = new_file(MIB_PAGES);

	memset(page, 'b', PAGE);
	write_pages(fd, MIB_PAGES);
	for (unsigned long i = 0; i < times(2000); i++)
		SAMPLE(pread(fd, page, PAGE, (off_t)(i % MIB_PAGES * PAGE)));
	done(fd);
}

static void bench_pwrite(void)
{
	static char page[PAGE];
	int fd = new_file(MIB_PAGES);

	memset(page, 'b', PAGE);
	write_pages(fd, MIB_PAGES);
	for (unsigned long i = 0; i < times(2000); i++)
		SAMPLE(pwrite(fd, page, PAGE, (off_t)(i % MIB_PAGES * PAGE)));
	done(fd);
}

/* fsync after stores to `dirty` of the file's pages. */
static void sample_fsync(unsigned long dirty, unsigned long count)
{
	int fd = new_file(MIB_PAGES);
	volatile char *p = map(fd, MIB_PAGES);

	store_pages(p, MIB_PAGES);
	check(fsync(fd) == 0, "fsync");
	for (unsigned long i = 0; i < times(count); i++) {
		store_pages(p + i * dirty % MIB_PAGES * PAGE, dirty);
		SAMPLE(fsync(fd));
	}
	unmap(p, MIB_PAGES);
	done(fd);
}

static void bench_fsync_clean(void)
{
	sample_fsync(0, 2000);
}

static void bench_fsync_1(void)
{
	sample_fsync(1, 2000);
}

static void bench_fsync_256(void)
{
	sample_fsync(MIB_PAGES, 64);
}

static void bench_truncate(void)
{
	int fd = new_file(BIG_PAGES);
	volatile char *p = map(fd, BIG_PAGES);

	for (unsigned long i = 0; i < times(3); i++) {
		check(ftruncate(fd, (off_t)(BIG_PAGES * PAGE)) == 0, "ftruncate");
		store_pages(p, BIG_PAGES);
		SAMPLE(check(ftruncate(fd, 0) == 0, "ftruncate"));
	}
	unmap(p, BIG_PAGES);
	done(fd);
}

/* Punches the last page in use; all of them are mapped again before each punch. */
static void sample_punch(unsigned long in_use, unsigned long count)
{
	int fd = new_file(BIG_PAGES);
	volatile char *p = map(fd, BIG_PAGES);
	off_t last = (off_t)((in_use - 1) * PAGE);
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	store_pages(p, in_use);
	for (unsigned long i = 0; i < times(count); i++) {
		load_pages(p, in_use);
		p[last] = 'p';
		SAMPLE(check(fallocate(fd, mode, last, (off_t)PAGE) == 0, "punch hole"));
	}
	unmap(p, BIG_PAGES);
	done(fd);
}

static void bench_punch_1(void)
{
	sample_punch(1, 1000);
}

static void bench_punch_2048(void)
{
	sample_punch(2048, 20);
}

static void bench_punch_16384(void)
{
	sample_punch(BIG_PAGES, 3);
}

static void create_and_unlink(void)
{
	int fd = creat("bench-new", 0666);

	check(fd >= 0, "creat");
	close(fd);
	unlink("bench-new");
}

static void bench_create(void)
{
	for (unsigned long i = 0; i < times(1000); i++)
		SAMPLE(create_and_unlink());
}

static void fork_exec_wait(const char *program)
{
	char *argv[] = {"true", NULL};
	pid_t pid = fork();

	if (pid == 0) {
		execve(program, argv, environ);
		_exit(127);
	}
	check(pid > 0 && wait_for(pid) == 0, program);
}

static void bench_fork_exec(void)
{
	for (unsigned long i = 0; i < times(100); i++)
		SAMPLE(fork_exec_wait("/bin/true"));
}

static const struct {
	const char *name;
	void (*run)(void);
} rows[] = {
	{"empty", bench_empty},
	{"getppid", bench_getppid},
	{"read-fault-allocated", bench_read_allocated},
	{"mkwrite-after-read", bench_mkwrite},
	{"fault-second-process", bench_second_process},
	{"read-fault-hole", bench_read_hole},
	{"write-fault-zero-page", bench_write_zero_page},
	{"write-fault-hole", bench_write_hole},
	{"write-fault-unwritten", bench_write_unwritten},
	{"huge-read-fault", bench_huge_read},
	{"huge-write-fault", bench_huge_write},
	{"mmap-munmap-1m", bench_mmap_munmap},
	{"munmap-1m-256-ptes", bench_munmap},
	{"pread-4k", bench_pread},
	{"pwrite-4k", bench_pwrite},
	{"fsync-clean", bench_fsync_clean},
	{"fsync-1-page", bench_fsync_1},
	{"fsync-256-pages", bench_fsync_256},
	{"truncate-64m-mapped", bench_truncate},
	{"punch-4k-1-page", bench_punch_1},
	{"punch-4k-2048-pages", bench_punch_2048},
	{"punch-4k-16384-pages", bench_punch_16384},
	{"creat-close-unlink", bench_create},
	{"fork-exec-wait", bench_fork_exec},
};

static int wanted(const char *row, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (!strcmp(*names, row))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t start = ticks();
	const char *dir = "/data";
	int opt;

	while ((opt = getopt(argc, argv, "d:q")) != -1) {
		if (opt == 'd')
			dir = optarg;
		else if (opt == 'q')
			scale = 8;
		else
			return 2;
	}
	check(chdir(dir) == 0, dir);
	if (getpid() == 1) /* what the whole way here cost, firmware included */
		printf("boot\t%llu\n", (unsigned long long)start);
	memset(samples, 1, sizeof(samples)); /* faulted in, so that no sample pays for it */
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!wanted(rows[i].name, argv + optind))
			continue;
		rows[i].run();
		report(rows[i].name);
	}
	return 0;
}
