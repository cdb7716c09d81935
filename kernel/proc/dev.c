/* SPDX-License-Identifier: MIT */
/* /dev: the terminal, null, zero, full, random bytes, persistent memory as a block device that can be read, links to /proc/self/fd. */
#include "drivers/pmem.h"
#include "fs/state.h"
#include "kernel/instance.h"
#include "kernel/proc/process.h"
#include "kernel/proc/pseudo.h"
#include "kernel/proc/random.h"
#include "kernel/proc/tty.h"
#include "mm/uaccess.h"

static ssize_t null_read(struct file *f UNUSED, struct user_iter *to UNUSED, u64 *pos UNUSED)
{
	return 0;
}

static ssize_t null_write(struct file *f UNUSED, struct user_iter *from, u64 *pos UNUSED)
{
	return (ssize_t)from->left;
}

static bool killed(void)
{
	return atomic_load(&thread_current()->killed);
}

static ssize_t zero_read(struct file *f UNUSED, struct user_iter *to, u64 *pos UNUSED)
{
	size_t done = 0;

	while (to->left && !killed()) {
		size_t len = MIN(to->len, HUGE_SIZE);

		if (zero_user(to->buf, len))
			return done ? (ssize_t)done : -EFAULT;
		user_iter_advance(to, len);
		done += len;
	}
	return done || !to->left ? (ssize_t)done : -EINTR;
}

static ssize_t random_read(struct file *f UNUSED, struct user_iter *to, u64 *pos UNUSED)
{
	struct random_stream s;
	size_t done = 0;
	u8 block[64];

	random_stream_init(&s);
	while (to->left && !killed()) {
		ssize_t got;

		random_stream_next(&s, block);
		got = copy_to_iter(to, block, MIN(to->left, sizeof(block)));
		if (got < 0)
			return done ? (ssize_t)done : got;
		done += (size_t)got;
	}
	return done || !to->left ? (ssize_t)done : -EINTR;
}

static ssize_t full_write(struct file *f UNUSED, struct user_iter *from, u64 *pos UNUSED)
{
	return from->left ? -ENOSPC : 0;
}

/* The file system below must not change under its mount: nobody writes here. */
static int pmem_open(struct file *f)
{
	if (!pmem_region_count())
		return -ENXIO;
	return (f->flags & O_ACCMODE_) == O_RDONLY_ ? 0 : -EROFS;
}

static ssize_t pmem_read(struct file *f UNUSED, struct user_iter *to, u64 *pos)
{
	const struct pmem_region *r = pmem_region(0);
	ssize_t got;

	if (*pos >= r->len)
		return 0;
	got = copy_to_iter(to, (const char *)r->virt + *pos, MIN(to->left, r->len - *pos));
	if (got > 0)
		*pos += (u64)got;
	return got;
}

enum { BLKSSZGET_ = 0x1268, BLKGETSIZE64_ = (int)0x80081272 };

static long pmem_ioctl(struct file *f UNUSED, unsigned cmd, u64 arg)
{
	u64 len = pmem_region(0)->len;
	i32 sector = 512;

	switch (cmd) {
	case (unsigned)BLKGETSIZE64_:
		return copy_to_user(UADDR(arg), &len, sizeof(len));
	case BLKSSZGET_:
		return copy_to_user(UADDR(arg), &sector, sizeof(sector));
	default:
		return -ENOTTY;
	}
}

static const struct file_ops null_fops = {.read = null_read, .write = null_write};
const struct file_ops zero_fops = {.read = zero_read, .write = null_write};
static const struct file_ops full_fops = {.read = zero_read, .write = full_write};
static const struct file_ops random_fops = {.read = random_read, .write = null_write};
static const struct file_ops pmem_fops = {.open = pmem_open, .read = pmem_read, .ioctl = pmem_ioctl};

#define LINK_TEXT(name, text)                                                   \
	static ssize_t name##_link(u64 instance UNUSED, char *buf, size_t size) \
	{                                                                       \
		size_t n = MIN(sizeof(text) - 1, size);                         \
                                                                                \
		memcpy(buf, text, n);                                           \
		return (ssize_t)n;                                              \
	}
LINK_TEXT(fd, "/proc/self/fd")
LINK_TEXT(stdin, "/proc/self/fd/0")
LINK_TEXT(stdout, "/proc/self/fd/1")
LINK_TEXT(stderr, "/proc/self/fd/2")

#define LINK (S_IFLNK_ | 0777)

static const struct pseudo_node nodes[] = {
	{.name = "", .mode = S_IFDIR_ | 0755},
	{"console", 0, S_IFCHR_ | 0600, .rdev = 0x501, .fops = &tty_fops},
	{"tty", 0, S_IFCHR_ | 0666, .rdev = 0x500, .fops = &tty_fops},
	{"null", 0, S_IFCHR_ | 0666, .rdev = 0x103, .fops = &null_fops},
	{"zero", 0, S_IFCHR_ | 0666, .rdev = 0x105, .fops = &zero_fops},
	{"full", 0, S_IFCHR_ | 0666, .rdev = 0x107, .fops = &full_fops},
	{"random", 0, S_IFCHR_ | 0666, .rdev = 0x108, .fops = &random_fops},
	{"urandom", 0, S_IFCHR_ | 0666, .rdev = 0x109, .fops = &random_fops},
	{"pmem0", 0, S_IFBLK_ | 0400, .rdev = 0x10300, .fops = &pmem_fops},
	{"fd", 0, LINK, .readlink = fd_link},
	{"stdin", 0, LINK, .readlink = stdin_link},
	{"stdout", 0, LINK, .readlink = stdout_link},
	{"stderr", 0, LINK, .readlink = stderr_link},
};

/* A node of any file system with the type and number of one of these is that device. */
static const struct file_ops *device_ops(u32 mode, u64 rdev)
{
	for (unsigned k = 0; k < ARRAY_SIZE(nodes); k++)
		if (nodes[k].fops && nodes[k].rdev == rdev && !((nodes[k].mode ^ mode) & S_IFMT_))
			return nodes[k].fops;
	return NULL;
}

int dev_mount(void)
{
	static struct super dev_super;

	the_instance.fs->device_ops = device_ops;
	return pseudo_mount(&dev_super, "dev", "/dev", nodes, ARRAY_SIZE(nodes));
}
