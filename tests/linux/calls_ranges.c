/* SPDX-License-Identifier: MIT */
/*
 * Calls that ext4 and few others take: ranges of a file that are taken out, put in or zeroed, and what files refuse that are marked
 * as append-only or immutable: calls.h. tests/linux.t asks the host's file system first.
 *
 * Files that are marked have lost their names before: nobody could remove them.
 */
#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK 4096l
#define COLLAPSE 8
#define ZERO 0x10
#define INSERT 0x20
#define PUNCH 3                    /* with KEEP_SIZE */
#define LARGEST 0x7ffffffffffff000 /* no file is larger */
#define GET_FLAGS 0x80086601ul
#define SET_FLAGS 0x40086602ul
#define IMMUTABLE 0x10
#define APPEND_ONLY 0x20
#define FIEMAP 0xc020660bul

static char buf[512];

static void show(const char *what, int fd)
{
	static unsigned char block[8][BLOCK];
	long n = pread(fd, block, sizeof(block), 0), size = lseek(fd, 0, SEEK_END);
	unsigned long sum = 0;

	for (long at = 0; at < n; at++)
		sum += block[at / BLOCK][at % BLOCK] * (unsigned long)(at + 1);
	say("%s: %ld bytes, %ld of them with the sum %lu; the blocks begin with %d %d %d %d", what, size, n,
		sum, block[0][0], block[1][0], block[2][0], block[3][0]);
}

static void ranges(void)
{
	int file = make_file("file", 5 * BLOCK + 100), read_only = open("file", O_RDONLY), pair[2];

	pipe(pair);
	T(fallocate, OK, "collapse", file, COLLAPSE, BLOCK, BLOCK);
	show("after it", file);
	T(fallocate, EINVAL, "collapse, part of a block", file, COLLAPSE, 100, BLOCK);
	T(fallocate, EINVAL, "collapse, length of part of a block", file, COLLAPSE, BLOCK, 100);
	T(fallocate, EINVAL, "collapse to the end", file, COLLAPSE, BLOCK, 4 * BLOCK);
	T(fallocate, EINVAL, "collapse past the end", file, COLLAPSE, 8 * BLOCK, BLOCK);
	T(fallocate, EINVAL, "collapse, no length", file, COLLAPSE, BLOCK, 0);
	T(fallocate, EBADF, "collapse, read-only", read_only, COLLAPSE, BLOCK, BLOCK);
	T(fallocate, ESPIPE, "collapse of a pipe", pair[1], COLLAPSE, BLOCK, BLOCK);
	T(fallocate, OK, "insert", file, INSERT, BLOCK, 2 * BLOCK);
	show("after it", file);
	T(fallocate, EINVAL, "insert, part of a block", file, INSERT, 100, BLOCK);
	T(fallocate, EINVAL, "insert, length of part of a block", file, INSERT, BLOCK, 100);
	T(fallocate, EINVAL, "insert at the end", file, INSERT, 8 * BLOCK, BLOCK);
	T(fallocate, EFBIG, "insert, too large", file, INSERT, 0, LARGEST);
	T(fallocate, EBADF, "insert, read-only", read_only, INSERT, BLOCK, BLOCK);
	T(fallocate, OK, "zero", file, ZERO, 3 * BLOCK - 100, 200);
	show("after it", file);
	T(fallocate, OK, "zero, past the end", file, ZERO, 0, 10 * BLOCK);
	show("after it", file);
	T(fallocate, OK, "zero, past the end, and keep the size", file, ZERO | FALLOC_FL_KEEP_SIZE, 0,
		20 * BLOCK);
	show("after it", file);
	T(fallocate, EFBIG, "zero, too large", file, ZERO, LARGEST, BLOCK);
	T(fallocate, EBADF, "zero, read-only", read_only, ZERO, 0, BLOCK);
	T(fallocate, EOPNOTSUPP, "zero and punch", file, ZERO | PUNCH, 0, BLOCK);
	T(fallocate, OK, "punch", file, PUNCH, 100, BLOCK);
	show("after it", file);
	T(fallocate, EBADF, "punch, read-only", read_only, PUNCH, 0, BLOCK);
	close(file);
	close(read_only);
}

