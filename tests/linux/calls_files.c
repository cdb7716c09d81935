/* SPDX-License-Identifier: MIT */
/* Calls on names and attributes, each with its errors: calls.h. */
#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int file, path_fd, dir;
static char buf[512];

static void prepare(void)
{
	file = make_file("file", 5000);
	mkdir("dir", 0755);
	mkdir("dir/sub", 0755);
	close(make_file("dir/inside", 10));
	symlink("file", "link");
	symlink("loop", "loop");
	symlink("none", "dangling");
	mkfifo("fifo", 0600);
	dir = open("dir", O_RDONLY | O_DIRECTORY);
	path_fd = open("file", O_PATH);
}

static void opening(void)
{
	close((int)T(open, OK, "for reading", "file", O_RDONLY));
	T(open, ENOENT, "missing", "none", O_RDONLY);
	T(open, ENOENT, "empty path", "", O_RDONLY);
	T(open, EFAULT, "bad path", BAD, O_RDONLY);
	T(open, EEXIST, "O_EXCL", "file", O_CREAT | O_EXCL, 0644);
	T(open, EEXIST, "O_EXCL, dangling link", "dangling", O_CREAT | O_EXCL, 0644);
	T(open, EISDIR, "directory for writing", "dir", O_RDWR);
	T(open, ENOTDIR, "through a file", "file/x", O_RDONLY);
	T(open, ENOTDIR, "O_DIRECTORY of a file", "file", O_DIRECTORY);
	T(open, ELOOP, "loop", "loop", O_RDONLY);
	T(open, ELOOP, "O_NOFOLLOW of a link", "link", O_NOFOLLOW);
	T(open, ENAMETOOLONG, "long name", long_name(), O_RDONLY);
	T(open, ENAMETOOLONG, "long path", long_path(), O_RDONLY);
	T(open, ENXIO, "fifo for writing, nobody reads", "fifo", O_WRONLY | O_NONBLOCK);
	T(open, EINVAL, "directory and create", "dir2", O_DIRECTORY | O_CREAT, 0755);
	close((int)T(openat, OK, "below a directory", dir, "inside", O_RDONLY));
	T(openat, EBADF, "no directory", NO_FD, "x", O_RDONLY);
	T(openat, ENOTDIR, "below a file", file, "x", O_RDONLY);
	T(openat, EFAULT, "bad path", dir, BAD, O_RDONLY);
	T(openat, ENOENT, "missing", dir, "none", O_RDONLY);
	close((int)T(creat, OK, "new", "created", 0644));
	T(creat, EISDIR, "directory", "dir", 0644);
	T(creat, EFAULT, "bad path", BAD, 0644);
	T(creat, ENOENT, "no such directory", "none/x", 0644);
	T(close, OK, "a descriptor", dup(file));
	T(close, EBADF, "no descriptor", NO_FD);
	T(close_range, OK, "nothing open there", 500, 600, 0);
	T(close_range, EINVAL, "wrong way round", 600, 500, 0);
	T(close_range, EINVAL, "flags", 500, 600, 0x100);
	close((int)T(memfd_create, OK, "a file", "name", 0));
	T(memfd_create, EFAULT, "bad name", BAD, 0);
	T(memfd_create, EINVAL, "flags", "name", 0x8000);
	T(memfd_create, EINVAL, "long name", long_name(), 0);
}

