/* SPDX-License-Identifier: MIT */
/* Memory: mremap, mincore, mlock and its kin, madvise, mmap's flags, and O_DIRECT into mappings. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096l

#ifndef MADV_POPULATE_READ /* older headers */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

#ifndef MAP_32BIT /* newlib's */
#define MAP_32BIT 0x40
#endif

static int file_fd;

/* Pointers differ from machine to machine: was it mapped, and where relative to `base`? */
static char *at(const char *what, void *p, const char *base)
{
	if (p == MAP_FAILED)
		say("%s -> %s", what, errno_name(errno));
	else if (p == base)
		say("%s -> the same place", what);
	else
		say("%s -> mapped", what);
	return p;
}

static char *anon(long pages)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static char *map(int prot, int flags, long pages)
{
	return mmap(NULL, pages * PAGE, prot, flags, file_fd, 0);
}

/* Room of `pages` with nothing in it. */
static char *room(long pages)
{
	char *p = anon(pages);

	munmap(p, pages * PAGE);
	return p;
}

static void resident(const char *what, char *p, int pages)
{
	unsigned char vec[16];
	char text[17] = "";

	if (mincore(p, pages * PAGE, vec)) {
		say("%s -> %s", what, errno_name(errno));
		return;
	}
	for (int i = 0; i < pages; i++)
		text[i] = vec[i] & 1 ? '1' : '0';
	say("%s -> %s", what, text);
}

static void remap_grow_and_shrink(void)
{
	char *p = anon(8), *q;

	memset(p, 'a', 8 * PAGE);
	q = at("mremap, shrink", mremap(p, 8 * PAGE, 4 * PAGE, 0), p);
	resident("mincore of what went", p + 4 * PAGE, 4);
	q = at("mremap, grow in place", mremap(q, 4 * PAGE, 8 * PAGE, 0), p);
	say("kept %c, new %d", q[3 * PAGE], q[4 * PAGE]);
	at("mremap, same size", mremap(q, 8 * PAGE, 8 * PAGE, 0), p);
	at("mremap, no room to grow", mremap(q, 4 * PAGE, 6 * PAGE, 0), p);
	q = at("mremap, may move", mremap(q, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE), p);
	say("moved %c %c, new %d", q[0], q[4 * PAGE - 1], q[4 * PAGE]);
	resident("mincore of the old place", p, 1);
	munmap(p, 8 * PAGE);
	munmap(q, 64 * PAGE);
}

static void remap_fixed(void)
{
	char *p = anon(4), *to = room(16), *q;

	memset(p, 'b', 4 * PAGE);
	q = at("mremap, fixed", mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	say("holds %c %c", q[0], q[4 * PAGE - 1]);
	q = at("mremap, fixed and smaller",
		mremap(to, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + 8 * PAGE), to + 8 * PAGE);
	say("holds %c", q[2 * PAGE - 1]);
	resident("mincore of what went", to + 2 * PAGE, 1);
	at("mremap, fixed without MAYMOVE", mremap(q, PAGE, PAGE, MREMAP_FIXED, to), to);
	at("mremap, fixed onto itself",
		mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE), q);
	at("mremap, fixed, not a page", mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + 1), to);
	at("mremap, not a page", mremap(q + 1, PAGE, PAGE, MREMAP_MAYMOVE), q);
	at("mremap to nothing", mremap(q, PAGE, 0, MREMAP_MAYMOVE), q);
	at("mremap, flags", mremap(q, PAGE, PAGE, 64), q);
	at("mremap of nothing", mremap(to, PAGE, 2 * PAGE, MREMAP_MAYMOVE), q);
	at("mremap, longer than the mapping", mremap(q, 9 * PAGE, 10 * PAGE, MREMAP_MAYMOVE), q);
	at("mremap, private, old length 0", mremap(q, 0, PAGE, MREMAP_MAYMOVE), q);
	to = at("mremap, DONTUNMAP", mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL),
		q);
	say("moved %c, left %d", to[0], q[0]);
	at("mremap, DONTUNMAP and another size", mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP),
		q);
	munmap(to, 2 * PAGE);
	munmap(q, 2 * PAGE);
}

