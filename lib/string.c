/* SPDX-License-Identifier: MIT */
/*
 * Memory and strings of the freestanding kernel, and two helpers that hosted builds share.
 *
 * Rule: bulk moves are `rep movsq`/`rep stosq` (one counted instruction per 8 bytes with or without
 * ERMS); heads and tails are overlapping unaligned words, never byte loops, which the compiler would
 * turn back into calls of the function they stand in. No state, no locks; any context.
 */
#include "lib/string.h"
#include "lib/errno.h"

#if !__STDC_HOSTED__ || defined(LIB_STRING_TEST) /* tests/host/lib_test.c compiles these under other names */

struct word64 {
	u64 v;
} PACKED __attribute__((may_alias));
struct word32 {
	u32 v;
} PACKED __attribute__((may_alias));
struct word16 {
	u16 v;
} PACKED __attribute__((may_alias));

#define W64(p) (((struct word64 *)(p))->v)
#define W32(p) (((struct word32 *)(p))->v)
#define W16(p) (((struct word16 *)(p))->v)

/* Up to 16 bytes, loads before stores: right for overlapping areas as well. */
static inline void move_small(char *d, const char *s, size_t n)
{
	if (n >= 8) {
		u64 a = W64(s), b = W64(s + n - 8);
		W64(d) = a;
		W64(d + n - 8) = b;
	} else if (n >= 4) {
		u32 a = W32(s), b = W32(s + n - 4);
		W32(d) = a;
		W32(d + n - 4) = b;
	} else if (n >= 2) {
		u16 a = W16(s), b = W16(s + n - 2);
		W16(d) = a;
		W16(d + n - 2) = b;
	} else if (n) {
		*d = *s;
	}
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	char *d = dst;
	const char *s = src;

	if (n <= 16) {
		move_small(d, s, n);
		return dst;
	}
	u64 tail = W64(s + n - 8);
	char *end = d + n;
	size_t words = n / 8;
	__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
	W64(end - 8) = tail;
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	if (n <= 16) {
		move_small(d, s, n);
		return dst;
	}
	if ((size_t)(d - s) >=
		n) { /* d below s, or past its end: forwards. The tail is read before it can be overwritten */
		u64 tail = W64(s + n - 8);
		char *end = d + n;
		size_t words = n / 8;
		__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
		W64(end - 8) = tail;
		return dst;
	}
	u64 head = W64(s);
	while (n >= 8) {
		n -= 8;
		W64(d + n) = W64(s + n);
	}
	W64(d) = head; /* covers the n % 8 first bytes; the rest of the word is what stands there already */
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	char *d = dst;
	u64 word = 0x0101010101010101ull * (u8)c;

	if (n >= 8) {
		size_t words = n / 8;
		W64(d + n - 8) = word;
		__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(word) : "memory");
	} else if (n >= 4) {
		W32(d) = (u32)word;
		W32(d + n - 4) = (u32)word;
	} else if (n >= 2) {
		W16(d) = (u16)word;
		W16(d + n - 2) = (u16)word;
	} else if (n) {
		*d = (char)c;
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	while (n >= 8 && W64(p) == W64(q)) {
		p += 8;
		q += 8;
		n -= 8;
	}
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

/* Keeps the compiler from recognising a loop as the library function that it implements. */
#define OPAQUE(p) __asm__ volatile("" : "+r"(p))

void *memchr(const void *s, int c, size_t n)
{
	for (const u8 *p = s; n; n--, p++) {
		OPAQUE(p);
		if (*p == (u8)c)
			return (void *)p;
	}
	return NULL;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n]) {
		n++;
		OPAQUE(n);
	}
	return n;
}

size_t strlen(const char *s)
{
	return strnlen(s, (size_t)-1);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (u8)*a - (u8)*b;
		if (!*a)
			break;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, (size_t)-1);
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		OPAQUE(s);
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		OPAQUE(s);
		if (*s == (char)c)
			last = s;
		if (!*s)
			return (char *)last;
	}
}

#endif

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src);

	if (size) {
		size_t k = MIN(n, size - 1);
		memcpy(dst, src, k);
		dst[k] = '\0';
	}
	return n;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

static unsigned suffix_shift(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	}
	return 0;
}

int str_to_u64(const char *s, u64 *out)
{
	int base = 10;
	u64 v = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (digit_value(*s) >= base)
		return -EINVAL;
	for (int d; (d = digit_value(*s)) < base; s++)
		if (__builtin_mul_overflow(v, (u64)base, &v) || __builtin_add_overflow(v, (u64)d, &v))
			return -ERANGE;
	unsigned shift = suffix_shift(*s);
	if (shift) {
		if (v > ~0ull >> shift)
			return -ERANGE;
		v <<= shift;
		s++;
	}
	if (*s)
		return -EINVAL;
	*out = v;
	return 0;
}
