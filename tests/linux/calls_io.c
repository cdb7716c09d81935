/* SPDX-License-Identifier: MIT */
/* Calls on descriptors and their data, each with its errors: calls.h. */
#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FIGETBSZ 2

static int file, read_only, write_only, append, dir, path_fd, pipe_in, pipe_out, empty_in, empty_out, counter;
static char buf[4096];
static const struct iovec vec[2] = {{buf, 10}, {buf, 20}}, bad_vec = {(void *)8, 10}, negative = {buf, -1};

static void prepare(void)
{
	int pair[2];

	file = make_file("file", 5000);
	close(make_file("other", 5000));
	read_only = open("file", O_RDONLY);
	write_only = open("file", O_WRONLY);
	append = open("file", O_WRONLY | O_APPEND);
	path_fd = open("file", O_PATH);
	dir = open(".", O_RDONLY | O_DIRECTORY);
	pipe2(pair, O_NONBLOCK);
	pipe_in = pair[0];
	pipe_out = pair[1];
	write(pipe_out, buf, 100);
	pipe2(pair, O_NONBLOCK);
	empty_in = pair[0];
	empty_out = pair[1];
	counter = (int)syscall(SYS_eventfd2, 0, O_NONBLOCK);
}

static void plain(void)
{
	T(read, OK, "file", file, buf, 10);
	T(read, EBADF, "no descriptor", NO_FD, buf, 10);
	T(read, EBADF, "write-only", write_only, buf, 10);
	T(read, EBADF, "O_PATH", path_fd, buf, 10);
	T(read, EFAULT, "bad buffer", read_only, BAD, 10);
	T(read, EISDIR, "directory", dir, buf, 10);
	T(read, EAGAIN, "empty pipe", empty_in, buf, 10);
	T(read, EINVAL, "less than an eventfd's number", counter, buf, 4);
	T(write, OK, "file", file, buf, 10);
	T(write, EBADF, "no descriptor", NO_FD, buf, 10);
	T(write, EBADF, "read-only", read_only, buf, 10);
	T(write, EBADF, "directory", dir, buf, 10);
	T(write, EFAULT, "bad buffer", file, BAD, 10);
	T(write, EINVAL, "less than an eventfd's number", counter, buf, 4);
	T(pread64, OK, "file", file, buf, 10, 100);
	T(pread64, EBADF, "no descriptor", NO_FD, buf, 10, 0);
	T(pread64, EINVAL, "negative position", file, buf, 10, -1);
	T(pread64, ESPIPE, "pipe", pipe_in, buf, 10, 0);
	T(pread64, EFAULT, "bad buffer", file, BAD, 10, 0);
	T(pread64, EISDIR, "directory", dir, buf, 10, 0);
	T(pwrite64, OK, "file", file, buf, 10, 100);
	T(pwrite64, EBADF, "no descriptor", NO_FD, buf, 10, 0);
	T(pwrite64, EBADF, "read-only", read_only, buf, 10, 0);
	T(pwrite64, EINVAL, "negative position", file, buf, 10, -1);
	T(pwrite64, ESPIPE, "pipe", pipe_out, buf, 10, 0);
	T(pwrite64, EFAULT, "bad buffer", file, BAD, 10, 0);
	T(pwrite64, EFBIG, "past the largest file", file, buf, 10, 1l << 62);
	T(lseek, OK, "start", file, 0, SEEK_SET);
	T(lseek, EBADF, "no descriptor", NO_FD, 0, SEEK_SET);
	T(lseek, EINVAL, "whence", file, 0, 99);
	T(lseek, EINVAL, "before the start", file, -1, SEEK_SET);
	T(lseek, ESPIPE, "pipe", pipe_in, 0, SEEK_SET);
	T(lseek, ENXIO, "no data past the end", file, 1l << 30, SEEK_DATA);
	T(lseek, EINVAL, "past the largest", file, -1ul >> 1, SEEK_END);
	T(lseek, ENXIO, "no hole past the end", file, 1l << 30, SEEK_HOLE);
	T(lseek, ENXIO, "no data before the start", file, -1, SEEK_DATA);
	T(lseek, EBADF, "O_PATH", path_fd, 0, SEEK_SET);
}

