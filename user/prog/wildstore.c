/* SPDX-License-Identifier: MIT */
/*
 * Accesses that a program must not survive, each in a child: the kernel reports it, ends the child
 * by SIGSEGV and goes on. Exits 0 when every child died as it should.
 */
#include "util.h"

#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* An address that the compiler knows nothing about. */
static volatile char *wild(uintptr_t address)
{
	__asm__("" : "+r"(address));
	return (volatile char *)address;
}

int main(int argc, char **argv);

static char *page(int prot)
{
	char *p = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(3, "mmap");
	return p;
}

static void read_null(void)
{
	(void)*wild(0);
}

static void store_far_out(void)
{
	*wild(0x123456789000) = 1;
}

static void store_to_kernel_half(void)
{
	*wild(0xffff800000000000) = 1;
}

static void read_kernel_text(void)
{
	(void)*wild(0xffffffff80000000);
}

static void store_non_canonical(void)
{
	*wild(0x8000000000000000) = 1;
}

static void store_to_text(void)
{
	*wild((uintptr_t)main) = 0x90;
}

static void store_to_read_only_page(void)
{
	*wild((uintptr_t)page(PROT_READ)) = 1;
}

static void store_to_unmapped_page(void)
{
	char *p = page(PROT_READ | PROT_WRITE);

	*p = 1;
	munmap(p, PAGE);
	*wild((uintptr_t)p) = 1;
}

static void execute_data(void)
{
	char *p = page(PROT_READ | PROT_WRITE);
	void (*code)(void) = (void (*)(void))p;

	*p = (char)0xc3; /* ret: harmless, if it were let through */
	code();
}

static void jump_to_null(void)
{
	void (*code)(void) = (void (*)(void))wild(0);

	code();
}

static void overflow_stack(void)
{
	volatile char *top = (volatile char *)__builtin_frame_address(0);

	for (size_t i = 0; i < (64UL << 20); i += PAGE)
		top[-(ptrdiff_t)i] = 1;
}

static const struct wild_case {
	const char *name;
	void (*act)(void);
} cases[] = {
	{"a read at address 0", read_null},
	{"a store far out of range", store_far_out},
	{"a store into the kernel's half", store_to_kernel_half},
	{"a read of the kernel's text", read_kernel_text},
	{"a store to a non-canonical address", store_non_canonical},
	{"a store to the program's text", store_to_text},
	{"a store to a read-only page", store_to_read_only_page},
	{"a store to a page unmapped before", store_to_unmapped_page},
	{"executing a data page", execute_data},
	{"a jump to address 0", jump_to_null},
	{"a stack without end", overflow_stack},
};

static int act(void *arg)
{
	const struct wild_case *c = arg;

	c->act();
	return 0;
}

int main(int argc, char **argv)
{
	int bad = 0;

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int status = run_child(act, (void *)&cases[i]);
		int ok = WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;

		printf("wildstore: %s: the child was %s%s\n", cases[i].name, status_text(status),
			ok ? "" : " - WRONG, SIGSEGV was due");
		fflush(stdout);
		bad += !ok;
	}
	if (bad)
		printf("wildstore: FAILED, %d of %zu\n", bad, ARRAY_SIZE(cases));
	else
		printf("wildstore: OK, %zu children ended, the machine lives\n", ARRAY_SIZE(cases));
	return bad != 0;
}
