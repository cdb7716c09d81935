/* SPDX-License-Identifier: MIT */
/*
 * ktap-trace [DIRECTORY]: what /proc/faultline tells about faults and protocol steps, as KTAP: counters rise by exact numbers, the
 * trace of two processes is whole and in order, histograms sum up to its steps, what is lost is counted. Faultline only.
 */
#include "ktap.h"
#include "util.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROC "/proc/faultline/"
#define PAGES 32UL
#define ROUNDS 10
#define HUGE (512 * PAGE)

static char text[1 << 20]; /* written before anything is measured */

/* Whole file, NUL-ended; its length. */
static size_t slurp(int fd)
{
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return len;
}

static void slurp_name(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		err(1, "%s", path);
	slurp(fd);
	close(fd);
}

/* --- counters --- */

static const char *const kinds[] = {"anonymous", "copy-on-write", "read", "hole", "write", "allocate",
	"private", "huge-read", "huge-hole", "huge-write", "present", "stack", "sigsegv", "sigbus",
	"no-memory"};

struct counts {
	long of[ARRAY_SIZE(kinds)];
};

static void take_counts(struct counts *c)
{
	slurp_name(PROC "faults");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *at = text;
		size_t n = strlen(kinds[i]);

		while (at && (strncmp(at, kinds[i], n) || at[n] != ' '))
			at = (at = strchr(at, '\n')) ? at + 1 : NULL;
		c->of[i] = at ? atol(at + n) : -1;
	}
}

static struct counts before, after;

/* Between the two no page is touched for the first time but those that are to be counted. */
static void begin(void)
{
	memset(&after, 0, sizeof(after));
	take_counts(&before);
}

/* Of all kinds only this one rose, and by so much. */
static int rose(const char *kind, long by)
{
	int ok = 1;

	take_counts(&after);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		long want = strcmp(kinds[i], kind) ? 0 : by, got = after.of[i] - before.of[i];

		if (got != want) {
			ktap_note("%s: %ld, wanted %ld", kinds[i], got, want);
			ok = 0;
		}
	}
	return ok;
}

static int open_file(const char *name, unsigned long size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0666);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		err(1, "%s", name);
	return fd;
}

static void fill(int fd, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		if (pwrite(fd, text, PAGE, (off_t)(i * PAGE)) != (ssize_t)PAGE)
			err(1, "pwrite");
}

