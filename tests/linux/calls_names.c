/* SPDX-License-Identifier: MIT */
/* Calls on names, directories and mounts, each with its errors: calls.h. */
#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int file, dir, gone;
static char buf[512];

static void prepare(void)
{
	file = make_tree(&dir, &gone);
}

static void names(void)
{
	T(mkdir, OK, "new", "made", 0755);
	T(mkdir, EEXIST, "again", "made", 0755);
	T(mkdir, EEXIST, "a dangling link", "dangling", 0755);
	T(mkdir, ENOENT, "no such directory", "none/x", 0755);
	T(mkdir, ENOENT, "empty path", "", 0755);
	T(mkdir, ENOENT, "where nothing can be made", "/proc/x", 0755);
	T(mkdir, ENOTDIR, "through a file", "file/x", 0755);
	T(mkdir, EFAULT, "bad path", BAD, 0755);
	T(mkdir, ENAMETOOLONG, "long name", long_name(), 0755);
	T(mkdir, ELOOP, "loop", "loop/x", 0755);
	T(mkdirat, OK, "below a directory", dir, "made", 0755);
	T(mkdirat, ENOENT, "in nothing", dir, "none/x", 0755);
	T(mkdirat, ENOENT, "in a directory that is gone", gone, "x", 0755);
	T(mkdirat, EBADF, "no directory", NO_FD, "x", 0755);
	T(mkdirat, ENOTDIR, "below a file", file, "x", 0755);
	T(mkdirat, EEXIST, "again", dir, "made", 0755);
	T(mkdirat, EFAULT, "bad path", dir, BAD, 0755);
	T(mkdirat, ELOOP, "loop", AT_FDCWD, "loop/x", 0755);
	T(mkdirat, ENAMETOOLONG, "long name", dir, long_name(), 0755);
	T(rmdir, OK, "empty", "made");
	T(rmdir, ENOENT, "again", "made");
	T(rmdir, ENOTEMPTY, "not empty", "dir");
	T(rmdir, ENOTDIR, "file", "file");
	T(rmdir, ENOTDIR, "link", "loop");
	T(rmdir, ENOENT, "through a dangling link", "dangling/x");
	T(rmdir, EINVAL, "dot", "dir/.");
	T(rmdir, ENOTEMPTY, "dot dot", "dir/sub/..");
	T(rmdir, EFAULT, "bad path", BAD);
	T(rmdir, EBUSY, "the root", "/");
	T(rmdir, EPERM, "where nothing can be removed", "/proc/self/fd");
	T(rmdir, ENAMETOOLONG, "long name", long_name());
	T(rmdir, ELOOP, "loop", "loop/x");
	T(mknod, OK, "file", "node", S_IFREG | 0644, 0);
	T(mknod, OK, "character device", "null", S_IFCHR | 0644, makedev(1, 3));
	T(mknod, OK, "block device", "disk", S_IFBLK | 0644, makedev(259, 70000));
	T(open, OK, "character device", "null", O_RDWR);
	T(open, ENXIO, "device without a driver", "disk", O_RDONLY);
	T(creat, ENXIO, "device without a driver", "disk", 0644);
	T(mknod, EEXIST, "again", "node", S_IFREG | 0644, 0);
	T(mknod, EEXIST, "a dangling link", "dangling", S_IFREG | 0644, 0);
	T(mknod, EPERM, "directory", "node2", S_IFDIR | 0755, 0);
	T(mknod, EINVAL, "no type", "node2", 0170000, 0);
	T(mknod, EFAULT, "bad path", BAD, S_IFREG | 0644, 0);
	T(mknod, ENOENT, "no such directory", "none/x", S_IFREG | 0644, 0);
	T(mknod, ENOENT, "where nothing can be made", "/proc/x", S_IFREG | 0644, 0);
	T(mknod, ENOTDIR, "through a file", "file/x", S_IFREG | 0644, 0);
	T(mknod, ELOOP, "loop", "loop/x", S_IFREG | 0644, 0);
	T(mknod, ENAMETOOLONG, "long name", long_name(), S_IFREG | 0644, 0);
	T(mknodat, OK, "fifo", dir, "fifo", S_IFIFO | 0600, 0);
	T(mknodat, OK, "character device", dir, "zero", S_IFCHR | 0600, makedev(1, 5));
	T(mknodat, EBADF, "no directory", NO_FD, "x", S_IFREG | 0644, 0);
	T(mknodat, ENOTDIR, "below a file", file, "x", S_IFREG | 0644, 0);
	T(mknodat, EEXIST, "again", dir, "fifo", S_IFIFO | 0600, 0);
	T(mknodat, EFAULT, "bad path", dir, BAD, S_IFREG | 0644, 0);
	T(mknodat, EINVAL, "no type", dir, "node", 0170000, 0);
	T(mknodat, ELOOP, "loop", AT_FDCWD, "loop/x", S_IFREG | 0644, 0);
	T(mknodat, ENAMETOOLONG, "long name", dir, long_name(), S_IFREG | 0644, 0);
	T(mknodat, ENOENT, "no such directory", dir, "none/x", S_IFREG | 0644, 0);
	T(mknodat, ENOENT, "in a directory that is gone", gone, "x", S_IFREG | 0644, 0);
	T(mknodat, EPERM, "directory", dir, "node", S_IFDIR | 0755, 0);
	T(link, OK, "file", "file", "second");
	T(link, EEXIST, "again", "file", "second");
	T(link, ENOENT, "missing", "none", "third");
	T(link, EPERM, "directory", "dir", "third");
	T(link, EFAULT, "bad source", BAD, "third");
	T(link, EFAULT, "bad target", "file", BAD);
	T(link, ENOTDIR, "through a file", "file/x", "third");
	T(link, ELOOP, "loop", "loop/x", "third");
	T(link, ENAMETOOLONG, "long name", "file", long_name());
	T(link, EXDEV, "to another file system", "file", "/dev/faultline");
	T(linkat, OK, "by descriptor", file, "", AT_FDCWD, "third", AT_EMPTY_PATH);
	T(linkat, EINVAL, "flags", AT_FDCWD, "file", AT_FDCWD, "fourth", 1);
	T(linkat, EBADF, "no directory", NO_FD, "x", AT_FDCWD, "fourth", 0);
	T(linkat, ENOTDIR, "below a file", file, "x", AT_FDCWD, "fourth", 0);
	T(linkat, EBADF, "no directory for the name", AT_FDCWD, "file", NO_FD, "x", 0);
	T(linkat, ENOTDIR, "name below a file", AT_FDCWD, "file", file, "x", 0);
	T(linkat, EEXIST, "again", AT_FDCWD, "file", AT_FDCWD, "second", 0);
	T(linkat, EFAULT, "bad target", AT_FDCWD, "file", dir, BAD, 0);
	T(linkat, ELOOP, "a link followed", AT_FDCWD, "loop", AT_FDCWD, "fourth", AT_SYMLINK_FOLLOW);
	T(linkat, ENAMETOOLONG, "long name", AT_FDCWD, "file", dir, long_name(), 0);
	T(linkat, ENOENT, "missing", dir, "none", AT_FDCWD, "fourth", 0);
	T(linkat, ENOENT, "into a directory that is gone", AT_FDCWD, "file", gone, "x", 0);
	T(linkat, ENOENT, "from a directory that is gone", gone, "x", AT_FDCWD, "fourth", 0);
	T(linkat, EPERM, "directory, by descriptor", dir, "", AT_FDCWD, "fourth", AT_EMPTY_PATH);
	T(linkat, EXDEV, "to another file system", AT_FDCWD, "file", AT_FDCWD, "/dev/faultline", 0);
	T(unlink, OK, "a name", "third");
	T(unlink, ENOENT, "missing", "third");
	T(unlink, EISDIR, "directory", "dir");
	T(unlink, EFAULT, "bad path", BAD);
	T(unlink, ENOTDIR, "through a file", "file/x");
	T(unlink, ENOENT, "empty path", "");
	T(unlink, ENAMETOOLONG, "long name", long_name());
	T(unlink, ELOOP, "loop", "loop/x");
	T(unlink, EISDIR, "a mount point", "/proc");
	T(unlink, EPERM, "where nothing can be removed", "/proc/self/stat");
	T(unlinkat, OK, "directory", dir, "made", AT_REMOVEDIR);
	T(unlinkat, EINVAL, "flags", dir, "inside", 1);
	T(unlinkat, ENOENT, "missing", dir, "none", 0);
	T(unlinkat, EBADF, "no directory", NO_FD, "x", 0);
	T(unlinkat, ENOTDIR, "below a file", file, "x", 0);
	T(unlinkat, EISDIR, "directory as a file", dir, "sub", 0);
	T(unlinkat, ENOTDIR, "file as a directory", dir, "inside", AT_REMOVEDIR);
	T(unlinkat, ENOTEMPTY, "not empty", AT_FDCWD, "dir", AT_REMOVEDIR);
	T(unlinkat, EBUSY, "the root", AT_FDCWD, "/", AT_REMOVEDIR);
	T(unlinkat, EFAULT, "bad path", dir, BAD, 0);
	T(unlinkat, ELOOP, "loop", AT_FDCWD, "loop/x", 0);
	T(unlinkat, ENAMETOOLONG, "long name", dir, long_name(), 0);
	T(unlinkat, EPERM, "where nothing can be removed", AT_FDCWD, "/proc/self/stat", 0);
	T(symlink, OK, "new", "anything", "sym");
	T(symlink, EEXIST, "again", "anything", "sym");
	T(symlink, ENOENT, "to nothing", "", "sym2");
	T(symlink, ENOENT, "no name", "anything", "");
	T(symlink, ENOENT, "where nothing can be made", "anything", "/proc/x");
	T(symlink, EFAULT, "bad text", BAD, "sym2");
	T(symlink, ENOTDIR, "through a file", "anything", "file/x");
	T(symlink, ENAMETOOLONG, "long name", "anything", long_name());
	T(symlink, ENAMETOOLONG, "long text", long_path(), "sym2");
	T(symlink, ELOOP, "loop", "anything", "loop/x");
	T(symlinkat, OK, "below a directory", "anything", dir, "sym");
	T(symlinkat, EBADF, "no directory", "anything", NO_FD, "sym");
	T(symlinkat, ENOTDIR, "below a file", "anything", file, "sym");
	T(symlinkat, EEXIST, "again", "anything", dir, "sym");
	T(symlinkat, EFAULT, "bad text", BAD, dir, "sym2");
	T(symlinkat, ELOOP, "loop", "anything", AT_FDCWD, "loop/x");
	T(symlinkat, ENAMETOOLONG, "long name", "anything", dir, long_name());
	T(symlinkat, ENOENT, "no such directory", "anything", dir, "none/x");
	T(symlinkat, ENOENT, "in a directory that is gone", "anything", gone, "x");
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
	T(readlinkat, EFAULT, "bad result", dir, "sym", BAD, 100);
	T(readlinkat, ELOOP, "loop", AT_FDCWD, "loop/x", buf, 100);
	T(readlinkat, ENAMETOOLONG, "long name", dir, long_name(), buf, 100);
	T(readlinkat, ENOENT, "missing", dir, "none", buf, 100);
}

