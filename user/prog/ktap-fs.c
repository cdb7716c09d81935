/* SPDX-License-Identifier: MIT */
/*
 * ktap-fs [DIRECTORY]: what the system calls on files promise, as KTAP. The same program passes on
 * Linux; what it asks for is POSIX or Linux's documented behaviour, nothing of one file system.
 * What concerns memory and processes is in ktap-mm.
 */
#include "ktap.h"
#include "util.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char buf[4 * PAGE], buf2[4 * PAGE];

static int create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

static blkcnt_t blocks_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_blocks : -1;
}

static void fill(char *p, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (char)(1 + (i * 7 + i / PAGE + seed) % 255);
}

static int all_zero(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return 0;
	return 1;
}

static void test_open(void)
{
	int fd = open("open", O_RDWR | O_CREAT | O_EXCL, 0640);

	CHECK("open creates a file", fd >= 0);
	CHECK("a new file is empty", size_of("open") == 0);
	CHECK_ERRNO("open, exclusive, refuses an existing file",
		open("open", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	CHECK_ERRNO("open of no such file", open("none", O_RDONLY), ENOENT);
	CHECK_ERRNO("open in no such directory", open("none/x", O_RDWR | O_CREAT, 0644), ENOENT);
	CHECK_ERRNO("open through a file", open("open/x", O_RDONLY), ENOTDIR);
	CHECK_ERRNO("open of a directory for writing", open(".", O_WRONLY), EISDIR);
	CHECK_ERRNO("open of a file as a directory", open("open", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK("write to it", write(fd, "12345", 5) == 5);
	close(fd);
	fd = open("open", O_RDWR | O_TRUNC);
	CHECK("open with O_TRUNC empties", fd >= 0 && size_of("open") == 0);
	close(fd);
	CHECK_ERRNO("a closed descriptor is bad", write(fd, "x", 1), EBADF);
	fd = open("open", O_WRONLY | O_APPEND);
	CHECK("append writes at the end",
		write(fd, "ab", 2) == 2 && lseek(fd, 0, SEEK_SET) == 0 && write(fd, "cd", 2) == 2 &&
			size_of("open") == 4);
	close(fd);
	fd = open("open", O_RDONLY);
	CHECK_ERRNO("a read-only descriptor refuses a write", write(fd, "x", 1), EBADF);
	close(fd);
	unlink("open");
}

static void test_read_write(void)
{
	struct iovec iov[3] = {{buf2, 100}, {buf2 + 100, 0}, {buf2 + 100, PAGE}};
	int fd = create("rw");

	fill(buf, sizeof(buf), 1);
	CHECK("write of three pages and a bit", write(fd, buf, 3 * PAGE + 100) == 3 * PAGE + 100);
	CHECK("the offset moved", lseek(fd, 0, SEEK_CUR) == 3 * PAGE + 100);
	CHECK("the size is what was written", size_of("rw") == 3 * PAGE + 100);
	CHECK("lseek from the end", lseek(fd, -100, SEEK_END) == 3 * PAGE);
	CHECK("a short read at the end", read(fd, buf2, PAGE) == 100);
	CHECK("a read at the end gives 0", read(fd, buf2, PAGE) == 0);
	CHECK("what was written is read",
		pread(fd, buf2, sizeof(buf2), 0) == 3 * PAGE + 100 && !memcmp(buf, buf2, 3 * PAGE + 100));
	CHECK("pread across a page boundary",
		pread(fd, buf2, 200, PAGE - 100) == 200 && !memcmp(buf + PAGE - 100, buf2, 200));
	CHECK("pwrite in the middle",
		pwrite(fd, "middle", 6, PAGE + 5) == 6 && pread(fd, buf2, 6, PAGE + 5) == 6 &&
			!memcmp(buf2, "middle", 6));
	CHECK("pread and pwrite leave the offset", lseek(fd, 0, SEEK_CUR) == 3 * PAGE + 100);
	memcpy(buf + PAGE + 5, "middle", 6);
	lseek(fd, 50, SEEK_SET);
	CHECK("readv fills its pieces in order",
		readv(fd, iov, 3) == PAGE + 100 && !memcmp(buf + 50, buf2, PAGE + 100));
	CHECK("pread behind the end gives 0", pread(fd, buf2, 10, 100 * PAGE) == 0);
	CHECK_ERRNO("lseek before the start", lseek(fd, -1, SEEK_SET), EINVAL);
	lseek(fd, 0, SEEK_SET);
	CHECK("writev writes its pieces in order",
		writev(fd, iov, 3) == PAGE + 100 && pread(fd, buf, PAGE + 100, 0) == PAGE + 100 &&
			!memcmp(buf, buf2, PAGE + 100));
	close(fd);
	unlink("rw");
}

static void test_holes(void)
{
	int fd = create("hole");
	blkcnt_t before;

	fill(buf, PAGE, 2);
	CHECK("write far behind the end", pwrite(fd, buf, PAGE, 100 * PAGE) == PAGE);
	CHECK("the size covers the hole", size_of("hole") == 101 * PAGE);
	CHECK("the hole reads as zeros",
		pread(fd, buf2, sizeof(buf2), 20 * PAGE) == sizeof(buf2) && all_zero(buf2, sizeof(buf2)));
	CHECK("the hole takes few blocks", blocks_of(fd) <= 4 * 8);
	CHECK("a write into the hole",
		pwrite(fd, "in", 2, 50 * PAGE + 100) == 2 && pread(fd, buf2, PAGE, 50 * PAGE) == PAGE &&
			all_zero(buf2, 100) && !memcmp(buf2 + 100, "in", 2) &&
			all_zero(buf2 + 102, PAGE - 102));
	for (int i = 0; i < 4; i++)
		pwrite(fd, buf, PAGE, (10 + i) * (off_t)PAGE);
	fsync(fd);
	before = blocks_of(fd);
	CHECK("punch hole of two pages",
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 11 * PAGE, 2 * PAGE) == 0);
	CHECK("it gave the blocks back", blocks_of(fd) == before - 16);
	CHECK("the punched pages read as zeros",
		pread(fd, buf2, 2 * PAGE, 11 * PAGE) == 2 * PAGE && all_zero(buf2, 2 * PAGE));
	CHECK("the pages beside are as they were",
		pread(fd, buf2, PAGE, 10 * PAGE) == PAGE && !memcmp(buf, buf2, PAGE) &&
			pread(fd, buf2, PAGE, 13 * PAGE) == PAGE && !memcmp(buf, buf2, PAGE));
	CHECK("punch hole inside a page",
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10 * PAGE + 10, 20) == 0 &&
			pread(fd, buf2, PAGE, 10 * PAGE) == PAGE && !memcmp(buf, buf2, 10) &&
			all_zero(buf2 + 10, 20) && !memcmp(buf + 30, buf2 + 30, PAGE - 30));
	CHECK("punch hole behind the end keeps the size",
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 200 * PAGE, PAGE) == 0 &&
			size_of("hole") == 101 * PAGE);
	close(fd);
	unlink("hole");
}

static void test_allocate(void)
{
	int fd = create("alloc");

	CHECK("fallocate", fallocate(fd, 0, 0, 8 * PAGE) == 0);
	CHECK("it sets the size", size_of("alloc") == 8 * PAGE);
	CHECK("it takes blocks", blocks_of(fd) >= 8 * 8);
	CHECK("allocated pages read as zeros",
		pread(fd, buf2, sizeof(buf2), 0) == sizeof(buf2) && all_zero(buf2, sizeof(buf2)));
	CHECK("a write into the middle of it",
		pwrite(fd, "x", 1, 3 * PAGE + 7) == 1 && pread(fd, buf2, PAGE, 3 * PAGE) == PAGE &&
			all_zero(buf2, 7) && buf2[7] == 'x' && all_zero(buf2 + 8, PAGE - 8));
	CHECK("fallocate with keep-size keeps it",
		fallocate(fd, FALLOC_FL_KEEP_SIZE, 8 * PAGE, 8 * PAGE) == 0 && size_of("alloc") == 8 * PAGE);
	CHECK("fallocate over written data leaves it",
		fallocate(fd, 0, 0, 8 * PAGE) == 0 && pread(fd, buf2, 1, 3 * PAGE + 7) == 1 &&
			buf2[0] == 'x');
	CHECK_ERRNO("fallocate of length 0", fallocate(fd, 0, 0, 0), EINVAL);
	close(fd);
	unlink("alloc");
}

/* Page i of the file begins with letters[i], 0: it reads as zeros; so does a shared mapping of it. */
static int pages_are(int fd, const char *map, const char *letters, int n)
{
	for (int i = 0; i < n; i++) {
		char want = letters[i] == '0' ? 0 : letters[i];

		if (pread(fd, buf2, PAGE, i * (off_t)PAGE) != PAGE || buf2[0] != want ||
			buf2[PAGE - 1] != want || map[(size_t)i * PAGE] != want)
			return 0;
	}
	return 1;
}

/* A file system may have none of these: then there is nothing to test. */
static void test_shifts(void)
{
	int fd = create("shift"), mode = FALLOC_FL_COLLAPSE_RANGE;
	char *map = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	for (int i = 0; i < 8; i++) {
		memset(buf, 'a' + i, PAGE);
		pwrite(fd, buf, PAGE, i * (off_t)PAGE);
	}
	CHECK("eight pages", pages_are(fd, map, "abcdefgh", 8));
	map[5 * PAGE] = 'f'; /* dirty */
	if (fallocate(fd, mode, 2 * PAGE, 2 * PAGE) < 0 && errno == EOPNOTSUPP) {
		ktap_skip("this file system has none", "collapse, insert and zero range");
		goto out;
	}
	CHECK("collapse takes two of them out",
		size_of("shift") == 6 * PAGE && pages_are(fd, map, "abefgh", 6));
	map[3 * PAGE] = 'f';
	CHECK("a store to what has moved", fsync(fd) == 0 && pages_are(fd, map, "abefgh", 6));
	CHECK_ERRNO("collapse up to the end", fallocate(fd, mode, 5 * PAGE, PAGE), EINVAL);
	CHECK_ERRNO("collapse inside a page", fallocate(fd, mode, 100, PAGE), EINVAL);
	mode = FALLOC_FL_INSERT_RANGE;
	CHECK("insert puts two in",
		fallocate(fd, mode, PAGE, 2 * PAGE) == 0 && size_of("shift") == 8 * PAGE &&
			pages_are(fd, map, "a00befgh", 8));
	CHECK_ERRNO("insert at the end", fallocate(fd, mode, 8 * PAGE, PAGE), EINVAL);
	CHECK_ERRNO("insert of part of a page", fallocate(fd, mode, 0, 1), EINVAL);
	CHECK_ERRNO("insert of more than fits", fallocate(fd, mode, 0, INT64_MAX & ~(PAGE - 1)), EFBIG);
	mode = FALLOC_FL_ZERO_RANGE;
	CHECK("zero range",
		fallocate(fd, mode, 4 * PAGE, 2 * PAGE) == 0 && pages_are(fd, map, "a00b00gh", 8));
	CHECK("its blocks stay, and the hole has blocks of its own after another",
		fallocate(fd, mode, PAGE, 2 * PAGE) == 0 && blocks_of(fd) >= 8 * 8 &&
			pages_are(fd, map, "a00b00gh", 8));
	map[4 * PAGE] = map[5 * PAGE - 1] = 'x';
	CHECK("stores to zeroed pages", pages_are(fd, map, "a00bx0gh", 8));
	CHECK("zero range of part of a page",
		fallocate(fd, mode, 10, 20) == 0 && pread(fd, buf2, PAGE, 0) == PAGE && buf2[9] == 'a' &&
			all_zero(buf2 + 10, 20) && buf2[30] == 'a' && map[15] == 0);
	CHECK("zero range past the end extends the file",
		fallocate(fd, mode, 7 * PAGE, 3 * PAGE) == 0 && size_of("shift") == 10 * PAGE &&
			pages_are(fd, map, "a00bx0g000", 10));
	CHECK("but not if the size is kept",
		fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, 9 * PAGE, 3 * PAGE) == 0 &&
			size_of("shift") == 10 * PAGE);
	map[0] = 'A';
	CHECK("sync_file_range",
		sync_file_range(fd, 0, PAGE, SYNC_FILE_RANGE_WRITE) == 0 &&
			sync_file_range(fd, PAGE, 0, 7) == 0);
	CHECK_ERRNO("sync_file_range with an unknown flag", sync_file_range(fd, 0, 0, 8), EINVAL);
out:
	munmap(map, 16 * PAGE);
	close(fd);
	unlink("shift");
}

