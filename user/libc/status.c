/* SPDX-License-Identifier: MIT */
/* What is known of files and file systems: status, rights, owners, times. */
#include "syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

int stat(const char *path, struct stat *st)
{
	return (int)SYSCALL2(stat, path, st);
}

int lstat(const char *path, struct stat *st)
{
	return (int)SYSCALL2(lstat, path, st);
}

int fstat(int fd, struct stat *st)
{
	return (int)SYSCALL2(fstat, fd, st);
}

int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	return (int)SYSCALL4(newfstatat, dir, path, st, flags);
}

mode_t umask(mode_t mask)
{
	return (mode_t)SYSCALL1(umask, mask);
}

int chmod(const char *path, mode_t mode)
{
	return (int)SYSCALL2(chmod, path, mode);
}

int fchmod(int fd, mode_t mode)
{
	return (int)SYSCALL2(fchmod, fd, mode);
}

int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	return (int)(flags ? SYSCALL4(fchmodat2, dir, path, mode, flags)
			   : SYSCALL3(fchmodat, dir, path, mode));
}

int chown(const char *path, uid_t owner, gid_t group)
{
	return (int)SYSCALL3(chown, path, owner, group);
}

int lchown(const char *path, uid_t owner, gid_t group)
{
	return (int)SYSCALL3(lchown, path, owner, group);
}

int fchown(int fd, uid_t owner, gid_t group)
{
	return (int)SYSCALL3(fchown, fd, owner, group);
}

int fchownat(int dir, const char *path, uid_t owner, gid_t group, int flags)
{
	return (int)SYSCALL5(fchownat, dir, path, owner, group, flags);
}

/* ---- times ---- */

int utimensat(int dir, const char *path, const struct timespec times[2], int flags)
{
	return (int)SYSCALL4(utimensat, dir, path, times, flags);
}

int futimens(int fd, const struct timespec times[2])
{
	return (int)SYSCALL4(utimensat, fd, 0, times, 0);
}

int utimes(const char *path, const struct timeval *times)
{
	return (int)SYSCALL2(utimes, path, times);
}

int futimesat(int dir, const char *path, const struct timeval times[2])
{
	return (int)SYSCALL3(futimesat, dir, path, times);
}

int utime(const char *path, const struct utimbuf *times)
{
	return (int)SYSCALL2(utime, path, times);
}

static int set_times(int dir, const char *path, const struct timeval t[2], int flags)
{
	struct timespec ts[2];

	for (int i = 0; t && i < 2; i++) {
		if (t[i].tv_usec < 0 || t[i].tv_usec >= 1000000) {
			errno = EINVAL;
			return -1;
		}
		ts[i] = (struct timespec){.tv_sec = t[i].tv_sec, .tv_nsec = t[i].tv_usec * 1000};
	}
	return (int)SYSCALL4(utimensat, dir, path, t ? ts : NULL, flags);
}

int futimes(int fd, const struct timeval *times)
{
	return set_times(fd, NULL, times, 0);
}

int lutimes(const char *path, const struct timeval *times)
{
	return set_times(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

/* ---- file systems ---- */

int statfs(const char *path, struct statfs *buf)
{
	return (int)SYSCALL2(statfs, path, buf);
}

int fstatfs(int fd, struct statfs *buf)
{
	return (int)SYSCALL2(fstatfs, fd, buf);
}

static int to_statvfs(int ret, const struct statfs *fs, struct statvfs *buf)
{
	if (ret == 0)
		*buf = (struct statvfs){
			.f_bsize = (unsigned long)fs->f_bsize,
			.f_frsize = (unsigned long)(fs->f_frsize ? fs->f_frsize : fs->f_bsize),
			.f_blocks = fs->f_blocks,
			.f_bfree = fs->f_bfree,
			.f_bavail = fs->f_bavail,
			.f_files = fs->f_files,
			.f_ffree = fs->f_ffree,
			.f_favail = fs->f_ffree,
			.f_fsid =
				(unsigned int)fs->f_fsid.__val[0] | (unsigned long)fs->f_fsid.__val[1] << 32,
			.f_flag = (unsigned long)fs->f_flags & (ST_RDONLY | ST_NOSUID),
			.f_namemax = (unsigned long)fs->f_namelen,
		};
	return ret;
}

int statvfs(const char *path, struct statvfs *buf)
{
	struct statfs fs;

	return to_statvfs(statfs(path, &fs), &fs, buf);
}

int fstatvfs(int fd, struct statvfs *buf)
{
	struct statfs fs;

	return to_statvfs(fstatfs(fd, &fs), &fs, buf);
}
