/* SPDX-License-Identifier: MIT */
/* System calls that move data: read, write and their vectors, copies between files, and where files have data (FIEMAP). */
#include "drivers/pmem.h"
#include "fs/vfs.h"
#include "kernel/proc/limits.h"
#include "kernel/proc/poll.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

/* The position may not leave what an off_t can say. A stream has none: 0. */
static long transfer(struct file *f, bool write, struct user_iter *it, u64 *pos)
{
	if ((i64)(*pos + it->left) < 0)
		return -EINVAL;
	return write ? vfs_writev(f, it, pos) : vfs_readv(f, it, pos);
}

/* At the file's own position, which moves. Inlined for the most frequent of calls, read and write. */
static inline __attribute__((always_inline)) long transfer_here(
	struct file *f, bool write, struct user_iter *it)
{
	u64 none = 0;
	long ret;

	if (file_is_stream(f))
		return transfer(f, write, it, &none);
	mutex_lock(&f->pos_lock);
	ret = transfer(f, write, it, &f->pos);
	mutex_unlock(&f->pos_lock);
	return ret;
}

/* The order of the checks is Linux's: descriptor's mode, buffer's range, then the file. */
static inline long check_buffer(struct file *f, bool write, uaddr_t buf, u64 n)
{
	if (!(write ? file_writable(f) : file_readable(f)))
		return -EBADF;
	return user_range_ok(buf, n) ? 0 : -EFAULT;
}

static long do_rw(struct trap_frame *f, bool write)
{
	struct file *file = sys_get_file((int)f->rdi);
	struct user_iter it = user_iter_one(UADDR(f->rsi), MIN(f->rdx, MAX_RW_COUNT));
	long ret;

	if (!file)
		return -EBADF;
	ret = check_buffer(file, write, it.buf, f->rdx);
	if (!ret)
		ret = transfer_here(file, write, &it);
	file_put(file);
	return limits_file_result(ret);
}

long sys_read(struct trap_frame *f)
{
	return do_rw(f, false);
}

long sys_write(struct trap_frame *f)
{
	return do_rw(f, true);
}

static long do_prw(struct trap_frame *f, bool write)
{
	struct user_iter it = user_iter_one(UADDR(f->rsi), MIN(f->rdx, MAX_RW_COUNT));
	struct file *file;
	u64 pos = f->r10;
	long ret;

	if ((i64)pos < 0)
		return -EINVAL;
	file = sys_get_file((int)f->rdi);
	if (!file)
		return -EBADF;
	ret = file_is_stream(file) ? -ESPIPE : check_buffer(file, write, it.buf, f->rdx);
	if (!ret)
		ret = transfer(file, write, &it, &pos);
	file_put(file);
	return limits_file_result(ret);
}

long sys_pread64(struct trap_frame *f)
{
	return do_prw(f, false);
}

long sys_pwrite64(struct trap_frame *f)
{
	return do_prw(f, true);
}

/* Copies the vector in. Its bytes, at most MAX_RW_COUNT; every buffer's range is checked here. */
static long get_iovec(uaddr_t user, u64 count, struct user_iovec *iov)
{
	u64 total = 0;

	if (copy_from_user(iov, user, count * sizeof(*iov)))
		return -EFAULT;
	for (u64 i = 0; i < count; i++) {
		if ((i64)iov[i].len < 0)
			return -EINVAL;
		if (!user_range_ok(UADDR(iov[i].base), iov[i].len))
			return -EFAULT;
		total = MIN(total + iov[i].len, MAX_RW_COUNT);
	}
	return (long)total;
}

/* Where a vector call reads or writes: at the file's own position, or at one that it was given. */
struct vector_call {
	bool write, own_pos;
	u64 pos;
	u32 flags; /* RWF_* */
};

enum { RWF_HIPRI_ = 1, RWF_DSYNC_ = 2, RWF_SYNC_ = 4, RWF_NOWAIT_ = 8, RWF_APPEND_ = 0x10 };

static long run_vector(struct file *file, struct vector_call *c, const struct user_iovec *iov, size_t total)
{
	struct user_iter it = user_iter_vector(iov, total);

	return c->own_pos ? transfer_here(file, c->write, &it) : transfer(file, c->write, &it, &c->pos);
}

