/* SPDX-License-Identifier: MIT */
/*
 * Resource limits and where exec puts things: setrlimit, prlimit, and what AS, DATA, STACK, NOFILE, FSIZE do; addresses by chance,
 * and without. NPROC and MEMLOCK are in user/prog/ktap-limits.c: root is exempt from them on Linux.
 */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1UL << 20)

static char block[65536];

static int set(int which, rlim_t soft, rlim_t hard)
{
	struct rlimit l = {soft, hard};

	return setrlimit(which, &l);
}

static int set_soft(int which, rlim_t soft)
{
	struct rlimit l;

	if (getrlimit(which, &l) < 0)
		return -1;
	return set(which, soft, l.rlim_max);
}

/* --- the calls --- */

static void show(const char *what, int which)
{
	struct rlimit l;

	row(what, getrlimit(which, &l));
	if (l.rlim_cur == RLIM_INFINITY)
		say("  soft unlimited");
	else
		say("  soft %lu", (unsigned long)l.rlim_cur);
}

static void calls(void)
{
	struct rlimit l, old;
	pid_t pid;
	int fds[2];
	char c;

	row("setrlimit(FSIZE, 1 MiB, 2 MiB)", set(RLIMIT_FSIZE, MIB, 2 * MIB));
	show("getrlimit(FSIZE)", RLIMIT_FSIZE);
	row("soft above hard", set(RLIMIT_FSIZE, 3 * MIB, 2 * MIB));
	show("nothing has changed", RLIMIT_FSIZE);
	row("up to the hard limit", set(RLIMIT_FSIZE, 2 * MIB, 2 * MIB));
	row("no such limit", set(99, 1, 1));
	row("getrlimit of none", getrlimit(99, &l));
	row("getrlimit to nowhere", (int)syscall(SYS_getrlimit, RLIMIT_FSIZE, 8L));
	row("setrlimit from nowhere", (int)syscall(SYS_setrlimit, RLIMIT_FSIZE, 8L));
	row("CORE is 0 by then", set(RLIMIT_CORE, 0, 0));
	show("getrlimit(CORE)", RLIMIT_CORE);
	row("CPU", set(RLIMIT_CPU, 1000, 2000));
	show("getrlimit(CPU)", RLIMIT_CPU);
	row("RSS", set(RLIMIT_RSS, 5 * MIB, RLIM_INFINITY));
	show("getrlimit(RSS)", RLIMIT_RSS);
	if (pipe(fds) < 0)
		_exit(9);
	pid = fork();
	if (!pid) {
		show("a child has what its parent had", RLIMIT_FSIZE);
		if (read(fds[0], &c, 1) == 1)
			show("and what it was given", RLIMIT_FSIZE);
		table_child_end();
	}
	pause_ms(50);
	l = (struct rlimit){1234567, 2 * MIB};
	row("prlimit of the child", prlimit(pid, RLIMIT_FSIZE, &l, &old));
	say("  it had %lu", (unsigned long)old.rlim_cur);
	if (write(fds[1], "x", 1) != 1)
		_exit(9);
	table_wait("the child", pid);
	row("prlimit of a process that is gone", prlimit(pid, RLIMIT_FSIZE, NULL, &old));
	row("prlimit of oneself", prlimit(getpid(), RLIMIT_FSIZE, NULL, &old));
	row("nothing asked", prlimit(0, RLIMIT_FSIZE, NULL, NULL));
}

/* --- memory --- */

