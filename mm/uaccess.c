/* SPDX-License-Identifier: MIT */
/*
 * Checked copies between kernel and user memory. Clients: system calls, read(2) and write(2) of every
 * file.
 *
 * Rule: a user address reaches the machine's raw copies only after user_range_ok() said that all of it
 * lies in the user half; the raw copies stop at the first byte that faults for good. No locks of its
 * own; faults take VMA and file locks.
 */
#include "mm/uaccess.h"
#include "kernel/thread.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/pagetable.h"

#define STRING_PIECE 64

bool user_range_ok(uaddr_t a, u64 n)
{
	return n <= USER_TOP && a.v <= USER_TOP - n;
}

int copy_from_user(void *dst, uaddr_t src, size_t n)
{
	return user_range_ok(src, n) && !cpu_copy_from_user(dst, src, n) ? 0 : -EFAULT;
}

int copy_to_user(uaddr_t dst, const void *src, size_t n)
{
	return user_range_ok(dst, n) && !cpu_copy_to_user(dst, src, n) ? 0 : -EFAULT;
}

int zero_user(uaddr_t dst, size_t n)
{
	return user_range_ok(dst, n) && !cpu_zero_user(dst, n) ? 0 : -EFAULT;
}

size_t copy_from_user_nofault(void *dst, uaddr_t src, size_t n)
{
	if (!user_range_ok(src, n))
		return n;
	pagefault_disable();
	size_t left = cpu_copy_from_user(dst, src, n);
	pagefault_enable();
	return left;
}

size_t copy_to_user_nofault(uaddr_t dst, const void *src, size_t n)
{
	if (!user_range_ok(dst, n))
		return n;
	pagefault_disable();
	size_t left = cpu_copy_to_user(dst, src, n);
	pagefault_enable();
	return left;
}

/* A locked compare-exchange writes even where it finds another value (SDM vol. 2, CMPXCHG), and then
 * what it found: the page is made writable and no concurrent store of another thread is lost. */
static int touch(uaddr_t a, bool write)
{
	u32 old = 0;
	u8 byte;

	if (write)
		return cpu_cmpxchg_user32(UADDR(ALIGN_DOWN(a.v, 4)), &old, 0);
	return cpu_copy_from_user(&byte, a, 1) ? -EFAULT : 0;
}

int prefault_user(uaddr_t a, size_t n, bool write)
{
	if (!user_range_ok(a, n))
		return -EFAULT;
	for (u64 at = a.v, end = a.v + n; at < end; at = ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE)
		if (touch(UADDR(at), write))
			return -EFAULT;
	return 0;
}

ssize_t copy_string_from_user(char *dst, uaddr_t src, size_t size)
{
	size_t len = 0;

	while (len < size) {
		uaddr_t a = uaddr_add(src, len);
		/* Aligned pieces: none of them crosses into a page that the string does not reach. */
		size_t piece = MIN(size - len, STRING_PIECE - (a.v & (STRING_PIECE - 1)));

		if (copy_from_user(dst + len, a, piece))
			return -EFAULT;
		const char *end = memchr(dst + len, '\0', piece);
		if (end)
			return end - dst;
		len += piece;
	}
	return -ENAMETOOLONG;
}

void user_iter_next(struct user_iter *it)
{
	do {
		it->buf = UADDR(it->next->base);
		it->len = MIN(it->next->len, it->left);
		it->next++;
	} while (!it->len);
}

struct user_iter user_iter_vector(const struct user_iovec *iov, size_t total)
{
	struct user_iter it = {.left = total, .next = iov};

	if (total)
		user_iter_next(&it);
	return it;
}

ssize_t copy_from_iter(void *dst, struct user_iter *it, size_t n)
{
	size_t done = 0;

	if (it->kernel) {
		memcpy(dst, it->kernel, n);
		it->kernel += n;
		it->len -= n;
		it->left -= n;
		return (ssize_t)n;
	}
	while (done < n) {
		size_t piece = MIN(n - done, it->len);

		if (copy_from_user((char *)dst + done, it->buf, piece))
			return done ? (ssize_t)done : -EFAULT;
		user_iter_advance(it, piece);
		done += piece;
	}
	return (ssize_t)done;
}

ssize_t copy_to_iter(struct user_iter *it, const void *src, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t piece = MIN(n - done, it->len);

		if (copy_to_user(it->buf, (const char *)src + done, piece))
			return done ? (ssize_t)done : -EFAULT;
		user_iter_advance(it, piece);
		done += piece;
	}
	return (ssize_t)done;
}
