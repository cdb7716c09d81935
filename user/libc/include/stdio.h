/* SPDX-License-Identifier: MIT */
/* newlib's stdio.h, and what Linux's has besides. */
#ifndef _FAULTLINE_STDIO_H
#define _FAULTLINE_STDIO_H

#include_next <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if __POSIX_VISIBLE >= 200809
ssize_t getdelim(char **line, size_t *size, int delimiter, FILE *stream);
ssize_t getline(char **line, size_t *size, FILE *stream);
#endif

#if __GNU_VISIBLE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags);
#endif

#ifdef __cplusplus
}
#endif

#endif
