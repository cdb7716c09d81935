/* SPDX-License-Identifier: MIT */
/*
 * Raw system calls: number in rax, arguments in rdi rsi rdx r10 r8 r9, result in rax; rcx and r11
 * are lost. A result in [-4095, -1] is a negated errno, whose number is also the C library's.
 */
#ifndef FAULTLINE_LIBC_SYSCALL_H
#define FAULTLINE_LIBC_SYSCALL_H

#include <sys/syscall.h>

static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* Turns a raw result into the C convention: -1 and errno. */
long __syscall_result(long ret);

#define SYSCALL6(name, a, b, c, d, e, f) \
	__syscall_result(                \
		raw_syscall(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))
#define SYSCALL5(name, a, b, c, d, e) SYSCALL6(name, a, b, c, d, e, 0)
#define SYSCALL4(name, a, b, c, d) SYSCALL6(name, a, b, c, d, 0, 0)
#define SYSCALL3(name, a, b, c) SYSCALL6(name, a, b, c, 0, 0, 0)
#define SYSCALL2(name, a, b) SYSCALL6(name, a, b, 0, 0, 0, 0)
#define SYSCALL1(name, a) SYSCALL6(name, a, 0, 0, 0, 0, 0)
#define SYSCALL0(name) SYSCALL6(name, 0, 0, 0, 0, 0, 0)

/* Set by the first pthread_create() or pthread_cancel(), and never cleared. */
extern int __threaded;

/* A call that is a cancellation point: does not return if the thread was cancelled before the call had an
 * effect (thread/cancel.c). */
long __syscall_cancel(long nr, long a, long b, long c, long d, long e, long f);

static inline long cancel_point(long nr, long a, long b, long c, long d, long e, long f)
{
	return __threaded ? __syscall_cancel(nr, a, b, c, d, e, f) : raw_syscall(nr, a, b, c, d, e, f);
}

#define CANCEL6(name, a, b, c, d, e, f) \
	__syscall_result(               \
		cancel_point(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))
#define CANCEL5(name, a, b, c, d, e) CANCEL6(name, a, b, c, d, e, 0)
#define CANCEL4(name, a, b, c, d) CANCEL6(name, a, b, c, d, 0, 0)
#define CANCEL3(name, a, b, c) CANCEL6(name, a, b, c, 0, 0, 0)
#define CANCEL2(name, a, b) CANCEL6(name, a, b, 0, 0, 0, 0)
#define CANCEL1(name, a) CANCEL6(name, a, 0, 0, 0, 0, 0)
#define CANCEL0(name) CANCEL6(name, 0, 0, 0, 0, 0, 0)

#endif