static void renames(void)
{
	T(rename, OK, "file", "second", "renamed");
	T(rename, ENOENT, "missing", "none", "x");
	T(rename, ENOENT, "no name", "renamed", "");
	T(rename, ENOENT, "missing, where nothing can be renamed", "/proc/x", "/proc/self/stat");
	T(rename, ENOENT, "where nothing can be made", "/proc/self/stat", "/proc/self/x");
	T(rename, ENOENT, "no such directory", "renamed", "none/x");
	T(rename, ENOTDIR, "through a file", "renamed", "file/x");
	T(rename, ENOTDIR, "file over its directory, with a slash", "dir/inside", "dir/");
	T(rename, EFAULT, "bad source", BAD, "x");
	T(rename, EFAULT, "bad target", "renamed", BAD);
	T(rename, EISDIR, "file to directory", "renamed", "dir");
	T(rename, ENOTDIR, "directory to file", "dir", "renamed");
	T(rename, EINVAL, "below itself", "dir", "dir/sub/x");
	T(rename, ENOTEMPTY, "to a directory that is not empty", "dir/sub", "dir");
	T(rename, EBUSY, "dot", ".", "x");
	T(rename, EPERM, "where nothing can be renamed", "/proc/self/stat", "/proc/self/status");
	T(rename, EXDEV, "to another file system", "renamed", "/proc/x");
	T(rename, ENAMETOOLONG, "long name", "renamed", long_name());
	T(rename, ELOOP, "loop", "loop/x", "x");
	T(renameat, OK, "into a directory", AT_FDCWD, "renamed", dir, "renamed");
	T(renameat, EBADF, "no directory", NO_FD, "x", AT_FDCWD, "y");
	T(renameat, ENOTDIR, "below a file", file, "x", AT_FDCWD, "y");
	T(renameat, ENOENT, "missing", dir, "none", AT_FDCWD, "y");
	T(renameat, ENOENT, "into a directory that is gone", dir, "renamed", gone, "x");
	T(renameat, EBADF, "no directory for the new name", dir, "renamed", NO_FD, "x");
	T(renameat, ENOTDIR, "new name below a file", dir, "renamed", file, "x");
	T(renameat, EBUSY, "dot dot", dir, "..", AT_FDCWD, "y");
	T(renameat, EFAULT, "bad target", dir, "renamed", dir, BAD);
	T(renameat, EINVAL, "below itself", AT_FDCWD, "dir", dir, "sub/x");
	T(renameat, EISDIR, "file to directory", dir, "renamed", dir, "sub");
	T(renameat, ELOOP, "loop", dir, "renamed", AT_FDCWD, "loop/x");
	T(renameat, ENAMETOOLONG, "long name", dir, "renamed", dir, long_name());
	T(renameat, ENOTEMPTY, "to a directory that is not empty", dir, "sub", AT_FDCWD, "dir");
	T(renameat, EPERM, "where nothing can be renamed", AT_FDCWD, "/proc/self/stat", AT_FDCWD,
		"/proc/self/status");
	T(renameat, EXDEV, "to another file system", dir, "renamed", AT_FDCWD, "/proc/x");
	T(renameat2, OK, "exchange", dir, "renamed", dir, "inside", 2);
	T(renameat2, EINVAL, "flags", dir, "renamed", dir, "inside", 0x100);
	T(renameat2, EINVAL, "both", dir, "renamed", dir, "inside", 3);
	T(renameat2, EEXIST, "target is there", dir, "renamed", dir, "inside", 1);
	T(renameat2, EEXIST, "below itself, target is there", AT_FDCWD, "dir", dir, "sub", 1);
	T(renameat2, EEXIST, "to its own directory, which is there", dir, "sub", AT_FDCWD, "dir", 1);
	T(renameat2, ENOENT, "exchange with nothing", dir, "renamed", dir, "none", 2);
	T(renameat2, ENOENT, "exchange with nothing below itself", AT_FDCWD, "dir", dir, "none", 2);
	T(renameat2, EINVAL, "exchange with what is below itself", AT_FDCWD, "dir", dir, "sub", 2);
	T(renameat2, EBADF, "no directory", NO_FD, "x", dir, "y", 0);
	T(renameat2, EBUSY, "dot", dir, ".", AT_FDCWD, "y", 0);
	T(renameat2, EEXIST, "to dot", dir, "renamed", dir, ".", 1);
	T(renameat2, EFAULT, "bad source", dir, BAD, dir, "y", 0);
	T(renameat2, EISDIR, "file to directory", dir, "renamed", dir, "sub", 0);
	T(renameat2, ELOOP, "loop", AT_FDCWD, "loop/x", dir, "y", 1);
	T(renameat2, ENAMETOOLONG, "long name", dir, "renamed", dir, long_name(), 1);
	T(renameat2, ENOTDIR, "below a file", file, "x", dir, "y", 2);
	T(renameat2, ENOTEMPTY, "to a directory that is not empty", dir, "sub", AT_FDCWD, "dir", 0);
	T(renameat2, EPERM, "where nothing can be renamed", AT_FDCWD, "/proc/self/stat", AT_FDCWD,
		"/proc/self/status", 0);
	T(renameat2, EXDEV, "to another file system", dir, "renamed", AT_FDCWD, "/proc/x", 2);
}