static int check_vector(struct file *file, const struct vector_call *c)
{
	if (!c->own_pos && file_is_stream(file))
		return -ESPIPE;
	if (!(c->write ? file_writable(file) : file_readable(file)))
		return -EBADF;
	if (c->flags & ~(u32)(RWF_HIPRI_ | RWF_DSYNC_ | RWF_SYNC_ | RWF_NOWAIT_ | RWF_APPEND_))
		return -EOPNOTSUPP;
	if (c->flags &
		(RWF_NOWAIT_ |
			RWF_APPEND_)) /* neither a file that waits for nothing, nor one write's own O_APPEND */
		return -EOPNOTSUPP;
	return 0;
}

static long do_vector(int fd, uaddr_t user, u64 count, struct vector_call *c)
{
	struct file *file = sys_get_file(fd);
	struct user_iovec few[8], *iov = few;
	long ret;

	if (!file)
		return -EBADF;
	ret = check_vector(file, c);
	if (ret)
		goto out;
	ret = -EINVAL;
	if (count > IOV_MAX_)
		goto out;
	ret = -ENOMEM;
	if (count > ARRAY_SIZE(few))
		iov = kmalloc(count * sizeof(*iov));
	if (!iov)
		goto out;
	ret = get_iovec(user, count, iov);
	if (ret > 0)
		ret = run_vector(file, c, iov, (size_t)ret);
	if (ret > 0 && c->write && (c->flags & (RWF_DSYNC_ | RWF_SYNC_)) && !file->ops) {
		int err = vfs_fsync(file->inode, 0, ~0ull, !(c->flags & RWF_SYNC_));

		ret = err ? err : ret;
	}
	if (iov != few)
		kfree(iov);
out:
	file_put(file);
	return limits_file_result(ret);
}

long sys_readv(struct trap_frame *f)
{
	return do_vector((int)f->rdi, UADDR(f->rsi), f->rdx, &(struct vector_call){.own_pos = true});
}

long sys_writev(struct trap_frame *f)
{
	return do_vector(
		(int)f->rdi, UADDR(f->rsi), f->rdx, &(struct vector_call){.write = true, .own_pos = true});
}

static long do_pvector(struct trap_frame *f, bool write, u32 flags, bool own_pos)
{
	struct vector_call c = {.write = write, .own_pos = own_pos, .pos = f->r10, .flags = flags};

	if (!own_pos && (i64)f->r10 < 0)
		return -EINVAL;
	return do_vector((int)f->rdi, UADDR(f->rsi), f->rdx, &c);
}

long sys_preadv(struct trap_frame *f)
{
	return do_pvector(f, false, 0, false);
}

long sys_pwritev(struct trap_frame *f)
{
	return do_pvector(f, true, 0, false);
}

/* Position -1: the file's own. */
long sys_preadv2(struct trap_frame *f)
{
	return do_pvector(f, false, (u32)f->r9, f->r10 == ~0ull);
}

long sys_pwritev2(struct trap_frame *f)
{
	return do_pvector(f, true, (u32)f->r9, f->r10 == ~0ull);
}

/* --- from file to file --- */

#define COPY_PIECE (16 * PAGE_SIZE)

static bool plain(const struct file *f)
{
	return mode_is_reg(f->inode->mode) && !f->ops;
}

/* Copies up to n bytes, n > 0; both positions move. What was copied, or an error if nothing was. A signal ends it, but not before something was
 * copied: 0 is the end of the input. */
static long copy_data(struct file *in, u64 *in_pos, struct file *out, u64 *out_pos, u64 n)
{
	char *buf = kmalloc(COPY_PIECE);
	u64 start = *out_pos, done = 0;
	ssize_t got = 0;
	int err;

	if (!buf)
		return -ENOMEM;
	do {
		got = vfs_kread(in->inode, buf, MIN(n - done, COPY_PIECE), *in_pos);
		if (got <= 0)
			break;
		got = vfs_kwrite(out->inode, buf, (size_t)got, *out_pos);
		if (got <= 0)
			break;
		*in_pos += (u64)got;
		*out_pos += (u64)got;
		done += (u64)got;
	} while (done < n && !thread_interrupted());
	kfree(buf);
	err = done ? vfs_written(out, start, done) : 0;
	if (err)
		return err;
	return done || got >= 0 ? (long)done : got;
}

/* The position that a call names: in user memory, or the file's own. */
static int get_pos(struct file *file, u64 user, u64 *pos)
{
	if (user)
		return copy_from_user(pos, UADDR(user), sizeof(*pos)) ? -EFAULT : (i64)*pos < 0 ? -EINVAL : 0;
	mutex_lock(&file->pos_lock);
	*pos = file->pos;
	mutex_unlock(&file->pos_lock);
	return 0;
}

