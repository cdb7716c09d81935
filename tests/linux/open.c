/* SPDX-License-Identifier: MIT */
/* open(2) and its flags, descriptors: close, dup, fcntl, close_range, umask. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long opened(const char *what, int fd)
{
	row_ok(what, fd);
	if (fd >= 0)
		close(fd);
	return fd;
}

static void flags(void)
{
	char longest[256], longer[257], path[4200];
	struct stat st;

	opened("open, missing", open("missing", O_RDONLY));
	opened("open, empty path", open("", O_RDONLY));
	opened("open, O_CREAT", open("file", O_RDWR | O_CREAT, 0666));
	stat("file", &st);
	say("mode after umask 022: %o", st.st_mode);
	opened("open, O_CREAT again", open("file", O_RDWR | O_CREAT, 0600));
	opened("open, O_EXCL, exists", open("file", O_RDWR | O_CREAT | O_EXCL, 0600));
	opened("open, O_DIRECTORY of a file", open("file", O_RDONLY | O_DIRECTORY));
	opened("open, file as a directory", open("file/x", O_RDONLY));
	opened("open, file with a slash", open("file/", O_RDONLY));
	opened("open, O_CREAT with a slash", open("new/", O_RDWR | O_CREAT, 0600));
	mkdir("dir", 0755);
	opened("open, directory for writing", open("dir", O_RDWR));
	opened("open, directory, O_CREAT", open("dir", O_RDONLY | O_CREAT, 0600));
	opened("open, directory", open("dir", O_RDONLY | O_DIRECTORY));
	opened("open, null", open((char *)8, O_RDONLY));
	symlink("file", "link");
	symlink("nowhere", "dangling");
	symlink("loop2", "loop1");
	symlink("loop1", "loop2");
	opened("open, through a link", open("link", O_RDONLY));
	opened("open, O_NOFOLLOW of a link", open("link", O_RDONLY | O_NOFOLLOW));
	opened("open, O_NOFOLLOW O_PATH of a link", open("link", O_PATH | O_NOFOLLOW));
	opened("open, dangling", open("dangling", O_RDONLY));
	opened("open, O_EXCL of a dangling link", open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600));
	opened("open, O_CREAT through a dangling link", open("dangling", O_RDWR | O_CREAT, 0600));
	row("access, the link's target", access("nowhere", F_OK));
	opened("open, loop", open("loop1", O_RDONLY));
	opened("open, loop, O_CREAT", open("loop1", O_RDWR | O_CREAT, 0600));
	memset(longest, 'n', 255);
	longest[255] = 0;
	memset(longer, 'n', 256);
	longer[256] = 0;
	opened("open, name of 255", open(longest, O_RDWR | O_CREAT, 0600));
	opened("open, name of 256", open(longer, O_RDWR | O_CREAT, 0600));
	memset(path, '/', sizeof(path));
	path[4199] = 0;
	opened("open, path of 4199", open(path, O_RDONLY));
	opened("open, O_PATH", open("file", O_PATH));
	opened("open, O_TRUNC read-only", open("file", O_RDONLY | O_TRUNC));
	opened("openat, bad directory", openat(77, "file", O_RDONLY));
	opened("openat, bad directory, absolute path", openat(77, "/", O_RDONLY));
	int dir = open("dir", O_RDONLY), file = open("file", O_RDWR);
	opened("openat, in a directory", openat(dir, "inner", O_RDWR | O_CREAT, 0644));
	opened("openat, descriptor of a file", openat(file, "inner", O_RDONLY));
	row("access, dir/inner", access("dir/inner", F_OK));
	close(dir);
	close(file);
}

static void path_descriptor(void)
{
	int fd = open("file", O_PATH), dir = open("dir", O_PATH | O_DIRECTORY), other;
	struct stat st;
	char c;

	row("O_PATH: read", read(fd, &c, 1));
	row("O_PATH: write", write(fd, "x", 1));
	row("O_PATH: lseek", lseek(fd, 0, SEEK_SET));
	row("O_PATH: fstat", fstat(fd, &st));
	row("O_PATH: fchmod", (int)syscall(SYS_fchmod, fd, 0600));
	row("O_PATH: ftruncate", ftruncate(fd, 0));
	row("O_PATH: fsync", fsync(fd));
	row("O_PATH: F_GETFL", fcntl(fd, F_GETFL));
	row_ok("O_PATH: dup", other = dup(fd));
	opened("O_PATH: openat below it", openat(dir, "inner", O_RDONLY));
	row("O_PATH: fchdir", fchdir(dir));
	row("chdir, ..", chdir(".."));
	row("O_PATH: fstatat, AT_EMPTY_PATH", fstatat(fd, "", &st, AT_EMPTY_PATH));
	close(fd);
	close(dir);
	close(other);
}

static void append(void)
{
	int fd = open("appended", O_RDWR | O_CREAT | O_APPEND, 0644);
	char text[32] = "";

	write(fd, "one", 3);
	lseek(fd, 0, SEEK_SET);
	write(fd, "two", 3);
	row("O_APPEND: position", lseek(fd, 0, SEEK_CUR));
	row("O_APPEND: pwrite goes to the end", pwrite(fd, "six", 3, 0));
	pread(fd, text, 31, 0);
	say("O_APPEND: %s", text);
	row("F_GETFL", fcntl(fd, F_GETFL) & ~O_LARGEFILE & ~0100000);
	row("F_SETFL, O_NONBLOCK", fcntl(fd, F_SETFL, O_NONBLOCK));
	row("F_GETFL", fcntl(fd, F_GETFL) & ~0100000);
	close(fd);
}

static void descriptors(void)
{
	int fd = open("file", O_RDONLY), at;

	row("close, bad", close(77));
	row("close, negative", close(-1));
	row("dup, bad", dup(77));
	row("dup2, bad", dup2(77, 78));
	row("dup2, to 90", dup2(fd, 90));
	row("dup2, same", dup2(90, 90));
	row("dup2, to -1", dup2(fd, -1));
	row("dup2, to 1 << 20", dup2(fd, 1 << 20));
	row("dup3, same", dup3(fd, fd, 0));
	row("dup3, flags", dup3(fd, 91, 1));
	row("dup3, O_CLOEXEC", dup3(fd, 91, O_CLOEXEC));
	row("F_GETFD of that", fcntl(91, F_GETFD));
	row("F_SETFD, 0", fcntl(91, F_SETFD, 0));
	row("F_GETFD", fcntl(91, F_GETFD));
	row("F_DUPFD, 92", fcntl(fd, F_DUPFD, 92));
	row("F_DUPFD, 92 again", fcntl(fd, F_DUPFD, 92));
	row("F_DUPFD, -1", fcntl(fd, F_DUPFD, -1));
	row("F_DUPFD_CLOEXEC, 95", fcntl(fd, F_DUPFD_CLOEXEC, 95));
	row("F_GETFD of that", fcntl(95, F_GETFD));
	row("fcntl, bad descriptor", fcntl(77, F_GETFL));
	row("fcntl, unknown command", fcntl(fd, 12345, 0));
	row("close_range, 90 to 95", (int)syscall(SYS_close_range, 90u, 95u, 0));
	row("fcntl, of a closed one", fcntl(92, F_GETFD));
	row("close_range, reversed", (int)syscall(SYS_close_range, 95u, 90u, 0));
	row("close_range, flags", (int)syscall(SYS_close_range, 90u, 95u, 64));
	at = fcntl(fd, F_DUPFD, 90);
	row("close_range, CLOEXEC", (int)syscall(SYS_close_range, 90u, 95u, 4));
	row("F_GETFD after it", fcntl(at, F_GETFD));
	close(at);
	close(fd);
	row("umask", umask(077));
	row("umask again", umask(022));
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	flags();
	path_descriptor();
	append();
	descriptors();
	return 0;
}
