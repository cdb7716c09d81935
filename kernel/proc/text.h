/* SPDX-License-Identifier: MIT */
/* Text that grows: what files of /proc show. Memory that runs out cuts the text short. */
#ifndef KERNEL_PROC_TEXT_H
#define KERNEL_PROC_TEXT_H

#include "lib/types.h"

struct text {
	char *buf;
	size_t len, size;
	bool full;
};

void text_add(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Bytes, NULs among them. */
void text_add_bytes(struct text *t, const void *bytes, size_t n);
void text_free(struct text *t);

#endif