static int put_pos(struct file *file, u64 user, u64 pos)
{
	if (user)
		return copy_to_user(UADDR(user), &pos, sizeof(pos));
	mutex_lock(&file->pos_lock);
	file->pos = pos;
	mutex_unlock(&file->pos_lock);
	return 0;
}

/* Pipes, terminals and other devices, which have no position to move. An eventfd has no number. */
static bool takes_bytes(const struct file *f)
{
	u32 type = f->inode->mode & S_IFMT_;

	return type == S_IFIFO_ || (type == S_IFCHR_ && f->inode->rdev);
}

/* For room for the first piece it waits, then it takes what there is: who empties the pipe may be the caller. */
static long send_bytes(struct file *in, u64 *in_pos, struct file *out, u64 n)
{
	char *buf = kmalloc(PAGE_SIZE);
	ssize_t got;
	u64 done = 0;

	if (!buf)
		return -ENOMEM;
	do {
		u64 none = 0;

		got = vfs_kread(in->inode, buf, MIN(n - done, PAGE_SIZE), *in_pos);
		if (got > 0) {
			struct user_iter it = user_iter_kernel(buf, (size_t)got);

			got = vfs_writev(out, &it, &none);
		}
		if (got <= 0)
			break;
		*in_pos += (u64)got;
		done += (u64)got;
	} while (done < n && (file_poll(out) & POLL_OUT) && !thread_interrupted());
	kfree(buf);
	return done ? (long)done : got;
}

/* From regular files only; programs fall back to read and write for others. */
static long send_file(struct file *out, struct file *in, u64 user_pos, u64 n)
{
	u64 in_pos, out_pos = 0;
	bool bytes = takes_bytes(out);
	long ret;

	if (!file_readable(in) || !file_writable(out))
		return -EBADF;
	if (user_pos && file_is_stream(in))
		return -ESPIPE;
	if (!plain(in) || (!plain(out) && !bytes) || (out->flags & O_APPEND_))
		return -EINVAL;
	ret = get_pos(in, user_pos, &in_pos);
	if (!ret && !bytes)
		ret = get_pos(out, 0, &out_pos);
	if (ret)
		return ret;
	if ((i64)n < 0 || (i64)(in_pos + n) < 0)
		return -EINVAL;
	if (in_pos >= in->inode->super->max_size && in_pos + n > in->inode->super->max_size)
		return -EOVERFLOW;
	n = MIN(n, MAX_RW_COUNT);
	if (n)
		ret = bytes ? send_bytes(in, &in_pos, out, n) : copy_data(in, &in_pos, out, &out_pos, n);
	if (ret > 0 && (put_pos(in, user_pos, in_pos) || (!bytes && put_pos(out, 0, out_pos))))
		ret = -EFAULT;
	return ret;
}

long sys_sendfile(struct trap_frame *f)
{
	struct file *out = sys_get_file((int)f->rdi), *in = sys_get_file((int)f->rsi);
	long ret = in && out ? send_file(out, in, f->rdx, f->r10) : -EBADF;

	if (out)
		file_put(out);
	if (in)
		file_put(in);
	return limits_file_result(ret);
}

static long copy_range(struct file *in, u64 in_user, struct file *out, u64 out_user, u64 n)
{
	u64 in_pos, out_pos;
	long ret;

	ret = get_pos(in, in_user, &in_pos);
	if (!ret)
		ret = get_pos(out, out_user, &out_pos);
	if (ret)
		return ret;
	if (mode_is_dir(in->inode->mode) || mode_is_dir(out->inode->mode))
		return -EISDIR;
	if (!mode_is_reg(in->inode->mode) || !mode_is_reg(out->inode->mode))
		return -EINVAL;
	if (!file_readable(in) || !file_writable(out) || (out->flags & O_APPEND_))
		return -EBADF;
	if (in->inode->super != out->inode->super)
		return -EXDEV;
	if (!plain(in) || !plain(out))
		return -EINVAL;
	if (in_pos + n < in_pos || out_pos + n < out_pos)
		return -EOVERFLOW;
	n = MIN(n, MAX_RW_COUNT);
	n = in_pos >= inode_size(in->inode) ? 0 : MIN(n, inode_size(in->inode) - in_pos);
	if (in->inode == out->inode && in_pos < out_pos + n && out_pos < in_pos + n)
		return -EINVAL;
	ret = n ? copy_data(in, &in_pos, out, &out_pos, n) : 0;
	if (ret > 0 && (put_pos(in, in_user, in_pos) || put_pos(out, out_user, out_pos)))
		ret = -EFAULT;
	return ret;
}

