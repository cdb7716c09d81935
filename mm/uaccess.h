/* SPDX-License-Identifier: MIT */
/* Checked copies between kernel and user memory of the current thread's mm. Every user pointer goes
 * through here. */
#ifndef MM_UACCESS_H
#define MM_UACCESS_H

#include "lib/types.h"

/* Does [a, a+n) lie in the user half? */
bool user_range_ok(uaddr_t a, u64 n);
/* 0 or -EFAULT. May sleep. */
int copy_from_user(void *dst, uaddr_t src, size_t n);
int copy_to_user(uaddr_t dst, const void *src, size_t n);
int zero_user(uaddr_t dst, size_t n);
/* With page faults disabled: bytes that could NOT be copied. */
size_t copy_from_user_nofault(void *dst, uaddr_t src, size_t n);
size_t copy_to_user_nofault(uaddr_t dst, const void *src, size_t n);
/* Touches the pages so that a _nofault copy is likely to work: 0 or -EFAULT. `write`: they will be
 * written. */
int prefault_user(uaddr_t a, size_t n, bool write);
/* Length without the NUL, -EFAULT, -ENAMETOOLONG (no NUL in size bytes). */
ssize_t copy_string_from_user(char *dst, uaddr_t src, size_t size);

#endif
