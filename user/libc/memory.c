/* SPDX-License-Identifier: MIT */
/* System calls on memory. sbrk() keeps the break that the kernel last confirmed: newlib's malloc
 * grows by it. */
#include "syscall.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	return (void *)SYSCALL6(mmap, addr, len, prot, flags, fd, offset);
}

int munmap(void *addr, size_t len)
{
	return (int)SYSCALL2(munmap, addr, len);
}

int mprotect(void *addr, size_t len, int prot)
{
	return (int)SYSCALL3(mprotect, addr, len, prot);
}

int madvise(void *addr, size_t len, int advice)
{
	return (int)SYSCALL3(madvise, addr, len, advice);
}

int msync(void *addr, size_t len, int flags)
{
	return (int)CANCEL3(msync, addr, len, flags);
}

void *mremap(void *addr, size_t old_len, size_t new_len, int flags, ...)
{
	void *new_addr = NULL;
	va_list ap;

	va_start(ap, flags);
	if (flags & MREMAP_FIXED)
		new_addr = va_arg(ap, void *);
	va_end(ap);
	return (void *)SYSCALL5(mremap, addr, old_len, new_len, flags, new_addr);
}

int mincore(void *addr, size_t len, unsigned char *vec)
{
	return (int)SYSCALL3(mincore, addr, len, vec);
}

int mlock(const void *addr, size_t len)
{
	return (int)SYSCALL2(mlock, addr, len);
}

int mlock2(const void *addr, size_t len, unsigned flags)
{
	return (int)SYSCALL3(mlock2, addr, len, flags);
}

int munlock(const void *addr, size_t len)
{
	return (int)SYSCALL2(munlock, addr, len);
}

int mlockall(int flags)
{
	return (int)SYSCALL1(mlockall, flags);
}

int munlockall(void)
{
	return (int)SYSCALL0(munlockall);
}

/* The break as the kernel last confirmed it; 0: not asked yet. */
static uintptr_t current_break;

static int set_break(uintptr_t want)
{
	if ((uintptr_t)raw_syscall(SYS_brk, (long)want, 0, 0, 0, 0, 0) != want) {
		errno = ENOMEM;
		return -1;
	}
	current_break = want;
	return 0;
}

int brk(void *end)
{
	return set_break((uintptr_t)end);
}

void *sbrk(ptrdiff_t increment)
{
	uintptr_t old, want;

	if (!current_break)
		current_break = (uintptr_t)raw_syscall(SYS_brk, 0, 0, 0, 0, 0, 0);
	old = current_break;
	if (increment == 0)
		return (void *)old;
	want = old + (uintptr_t)increment;
	if ((increment > 0) != (want > old)) {
		errno = ENOMEM;
		return (void *)-1;
	}
	return set_break(want) < 0 ? (void *)-1 : (void *)old;
}

int memfd_create(const char *name, unsigned flags)
{
	return (int)SYSCALL2(memfd_create, name, flags);
}

/* These two return the error. DONTNEED is advice to POSIX, and an order to the system call. */
int posix_madvise(void *addr, size_t len, int advice)
{
	if (advice == POSIX_MADV_DONTNEED)
		return 0;
	return (int)-raw_syscall(SYS_madvise, (long)addr, (long)len, advice, 0, 0, 0);
}

int posix_memalign(void **out, size_t align, size_t size)
{
	void *mem;

	if (align < sizeof(void *) || (align & (align - 1)))
		return EINVAL;
	mem = memalign(align, size);
	if (!mem)
		return ENOMEM;
	*out = mem;
	return 0;
}
