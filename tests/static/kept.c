/* SPDX-License-Identifier: MIT */
/*
 * Immutable and append-only files and directories: a table of what may be done with them, made by a static program that runs on Faultline and on
 * Linux alike. Works in the directory that it is given, which must be on ext4; leaves a file and a directory of each kind there.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *kind;

static long row(const char *what, long result)
{
	printf("kept: %s: %s -> %s\n", kind, what, result >= 0 ? "ok" : strerrorname_np(errno));
	return result;
}

static int flags_of(const char *path)
{
	int fd = open(path, O_RDONLY), flags = -1;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags))
		err(1, "%s: flags", path);
	close(fd);
	return flags;
}

static int set_flags(const char *path, int flags)
{
	int fd = open(path, O_RDONLY), ret = ioctl(fd, FS_IOC_SETFLAGS, &flags);

	close(fd);
	return ret;
}

static void try_open(const char *what, const char *path, int flags)
{
	int fd = (int)row(what, open(path, flags, 0644));

	if (fd >= 0)
		close(fd);
}

static void try_map(const char *what, int fd, int prot, int flags)
{
	void *p = mmap(NULL, 4096, prot, flags, fd, 0);

	row(what, p == MAP_FAILED ? -1 : 0);
	if (p != MAP_FAILED)
		munmap(p, 4096);
}

/* fd: opened for writing before the flag was set. */
static void file_calls(int fd)
{
	const struct timespec then[2] = {{1, 0}, {1, 0}};

	try_open("open to read", "file", O_RDONLY);
	try_open("open to write", "file", O_WRONLY);
	try_open("open to append", "file", O_RDWR | O_APPEND);
	try_open("open to append, and truncate", "file", O_WRONLY | O_APPEND | O_TRUNC);
	try_open("open to read, and truncate", "file", O_RDONLY | O_TRUNC);
	try_open("open to create", "file", O_RDONLY | O_CREAT);
	try_open("open as a path", "file", O_PATH);
	row("write", write(fd, "x", 1));
	row("write nothing", write(fd, "", 0));
	row("pwrite", pwrite(fd, "x", 1, 0));
	row("ftruncate", ftruncate(fd, 10));
	row("ftruncate, larger", ftruncate(fd, 10000));
	row("truncate", truncate("file", 0));
	row("fallocate", fallocate(fd, 0, 0, 20000));
	row("fallocate, size kept", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 30000));
	row("fallocate, punch", fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096));
	row("fallocate, collapse", fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
	row("chmod", chmod("file", 0600));
	row("fchmod", fchmod(fd, 0600));
	row("chown", chown("file", 1, 1));
	row("times, now", utimensat(AT_FDCWD, "file", NULL, 0));
	row("times, then", utimensat(AT_FDCWD, "file", then, 0));
	row("set an attribute", setxattr("file", "user.a", "x", 1, 0));
	row("remove an attribute", removexattr("file", "user.old"));
	row("link", link("file", "link"));
	row("rename", rename("file", "other"));
	row("rename onto it", rename("spare", "file"));
	row("exchange", renameat2(AT_FDCWD, "spare", AT_FDCWD, "file", RENAME_EXCHANGE));
	row("unlink", unlink("file"));
	try_map("map to read", fd, PROT_READ, MAP_SHARED);
	try_map("map to write", fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	try_map("map a copy", fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	row("set O_APPEND", fcntl(fd, F_SETFL, O_APPEND));
	row("clear O_APPEND", fcntl(fd, F_SETFL, 0));
	row("fsync", fsync(fd));
}

static void dir_calls(void)
{
	int fd;

	try_open("create in it", "dir/new", O_WRONLY | O_CREAT);
	try_open("open in it", "dir/old", O_WRONLY | O_CREAT);
	row("mkdir in it", mkdir("dir/newdir", 0755));
	row("mknod in it", mknod("dir/fifo", S_IFIFO | 0644, 0));
	row("symlink in it", symlink("x", "dir/symlink"));
	row("link into it", link("spare", "dir/link"));
	row("rename into it", rename("spare", "dir/spare"));
	row("rename in it", rename("dir/old", "dir/older"));
	row("rename out of it", rename("dir/old", "out"));
	row("replace in it", rename("spare2", "dir/old"));
	row("unlink in it", unlink("dir/old"));
	row("rmdir in it", rmdir("dir/sub"));
	row("write in it", (fd = open("dir/old", O_WRONLY)) >= 0 ? write(fd, "x", 1) : -1);
	close(fd);
	row("chmod it", chmod("dir", 0700));
	row("rename it", rename("dir", "dir2"));
	row("rmdir it", rmdir("dir"));
}

static int new_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);

	if (fd < 0 || write(fd, "some text\n", 10) != 10)
		err(1, "%s", path);
	return fd;
}

static void try_kind(const char *name, int flag)
{
	struct statx st;
	int fd, old;

	kind = name;
	if (mkdir(name, 0755) || chdir(name) || mkdir("dir", 0755) || mkdir("dir/sub", 0755))
		err(1, "%s", name);
	fd = new_file("file");
	close(new_file("spare"));
	close(new_file("spare2"));
	close(new_file("dir/old"));
	setxattr("file", "user.old", "x", 1, 0);
	old = flags_of("file");
	row("set the flag", set_flags("file", old | flag));
	row("set it again", set_flags("file", old | flag));
	row("it is set", flags_of("file") == (old | flag) ? 0 : -1);
	statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &st);
	printf("kept: %s: statx %llx\n", name,
		(unsigned long long)(st.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)));
	file_calls(fd);
	row("clear the flag", set_flags("file", old));
	row("then it can be written to", pwrite(fd, "x", 1, 0));
	row("set it at last", set_flags("file", old | flag));
	row("set it, directory", set_flags("dir", flags_of("dir") | flag));
	dir_calls();
	close(fd);
	if (chdir(".."))
		err(1, "..");
}

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1]))
		errx(1, "usage: kept DIRECTORY");
	try_kind("immutable", FS_IMMUTABLE_FL);
	try_kind("append-only", FS_APPEND_FL);
	kind = "others";
	row("bad address", ioctl(open(".", O_RDONLY), FS_IOC_GETFLAGS, NULL));
	row("nodump", set_flags(".", flags_of(".") | FS_NODUMP_FL));
	printf("kept: flags %x\n", flags_of("."));
	return 0;
}