static void vectors(void)
{
	T(readv, OK, "file", file, vec, 2);
	T(readv, EBADF, "no descriptor", NO_FD, vec, 2);
	T(readv, EINVAL, "too many", file, vec, 1025);
	T(readv, EINVAL, "negative count", file, vec, -1);
	T(readv, EINVAL, "negative length", file, &negative, 1);
	T(readv, EFAULT, "bad vector", file, BAD, 1);
	T(readv, EFAULT, "bad piece", file, &bad_vec, 1);
	T(readv, EISDIR, "directory", dir, vec, 2);
	T(readv, EAGAIN, "empty pipe", empty_in, vec, 2);
	T(writev, OK, "file", file, vec, 2);
	T(writev, EBADF, "read-only", read_only, vec, 2);
	T(writev, EINVAL, "too many", file, vec, 1025);
	T(writev, EINVAL, "negative length", file, &negative, 1);
	T(writev, EFAULT, "bad vector", file, BAD, 1);
	T(writev, EFAULT, "bad piece", file, &bad_vec, 1);
	T(preadv, OK, "file", file, vec, 2, 10);
	T(preadv, EBADF, "no descriptor", NO_FD, vec, 2, 0);
	T(preadv, EINVAL, "negative position", file, vec, 2, -1);
	T(preadv, ESPIPE, "pipe", pipe_in, vec, 2, 0);
	T(preadv, EFAULT, "bad vector", file, BAD, 1, 0);
	T(preadv, EINVAL, "too many", file, vec, 1025, 0);
	T(preadv, EISDIR, "directory", dir, vec, 2, 0);
	T(pwritev, OK, "file", file, vec, 2, 10);
	T(pwritev, EBADF, "read-only", read_only, vec, 2, 0);
	T(pwritev, EINVAL, "negative position", file, vec, 2, -1);
	T(pwritev, ESPIPE, "pipe", pipe_out, vec, 2, 0);
	T(pwritev, EFAULT, "bad vector", file, BAD, 1, 0);
	T(preadv2, OK, "file", file, vec, 2, 10, 0, 0);
	T(preadv2, EOPNOTSUPP, "flags", file, vec, 2, 10, 0, 0x10000);
	T(preadv2, EBADF, "no descriptor", NO_FD, vec, 2, 0, 0, 0);
	T(preadv2, EINVAL, "negative position", file, vec, 2, -2, 0, 0);
	T(preadv2, EFAULT, "bad vector", file, BAD, 1, 0, 0, 0);
	T(preadv2, EISDIR, "directory", dir, vec, 2, 0, 0, 0);
	T(preadv2, ESPIPE, "pipe", pipe_in, vec, 2, 0, 0, 0);
	T(preadv2, EAGAIN, "empty pipe, without a position", empty_in, vec, 2, -1, 0, 0);
	T(pwritev2, OK, "file", file, vec, 2, 10, 0, 0);
	T(pwritev2, EOPNOTSUPP, "flags", file, vec, 2, 10, 0, 0x10000);
	T(pwritev2, EBADF, "read-only", read_only, vec, 2, 0, 0, 0);
	T(pwritev2, EFAULT, "bad vector", file, BAD, 1, 0, 0, 0);
	T(pwritev2, EINVAL, "too many", file, vec, 1025, 0, 0, 0);
	T(pwritev2, ESPIPE, "pipe", pipe_out, vec, 2, 0, 0, 0);
}

