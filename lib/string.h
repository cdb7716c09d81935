/* SPDX-License-Identifier: MIT */
/* Memory and strings. Hosted builds take libc's; the kernel has its own in lib/string.c. */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/types.h"
#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
#endif
/* Copies at most size-1 bytes and always ends dst; returns strlen(src). */
size_t str_copy(char *dst, const char *src, size_t size);
/* Decimal, 0x hex, suffixes K M G (powers of 1024). The whole string must parse: 0 or -EINVAL / -ERANGE. */
int str_to_u64(const char *s, u64 *out);

#endif