static void test_truncate(void)
{
	int fd = create("trunc");
	char *map;

	fill(buf, sizeof(buf), 3);
	pwrite(fd, buf, 4 * PAGE, 0);
	CHECK("truncate down", ftruncate(fd, PAGE + 100) == 0 && size_of("trunc") == PAGE + 100);
	CHECK("read stops there", pread(fd, buf2, sizeof(buf2), 0) == PAGE + 100);
	CHECK("truncate up", truncate("trunc", 4 * PAGE) == 0 && size_of("trunc") == 4 * PAGE);
	CHECK("what was cut off reads as zeros",
		pread(fd, buf2, sizeof(buf2), 0) == 4 * PAGE && !memcmp(buf, buf2, PAGE + 100) &&
			all_zero(buf2 + PAGE + 100, 3 * PAGE - 100));

	map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "mmap");
	memset(map, 'm', 2 * PAGE);
	ftruncate(fd, 100);
	CHECK("truncate clears the tail in the mapping", all_zero(map + 100, PAGE - 100));
	map[200] = 's';
	ftruncate(fd, 4 * PAGE);
	CHECK("a store behind the end is gone after truncate up", map[200] == 0);
	CHECK("and so for read", pread(fd, buf2, PAGE, 0) == PAGE && buf2[99] == 'm' && buf2[200] == 0);
	CHECK("the pages cut off are zeros in the mapping", all_zero(map + PAGE, 3 * PAGE));
	ftruncate(fd, 100);
	map[200] = 's';
	CHECK("a store behind the end is gone after an extending write",
		pwrite(fd, "w", 1, PAGE) == 1 && map[200] == 0 && map[PAGE] == 'w');
	munmap(map, 4 * PAGE);
	CHECK("truncate to 0", ftruncate(fd, 0) == 0 && blocks_of(fd) == 0);
	CHECK_ERRNO("truncate of no such file", truncate("none", 0), ENOENT);
	CHECK_ERRNO("truncate of a directory", truncate(".", 0), EISDIR);
	close(fd);
	unlink("trunc");
}

