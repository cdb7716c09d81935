/* SPDX-License-Identifier: MIT */
/* The auxiliary vector, in programs at fixed and at random addresses. */
#define _GNU_SOURCE
#include "table.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

void _start(void);

static void program_headers(void)
{
	const ElfW(Phdr) *ph = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM), load = 0, stack = 0;

	say("AT_PHENT %lu", getauxval(AT_PHENT));
	for (unsigned long i = 0; i < n; i++) {
		load += ph[i].p_type == PT_LOAD;
		stack += ph[i].p_type == PT_GNU_STACK;
	}
	say("AT_PHDR: %lu to load, %lu of the stack", load, stack);
}

int main(int argc, char **argv)
{
	const char *random = (const char *)getauxval(AT_RANDOM);
	int zeros = 0;

	table_begin(argc, argv);
	program_headers();
	say("AT_ENTRY is _start %d", getauxval(AT_ENTRY) == (unsigned long)_start);
	say("AT_BASE %lu, AT_FLAGS %lu", getauxval(AT_BASE), getauxval(AT_FLAGS));
	say("AT_PAGESZ %lu, AT_CLKTCK %lu", getauxval(AT_PAGESZ), getauxval(AT_CLKTCK));
	say("AT_UID %d, AT_EUID %d, AT_GID %d, AT_EGID %d", getauxval(AT_UID) == getuid(),
		getauxval(AT_EUID) == geteuid(), getauxval(AT_GID) == getgid(),
		getauxval(AT_EGID) == getegid());
	say("AT_SECURE %lu", getauxval(AT_SECURE));
	for (int i = 0; i < 16; i++)
		zeros += !random[i];
	say("AT_RANDOM is of all kinds %d", zeros < 8);
	say("AT_EXECFN %d", !strcmp((const char *)getauxval(AT_EXECFN), argv[0]));
	say("AT_PLATFORM %s", (const char *)getauxval(AT_PLATFORM));
	say("AT_HWCAP: FPU, TSC and SSE2 %d", (getauxval(AT_HWCAP) & 0x4000011) == 0x4000011);
	say("no such entry %lu", getauxval(12345));
	return 0;
}