static void stats(void)
{
	T(stat, OK, "file", "file", buf);
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
	T(statx, OK, "file", AT_FDCWD, "file", 0, 0x7ff, buf);
	T(statx, EINVAL, "reserved mask", AT_FDCWD, "file", 0, 0x80000000u, buf);
	T(statx, EINVAL, "flags", AT_FDCWD, "file", 0x10, 0x7ff, buf);
	T(statx, EFAULT, "bad result", AT_FDCWD, "file", 0, 0x7ff, BAD);
	T(statx, EBADF, "no directory", NO_FD, "x", 0, 0x7ff, buf);
	T(statx, ENOENT, "missing", AT_FDCWD, "none", 0, 0x7ff, buf);
	T(statx, ENOTDIR, "below a file", file, "x", 0, 0x7ff, buf);
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
	T(access, EFAULT, "bad path", BAD, F_OK);
	T(access, ENOTDIR, "through a file", "file/x", F_OK);
	T(access, ELOOP, "loop", "loop", F_OK);
	T(faccessat, OK, "below a directory", dir, "inside", F_OK);
	T(faccessat, EBADF, "no directory", NO_FD, "x", F_OK);
	T(faccessat, ENOTDIR, "below a file", file, "x", F_OK);
	T(faccessat, EINVAL, "mode", dir, "inside", 8);
	T(faccessat2, OK, "link itself", AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW);
	T(faccessat2, EINVAL, "flags", AT_FDCWD, "file", F_OK, 1);
	T(faccessat2, EBADF, "no directory", NO_FD, "x", F_OK, 0);
	T(faccessat2, ENOENT, "missing", AT_FDCWD, "none", F_OK, 0);
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
	T(fchmodat2, OK, "by descriptor", path_fd, "", 0644, AT_EMPTY_PATH);
	T(fchmodat2, EINVAL, "flags", AT_FDCWD, "file", 0644, 1);
	T(fchmodat2, EBADF, "no directory", NO_FD, "x", 0644, 0);
	T(fchmodat2, EOPNOTSUPP, "a link's own", AT_FDCWD, "link", 0644, AT_SYMLINK_NOFOLLOW);
	T(chown, OK, "file", "file", 0, 0);
	T(chown, ENOENT, "missing", "none", 0, 0);
	T(chown, EFAULT, "bad path", BAD, 0, 0);
	T(chown, ELOOP, "loop", "loop", 0, 0);
	T(lchown, OK, "dangling link", "dangling", 0, 0);
	T(lchown, ENOENT, "missing", "none", 0, 0);
	T(lchown, ENOTDIR, "through a file", "file/x", 0, 0);
	T(fchown, OK, "file", file, 0, 0);
	T(fchown, EBADF, "no descriptor", NO_FD, 0, 0);
	T(fchown, EBADF, "O_PATH", path_fd, 0, 0);
	T(fchownat, OK, "below a directory", dir, "inside", 0, 0, 0);
	T(fchownat, EBADF, "no directory", NO_FD, "x", 0, 0, 0);
	T(fchownat, EINVAL, "flags", dir, "inside", 0, 0, 1);
	T(fchownat, ENOTDIR, "below a file", file, "x", 0, 0, 0);
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
	T(utimensat, OK, "by descriptor", file, 0, times, 0);
	T(utimensat, EINVAL, "nanoseconds", AT_FDCWD, "file", bad_times, 0);
	T(utimensat, EINVAL, "flags", AT_FDCWD, "file", 0, 1);
	T(utimensat, EBADF, "no descriptor", NO_FD, 0, 0, 0);
	T(utimensat, EFAULT, "bad times", AT_FDCWD, "file", BAD, 0);
	T(utimensat, ENOENT, "missing", AT_FDCWD, "none", 0, 0);
	T(utimensat, ELOOP, "loop", AT_FDCWD, "loop", 0, 0);
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

static void names(void)
{
	T(mkdir, OK, "new", "made", 0755);
	T(mkdir, EEXIST, "again", "made", 0755);
	T(mkdir, EEXIST, "a dangling link", "dangling", 0755);
	T(mkdir, ENOENT, "no such directory", "none/x", 0755);
	T(mkdir, ENOENT, "empty path", "", 0755);
	T(mkdir, ENOTDIR, "through a file", "file/x", 0755);
	T(mkdir, EFAULT, "bad path", BAD, 0755);
	T(mkdir, ENAMETOOLONG, "long name", long_name(), 0755);
	T(mkdir, ELOOP, "loop", "loop/x", 0755);
	T(mkdirat, OK, "below a directory", dir, "made", 0755);
	T(mkdirat, ENOENT, "in nothing", dir, "none/x", 0755);
	T(mkdirat, EBADF, "no directory", NO_FD, "x", 0755);
	T(mkdirat, ENOTDIR, "below a file", file, "x", 0755);
	T(mkdirat, EEXIST, "again", dir, "made", 0755);
	T(rmdir, OK, "empty", "made");
	T(rmdir, ENOENT, "again", "made");
	T(rmdir, ENOTEMPTY, "not empty", "dir");
	T(rmdir, ENOTDIR, "file", "file");
	T(rmdir, EINVAL, "dot", "dir/.");
	T(rmdir, ENOTEMPTY, "dot dot", "dir/sub/..");
	T(rmdir, EFAULT, "bad path", BAD);
	T(rmdir, EBUSY, "the root", "/");
	T(rmdir, ENAMETOOLONG, "long name", long_name());
	T(rmdir, ELOOP, "loop", "loop/x");
	T(mknod, OK, "file", "node", S_IFREG | 0644, 0);
	T(mknod, OK, "character device", "null", S_IFCHR | 0644, makedev(1, 3));
	T(mknod, OK, "block device", "disk", S_IFBLK | 0644, makedev(259, 70000));
	T(open, OK, "character device", "null", O_RDWR);
	T(open, ENXIO, "device without a driver", "disk", O_RDONLY);
	T(mknod, EEXIST, "again", "node", S_IFREG | 0644, 0);
	T(mknod, EPERM, "directory", "node2", S_IFDIR | 0755, 0);
	T(mknod, EINVAL, "no type", "node2", 0170000, 0);
	T(mknod, EFAULT, "bad path", BAD, S_IFREG | 0644, 0);
	T(mknod, ENOENT, "no such directory", "none/x", S_IFREG | 0644, 0);
	T(mknod, ENOTDIR, "through a file", "file/x", S_IFREG | 0644, 0);
	T(mknodat, OK, "fifo", dir, "fifo", S_IFIFO | 0600, 0);
	T(mknodat, OK, "character device", dir, "zero", S_IFCHR | 0600, makedev(1, 5));
	T(mknodat, EBADF, "no directory", NO_FD, "x", S_IFREG | 0644, 0);
	T(mknodat, ENOTDIR, "below a file", file, "x", S_IFREG | 0644, 0);
	T(link, OK, "file", "file", "second");
	T(link, EEXIST, "again", "file", "second");
	T(link, ENOENT, "missing", "none", "third");
	T(link, EPERM, "directory", "dir", "third");
	T(link, EFAULT, "bad source", BAD, "third");
	T(link, EFAULT, "bad target", "file", BAD);
	T(link, ENOTDIR, "through a file", "file/x", "third");
	T(linkat, OK, "by descriptor", file, "", AT_FDCWD, "third", AT_EMPTY_PATH);
	T(linkat, EINVAL, "flags", AT_FDCWD, "file", AT_FDCWD, "fourth", 1);
	T(linkat, EBADF, "no directory", NO_FD, "x", AT_FDCWD, "fourth", 0);
	T(linkat, ENOTDIR, "below a file", file, "x", AT_FDCWD, "fourth", 0);
	T(unlink, OK, "a name", "third");
	T(unlink, ENOENT, "missing", "third");
	T(unlink, EISDIR, "directory", "dir");
	T(unlink, EFAULT, "bad path", BAD);
	T(unlink, ENOTDIR, "through a file", "file/x");
	T(unlink, ENOENT, "empty path", "");
	T(unlink, ENAMETOOLONG, "long name", long_name());
	T(unlink, ELOOP, "loop", "loop/x");
	T(unlinkat, OK, "directory", dir, "made", AT_REMOVEDIR);
	T(unlinkat, EINVAL, "flags", dir, "inside", 1);
	T(unlinkat, ENOENT, "missing", dir, "none", 0);
	T(unlinkat, EBADF, "no directory", NO_FD, "x", 0);
	T(unlinkat, ENOTDIR, "below a file", file, "x", 0);
	T(unlinkat, EISDIR, "directory as a file", dir, "sub", 0);
	T(unlinkat, ENOTDIR, "file as a directory", dir, "inside", AT_REMOVEDIR);
	T(symlink, OK, "new", "anything", "sym");
	T(symlink, EEXIST, "again", "anything", "sym");
	T(symlink, ENOENT, "to nothing", "", "sym2");
	T(symlink, EFAULT, "bad text", BAD, "sym2");
	T(symlink, ENOTDIR, "through a file", "anything", "file/x");
	T(symlink, ENAMETOOLONG, "long name", "anything", long_name());
	T(symlink, ENAMETOOLONG, "long text", long_path(), "sym2");
	T(symlinkat, OK, "below a directory", "anything", dir, "sym");
	T(symlinkat, EBADF, "no directory", "anything", NO_FD, "sym");
	T(symlinkat, ENOTDIR, "below a file", "anything", file, "sym");
	T(symlinkat, EEXIST, "again", "anything", dir, "sym");
	T(readlink, OK, "link", "link", buf, 100);
	T(readlink, EINVAL, "file", "file", buf, 100);
	T(readlink, EINVAL, "no room", "link", buf, 0);
	T(readlink, EFAULT, "bad result", "link", BAD, 100);
	T(readlink, ENOENT, "missing", "none", buf, 100);
	T(readlink, ENOTDIR, "through a file", "file/x", buf, 100);
	T(readlink, ELOOP, "loop", "loop/x", buf, 100);
	T(readlink, ENAMETOOLONG, "long name", long_name(), buf, 100);
	T(readlinkat, OK, "below a directory", dir, "sym", buf, 100);
	T(readlinkat, EBADF, "no directory", NO_FD, "x", buf, 100);
	T(readlinkat, ENOTDIR, "below a file", file, "x", buf, 100);
	T(readlinkat, EINVAL, "negative size", dir, "sym", buf, -1);
}

static void renames(void)
{
	T(rename, OK, "file", "second", "renamed");
	T(rename, ENOENT, "missing", "none", "x");
	T(rename, EFAULT, "bad source", BAD, "x");
	T(rename, EFAULT, "bad target", "renamed", BAD);
	T(rename, EISDIR, "file to directory", "renamed", "dir");
	T(rename, ENOTDIR, "directory to file", "dir", "renamed");
	T(rename, EINVAL, "below itself", "dir", "dir/sub/x");
	T(rename, ENOTEMPTY, "to a directory that is not empty", "dir/sub", "dir");
	T(rename, EBUSY, "dot", ".", "x");
	T(rename, EXDEV, "to another file system", "renamed", "/proc/x");
	T(rename, ENAMETOOLONG, "long name", "renamed", long_name());
	T(rename, ELOOP, "loop", "loop/x", "x");
	T(renameat, OK, "into a directory", AT_FDCWD, "renamed", dir, "renamed");
	T(renameat, EBADF, "no directory", NO_FD, "x", AT_FDCWD, "y");
	T(renameat, ENOTDIR, "below a file", file, "x", AT_FDCWD, "y");
	T(renameat, ENOENT, "missing", dir, "none", AT_FDCWD, "y");
	T(renameat2, OK, "exchange", dir, "renamed", dir, "inside", 2);
	T(renameat2, EINVAL, "flags", dir, "renamed", dir, "inside", 0x100);
	T(renameat2, EINVAL, "both", dir, "renamed", dir, "inside", 3);
	T(renameat2, EEXIST, "target is there", dir, "renamed", dir, "inside", 1);
	T(renameat2, ENOENT, "exchange with nothing", dir, "renamed", dir, "none", 2);
	T(renameat2, EBADF, "no directory", NO_FD, "x", dir, "y", 0);
}

static void directories(void)
{
	T(getdents64, OK, "directory", dir, buf, sizeof(buf));
	T(getdents64, EBADF, "no descriptor", NO_FD, buf, sizeof(buf));
	T(getdents64, ENOTDIR, "file", file, buf, sizeof(buf));
	lseek(dir, 0, SEEK_SET);
	T(getdents64, EINVAL, "no room", dir, buf, 1);
	T(getdents64, EFAULT, "bad result", dir, BAD, 512);
	T(getdents, OK, "directory", dir, buf, sizeof(buf));
	T(getdents, EBADF, "no descriptor", NO_FD, buf, sizeof(buf));
	T(getdents, ENOTDIR, "file", file, buf, sizeof(buf));
	lseek(dir, 0, SEEK_SET);
	T(getdents, EINVAL, "no room", dir, buf, 1);
	T(getdents, EFAULT, "bad result", dir, BAD, 512);
	T(getcwd, OK, "here", buf, sizeof(buf));
	T(getcwd, ERANGE, "no room", buf, 1);
	T(getcwd, EFAULT, "bad result", BAD, 512);
	pid_t pid = fork();
	if (!pid) {
		if (!mkdir("gone", 0755) && !chdir("gone") && !rmdir("../gone"))
			T(getcwd, ENOENT, "removed", buf, sizeof(buf));
		table_child_end();
	}
	table_wait("getcwd", pid);
	T(chdir, ENOENT, "missing", "none");
	T(chdir, ENOTDIR, "file", "file");
	T(chdir, EFAULT, "bad path", BAD);
	T(chdir, ELOOP, "loop", "loop");
	T(chdir, ENAMETOOLONG, "long name", long_name());
	T(fchdir, EBADF, "no descriptor", NO_FD);
	T(fchdir, ENOTDIR, "file", file);
	T(fchdir, OK, "directory", dir);
	T(chdir, OK, "above", "..");
}

/* Refused here, done on Linux: only what comes before that. */
static void mounts(void)
{
	T(chroot, ENOENT, "missing", "none");
	T(chroot, ENOTDIR, "file", "file");
	T(chroot, EFAULT, "bad path", BAD);
	T(chroot, ELOOP, "loop", "loop");
	T(chroot, ENAMETOOLONG, "long name", long_name());
	T(mount, ENOENT, "missing", "none", "none", "tmpfs", 0, 0);
	T(mount, EFAULT, "bad kind", "none", ".", BAD, 0, 0);
	T(mount, EFAULT, "bad path", "none", BAD, "tmpfs", 0, 0);
	T(umount2, EINVAL, "flags", ".", 0x100);
	T(umount2, ENOENT, "missing", "none", 0);
	T(umount2, EFAULT, "bad path", BAD, 0);
	T(umount2, ELOOP, "loop", "loop", 0);
}

static void attributes(void)
{
	static char name[300], value[65537];

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
	T(lsetxattr, OK, "file", "file", "user.b", "22", 2, 0);
	T(lsetxattr, EPERM, "link", "dangling", "user.b", "22", 2, 0);
	T(lsetxattr, ENOENT, "missing", "none", "user.b", "22", 2, 0);
	T(fsetxattr, OK, "file", file, "user.c", "333", 3, 0);
	T(fsetxattr, EBADF, "no descriptor", NO_FD, "user.c", "333", 3, 0);
	T(fsetxattr, EBADF, "O_PATH", path_fd, "user.c", "333", 3, 0);
	T(getxattr, OK, "value", "file", "user.a", buf, 10);
	T(getxattr, OK, "its size", "file", "user.b", NULL, 0);
	T(getxattr, ENODATA, "no such name", "file", "user.none", buf, 10);
	T(getxattr, ERANGE, "too little room", "file", "user.c", buf, 1);
	T(getxattr, EFAULT, "bad result", "file", "user.c", BAD, 10);
	T(getxattr, ENOENT, "missing", "none", "user.c", buf, 10);
	T(lgetxattr, OK, "value", "file", "user.a", buf, 10);
	T(lgetxattr, ENOENT, "missing", "none", "user.a", buf, 10);
	T(fgetxattr, OK, "value", file, "user.a", buf, 10);
	T(fgetxattr, EBADF, "no descriptor", NO_FD, "user.a", buf, 10);
	T(fgetxattr, ENODATA, "no such name", file, "user.none", buf, 10);
	T(listxattr, OK, "names", "file", buf, 100);
	T(listxattr, ERANGE, "too little room", "file", buf, 1);
	T(listxattr, EFAULT, "bad result", "file", BAD, 100);
	T(listxattr, ENOENT, "missing", "none", buf, 100);
	T(llistxattr, OK, "names", "file", buf, 100);
	T(llistxattr, ENOENT, "missing", "none", buf, 100);
	T(flistxattr, OK, "names", file, buf, 100);
	T(flistxattr, EBADF, "no descriptor", NO_FD, buf, 100);
	T(removexattr, OK, "first", "file", "user.a");
	T(removexattr, ENODATA, "again", "file", "user.a");
	T(removexattr, ENOENT, "missing", "none", "user.a");
	T(removexattr, EFAULT, "bad name", "file", BAD);
	T(lremovexattr, OK, "second", "file", "user.b");
	T(lremovexattr, ENODATA, "again", "file", "user.b");
	T(fremovexattr, OK, "third", file, "user.c");
	T(fremovexattr, ENODATA, "again", file, "user.c");
	T(fremovexattr, EBADF, "no descriptor", NO_FD, "user.c");
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	prepare();
	opening();
	stats();
	changing();
	names();
	renames();
	attributes();
	mounts();
	directories();
	return 0;
}
