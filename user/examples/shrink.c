/* SPDX-License-Identifier: MIT */
/*
 * shrink: loads from a mapped file while another process truncates it, and lives to tell.
 *
 *   shrink [-l LOADS] FILE
 *
 * A mapping is a promise about addresses, not about the file: behind the file's end a load ends in SIGBUS, although it was fine
 * a moment ago. A program that maps what others may shrink (a database, a linker, a web server) has to expect that. The
 * way out is a handler that jumps back to before the access: sigsetjmp() there, siglongjmp() in the handler.
 *
 * What a load may give here: the byte that was written to that page; zero, when the file has just grown again and the page is a hole;
 * SIGBUS. Never a byte of another page or file: that would be the race between page fault and truncate
 * that Faultline is about, where the fault maps a block that truncate frees. This program checks that it does not happen.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 16

static size_t page_size;
static sigjmp_buf before_access;
static volatile sig_atomic_t armed;        /* an access that may fault is being made */
static const volatile char *fault_address; /* of the last SIGBUS */
static int fault_code;

static void on_bus_error(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if (!armed) { /* not one of ours: let it end the process, where it happened */
		signal(signo, SIG_DFL);
		return;
	}
	armed = 0;
	fault_address = info->si_addr;
	fault_code = info->si_code;
	siglongjmp(before_access, 1);
}

/* The byte at p, or -1 if there is none any more. Saving the signal mask (the 1) matters: the handler runs with SIGBUS blocked,
 * and we leave it by a jump. */
static int try_load(const volatile char *p)
{
	int value;

	if (sigsetjmp(before_access, 1))
		return -1;
	armed = 1;
	value = (unsigned char)*p;
	armed = 0;
	return value;
}

static char pattern(size_t page)
{
	return (char)('A' + page);
}

/* The other process: the file shrinks to one page, grows, and gets its bytes back, until somebody kills it. */
static void shrink_and_grow(int fd)
{
	for (;;) {
		if (ftruncate(fd, (off_t)page_size) < 0 || ftruncate(fd, (off_t)(PAGES * page_size)) < 0)
			err(1, "ftruncate");
		for (size_t i = 1; i < PAGES; i++) {
			char c = pattern(i);

			if (pwrite(fd, &c, 1, (off_t)(i * page_size)) != 1)
				err(1, "pwrite");
		}
	}
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
	long loads = 20000, seen[3] = {0}; /* bytes, zeroes, bus errors */
	volatile char *map;
	pid_t child;
	int fd, c;

	while ((c = getopt(argc, argv, "l:")) != -1) {
		if (c != 'l' || (loads = atol(optarg)) <= 0)
			errx(2, "usage: shrink [-l LOADS] FILE");
	}
	if (optind != argc - 1)
		errx(2, "usage: shrink [-l LOADS] FILE");
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	fd = open(argv[optind], O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || ftruncate(fd, (off_t)(PAGES * page_size)) < 0)
		err(1, "%s", argv[optind]);
	map = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap %s", argv[optind]);
	for (size_t i = 0; i < PAGES; i++)
		map[i * page_size] = pattern(i);
	sigemptyset(&act.sa_mask);
	sigaction(SIGBUS, &act, NULL);

	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0)
		shrink_and_grow(fd);
	/* As many loads as asked for, and then until both a byte and a bus error have been seen. */
	for (long n = 0; n < loads || !seen[0] || !seen[2]; n++) {
		size_t page = 1 + (size_t)n % (PAGES - 1);
		const volatile char *p = map + page * page_size;
		int value = try_load(p);

		if (value < 0 && (fault_address != p || fault_code != BUS_ADRERR))
			errx(1, "SIGBUS with address %p and code %d, for a load from %p",
				(const void *)(uintptr_t)fault_address, fault_code,
				(const void *)(uintptr_t)p);
		if (value > 0 && value != pattern(page))
			errx(1, "page %zu shows a byte of another: %c", page, value);
		seen[value < 0 ? 2 : value == 0]++;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (map[0] != pattern(0))
		errx(1, "the page that always was in the file has lost its byte");
	fprintf(stderr, "%ld bytes, %ld zeroes, %ld bus errors\n", seen[0], seen[1], seen[2]);
	printf("every load gave the page's byte, zero or SIGBUS\n");
	return 0;
}