static void descriptors(void)
{
	static struct flock lock = {.l_type = F_RDLCK}, bad_lock = {.l_type = 77},
			    unlock = {.l_type = F_UNLCK}, of_process = {.l_type = F_RDLCK, .l_pid = 5},
			    write_lock = {.l_type = F_WRLCK};

	static const unsigned long all_ones = -1ul, most = -2ul;

	close((int)T(dup, OK, "file", file));
	close((int)T(dup, OK, "O_PATH", path_fd));
	T(dup2, EBADF, "from a negative one", -1, 78);
	T(dup3, EBADF, "target past the limit", file, 1 << 30, 0);
	T(dup3, EINVAL, "to itself, which is not there", NO_FD, NO_FD, 0);
	T(dup, EBADF, "no descriptor", NO_FD);
	T(dup2, OK, "to itself", file, file);
	T(dup2, EBADF, "no descriptor", NO_FD, 78);
	T(dup2, EBADF, "negative target", file, -1);
	T(dup2, EBADF, "target past the limit", file, 1 << 30);
	T(dup3, OK, "close-on-exec", file, 78, O_CLOEXEC);
	T(dup3, EINVAL, "to itself", file, file, 0);
	T(dup3, EINVAL, "flags", file, 78, O_APPEND);
	T(dup3, EBADF, "no descriptor", NO_FD, 78, 0);
	close(78);
	T(pipe, EFAULT, "bad result", BAD);
	T(pipe, OK, "a pipe", buf);
	close(((int *)buf)[0]);
	close(((int *)buf)[1]);
	T(pipe2, OK, "close-on-exec", buf, O_CLOEXEC);
	close(((int *)buf)[0]);
	close(((int *)buf)[1]);
	T(pipe2, EINVAL, "flags", buf, O_APPEND);
	T(pipe2, EFAULT, "bad result", BAD, 0);
	T(fcntl, OK, "F_GETFD", file, F_GETFD);
	T(fcntl, EBADF, "no descriptor", NO_FD, F_GETFD);
	T(fcntl, EINVAL, "command", file, 9999);
	T(fcntl, EINVAL, "F_DUPFD past the limit", file, F_DUPFD, 1 << 30);
	T(fcntl, EINVAL, "F_DUPFD, negative", file, F_DUPFD, -1);
	T(fcntl, EINVAL, "F_SETSIG, signal", file, F_SETSIG, 99);
	T(fcntl, EINVAL, "F_ADD_SEALS of a file", file, F_ADD_SEALS, F_SEAL_GROW);
	T(fcntl, EINVAL, "F_GET_SEALS of a file", file, F_GET_SEALS);
	T(fcntl, EINVAL, "F_OFD_SETLK, process", file, F_OFD_SETLK, &of_process);
	T(fcntl, EINVAL, "F_GETLK, unlock", file, F_GETLK, &unlock);
	T(fcntl, EBADF, "F_SETFL of O_PATH", path_fd, F_SETFL, 0);
	T(fcntl, EBADF, "F_SETLK, write lock by a reader", read_only, F_SETLK, &write_lock);
	T(fcntl, OK, "F_SETLK", file, F_SETLK, &lock);
	T(fcntl, EFAULT, "F_SETLK, bad lock", file, F_SETLK, BAD);
	T(fcntl, EINVAL, "F_SETLK, type", file, F_SETLK, &bad_lock);
	T(fcntl, EBADF, "F_SETLK, read lock by a writer", write_only, F_SETLK, &lock);
	T(fcntl, EBADF, "F_GETPIPE_SZ of a file", file, F_GETPIPE_SZ);
	T(fcntl, EBADF, "F_SETLK of O_PATH", path_fd, F_SETLK, &lock);
	T(fcntl, ENOTDIR, "F_NOTIFY of a file", file, F_NOTIFY, DN_MODIFY);
	T(fcntl, OK, "F_NOTIFY of nothing", file, F_NOTIFY, 0);
	T(flock, OK, "shared", read_only, LOCK_SH | LOCK_NB);
	T(flock, EAGAIN, "exclusive beside it", file, LOCK_EX | LOCK_NB);
	T(flock, EBADF, "no descriptor", NO_FD, LOCK_SH);
	T(flock, EINVAL, "operation", file, 77);
	T(flock, OK, "no more", read_only, LOCK_UN);
	close((int)T(eventfd, OK, "a counter", 1));
	T(eventfd2, EINVAL, "flags", 1, 0x100);
	close((int)T(eventfd2, OK, "not blocking", 1, O_NONBLOCK));
	T(write, EINVAL, "more than an eventfd takes", counter, &all_ones, 8);
	T(read, EAGAIN, "eventfd of 0", counter, buf, 8);
	T(write, OK, "to an eventfd", counter, &most, 8);
	T(write, EAGAIN, "full eventfd", counter, &most, 8);
	T(read, OK, "from an eventfd", counter, buf, 8);
	T(lseek, OK, "eventfd, which has no position", counter, 0, SEEK_SET);
	T(pread64, ESPIPE, "eventfd", counter, buf, 8, 0);
}