static void test_stat(void)
{
	struct stat a, b;
	int fd = create("stat");

	write(fd, buf, 10);
	CHECK("fstat and stat agree",
		fstat(fd, &a) == 0 && stat("stat", &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	CHECK("the type and mode", S_ISREG(a.st_mode) && (a.st_mode & 0700) == 0600);
	CHECK("size, links and block size", a.st_size == 10 && a.st_nlink == 1 && a.st_blksize == (long)PAGE);
	CHECK("newfstatat agrees", fstatat(AT_FDCWD, "stat", &b, 0) == 0 && a.st_ino == b.st_ino);
	CHECK("newfstatat of an empty path", fstatat(fd, "", &b, AT_EMPTY_PATH) == 0 && a.st_ino == b.st_ino);
	CHECK("lstat agrees", lstat("stat", &b) == 0 && a.st_ino == b.st_ino);
	CHECK("a directory's type", stat(".", &b) == 0 && S_ISDIR(b.st_mode));
	CHECK_ERRNO("stat of no such file", stat("none", &b), ENOENT);
	CHECK_ERRNO("stat of an empty path", stat("", &b), ENOENT);
	close(fd);
	unlink("stat");
}

/* Counts a directory's entries, or those with this name. */
static int entries(const char *path, const char *name)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int n = 0;

	if (!dir)
		return -1;
	while ((d = readdir(dir)))
		n += !name || !strcmp(d->d_name, name);
	closedir(dir);
	return n;
}

static void test_directories(void)
{
	struct stat st;
	char cwd[256], name[32];
	int made = 0, removed = 0;
	int fd;

	CHECK("mkdir", mkdir("dir", 0755) == 0 && is_directory("dir"));
	CHECK("a new directory has . and .. alone", entries("dir", NULL) == 2);
	CHECK("it has two links", stat("dir", &st) == 0 && st.st_nlink == 2);
	CHECK_ERRNO("mkdir again", mkdir("dir", 0755), EEXIST);
	CHECK_ERRNO("mkdir below no such directory", mkdir("none/x", 0755), ENOENT);
	CHECK("mkdir below", mkdir("dir/sub", 0755) == 0 && stat("dir", &st) == 0 && st.st_nlink == 3);
	CHECK_ERRNO("rmdir of a full directory", rmdir("dir"), ENOTEMPTY);
	CHECK("rmdir below", rmdir("dir/sub") == 0 && stat("dir", &st) == 0 && st.st_nlink == 2);
	CHECK_ERRNO("rmdir of no such directory", rmdir("none"), ENOENT);
	CHECK_ERRNO("unlink of a directory", unlink("dir"), EISDIR);
	fd = create("dir/file");
	CHECK_ERRNO("rmdir of a file", rmdir("dir/file"), ENOTDIR);
	CHECK_ERRNO("mkdir over a file", mkdir("dir/file", 0755), EEXIST);
	CHECK("readdir shows the file", entries("dir", "file") == 1);
	close(fd);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "dir/entry-number-%d", i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		made += fd >= 0;
		close(fd);
	}
	CHECK("500 files in a directory", made == 500 && entries("dir", NULL) == 503);
	CHECK("each is there once",
		entries("dir", "entry-number-0") == 1 && entries("dir", "entry-number-499") == 1);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "dir/entry-number-%d", i);
		removed += unlink(name) == 0;
	}
	CHECK("all are removed again", removed == 500 && entries("dir", NULL) == 3);
	CHECK("chdir and getcwd",
		chdir("dir") == 0 && getcwd(cwd, sizeof(cwd)) && strlen(cwd) > 4 &&
			!strcmp(cwd + strlen(cwd) - 4, "/dir"));
	CHECK("a relative path from there", size_of("file") == 0 && is_directory("../dir"));
	CHECK("chdir ..", chdir("..") == 0 && is_directory("dir"));
	CHECK_ERRNO("chdir to a file", chdir("dir/file"), ENOTDIR);
	fd = open("dir", O_RDONLY | O_DIRECTORY);
	CHECK("openat and newfstatat relative to a directory",
		close(openat(fd, "file", O_RDONLY)) == 0 && fstatat(fd, "file", &st, 0) == 0);
	CHECK_ERRNO("openat relative to a bad descriptor", openat(999, "file", O_RDONLY), EBADF);
	CHECK_ERRNO("read of a directory", read(fd, buf, 10), EISDIR);
	close(fd);
	unlink("dir/file");
	CHECK("rmdir", rmdir("dir") == 0 && !is_directory("dir"));
}

