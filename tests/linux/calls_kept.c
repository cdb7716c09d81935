/* SPDX-License-Identifier: MIT */
/*
 * Calls that immutable and append-only files refuse, to root too: calls.h. tests/kept.t has more of them. Clears the flags in the end, so that what
 * it leaves can be removed.
 */
#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* <linux/fs.h>, which musl does not have */
#define GET_FLAGS 0x80086601u
#define SET_FLAGS 0x40086602u
#define IMMUTABLE 0x10
#define APPEND 0x20

static const long times[4];
static int file, dir; /* opened before they were kept */

static void keep(int fd, int flag)
{
	int flags;

	row("FS_IOC_GETFLAGS", syscall(SYS_ioctl, fd, GET_FLAGS, &flags));
	flags = (flags & ~(IMMUTABLE | APPEND)) | flag;
	row("FS_IOC_SETFLAGS", syscall(SYS_ioctl, fd, SET_FLAGS, &flags));
}

static void opening(void)
{
	T(open, OK, "immutable, for reading", "file", O_RDONLY);
	T(open, EPERM, "immutable, for writing", "file", O_RDWR);
	T(openat, EPERM, "immutable, for writing", AT_FDCWD, "file", O_WRONLY);
	T(openat, EPERM, "new in an immutable directory", dir, "new", O_WRONLY | O_CREAT, 0644);
	T(creat, EPERM, "immutable", "file", 0644);
	T(access, OK, "immutable, for reading", "file", R_OK);
	T(access, EPERM, "immutable, for writing", "file", W_OK);
	T(access, EPERM, "immutable directory", "dir", W_OK | X_OK);
	T(faccessat, EPERM, "immutable, for writing", AT_FDCWD, "file", R_OK | W_OK);
	T(faccessat, OK, "in an immutable directory", dir, "inside", W_OK);
	T(faccessat2, EPERM, "immutable, for writing", file, "", W_OK, AT_EMPTY_PATH);
}

static void changing(void)
{
	T(truncate, EPERM, "immutable", "file", 0);
	T(chmod, EPERM, "immutable", "file", 0600);
	T(fchmod, EPERM, "immutable", file, 0600);
	T(fchmodat, EPERM, "immutable", AT_FDCWD, "file", 0600);
	T(fchmodat2, EPERM, "immutable", file, "", 0600, AT_EMPTY_PATH);
	T(chown, EPERM, "immutable", "file", 1, 1);
	T(fchown, EPERM, "immutable", file, 1, 1);
	T(lchown, EPERM, "immutable", "file", 1, 1);
	T(fchownat, EPERM, "immutable", AT_FDCWD, "file", 1, 1, 0);
	T(utime, EPERM, "immutable", "file", times);
	T(utimes, EPERM, "immutable", "file", times);
	T(futimesat, EPERM, "immutable", AT_FDCWD, "file", times);
	T(utimensat, EPERM, "immutable", file, 0, times, 0);
	T(utimensat, EPERM, "immutable, now", file, 0, 0, 0);
	T(setxattr, EPERM, "immutable", "file", "user.a", "1", 1, 0);
	T(lsetxattr, EPERM, "immutable", "file", "user.a", "1", 1, 0);
	T(fsetxattr, EPERM, "immutable", file, "user.a", "1", 1, 0);
	T(removexattr, EPERM, "immutable", "file", "user.a");
	T(lremovexattr, EPERM, "immutable", "file", "user.a");
	T(fremovexattr, EPERM, "immutable", file, "user.a");
}

static void names(void)
{
	T(link, EPERM, "immutable", "file", "second");
	T(link, EPERM, "into an immutable directory", "other", "dir/second");
	T(linkat, EPERM, "immutable", file, "", AT_FDCWD, "second", AT_EMPTY_PATH);
	T(unlink, EPERM, "immutable", "file");
	T(unlinkat, EPERM, "in an immutable directory", dir, "inside", 0);
	T(rename, EPERM, "immutable", "file", "second");
	T(rename, EPERM, "over an immutable file", "other", "file");
	T(renameat, EPERM, "out of an immutable directory", dir, "inside", AT_FDCWD, "second");
	T(renameat2, EPERM, "into an immutable directory", AT_FDCWD, "other", dir, "other", 1);
	T(mkdir, EPERM, "in an immutable directory", "dir/new", 0755);
	T(mkdirat, EPERM, "in an immutable directory", dir, "new", 0755);
	T(mknod, EPERM, "in an immutable directory", "dir/new", S_IFIFO | 0644, 0);
	T(mknodat, EPERM, "in an immutable directory", dir, "new", S_IFREG | 0644, 0);
	T(symlink, EPERM, "in an immutable directory", "x", "dir/new");
	T(symlinkat, EPERM, "in an immutable directory", "x", dir, "new");
	T(rmdir, EPERM, "in an immutable directory", "dir/sub");
	T(unlinkat, EPERM, "in an immutable directory", dir, "sub", AT_REMOVEDIR);
}

/* What append-only leaves. */
static void appending(void)
{
	T(open, EPERM, "append-only, for writing", "file", O_WRONLY);
	T(open, OK, "append-only, to append", "file", O_WRONLY | O_APPEND);
	T(open, EPERM, "append-only, to truncate", "file", O_WRONLY | O_APPEND | O_TRUNC);
	T(access, OK, "append-only, for writing", "file", W_OK);
	T(truncate, EPERM, "append-only", "file", 0);
	T(chmod, EPERM, "append-only", "file", 0600);
	T(utimensat, EPERM, "append-only, then", file, 0, times, 0);
	T(utimensat, OK, "append-only, now", file, 0, 0, 0);
	T(link, EPERM, "append-only", "file", "second");
	T(unlink, EPERM, "append-only", "file");
	T(mkdir, OK, "in an append-only directory", "dir/new", 0755);
	T(rmdir, EPERM, "in an append-only directory", "dir/new");
	T(rename, EPERM, "in an append-only directory", "dir/new", "dir/newer");
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	file = make_file("file", 100);
	close(make_file("other", 100));
	mkdir("dir", 0755);
	mkdir("dir/sub", 0755);
	close(make_file("dir/inside", 100));
	dir = open("dir", O_RDONLY | O_DIRECTORY);
	keep(file, IMMUTABLE);
	keep(dir, IMMUTABLE);
	opening();
	changing();
	names();
	keep(file, APPEND);
	keep(dir, APPEND);
	appending();
	keep(file, 0);
	keep(dir, 0);
	return 0;
}
