/* SPDX-License-Identifier: MIT */
/* /dev: the terminal, null, zero and random bytes. */
#include "kernel/proc/process.h"
#include "kernel/proc/pseudo.h"
#include "kernel/proc/random.h"
#include "kernel/proc/tty.h"
#include "mm/uaccess.h"

static ssize_t null_read(struct file *f UNUSED, uaddr_t buf UNUSED, size_t n UNUSED, u64 *pos UNUSED)
{
	return 0;
}

static ssize_t null_write(struct file *f UNUSED, uaddr_t buf UNUSED, size_t n, u64 *pos UNUSED)
{
	return (ssize_t)n;
}

static bool killed(void)
{
	return atomic_load(&thread_current()->killed);
}

static ssize_t zero_read(struct file *f UNUSED, uaddr_t buf, size_t n, u64 *pos UNUSED)
{
	size_t done = 0;

	while (done < n && !killed()) {
		size_t len = MIN(n - done, HUGE_SIZE);

		if (zero_user(uaddr_add(buf, done), len))
			return done ? (ssize_t)done : -EFAULT;
		done += len;
	}
	return done || !n ? (ssize_t)done : -EINTR;
}

static ssize_t random_read(struct file *f UNUSED, uaddr_t buf, size_t n, u64 *pos UNUSED)
{
	struct random_stream s;
	size_t done = 0;
	u8 block[64];

	random_stream_init(&s);
	while (done < n && !killed()) {
		size_t len = MIN(n - done, sizeof(block));

		random_stream_next(&s, block);
		if (copy_to_user(uaddr_add(buf, done), block, len))
			return done ? (ssize_t)done : -EFAULT;
		done += len;
	}
	return done || !n ? (ssize_t)done : -EINTR;
}

static const struct file_ops null_fops = {.read = null_read, .write = null_write};
static const struct file_ops zero_fops = {.read = zero_read, .write = null_write};
static const struct file_ops random_fops = {.read = random_read, .write = null_write};

static const struct pseudo_node nodes[] = {
	{"", 0, S_IFDIR_ | 0755, 0, NULL},
	{"console", 0, S_IFCHR_ | 0600, 0x501, &tty_fops},
	{"tty", 0, S_IFCHR_ | 0666, 0x500, &tty_fops},
	{"null", 0, S_IFCHR_ | 0666, 0x103, &null_fops},
	{"zero", 0, S_IFCHR_ | 0666, 0x105, &zero_fops},
	{"random", 0, S_IFCHR_ | 0666, 0x108, &random_fops},
	{"urandom", 0, S_IFCHR_ | 0666, 0x109, &random_fops},
};

int dev_mount(void)
{
	static struct super dev_super;

	return pseudo_mount(&dev_super, "dev", "/dev", nodes, ARRAY_SIZE(nodes));
}
