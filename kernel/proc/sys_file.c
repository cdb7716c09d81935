/* SPDX-License-Identifier: MIT */
/* System calls on open files: data in and out, positions, sizes, descriptors. Calls by path: sys_path.c. */
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/pipe.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

struct file *sys_get_file(int fd)
{
	struct file *f = sys_get_any_file(fd);

	if (f && (f->flags & O_PATH_)) {
		file_put(f);
		return NULL;
	}
	return f;
}

struct file *sys_get_any_file(int fd)
{
	return fd_get(process_current()->files, fd);
}

static bool file_readable(const struct file *f)
{
	return (f->flags & O_ACCMODE_) != O_WRONLY_ && !(f->flags & O_PATH_);
}

static bool file_writable(const struct file *f)
{
	return (f->flags & O_ACCMODE_) != O_RDONLY_ && !(f->flags & O_PATH_);
}

/* Pipes and character devices have no position: their readers and writers may sleep side by side. */
static bool file_is_stream(const struct file *f)
{
	u32 type = f->inode->mode & S_IFMT_;

	return type == S_IFIFO_ || type == S_IFCHR_;
}

/* One buffer. The order of the checks is Linux's: descriptor's mode, buffer's range, then the file. */
static long transfer(struct file *f, bool write, uaddr_t buf, size_t n, u64 *pos)
{
	if (!(write ? file_writable(f) : file_readable(f)))
		return -EBADF;
	if (!user_range_ok(buf, n))
		return -EFAULT;
	if (!write && mode_is_dir(f->inode->mode))
		return -EISDIR;
	n = MIN(n, MAX_RW_COUNT);
	return write ? vfs_write(f, buf, n, pos) : vfs_read(f, buf, n, pos);
}

/* At the file's own position, which moves. */
static long transfer_here(struct file *f, bool write, uaddr_t buf, size_t n)
{
	u64 none = 0;
	long ret;

	if (file_is_stream(f))
		return transfer(f, write, buf, n, &none);
	mutex_lock(&f->pos_lock);
	ret = transfer(f, write, buf, n, &f->pos);
	mutex_unlock(&f->pos_lock);
	return ret;
}

static long do_rw(struct trap_frame *f, bool write)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	ret = transfer_here(file, write, UADDR(f->rsi), f->rdx);
	file_put(file);
	return ret;
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
	struct file *file;
	u64 pos = f->r10;
	long ret;

	if ((i64)pos < 0)
		return -EINVAL;
	file = sys_get_file((int)f->rdi);
	if (!file)
		return -EBADF;
	ret = file_is_stream(file) ? -ESPIPE : transfer(file, write, UADDR(f->rsi), f->rdx, &pos);
	file_put(file);
	return ret;
}

long sys_pread64(struct trap_frame *f)
{
	return do_prw(f, false);
}

long sys_pwrite64(struct trap_frame *f)
{
	return do_prw(f, true);
}

struct user_iovec {
	u64 base, len;
};
_Static_assert(sizeof(struct user_iovec) == 16, "Linux x86-64");

/* Copies the vector in and cuts it to MAX_RW_COUNT bytes altogether. Every buffer's range is checked here. */
static int get_iovec(uaddr_t user, u64 count, struct user_iovec *iov)
{
	u64 total = 0;

	if (copy_from_user(iov, user, count * sizeof(*iov)))
		return -EFAULT;
	for (u64 i = 0; i < count; i++) {
		if ((i64)iov[i].len < 0)
			return -EINVAL;
		if (!user_range_ok(UADDR(iov[i].base), iov[i].len))
			return -EFAULT;
		iov[i].len = MIN(iov[i].len, MAX_RW_COUNT - total);
		total += iov[i].len;
	}
	return 0;
}

/* An error after some bytes went through is not told: the count is. */
static long transfer_vector(struct file *file, bool write, const struct user_iovec *iov, u64 count, u64 *pos)
{
	long done = 0;

	for (u64 i = 0; i < count; i++) {
		long n;

		if (!iov[i].len)
			continue;
		n = transfer(file, write, UADDR(iov[i].base), iov[i].len, pos);
		if (n < 0)
			return done ? done : n;
		done += n;
		if ((u64)n < iov[i].len)
			break;
	}
	return done;
}

static long do_rwv(struct trap_frame *f, bool write)
{
	struct file *file = sys_get_file((int)f->rdi);
	struct user_iovec few[8], *iov = few;
	u64 count = f->rdx, none = 0;
	long ret;

	if (!file)
		return -EBADF;
	ret = -EBADF;
	if (!(write ? file_writable(file) : file_readable(file)))
		goto out;
	ret = -EINVAL;
	if (count > IOV_MAX_)
		goto out;
	ret = -ENOMEM;
	if (count > ARRAY_SIZE(few))
		iov = kmalloc(count * sizeof(*iov));
	if (!iov)
		goto out;
	ret = get_iovec(UADDR(f->rsi), count, iov);
	if (ret)
		goto out_free;
	if (file_is_stream(file)) {
		ret = transfer_vector(file, write, iov, count, &none);
	} else {
		mutex_lock(&file->pos_lock);
		ret = transfer_vector(file, write, iov, count, &file->pos);
		mutex_unlock(&file->pos_lock);
	}
out_free:
	if (iov != few)
		kfree(iov);
out:
	file_put(file);
	return ret;
}