static void mark(int fd, unsigned flag)
{
	unsigned flags = 0;

	T(ioctl, OK, "FS_IOC_GETFLAGS", fd, GET_FLAGS, &flags);
	flags = (flags & ~(unsigned)(IMMUTABLE | APPEND_ONLY)) | flag;
	T(ioctl, OK, "FS_IOC_SETFLAGS", fd, SET_FLAGS, &flags);
}

static void append_only(void)
{
	int file = make_file("append", 3 * BLOCK), append = open("append", O_RDWR | O_APPEND);

	unlink("append");
	mark(file, APPEND_ONLY);
	T(write, OK, "append-only", append, buf, 10);
	T(ftruncate, EPERM, "append-only", append, 0);
	T(fallocate, OK, "append-only", append, 0, 0, 4 * BLOCK);
	T(fallocate, EPERM, "punch, append-only", append, PUNCH, 0, BLOCK);
	T(fallocate, EPERM, "zero, append-only", append, ZERO, 0, BLOCK);
	T(fallocate, EPERM, "collapse, append-only", append, COLLAPSE, 0, BLOCK);
	T(fallocate, EPERM, "insert, append-only", append, INSERT, 0, BLOCK);
	T(fcntl, EPERM, "F_SETFL without O_APPEND, append-only", append, F_SETFL, 0);
	T(fchmod, EPERM, "append-only", append, 0600);
	T(fchown, EPERM, "append-only", append, 0, 0);
	T(mmap, EACCES, "shared, append-only", 0, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, append, 0);
	mark(file, 0);
	T(ftruncate, OK, "not any more", append, 0);
	close(append);
	close(file);
}

static void immutable(void)
{
	int file = make_file("kept", 3 * BLOCK), source = make_file("source", 100);
	const struct iovec vec = {buf, 10};
	long from = 0;

	unlink("kept");
	mark(file, IMMUTABLE);
	lseek(file, 0, SEEK_SET);
	T(read, OK, "immutable", file, buf, 10);
	T(write, EPERM, "immutable", file, buf, 10);
	T(pwrite64, EPERM, "immutable", file, buf, 10, 0);
	T(writev, EPERM, "immutable", file, &vec, 1);
	T(pwritev, EPERM, "immutable", file, &vec, 1, 0);
	T(pwritev2, EPERM, "immutable", file, &vec, 1, 0, 0, 0);
	T(ftruncate, EPERM, "immutable", file, 0);
	T(fallocate, EPERM, "immutable", file, 0, 0, BLOCK);
	T(fallocate, EPERM, "punch, immutable", file, PUNCH, 0, BLOCK);
	T(copy_file_range, EPERM, "immutable", source, &from, file, 0, 10, 0);
	T(sendfile, EPERM, "immutable", file, source, &from, 10);
	T(fchmod, EPERM, "immutable", file, 0600);
	T(fchown, EPERM, "immutable", file, 0, 0);
	mark(file, 0);
	T(write, OK, "not any more", file, buf, 10);
	close(file);
	close(source);
}

struct map { /* struct fiemap */
	unsigned long start, length;
	unsigned flags, mapped, count, reserved;
};

static void extents(void)
{
	int file = make_file("file", 5 * BLOCK);
	static struct map all = {.length = -1ul}, none;
	static union {
		struct map head;
		char with_extents[4096]; /* should they come */
	} many = {.head = {.length = -1ul, .count = -1u}};

	T(ioctl, OK, "FIEMAP", file, FIEMAP, &all);
	T(ioctl, EINVAL, "FIEMAP, no length", file, FIEMAP, &none);
	T(ioctl, EINVAL, "FIEMAP, more extents than can be", file, FIEMAP, &many);
	T(ioctl, EFAULT, "FIEMAP, bad request", file, FIEMAP, BAD);
	close(file);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	ranges();
	append_only();
	immutable();
	extents();
	return 0;
}
