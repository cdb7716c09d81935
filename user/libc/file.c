/* SPDX-License-Identifier: MIT */
/* System calls on files and directories, each a thin stub; newlib's stdio stands on these. */
#include "syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return (int)SYSCALL3(open, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return (int)SYSCALL4(openat, dir, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int close(int fd)
{
	return (int)SYSCALL1(close, fd);
}

ssize_t read(int fd, void *buf, size_t len)
{
	return SYSCALL3(read, fd, buf, len);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	return SYSCALL3(write, fd, buf, len);
}

ssize_t pread(int fd, void *buf, size_t len, off_t offset)
{
	return SYSCALL4(pread64, fd, buf, len, offset);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	return SYSCALL4(pwrite64, fd, buf, len, offset);
}

ssize_t readv(int fd, const struct iovec *iov, int count)
{
	return SYSCALL3(readv, fd, iov, count);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	return SYSCALL3(writev, fd, iov, count);
}

off_t lseek(int fd, off_t offset, int whence)
{
	return SYSCALL3(lseek, fd, offset, whence);
}

int stat(const char *path, struct stat *st)
{
	return (int)SYSCALL2(stat, path, st);
}

int lstat(const char *path, struct stat *st)
{
	return (int)SYSCALL4(newfstatat, AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *st)
{
	return (int)SYSCALL2(fstat, fd, st);
}

int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	return (int)SYSCALL4(newfstatat, dir, path, st, flags);
}

int unlink(const char *path)
{
	return (int)SYSCALL1(unlink, path);
}

int mkdir(const char *path, mode_t mode)
{
	return (int)SYSCALL2(mkdir, path, mode);
}

int rmdir(const char *path)
{
	return (int)SYSCALL1(rmdir, path);
}

/* newlib's own rename() ends here (HAVE_RENAME). */
int _rename(const char *from, const char *to);

int _rename(const char *from, const char *to)
{
	return (int)SYSCALL2(rename, from, to);
}

int truncate(const char *path, off_t len)
{
	return (int)SYSCALL2(truncate, path, len);
}

int ftruncate(int fd, off_t len)
{
	return (int)SYSCALL2(ftruncate, fd, len);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	return (int)SYSCALL4(fallocate, fd, mode, offset, len);
}

int sync_file_range(int fd, off_t offset, off_t len, unsigned flags)
{
	return (int)SYSCALL4(sync_file_range, fd, offset, len, flags);
}

int fsync(int fd)
{
	return (int)SYSCALL1(fsync, fd);
}

void sync(void)
{
	SYSCALL0(sync);
}

int chdir(const char *path)
{
	return (int)SYSCALL1(chdir, path);
}

char *getcwd(char *buf, size_t size)
{
	if (!buf) {
		errno = EINVAL;
		return NULL;
	}
	return SYSCALL2(getcwd, buf, size) < 0 ? NULL : buf;
}

int dup(int fd)
{
	return (int)SYSCALL1(dup, fd);
}

int dup2(int from, int to)
{
	return (int)SYSCALL2(dup2, from, to);
}

int pipe2(int fds[2], int flags)
{
	return (int)SYSCALL2(pipe2, fds, flags);
}

int pipe(int fds[2])
{
	return pipe2(fds, 0);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return (int)SYSCALL3(ioctl, fd, request, arg);
}

int tcgetattr(int fd, struct termios *t)
{
	return ioctl(fd, TCGETS, t);
}

int tcsetattr(int fd, int when, const struct termios *t)
{
	return ioctl(fd, TCSETS + (unsigned long)when, t);
}

int isatty(int fd)
{
	struct termios t;

	return tcgetattr(fd, &t) == 0;
}
