/* SPDX-License-Identifier: MIT */
/* System calls on open files: positions, sizes, descriptors. Data in and out: sys_rw.c. Calls by path: sys_path.c. */
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/limits.h"
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

/* Their readers and writers may sleep side by side. */
#define MEMORY_MAJOR 1

/* null, zero, full and random: they take positions, and pay no heed to them. */
static bool is_memory_device(const struct file *f)
{
	return (f->inode->mode & S_IFMT_) == S_IFCHR_ && f->inode->rdev >> 8 == MEMORY_MAJOR;
}

/* It has neither a number nor a position. */
static bool is_eventfd(const struct file *f)
{
	return (f->inode->mode & S_IFMT_) == S_IFCHR_ && !f->inode->rdev;
}

bool file_is_stream(const struct file *f)
{
	u32 type = f->inode->mode & S_IFMT_;

	return type == S_IFIFO_ || (type == S_IFCHR_ && !is_memory_device(f));
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

enum { SEEK_SET_, SEEK_CUR_, SEEK_END_, SEEK_DATA_, SEEK_HOLE_ };

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
		base = mode_is_dir(file->inode->mode) ? INT64_MAX : (i64)inode_size(file->inode);
		break;
	case SEEK_DATA_:
	case SEEK_HOLE_:
		if (offset < 0)
			return -ENXIO;
		base = vfs_seek_data(file->inode, (u64)offset, whence == SEEK_HOLE_);
		if (base < 0)
			return base;
		offset = 0;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &pos) || pos < 0)
		return -EINVAL;
	if (mode_is_reg(file->inode->mode) && !file->ops && (u64)pos > file->inode->super->max_size)
		return -EINVAL;
	if (file->pos != (u64)pos)
		file_seek(file, (u64)pos);
	return pos;
}

long sys_lseek(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	if (is_memory_device(file) || is_eventfd(file)) {
		ret = 0;
	} else if (file_is_stream(file)) {
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
		ret = limits_file_result(vfs_truncate(file->inode, (u64)len));
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
		ret = limits_file_result(vfs_fallocate(file->inode, (u32)f->rsi, f->rdx, f->r10));
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

long sys_syncfs(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);

	if (!file)
		return -EBADF;
	file_put(file);
	vfs_sync_all(); /* more than asked for */
	return 0;
}

/* Advice is taken note of, and not followed. */
long sys_fadvise64(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret = 0;

	if (!file)
		return -EBADF;
	if (file_is_pipe(file))
		ret = -ESPIPE;
	else if ((i64)f->rdx < 0 || (u32)f->r10 > 5)
		ret = -EINVAL;
	file_put(file);
	return ret;
}

long sys_readahead(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret = 0;

	if (!file)
		return -EBADF;
	if (!file_readable(file))
		ret = -EBADF;
	else if (!mode_is_reg(file->inode->mode) || file->ops)
		ret = -EINVAL;
	file_put(file);
	return ret;
}

static void set_flag(struct file *file, u32 flag, bool on)
{
	mutex_lock(&file->pos_lock);
	file->flags = on ? file->flags | flag : file->flags & ~flag;
	mutex_unlock(&file->pos_lock);
}

/* Bytes to the end of a regular file. */
static long bytes_left(struct file *file, uaddr_t user)
{
	i32 n;

	if (!mode_is_reg(file->inode->mode) || file->ops)
		return -ENOTTY;
	mutex_lock(&file->pos_lock);
	n = (i32)((i64)inode_size(file->inode) - (i64)file->pos);
	mutex_unlock(&file->pos_lock);
	return copy_to_user(user, &n, sizeof(n));
}

/* The argument is an int, whatever the command's number says of its size. */
static long inode_flags(struct inode *i, bool set, uaddr_t user)
{
	u32 flags;
	long err;

	if (set)
		return copy_from_user(&flags, user, sizeof(flags)) ? -EFAULT : vfs_set_flags(i, flags);
	err = vfs_get_flags(i, &flags);
	return err ? err : copy_to_user(user, &flags, sizeof(flags));
}

static long do_ioctl(struct file *file, int fd, u32 cmd, u64 arg)
{
	struct files *fs = process_current()->files;
	i32 on, block = PAGE_SIZE;

	switch (cmd) {
	case FIOCLEX_:
	case FIONCLEX_:
		return fd_set_cloexec(fs, fd, cmd == FIOCLEX_);
	case FIONBIO_:
		if (copy_from_user(&on, UADDR(arg), sizeof(on)))
			return -EFAULT;
		set_flag(file, O_NONBLOCK_, on);
		return 0;
	}
	if (file->ops)
		return file->ops->ioctl ? file->ops->ioctl(file, cmd, arg) : -ENOTTY;
	switch (cmd) {
	case FIONREAD_:
		return bytes_left(file, UADDR(arg));
	case FIGETBSZ_:
		return copy_to_user(UADDR(arg), &block, sizeof(block));
	case (u32)FS_IOC_GETFLAGS_:
	case FS_IOC_SETFLAGS_:
		return inode_flags(file->inode, cmd == FS_IOC_SETFLAGS_, UADDR(arg));
	case (u32)FS_IOC_FIEMAP_:
		return sys_fiemap(file, UADDR(arg));
	default:
		return -ENOTTY;
	}
}

long sys_ioctl(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	ret = do_ioctl(file, (int)f->rdi, (u32)f->rsi, f->rdx);
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
	F_NOTIFY_ = 1026,
	F_DUPFD_CLOEXEC_ = 1030,
	F_SETPIPE_SZ_ = 1031,
	F_GETPIPE_SZ_ = 1032,
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
	else if (set && ((flags ^ file->flags) & O_APPEND_) && inode_is(file->inode, INODE_APPEND_ONLY))
		ret = -EPERM;
	else if (set)
		file->flags = (file->flags & ~SETTABLE_FLAGS) | (flags & SETTABLE_FLAGS);
	else
		ret = file->flags;
	mutex_unlock(&file->pos_lock);
	file_put(file);
	return ret;
}

/* Every pipe has the one size; asking for less gets that, unless there is too much in it for less. */
static long pipe_size(int fd, bool set, u64 size)
{
	struct file *file = sys_get_file(fd);
	u32 room = PAGE_SIZE;
	long ret;

	if (!file)
		return -EBADF;
	while (room < size && room < PIPE_SIZE)
		room *= 2;
	ret = PIPE_SIZE;
	if (!file_is_pipe(file))
		ret = -EBADF;
	else if (set && size > PIPE_SIZE)
		ret = -EPERM;
	else if (set && pipe_bytes(file) > room)
		ret = -EBUSY;
	file_put(file);
	return ret;
}

/* No directory is watched. */
static long notify(int fd, u64 events)
{
	struct file *file = sys_get_file(fd);
	long ret = 0;

	if (!file)
		return -EBADF;
	if (events)
		ret = mode_is_dir(file->inode->mode) ? -EINVAL : -ENOTDIR;
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
		if (arg >= fd_limit())
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
	case F_SETOWN_:
	case F_GETOWN_:
	case F_SETOWN_EX_:
	case F_GETOWN_EX_:
		return sys_fcntl_owner(fd, (u32)f->rsi, arg);
	case F_SETPIPE_SZ_:
	case F_GETPIPE_SZ_:
		return pipe_size(fd, (u32)f->rsi == F_SETPIPE_SZ_, arg);
	case F_NOTIFY_:
		return notify(fd, arg);
	default:
		return sys_fcntl_lock(fd, (u32)f->rsi, UADDR(arg));
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
