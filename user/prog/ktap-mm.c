/* SPDX-License-Identifier: MIT */
/*
 * ktap-mm [DIRECTORY]: what mappings and processes promise, as KTAP: shared and private mappings of
 * files, copy on write, protection, fork, exec, the break, wait statuses. Passes on Linux too.
 */
#include "ktap.h"
#include "util.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char buf[4 * PAGE];
static int file_fd; /* a file of four pages, rewritten by fresh_file() */
static const char *self;

/* Each page holds its letter: A, B, C, D. */
static void fresh_file(void)
{
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)('A' + i / PAGE);
	if (ftruncate(file_fd, 0) < 0 || pwrite(file_fd, buf, sizeof(buf), 0) != sizeof(buf))
		err(1, "the test file");
}

static char *map_file(int prot, int flags)
{
	char *p = mmap(NULL, 4 * PAGE, prot, flags, file_fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static char *map_memory(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* Stores c at p with a vector register in use; what was in it, and what is in it then. */
static void store_with_register(volatile char *p, char c, uint64_t before[2], uint64_t after[2])
{
	__asm__ volatile("movups (%2), %%xmm0\n\tmovb %1, (%0)\n\tmovups %%xmm0, (%3)" ::"r"(p), "r"(c),
			 "r"(before), "r"(after)
			 : "xmm0", "memory");
}

/* A byte of the file, by read(2). */
static char file_byte(off_t offset)
{
	char c = 0;

	pread(file_fd, &c, 1, offset);
	return c;
}

static int load_child(void *p)
{
	return *(volatile char *)p;
}

static int store_child(void *p)
{
	*(volatile char *)p = 's';
	return 0;
}

static int dies_by(int (*fn)(void *), void *p, int sig)
{
	int status = run_child(fn, p);

	return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

static void test_shared(void)
{
	char *a, *b;

	fresh_file();
	a = map_file(PROT_READ | PROT_WRITE, MAP_SHARED);
	b = map_file(PROT_READ, MAP_SHARED);
	CHECK("a shared mapping shows the file", a[0] == 'A' && b[3 * PAGE] == 'D');
	a[PAGE] = 'x';
	CHECK("a store is seen by read", file_byte(PAGE) == 'x');
	CHECK("and by another mapping", b[PAGE] == 'x');
	pwrite(file_fd, "y", 1, 2 * PAGE);
	CHECK("a write is seen by both mappings", a[2 * PAGE] == 'y' && b[2 * PAGE] == 'y');
	CHECK("a child's store is seen by the parent",
		run_child(store_child, a) == 0 && a[0] == 's' && file_byte(0) == 's');
	CHECK("a store through a read-only mapping ends by SIGSEGV", dies_by(store_child, b, SIGSEGV));
	munmap(b, 4 * PAGE);
	CHECK("after munmap a load ends by SIGSEGV", dies_by(load_child, b, SIGSEGV));
	ftruncate(file_fd, PAGE);
	CHECK("behind the file's end a load ends by SIGBUS", dies_by(load_child, a + PAGE, SIGBUS));
	CHECK("behind the file's end a store ends by SIGBUS", dies_by(store_child, a + PAGE, SIGBUS));
	CHECK("before it all is well", a[0] == 's');
	ftruncate(file_fd, 2 * PAGE);
	CHECK("after truncate up the page is there, and zero", a[PAGE] == 0 && a[2 * PAGE - 1] == 0);
	munmap(a, 4 * PAGE);
}

static void test_holes(void)
{
	uint64_t before[2] = {0x0123456789abcdef, 0xfedcba9876543210}, after[2] = {0};
	char *a, *b;

	ftruncate(file_fd, 0);
	ftruncate(file_fd, 4 * PAGE);
	a = map_file(PROT_READ | PROT_WRITE, MAP_SHARED);
	b = map_file(PROT_READ, MAP_SHARED);
	CHECK("a hole is zero in the mapping", a[0] == 0 && b[PAGE] == 0 && b[0] == 0);
	a[0] = 'h';
	CHECK("a store replaces the zero page in every mapping", b[0] == 'h' && file_byte(0) == 'h');
	pwrite(file_fd, "w", 1, PAGE);
	CHECK("so does a write", a[PAGE] == 'w' && b[PAGE] == 'w');
	CHECK("the rest of the new page is zero", a[1] == 0 && b[2 * PAGE - 1] == 0);
	fallocate(file_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE);
	CHECK("punch hole is seen by every mapping", a[0] == 0 && b[0] == 0 && file_byte(0) == 0);
	a[0] = 'n';
	CHECK("and a new store fills the hole again", b[0] == 'n' && file_byte(0) == 'n');
	fallocate(file_fd, 0, 2 * PAGE, 2 * PAGE);
	CHECK("allocated pages are zero in the mapping", a[2 * PAGE] == 0 && b[3 * PAGE] == 0);
	a[2 * PAGE] = 'u';
	CHECK("and take stores", b[2 * PAGE] == 'u' && file_byte(2 * PAGE) == 'u');
	fallocate(file_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE);
	store_with_register(a, 'x', before, after);
	CHECK("a store into a hole leaves vector registers alone", a[0] == 'x' && !memcmp(before, after, 16));
	munmap(a, 4 * PAGE);
	munmap(b, 4 * PAGE);
}

static void test_private(void)
{
	char *p;

	fresh_file();
	p = map_file(PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK("a private mapping shows the file", p[0] == 'A' && p[PAGE] == 'B');
	p[0] = 'p';
	CHECK("a store stays private", p[0] == 'p' && p[1] == 'A' && file_byte(0) == 'A');
	CHECK("a child's store stays the child's", run_child(store_child, p) == 0 && p[0] == 'p');
	CHECK("a child sees the parent's copy", WEXITSTATUS(run_child(load_child, p)) == 'p');
	p[3 * PAGE] = 'q';
	ftruncate(file_fd, 2 * PAGE);
	CHECK("truncate takes private copies away too",
		dies_by(load_child, p + 3 * PAGE, SIGBUS) && p[0] == 'p');
	munmap(p, 4 * PAGE);
}

/* write(2) and read(2) whose buffer is a mapping of the file itself. */
static void test_self_copy(void)
{
	char *p;

	fresh_file();
	p = map_file(PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK("write from a mapping of the same page",
		pwrite(file_fd, p + PAGE, 100, PAGE + 200) == 100 && p[PAGE + 299] == 'B');
	CHECK("write from a mapping of another page, not touched before",
		pwrite(file_fd, p + 3 * PAGE, PAGE, 2 * PAGE) == PAGE && p[2 * PAGE] == 'D');
	CHECK("read into a mapping of another page",
		pread(file_fd, p, PAGE, 3 * PAGE) == PAGE && file_byte(0) == 'D');
	CHECK("read into a mapping of the same page",
		pread(file_fd, p + PAGE, PAGE, PAGE) == PAGE && p[PAGE] == 'B');
	munmap(p, 4 * PAGE);
	ftruncate(file_fd, 0);
	ftruncate(file_fd, 4 * PAGE);
	p = map_file(PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK("write from a hole of the file into a hole of the file",
		pwrite(file_fd, p, 2 * PAGE, PAGE) == 2 * PAGE && p[PAGE] == 0);
	CHECK("read from a hole of the file into a hole of the file",
		pread(file_fd, p, PAGE, 3 * PAGE) == PAGE && p[0] == 0);
	munmap(p, 4 * PAGE);
}

static void test_protection(void)
{
	char *p = map_memory(4 * PAGE);
	char *q;

	CHECK("new memory is zero", p[0] == 0 && p[4 * PAGE - 1] == 0);
	memset(p, 'm', 4 * PAGE);
	CHECK("mprotect to read-only", mprotect(p + PAGE, PAGE, PROT_READ) == 0);
	CHECK("it can be read", p[PAGE] == 'm');
	CHECK("a store ends by SIGSEGV", dies_by(store_child, p + PAGE, SIGSEGV));
	CHECK("its neighbours take stores",
		run_child(store_child, p) == 0 && run_child(store_child, p + 2 * PAGE) == 0);
	CHECK("mprotect to none",
		mprotect(p + PAGE, PAGE, PROT_NONE) == 0 && dies_by(load_child, p + PAGE, SIGSEGV));
	CHECK("mprotect back",
		mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE) == 0 && p[PAGE] == 'm' &&
			run_child(store_child, p + PAGE) == 0);
	CHECK("munmap in the middle",
		munmap(p + PAGE, 2 * PAGE) == 0 && p[0] == 'm' && p[3 * PAGE] == 'm' &&
			dies_by(load_child, p + PAGE, SIGSEGV));
	q = mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK("mmap fixed goes where it is told, with zeros", q == p + PAGE && q[0] == 0);
	q = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK("mmap fixed replaces what is there", q == p && q[0] == 0);
	CHECK("madvise DONTNEED empties memory",
		p[3 * PAGE] == 'm' && madvise(p + 3 * PAGE, PAGE, MADV_DONTNEED) == 0 && p[3 * PAGE] == 0);
	munmap(p, 4 * PAGE);

	fresh_file();
	p = map_file(PROT_READ, MAP_SHARED);
	CHECK("mprotect makes a shared file mapping writable",
		p[0] == 'A' && mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE) == 0 &&
			run_child(store_child, p) == 0 && file_byte(0) == 's');
	munmap(p, 4 * PAGE);
}

/* A pinned page of a mapping is where an O_DIRECT read goes. */
static void test_direct(void)
{
	char *p;
	int fd;

	fresh_file();
	p = map_file(PROT_READ | PROT_WRITE, MAP_SHARED);
	fd = open("mm-direct", O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0644);
	CHECK("O_DIRECT write from a mapping", pwrite(fd, p, 2 * PAGE, 0) == 2 * PAGE);
	CHECK("O_DIRECT read into a mapping of another file",
		pread(fd, p + 2 * PAGE, 2 * PAGE, 0) == 2 * PAGE && p[2 * PAGE] == 'A' &&
			p[3 * PAGE] == 'B' && file_byte(3 * PAGE) == 'B');
	CHECK("into memory that is no file's",
		pread(fd, buf, PAGE, PAGE) == PAGE && buf[0] == 'B' && buf[PAGE - 1] == 'B');
	CHECK("the file shrinks when the pins are gone", ftruncate(file_fd, 0) == 0);
	CHECK_ERRNO("O_DIRECT read past the end of a mapping", pread(fd, p, PAGE, 0), EFAULT);
	close(fd);
	unlink("mm-direct");
	munmap(p, 4 * PAGE);
}

static void test_map_sync(void)
{
	char *p;

	fresh_file();
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, file_fd, 0);
	CHECK("MAP_SYNC on persistent memory", p != MAP_FAILED);
	p[0] = 'S';
	CHECK("takes stores", file_byte(0) == 'S');
	ftruncate(file_fd, 8 * PAGE);
	munmap(p, 4 * PAGE);
	p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, file_fd, 0);
	p[7 * PAGE] = 'T';
	CHECK("into holes as well", file_byte(7 * PAGE) == 'T');
	munmap(p, 8 * PAGE);
}

/* The number of the line `name`, which is not before the line that begins with `from`; -1: there is none. */
static long figure(const char *path, const char *from, const char *name)
{
	char line[256];
	long n = -1;
	FILE *f = fopen(path, "r");

	for (int seen = !*from; f && n < 0 && fgets(line, sizeof(line), f);) {
		seen |= !strncmp(line, from, strlen(from));
		if (seen && !strncmp(line, name, strlen(name)))
			n = atol(line + strlen(name));
	}
	if (f)
		fclose(f);
	return n;
}

#define HUGE (2UL << 20)

static int store_hole_child(void *arg)
{
	char *p = arg;

	p[HUGE + 3 * PAGE] = 'f';
	return p[0] != 's' || p[5 * PAGE] != 0;
}

/* A file of 4 MiB that was allocated in one piece: one entry maps 2 MiB of it, until a part of them goes. */
static void test_huge(void)
{
	char *at = mmap(NULL, 3 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p, *q;
	int fd = open("mm-huge", O_RDWR | O_CREAT | O_TRUNC, 0644);
	long before = figure("/proc/faultline/memory", "", "huge_faults "); /* -1: nobody counts them here */
	char c = 1, range[32];

	at = (char *)(((uintptr_t)at + HUGE - 1) & ~(HUGE - 1));
	CHECK("4 MiB are allocated", fallocate(fd, 0, 0, 2 * HUGE) == 0);
	p = mmap(at, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	q = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED || q == MAP_FAILED)
		err(1, "mm-huge");
	p[0] = 's';
	CHECK("a load of pages nobody stored to", p[HUGE] == 0);
	for (size_t i = 0; i < 2 * HUGE; i += PAGE)
		p[i] = (char)(i ? 'a' + i / PAGE % 26 : 's');
	snprintf(range, sizeof(range), "%lx-", (unsigned long)p);
	if (before < 0)
		ktap_skip("no /proc/faultline/memory", "they were mapped 2 MiB at once");
	else
		CHECK("they were mapped 2 MiB at once",
			figure("/proc/faultline/memory", "", "huge_faults ") >= before + 2 &&
				figure("/proc/self/smaps", range, "FilePmdMapped:") == 4096);
	CHECK("read sees the stores", pread(fd, &c, 1, HUGE + PAGE) == 1 && c == p[HUGE + PAGE]);
	c = q[7 * PAGE];
	q[7 * PAGE] = 'q';
	CHECK("a private copy is of 4 KiB",
		c == 'h' && p[7 * PAGE] == 'h' && q[7 * PAGE] == 'q' && q[8 * PAGE] == 'i');
	CHECK("a hole of 4 KiB",
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5 * PAGE, PAGE) == 0);
	CHECK("is zero in each mapping", p[5 * PAGE] == 0 && p[6 * PAGE - 1] == 0 && q[5 * PAGE] == 0);
	CHECK("beside it the data stay", p[4 * PAGE] == 'e' && p[6 * PAGE] == 'g' && q[4 * PAGE] == 'e');
	CHECK("a child stores through its copy of the mapping",
		run_child(store_hole_child, p) == 0 && p[HUGE + 3 * PAGE] == 'f');
	CHECK("fsync", fsync(fd) == 0);
	p[HUGE] = 'S';
	CHECK("a store after it", pread(fd, &c, 1, HUGE) == 1 && c == 'S');
	CHECK("mprotect of one page inside", mprotect(p + HUGE + 9 * PAGE, PAGE, PROT_READ) == 0);
	CHECK("keeps stores out of it", dies_by(store_child, p + HUGE + 9 * PAGE, SIGSEGV));
	CHECK("and of no other",
		run_child(store_child, p + HUGE + 10 * PAGE) == 0 && p[HUGE + 10 * PAGE] == 's' &&
			p[HUGE + 9 * PAGE] != 's');
	CHECK("munmap of one page inside", munmap(p + HUGE + 20 * PAGE, PAGE) == 0);
	CHECK("takes that page away", dies_by(load_child, p + HUGE + 20 * PAGE, SIGSEGV));
	CHECK("and no other", p[HUGE + 19 * PAGE] != 0 && p[HUGE + 21 * PAGE] != 0);
	CHECK("the file shrinks into the middle", ftruncate(fd, HUGE + PAGE) == 0 && p[HUGE] == 'S');
	CHECK("behind its end a load ends by SIGBUS", dies_by(load_child, p + HUGE + PAGE, SIGBUS));
	munmap(p, 2 * HUGE);
	munmap(q, 2 * HUGE);
	close(fd);
	unlink("mm-huge");
}

static int check_cow(void *arg)
{
	char *p = arg;
	int ok = p[0] == 'o' && p[64 * PAGE - 1] == 'o';

	memset(p, 'c', 64 * PAGE);
	return !(ok && p[0] == 'c');
}

static int grandchild(void *arg)
{
	return run_child(check_cow, arg) != 0;
}

static void test_fork(void)
{
	char *p = map_memory(64 * PAGE);
	int status = 0;
	pid_t pid;

	memset(p, 'o', 64 * PAGE);
	CHECK("a child has its own copy of memory", run_child(check_cow, p) == 0 && p[0] == 'o');
	CHECK("so has a grandchild", run_child(grandchild, p) == 0 && p[64 * PAGE - 1] == 'o');
	p[0] = 'P';
	CHECK("the parent can write after its children are gone", p[0] == 'P');
	munmap(p, 64 * PAGE);

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(getppid() > 0 ? 42 : 1);
	CHECK("waitpid returns the child", pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK("the exit status", WIFEXITED(status) && WEXITSTATUS(status) == 42);
	CHECK_ERRNO("it can be waited for once", waitpid(pid, &status, 0), ECHILD);
	pid = fork();
	if (pid == 0)
		for (;;)
			sleep(1);
	CHECK("waitpid without hanging", waitpid(pid, &status, WNOHANG) == 0);
	CHECK("kill ends a sleeping child",
		kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
			WTERMSIG(status) == SIGKILL);
	CHECK_ERRNO("then it is gone", kill(pid, 0), ESRCH);
	CHECK("getpid differs from getppid", getpid() != getppid());
}

static int abort_child(void *arg)
{
	(void)arg;
	abort();
}

static int divide_child(void *arg)
{
	__asm__ volatile("xorl %%ecx, %%ecx; movl $1, %%eax; cltd; idivl %%ecx" ::: "eax", "ecx", "edx");
	return arg == NULL;
}

static int undefined_child(void *arg)
{
	__asm__ volatile("ud2");
	return arg == NULL;
}

static int privileged_child(void *arg)
{
	__asm__ volatile("hlt");
	return arg == NULL;
}

static void test_signals(void)
{
	CHECK("abort ends by SIGABRT", dies_by(abort_child, NULL, SIGABRT));
	CHECK("a division by zero ends by SIGFPE", dies_by(divide_child, NULL, SIGFPE));
	CHECK("an undefined instruction ends by SIGILL", dies_by(undefined_child, NULL, SIGILL));
	CHECK("a privileged instruction ends by SIGSEGV", dies_by(privileged_child, NULL, SIGSEGV));
}

static int exec_self(void *arg)
{
	char *argv[] = {"renamed", "--exec-child", "two words", "", NULL};
	char *envp[] = {"KTAP=value", NULL};

	execve(arg, argv, envp);
	return 100;
}

/* What exec_self() starts: tells by its exit status whether all arrived. */
static int exec_child(int argc, char **argv)
{
	const char *value = getenv("KTAP");

	if (argc != 4 || strcmp(argv[0], "renamed") || strcmp(argv[2], "two words") || *argv[3])
		return 1;
	return value && !strcmp(value, "value") && !getenv("PATH") ? 7 : 2;
}

static void test_exec(void)
{
	char *large[] = {"x", malloc(200 * 1024), NULL};
	int status = run_child(exec_self, (void *)self);

	CHECK("exec passes words and environment", WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK_ERRNO("exec of no such file", execve("none", large, environ), ENOENT);
	CHECK_ERRNO("exec of a directory", execve(".", large, environ), EACCES);
	CHECK_ERRNO("exec of a file without the permission", execve("mm-file", large, environ), EACCES);
	if (large[1]) {
		memset(large[1], 'l', 200 * 1024 - 1);
		large[1][200 * 1024 - 1] = '\0';
		CHECK_ERRNO("exec with a word that is too long", execve(self, large, environ), E2BIG);
		free(large[1]);
	}
}

static void test_text(void)
{
	const char *text = (const char *)(uintptr_t)test_text;
	const char *page = (const char *)((uintptr_t)text & -PAGE);
	int fd = open(self, O_RDONLY);
	off_t offset = (off_t)(page - (const char *)0x400000); /* as the linker lays programs out */

	CHECK("the text is the file's, byte for byte",
		pread(fd, buf, PAGE, offset) == PAGE && !memcmp(buf, page, PAGE));
	close(fd);
	CHECK("the text takes no store", dies_by(store_child, (void *)(uintptr_t)text, SIGSEGV));
	CHECK_ERRNO("a program that runs takes no write", open(self, O_RDWR), ETXTBSY);
}

static int brk_child(void *arg)
{
	char *start = sbrk(0);

	(void)arg;
	if (sbrk(64 * PAGE) != start || sbrk(0) != start + 64 * PAGE)
		return 1;
	for (size_t i = 0; i < 64 * PAGE; i += PAGE)
		if (start[i])
			return 2;
	memset(start, 'b', 64 * PAGE);
	if (sbrk(-(ptrdiff_t)(32 * PAGE)) != start + 64 * PAGE)
		return 3;
	if (sbrk(32 * PAGE) != start + 32 * PAGE)
		return 4;
	return start[0] == 'b' && start[40 * PAGE] == 0 ? 0 : 5;
}

static void test_memory(void)
{
	char *p[200];
	int good = 1;

	CHECK("the break grows, shrinks, and comes back with zeros", run_child(brk_child, NULL) == 0);
	for (int i = 0; i < 200; i++) {
		p[i] = malloc((size_t)i * 97 + 1);
		good &= p[i] != NULL;
		if (p[i])
			memset(p[i], i, (size_t)i * 97 + 1);
	}
	for (int i = 0; i < 200; i++) {
		good &= p[i] && p[i][(size_t)i * 97] == (char)i;
		free(p[i]);
	}
	CHECK("malloc and free", good);
}

static _Thread_local int tls_zero;
static _Thread_local int tls_value = 1234;
static _Thread_local _Alignas(64) char tls_aligned[64] = "aligned";

/* Two processes compute with different numbers and yield to each other. */
static int float_child(void *arg)
{
	double factor = *(double *)arg;
	double x = 0;

	for (int i = 0; i < 2000; i++) {
		x = x / 2 + factor;
		if (i % 16 == 0)
			sched_yield();
	}
	return x > 1.99 * factor && x < 2.01 * factor ? 0 : 1;
}

static int test_float(void)
{
	double mine = 3.5, other = 1000.25;
	int wrong;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(float_child(&other));
	wrong = float_child(&mine);
	return pid > 0 && wait_for(pid) == 0 && !wrong;
}

static void test_runtime(void)
{
	struct timespec a, b, ms = {.tv_sec = 0, .tv_nsec = 20000000};
	struct utsname u;

	CHECK("thread-local data starts as the program says",
		tls_zero == 0 && tls_value == 1234 && !strcmp(tls_aligned, "aligned") &&
			(uintptr_t)tls_aligned % 64 == 0);
	CHECK("floating point survives the kernel and other processes", test_float());
	CHECK("the monotonic clock goes forward by nanosleep",
		clock_gettime(CLOCK_MONOTONIC, &a) == 0 && nanosleep(&ms, NULL) == 0 &&
			clock_gettime(CLOCK_MONOTONIC, &b) == 0 &&
			(b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec >= ms.tv_nsec);
	CHECK("the real-time clock", clock_gettime(CLOCK_REALTIME, &a) == 0 && a.tv_nsec < 1000000000);
	CHECK("uname", uname(&u) == 0 && !strcmp(u.machine, "x86_64") && u.sysname[0]);
	CHECK("getrandom",
		getrandom(buf, 32, 0) == 32 && getrandom(buf + 32, 32, 0) == 32 && memcmp(buf, buf + 32, 32));
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/data/t";

	if (argc > 1 && !strcmp(argv[1], "--exec-child"))
		return exec_child(argc, argv);
	self = argv[0][0] == '/' ? argv[0] : "/bin/ktap-mm";
	if (!is_directory(dir) && mkdir(dir, 0777) < 0)
		err(1, "%s", dir);
	if (chdir(dir) < 0)
		err(1, "%s", dir);
	file_fd = open("mm-file", O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (file_fd < 0)
		err(1, "mm-file");
	ktap_start();
	test_shared();
	test_holes();
	test_private();
	test_self_copy();
	test_direct();
	test_map_sync();
	test_huge();
	test_protection();
	test_fork();
	test_signals();
	test_exec();
	test_text();
	test_memory();
	test_runtime();
	unlink("mm-file");
	return ktap_finish();
}