static void test_unlink(void)
{
	int fd = create("gone");

	write(fd, "still here", 10);
	CHECK("unlink of an open file", unlink("gone") == 0 && size_of("gone") == -1);
	CHECK_ERRNO("unlink again", unlink("gone"), ENOENT);
	CHECK("the open file can be read", pread(fd, buf2, 10, 0) == 10 && !memcmp(buf2, "still here", 10));
	CHECK("and written", pwrite(fd, buf, 3 * PAGE, 0) == 3 * PAGE);
	close(fd);
	CHECK_ERRNO("unlink through a file", unlink("gone/x"), ENOENT);
}

static void test_rename(void)
{
	struct stat a, b;
	int fd = create("from");

	write(fd, "payload", 7);
	close(fd);
	stat("from", &a);
	CHECK("rename to a new name",
		rename("from", "to") == 0 && size_of("from") == -1 && stat("to", &b) == 0 &&
			a.st_ino == b.st_ino);
	close(create("target"));
	CHECK("rename over a file",
		rename("to", "target") == 0 && size_of("to") == -1 && stat("target", &b) == 0 &&
			a.st_ino == b.st_ino);
	CHECK("rename to itself", rename("target", "target") == 0 && size_of("target") == 7);
	CHECK_ERRNO("rename of no such file", rename("none", "x"), ENOENT);
	mkdir("d1", 0755);
	mkdir("d2", 0755);
	CHECK("rename into a directory", rename("target", "d1/f") == 0 && size_of("d1/f") == 7);
	CHECK_ERRNO("rename of a file over a directory", rename("d1/f", "d2"), EISDIR);
	CHECK_ERRNO("rename of a directory over a file", rename("d2", "d1/f"), ENOTDIR);
	CHECK_ERRNO("rename over a full directory", rename("d2", "d1"), ENOTEMPTY);
	CHECK_ERRNO("rename of a directory into itself", rename("d1", "d1/x"), EINVAL);
	CHECK("rename over an empty directory",
		rename("d1", "d2") == 0 && size_of("d2/f") == 7 && !is_directory("d1"));
	mkdir("d3", 0755);
	CHECK("rename of a directory into another", rename("d2", "d3/d2") == 0 && size_of("d3/d2/f") == 7);
	CHECK("its .. is the new parent",
		stat("d3/d2/..", &a) == 0 && stat("d3", &b) == 0 && a.st_ino == b.st_ino && b.st_nlink == 3);
	unlink("d3/d2/f");
	rmdir("d3/d2");
	CHECK("cleaned up", rmdir("d3") == 0);
}