static void syncing(void)
{
	T(fsync, OK, "file", file);
	T(fsync, EBADF, "no descriptor", NO_FD);
	T(fsync, EINVAL, "pipe", pipe_in);
	T(fdatasync, OK, "file", file);
	T(fdatasync, EBADF, "no descriptor", NO_FD);
	T(fdatasync, EINVAL, "pipe", pipe_in);
	T(sync, OK, "all");
	T(syncfs, OK, "by a file", file);
	T(syncfs, EBADF, "no descriptor", NO_FD);
	T(sync_file_range, OK, "file", file, 0, 0, 7);
	T(sync_file_range, EBADF, "no descriptor", NO_FD, 0, 0, 0);
	T(sync_file_range, EINVAL, "flags", file, 0, 0, 8);
	T(sync_file_range, EINVAL, "negative", file, -1, 0, 0);
	T(sync_file_range, EINVAL, "negative length", file, 0, -1, 0);
	T(sync_file_range, EBADF, "O_PATH", path_fd, 0, 0, 0);
	T(syncfs, EBADF, "O_PATH", path_fd);
	T(fsync, EBADF, "O_PATH", path_fd);
	T(fsync, EINVAL, "eventfd", counter);
	T(fsync, OK, "directory", dir);
	T(fsync, OK, "read-only", read_only);
	T(sync_file_range, ESPIPE, "pipe", pipe_in, 0, 0, 0);
}

static void sizes(void)
{
	T(ftruncate, OK, "file", file, 8192);
	T(ftruncate, EBADF, "no descriptor", NO_FD, 0);
	T(ftruncate, EINVAL, "read-only", read_only, 0);
	T(ftruncate, EINVAL, "negative", file, -1);
	T(ftruncate, EINVAL, "pipe", pipe_out, 0);
	T(ftruncate, EINVAL, "directory", dir, 0);
	T(ftruncate, EBADF, "O_PATH", path_fd, 0);
	T(ftruncate, EFBIG, "too large", file, 1l << 62);
	T(fallocate, OK, "file", file, 0, 0, 8192);
	T(fallocate, EBADF, "no descriptor", NO_FD, 0, 0, 10);
	T(fallocate, EBADF, "read-only", read_only, 0, 0, 10);
	T(fallocate, EINVAL, "no length", file, 0, 0, 0);
	T(fallocate, EINVAL, "negative offset", file, 0, -1, 10);
	T(fallocate, EFBIG, "too large", file, 0, 1l << 62, 1l << 62);
	T(fallocate, EOPNOTSUPP, "mode", file, 0x1000, 0, 10);
	T(fallocate, EOPNOTSUPP, "punch without keep-size", file, FALLOC_FL_PUNCH_HOLE, 0, 10);
	T(fallocate, ESPIPE, "pipe", pipe_out, 0, 0, 10);
	T(fallocate, ENODEV, "device", open("/dev/null", O_RDWR), 0, 0, 10);
	T(readahead, OK, "file", file, 0, 100);
	T(readahead, EBADF, "no descriptor", NO_FD, 0, 100);
	T(readahead, EBADF, "write-only", write_only, 0, 100);
	T(readahead, EINVAL, "pipe", pipe_in, 0, 100);
	T(readahead, EINVAL, "directory", dir, 0, 100);
	T(readahead, EBADF, "O_PATH", path_fd, 0, 100);
	T(fadvise64, OK, "file", file, 0, 0, 0);
	T(fadvise64, EBADF, "no descriptor", NO_FD, 0, 0, 0);
	T(fadvise64, EINVAL, "advice", file, 0, 0, 77);
	T(fadvise64, EINVAL, "negative length", file, 0, -1, 0);
	T(fadvise64, EBADF, "O_PATH", path_fd, 0, 0, 0);
	T(fadvise64, ESPIPE, "pipe", pipe_in, 0, 0, 0);
}

