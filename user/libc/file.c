/* SPDX-License-Identifier: MIT */
/* System calls on open files, each a thin stub; newlib's stdio stands on these. */
#include "syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEEDS_MODE(flags) ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = NEEDS_MODE(flags) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return (int)CANCEL3(open, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = NEEDS_MODE(flags) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return (int)CANCEL4(openat, dir, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int close(int fd)
{
	return (int)CANCEL1(close, fd);
}

/* What newlib's posix_spawn() calls. */
int _open(const char *path, int flags, mode_t mode);
int _close(int fd);
int _fcntl(int fd, int cmd, long arg);

int _open(const char *path, int flags, mode_t mode)
{
	return open(path, flags, mode);
}

int _close(int fd)
{
	return close(fd);
}

int _fcntl(int fd, int cmd, long arg)
{
	return fcntl(fd, cmd, arg);
}

int close_range(unsigned int first, unsigned int last, int flags)
{
	return (int)SYSCALL3(close_range, first, last, flags);
}

ssize_t read(int fd, void *buf, size_t len)
{
	return CANCEL3(read, fd, buf, len);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	return CANCEL3(write, fd, buf, len);
}

ssize_t pread(int fd, void *buf, size_t len, off_t offset)
{
	return CANCEL4(pread64, fd, buf, len, offset);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	return CANCEL4(pwrite64, fd, buf, len, offset);
}

ssize_t readv(int fd, const struct iovec *iov, int count)
{
	return CANCEL3(readv, fd, iov, count);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	return CANCEL3(writev, fd, iov, count);
}

/* The offset of the vector calls has an upper half, of no use on a 64-bit machine. */
ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	return CANCEL5(preadv, fd, iov, count, offset, 0);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	return CANCEL5(pwritev, fd, iov, count, offset, 0);
}

ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	return CANCEL6(preadv2, fd, iov, count, offset, 0, flags);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	return CANCEL6(pwritev2, fd, iov, count, offset, 0, flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t count)
{
	return SYSCALL4(sendfile, out, in, offset, count);
}

ssize_t copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t len, unsigned int flags)
{
	return SYSCALL6(copy_file_range, in, in_offset, out, out_offset, len, flags);
}

off_t lseek(int fd, off_t offset, int whence)
{
	return SYSCALL3(lseek, fd, offset, whence);
}

int ftruncate(int fd, off_t len)
{
	return (int)SYSCALL2(ftruncate, fd, len);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	return (int)SYSCALL4(fallocate, fd, mode, offset, len);
}

/* These two return the error. */
int posix_fallocate(int fd, off_t offset, off_t len)
{
	if (offset < 0 || len <= 0)
		return EINVAL;
	return (int)-raw_syscall(SYS_fallocate, fd, 0, offset, len, 0, 0);
}

int posix_fadvise(int fd, off_t offset, off_t len, int advice)
{
	return (int)-raw_syscall(SYS_fadvise64, fd, offset, len, advice, 0, 0);
}

ssize_t readahead(int fd, off_t offset, size_t len)
{
	return SYSCALL3(readahead, fd, offset, len);
}

int sync_file_range(int fd, off_t offset, off_t len, unsigned flags)
{
	return (int)SYSCALL4(sync_file_range, fd, offset, len, flags);
}

int fsync(int fd)
{
	return (int)CANCEL1(fsync, fd);
}

int fdatasync(int fd)
{
	return (int)CANCEL1(fdatasync, fd);
}

int syncfs(int fd)
{
	return (int)SYSCALL1(syncfs, fd);
}

void sync(void)
{
	SYSCALL0(sync);
}

int dup(int fd)
{
	return (int)SYSCALL1(dup, fd);
}

int dup2(int from, int to)
{
	return (int)SYSCALL2(dup2, from, to);
}

int dup3(int from, int to, int flags)
{
	return (int)SYSCALL3(dup3, from, to, flags);
}

int pipe2(int fds[2], int flags)
{
	return (int)SYSCALL2(pipe2, fds, flags);
}

int pipe(int fds[2])
{
	return pipe2(fds, 0);
}

int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return (int)(cmd == F_SETLKW || cmd == F_OFD_SETLKW ? CANCEL3(fcntl, fd, cmd, arg)
							    : SYSCALL3(fcntl, fd, cmd, arg));
}

int flock(int fd, int operation)
{
	return (int)SYSCALL2(flock, fd, operation);
}

int lockf(int fd, int cmd, off_t len)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = len};

	switch (cmd) {
	case F_ULOCK:
		lock.l_type = F_UNLCK;
		return fcntl(fd, F_SETLK, &lock);
	case F_LOCK:
		return fcntl(fd, F_SETLKW, &lock);
	case F_TLOCK:
		return fcntl(fd, F_SETLK, &lock);
	case F_TEST:
		if (fcntl(fd, F_GETLK, &lock) < 0)
			return -1;
		if (lock.l_type == F_UNLCK || lock.l_pid == getpid())
			return 0;
		errno = EACCES;
		return -1;
	default:
		errno = EINVAL;
		return -1;
	}
}
