/* SPDX-License-Identifier: MIT */
/*
 * eventfd: reads take the counter (or one, as a semaphore) and wait while it is 0; writes add to it and wait while that would make it
 * too large.
 *
 * Rule: the counter changes by compare-exchange; who changed it wakes the sleepers of the other side. The inode belongs to a super
 * that is never mounted and dies with the file; inode->fs is the counter.
 */
#include "kernel/proc/eventfd.h"

#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/poll.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define COUNT_MAX (~0ull - 1)

struct eventfd {
	_Atomic(u64) count;
	bool semaphore;
	struct waitq changed;
};

static struct super anon_super;
static _Atomic(u64) next_ino = 1;

/* Takes what a read takes: the value, or 0 if there is none. */
static u64 take(struct eventfd *e)
{
	u64 old = atomic_load(&e->count), n;

	do {
		n = e->semaphore ? MIN(old, 1ull) : old;
	} while (n && !atomic_compare_exchange_weak(&e->count, &old, old - n));
	return n;
}

static bool add(struct eventfd *e, u64 n)
{
	u64 old = atomic_load(&e->count);

	do {
		if (n > COUNT_MAX - old)
			return false;
	} while (!atomic_compare_exchange_weak(&e->count, &old, old + n));
	return true;
}

static void wake(struct eventfd *e)
{
	waitq_wake_all(&e->changed);
	poll_notify();
}

static ssize_t eventfd_read(struct file *f, struct user_iter *to, u64 *pos UNUSED)
{
	struct eventfd *e = f->inode->fs;
	u64 value;
	int err;

	if (to->left < sizeof(value))
		return -EINVAL;
	while (!(value = take(e))) {
		if (f->flags & O_NONBLOCK_)
			return -EAGAIN;
		err = WAIT_EVENT_INTERRUPTIBLE(&e->changed, atomic_load(&e->count));
		if (err)
			return err;
	}
	wake(e);
	return copy_to_iter(to, &value, sizeof(value)) == sizeof(value) ? (ssize_t)sizeof(value) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct user_iter *from, u64 *pos UNUSED)
{
	struct eventfd *e = f->inode->fs;
	u64 value;
	int err;

	if (from->len < sizeof(value)) /* of a vector, its first buffer */
		return -EINVAL;
	if (copy_from_user(&value, from->buf, sizeof(value)))
		return -EFAULT;
	if (value == ~0ull)
		return -EINVAL;
	while (!add(e, value)) {
		if (f->flags & O_NONBLOCK_)
			return -EAGAIN;
		err = WAIT_EVENT_INTERRUPTIBLE(&e->changed, value <= COUNT_MAX - atomic_load(&e->count));
		if (err)
			return err;
	}
	wake(e);
	return sizeof(value);
}

static unsigned eventfd_poll(struct file *f)
{
	struct eventfd *e = f->inode->fs;
	u64 count = atomic_load(&e->count);

	return (count ? POLL_IN | POLL_RDNORM : 0) | (count < COUNT_MAX ? POLL_OUT | POLL_WRNORM : 0);
}

static const struct file_ops eventfd_fops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
};

static int anon_read_inode(struct super *s UNUSED, u64 ino UNUSED, struct inode **out UNUSED)
{
	return -ENOENT;
}

static void anon_evict(struct inode *i)
{
	kfree(i->fs);
	kfree(i);
}

static const struct inode_ops anon_iops;
static const struct super_ops anon_sops = {
	.read_inode = anon_read_inode,
	.evict = anon_evict,
};

int anon_init(void)
{
	return super_init(&anon_super, &anon_sops, "anon");
}

static int create(u64 count, bool semaphore, u32 flags, struct file **out)
{
	struct eventfd *e = kzalloc(sizeof(*e));
	struct inode *i = kzalloc(sizeof(*i));
	int err;

	if (!e || !i) {
		kfree(e);
		kfree(i);
		return -ENOMEM;
	}
	atomic_init(&e->count, count);
	e->semaphore = semaphore;
	waitq_init(&e->changed);
	inode_init(i, &anon_super, atomic_fetch_add(&next_ino, 1));
	i->ops = &anon_iops;
	i->fops = &eventfd_fops;
	i->mode = S_IFCHR_ | 0600; /* no position; Linux gives it no type at all */
	i->nlink = 1;
	i->fs = e;
	err = file_open_inode(i, O_RDWR_ | flags, out);
	iput(i);
	return err;
}

enum { EFD_SEMAPHORE_ = 1 };

static long do_eventfd(u32 count, u32 flags)
{
	struct files *fs = process_current()->files;
	struct file *file;
	int fd, err;

	if (flags & ~(u32)(EFD_SEMAPHORE_ | O_CLOEXEC_ | O_NONBLOCK_))
		return -EINVAL;
	fd = fd_reserve(fs, 0, flags & O_CLOEXEC_);
	if (fd < 0)
		return fd;
	err = create(count, flags & EFD_SEMAPHORE_, flags & O_NONBLOCK_, &file);
	if (err) {
		fd_unreserve(fs, fd);
		return err;
	}
	fd_install(fs, fd, file);
	return fd;
}

long sys_eventfd(struct trap_frame *f)
{
	return do_eventfd((u32)f->rdi, 0);
}

long sys_eventfd2(struct trap_frame *f)
{
	return do_eventfd((u32)f->rdi, (u32)f->rsi);
}
