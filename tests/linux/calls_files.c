/* SPDX-License-Identifier: MIT */
/* Calls that open files, and on their attributes, each with its errors: calls.h. Names: calls_names.c. */
#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static int file, path_fd, dir, gone;
static char buf[512];
static char far[2100]; /* more than a path, with the text of the link in it */

static void prepare(void)
{
	file = make_tree(&dir, &gone);
	mkfifo("fifo", 0600);
	path_fd = open("file", O_PATH);
	for (unsigned i = 0; i < sizeof(far) - 10; i += 2)
		memcpy(far + i, "./", 2);
	memcpy(far + sizeof(far) - 10, "dir", 4);
	symlink(far, "far");
	memcpy(far, "far/", 4);
	memcpy(far + sizeof(far) - 10, "inside", 7);
}

/* What a descriptor has, by its name in /proc. */
static void by_descriptor(void)
{
	char link[32];
	int pair[2], nameless = make_file("nameless", 10);

	unlink("nameless");
	sprintf(link, "/proc/self/fd/%d", nameless);
	close((int)T(open, OK, "a file without a name, by descriptor", link, O_RDWR));
	close((int)T(
		open, OK, "a file without a name, by descriptor, O_CREAT", link, O_RDWR | O_CREAT, 0644));
	close((int)T(creat, OK, "a file without a name, by descriptor", link, 0644));
	T(open, EEXIST, "a file without a name, by descriptor, O_EXCL", link, O_RDWR | O_CREAT | O_EXCL,
		0644);
	T(open, ELOOP, "by descriptor, O_NOFOLLOW", link, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
	T(stat, OK, "a file without a name, by descriptor", link, buf);
	T(truncate, OK, "a file without a name, by descriptor", link, 5);
	T(linkat, ENOENT, "a file without a name, by descriptor", AT_FDCWD, link, AT_FDCWD, "again",
		AT_SYMLINK_FOLLOW);
	T(access, ENOENT, "its name has not come back", "nameless", F_OK);
	close(nameless);
	if (pipe(pair))
		return;
	sprintf(link, "/proc/self/fd/%d", pair[1]);
	close((int)T(open, OK, "a pipe, by descriptor", link, O_WRONLY));
	close((int)T(creat, OK, "a pipe, by descriptor", link, 0644));
	close(pair[0]);
	close(pair[1]);
}

static void opening(void)
{
	close((int)T(open, OK, "for reading", "file", O_RDONLY));
	close((int)T(open, OK, "long path behind a long link, O_CREAT", far, O_RDWR | O_CREAT, 0644));
	int neither = (int)T(open, OK, "what is none of the three", "file", O_WRONLY | O_RDWR);
	T(read, EBADF, "open for neither", neither, buf, 10);
	T(write, EBADF, "open for neither", neither, buf, 10);
	T(ftruncate, EINVAL, "open for neither", neither, 0);
	close(neither);
	T(open, EISDIR, "directory for none of the three", "dir", O_WRONLY | O_RDWR);
	T(open, ENOENT, "missing", "none", O_RDONLY);
	T(open, ENOENT, "empty path", "", O_RDONLY);
	T(open, ENOENT, "new where nothing can be made", "/proc/x", O_WRONLY | O_CREAT, 0644);
	T(open, EFAULT, "bad path", BAD, O_RDONLY);
	T(open, EEXIST, "O_EXCL", "file", O_CREAT | O_EXCL, 0644);
	T(open, EEXIST, "O_EXCL, dangling link", "dangling", O_CREAT | O_EXCL, 0644);
	T(open, EEXIST, "O_EXCL, dot", "dir/.", O_RDWR | O_CREAT | O_EXCL, 0644);
	T(open, EISDIR, "O_EXCL, directory with a slash", "dir/", O_RDWR | O_CREAT | O_EXCL, 0644);
	T(open, EISDIR, "directory for writing", "dir", O_RDWR);
	T(open, EISDIR, "directory, O_CREAT", "dir", O_RDONLY | O_CREAT, 0644);
	T(open, EISDIR, "directory, O_TRUNC", "dir", O_RDONLY | O_TRUNC);
	T(open, EISDIR, "new, with a slash", "new/", O_WRONLY | O_CREAT, 0644);
	T(open, ENOENT, "through a dangling link", "dangling/x", O_RDONLY);
	T(open, ELOOP, "O_NOFOLLOW of a link, O_CREAT", "link", O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
	T(open, ENOTDIR, "through a file", "file/x", O_RDONLY);
	T(open, ENOTDIR, "O_DIRECTORY of a file", "file", O_DIRECTORY);
	T(open, ELOOP, "loop", "loop", O_RDONLY);
	T(open, ELOOP, "O_NOFOLLOW of a link", "link", O_NOFOLLOW);
	T(open, ENAMETOOLONG, "long name", long_name(), O_RDONLY);
	T(open, ENAMETOOLONG, "long path", long_path(), O_RDONLY);
	T(open, ENXIO, "fifo for writing, nobody reads", "fifo", O_WRONLY | O_NONBLOCK);
	T(open, EINVAL, "directory and create", "dir2", O_DIRECTORY | O_CREAT, 0755);
	T(open, EINVAL, "fifo for what is none of the three", "fifo", O_WRONLY | O_RDWR | O_NONBLOCK);
	T(open, EINVAL, "O_TMPFILE for reading", ".", O_TMPFILE | O_RDONLY, 0644);
	T(open, EINVAL, "O_TMPFILE without O_DIRECTORY", ".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0644);
	T(open, EOPNOTSUPP, "O_TMPFILE where there is none", "/proc", O_TMPFILE | O_RDWR, 0644);
	T(open, ENOENT, "O_TMPFILE in nothing", "none", O_TMPFILE | O_RDWR, 0644);
	T(open, ENOTDIR, "O_TMPFILE in a file", "file", O_TMPFILE | O_RDWR, 0644);
	close((int)T(openat, OK, "below a directory", dir, "inside", O_RDONLY));
	T(openat, EBADF, "no directory", NO_FD, "x", O_RDONLY);
	T(openat, ENOTDIR, "below a file", file, "x", O_RDONLY);
	T(openat, EFAULT, "bad path", dir, BAD, O_RDONLY);
	T(openat, ENOENT, "missing", dir, "none", O_RDONLY);
	T(openat, ENOENT, "new in a directory that is gone", gone, "new", O_WRONLY | O_CREAT, 0644);
	close((int)T(openat, OK, "an absolute path needs no directory", NO_FD, "/proc", O_RDONLY));
	T(openat, EEXIST, "O_EXCL", dir, "inside", O_CREAT | O_EXCL, 0644);
	T(openat, EINVAL, "O_TMPFILE for reading", dir, ".", O_TMPFILE | O_RDONLY, 0644);
	T(openat, EISDIR, "directory for writing", dir, "sub", O_WRONLY);
	T(openat, ELOOP, "loop", AT_FDCWD, "loop", O_RDONLY);
	T(openat, ENAMETOOLONG, "long name", dir, long_name(), O_RDONLY);
	T(openat, ENXIO, "fifo for writing, nobody reads", AT_FDCWD, "fifo", O_WRONLY | O_NONBLOCK);
	T(openat, EOPNOTSUPP, "O_TMPFILE where there is none", AT_FDCWD, "/proc", O_TMPFILE | O_RDWR, 0644);
	T(openat, ETXTBSY, "a running program, for writing", AT_FDCWD, "/proc/self/exe", O_RDWR);
	close((int)T(creat, OK, "new", "created", 0644));
	T(creat, EISDIR, "directory", "dir", 0644);
	T(creat, EFAULT, "bad path", BAD, 0644);
	T(creat, ENOENT, "no such directory", "none/x", 0644);
	T(creat, ELOOP, "loop", "loop", 0644);
	T(creat, ENAMETOOLONG, "long name", long_name(), 0644);
	T(creat, ENOTDIR, "through a file", "file/x", 0644);
	T(creat, ETXTBSY, "a running program", "/proc/self/exe", 0644);
	T(close, OK, "a descriptor", dup(file));
	T(close, EBADF, "no descriptor", NO_FD);
	T(close_range, OK, "nothing open there", 500, 600, 0);
	T(close_range, EINVAL, "wrong way round", 600, 500, 0);
	T(close_range, EINVAL, "flags", 500, 600, 0x100);
	close((int)T(memfd_create, OK, "a file", "name", 0));
	T(memfd_create, EFAULT, "bad name", BAD, 0);
	T(memfd_create, EINVAL, "flags", "name", 0x8000);
	T(memfd_create, EINVAL, "long name", long_name() + 6, 0);
	close((int)T(memfd_create, OK, "longest name", long_name() + 7, 0));
}

static void nothing(int sig)
{
	(void)sig;
}

/* The timer goes off again and again, so that none of its signals has to come after the call has begun. */
static void interrupted(void)
{
	const struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_handler = nothing};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	T(openat, EINTR, "fifo that nobody writes", AT_FDCWD, "fifo", O_RDONLY);
	T(creat, EINTR, "fifo that nobody reads", "fifo", 0644);
	setitimer(ITIMER_REAL, &never, NULL);
}

static void stats(void)
{
	T(stat, OK, "file", "file", buf);
	T(stat, OK, "long path behind a long link", far, buf);
	T(stat, ENOENT, "missing", "none", buf);
	T(stat, ENOENT, "dangling link", "dangling", buf);
	T(stat, EFAULT, "bad path", BAD, buf);
	T(stat, EFAULT, "bad result", "file", BAD);
	T(stat, ENOTDIR, "through a file", "file/x", buf);
	T(stat, ELOOP, "loop", "loop", buf);
	T(stat, ENAMETOOLONG, "long name", long_name(), buf);
	T(lstat, OK, "dangling link", "dangling", buf);
	T(lstat, ENOENT, "missing", "none", buf);
	T(lstat, EFAULT, "bad result", "file", BAD);
	T(lstat, ENOTDIR, "through a file", "file/x", buf);
	T(lstat, ELOOP, "loop", "loop/x", buf);
	T(lstat, ENAMETOOLONG, "long name", long_name(), buf);
	T(fstat, OK, "file", file, buf);
	T(fstat, OK, "O_PATH", path_fd, buf);
	T(fstat, EBADF, "no descriptor", NO_FD, buf);
	T(fstat, EFAULT, "bad result", file, BAD);
	T(newfstatat, OK, "below a directory", dir, "inside", buf, 0);
	T(newfstatat, EBADF, "no directory", NO_FD, "x", buf, 0);
	T(newfstatat, EINVAL, "flags", dir, "inside", buf, 0x10);
	T(newfstatat, ENOTDIR, "below a file", file, "x", buf, 0);
	T(newfstatat, EFAULT, "bad path", dir, BAD, buf, 0);
	T(newfstatat, ENOENT, "missing", dir, "none", buf, 0);
	T(newfstatat, ELOOP, "loop", AT_FDCWD, "loop", buf, 0);
	T(newfstatat, ENAMETOOLONG, "long name", dir, long_name(), buf, 0);
	T(statx, OK, "file", AT_FDCWD, "file", 0, 0x7ff, buf);
	T(statx, EINVAL, "reserved mask", AT_FDCWD, "file", 0, 0x80000000u, buf);
	T(statx, EINVAL, "flags", AT_FDCWD, "file", 0x10, 0x7ff, buf);
	T(statx, EINVAL, "both ways to synchronise", AT_FDCWD, "file", 0x6000, 0x7ff, buf);
	T(statx, EBADF, "no descriptor", NO_FD, "", AT_EMPTY_PATH, 0x7ff, buf);
	T(statx, ENOENT, "empty path", file, "", 0, 0x7ff, buf);
	T(statx, EFAULT, "bad result", AT_FDCWD, "file", 0, 0x7ff, BAD);
	T(statx, EBADF, "no directory", NO_FD, "x", 0, 0x7ff, buf);
	T(statx, ENOENT, "missing", AT_FDCWD, "none", 0, 0x7ff, buf);
	T(statx, ENOTDIR, "below a file", file, "x", 0, 0x7ff, buf);
	T(statx, ELOOP, "loop", AT_FDCWD, "loop", 0, 0x7ff, buf);
	T(statx, ENAMETOOLONG, "long name", dir, long_name(), 0, 0x7ff, buf);
	T(statfs, OK, "here", ".", buf);
	T(statfs, EFAULT, "bad result", ".", BAD);
	T(statfs, EFAULT, "bad path", BAD, buf);
	T(statfs, ENOENT, "missing", "none", buf);
	T(statfs, ENOTDIR, "through a file", "file/x", buf);
	T(statfs, ELOOP, "loop", "loop", buf);
	T(statfs, ENAMETOOLONG, "long name", long_name(), buf);
	T(fstatfs, OK, "file", file, buf);
	T(fstatfs, EBADF, "no descriptor", NO_FD, buf);
	T(fstatfs, EFAULT, "bad result", file, BAD);
	T(access, OK, "file", "file", R_OK);
	T(access, EACCES, "no program", "file", X_OK);
	T(access, EINVAL, "mode", "file", 8);
	T(access, ENOENT, "missing", "none", F_OK);
	T(access, ENOENT, "dangling link", "dangling", F_OK);
	T(access, EFAULT, "bad path", BAD, F_OK);
	T(access, ENOTDIR, "through a file", "file/x", F_OK);
	T(access, ELOOP, "loop", "loop", F_OK);
	T(access, ENAMETOOLONG, "long name", long_name(), F_OK);
	T(faccessat, OK, "below a directory", dir, "inside", F_OK);
	T(faccessat, EBADF, "no directory", NO_FD, "x", F_OK);
	T(faccessat, ENOTDIR, "below a file", file, "x", F_OK);
	T(faccessat, EINVAL, "mode", dir, "inside", 8);
	T(faccessat, EACCES, "no program", dir, "inside", X_OK);
	T(faccessat, EFAULT, "bad path", dir, BAD, F_OK);
	T(faccessat, ELOOP, "loop", AT_FDCWD, "loop", F_OK);
	T(faccessat, ENAMETOOLONG, "long name", dir, long_name(), F_OK);
	T(faccessat, ENOENT, "missing", dir, "none", F_OK);
	T(faccessat2, OK, "link itself", AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW);
	T(faccessat2, EINVAL, "flags", AT_FDCWD, "file", F_OK, 1);
	T(faccessat2, EBADF, "no directory", NO_FD, "x", F_OK, 0);
	T(faccessat2, ENOENT, "missing", AT_FDCWD, "none", F_OK, 0);
	T(faccessat2, EACCES, "no program", path_fd, "", X_OK, AT_EMPTY_PATH);
	T(faccessat2, EFAULT, "bad path", dir, BAD, F_OK, 0);
	T(faccessat2, ELOOP, "loop", AT_FDCWD, "loop", F_OK, 0);
	T(faccessat2, ENAMETOOLONG, "long name", dir, long_name(), F_OK, 0);
	T(faccessat2, ENOTDIR, "below a file", file, "x", F_OK, 0);
}

static void changing(void)
{
	static const long times[4], bad_times[4] = {0, 1000000000, 0, 0};

	T(chmod, OK, "file", "file", 0644);
	T(chmod, ENOENT, "missing", "none", 0644);
	T(chmod, EFAULT, "bad path", BAD, 0644);
	T(chmod, ENOTDIR, "through a file", "file/x", 0644);
	T(chmod, ELOOP, "loop", "loop", 0644);
	T(chmod, ENAMETOOLONG, "long name", long_name(), 0644);
	T(fchmod, OK, "file", file, 0644);
	T(fchmod, EBADF, "no descriptor", NO_FD, 0644);
	T(fchmod, EBADF, "O_PATH", path_fd, 0644);
	T(fchmodat, OK, "below a directory", dir, "inside", 0644);
	T(fchmodat, EBADF, "no directory", NO_FD, "x", 0644);
	T(fchmodat, ENOTDIR, "below a file", file, "x", 0644);
	T(fchmodat, ENOENT, "missing", dir, "none", 0644);
	T(fchmodat, EFAULT, "bad path", dir, BAD, 0644);
	T(fchmodat, ELOOP, "loop", AT_FDCWD, "loop", 0644);
	T(fchmodat, ENAMETOOLONG, "long name", dir, long_name(), 0644);
	T(fchmodat2, OK, "by descriptor", path_fd, "", 0644, AT_EMPTY_PATH);
	T(fchmodat2, EINVAL, "flags", AT_FDCWD, "file", 0644, 1);
	T(fchmodat2, EBADF, "no directory", NO_FD, "x", 0644, 0);
	T(fchmodat2, EOPNOTSUPP, "a link's own", AT_FDCWD, "link", 0644, AT_SYMLINK_NOFOLLOW);
	T(fchmodat2, EFAULT, "bad path", dir, BAD, 0644, 0);
	T(fchmodat2, ELOOP, "loop", AT_FDCWD, "loop", 0644, 0);
	T(fchmodat2, ENAMETOOLONG, "long name", dir, long_name(), 0644, 0);
	T(fchmodat2, ENOENT, "missing", dir, "none", 0644, 0);
	T(fchmodat2, ENOTDIR, "below a file", file, "x", 0644, 0);
	T(chown, OK, "file", "file", 0, 0);
	T(chown, ENOENT, "missing", "none", 0, 0);
	T(chown, EFAULT, "bad path", BAD, 0, 0);
	T(chown, ELOOP, "loop", "loop", 0, 0);
	T(chown, ENAMETOOLONG, "long name", long_name(), 0, 0);
	T(chown, ENOTDIR, "through a file", "file/x", 0, 0);
	T(lchown, OK, "dangling link", "dangling", 0, 0);
	T(lchown, ENOENT, "missing", "none", 0, 0);
	T(lchown, ENOTDIR, "through a file", "file/x", 0, 0);
	T(lchown, EFAULT, "bad path", BAD, 0, 0);
	T(lchown, ELOOP, "loop", "loop/x", 0, 0);
	T(lchown, ENAMETOOLONG, "long name", long_name(), 0, 0);
	T(fchown, OK, "file", file, 0, 0);
	T(fchown, EBADF, "no descriptor", NO_FD, 0, 0);
	T(fchown, EBADF, "O_PATH", path_fd, 0, 0);
	T(fchownat, OK, "below a directory", dir, "inside", 0, 0, 0);
	T(fchownat, EBADF, "no directory", NO_FD, "x", 0, 0, 0);
	T(fchownat, EINVAL, "flags", dir, "inside", 0, 0, 1);
	T(fchownat, ENOTDIR, "below a file", file, "x", 0, 0, 0);
	T(fchownat, EFAULT, "bad path", dir, BAD, 0, 0, 0);
	T(fchownat, ELOOP, "loop", AT_FDCWD, "loop", 0, 0, 0);
	T(fchownat, ENAMETOOLONG, "long name", dir, long_name(), 0, 0, 0);
	T(fchownat, ENOENT, "missing", dir, "none", 0, 0, 0);
	T(utime, OK, "file", "file", times);
	T(utime, EFAULT, "bad times", "file", BAD);
	T(utime, EFAULT, "bad path", BAD, 0);
	T(utime, ENOENT, "missing", "none", 0);
	T(utimes, OK, "now", "file", 0);
	T(utimes, EFAULT, "bad times", "file", BAD);
	T(utimes, EINVAL, "microseconds", "file", bad_times);
	T(utimes, ENOENT, "missing", "none", 0);
	T(futimesat, OK, "below a directory", dir, "inside", 0);
	T(futimesat, EBADF, "no directory", NO_FD, "x", 0);
	T(futimesat, EINVAL, "microseconds", dir, "inside", bad_times);
	T(futimesat, ENOTDIR, "below a file", file, "x", 0);
	T(futimesat, ENOENT, "missing", dir, "none", 0);
	T(utimensat, OK, "by descriptor", file, 0, times, 0);
	T(utimensat, EINVAL, "nanoseconds", AT_FDCWD, "file", bad_times, 0);
	T(utimensat, EINVAL, "flags", AT_FDCWD, "file", 0, 1);
	T(utimensat, EINVAL, "descriptor and AT_SYMLINK_NOFOLLOW", file, 0, 0, AT_SYMLINK_NOFOLLOW);
	T(utimensat, EFAULT, "no path", AT_FDCWD, 0, 0, 0);
	T(utimensat, ENOENT, "empty path", AT_FDCWD, "", 0, 0);
	T(utimensat, EBADF, "no descriptor", NO_FD, 0, 0, 0);
	T(utimensat, EFAULT, "bad times", AT_FDCWD, "file", BAD, 0);
	T(utimensat, ENOENT, "missing", AT_FDCWD, "none", 0, 0);
	T(utimensat, ELOOP, "loop", AT_FDCWD, "loop", 0, 0);
	T(utimensat, ENAMETOOLONG, "long name", dir, long_name(), 0, 0);
	T(utimensat, ENOTDIR, "below a file", file, "x", 0, 0);
	T(truncate, OK, "file", "file", 6000);
	T(truncate, EINVAL, "negative", "file", -1);
	T(truncate, EISDIR, "directory", "dir", 0);
	T(truncate, ENOENT, "missing", "none", 0);
	T(truncate, EFAULT, "bad path", BAD, 0);
	T(truncate, ENOTDIR, "through a file", "file/x", 0);
	T(truncate, EINVAL, "fifo", "fifo", 0);
	T(truncate, ELOOP, "loop", "loop", 0);
	T(truncate, ENAMETOOLONG, "long name", long_name(), 0);
	T(truncate, EFBIG, "too large", "file", 1l << 62);
	T(umask, OK, "as it was", 022);
}

static void attributes(void)
{
	static char name[300], value[65537];
	int fifo = open("fifo", O_RDWR);

	memset(name, 'x', sizeof(name) - 1);
	memcpy(name, "user.", 5);
	T(setxattr, OK, "new", "file", "user.a", "1", 1, 0);
	T(setxattr, EEXIST, "made again", "file", "user.a", "1", 1, 1);
	T(setxattr, ENODATA, "replaced, missing", "file", "user.none", "1", 1, 2);
	T(setxattr, EINVAL, "flags", "file", "user.a", "1", 1, 4);
	T(setxattr, ERANGE, "no name", "file", "", "1", 1, 0);
	T(setxattr, ERANGE, "long name", "file", name, "1", 1, 0);
	T(setxattr, E2BIG, "large value", "file", "user.a", value, sizeof(value), 0);
	T(setxattr, EOPNOTSUPP, "no such class", "file", "nobody.a", "1", 1, 0);
	T(setxattr, EFAULT, "bad name", "file", BAD, "1", 1, 0);
	T(setxattr, EFAULT, "bad value", "file", "user.a", BAD, 1, 0);
	T(setxattr, ENOENT, "missing", "none", "user.a", "1", 1, 0);
	T(setxattr, EPERM, "fifo", "fifo", "user.a", "1", 1, 0);
	T(setxattr, ELOOP, "loop", "loop", "user.a", "1", 1, 0);
	T(setxattr, ENAMETOOLONG, "long name", long_name(), "user.a", "1", 1, 0);
	T(setxattr, ENOTDIR, "through a file", "file/x", "user.a", "1", 1, 0);
	T(lsetxattr, OK, "file", "file", "user.b", "22", 2, 0);
	T(lsetxattr, EPERM, "link", "dangling", "user.b", "22", 2, 0);
	T(lsetxattr, ENOENT, "missing", "none", "user.b", "22", 2, 0);
	T(lsetxattr, EEXIST, "made again", "file", "user.b", "22", 2, 1);
	T(lsetxattr, ENODATA, "replaced, missing", "file", "user.none", "22", 2, 2);
	T(lsetxattr, ERANGE, "no name", "file", "", "22", 2, 0);
	T(lsetxattr, EOPNOTSUPP, "no such class", "dangling", "nobody.b", "22", 2, 0);
	T(lsetxattr, EFAULT, "bad path", BAD, "user.b", "22", 2, 0);
	T(lsetxattr, ELOOP, "loop", "loop/x", "user.b", "22", 2, 0);
	T(lsetxattr, ENAMETOOLONG, "long name", long_name(), "user.b", "22", 2, 0);
	T(lsetxattr, ENOTDIR, "through a file", "file/x", "user.b", "22", 2, 0);
	T(fsetxattr, OK, "file", file, "user.c", "333", 3, 0);
	T(fsetxattr, EBADF, "no descriptor", NO_FD, "user.c", "333", 3, 0);
	T(fsetxattr, EBADF, "O_PATH", path_fd, "user.c", "333", 3, 0);
	T(fsetxattr, EEXIST, "made again", file, "user.c", "333", 3, 1);
	T(fsetxattr, ENODATA, "replaced, missing", file, "user.none", "333", 3, 2);
	T(fsetxattr, ERANGE, "long name", file, name, "333", 3, 0);
	T(fsetxattr, EOPNOTSUPP, "no such class", file, "nobody.c", "333", 3, 0);
	T(fsetxattr, EPERM, "fifo", fifo, "user.c", "333", 3, 0);
	T(fsetxattr, EFAULT, "bad value", file, "user.c", BAD, 3, 0);
	T(getxattr, OK, "value", "file", "user.a", buf, 10);
	T(getxattr, OK, "its size", "file", "user.b", NULL, 0);
	T(getxattr, ENODATA, "no such name", "file", "user.none", buf, 10);
	T(getxattr, ERANGE, "too little room", "file", "user.c", buf, 1);
	T(getxattr, EFAULT, "bad result", "file", "user.c", BAD, 10);
	T(getxattr, ENOENT, "missing", "none", "user.c", buf, 10);
	T(getxattr, EOPNOTSUPP, "no such class", "file", "nobody.a", buf, 10);
	T(getxattr, ELOOP, "loop", "loop", "user.a", buf, 10);
	T(getxattr, ENAMETOOLONG, "long name", long_name(), "user.a", buf, 10);
	T(getxattr, ENOTDIR, "through a file", "file/x", "user.a", buf, 10);
	T(lgetxattr, OK, "value", "file", "user.a", buf, 10);
	T(lgetxattr, ENOENT, "missing", "none", "user.a", buf, 10);
	T(lgetxattr, ENODATA, "link", "dangling", "user.a", buf, 10);
	T(lgetxattr, EOPNOTSUPP, "no such class", "dangling", "nobody.a", buf, 10);
	T(lgetxattr, ERANGE, "too little room", "file", "user.c", buf, 1);
	T(lgetxattr, EFAULT, "bad name", "file", BAD, buf, 10);
	T(lgetxattr, ELOOP, "loop", "loop/x", "user.a", buf, 10);
	T(lgetxattr, ENAMETOOLONG, "long name", long_name(), "user.a", buf, 10);
	T(lgetxattr, ENOTDIR, "through a file", "file/x", "user.a", buf, 10);
	T(fgetxattr, OK, "value", file, "user.a", buf, 10);
	T(fgetxattr, EBADF, "no descriptor", NO_FD, "user.a", buf, 10);
	T(fgetxattr, ENODATA, "no such name", file, "user.none", buf, 10);
	T(fgetxattr, EOPNOTSUPP, "no such class", file, "nobody.a", buf, 10);
	T(fgetxattr, ERANGE, "too little room", file, "user.c", buf, 1);
	T(fgetxattr, EFAULT, "bad result", file, "user.c", BAD, 10);
	T(listxattr, OK, "names", "file", buf, 100);
	T(listxattr, ERANGE, "too little room", "file", buf, 1);
	T(listxattr, EFAULT, "bad result", "file", BAD, 100);
	T(listxattr, ENOENT, "missing", "none", buf, 100);
	T(listxattr, ELOOP, "loop", "loop", buf, 100);
	T(listxattr, ENAMETOOLONG, "long name", long_name(), buf, 100);
	T(listxattr, ENOTDIR, "through a file", "file/x", buf, 100);
	T(llistxattr, OK, "names", "file", buf, 100);
	T(llistxattr, ENOENT, "missing", "none", buf, 100);
	T(llistxattr, ERANGE, "too little room", "file", buf, 1);
	T(llistxattr, EFAULT, "bad path", BAD, buf, 100);
	T(llistxattr, ELOOP, "loop", "loop/x", buf, 100);
	T(llistxattr, ENAMETOOLONG, "long name", long_name(), buf, 100);
	T(llistxattr, ENOTDIR, "through a file", "file/x", buf, 100);
	T(flistxattr, OK, "names", file, buf, 100);
	T(flistxattr, EBADF, "no descriptor", NO_FD, buf, 100);
	T(flistxattr, ERANGE, "too little room", file, buf, 1);
	T(flistxattr, EFAULT, "bad result", file, BAD, 100);
	T(removexattr, OK, "first", "file", "user.a");
	T(removexattr, ENODATA, "again", "file", "user.a");
	T(removexattr, ENOENT, "missing", "none", "user.a");
	T(removexattr, EFAULT, "bad name", "file", BAD);
	T(removexattr, EOPNOTSUPP, "no such class", "file", "nobody.a");
	T(removexattr, ELOOP, "loop", "loop", "user.a");
	T(removexattr, ENAMETOOLONG, "long name", long_name(), "user.a");
	T(removexattr, ENOTDIR, "through a file", "file/x", "user.a");
	T(lremovexattr, OK, "second", "file", "user.b");
	T(lremovexattr, ENODATA, "again", "file", "user.b");
	T(lremovexattr, EOPNOTSUPP, "no such class", "dangling", "nobody.b");
	T(lremovexattr, EFAULT, "bad name", "file", BAD);
	T(lremovexattr, ELOOP, "loop", "loop/x", "user.a");
	T(lremovexattr, ENAMETOOLONG, "long name", long_name(), "user.a");
	T(lremovexattr, ENOENT, "missing", "none", "user.a");
	T(lremovexattr, ENOTDIR, "through a file", "file/x", "user.a");
	T(fremovexattr, OK, "third", file, "user.c");
	T(fremovexattr, ENODATA, "again", file, "user.c");
	T(fremovexattr, EOPNOTSUPP, "no such class", file, "nobody.c");
	T(fremovexattr, EFAULT, "bad name", file, BAD);
	T(fremovexattr, EBADF, "no descriptor", NO_FD, "user.c");
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	prepare();
	interrupted();
	opening();
	by_descriptor();
	stats();
	changing();
	attributes();
	return 0;
}
