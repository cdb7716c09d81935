/* SPDX-License-Identifier: MIT */
/* System calls on memory. sbrk() keeps the break that the kernel last confirmed: newlib's malloc
 * grows by it. */
#include "syscall.h"

#include <errno.h>
#include <stdint.h>
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
	return (int)SYSCALL3(msync, addr, len, flags);
}

void *sbrk(ptrdiff_t increment)
{
	static uintptr_t brk;
	uintptr_t old, want, got;

	if (!brk)
		brk = (uintptr_t)raw_syscall(SYS_brk, 0, 0, 0, 0, 0, 0);
	old = brk;
	if (increment == 0)
		return (void *)old;
	want = old + (uintptr_t)increment;
	if ((increment > 0) != (want > old)) {
		errno = ENOMEM;
		return (void *)-1;
	}
	got = (uintptr_t)raw_syscall(SYS_brk, (long)want, 0, 0, 0, 0, 0);
	if (got != want) {
		errno = ENOMEM;
		return (void *)-1;
	}
	brk = want;
	return (void *)old;
}

int getpagesize(void)
{
	return 4096;
}
