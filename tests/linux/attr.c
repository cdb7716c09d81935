/* SPDX-License-Identifier: MIT */
/* Attributes: stat and its kin, access, chmod, chown, times, truncate, statfs. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

static void show(const char *what, const char *name)
{
	struct stat st;

	if (lstat(name, &st)) {
		say("%s: %s", what, errno_name(errno));
		return;
	}
	say("%s: mode %o links %d uid %d gid %d size %ld blksize %ld rdev %lx", what, st.st_mode,
		(int)st.st_nlink, (int)st.st_uid, (int)st.st_gid, S_ISDIR(st.st_mode) ? 0l : (long)st.st_size,
		(long)st.st_blksize, (long)st.st_rdev);
}

static void times(const char *what, const char *name)
{
	struct stat st;

	lstat(name, &st);
	say("%s: atime %ld.%09ld mtime %ld.%09ld", what, (long)st.st_atim.tv_sec, (long)st.st_atim.tv_nsec,
		(long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
}

static void stats(void)
{
	struct stat st;
	char buf[256];
	int fd = make_file("file", 10000);

	mkdir("dir", 0750);
	symlink("file", "link");
	mkfifo("fifo", 0600);
	show("file", "file");
	show("directory", "dir");
	show("link", "link");
	show("fifo", "fifo");
	/* The permissions of the device are the matter of who set the machine up. */
	row("stat, null device", stat("/dev/null", &st));
	say("null: type %o rdev %lx", st.st_mode & S_IFMT, (unsigned long)st.st_rdev);
	fstat(fd, &st);
	say("blocks %ld", (long)st.st_blocks);
	row("stat, missing", stat("none", &st));
	row("stat, empty", stat("", &st));
	row("stat, below a file", stat("file/x", &st));
	row("stat, null buffer", (int)syscall(SYS_stat, "file", 8));
	row("stat, null path", (int)syscall(SYS_stat, 8, &st));
	row("fstat, bad", fstat(77, &st));
	row("fstatat, flags", fstatat(AT_FDCWD, "file", &st, 1));
	row("fstatat, empty path", fstatat(fd, "", &st, 0));
	row("fstatat, AT_EMPTY_PATH", fstatat(fd, "", &st, AT_EMPTY_PATH));
	row("fstatat, AT_EMPTY_PATH, current directory", fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
	row("fstatat, AT_EMPTY_PATH, bad", fstatat(77, "", &st, AT_EMPTY_PATH));
	row("fstatat, descriptor of a file", fstatat(fd, "x", &st, 0));
	fstatat(AT_FDCWD, "link", &st, AT_SYMLINK_NOFOLLOW);
	say("fstatat, AT_SYMLINK_NOFOLLOW: %o", st.st_mode);
	row("statx", (int)syscall(SYS_statx, AT_FDCWD, "file", 0, 0x7ff, buf));
	say("statx: mask has the basics: %d, size %ld, mode %o", (*(unsigned *)buf & 0x7ff) == 0x7ff,
		*(long *)(buf + 40), *(unsigned short *)(buf + 28));
	row("statx, reserved mask", (int)syscall(SYS_statx, AT_FDCWD, "file", 0, 0x80000000u, buf));
	row("statx, both syncs", (int)syscall(SYS_statx, AT_FDCWD, "file", 0x6000, 0, buf));
	row("statx, flags", (int)syscall(SYS_statx, AT_FDCWD, "file", 1, 0, buf));
	row("statx, missing", (int)syscall(SYS_statx, AT_FDCWD, "none", 0, 0, buf));
	row("statx, null buffer", (int)syscall(SYS_statx, AT_FDCWD, "file", 0, 0, 8));
	close(fd);
}

static void accesses(void)
{
	row("access, F_OK", access("file", F_OK));
	row("access, missing", access("none", F_OK));
	row("access, X_OK without a bit", access("file", X_OK));
	row("access, X_OK of a directory", access("dir", X_OK));
	row("access, all", access("dir", R_OK | W_OK | X_OK));
	row("access, mode", access("file", 8));
	row("faccessat2, flags", (int)syscall(439, AT_FDCWD, "file", 0, 1));
	row("faccessat2, AT_EACCESS", (int)syscall(439, AT_FDCWD, "file", 0, AT_EACCESS));
	row("faccessat2, dangling link, no follow",
		(symlink("none", "dangling"),
			(int)syscall(439, AT_FDCWD, "dangling", 0, AT_SYMLINK_NOFOLLOW)));
}

