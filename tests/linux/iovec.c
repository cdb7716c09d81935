/* SPDX-License-Identifier: MIT */
/* Vectors of buffers: that a readv or writev is one read or write, of files, pipes and devices. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BAD ((void *)8)

static volatile sig_atomic_t alarms;

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
}

/* readv where something is there to read: does it wait for more? */
static long read_some(const char *what, int fd, const struct iovec *v, int n)
{
	struct itimerval in_a_second = {.it_value = {.tv_sec = 1}}, never = {0};
	long got;

	alarms = 0;
	setitimer(ITIMER_REAL, &in_a_second, NULL);
	got = row(what, readv(fd, v, n));
	setitimer(ITIMER_REAL, &never, NULL);
	if (alarms)
		say("... after a second");
	return got;
}

static void pipes(void)
{
	char a[5] = "", b[5] = "", block[4096] = "";
	struct iovec v[2] = {{a, 4}, {b, 4}}, gaps[4] = {{"", 0}, {a, 2}, {BAD, 0}, {b, 4}};
	struct iovec sixty[2] = {{block, 60}, {block, 60}}, forty[2] = {{block, 40}, {block, 40}};
	struct iovec many[20];
	int p[2];

	signal(SIGALRM, on_alarm);
	pipe(p);
	write(p[1], "abcd", 4);
	read_some("readv, one buffer's worth", p[0], v, 2);
	write(p[1], "efghij", 6);
	read_some("readv, less than there is room for", p[0], v, 2);
	write(p[1], "klmnopqrst", 10);
	read_some("readv, more", p[0], v, 2);
	say("%s %s", a, b);
	read_some("readv, the rest, empty buffers between", p[0], gaps, 4);
	say("%s", a);
	for (int k = 0; k < 20; k++)
		many[k] = (struct iovec){k % 2 ? "xy" : "z", (size_t)(k % 3)};
	row("writev, many", writev(p[1], many, 20));
	row("read", read(p[0], block, sizeof(block)));
	say("%.20s", block);
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	for (int k = 0; k < 15; k++)
		write(p[1], block, 4096);
	row("write, nearly full", write(p[1], block, 4000));
	row("writev, no room for all", writev(p[1], sixty, 2));
	row("writev, room", writev(p[1], forty, 2));
	close(p[0]);
	close(p[1]);
}

static void devices(void)
{
	char a[9] = "aaaaaaaa", b[9] = "bbbbbbbb";
	struct iovec v[2] = {{a, 3}, {b, 5}}, eights[2] = {{a, 8}, {b, 8}}, fours[2] = {{a, 4}, {b, 4}};
	uint64_t three = 3;
	int fd = eventfd(0, 0);

	write(fd, &three, 8);
	read_some("eventfd", fd, eights, 2);
	say("%d %c", a[0], b[0]);
	write(fd, &three, 8);
	read_some("eventfd, in two halves", fd, fours, 2);
	say("%d %d", a[0], b[0]);
	row("eventfd, too small", readv(fd, fours, 1));
	row("eventfd, written in two halves", writev(fd, fours, 2));
	close(fd);
	fd = open("/dev/zero", O_RDWR);
	memset(a, 'a', 8);
	row("/dev/zero", readv(fd, v, 2));
	say("%d %d %c %d %c", a[0], a[2], a[3], b[4], b[5]);
	row("/dev/zero, written", writev(fd, v, 2));
	close(fd);
	fd = open("/dev/urandom", O_RDONLY);
	row("/dev/urandom", readv(fd, v, 2));
	close(fd);
	fd = open("/dev/full", O_WRONLY);
	row("/dev/full", writev(fd, v, 2));
	close(fd);
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	fd = open("/proc/self/comm", O_RDONLY);
	row("a file of /proc", readv(fd, v, 2) > 0);
	say("%s%s", a, b);
	close(fd);
}