static void remap_file(void)
{
	char *p = map(PROT_READ | PROT_WRITE, MAP_SHARED, 4), *q, *r;

	p[0] = 'f';
	q = at("mremap, shared file", mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room(8)),
		p);
	say("holds %c", q[0]);
	q[PAGE] = 'g';
	r = at("mremap, shared, old length 0", mremap(q + PAGE, 0, PAGE, MREMAP_MAYMOVE), q);
	say("second mapping %c", r[0]);
	r[1] = 'h';
	say("and back %c", q[PAGE + 1]);
	munmap(r, PAGE);
	munmap(q, 8 * PAGE);
	p = map(PROT_READ | PROT_WRITE, MAP_PRIVATE, 4);
	p[2 * PAGE] = 'p';
	q = at("mremap, private file",
		mremap(p + PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room(2)), p);
	say("copy %c, file %c, left %c", q[PAGE], q[0], p[0]);
	ftruncate(file_fd, 8 * PAGE);
	munmap(q, 2 * PAGE);
	munmap(p, PAGE);
	munmap(p + 3 * PAGE, PAGE);
}

static void locks(void)
{
	char *p = anon(8);

	resident("mincore, untouched", p, 4);
	p[PAGE] = 1;
	resident("mincore, one touched", p, 4);
	row("mlock", mlock(p + 100, 2 * PAGE));
	resident("mincore after it", p, 4);
	row("madvise DONTNEED, locked", madvise(p, 4 * PAGE, MADV_DONTNEED));
	row("madvise FREE, locked", madvise(p, PAGE, MADV_FREE));
	row("msync INVALIDATE, locked", msync(p, PAGE, MS_INVALIDATE));
	row("munlock", munlock(p, 3 * PAGE));
	row("madvise DONTNEED", madvise(p, 8 * PAGE, MADV_DONTNEED));
	resident("mincore after it", p, 8);
	row("mlock2, on fault", (int)syscall(325, p, 2 * PAGE, 1));
	resident("mincore after it", p, 2);
	row("mlock2, flags", (int)syscall(325, p, PAGE, 2));
	row("munlock", munlock(p, 8 * PAGE));
	munmap(p + 4 * PAGE, PAGE);
	row("mlock over a hole", mlock(p, 8 * PAGE));
	row("munlock over a hole", munlock(p, 8 * PAGE));
	row("mlock, nothing", mlock(p, 0));
	row("mlock, wraps", mlock(p, -1l));
	row("mlockall, flags", mlockall(64));
	row("mlockall, nothing", mlockall(0));
	row("mlockall, ONFAULT alone", mlockall(4));
	row("mlockall, future", mlockall(MCL_FUTURE));
	munmap(p, 8 * PAGE);
	p = anon(2);
	resident("mincore of what is mapped then", p, 2);
	row("munlockall", munlockall());
	munmap(p, 2 * PAGE);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	resident("mincore, MAP_LOCKED", p, 2);
	munmap(p, 2 * PAGE);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	resident("mincore, MAP_POPULATE", p, 2);
	row("mincore, not a page", mincore(p + 1, PAGE, (void *)p));
	row("mincore, bad vector", mincore(p, PAGE, (void *)8));
	row("mincore, past the end", mincore((void *)(1l << 47), PAGE, (void *)p));
	munmap(p, 2 * PAGE);
	row("mincore, nothing there", mincore(p, PAGE, (void *)&p));
}

static void child_sees(const char *what, char *p)
{
	int pid = (int)syscall(SYS_fork);

	if (pid == 0) {
		unsigned char vec;

		if (mincore(p, PAGE, &vec))
			say("%s: %s", what, errno_name(errno));
		else
			say("%s: %d", what, p[0]);
		table_child_end();
	}
	waitpid(pid, NULL, 0);
}