/* Names of 255 characters, one below the other, until no path reaches the last one. Leaves nothing. */
static void deep_cwd(void)
{
	const char *name = long_name() + 1;
	int depth = 0;

	while (depth < 17 && !mkdir(name, 0755) && !chdir(name))
		depth++;
	T(getcwd, ENAMETOOLONG, "no path is so long", buf, sizeof(buf));
	while (depth-- > 0)
		if (chdir("..") || rmdir(name))
			say("deep: %s", errno_name(errno));
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
	T(getdents, ENOENT, "removed", gone, buf, sizeof(buf));
	T(getdents64, ENOENT, "removed", gone, buf, sizeof(buf));
	T(getcwd, OK, "here", buf, sizeof(buf));
	T(getcwd, ERANGE, "no room", buf, 1);
	T(getcwd, EFAULT, "bad result", BAD, 512);
	deep_cwd();
	pid_t pid = fork();
	if (!pid) {
		if (!mkdir("gone", 0755) && !chdir("gone") && !rmdir("../gone"))
			T(getcwd, ENOENT, "removed", buf, sizeof(buf));
		table_child_end();
	}
	table_wait("getcwd", pid);
	T(chdir, ENOENT, "missing", "none");
	T(chdir, ENOTDIR, "file", "file");
	T(chdir, ENOENT, "empty path", "");
	T(chdir, ENOENT, "dangling link", "dangling");
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
	T(mount, EFAULT, "bad source", BAD, ".", "tmpfs", 0, 0);
	T(mount, EFAULT, "bad options", "none", ".", "tmpfs", 0, BAD);
	T(mount, EINVAL, "long source", long_path(), ".", "tmpfs", 0, 0);
	T(mount, EINVAL, "long kind", "none", ".", long_path(), 0, 0);
	T(mount, EINVAL, "flags", "none", ".", "tmpfs", 1l << 31, 0);
	T(mount, ELOOP, "loop", "none", "loop", "tmpfs", 0, 0);
	T(mount, ENAMETOOLONG, "long name", "none", long_name(), "tmpfs", 0, 0);
	T(mount, ENOTDIR, "through a file", "none", "file/x", "tmpfs", 0, 0);
	T(umount2, EINVAL, "flags", ".", 0x100);
	T(umount2, ENOENT, "missing", "none", 0);
	T(umount2, EFAULT, "bad path", BAD, 0);
	T(umount2, ELOOP, "loop", "loop", 0);
	T(umount2, ENAMETOOLONG, "long name", long_name(), 0);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	prepare();
	names();
	renames();
	mounts();
	directories();
	return 0;
}
