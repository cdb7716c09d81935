/* SPDX-License-Identifier: MIT */
/* What fork() does about newlib's locks (lock.c) and pthread_atfork() (atfork.c). */
#ifndef FAULTLINE_LIBC_LOCK_H
#define FAULTLINE_LIBC_LOCK_H

void __locks_before_fork(void);
/* In the parent and in the child. */
void __locks_after_fork(void);

#endif