static void advice(void)
{
	char *p = anon(4), *f = map(PROT_READ | PROT_WRITE, MAP_SHARED, 8);
	char *r = map(PROT_READ, MAP_SHARED, 2), *c = map(PROT_READ | PROT_WRITE, MAP_PRIVATE, 2);

	row("POPULATE_READ", madvise(p, 2 * PAGE, MADV_POPULATE_READ));
	row("POPULATE_WRITE", madvise(p + PAGE, 2 * PAGE, MADV_POPULATE_WRITE));
	resident("mincore after it", p + 1 * PAGE, 3);
	row("POPULATE_WRITE, file", madvise(f, 8 * PAGE, MADV_POPULATE_WRITE));
	row("POPULATE_READ, file", madvise(r, 2 * PAGE, MADV_POPULATE_READ));
	row("POPULATE_WRITE, read-only", madvise(r, 2 * PAGE, MADV_POPULATE_WRITE));
	row("POPULATE_WRITE, private", madvise(c, 2 * PAGE, MADV_POPULATE_WRITE));
	ftruncate(file_fd, 2 * PAGE);
	row("POPULATE_READ past the end", madvise(f, 8 * PAGE, MADV_POPULATE_READ));
	ftruncate(file_fd, 8 * PAGE);
	row("POPULATE_READ, not a page", madvise(p + 1, PAGE, MADV_POPULATE_READ));
	row("POPULATE_READ, nothing", madvise(p, 0, MADV_POPULATE_READ));
	row("POPULATE_READ, a hole", madvise(room(2), PAGE, MADV_POPULATE_READ));
	row("NORMAL", madvise(p, PAGE, MADV_NORMAL));
	row("RANDOM", madvise(f, PAGE, MADV_RANDOM));
	row("SEQUENTIAL", madvise(f, PAGE, MADV_SEQUENTIAL));
	row("WILLNEED", madvise(f, 8 * PAGE, MADV_WILLNEED));
	row("COLD", madvise(p, PAGE, MADV_COLD));
	row("PAGEOUT", madvise(p, PAGE, MADV_PAGEOUT));
	row("DONTDUMP", madvise(p, PAGE, MADV_DONTDUMP));
	row("unknown", madvise(p, PAGE, 77));
	row("unknown, 5", madvise(p, PAGE, 5));
	row("NORMAL, a hole", madvise(room(2), PAGE, MADV_NORMAL));
	row("NORMAL, not a page", madvise(p + 5, PAGE, MADV_NORMAL));
	f[0] = 'x';
	row("REMOVE", madvise(f, PAGE, MADV_REMOVE));
	say("reads %d", f[0]);
	row("REMOVE, private", madvise(c, PAGE, MADV_REMOVE));
	p[0] = 'y';
	row("DONTFORK", madvise(p, PAGE, MADV_DONTFORK));
	child_sees("a child sees", p);
	row("DOFORK", madvise(p, PAGE, MADV_DOFORK));
	child_sees("a child sees", p);
	row("WIPEONFORK", madvise(p, PAGE, MADV_WIPEONFORK));
	child_sees("a child sees", p);
	row("KEEPONFORK", madvise(p, PAGE, MADV_KEEPONFORK));
	child_sees("a child sees", p);
	row("WIPEONFORK, shared", madvise(f, PAGE, MADV_WIPEONFORK));
	munmap(p, 4 * PAGE);
	munmap(f, 8 * PAGE);
	munmap(r, 2 * PAGE);
	munmap(c, 2 * PAGE);
}

static void flags(void)
{
	char *p = room(8), *q;
	int ro = open("mapped", O_RDONLY);

	q = at("MAP_FIXED_NOREPLACE",
		mmap(p, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), p);
	at("on something",
		mmap(p + PAGE, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
		p);
	munmap(q, 2 * PAGE);
	at("MAP_SHARED_VALIDATE", map(PROT_READ, MAP_SHARED_VALIDATE, 1), NULL);
	at("an unknown flag", map(PROT_READ, MAP_SHARED_VALIDATE | 0x200000, 1), NULL);
	at("an unknown flag, MAP_SHARED", map(PROT_READ, MAP_SHARED | 0x200000, 1), NULL);
	at("no type", map(PROT_READ, 0, 1), NULL);
	q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	row("mprotect to write, file open for reading", mprotect(q, PAGE, PROT_READ | PROT_WRITE));
	at("map to write, file open for reading", mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0),
		NULL);
	at("privately", mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0), NULL);
	close(ro);
}