static long map(unsigned long size, int prot, int flags)
{
	void *p = mmap(NULL, size, prot, flags | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static void address_space(void)
{
	void *p, *q;

	row("AS 64 MiB", set(RLIMIT_AS, 64 * MIB, RLIM_INFINITY));
	row("mmap of 128 MiB", map(128 * MIB, PROT_READ, MAP_PRIVATE));
	row("of 128 MiB without rights", map(128 * MIB, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE));
	row("shared", map(128 * MIB, PROT_READ, MAP_SHARED));
	p = mmap(NULL, 40 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	row("of 40 MiB", p == MAP_FAILED ? -1 : 0);
	row("of 40 MiB more", map(40 * MIB, PROT_READ, MAP_PRIVATE));
	row("over the old ones",
		mmap(p, 40 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p
			? 0
			: -1);
	q = mremap(p, 40 * MIB, 80 * MIB, MREMAP_MAYMOVE);
	row("mremap to 80 MiB", q == MAP_FAILED ? -1 : 0);
	row("brk", brk((char *)sbrk(0) + 40 * MIB));
	row("malloc", malloc(100 * MIB) ? 0 : -1);
	row("munmap", munmap(p, 40 * MIB));
	row("then there is room", map(40 * MIB, PROT_READ, MAP_PRIVATE));
	row("AS less than there is", set_soft(RLIMIT_AS, MIB));
	row("a page more", map(4096, PROT_READ, MAP_PRIVATE));
	row("mprotect needs none",
		mprotect((void *)((unsigned long)block & ~4095UL), 4096, PROT_READ | PROT_WRITE));
}

static void data(void)
{
	char *p;

	row("DATA 16 MiB", set(RLIMIT_DATA, 16 * MIB, RLIM_INFINITY));
	row("mmap of 32 MiB, writable", map(32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE));
	row("read-only", map(32 * MIB, PROT_READ, MAP_PRIVATE));
	row("shared", map(32 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED));
	row("brk by 32 MiB", brk((char *)sbrk(0) + 32 * MIB));
	row("brk by 1 MiB", brk((char *)sbrk(0) + MIB));
	p = mmap(NULL, 32 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	row("mprotect that makes 32 MiB writable", mprotect(p, 32 * MIB, PROT_READ | PROT_WRITE));
	row("and 1 MiB", mprotect(p, MIB, PROT_READ | PROT_WRITE));
}

/* Touches the stack so far down. */
static void __attribute__((noinline)) use_stack(unsigned long bytes)
{
	volatile char *here = __builtin_frame_address(0);

	for (unsigned long d = 4096; d <= bytes; d += 4096)
		here[-(long)d] = 1;
}

static void stack_small(void)
{
	row("STACK 1 MiB", set_soft(RLIMIT_STACK, MIB));
	use_stack(700 * 1024);
	say("700 KiB of it");
	use_stack(1100 * 1024);
	say("not reached");
}

static void stack_default(void)
{
	row("STACK 8 MiB", set_soft(RLIMIT_STACK, 8 * MIB));
	use_stack(7 * MIB);
	say("7 MiB of it");
	use_stack(9 * MIB);
	say("not reached");
}

/* Through a pointer, so that the compiler does not see that it never ends. */
static void recurse(volatile char *up);
static void (*volatile again)(volatile char *up) = recurse;

static void recurse(volatile char *up)
{
	volatile char frame[1000];

	frame[0] = *up;
	again(frame);
	frame[1] = frame[0];
}

static void stack_endless(void)
{
	char c = 1;

	again(&c);
}

static void memory(void)
{
	table_in_child("AS", address_space);
	table_in_child("DATA", data);
	table_in_child("a stack of 1 MiB", stack_small);
	table_in_child("a stack of 8 MiB", stack_default);
	table_in_child("endless recursion", stack_endless);
}

/* --- descriptors --- */

static void descriptors(void)
{
	int fd, n = 0, fds[2];

	for (fd = 3; fd < 200; fd++) /* the table lies there */
		close(fd);
	row("open", open("/dev/null", O_RDONLY) >= 0 ? 0 : -1);
	row("NOFILE 8", set_soft(RLIMIT_NOFILE, 8));
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	row("open ends with", fd);
	say("after %d", n);
	row("dup", dup(0));
	row("dup2 below it", dup2(0, 7));
	row("dup2 at it", dup2(0, 8));
	row("F_DUPFD at it", fcntl(0, F_DUPFD, 8));
	row("pipe", pipe(fds));
	row("NOFILE 4, below what is open", set_soft(RLIMIT_NOFILE, 4));
	row("what is open stays", fcntl(7, F_GETFD));
	row("close", close(3));
	row("the number below is free", open("/dev/null", O_RDONLY));
	row("no other", open("/dev/null", O_RDONLY));
	row("beyond what any process may have", set(RLIMIT_NOFILE, 4, 1UL << 40));
}

/* --- the size of files --- */

static void file_size_killed(void)
{
	int fd = open("too-large", O_RDWR | O_CREAT | O_TRUNC, 0666);

	set_soft(RLIMIT_FSIZE, 100000);
	row("the first write", write(fd, block, sizeof(block)));
	row("the second, cut short", write(fd, block, sizeof(block)));
	write(fd, block, 1);
	say("not reached");
}

static void file_size(void)
{
	struct iovec v[2] = {{block, 60000}, {block, 60000}};
	int fd = open("large", O_RDWR | O_CREAT | O_TRUNC, 0666);

	signal(SIGXFSZ, SIG_IGN);
	row("FSIZE 100000", set_soft(RLIMIT_FSIZE, 100000));
	row("write", write(fd, block, sizeof(block)));
	row("write, cut short", write(fd, block, sizeof(block)));
	row("write at the limit", write(fd, block, 1));
	row("of nothing", write(fd, block, 0));
	row("pwrite beyond it", pwrite(fd, block, 10, 200000));
	row("pwrite below it", pwrite(fd, block, 10, 99995));
	row("writev", pwritev(fd, v, 2, 0));
	row("ftruncate to the limit", ftruncate(fd, 100000));
	row("and beyond", ftruncate(fd, 100001));
	row("truncate", truncate("large", 200000));
	row("fallocate below", posix_fallocate(fd, 0, 100000));
	row("fallocate beyond", fallocate(fd, 0, 0, 200000));
	row("with KEEP_SIZE", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 200000));
	row("no limit", set_soft(RLIMIT_FSIZE, RLIM_INFINITY));
	row("ftruncate", ftruncate(fd, 300000));
	row("FSIZE below its size", set_soft(RLIMIT_FSIZE, 50000));
	row("a write in the middle", pwrite(fd, block, 10, 60000));
	row("ftruncate that shrinks it", ftruncate(fd, 200000));
	row("that leaves it", ftruncate(fd, 200000));
	row("that lengthens it", ftruncate(fd, 200001));
	row("a pipe has no size", write(fd = open("/dev/null", O_WRONLY), block, sizeof(block)));
	close(fd);
	unlink("large");
}

/* --- addresses --- */

static int in_data = 1;

static void print_addresses(void)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "%p %p %p %p\n", __builtin_frame_address(0),
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), sbrk(0), (void *)&in_data);

	if (write(1, text, (size_t)n) != n)
		_exit(1);
	_exit(0);
}

/* What a new program sees: stack, mmap, break, data. */
static void ask(char *self, unsigned long at[4])
{
	char text[200] = "";
	int fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		_exit(9);
	pid = fork();
	if (!pid) {
		char *argv[] = {self, "addresses", NULL}, *envp[] = {NULL};

		dup2(fds[1], 1);
		execve(self, argv, envp);
		_exit(8);
	}
	close(fds[1]);
	if (read(fds[0], text, sizeof(text) - 1) <= 0)
		_exit(7);
	close(fds[0]);
	waitpid(pid, NULL, 0);
	if (sscanf(text, "%lx %lx %lx %lx", &at[0], &at[1], &at[2], &at[3]) != 4)
		_exit(6);
}

static void addresses(char *self)
{
	static const char *const what[] = {"stack", "mmap", "break", "data"};
	unsigned long first[4], again[4];
	int differ[4] = {0}, order = 1;

	ask(self, first);
	for (int i = 0; i < 8; i++) {
		ask(self, again);
		for (int k = 0; k < 4; k++)
			differ[k] |= again[k] != first[k];
		order &= again[0] > again[1];
	}
	for (int k = 0; k < 4; k++)
		say("%s at random: %s", what[k], differ[k] ? "yes" : "no");
	say("the stack above the mappings: %s", order ? "yes" : "no");
	row("personality", personality(0xffffffff));
	row("ADDR_NO_RANDOMIZE", personality(ADDR_NO_RANDOMIZE));
	say("personality is now %#x", (unsigned)personality(0xffffffff));
	ask(self, first);
	memset(differ, 0, sizeof(differ));
	for (int i = 0; i < 4; i++) {
		ask(self, again);
		for (int k = 0; k < 4; k++)
			differ[k] |= again[k] != first[k];
	}
	for (int k = 0; k < 4; k++)
		say("%s without chance: %s", what[k], differ[k] ? "no" : "yes");
}

/* --- words --- */

/* A program with n words of one letter: ten bytes each, with the pointer. There may be a quarter of the stack's limit, and 128 KiB always. */
static void words(char *self, unsigned long stack, long n)
{
	char *empty[] = {NULL}, **argv = calloc((size_t)n + 1, sizeof(*argv));
	int status;
	pid_t pid = fork();

	if (!pid) {
		argv[0] = self;
		argv[1] = "words";
		for (long i = 2; i < n; i++)
			argv[i] = "x";
		if (set(RLIMIT_STACK, stack, stack))
			_exit(9);
		execve(self, argv, empty);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	say("%ld words, a stack of %lu KiB: %s", n, stack / 1024,
		!status ? "ok" : errno_name(WIFEXITED(status) ? WEXITSTATUS(status) : EINTR));
	free(argv);
}

static void all_words(char *self)
{
	words(self, 8 * MIB, 30000);
	words(self, 8 * MIB, 205000);
	words(self, 8 * MIB, 215000);
	words(self, MIB, 25000);
	words(self, MIB, 27000);
	words(self, MIB / 8, 12000);
	words(self, MIB / 8, 14000);
}

int main(int argc, char **argv)
{
	static char self[4096];

	if (argc == 2 && !strcmp(argv[1], "addresses"))
		print_addresses();
	if (argc > 2 && !strcmp(argv[1], "words"))
		return 0;
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	table_begin(argc, argv);
	table_in_child("the calls", calls);
	memory();
	table_in_child("NOFILE", descriptors);
	table_in_child("FSIZE ends it", file_size_killed);
	table_in_child("FSIZE", file_size);
	addresses(self);
	all_words(self);
	return 0;
}