static void test_fsync(void)
{
	int fd = create("sync");
	char *map;

	ftruncate(fd, 2 * PAGE);
	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	map[0] = 'a';
	CHECK("fsync with a dirty page", fsync(fd) == 0);
	CHECK("fsync with none", fsync(fd) == 0);
	map[0] = 'b';
	map[PAGE] = 'c';
	CHECK("msync", msync(map, 2 * PAGE, MS_SYNC) == 0);
	CHECK("the stores are there",
		pread(fd, buf2, 1, 0) == 1 && buf2[0] == 'b' && pread(fd, buf2, 1, PAGE) == 1 &&
			buf2[0] == 'c');
	munmap(map, 2 * PAGE);
	close(fd);
	unlink("sync");
	sync();
}

static void test_descriptors(void)
{
	int fd = create("dup");
	int fds[2];
	int other = dup(fd);

	CHECK("dup shares the offset",
		other != fd && write(fd, "abc", 3) == 3 && lseek(other, 0, SEEK_CUR) == 3);
	CHECK("dup2 onto a number", dup2(fd, 77) == 77 && write(77, "d", 1) == 1);
	CHECK("dup2 onto itself", dup2(77, 77) == 77);
	close(fd);
	CHECK("a duplicate outlives the original", pread(other, buf2, 4, 0) == 4 && !memcmp(buf2, "abcd", 4));
	close(other);
	close(77);
	unlink("dup");
	CHECK("pipe",
		pipe(fds) == 0 && write(fds[1], "through", 7) == 7 && read(fds[0], buf2, 100) == 7 &&
			!memcmp(buf2, "through", 7));
	close(fds[1]);
	CHECK("a pipe without writers ends", read(fds[0], buf2, 100) == 0);
	close(fds[0]);
}