static void direct(void)
{
	char *p = map(PROT_READ | PROT_WRITE, MAP_SHARED, 8);
	int fd = open("source", O_RDWR | O_CREAT | O_DIRECT, 0644);

	for (int i = 0; i < 4; i++)
		memset(p + i * PAGE, 'A' + i, PAGE);
	row("write, O_DIRECT, from a mapping", pwrite(fd, p, 4 * PAGE, 0));
	row("read, O_DIRECT, into a mapping", pread(fd, p + 4 * PAGE, 4 * PAGE, 0));
	say("holds %c%c%c%c", p[4 * PAGE], p[5 * PAGE], p[6 * PAGE], p[8 * PAGE - 1]);
	row("read past the end", pread(fd, p, PAGE, 4 * PAGE));
	row("into nothing", pread(fd, room(1), PAGE, 0));
	row("F_GETFL", (fcntl(fd, F_GETFL) & O_DIRECT) != 0);
	row("F_SETFL", fcntl(fd, F_SETFL, 0));
	row("F_GETFL", (fcntl(fd, F_GETFL) & O_DIRECT) != 0);
	row("F_SETFL, O_DIRECT", fcntl(fd, F_SETFL, O_DIRECT));
	row("F_GETFL", (fcntl(fd, F_GETFL) & O_DIRECT) != 0);
	row("open a directory, O_DIRECT", open(".", O_RDONLY | O_DIRECT));
	row("open a device, O_DIRECT", open("/dev/null", O_RDONLY | O_DIRECT));
	close(fd);
	munmap(p, 8 * PAGE);
}

/* In the low 2 GiB, whatever else there is. */
static void low_addresses(void)
{
	char *low[4], *p = anon(2);
	int all = 1;

	for (int i = 0; i < 4; i++) {
		low[i] = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
			-1, 0);
		all &= (uintptr_t)low[i] < 1ul << 31 && low[i][0] == 0;
	}
	row("MAP_32BIT", all);
	munmap(p, 2 * PAGE);
	p = mmap(p, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_32BIT, file_fd, 0);
	row("a hint that is too high", (uintptr_t)p < 1ul << 31);
	munmap(p, 2 * PAGE);
	at("a hint that will do", mmap(low[0], PAGE, PROT_READ, MAP_PRIVATE | MAP_32BIT, file_fd, 0), low[0]);
	munmap(low[0], PAGE);
	at("free, a hint that will do", mmap(low[0], PAGE, PROT_READ, MAP_PRIVATE | MAP_32BIT, file_fd, 0),
		low[0]);
	p = room(1);
	at("MAP_FIXED", mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_32BIT, file_fd, 0), p);
	at("more than there is",
		mmap(NULL, 1l << 31, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0), NULL);
	at("MAP_SHARED_VALIDATE", mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_32BIT, file_fd, 0),
		NULL);
}

/* /dev/zero, as programs had anonymous memory before there was a flag for it. */
static void zero_device(void)
{
	int fd = open("/dev/zero", O_RDWR), reader = open("/dev/zero", O_RDONLY);
	char *p, *shared;
	pid_t pid;

	p = at("/dev/zero, private", mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), NULL);
	shared = at(
		"/dev/zero, shared", mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), NULL);
	say("zeros %d %d", p[0], shared[4 * PAGE - 1]);
	p[0] = shared[0] = 'a';
	pid = fork();
	if (pid == 0) {
		p[0]++;
		shared[0]++;
		table_child_end();
	}
	table_wait("a child stores", pid);
	say("private %c, shared %c", p[0], shared[0]);
	munmap(p, 4 * PAGE);
	munmap(shared, 4 * PAGE);
	p = at("with an offset", mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 7 * PAGE), NULL);
	munmap(p, PAGE);
	p = at("read-only, private", mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, reader, 0), NULL);
	munmap(p, PAGE);
	at("read-only, shared, to be written", mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, reader, 0), NULL);
	p = at("read-only, shared", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0), NULL);
	row("mprotect", mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	munmap(p, PAGE);
	at("MAP_SYNC", mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x80000, fd, 0), NULL);
	close(fd);
	close(reader);
	fd = open("/dev/zero", O_WRONLY);
	at("write-only", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), NULL);
	close(fd);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	file_fd = make_file("mapped", 8 * PAGE);
	remap_grow_and_shrink();
	remap_fixed();
	remap_file();
	locks();
	advice();
	flags();
	direct();
	zero_device();
	low_addresses();
	return 0;
}
