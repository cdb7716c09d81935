/* SPDX-License-Identifier: MIT */
/*
 * Bad pages of persistent memory.
 *
 *	ktap-poison            on files of its own; madvise(MADV_HWPOISON) says which page is bad. KTAP
 *	ktap-poison FILE       waits until somebody else makes page 1 of FILE bad (tests/poison.t, by a machine check), seen
 *	                       through a mapping in two processes. Then tests what has become of it. KTAP
 *
 * Not for Linux: there MADV_HWPOISON takes the page away from the machine.
 */
#include "ktap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES 4
#define AS_IT_SHOULD 42
#define BUS_MCEERR_AR 4
#define SA_SIGINFO_ 4
#define SA_RESTORER_ 0x04000000

/* What the kernel hands to a handler, and takes for one (Linux x86-64). Handlers here do not return, so nothing restores. */
struct bus_info {
	int signo, err, code, pad;
	char *addr;
	short lsb;
};
struct kernel_action {
	void (*handler)(int signo, struct bus_info *info, void *context);
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

static char *expected;
static char page[PAGE];

static void on_bus(int signo, struct bus_info *info, void *context)
{
	(void)context;
	_exit(signo == SIGBUS && info->code == BUS_MCEERR_AR && info->addr == expected && info->lsb == 12
			? AS_IT_SHOULD
			: 1);
}

/* In a child: handles SIGBUS of an access to `at`, which the child then makes. */
static void expect_bus(char *at)
{
	struct kernel_action act = {on_bus, SA_SIGINFO_ | SA_RESTORER_, NULL, 0};

	expected = at;
	if (syscall(SYS_rt_sigaction, SIGBUS, &act, NULL, 8))
		_exit(2);
}

static int exit_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int bus_at(char *at, int write)
{
	pid_t pid = fork();

	if (pid == 0) {
		expect_bus(at);
		if (write)
			*(volatile char *)at = 1;
		else
			(void)*(volatile char *)at;
		_exit(3);
	}
	return exit_of(pid) == AS_IT_SHOULD;
}

static int make(const char *path, char fill)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	memset(page, fill, sizeof(page));
	for (int i = 0; i < PAGES; i++)
		if (write(fd, page, PAGE) != PAGE)
			return -1;
	return fd;
}

static char *map(int fd, int flags)
{
	return mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
}

/* Page 1 of the file is bad; `shared` maps it. */
static void test_bad_page(int fd, char *shared, char fill)
{
	char *private = map(fd, MAP_PRIVATE), *other;
	int out = open("/poison-out", O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK("a load: SIGBUS, its code and address", bus_at(shared + PAGE, 0));
	CHECK("a store as well", bus_at(shared + PAGE + 8, 1));
	CHECK("a load through a private mapping", bus_at(private + PAGE, 0));
	CHECK("a store through a private mapping", bus_at(private + PAGE, 1));
	CHECK("a new mapping", bus_at((other = map(fd, MAP_SHARED)) + PAGE, 0));
	CHECK("the pages beside it are as they were",
		shared[0] == fill && shared[2 * PAGE] == fill && other[3 * PAGE] == fill);
	CHECK_ERRNO("read: EIO", pread(fd, page, PAGE, PAGE), EIO);
	CHECK("a read that begins before it is short", pread(fd, page, 2 * PAGE, PAGE - 100) == 100);
	CHECK("a read of the page behind", pread(fd, page, PAGE, 2 * PAGE) == PAGE && page[0] == fill);
	CHECK_ERRNO("write: EIO", pwrite(fd, page, PAGE, PAGE), EIO);
	CHECK_ERRNO("write from the mapping: EFAULT", pwrite(out, shared + PAGE, PAGE, 0), EFAULT);
	CHECK("a write from the page before it is short", pwrite(out, shared, 2 * PAGE, 0) == PAGE);
	CHECK_ERRNO("MADV_POPULATE_READ: EHWPOISON", madvise(shared, PAGES * PAGE, 22), EHWPOISON);
	CHECK("fsync", fsync(fd) == 0);
	munmap(private, PAGES * PAGE);
	munmap(other, PAGES * PAGE);
	close(out);
}

/* The block stays out of use: the file gets another one, and so does everybody else. */
static void test_block_stays_out(int fd, char *shared)
{
	CHECK("the page is punched out", fallocate(fd, 3, PAGE, PAGE) == 0);
	CHECK("it reads as zeros", pread(fd, page, PAGE, PAGE) == PAGE && page[0] == 0);
	shared[PAGE] = 7;
	CHECK("a store gets another block",
		shared[PAGE] == 7 && pread(fd, page, 1, PAGE) == 1 && page[0] == 7);
	CHECK("fsync", fsync(fd) == 0);
}

static void test_madvise(void)
{
	int fd = make("/poison", 'p'), other = make("/poison-other", 'o');
	char *shared = map(fd, MAP_SHARED), *untouched = map(other, MAP_SHARED);
	char *anon = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int go[2];
	pid_t pid;

	CHECK("the mappings",
		fd >= 0 && shared != MAP_FAILED && untouched != MAP_FAILED && shared[PAGE] == 'p');
	if (pipe(go))
		return;
	pid = fork();
	if (pid == 0) { /* has the page mapped, writable */
		expect_bus(shared + PAGE);
		shared[PAGE] = 'p';
		if (write(go[1], "x", 1) != 1)
			_exit(4);
		for (;;) {
			(void)*(volatile char *)(shared + PAGE);
			sched_yield();
		}
	}
	CHECK("another process maps the page", read(go[0], page, 1) == 1);
	CHECK_ERRNO("anonymous memory cannot be bad", (anon[0] = 1, madvise(anon, PAGE, MADV_HWPOISON)),
		EOPNOTSUPP);
	CHECK("the page is bad from now on", madvise(shared + PAGE, PAGE, MADV_HWPOISON) == 0);
	CHECK("the other process gets SIGBUS", exit_of(pid) == AS_IT_SHOULD);
	test_bad_page(fd, shared, 'p');
	CHECK("another file is as it was", untouched[PAGE] == 'o' && untouched[0] == 'o');
	test_block_stays_out(fd, shared);
}

/* Loads until somebody makes the page bad. */
static pid_t start_looking(int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		char *shared = map(fd, MAP_SHARED);

		expect_bus(shared + PAGE);
		for (;;)
			(void)*(volatile char *)(shared + PAGE);
	}
	return pid;
}

static void test_machine_check(const char *path)
{
	int fd = open(path, O_RDWR), other = make("/poison-other", 'o');
	char *shared = map(fd, MAP_SHARED), *untouched = map(other, MAP_SHARED);
	pid_t a = start_looking(fd), b = start_looking(fd);

	CHECK("the mappings", shared != MAP_FAILED && shared[PAGE] == 'v' && untouched[0] == 'o');
	puts("ktap-poison: ready");
	fflush(stdout);
	CHECK("one process that maps the page gets SIGBUS", exit_of(a) == AS_IT_SHOULD);
	CHECK("and so does the other", exit_of(b) == AS_IT_SHOULD);
	test_bad_page(fd, shared, 'v');
	CHECK("another file is as it was", untouched[PAGE] == 'o' && untouched[0] == 'o');
	test_block_stays_out(fd, shared);
}

int main(int argc, char **argv)
{
	struct utsname u;

	if (uname(&u) || strcmp(u.nodename, "faultline")) {
		fprintf(stderr, "ktap-poison: this is not Faultline\n");
		return 2;
	}
	ktap_start();
	if (argc > 1)
		test_machine_check(argv[1]);
	else
		test_madvise();
	return ktap_finish();
}