static void files(void)
{
	char a[9] = "", b[9] = "", big[8192];
	struct iovec v[3] = {{a, 3}, {"", 0}, {b, 5}}, bad[2] = {{a, 3}, {BAD, 3}},
		     bad_first[2] = {{BAD, 3}, {a, 3}};
	struct iovec pages[2] = {{big, 5000}, {big, 3000}};
	struct rlimit small = {6000, 0}, old;
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);

	memset(big, 'p', sizeof(big));
	row("writev", writev(fd, pages, 2));
	row("position", lseek(fd, 0, SEEK_CUR));
	row("pwritev, over the end", pwritev(fd, pages, 2, 4000));
	row("size", lseek(fd, 0, SEEK_END));
	row("preadv, to the end", preadv(fd, v, 3, 11996));
	say("%s %s", a, b);
	row("preadv, past the end", preadv(fd, v, 3, 12000));
	row("pwritev, bad second buffer", pwritev(fd, bad, 2, 0));
	row("pwritev, bad first buffer", pwritev(fd, bad_first, 2, 0));
	row("preadv, bad first buffer", preadv(fd, bad_first, 2, 0));
	ftruncate(fd, 0);
	lseek(fd, 0, SEEK_SET);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	row("writev, up to the limit", writev(fd, pages, 2));
	row("writev, at the limit", writev(fd, pages, 2));
	setrlimit(RLIMIT_FSIZE, &old);
	close(fd);
}

#define WRITERS 3
#define RECORDS 400
#define HALF 100

static void write_records(int fd, char letter)
{
	char x[HALF], y[HALF];
	struct iovec v[2] = {{x, HALF}, {y, HALF}};

	memset(x, letter, HALF);
	memset(y, letter, HALF);
	for (int k = 0; k < RECORDS; k++)
		if (writev(fd, v, 2) != 2 * HALF)
			say("a short write");
}

/* Records that several processes write at once, of two buffers each: to a pipe, that is read meanwhile, or each at the end of its own open file. */
static void records(const char *what, int from, int to, const char *file)
{
	int whole = 0, torn = 0;
	char record[2 * HALF];

	for (int k = 0; k < WRITERS; k++) {
		if (!fork()) {
			if (file)
				to = open(file, O_WRONLY | O_APPEND);
			write_records(to, (char)('a' + k));
			table_child_end();
		}
	}
	while (file && wait(NULL) > 0)
		;
	close(to);
	for (size_t n = 0;;) {
		long got = read(from, record + n, sizeof(record) - n);
		int same = 1;

		if (got <= 0)
			break;
		n += (size_t)got;
		if (n < sizeof(record))
			continue;
		for (n = 1; n < sizeof(record); n++)
			same &= record[n] == record[0];
		whole += same;
		torn += !same;
		n = 0;
	}
	while (wait(NULL) > 0)
		;
	close(from);
	say("%s: %d records whole, %d torn", what, whole, torn);
}

static void atomic(void)
{
	int p[2], to = open("appended", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	records("O_APPEND", open("appended", O_RDONLY), to, "appended");
	pipe(p);
	records("pipe", p[0], p[1], NULL);
}

/* More than a pipe holds. */
static void long_write(void)
{
	static char a[50000], b[50000], c[50000], got[7000];
	struct iovec v[3] = {{a, sizeof(a)}, {b, sizeof(b)}, {c, sizeof(c)}},
		     w[2] = {{got, 3000}, {got + 3000, 4000}};
	int p[2], turns = 0, pid;
	long all = 0, n;
	char last = 0;

	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	memset(c, 'c', sizeof(c));
	pipe(p);
	pid = fork();
	if (!pid) {
		row("writev, long", writev(p[1], v, 3));
		table_child_end();
	}
	close(p[1]);
	for (; (n = readv(p[0], w, 2)) > 0; all += n) {
		for (long k = 0; k < n; k++) {
			turns += got[k] != last;
			last = got[k];
		}
	}
	table_wait("writer", pid);
	say("%ld bytes, %d letters", all, turns);
	close(p[0]);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	pipes();
	devices();
	files();
	atomic();
	long_write();
	return 0;
}