long sys_copy_file_range(struct trap_frame *f)
{
	struct file *in = sys_get_file((int)f->rdi), *out = sys_get_file((int)f->rdx);
	long ret = -EBADF;

	if (in && out)
		ret = (u32)f->r9 ? -EINVAL : copy_range(in, f->rsi, out, f->r10, f->r8);
	if (in)
		file_put(in);
	if (out)
		file_put(out);
	return limits_file_result(ret);
}

/* --- FIEMAP --- */

struct user_fiemap {
	u64 start, length;
	u32 flags, mapped, count, reserved;
};
struct user_fiemap_extent {
	u64 logical, physical, length, reserved64[2];
	u32 flags, reserved[3];
};
_Static_assert(sizeof(struct user_fiemap) == 32 && sizeof(struct user_fiemap_extent) == 56, "Linux");

enum { FIEMAP_SYNC = 1, FIEMAP_XATTR = 2, EXTENT_LAST_ = 1, EXTENT_UNWRITTEN_ = 0x800 };

struct fiemap_call {
	struct user_fiemap head;
	uaddr_t extents;
	u64 base; /* physical address of the file system's first byte */
	struct user_fiemap_extent last;
	bool have_last, fault;
};

static bool put_last(struct fiemap_call *c)
{
	if (c->have_last && c->head.count)
		c->fault = copy_to_user(uaddr_add(c->extents, (c->head.mapped - 1) * sizeof(c->last)),
			&c->last, sizeof(c->last));
	return !c->fault;
}

/* One extent behind: the last one of the file is marked. */
static int add_extent(void *arg, const struct extent *e)
{
	struct fiemap_call *c = arg;

	if (!put_last(c) || (c->head.count && c->head.mapped == c->head.count)) {
		c->have_last = false;
		return 1;
	}
	c->last = (struct user_fiemap_extent){
		.logical = e->pgoff << PAGE_SHIFT,
		.physical = e->pa.v - c->base,
		.length = e->len << PAGE_SHIFT,
		.flags = e->state == EXTENT_UNWRITTEN ? EXTENT_UNWRITTEN_ : 0,
	};
	c->head.mapped++;
	c->have_last = true;
	return 0;
}

/* Is there nothing after the last page that was asked for? */
static int stop_at_first(void *arg, const struct extent *e UNUSED)
{
	*(bool *)arg = true;
	return 1;
}

long sys_fiemap(struct file *file, uaddr_t user)
{
	struct fiemap_call c = {.extents = uaddr_add(user, sizeof(struct user_fiemap))};
	u64 first, last;
	bool more = false;
	int err;

	if (!mode_is_reg(file->inode->mode) || !file->inode->ops->map_extent)
		return -EOPNOTSUPP;
	if (copy_from_user(&c.head, user, sizeof(c.head)))
		return -EFAULT;
	if (!c.head.length || c.head.count > ~0u / sizeof(struct user_fiemap_extent))
		return -EINVAL;
	if (c.head.flags & ~(u32)FIEMAP_SYNC) {
		c.head.flags &= ~(u32)FIEMAP_SYNC;
		return copy_to_user(user, &c.head, sizeof(c.head)) ? -EFAULT : -EBADR;
	}
	if (c.head.start > file->inode->super->max_size)
		return -EFBIG;
	c.base = file->inode->super->region ? file->inode->super->region->base.v : 0;
	c.head.mapped = 0;
	first = c.head.start >> PAGE_SHIFT;
	last = (MIN(c.head.length, file->inode->super->max_size - c.head.start) + c.head.start - 1) >>
		PAGE_SHIFT;
	err = vfs_extents(file->inode, first, last, add_extent, &c);
	if (!err && c.have_last) {
		u64 next = (c.last.logical + c.last.length) >> PAGE_SHIFT;

		err = vfs_extents(
			file->inode, next, file->inode->super->max_size >> PAGE_SHIFT, stop_at_first, &more);
		if (!more)
			c.last.flags |= EXTENT_LAST_;
		put_last(&c);
	}
	if (!err && (c.fault || copy_to_user(user, &c.head, sizeof(c.head))))
		err = -EFAULT;
	return err;
}
