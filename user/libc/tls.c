/* SPDX-License-Identifier: MIT */
/*
 * Thread-local storage, x86-64's variant II: the program's TLS image ends at the thread control
 * block, FS points at that block, and its first word points at itself.
 *
 * The first thread uses newlib's global _reent, since exit() flushes that one's streams; every
 * later thread gets its own.
 */
#include "libc.h"
#include "syscall.h"

#include <reent.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define ARCH_SET_FS 0x1002
#define TLS_ALIGN 64 /* at least; a cache line, so that threads share none */

struct tcb {
	struct tcb *self;
	void *dtv; /* the ABI's place of it; static programs have no use for it */
	void *reserved[3];
	uintptr_t canary; /* fs:0x28, where -fstack-protector looks */
};

_Static_assert(offsetof(struct tcb, canary) == 0x28, "the ABI's place of the stack canary");

static _Thread_local struct _reent *thread_reent;

struct _reent *__getreent(void)
{
	return thread_reent;
}

static const Elf64_Phdr *find_tls_segment(const Elf64_auxv_t *auxv)
{
	const Elf64_Phdr *ph = (const Elf64_Phdr *)__auxv_value(auxv, AT_PHDR);
	unsigned long n = __auxv_value(auxv, AT_PHNUM);

	for (; ph && n; ph++, n--)
		if (ph->p_type == PT_TLS)
			return ph;
	return NULL;
}

static _Noreturn void no_memory(void)
{
	static const char msg[] = "libc: no memory for thread-local storage\n";

	raw_syscall(SYS_write, 2, (long)msg, sizeof(msg) - 1, 0, 0, 0);
	for (;;)
		raw_syscall(SYS_exit_group, 127, 0, 0, 0, 0, 0);
}

/* Takes memory straight from the break: sbrk() would need errno, which is not there yet. */
static char *early_alloc(size_t size)
{
	long start = raw_syscall(SYS_brk, 0, 0, 0, 0, 0, 0);
	long end = raw_syscall(SYS_brk, start + (long)size, 0, 0, 0, 0, 0);

	if (end != start + (long)size)
		no_memory();
	return (char *)start;
}

/* Apart from its caller, so that no access through FS can be moved before the switch. */
static __attribute__((noinline)) void set_fs(struct tcb *tcb)
{
	if (raw_syscall(SYS_arch_prctl, ARCH_SET_FS, (long)tcb, 0, 0, 0, 0) != 0)
		no_memory();
}

static __attribute__((noinline)) void set_reent(void)
{
	thread_reent = _GLOBAL_REENT;
}

void __tls_setup(const Elf64_auxv_t *auxv)
{
	const Elf64_Phdr *ph = find_tls_segment(auxv);
	const void *random = (const void *)__auxv_value(auxv, AT_RANDOM);
	size_t align = ph && ph->p_align > TLS_ALIGN ? ph->p_align : TLS_ALIGN;
	size_t size = ph ? ph->p_memsz : 0;
	size_t before = (size + align - 1) & -align;
	char *mem = early_alloc(before + sizeof(struct tcb) + align);
	uintptr_t base = ((uintptr_t)mem + align - 1) & -align;
	struct tcb *tcb = (struct tcb *)(base + before);

	if (ph) {
		/* The image ends at the block, rounded to the image's own alignment. */
		size_t own = ph->p_align ? ph->p_align : 1;
		size_t image = (size + own - 1) & -own;

		memcpy((char *)tcb - image, (const void *)ph->p_vaddr, ph->p_filesz);
	}
	tcb->self = tcb;
	if (random)
		memcpy(&tcb->canary, random, sizeof(tcb->canary));
	set_fs(tcb);
	set_reent();
}
