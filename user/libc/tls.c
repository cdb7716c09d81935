/* SPDX-License-Identifier: MIT */
/*
 * Thread-local storage, x86-64's variant II: a copy of the program's TLS image ends at the thread's control block, and FS
 * points at that block. Sizes come from PT_TLS, once, when the program starts.
 *
 * The first thread uses newlib's global _reent, since exit() flushes that one's streams; every
 * later thread has its own, in its control block.
 */
#include "libc.h"
#include "thread/thread.h"

#include <string.h>
#include <unistd.h>

#define ARCH_SET_FS 0x1002
#define TLS_ALIGN 64 /* at least; a cache line, so that threads share none */

static struct {
	const void *data;
	size_t data_size; /* what follows in the image is zero */
	size_t size;      /* rounded up to the image's own alignment */
	size_t align;
} image = {.align = TLS_ALIGN};

struct _reent *__getreent(void)
{
	return thread_self()->reent;
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
static __attribute__((noinline)) void set_fs(struct thread *self)
{
	if (raw_syscall(SYS_arch_prctl, ARCH_SET_FS, (long)self, 0, 0, 0, 0) != 0)
		no_memory();
}

size_t __tls_size(void)
{
	return image.size + sizeof(struct thread) + 2 * image.align;
}

struct thread *__tls_build(char *end, char **below)
{
	struct thread *thread = (struct thread *)(((uintptr_t)end - sizeof(struct thread)) & -image.align);
	char *start = (char *)thread - image.size;

	memcpy(start, image.data, image.data_size);
	thread->self = thread;
	*below = (char *)((uintptr_t)start & -16ul);
	return thread;
}

void __tls_setup(const Elf64_auxv_t *auxv)
{
	const Elf64_Phdr *ph = find_tls_segment(auxv);
	const void *random = (const void *)__auxv_value(auxv, AT_RANDOM);
	struct thread *self;
	char *below;

	if (ph) {
		size_t own = ph->p_align ? ph->p_align : 1;

		image.data = (const void *)ph->p_vaddr;
		image.data_size = ph->p_filesz;
		image.size = (ph->p_memsz + own - 1) & -own;
		image.align = own > TLS_ALIGN ? own : TLS_ALIGN;
	}
	self = __tls_build(early_alloc(__tls_size()) + __tls_size(), &below);
	if (random)
		memcpy(&self->canary, random, sizeof(self->canary));
	self->reent = _GLOBAL_REENT;
	self->tid = (int)raw_syscall(SYS_set_tid_address, (long)&self->tid, 0, 0, 0, 0, 0);
	set_fs(self);
}