/* At this address, or the program ends. */
static volatile char *map_at(unsigned long at, unsigned long len, int flags, int fd)
{
	void *p = mmap((void *)at, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

#define PLACE_4K (0x100000000000UL + PAGE) /* no 2 MiB of a file fit there */
#define PLACE_2M 0x200000000000UL

static void load(volatile char *p, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		(void)p[i * PAGE];
}

static void store(volatile char *p, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		p[i * PAGE] = 'x';
}

static void test_file_faults(void)
{
	int full = open_file("trace-full", PAGES * PAGE), hole = open_file("trace-hole", 2 * PAGES * PAGE);
	volatile char *p;

	fill(full, PAGES);
	p = map_at(PLACE_4K, PAGES * PAGE, MAP_SHARED, full);
	p[0]; /* the tables are there */
	madvise((void *)p, PAGES * PAGE, MADV_DONTNEED);
	begin();
	load(p, PAGES);
	CHECK("a load of each page of a file is a read fault each", rose("read", PAGES));
	begin();
	store(p, PAGES);
	CHECK("a store to each then is a write fault each", rose("write", PAGES));
	p = map_at(PLACE_4K, PAGES * PAGE, MAP_PRIVATE, full);
	begin();
	store(p, PAGES / 2);
	CHECK("private stores make copies", rose("private", PAGES / 2));

	p = map_at(PLACE_4K, 2 * PAGES * PAGE, MAP_SHARED, hole);
	begin();
	load(p, PAGES);
	CHECK("loads of a hole", rose("hole", PAGES));
	begin();
	store(p, 2 * PAGES);
	CHECK("stores to it allocate", rose("allocate", 2 * PAGES));
	munmap((void *)p, 2 * PAGES * PAGE);
	close(full);
	close(hole);
}

static void test_huge_faults(void)
{
	int fd = open_file("trace-huge", 2 * HUGE);
	volatile char *p = map_at(PLACE_2M, 2 * HUGE, MAP_SHARED, fd);

	begin();
	load(p, 512);
	CHECK("2 MiB of a hole are one fault", rose("huge-hole", 1));
	if (fallocate(fd, 0, (off_t)HUGE, (off_t)HUGE) < 0)
		err(1, "fallocate");
	begin();
	store(p + HUGE, 512);
	CHECK("2 MiB of allocated blocks too", rose("huge-write", 1));
	madvise((void *)p, 2 * HUGE, MADV_DONTNEED);
	begin();
	load(p + HUGE, 512);
	CHECK("and when they are read", rose("huge-read", 1));
	munmap((void *)p, 2 * HUGE);
	close(fd);
}

static void test_anonymous_faults(void)
{
	volatile char *p = map_at(PLACE_4K, PAGES * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	begin();
	load(p, PAGES / 2);
	store(p, PAGES);
	CHECK("anonymous memory is a fault a page", rose("anonymous", PAGES));
	begin();
	*((volatile char *)__builtin_frame_address(0) - (4 << 20)) = 1;
	take_counts(&after);
	CHECK("a stack that grows",
		after.of[11] - before.of[11] == 1 && after.of[0] - before.of[0] == 1 &&
			!strcmp(kinds[11], "stack"));
}

/* The parent sleeps in read() while the child measures, and has made its own copies before. */
static int count_copies(volatile char *p, const int to_child[2], const int to_parent[2])
{
	char c = 0;

	memset(text, 0, sizeof(text));
	if (read(to_child[0], &c, 1) != 1)
		return 1;
	(void)rose("", 0);
	begin();
	store(p, PAGES);
	c = rose("copy-on-write", PAGES) ? 'y' : 'n';
	return write(to_parent[1], &c, 1) != 1;
}

static void test_copies(void)
{
	volatile char *p = map_at(PLACE_4K, PAGES * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int to_child[2], to_parent[2];
	char c = 0;
	pid_t pid;

	store(p, PAGES);
	if (pipe(to_child) < 0 || pipe(to_parent) < 0)
		err(1, "pipe");
	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(count_copies(p, to_child, to_parent));
	if (write(to_child[1], &c, 1) != 1 || read(to_parent[0], &c, 1) != 1)
		err(1, "pipe");
	CHECK("the child ends well", wait_for(pid) == 0);
	CHECK("stores to what fork shared are copies", c == 'y');
}

static int die_by_store(void *arg)
{
	*(volatile char *)arg = 1;
	return 0;
}

static void test_signals(void)
{
	int fd = open_file("trace-short", PAGE);
	volatile char *p = map_at(PLACE_4K, 2 * PAGE, MAP_SHARED, fd);

	begin();
	run_child(die_by_store, (void *)8);
	run_child(die_by_store, (char *)p + PAGE);
	take_counts(&after);
	CHECK("one SIGSEGV, one SIGBUS",
		after.of[12] - before.of[12] == 1 && after.of[13] - before.of[13] == 1 &&
			!strcmp(kinds[13], "sigbus"));
	close(fd);
}

/* --- the trace --- */

static void fault_rounds(int fd, int rounds)
{
	volatile char *p = map_at(PLACE_4K, PAGES * PAGE, MAP_SHARED, fd);

	for (int i = 0; i < rounds; i++) {
		madvise((void *)p, PAGES * PAGE, MADV_DONTNEED);
		load(p, PAGES);
	}
}

static pid_t start_faults(int fd, int rounds)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		fault_rounds(fd, rounds);
		_exit(0);
	}
	return pid;
}

/* Takes the page behind those of the faults away and gives it back. */
static pid_t start_truncates(int fd, int rounds)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	for (int i = 0; i < rounds; i++)
		if (ftruncate(fd, (off_t)(PAGES * PAGE)) < 0 ||
			ftruncate(fd, (off_t)((PAGES + 1) * PAGE)) < 0)
			_exit(1);
	_exit(0);
}

#define MAX_STEPS 64
#define MAX_TIDS 16

static struct {
	unsigned long lines, lost, bad, unsorted;
	unsigned long locks, sizes; /* LOCK of the faulter on the file, SET_SIZE of the truncater */
	unsigned long seen[PAGES];  /* LOCK of the faulter, by page */
	unsigned nr_tids;
	int tids[MAX_TIDS];
	unsigned nr_names;
	struct {
		char name[32];
		unsigned long lines;
	} step[MAX_STEPS];
} t;

static void note_tid(int tid)
{
	unsigned i = 0;

	while (i < t.nr_tids && t.tids[i] != tid)
		i++;
	if (i == t.nr_tids && i < MAX_TIDS)
		t.tids[t.nr_tids++] = tid;
}

static void note_step(const char *name)
{
	unsigned i = 0;

	while (i < t.nr_names && strcmp(t.step[i].name, name))
		i++;
	if (i == MAX_STEPS)
		return;
	if (i == t.nr_names)
		snprintf(t.step[t.nr_names++].name, sizeof(t.step[0].name), "%s", name);
	t.step[i].lines++;
}

static void take_line(const char *line, unsigned long inode, pid_t faulter, pid_t truncater)
{
	static unsigned long long last;
	unsigned long long sec, ns, file, argument;
	char name[32], program[32];
	unsigned cpu;
	int pid, tid;

	if (!t.lines)
		last = 0;
	if (!strncmp(line, "# lost ", 7)) {
		t.lost += strtoul(line + 7, NULL, 10);
		return;
	}
	if (*line == '#')
		return;
	if (sscanf(line, "%llu.%llu %u %d %d %31s %llu %llu %31s", &sec, &ns, &cpu, &pid, &tid, name, &file,
		    &argument, program) != 9) {
		t.bad++;
		return;
	}
	t.unsorted += sec * 1000000000 + ns < last;
	last = sec * 1000000000 + ns;
	t.lines++;
	note_tid(tid);
	note_step(name);
	if (pid == faulter && !strcmp(name, "LOCK") && file == inode && argument < PAGES) {
		t.locks++;
		t.seen[argument]++;
	}
	t.sizes += pid == truncater && !strcmp(name, "SET_SIZE");
}

static int open_trace(void)
{
	int fd = open(PROC "trace", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		err(1, PROC "trace");
	return fd;
}

static void read_trace(int fd, unsigned long inode, pid_t faulter, pid_t truncater)
{
	memset(&t, 0, sizeof(t));
	slurp(fd);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		take_line(line, inode, faulter, truncater);
}

/* /proc/faultline/latency: for each step as many as the trace had lines; all but each thread's last one are in a bucket. */
static void check_latency(void)
{
	unsigned long steps = 0, in_buckets = 0, differ = 0, count;
	unsigned long long from, n;
	char name[32];

	slurp_name(PROC "latency");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, " %llu ns %llu", &from, &n) == 2) {
			in_buckets += n;
		} else if (sscanf(line, "%31[A-Z_] %lu steps:", name, &count) == 2) {
			steps += count;
			for (unsigned i = 0; i < t.nr_names; i++)
				differ += !strcmp(t.step[i].name, name) && t.step[i].lines != count;
		}
	}
	ktap_note("%lu lines, %lu lost, %lu steps, %lu in buckets, %u threads", t.lines, t.lost, steps,
		in_buckets, t.nr_tids);
	CHECK("the histograms have as many steps as the trace", steps == t.lines + t.lost);
	if (!t.lost)
		CHECK("each of them", differ == 0);
	if (!t.lost)
		CHECK("all but the last of each thread have a latency", in_buckets + t.nr_tids == steps);
}