static void modes(void)
{
	int fd = open("file", O_RDONLY), path = open("file", O_PATH);

	row("chmod", chmod("file", 06711));
	show("after it", "file");
	row("fchmod", fchmod(fd, 0100600));
	show("after it", "file");
	row("chmod, through a link", chmod("link", 0640));
	show("after it", "file");
	row("chmod, missing", chmod("none", 0));
	row("fchmod, bad", fchmod(77, 0));
	row("fchmod, O_PATH", (int)syscall(SYS_fchmod, path, 0600));
	row("fchmodat, bad", fchmodat(77, "file", 0, 0));
	chmod("file", 06755);
	row("chown", chown("file", 12, 34));
	show("after it", "file");
	row("chown, -1", chown("file", -1, 70000));
	show("after it", "file");
	row("lchown", lchown("link", 5, 6));
	show("after it", "link");
	row("fchown", fchown(fd, 0, 0));
	row("fchown, O_PATH", (int)syscall(SYS_fchown, path, 0, 0));
	row("fchownat, AT_EMPTY_PATH", fchownat(fd, "", 1, 1, AT_EMPTY_PATH));
	row("fchownat, flags", fchownat(AT_FDCWD, "file", 1, 1, 1));
	show("after it", "file");
	row("chown, missing", chown("none", 1, 1));
	close(fd);
	close(path);
}

static void set_times(void)
{
	struct timespec t[2] = {{1000000000, 123456789}, {4000000000, 1}};
	struct timespec omit[2] = {{0, UTIME_OMIT}, {7, 8}}, both[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
	struct timespec bad[2] = {{0, 1000000000}, {0, 0}}, now[2] = {{0, UTIME_NOW}, {5, 5}};
	struct timeval tv[2] = {{11, 999999}, {12, 0}}, badtv[2] = {{11, 1000000}, {12, 0}};
	struct utimbuf ut = {21, 22};
	struct stat st;
	int fd = open("file", O_RDONLY);

	row("utimensat", utimensat(AT_FDCWD, "file", t, 0));
	times("after it", "file");
	row("utimensat, UTIME_OMIT", utimensat(AT_FDCWD, "file", omit, 0));
	times("after it", "file");
	row("utimensat, both UTIME_OMIT, missing file", utimensat(AT_FDCWD, "none", both, 0));
	row("utimensat, bad nanoseconds", utimensat(AT_FDCWD, "file", bad, 0));
	row("utimensat, missing", utimensat(AT_FDCWD, "none", t, 0));
	row("utimensat, flags", utimensat(AT_FDCWD, "file", t, 1));
	row("utimensat, link itself", utimensat(AT_FDCWD, "link", t, AT_SYMLINK_NOFOLLOW));
	times("after it", "link");
	row("futimens", futimens(fd, t));
	times("after it", "file");
	row("futimens, bad", futimens(77, t));
	row("utimensat, null path, AT_FDCWD", (int)syscall(SYS_utimensat, AT_FDCWD, 0, t, 0));
	row("utimensat, UTIME_NOW", utimensat(AT_FDCWD, "file", now, 0));
	stat("file", &st);
	say("recent: %d, mtime %ld", st.st_atim.tv_sec > 1600000000, (long)st.st_mtim.tv_sec);
	row("utimes", utimes("file", tv));
	times("after it", "file");
	row("utimes, bad", utimes("file", badtv));
	row("utime", utime("file", &ut));
	times("after it", "file");
	row("utime, now", utime("file", NULL));
	row("futimesat", futimesat(AT_FDCWD, "file", tv));
	times("after it", "file");
	row("utimensat, before 1970",
		utimensat(AT_FDCWD, "file", (struct timespec[]){{-100, 5}, {-1, 999999999}}, 0));
	times("after it", "file");
	close(fd);
}

static void sizes(void)
{
	int fd = open("file", O_RDWR), ro = open("file", O_RDONLY), path = open("file", O_PATH);
	char c = 'x';

	row("truncate", truncate("file", 5));
	show("after it", "file");
	row("ftruncate, up", ftruncate(fd, 9000));
	row("pread of the new part", pread(fd, &c, 1, 8000));
	say("which is %d", c);
	row("truncate, negative", truncate("file", -1));
	row("truncate, directory", truncate("dir", 0));
	row("truncate, missing", truncate("none", 0));
	row("truncate, FIFO", truncate("fifo", 0));
	row("truncate, huge", truncate("file", 0x7fffffffffffffff));
	row("ftruncate, read-only", ftruncate(ro, 0));
	row("ftruncate, O_PATH", ftruncate(path, 0));
	row("ftruncate, bad", ftruncate(77, 0));
	row("ftruncate, negative", ftruncate(fd, -1));
	close(fd);
	close(ro);
	close(path);
}

static void file_systems(void)
{
	struct statfs st;
	int fd = open("file", O_PATH);

	row("statfs", statfs("file", &st));
	say("type %lx, block %ld, name %ld, free <= blocks: %d", (long)st.f_type, (long)st.f_bsize,
		(long)st.f_namelen,
		st.f_bfree <= st.f_blocks && st.f_bavail <= st.f_bfree && st.f_ffree <= st.f_files);
	row("statfs, missing", statfs("none", &st));
	row("statfs, null", (int)syscall(SYS_statfs, "file", 8));
	row("fstatfs, O_PATH", fstatfs(fd, &st));
	row("fstatfs, bad", fstatfs(77, &st));
	close(fd);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	stats();
	accesses();
	modes();
	set_times();
	sizes();
	file_systems();
	return 0;
}