long sys_readv(struct trap_frame *f)
{
	return do_rwv(f, false);
}

long sys_writev(struct trap_frame *f)
{
	return do_rwv(f, true);
}

long sys_close(struct trap_frame *f)
{
	return fd_close(process_current()->files, (int)f->rdi);
}

enum { CLOSE_RANGE_UNSHARE_ = 2, CLOSE_RANGE_CLOEXEC_ = 4 };

/* CLOSE_RANGE_UNSHARE has nothing to unshare where the table belongs to one thread; others share it on. */
long sys_close_range(struct trap_frame *f)
{
	u32 first = (u32)f->rdi, last = (u32)f->rsi, flags = (u32)f->rdx;

	if ((flags & ~(CLOSE_RANGE_UNSHARE_ | CLOSE_RANGE_CLOEXEC_)) || first > last)
		return -EINVAL;
	fd_close_range(process_current()->files, first, last, flags & CLOSE_RANGE_CLOEXEC_);
	return 0;
}

enum { SEEK_SET_, SEEK_CUR_, SEEK_END_ };

/* pos_lock held. */
static long seek_locked(struct file *file, i64 offset, u32 whence)
{
	i64 base, pos;

	switch (whence) {
	case SEEK_SET_:
		base = 0;
		break;
	case SEEK_CUR_:
		base = (i64)file->pos;
		break;
	case SEEK_END_:
		base = (i64)inode_size(file->inode);
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &pos))
		return -EOVERFLOW;
	if (pos < 0)
		return -EINVAL;
	file->pos = (u64)pos;
	return pos;
}

long sys_lseek(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	if (file_is_stream(file)) {
		ret = -ESPIPE;
	} else {
		mutex_lock(&file->pos_lock);
		ret = seek_locked(file, (i64)f->rsi, (u32)f->rdx);
		mutex_unlock(&file->pos_lock);
	}
	file_put(file);
	return ret;
}

long sys_ftruncate(struct trap_frame *f)
{
	struct file *file;
	i64 len = (i64)f->rsi;
	long ret;

	if (len < 0)
		return -EINVAL;
	file = sys_get_file((int)f->rdi);
	if (!file)
		return -EBADF;
	if (!mode_is_reg(file->inode->mode) || file->ops || !file_writable(file))
		ret = -EINVAL;
	else
		ret = vfs_truncate(file->inode, (u64)len);
	file_put(file);
	return ret;
}

/* Which files can have ranges allocated, and what Linux says of those that cannot. */
static int check_fallocate(const struct file *file, u32 mode, i64 pos, i64 len)
{
	i64 end;
	int err;

	if (pos < 0 || len <= 0)
		return -EINVAL;
	err = vfs_fallocate_mode(mode);
	if (err)
		return err;
	if (!file_writable(file))
		return -EBADF;
	if ((file->inode->mode & S_IFMT_) == S_IFIFO_)
		return -ESPIPE;
	if (mode_is_dir(file->inode->mode))
		return -EISDIR;
	if (!mode_is_reg(file->inode->mode))
		return -ENODEV;
	if (file->ops)
		return -EOPNOTSUPP;
	return __builtin_add_overflow(pos, len, &end) ? -EFBIG : 0;
}

long sys_fallocate(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	ret = check_fallocate(file, (u32)f->rsi, (i64)f->rdx, (i64)f->r10);
	if (!ret)
		ret = vfs_fallocate(file->inode, (u32)f->rsi, f->rdx, f->r10);
	file_put(file);
	return ret;
}

static long do_fsync(int fd, bool datasync)
{
	struct file *file = sys_get_file(fd);
	long ret;

	if (!file)
		return -EBADF;
	if (file_is_stream(file) || file->ops)
		ret = -EINVAL;
	else
		ret = vfs_fsync(file->inode, 0, ~0ull, datasync);
	file_put(file);
	return ret;
}

long sys_fsync(struct trap_frame *f)
{
	return do_fsync((int)f->rdi, false);
}

long sys_fdatasync(struct trap_frame *f)
{
	return do_fsync((int)f->rdi, true);
}

long sys_sync_file_range(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	ret = vfs_sync_range(file->inode, f->rsi, f->rdx, (u32)f->r10);
	file_put(file);
	return ret;
}

long sys_sync(struct trap_frame *f UNUSED)
{
	vfs_sync_all();
	return 0;
}

