/* SPDX-License-Identifier: MIT */
/*
 * /proc/faultline/lock: a line each, name and value separated by a tab, for people and programs (user/prog/schemecost.c).
 * The counters are of the whole machine since it was booted; they are read without a lock, each for itself. The text is made anew
 * for each read, so a reader takes it in one.
 */
#include "kernel/proc/lock_file.h"

#include "fs/dax.h"
#include "lib/fmt.h"
#include "mm/uaccess.h"

#define TEXT_MAX 1024

static size_t lock_text(char *text, size_t size)
{
	static const char *const who[NR_DAX_FOR] = {
		[DAX_FOR_FAULT] = "fault",
		[DAX_FOR_REMOVE] = "remove",
		[DAX_FOR_WRITE] = "write",
		[DAX_FOR_READ] = "read",
		[DAX_FOR_SYNC] = "sync",
	};
	const struct dax_lock_ops *ops = dax_config()->lock_ops;
	struct dax_stats *st = dax_stats();
	size_t n = (size_t)fmt_snprintf(text, size, "scheme\t%s\nfile-bytes\t%u\nsegment-bytes\t%u\n",
		ops->name, ops->bytes, ops->segment_bytes);

	for (unsigned i = 0; i < NR_DAX_FOR; i++)
		n += (size_t)fmt_snprintf(text + n, size - n, "%s-waits\t%lu\n%s-slow\t%lu\n", who[i],
			(unsigned long)atomic_load(&st->lock[i].waits), who[i],
			(unsigned long)atomic_load(&st->lock[i].slow));
	n += (size_t)fmt_snprintf(text + n, size - n, "zero-pages\t%lu\nzero-walks\t%lu\n",
		(unsigned long)atomic_load(&st->zero_pages), (unsigned long)atomic_load(&st->zero_walks));
	return n;
}

static ssize_t lock_read(struct file *f UNUSED, struct user_iter *to, u64 *pos)
{
	char text[TEXT_MAX];
	size_t size = lock_text(text, sizeof(text));
	ssize_t got;

	if (*pos >= size)
		return 0;
	got = copy_to_iter(to, text + *pos, MIN(to->left, size - *pos));
	if (got > 0)
		*pos += (u64)got;
	return got;
}

const struct file_ops lock_fops = {.read = lock_read};
