/* SPDX-License-Identifier: MIT */
/* Text that grows: text.h. Any context that may allocate. */
#include "kernel/proc/text.h"

#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/kmem.h"

#define FIRST_SIZE 1024

/* Room for n more bytes and a NUL. */
static bool make_room(struct text *t, size_t n)
{
	size_t size = t->size ? t->size : FIRST_SIZE;
	char *buf;

	while (size - t->len <= n)
		size *= 2;
	if (size == t->size)
		return true;
	buf = kmalloc(size);
	if (!buf) {
		t->full = true;
		return false;
	}
	if (t->len)
		memcpy(buf, t->buf, t->len);
	kfree(t->buf);
	t->buf = buf;
	t->size = size;
	return true;
}

void text_add_bytes(struct text *t, const void *bytes, size_t n)
{
	if (t->full || !make_room(t, n))
		return;
	memcpy(t->buf + t->len, bytes, n);
	t->len += n;
}

void text_add(struct text *t, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	text_add_bytes(t, line, MIN((size_t)n, sizeof(line) - 1));
}

void text_free(struct text *t)
{
	kfree(t->buf);
	*t = (struct text){0};
}