static void copies(void)
{
	int other = open("other", O_RDWR);
	int proc = open("/proc/self/status", O_RDONLY), null = open("/dev/null", O_RDWR);
	long pos = 0, negative_pos = -1, before = -200, far = 1l << 62;

	T(sendfile, OK, "file to file", other, file, &pos, 100);
	T(sendfile, EBADF, "no source", other, NO_FD, 0, 100);
	T(sendfile, EBADF, "no target", NO_FD, file, 0, 100);
	T(sendfile, EBADF, "target is read-only", read_only, other, 0, 100);
	T(sendfile, EBADF, "source is write-only", other, write_only, 0, 100);
	T(sendfile, EBADF, "source is O_PATH", other, path_fd, 0, 100);
	T(sendfile, EBADF, "into a directory", dir, other, 0, 100);
	T(sendfile, EINVAL, "target appends", append, other, 0, 100);
	T(sendfile, EFAULT, "bad position", other, file, BAD, 100);
	T(sendfile, EINVAL, "negative position", other, file, &negative_pos, 100);
	T(sendfile, EINVAL, "negative count", other, file, &pos, -1);
	T(sendfile, EINVAL, "end past the largest position", other, file, &pos, -1ul >> 1);
	T(sendfile, EOVERFLOW, "from past the largest file", other, file, &far, 100);
	T(sendfile, ESPIPE, "position in a pipe", other, pipe_in, &pos, 100);
	T(copy_file_range, OK, "file to file", file, &pos, other, 0, 100, 0);
	T(copy_file_range, EBADF, "no source", NO_FD, 0, other, 0, 100, 0);
	T(copy_file_range, EBADF, "target is read-only", other, 0, read_only, 0, 100, 0);
	T(copy_file_range, EBADF, "target appends", other, 0, append, 0, 100, 0);
	T(copy_file_range, EINVAL, "flags", file, 0, other, 0, 100, 1);
	T(copy_file_range, EISDIR, "directory", dir, 0, other, 0, 100, 0);
	T(copy_file_range, EISDIR, "into a directory", other, 0, dir, 0, 100, 0);
	T(copy_file_range, EBADF, "source is write-only", write_only, 0, other, 0, 100, 0);
	T(copy_file_range, EBADF, "source is O_PATH", path_fd, 0, other, 0, 100, 0);
	T(copy_file_range, EINVAL, "into a pipe", file, 0, pipe_out, 0, 100, 0);
	T(copy_file_range, EINVAL, "negative position", file, &before, other, 0, 100, 0);
	T(copy_file_range, EINVAL, "pipe", pipe_in, 0, other, 0, 100, 0);
	T(copy_file_range, EINVAL, "onto itself", file, &pos, file, &pos, 100, 0);
	T(copy_file_range, EFAULT, "bad position", file, BAD, other, 0, 100, 0);
	T(copy_file_range, EOVERFLOW, "more than there are positions", file, &pos, other, 0, -1, 0);
	T(copy_file_range, EFBIG, "past the largest file", file, &pos, other, &far, 100, 0);
	T(copy_file_range, EXDEV, "from another file system", proc, 0, other, 0, 100, 0);
	T(copy_file_range, EINVAL, "into a device", file, 0, null, 0, 100, 0);
	close(proc);
	close(other);
	T(ioctl, OK, "FIONREAD", pipe_in, FIONREAD, buf);
	T(ioctl, EBADF, "no descriptor", NO_FD, FIONREAD, buf);
	T(ioctl, ENOTTY, "of a terminal", file, TCGETS, buf);
	T(ioctl, ENOTTY, "command", file, 0xdeadbeef, buf);
	T(ioctl, EFAULT, "bad result", pipe_in, FIONREAD, BAD);
	T(ioctl, EFAULT, "FIONREAD, bad result", file, FIONREAD, BAD);
	T(ioctl, EFAULT, "FIONBIO, bad argument", file, FIONBIO, BAD);
	T(ioctl, EFAULT, "FIGETBSZ, bad result", file, FIGETBSZ, BAD);
	T(ioctl, EBADF, "O_PATH", path_fd, FIONREAD, buf);
	T(ioctl, ENOTTY, "FIONREAD of a directory", dir, FIONREAD, buf);
	T(ioctl, ENOTTY, "of a terminal, null device", null, TCGETS, buf);
	T(getrandom, OK, "bytes", buf, 16, 0);
	T(getrandom, EINVAL, "flags", buf, 16, 0x100);
	T(getrandom, EINVAL, "slow and insecure", buf, 16, 6);
	T(getrandom, OK, "insecure", buf, 16, 4);
	T(getrandom, OK, "nothing, to nowhere", 0, 0, 0);
	T(getrandom, EFAULT, "bad result", BAD, 16, 0);
}