static void test_stdio(void)
{
	FILE *f = fopen("stdio", "w");
	char line[64];

	CHECK("fopen, fprintf, fclose",
		f && fprintf(f, "%d %s %.3f\nsecond\n", 42, "words", 2.5) > 0 && fclose(f) == 0);
	f = fopen("stdio", "r");
	CHECK("fgets", f && fgets(line, sizeof(line), f) && !strcmp(line, "42 words 2.500\n"));
	CHECK("fseek, ftell",
		f && fseek(f, 3, SEEK_SET) == 0 && ftell(f) == 3 && fscanf(f, "%63s", line) == 1 &&
			!strcmp(line, "words"));
	if (f)
		fclose(f);
	remove("stdio");
	CHECK("remove", size_of("stdio") == -1);
}

/* The console takes what is written, and the device behind the file system shows it. */
static void test_devices(void)
{
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY);
	unsigned char magic[2] = {0};
	struct stat st;

	if (fd < 0)
		ktap_skip("no /dev/console here", "the console is a terminal");
	else
		CHECK("the console is a terminal", isatty(fd) && write(fd, "\n", 1) == 1);
	close(fd);
	fd = open("/dev/pmem0", O_RDONLY);
	if (fd < 0)
		ktap_skip("no /dev/pmem0 here", "the superblock of ext4 in /dev/pmem0");
	else
		CHECK("the superblock of ext4 in /dev/pmem0",
			!fstat(fd, &st) && S_ISBLK(st.st_mode) && pread(fd, magic, 2, 1024 + 56) == 2 &&
				magic[0] == 0x53 && magic[1] == 0xef);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/data/t";

	if (!is_directory(dir) && mkdir(dir, 0777) < 0)
		err(1, "%s", dir);
	if (chdir(dir) < 0)
		err(1, "%s", dir);
	ktap_start();
	test_open();
	test_read_write();
	test_holes();
	test_allocate();
	test_shifts();
	test_truncate();
	test_stat();
	test_directories();
	test_unlink();
	test_rename();
	test_fsync();
	test_descriptors();
	test_stdio();
	test_devices();
	return ktap_finish();
}