static void test_two_processes(void)
{
	int fd = open_file("trace-two", (PAGES + 1) * PAGE), trace;
	pid_t faulter, truncater;
	struct stat st;
	int all = 1;

	fill(fd, PAGES + 1);
	fstat(fd, &st);
	trace = open_trace();
	CHECK_ERRNO("one reader at a time", open(PROC "trace", O_RDONLY), EBUSY);
	CHECK_ERRNO("a read that is too small for a line", read(trace, text, 10), EINVAL);
	faulter = start_faults(fd, ROUNDS);
	truncater = start_truncates(fd, ROUNDS);
	CHECK("both end well", wait_for(faulter) == 0 && wait_for(truncater) == 0);
	read_trace(trace, st.st_ino, faulter, truncater);
	CHECK("every line of the trace has its form", t.bad == 0);
	CHECK("nothing is lost", t.lost == 0);
	CHECK("time does not go back", t.unsorted == 0 && t.lines > 0);
	CHECK("every fault took the lock of its page", t.locks == ROUNDS * PAGES);
	for (unsigned long i = 0; i < PAGES; i++)
		all &= t.seen[i] == ROUNDS;
	CHECK("each page as often as it was read", all);
	CHECK("every truncate set the size", t.sizes == 2 * ROUNDS);
	check_latency();
	CHECK_ERRNO("what was read is gone", read(trace, text, sizeof(text)), EAGAIN);
	close(trace);
	close(fd);
}

/* More steps than all rings together hold. */
static void test_lost(void)
{
	int fd = open_file("trace-lost", PAGES * PAGE), trace;
	pid_t faulter;

	fill(fd, PAGES);
	trace = open_trace();
	faulter = start_faults(fd, 600);
	wait_for(faulter);
	memset(&t, 0, sizeof(t));
	for (size_t len = 1; len;) {
		len = slurp(trace);
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			take_line(line, 0, faulter, 0);
	}
	CHECK("steps that nobody reads are lost in the end, and counted", t.lost > 0 && t.lines > 0);
	check_latency();
	close(trace);
	close(fd);
}

static void test_off(void)
{
	int fd = open_file("trace-off", PAGES * PAGE), trace = open_trace();

	close(trace);
	wait_for(start_faults(fd, 1));
	slurp_name(PROC "latency");
	CHECK("closed is off", !strstr(text, " steps: "));
	close(fd);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/data/t";

	if (!is_directory(dir) && mkdir(dir, 0777) < 0)
		err(1, "%s", dir);
	if (chdir(dir) < 0)
		err(1, "%s", dir);
	memset(text, 1, sizeof(text));
	ktap_start();
	(void)rose("", 0); /* the program's own pages are in */
	begin();
	CHECK("nothing happens by itself", rose("", 0));
	test_file_faults();
	test_huge_faults();
	test_anonymous_faults();
	test_copies();
	test_signals();
	test_two_processes();
	test_lost();
	test_off();
	return ktap_finish();
}
