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

struct user_iovec { /* Linux x86-64 */
	u64 base, len;
};
_Static_assert(sizeof(struct user_iovec) == 16, "Linux x86-64");

/*
 * User memory that one call reads or writes: a buffer, or those of a vector one after the other. All of it is in the user half. Or a buffer of the
 * kernel's that a call writes (sendfile) to what takes its bytes by copy_from_iter().
 */
struct user_iter {
	uaddr_t buf;                   /* what is left of the current buffer: */
	size_t len;                    /* 0 only if left is */
	size_t left;                   /* of all of them */
	const struct user_iovec *next; /* those behind the current one; not looked at when there is none */
	const u8 *kernel;              /* in place of buf; NULL: user memory */
};

static inline struct user_iter user_iter_one(uaddr_t buf, size_t n)
{
	return (struct user_iter){.buf = buf, .len = n, .left = n};
}

static inline struct user_iter user_iter_kernel(const void *buf, size_t n)
{
	return (struct user_iter){.kernel = buf, .len = n, .left = n};
}

/* The first `total` bytes of a vector that has as many. */
struct user_iter user_iter_vector(const struct user_iovec *iov, size_t total);

void user_iter_next(struct user_iter *it);
/* Over n bytes of the current buffer. */
static inline void user_iter_advance(struct user_iter *it, size_t n)
{
	it->buf.v += n;
	it->len -= n;
	it->left -= n;
	if (unlikely(!it->len && it->left))
		user_iter_next(it);
}

/* Copies n bytes, at most it->left, and moves on over them. Bytes copied, short where a buffer cannot be read or written; -EFAULT: none
 * of them. May sleep. */
ssize_t copy_from_iter(void *dst, struct user_iter *it, size_t n);
ssize_t copy_to_iter(struct user_iter *it, const void *src, size_t n);

#endif
