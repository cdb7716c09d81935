/* SPDX-License-Identifier: MIT */
/*
 * Formatted output without state: %d %i %u %o %x %X %p %s %c %% with 0 - + # and blank flags, width,
 * precision (also *), and h hh l ll z j t. Returns the length that the whole text has; always ends buf
 * if size > 0. Results are those of C's vsnprintf. An unknown conversion is copied as it stands and
 * takes no argument.
 */
#ifndef LIB_FMT_H
#define LIB_FMT_H

#include "lib/types.h"

int fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int fmt_snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
