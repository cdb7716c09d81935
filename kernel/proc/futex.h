/* SPDX-License-Identifier: MIT */
/* Futexes: what the kernel itself does with them. The system call is in futex.c. */
#ifndef KERNEL_PROC_FUTEX_H
#define KERNEL_PROC_FUTEX_H

#include "lib/types.h"

void futex_init(void);
/* Wakes up to `nr` waiters on the word at `a` of the current address space. May sleep (page faults). */
void futex_wake_word(uaddr_t a, unsigned nr, bool shared);

#endif