static void waiting(void)
{
	struct pollfd fds[2] = {{pipe_in, POLLIN, 0}, {NO_FD, POLLIN, 0}};
	static const struct timespec now, bad_time = {0, 1000000000}, negative_time = {-1, 0};
	struct timeval none = {0, 0}, many_us = {0, 2000000}, bad_timeval = {-1, 0};
	const long bad_set[2] = {BAD, 8}, sized_set[2] = {(long)buf, 4};
	unsigned long set[16] = {0};
	long start = 0;

	T(poll, OK, "ready", fds, 1, 0);
	T(poll, OK, "no such descriptor is an event", fds, 2, 0);
	T(poll, EFAULT, "bad array", BAD, 1, 0);
	T(poll, EINVAL, "too many", fds, 1 << 30, 0);
	T(poll, EINVAL, "negative", fds, -1, 0);
	T(ppoll, OK, "ready", fds, 1, &now, 0, 8);
	T(ppoll, EINVAL, "time", fds, 1, &bad_time, 0, 8);
	T(ppoll, EINVAL, "negative time", fds, 1, &negative_time, 0, 8);
	T(ppoll, EFAULT, "bad time", fds, 1, BAD, 0, 8);
	T(ppoll, EFAULT, "bad array", BAD, 1, &now, 0, 8);
	T(ppoll, EFAULT, "bad set", fds, 1, &now, BAD, 8);
	T(ppoll, EINVAL, "set's size", fds, 1, &now, buf, 4);
	set[0] = 1ul << pipe_in;
	T(select, OK, "ready", 64, set, 0, 0, &none);
	T(select, EINVAL, "negative count", -1, set, 0, 0, &none);
	T(select, EFAULT, "bad set", 64, BAD, 0, 0, &none);
	T(select, EFAULT, "bad time", 64, set, 0, 0, BAD);
	T(select, EINVAL, "negative time", 64, set, 0, 0, &bad_timeval);
	T(select, OK, "more than a second of microseconds", 64, set, 0, 0, &many_us);
	T(select, EFAULT, "bad second set", 64, 0, BAD, 0, &none);
	T(select, OK, "nothing", 0, 0, 0, 0, &none);
	memset(set, 0, sizeof(set));
	set[1] = 1ul << (NO_FD - 64);
	T(select, EBADF, "no descriptor", 128, set, 0, 0, &none);
	set[1] = 0;
	set[0] = 1ul << pipe_in;
	T(pselect6, OK, "ready", 64, set, 0, 0, &now, 0);
	T(pselect6, EINVAL, "negative count", -1, set, 0, 0, &now, 0);
	T(pselect6, EINVAL, "time", 64, set, 0, 0, &bad_time, 0);
	T(pselect6, EFAULT, "bad signals", 64, set, 0, 0, &now, bad_set);
	T(pselect6, EINVAL, "signals' size", 64, set, 0, 0, &now, sized_set);
	T(pselect6, EFAULT, "bad set", 64, BAD, 0, 0, &now, 0);
	memset(set, 0, sizeof(set));
	set[1] = 1ul << (NO_FD - 64);
	T(pselect6, EBADF, "no descriptor", 128, set, 0, 0, &now, 0);
	signal(SIGPIPE, SIG_IGN);
	close(pipe_in);
	T(write, EPIPE, "nobody reads", pipe_out, buf, 10);
	T(writev, EPIPE, "nobody reads", pipe_out, vec, 2);
	T(pwritev2, EPIPE, "nobody reads", pipe_out, vec, 2, -1, 0, 0);
	while (write(empty_out, buf, sizeof(buf)) > 0)
		;
	T(write, EAGAIN, "full pipe", empty_out, buf, sizeof(buf));
	T(writev, EAGAIN, "full pipe", empty_out, vec, 2);
	T(pwritev2, EAGAIN, "full pipe", empty_out, vec, 2, -1, 0, 0);
	T(sendfile, EAGAIN, "full pipe", empty_out, file, &start, 100);
	T(fcntl, EBUSY, "F_SETPIPE_SZ, less than is in it", empty_out, F_SETPIPE_SZ, 4096);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	prepare();
	plain();
	vectors();
	descriptors();
	syncing();
	sizes();
	copies();
	waiting();
	return 0;
}
