/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing open files.
 *
 * Rule: a write holds the inode lock, a read does not. Data of regular files moves by the dax_* calls alone. Writing sets mtime and ctime in
 * memory; they reach the disk at fsync, sync or eviction.
 */
#include "fs/vfs_priv.h"
#include "kernel/limits.h"
#include "kernel/log.h"

/* Buffer after buffer, n > 0 bytes altogether, until one is cut short: bytes, or an error if there are none. Who reads or writes one buffer
 * pays for no vector: the calls are direct, and the iterator moves only from one to the next. */
static inline __attribute__((always_inline)) ssize_t move_data(
	ssize_t (*move)(struct inode *i, uaddr_t buf, size_t n, u64 pos), struct inode *i,
	struct user_iter *it, size_t n, u64 pos)
{
	size_t done = 0;

	for (;;) {
		size_t len = MIN(it->len, n - done);
		ssize_t r = move(i, it->buf, len, pos + done);

		if (r < 0)
			return done ? (ssize_t)done : r;
		done += (size_t)r;
		if ((size_t)r < len || done == n)
			return (ssize_t)done;
		user_iter_advance(it, len);
	}
}

ssize_t vfs_readv(struct file *f, struct user_iter *to, u64 *pos)
{
	struct inode *i = f->inode;
	u64 size, n;
	ssize_t r;

	DEBUG_ASSERT(file_readable(f));
	if (mode_is_dir(i->mode))
		return -EISDIR;
	if (f->ops)
		return f->ops->read ? f->ops->read(f, to, pos) : -EINVAL;
	size = inode_size(i);
	if (!to->left || *pos >= size)
		return 0;
	n = MIN(to->left, size - *pos);
	if (!(f->flags & O_DIRECT_)) {
		r = move_data(dax_read, i, to, n, *pos);
	} else {
		mutex_lock(&i->lock);
		r = move_data(dax_direct_read, i, to, n, *pos);
		mutex_unlock(&i->lock);
	}
	if (r > 0)
		*pos += r;
	return r;
}

/* Checks a write of n bytes at pos, both in the range of an off_t, against the largest file that there can be, and that RLIMIT_FSIZE allows: bytes that fit, or errno. */
static ssize_t write_limit(struct inode *i, u64 pos, size_t n)
{
	u64 max;

	if (atomic_load(&i->super->readonly))
		return -EROFS;
	if (inode_is(i, INODE_IMMUTABLE))
		return -EPERM;
	max = MIN(i->super->max_size, limit_of(LIMIT_FSIZE));
	if (n && pos >= max)
		return -EFBIG;
	return MIN((u64)n, max - pos);
}

int vfs_written(struct file *f, u64 pos, u64 n)
{
	if (!(f->flags & O_DSYNC_))
		return 0;
	return vfs_fsync(
		f->inode, pos >> PAGE_SHIFT, (pos + n - 1) >> PAGE_SHIFT, (f->flags & O_SYNC_) != O_SYNC_);
}

ssize_t vfs_writev(struct file *f, struct user_iter *from, u64 *pos)
{
	struct inode *i = f->inode;
	u64 at;
	ssize_t r;
	int err;

	DEBUG_ASSERT(file_writable(f));
	if (f->ops)
		return f->ops->write ? f->ops->write(f, from, pos) : -EINVAL;
	if (!mode_is_reg(i->mode))
		return -EINVAL;
	mutex_lock(&i->lock);
	at = f->flags & O_APPEND_ ? inode_size(i) : *pos;
	r = write_limit(i, at, from->left);
	if (r > 0) {
		inode_touch(i, INODE_MTIME | INODE_CTIME);
		r = f->flags & O_DIRECT_ ? move_data(dax_direct_write, i, from, (size_t)r, at)
					 : move_data(dax_write, i, from, (size_t)r, at);
	}
	mutex_unlock(&i->lock);
	if (r <= 0)
		return r;
	*pos = at + r;
	err = vfs_written(f, at, (u64)r);
	return err ? err : r;
}

ssize_t vfs_kread(struct inode *i, void *buf, size_t n, u64 pos)
{
	u64 size = inode_size(i);

	if (!mode_is_reg(i->mode) || i->fops)
		return -EINVAL;
	if (!n || pos >= size)
		return 0;
	return dax_kread(i, buf, MIN((u64)n, size - pos), pos);
}

ssize_t vfs_kwrite(struct inode *i, const void *buf, size_t n, u64 pos)
{
	ssize_t r;

	if (!mode_is_reg(i->mode) || i->fops)
		return -EINVAL;
	mutex_lock(&i->lock);
	r = write_limit(i, pos, n);
	if (r > 0) {
		inode_touch(i, INODE_MTIME | INODE_CTIME);
		r = dax_kwrite(i, buf, r, pos);
	}
	mutex_unlock(&i->lock);
	return r;
}