long sys_ioctl(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret = -ENOTTY;

	if (!file)
		return -EBADF;
	if (file->ops && file->ops->ioctl)
		ret = file->ops->ioctl(file, (unsigned)f->rsi, f->rdx);
	file_put(file);
	return ret;
}

/* The lowest free descriptor >= min for the file of fd. */
static long duplicate(int fd, int min, bool cloexec)
{
	struct files *fs = process_current()->files;
	struct file *file = fd_get(fs, fd);
	int to;

	if (!file)
		return -EBADF;
	to = fd_reserve(fs, min, cloexec);
	if (to < 0)
		file_put(file);
	else
		fd_install(fs, to, file);
	return to;
}

long sys_dup(struct trap_frame *f)
{
	return duplicate((int)f->rdi, 0, false);
}

long sys_dup2(struct trap_frame *f)
{
	struct files *fs = process_current()->files;
	int from = (int)f->rdi, to = (int)f->rsi;
	int err;

	if (from == to)
		return fd_get_cloexec(fs, from) < 0 ? -EBADF : to;
	err = fd_replace(fs, from, to, false);
	return err ? err : to;
}

long sys_dup3(struct trap_frame *f)
{
	int from = (int)f->rdi, to = (int)f->rsi;
	u32 flags = (u32)f->rdx;
	int err;

	if ((flags & ~O_CLOEXEC_) || from == to)
		return -EINVAL;
	err = fd_replace(process_current()->files, from, to, flags & O_CLOEXEC_);
	return err ? err : to;
}

enum {
	F_DUPFD_ = 0,
	F_GETFD_ = 1,
	F_SETFD_ = 2,
	F_GETFL_ = 3,
	F_SETFL_ = 4,
	F_DUPFD_CLOEXEC_ = 1030,
	FD_CLOEXEC_ = 1
};
#define SETTABLE_FLAGS (O_APPEND_ | O_NONBLOCK_ | O_DIRECT_)

static long file_flags(int fd, bool set, u32 flags)
{
	struct file *file = set ? sys_get_file(fd) : sys_get_any_file(fd);
	long ret = 0;

	if (!file)
		return -EBADF;
	mutex_lock(&file->pos_lock);
	if (set && (flags & O_DIRECT_) && (!mode_is_reg(file->inode->mode) || file->ops))
		ret = -EINVAL;
	else if (set)
		file->flags = (file->flags & ~SETTABLE_FLAGS) | (flags & SETTABLE_FLAGS);
	else
		ret = file->flags;
	mutex_unlock(&file->pos_lock);
	file_put(file);
	return ret;
}

long sys_fcntl(struct trap_frame *f)
{
	struct files *fs = process_current()->files;
	int fd = (int)f->rdi;
	u64 arg = f->rdx;

	switch ((u32)f->rsi) {
	case F_DUPFD_:
	case F_DUPFD_CLOEXEC_:
		if (arg >= FD_MAX)
			return fd_get_cloexec(fs, fd) < 0 ? -EBADF : -EINVAL;
		return duplicate(fd, (int)arg, (u32)f->rsi == F_DUPFD_CLOEXEC_);
	case F_GETFD_:
		return fd_get_cloexec(fs, fd);
	case F_SETFD_:
		return fd_set_cloexec(fs, fd, arg & FD_CLOEXEC_);
	case F_GETFL_:
		return file_flags(fd, false, 0);
	case F_SETFL_:
		return file_flags(fd, true, (u32)arg);
	default:
		return fd_get_cloexec(fs, fd) < 0 ? -EBADF : -EINVAL;
	}
}

static long do_pipe(uaddr_t user, u32 flags)
{
	struct files *fs = process_current()->files;
	struct file *ends[2];
	i32 fds[2];
	int err;

	if (flags & ~(O_CLOEXEC_ | O_NONBLOCK_))
		return -EINVAL;
	err = pipe_create(flags & O_NONBLOCK_, ends);
	if (err)
		return err;
	fds[0] = err = fd_reserve(fs, 0, flags & O_CLOEXEC_);
	if (err < 0)
		goto no_first;
	fds[1] = err = fd_reserve(fs, 0, flags & O_CLOEXEC_);
	if (err < 0)
		goto no_second;
	err = copy_to_user(user, fds, sizeof(fds));
	if (err)
		goto no_copy;
	fd_install(fs, fds[0], ends[0]);
	fd_install(fs, fds[1], ends[1]);
	return 0;

no_copy:
	fd_unreserve(fs, fds[1]);
no_second:
	fd_unreserve(fs, fds[0]);
no_first:
	file_put(ends[0]);
	file_put(ends[1]);
	return err;
}

long sys_pipe(struct trap_frame *f)
{
	return do_pipe(UADDR(f->rdi), 0);
}

long sys_pipe2(struct trap_frame *f)
{
	return do_pipe(UADDR(f->rdi), (u32)f->rsi);
}
