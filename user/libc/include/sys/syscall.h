/* SPDX-License-Identifier: MIT */
/* System call numbers, Linux x86-64: bits/syscall.h is made out of the kernel's table. */
#ifndef _SYS_SYSCALL_H
#define _SYS_SYSCALL_H

#include <bits/syscall.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Any system call by number; -1 and errno on failure. */
long syscall(long nr, ...);

#ifdef __cplusplus
}
#endif

#endif
