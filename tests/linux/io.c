/* SPDX-License-Identifier: MIT */
/* Data: read and write in all forms, seeks, holes, copies, FIEMAP, ioctl, directory listings. */
#define _GNU_SOURCE
#include "table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* As in linux/fiemap.h, which not every C library can include. */
struct fiemap {
	uint64_t fm_start, fm_length;
	uint32_t fm_flags, fm_mapped_extents, fm_extent_count, fm_reserved;
	struct {
		uint64_t fe_logical, fe_physical, fe_length, fe_reserved64[2];
		uint32_t fe_flags, fe_reserved[3];
	} fm_extents[];
};
#define FIEMAP_COMMAND 0xc020660bu
#define BLOCK_SIZE_COMMAND 2
#define DSYNC_FLAG 2

static long preadv2_(int fd, const struct iovec *v, int n, off_t pos, int flags)
{
	return syscall(SYS_preadv2, fd, v, (long)n, (long)pos, 0l, flags);
}

static long pwritev2_(int fd, const struct iovec *v, int n, off_t pos, int flags)
{
	return syscall(SYS_pwritev2, fd, v, (long)n, (long)pos, 0l, flags);
}

static void plain(void)
{
	char buf[100];
	int fd = make_file("data", 5000), ro = open("data", O_RDONLY), wo = open("data", O_WRONLY),
	    dir = open(".", O_RDONLY);

	row("lseek, SEEK_SET", lseek(fd, 100, SEEK_SET));
	row("read", read(fd, buf, 10));
	row("lseek, SEEK_CUR", lseek(fd, 0, SEEK_CUR));
	row("lseek, SEEK_END", lseek(fd, -5, SEEK_END));
	row("read, at the end", read(fd, buf, 10));
	row("read, past the end", read(fd, buf, 10));
	row("lseek, negative", lseek(fd, -1, SEEK_SET));
	row("lseek, whence", lseek(fd, 0, 77));
	row("lseek, overflow", lseek(fd, INT64_MAX, SEEK_END));
	row("read, no bytes", read(fd, buf, 0));
	row("read, null", syscall(SYS_read, ro, 8, 10));
	row("read, kernel address", syscall(SYS_read, ro, -4096l, 10));
	row("read, bad", read(77, buf, 1));
	row("read, write-only", read(wo, buf, 1));
	row("read, directory", read(dir, buf, 1));
	row("write, read-only", write(ro, buf, 1));
	row("write, bad", write(77, buf, 1));
	row("write, directory", write(dir, buf, 1));
	row("pread", pread(fd, buf, 10, 4995));
	row("pread, negative", pread(fd, buf, 10, -1));
	row("pwrite", pwrite(fd, "xyz", 3, 6000));
	row("pwrite, negative", pwrite(fd, "xyz", 3, -1));
	row("pread, the gap", pread(fd, buf, 10, 5995));
	say("zeros, then %c: %d%d%d%d%d", buf[5], buf[0], buf[1], buf[2], buf[3], buf[4]);
	row("lseek, past the end", lseek(fd, 10000, SEEK_SET));
	row("write there", write(fd, "end", 3));
	row("size", lseek(fd, 0, SEEK_END));
	row("pread, at the last position", pread(fd, buf, 1, INT64_MAX - 1));
	row("pread, no bytes behind it", pread(fd, buf, 0, INT64_MAX));
	row("pread, behind it", pread(fd, buf, 1, INT64_MAX));
	row("pread, over it", pread(fd, buf, 10, INT64_MAX - 5));
	row("pwrite, at the last position", pwrite(fd, "x", 1, INT64_MAX - 1));
	row("pwrite, no bytes behind it", pwrite(fd, "x", 0, INT64_MAX));
	row("pwrite, behind it", pwrite(fd, "x", 1, INT64_MAX));
	row("preadv, behind it", preadv(fd, &(struct iovec){buf, 1}, 1, INT64_MAX));
	row("pwritev, behind it", pwritev(fd, &(struct iovec){buf, 1}, 1, INT64_MAX));
	row("lseek, longer than any file", lseek(fd, INT64_MAX, SEEK_SET));
	row("position", lseek(fd, 0, SEEK_CUR));
	row("fsync", fsync(fd));
	row("fdatasync", fdatasync(fd));
	row("fsync, bad", fsync(77));
	row("fsync, directory", fsync(dir));
	row("syncfs", syncfs(fd));
	row("syncfs, bad", syncfs(77));
	row("fadvise", posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	row("fadvise, advice", posix_fadvise(fd, 0, 0, 77));
	row("fadvise, bad", posix_fadvise(77, 0, 0, 0));
	row("readahead", readahead(fd, 0, 100));
	row("readahead, write-only", readahead(wo, 0, 100));
	close(fd);
	close(ro);
	close(wo);
	close(dir);
}

static void vectors(void)
{
	char a[4] = "", b[10] = "";
	struct iovec v[2] = {{a, 3}, {b, 5}}, none[1] = {{a, 0}}, neg[1] = {{a, (size_t)-1}},
		     bad[2] = {{a, 3}, {(void *)8, 3}};
	struct iovec w[3] = {{"one", 3}, {"", 0}, {"three", 5}};
	int fd = open("vector", O_RDWR | O_CREAT | O_TRUNC, 0644);

	row("writev", writev(fd, w, 3));
	lseek(fd, 0, SEEK_SET);
	row("readv", readv(fd, v, 2));
	say("%s %s", a, b);
	row("readv, end", readv(fd, v, 2));
	row("readv, nothing", readv(fd, none, 1));
	row("readv, no vector", readv(fd, v, 0));
	row("readv, too many", syscall(SYS_readv, fd, v, 1025l));
	row("readv, negative length", readv(fd, neg, 1));
	row("readv, null vector", syscall(SYS_readv, fd, 8, 1l));
	row("preadv", preadv(fd, v, 2, 1));
	row("preadv, negative", preadv(fd, v, 2, -1));
	row("pwritev", pwritev(fd, w, 3, 4));
	row("preadv, bad second buffer", preadv(fd, bad, 2, 0));
	row("position", lseek(fd, 0, SEEK_CUR));
	row("preadv2, own position", preadv2_(fd, v, 2, -1, 0));
	row("preadv2, position -2", preadv2_(fd, v, 2, -2, 0));
	row("pwritev2, RWF_DSYNC", pwritev2_(fd, w, 3, 0, DSYNC_FLAG));
	row("pwritev2, unknown flag", pwritev2_(fd, w, 3, 0, 0x4000));
	row("preadv2, bad", preadv2_(77, v, 2, 0, 0));
	close(fd);
}

/* Extents that follow each other in the file are one run of data: where the blocks lie is the allocator's business. */
static void say_data(const struct fiemap *m)
{
	uint64_t end = UINT64_MAX;

	for (unsigned k = 0; k < m->fm_mapped_extents && k < 10; k++) {
		if (m->fm_extents[k].fe_logical != end)
			say("  data from %llu", (unsigned long long)m->fm_extents[k].fe_logical / 4096);
		end = m->fm_extents[k].fe_logical + m->fm_extents[k].fe_length;
		if (k + 1 == m->fm_mapped_extents || m->fm_extents[k + 1].fe_logical != end)
			say("    to %llu, flags %x", (unsigned long long)end / 4096,
				m->fm_extents[k].fe_flags);
	}
}

static void holes(void)
{
	int fd = open("holes", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *block = malloc(4096);

	memset(block, 'h', 4096);
	pwrite(fd, block, 4096, 8 * 4096);
	pwrite(fd, block, 4096, 9 * 4096);
	pwrite(fd, block, 4096, 20 * 4096);
	ftruncate(fd, 30 * 4096 + 7);
	row("SEEK_DATA, 0", lseek(fd, 0, SEEK_DATA));
	row("SEEK_DATA, inside", lseek(fd, 8 * 4096 + 5, SEEK_DATA));
	row("SEEK_HOLE, 0", lseek(fd, 0, SEEK_HOLE));
	row("SEEK_HOLE, in data", lseek(fd, 8 * 4096 + 5, SEEK_HOLE));
	row("SEEK_DATA, next", lseek(fd, 10 * 4096, SEEK_DATA));
	row("SEEK_HOLE, last", lseek(fd, 20 * 4096, SEEK_HOLE));
	row("SEEK_DATA, none left", lseek(fd, 21 * 4096, SEEK_DATA));
	row("SEEK_HOLE, past the end", lseek(fd, 31 * 4096, SEEK_HOLE));
	row("SEEK_DATA, negative", lseek(fd, -1, SEEK_DATA));
	fsync(fd);

	unsigned extents;
	struct fiemap *m = calloc(1, sizeof(*m) + 10 * sizeof(m->fm_extents[0]));
	m->fm_length = ~0ull;
	m->fm_extent_count = 10;
	row("FIEMAP", ioctl(fd, (int)FIEMAP_COMMAND, m));
	extents = m->fm_mapped_extents;
	say_data(m);
	m->fm_extent_count = 0;
	row("FIEMAP, count only", ioctl(fd, (int)FIEMAP_COMMAND, m));
	say("as many: %d", m->fm_mapped_extents == extents);
	m->fm_extent_count = 1;
	row("FIEMAP, room for one", ioctl(fd, (int)FIEMAP_COMMAND, m));
	say("extents: %u, flags %x", m->fm_mapped_extents, m->fm_extents[0].fe_flags);
	m->fm_flags = 0x80000000u;
	row("FIEMAP, unknown flag", ioctl(fd, (int)FIEMAP_COMMAND, m));
	m->fm_flags = 0;
	m->fm_length = 0;
	row("FIEMAP, no length", ioctl(fd, (int)FIEMAP_COMMAND, m));
	free(m);
	free(block);
	close(fd);
}

static void copies(void)
{
	int in = make_file("from", 100000), out = open("to", O_RDWR | O_CREAT | O_TRUNC, 0644);
	int ro = open("to", O_RDONLY), dir = open(".", O_RDONLY),
	    ap = open("appended", O_RDWR | O_CREAT | O_APPEND, 0644);
	off_t a = 10, b = 5;
	off_t pos = 99990;
	char x[4], y[4];

	lseek(in, 0, SEEK_SET);
	row("copy_file_range", copy_file_range(in, NULL, out, NULL, 70000, 0));
	row("positions", lseek(in, 0, SEEK_CUR) + lseek(out, 0, SEEK_CUR));
	row("copy_file_range, to the end", copy_file_range(in, NULL, out, NULL, 70000, 0));
	row("copy_file_range, past the end", copy_file_range(in, NULL, out, NULL, 70000, 0));
	row("copy_file_range, offsets", copy_file_range(in, &a, out, &b, 20, 0));
	say("offsets %ld %ld", (long)a, (long)b);
	pread(in, x, 4, 12);
	pread(out, y, 4, 7);
	say("same: %d", !memcmp(x, y, 4));
	row("copy_file_range, flags", copy_file_range(in, NULL, out, NULL, 1, 1));
	row("copy_file_range, read-only", copy_file_range(in, NULL, ro, NULL, 1, 0));
	row("copy_file_range, append", copy_file_range(in, NULL, ap, NULL, 1, 0));
	row("copy_file_range, directory", copy_file_range(dir, NULL, out, NULL, 1, 0));
	row("copy_file_range, bad", copy_file_range(77, NULL, out, NULL, 1, 0));
	a = 0;
	b = 5;
	row("copy_file_range, onto itself", copy_file_range(in, &a, in, &b, 10, 0));
	lseek(in, 0, SEEK_SET);
	row("sendfile", sendfile(out, in, NULL, 1000));
	row("sendfile, offset", sendfile(out, in, &pos, 1000));
	say("offset %ld, position %ld", (long)pos, (long)lseek(in, 0, SEEK_CUR));
	row("sendfile, read-only", sendfile(ro, in, NULL, 10));
	row("sendfile, bad", sendfile(77, in, NULL, 10));
	row("sendfile, append", sendfile(ap, in, NULL, 10));
	close(in);
	close(out);
	close(ro);
	close(dir);
	close(ap);
}

static void on_signal(int signo)
{
	(void)signo;
}

/* A signal that comes in between shortens a copy. It is no end of the file. */
static void disturbed_copies(void)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
	int in = make_file("from", 10), out = open("to", O_RDWR | O_CREAT | O_TRUNC, 0644);
	int parent = getpid(), pid, sent = 0, copied = 0;

	sigaction(SIGALRM, &act, &old);
	pid = fork();
	while (!pid)
		kill(parent, SIGALRM);
	for (int k = 0; k < 200; k++) {
		off_t pos = 0;
		off_t a = 0, b = 0;

		sent += sendfile(out, in, &pos, 10) == 10;
		copied += copy_file_range(in, &a, out, &b, 10, 0) == 10;
	}
	kill(pid, SIGKILL);
	table_wait("who sends signals", pid);
	sigaction(SIGALRM, &old, NULL);
	say("sendfile: %d, copy_file_range: %d", sent, copied);
	close(in);
	close(out);
}

static void ioctls(void)
{
	int fd = make_file("ioctl", 1000), p[2], n = -1, on = 1;

	pipe(p);
	lseek(fd, 300, SEEK_SET);
	row("FIONREAD, file", ioctl(fd, FIONREAD, &n));
	say("%d", n);
	write(p[1], "hello", 5);
	row("FIONREAD, pipe", ioctl(p[0], FIONREAD, &n));
	say("%d", n);
	row("FIOCLEX", ioctl(fd, FIOCLEX));
	row("F_GETFD", fcntl(fd, F_GETFD));
	row("FIONCLEX", ioctl(fd, FIONCLEX));
	row("F_GETFD", fcntl(fd, F_GETFD));
	row("FIONBIO", ioctl(p[0], FIONBIO, &on));
	row("F_GETFL", fcntl(p[0], F_GETFL) & O_NONBLOCK);
	row("FIGETBSZ", ioctl(fd, BLOCK_SIZE_COMMAND, &n));
	say("%d", n);
	row("TCGETS, file", ioctl(fd, TCGETS, &n));
	row("unknown", ioctl(fd, 0x12345, &n));
	row("bad", ioctl(77, FIONREAD, &n));
	close(fd);
	close(p[0]);
	close(p[1]);
}

/* Reads all of a pipe: how much, and whether it is what make_file() has written from `at` on. */
static void check_stream(int fd, long at)
{
	unsigned char buf[5000];
	long n, all = 0, wrong = 0;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (long i = 0; i < n; i++)
			wrong += buf[i] != (unsigned char)((at + all++) % 251);
	say("%ld read, %ld wrong", all, wrong);
}

static void send_all(int to, int from, long n)
{
	while (n > 0) {
		long sent = sendfile(to, from, NULL, (size_t)n);

		if (sent <= 0)
			break;
		n -= sent;
	}
	say("%ld not sent", n);
}

static void streams(void)
{
	int file = make_file("streamed", 300000), null = open("/dev/null", O_WRONLY), event = eventfd(0, 0);
	int p[2], other[2];
	off_t pos = 100;
	pid_t pid;

	pipe(p);
	pipe2(other, O_NONBLOCK);
	lseek(file, 0, SEEK_SET);
	row("sendfile to a pipe", sendfile(p[1], file, NULL, 10));
	row("with an offset", sendfile(p[1], file, &pos, 5000));
	say("offset %ld, position %ld", (long)pos, (long)lseek(file, 0, SEEK_CUR));
	lseek(file, 0, SEEK_SET);
	row("more than fits", sendfile(other[1], file, NULL, 300000));
	row("full", sendfile(other[1], file, NULL, 300000));
	say("position %ld", (long)lseek(file, 0, SEEK_CUR));
	close(other[1]);
	check_stream(other[0], 0);
	close(p[1]);
	close(p[0]);
	pipe(p);
	pid = fork();
	if (pid == 0) {
		close(p[1]);
		check_stream(p[0], 1000);
		table_child_end();
	}
	lseek(file, 1000, SEEK_SET);
	send_all(p[1], file, 299000);
	row("at the end", sendfile(p[1], file, NULL, 10));
	close(p[1]);
	table_wait("reader", pid);
	row("to the end that reads", sendfile(p[0], file, NULL, 10));
	pipe(other);
	row("from a pipe", sendfile(other[1], p[0], NULL, 10));
	close(p[0]);
	close(other[0]);
	signal(SIGPIPE, SIG_IGN);
	pos = 0;
	row("nobody reads", sendfile(other[1], file, &pos, 10));
	signal(SIGPIPE, SIG_DFL);
	close(other[1]);
	row("to /dev/null", sendfile(null, file, &pos, 100000));
	row("to an eventfd", sendfile(event, file, &pos, 8));
	close(file);
	close(null);
	close(event);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in the order of the alphabet: that of the directory is the file system's. */
static void listing(void)
{
	char *names[400], name[32], buf[8192];
	int count = 0, fd, more = 0;
	struct dirent *e;

	mkdir("many", 0755);
	for (int k = 0; k < 300; k++) {
		snprintf(name, sizeof(name), "many/entry-%03d", k);
		close(open(name, O_RDWR | O_CREAT, 0644));
	}
	mkdir("many/sub", 0755);
	symlink("x", "many/link");
	mkfifo("many/fifo", 0644);
	DIR *d = opendir("many");
	long at = 0;
	while ((e = readdir(d)) && count < 400) {
		char text[300];

		snprintf(text, sizeof(text), "%s %d", e->d_name, e->d_type);
		names[count++] = strdup(text);
		if (count == 100)
			at = telldir(d);
	}
	qsort(names, (size_t)count, sizeof(names[0]), by_name);
	say("%d entries: %s, %s, %s .. %s, %s, %s", count, names[0], names[1], names[2], names[count - 3],
		names[count - 2], names[count - 1]);
	seekdir(d, at);
	while (readdir(d))
		more++;
	say("after the 100th: %d", more);
	rewinddir(d);
	for (more = 0; readdir(d);)
		more++;
	say("again: %d", more);
	closedir(d);
	fd = open("many", O_RDONLY | O_DIRECTORY);
	row("getdents64, no room", syscall(SYS_getdents64, fd, buf, 10l));
	row("getdents64, null", syscall(SYS_getdents64, fd, 8, 1000l));
	for (more = 0;;) {
		long n = syscall(SYS_getdents, fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		for (long i = 0; i < n; i += *(unsigned short *)(buf + i + 16))
			more++;
	}
	say("getdents: %d", more);
	close(fd);
	fd = open("data", O_RDONLY);
	row("getdents64, file", syscall(SYS_getdents64, fd, buf, 1000l));
	row("getdents64, bad", syscall(SYS_getdents64, 77, buf, 1000l));
	close(fd);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	plain();
	vectors();
	holes();
	copies();
	disturbed_copies();
	streams();
	ioctls();
	listing();
	return 0;
}
