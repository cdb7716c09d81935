/* SPDX-License-Identifier: MIT */
/*
 * badcalls [DIRECTORY]: every system call with bad pointers, absurd sizes, bad descriptors and bad
 * flags. Each must return the errno that Linux returns, must not succeed, and must not end the
 * process: the tests run in a child, so that a death is a failed test. KTAP.
 */
#include "ktap.h"
#include "util.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define BAD_FD 9999
#define TOP_BIT ((long)(1UL << 63))
#define KERNEL_HALF ((long)0xffff800000000000UL)
#define BIG (1L << 47)

static int file_fd, read_only_fd, write_only_fd, dir_fd, pipe_fd;
static char *scratch;   /* two pages; the second one is not mapped */
static char *read_only; /* one page */
static char long_path[5000];

/* ---- bad pointers ---- */

enum kind { IN, OUT, PATH };

/* A call whose argument number "pointer" is replaced by each bad pointer in turn. */
struct probe {
	const char *name;
	long nr;
	int pointer;
	enum kind kind;
	long args[6];
	int null_ok;  /* NULL has a meaning there */
	long partial; /* results from 0 to below this are right as well: part was done */
};

struct bad_pointer {
	const char *name;
	long address;
};

static long call(long nr, const long *a)
{
	lseek(file_fd, 0, SEEK_SET);
	lseek(dir_fd, 0, SEEK_SET);
	errno = 0;
	return syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* In a child of its own: an execve that wrongly succeeds takes only that child. */
static int exec_child(void *arg)
{
	const long *a = arg;

	call(SYS_execve, a);
	return errno;
}

static long probe_call(const struct probe *p, const long *args)
{
	if (p->nr == SYS_execve) {
		int status = run_child(exec_child, (void *)args);

		errno = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
		return errno ? -1 : 0;
	}
	if (p->nr == SYS_wait4) {
		pid_t pid;
		long ret;
		int reason;

		fflush(NULL);
		pid = fork();
		if (pid == 0)
			_exit(0);
		ret = call(p->nr, args);
		reason = errno;
		waitpid(pid, NULL, WNOHANG); /* gone already, if the call took it */
		errno = reason;
		return ret;
	}
	return call(p->nr, args);
}

static void probe_pointers(const struct probe *p)
{
	const struct bad_pointer bad[] = {
		{"NULL", 0},
		{"the kernel's half", KERNEL_HALF},
		{"the kernel's text", (long)0xffffffff80000000UL},
		{"not canonical", (long)0x8000000000000000UL},
		{"just not canonical", (long)0x0000800000000000UL},
		{"the last byte", -1L},
		{"not mapped", (long)(scratch + PAGE)},
		{"into a page not mapped", (long)(scratch + PAGE - 1)},
		{"a read-only page", (long)read_only},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		long args[6], ret;

		if (bad[i].address == 0 && p->null_ok)
			continue;
		if (bad[i].address == (long)read_only && p->kind != OUT)
			continue;
		memcpy(args, p->args, sizeof(args));
		args[p->pointer] = bad[i].address;
		scratch[PAGE - 1] = 'a'; /* a path that goes on in the page not mapped */
		ret = probe_call(p, args);
		if (!ktap_result((ret == -1 && errno == EFAULT) || (ret >= 0 && ret < p->partial),
			    "%s, pointer %s", p->name, bad[i].name))
			ktap_note("returned %ld, errno %d, wanted EFAULT", ret, errno);
	}
}

static void test_pointers(void)
{
	static struct stat st;
	static char *argv[] = {"true", NULL};
	struct iovec to_bad = {.iov_base = (void *)KERNEL_HALF, .iov_len = 64};
	struct iovec second[2] = {
		{.iov_base = &st, .iov_len = 0}, {.iov_base = scratch + PAGE, .iov_len = 64}};
	const char *none = "badcalls-none";
	const struct probe probes[] = {
		{"read", SYS_read, 1, OUT, {file_fd, 0, 64}, 0, 64},
		{"write", SYS_write, 1, IN, {file_fd, 0, 64}, 0, 64},
		{"pread64", SYS_pread64, 1, OUT, {file_fd, 0, 64, 0}, 0, 64},
		{"pwrite64", SYS_pwrite64, 1, IN, {file_fd, 0, 64, 0}, 0, 64},
		{"readv", SYS_readv, 1, IN, {file_fd, 0, 1}, 0, 0},
		{"writev", SYS_writev, 1, IN, {file_fd, 0, 1}, 0, 0},
		{"open", SYS_open, 0, PATH, {0, O_RDONLY}, 0, 0},
		{"openat", SYS_openat, 1, PATH, {AT_FDCWD, 0, O_RDONLY}, 0, 0},
		{"stat's path", SYS_stat, 0, PATH, {0, (long)&st}, 0, 0},
		{"stat's result", SYS_stat, 1, OUT, {(long)"/", 0}, 0, 0},
		{"fstat", SYS_fstat, 1, OUT, {file_fd, 0}, 0, 0},
		{"newfstatat's path", SYS_newfstatat, 1, PATH, {AT_FDCWD, 0, (long)&st, 0}, 0, 0},
		{"newfstatat's result", SYS_newfstatat, 2, OUT, {AT_FDCWD, (long)"/"}, 0, 0},
		{"unlink", SYS_unlink, 0, PATH, {0}, 0, 0},
		{"mkdir", SYS_mkdir, 0, PATH, {0, 0777}, 0, 0},
		{"rmdir", SYS_rmdir, 0, PATH, {0}, 0, 0},
		{"rename's source", SYS_rename, 0, PATH, {0, (long)none}, 0, 0},
		{"rename's target", SYS_rename, 1, PATH, {(long)"badcalls-file", 0}, 0, 0},
		{"truncate", SYS_truncate, 0, PATH, {0, 0}, 0, 0},
		{"chdir", SYS_chdir, 0, PATH, {0}, 0, 0},
		{"getdents64", SYS_getdents64, 1, OUT, {dir_fd, 0, 1024}, 0, 0},
		{"getcwd", SYS_getcwd, 0, OUT, {0, 1024}, 0, 0},
		{"pipe2", SYS_pipe2, 0, OUT, {0, 0}, 0, 0},
		{"uname", SYS_uname, 0, OUT, {0}, 0, 0},
		{"clock_gettime", SYS_clock_gettime, 1, OUT, {CLOCK_MONOTONIC, 0}, 0, 0},
		{"nanosleep", SYS_nanosleep, 0, IN, {0, 0}, 0, 0},
		{"getrandom", SYS_getrandom, 0, OUT, {0, 64, 0}, 0, 64},
		{"wait4's status", SYS_wait4, 1, OUT, {-1, 0, 0, 0}, 1, 0},
		{"arch_prctl's result", SYS_arch_prctl, 1, OUT, {ARCH_GET_FS, 0}, 0, 0},
		{"execve's path", SYS_execve, 0, PATH, {0, (long)argv, (long)environ}, 0, 0},
		{"execve's argv", SYS_execve, 1, IN, {(long)"/bin/true", 0, (long)environ}, 1, 0},
		{"execve's envp", SYS_execve, 2, IN, {(long)"/bin/true", (long)argv, 0}, 1, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		probe_pointers(&probes[i]);
	CHECK_ERRNO("readv into the kernel's half", readv(file_fd, &to_bad, 1), EFAULT);
	CHECK_ERRNO("writev from the kernel's half", writev(file_fd, &to_bad, 1), EFAULT);
	CHECK_ERRNO("writev, second piece not mapped", writev(file_fd, second, 2), EFAULT);
	argv[0] = (char *)KERNEL_HALF;
	probe_pointers(&(struct probe){
		"execve's path again", SYS_execve, 0, PATH, {0, (long)argv, (long)environ}, 0, 0});
	CHECK_ERRNO("execve with a bad string in argv",
		probe_call(&(struct probe){.nr = SYS_execve},
			(long[6]){(long)"/bin/true", (long)argv, (long)environ}),
		EFAULT);
}

/* ---- bad values ---- */

/* One call and the errnos that are right; 0 ends the list. */
struct value_case {
	const char *name;
	int want[3];
	long nr;
	long args[6];
};

static void test_values(const struct value_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct value_case *c = &cases[i];
		long ret = call(c->nr, c->args);
		int right = 0;

		for (size_t k = 0; k < ARRAY_SIZE(c->want) && c->want[k]; k++)
			right |= errno == c->want[k];
		if (!ktap_result(ret == -1 && right, "%s", c->name))
			ktap_note("returned %ld, errno %d, wanted %d", ret, errno, c->want[0]);
	}
}

static void test_descriptors(void)
{
	static struct stat st;
	long buf = (long)scratch;
	const struct value_case cases[] = {
		{"read, bad descriptor", {EBADF}, SYS_read, {BAD_FD, buf, 1}},
		{"read, descriptor -1", {EBADF}, SYS_read, {-1, buf, 1}},
		{"read, write-only descriptor", {EBADF}, SYS_read, {write_only_fd, buf, 1}},
		{"read, directory", {EISDIR}, SYS_read, {dir_fd, buf, 1}},
		{"write, bad descriptor", {EBADF}, SYS_write, {BAD_FD, buf, 1}},
		{"write, read-only descriptor", {EBADF}, SYS_write, {read_only_fd, buf, 1}},
		{"pread64, bad descriptor", {EBADF}, SYS_pread64, {BAD_FD, buf, 1, 0}},
		{"pwrite64, bad descriptor", {EBADF}, SYS_pwrite64, {BAD_FD, buf, 1, 0}},
		{"pread64, pipe", {ESPIPE}, SYS_pread64, {pipe_fd, buf, 1, 0}},
		{"readv, bad descriptor", {EBADF}, SYS_readv, {BAD_FD, buf, 0}},
		{"writev, bad descriptor", {EBADF}, SYS_writev, {BAD_FD, buf, 0}},
		{"close, bad descriptor", {EBADF}, SYS_close, {BAD_FD}},
		{"close, descriptor -1", {EBADF}, SYS_close, {-1}},
		{"close, descriptor INT_MIN", {EBADF}, SYS_close, {-0x7fffffffL - 1}},
		{"lseek, bad descriptor", {EBADF}, SYS_lseek, {BAD_FD, 0, SEEK_SET}},
		{"lseek, pipe", {ESPIPE}, SYS_lseek, {pipe_fd, 0, SEEK_SET}},
		{"fstat, bad descriptor", {EBADF}, SYS_fstat, {BAD_FD, (long)&st}},
		{"newfstatat, bad descriptor", {EBADF}, SYS_newfstatat, {BAD_FD, (long)"x", (long)&st, 0}},
		{"newfstatat, descriptor of a file", {ENOTDIR}, SYS_newfstatat,
			{file_fd, (long)"x", (long)&st, 0}},
		{"openat, bad descriptor", {EBADF}, SYS_openat, {BAD_FD, (long)"x", 0}},
		{"openat, descriptor of a file", {ENOTDIR}, SYS_openat, {file_fd, (long)"x", 0}},
		{"ftruncate, bad descriptor", {EBADF}, SYS_ftruncate, {BAD_FD, 0}},
		{"ftruncate, read-only descriptor", {EINVAL}, SYS_ftruncate, {read_only_fd, 0}},
		{"ftruncate, pipe", {EINVAL}, SYS_ftruncate, {pipe_fd, 0}},
		{"fallocate, bad descriptor", {EBADF}, SYS_fallocate, {BAD_FD, 0, 0, 1}},
		{"fallocate, read-only descriptor", {EBADF}, SYS_fallocate, {read_only_fd, 0, 0, 1}},
		{"fsync, bad descriptor", {EBADF}, SYS_fsync, {BAD_FD}},
		{"fsync, pipe", {EINVAL}, SYS_fsync, {pipe_fd}},
		{"ioctl, bad descriptor", {EBADF}, SYS_ioctl, {BAD_FD, TCGETS, buf}},
		{"ioctl, file", {ENOTTY}, SYS_ioctl, {file_fd, TCGETS, buf}},
		{"ioctl, unknown request", {ENOTTY}, SYS_ioctl, {file_fd, 0xdeadbeef, buf}},
		{"getdents64, bad descriptor", {EBADF}, SYS_getdents64, {BAD_FD, buf, 1024}},
		{"getdents64, file", {ENOTDIR}, SYS_getdents64, {file_fd, buf, 1024}},
		{"dup, bad descriptor", {EBADF}, SYS_dup, {BAD_FD}},
		{"dup2, bad descriptor", {EBADF}, SYS_dup2, {BAD_FD, 5}},
		{"dup2, bad target", {EBADF}, SYS_dup2, {file_fd, -1}},
		{"dup2, huge target", {EBADF}, SYS_dup2, {file_fd, 0x7fffffff}},
		{"mmap, bad descriptor", {EBADF}, SYS_mmap, {0, PAGE, PROT_READ, MAP_SHARED, BAD_FD, 0}},
		{"mmap, directory", {ENODEV}, SYS_mmap, {0, PAGE, PROT_READ, MAP_SHARED, dir_fd, 0}},
		{"mmap, pipe", {ENODEV, EACCES}, SYS_mmap, {0, PAGE, PROT_READ, MAP_PRIVATE, pipe_fd, 0}},
		{"mmap shared writable, read-only descriptor", {EACCES}, SYS_mmap,
			{0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, read_only_fd, 0}},
		{"mmap, write-only descriptor", {EACCES}, SYS_mmap,
			{0, PAGE, PROT_READ, MAP_SHARED, write_only_fd, 0}},
	};

	test_values(cases, ARRAY_SIZE(cases));
}

static void test_sizes(void)
{
	static struct iovec iov[1025];
	static struct iovec negative = {.iov_base = &negative, .iov_len = 1UL << 63};
	long buf = (long)scratch;
	long end = (long)(scratch + PAGE);
	long ro = (long)read_only; /* mprotect may apply to the part that is mapped */
	const struct value_case cases[] = {
		{"read, size -1", {EINVAL, EFAULT}, SYS_read, {file_fd, buf, -1}},
		{"read, size 1<<63", {EINVAL, EFAULT}, SYS_read, {file_fd, buf, TOP_BIT}},
		{"read, size 1<<47, nothing mapped", {EFAULT}, SYS_read, {file_fd, end, BIG}},
		{"write, size -1", {EINVAL, EFAULT}, SYS_write, {file_fd, buf, -1}},
		{"write, size 1<<63", {EINVAL, EFAULT}, SYS_write, {file_fd, buf, TOP_BIT}},
		{"write, size 1<<47, nothing mapped", {EFAULT}, SYS_write, {file_fd, end, BIG}},
		{"pread64, offset -1", {EINVAL}, SYS_pread64, {file_fd, buf, 1, -1}},
		{"pwrite64, offset -1", {EINVAL}, SYS_pwrite64, {file_fd, buf, 1, -1}},
		{"pwrite64, last offset", {EINVAL, EFBIG}, SYS_pwrite64,
			{file_fd, buf, 1, 0x7fffffffffffffffL}},
		{"readv, count -1", {EINVAL}, SYS_readv, {file_fd, (long)iov, -1}},
		{"readv, count 1025", {EINVAL}, SYS_readv, {file_fd, (long)iov, 1025}},
		{"writev, count -1", {EINVAL}, SYS_writev, {file_fd, (long)iov, -1}},
		{"writev, count 1025", {EINVAL}, SYS_writev, {file_fd, (long)iov, 1025}},
		{"readv, piece of 1<<63", {EINVAL}, SYS_readv, {file_fd, (long)&negative, 1}},
		{"writev, piece of 1<<63", {EINVAL}, SYS_writev, {file_fd, (long)&negative, 1}},
		{"lseek, before the start", {EINVAL}, SYS_lseek, {file_fd, -1, SEEK_SET}},
		{"truncate, length -1", {EINVAL}, SYS_truncate, {(long)"badcalls-file", -1}},
		{"ftruncate, length -1", {EINVAL}, SYS_ftruncate, {file_fd, -1}},
		{"ftruncate, length 1<<63", {EINVAL}, SYS_ftruncate, {file_fd, TOP_BIT}},
		{"ftruncate, length 1<<62", {EFBIG}, SYS_ftruncate, {file_fd, 1L << 62}},
		{"fallocate, length 0", {EINVAL}, SYS_fallocate, {file_fd, 0, 0, 0}},
		{"fallocate, length -1", {EINVAL}, SYS_fallocate, {file_fd, 0, 0, -1}},
		{"fallocate, offset -1", {EINVAL}, SYS_fallocate, {file_fd, 0, -1, 1}},
		{"fallocate, offset + length too large", {EFBIG}, SYS_fallocate,
			{file_fd, 0, 0x7ffffffffffff000L, 0x1000}},
		{"mmap, length 0", {EINVAL}, SYS_mmap, {0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
		{"mmap, length -1", {ENOMEM}, SYS_mmap,
			{0, -1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
		{"mmap, length 1<<63", {ENOMEM}, SYS_mmap,
			{0, TOP_BIT, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
		{"mmap, length 1<<47", {ENOMEM}, SYS_mmap,
			{0, BIG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
		{"mmap, offset + length too large", {EOVERFLOW, EINVAL}, SYS_mmap,
			{0, 2 * PAGE, PROT_READ, MAP_SHARED, file_fd, 0x7ffffffffffff000L}},
		{"munmap, length 0", {EINVAL}, SYS_munmap, {buf, 0}},
		{"munmap, length 1<<63", {EINVAL}, SYS_munmap, {buf, TOP_BIT}},
		{"munmap, length -1", {EINVAL}, SYS_munmap, {buf, -1}},
		{"munmap, the kernel's half", {EINVAL}, SYS_munmap, {KERNEL_HALF, PAGE}},
		{"mprotect, length -1", {ENOMEM, EINVAL, EFAULT}, SYS_mprotect, {ro, -PAGE, 1}},
		{"mprotect, length 1<<47", {ENOMEM}, SYS_mprotect, {ro, BIG, PROT_READ}},
		{"mprotect, the kernel's half", {ENOMEM}, SYS_mprotect, {KERNEL_HALF, PAGE, 1}},
		{"madvise, length 1<<63", {EINVAL, ENOMEM}, SYS_madvise, {buf, TOP_BIT, 0}},
		{"msync, length 1<<47", {ENOMEM}, SYS_msync, {buf, BIG, MS_SYNC}},
		{"getdents64, size 1", {EINVAL}, SYS_getdents64, {dir_fd, buf, 1}},
		{"getcwd, size 0", {ERANGE}, SYS_getcwd, {buf, 0}},
		{"getcwd, size 1", {ERANGE}, SYS_getcwd, {buf, 1}},
		{"open, path too long", {ENAMETOOLONG}, SYS_open, {(long)long_path, 0}},
		{"stat, path too long", {ENAMETOOLONG}, SYS_stat, {(long)long_path, buf}},
		{"mkdir, name too long", {ENAMETOOLONG}, SYS_mkdir,
			{(long)(long_path + sizeof(long_path) - 300), 0777}},
	};

	test_values(cases, ARRAY_SIZE(cases));
}

static void test_flags(void)
{
	static const struct timespec bad_nsec = {.tv_sec = 0, .tv_nsec = 1000000000};
	static const struct timespec negative = {.tv_sec = -1, .tv_nsec = 0};
	long buf = (long)scratch;
	const struct value_case cases[] = {
		{"open, empty path", {ENOENT}, SYS_open, {(long)"", 0}},
		{"open, no such file", {ENOENT}, SYS_open, {(long)"badcalls-none", 0}},
		{"open, file as directory", {ENOTDIR}, SYS_open,
			{(long)"badcalls-file", O_RDONLY | O_DIRECTORY}},
		{"open, path through a file", {ENOTDIR}, SYS_open, {(long)"badcalls-file/x", 0}},
		{"open, directory for writing", {EISDIR}, SYS_open, {(long)".", O_RDWR}},
		{"open, create over a directory", {EISDIR}, SYS_open, {(long)".", O_CREAT | O_RDWR}},
		{"open, exclusive, exists", {EEXIST}, SYS_open,
			{(long)"badcalls-file", O_CREAT | O_EXCL, 0666}},
		{"lseek, bad whence", {EINVAL}, SYS_lseek, {file_fd, 0, 99}},
		{"fallocate, bad mode", {EOPNOTSUPP}, SYS_fallocate, {file_fd, 0x1000, 0, PAGE}},
		{"fallocate, punch without keep-size", {EOPNOTSUPP}, SYS_fallocate,
			{file_fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE}},
		{"fallocate, bad mode, bad descriptor", {EBADF}, SYS_fallocate, {BAD_FD, 0x1000, 0, PAGE}},
		{"fallocate, bad mode, read-only descriptor", {EOPNOTSUPP}, SYS_fallocate,
			{read_only_fd, 0x1000, 0, PAGE}},
		{"fallocate, collapse and more", {EOPNOTSUPP, EINVAL}, SYS_fallocate,
			{file_fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE}},
		{"fallocate, insert and more", {EOPNOTSUPP, EINVAL}, SYS_fallocate,
			{file_fd, FALLOC_FL_INSERT_RANGE | FALLOC_FL_ZERO_RANGE, 0, PAGE}},
		{"fallocate, punch and zero range", {EOPNOTSUPP}, SYS_fallocate,
			{file_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE, 0,
				PAGE}},
		{"fallocate, unshare and more", {EOPNOTSUPP, EINVAL}, SYS_fallocate,
			{file_fd, FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_ZERO_RANGE, 0, PAGE}},
		{"fallocate, collapse up to the end", {EINVAL}, SYS_fallocate,
			{file_fd, FALLOC_FL_COLLAPSE_RANGE, 0, 1L << 40}},
		{"sync_file_range, bad descriptor", {EBADF}, SYS_sync_file_range, {BAD_FD, 0, 0, 0}},
		{"sync_file_range, bad flags", {EINVAL}, SYS_sync_file_range, {file_fd, 0, 0, 8}},
		{"sync_file_range, offset -1", {EINVAL}, SYS_sync_file_range, {file_fd, -1, 10, 2}},
		{"sync_file_range, length -1", {EINVAL}, SYS_sync_file_range, {file_fd, 1, -1, 2}},
		{"newfstatat, bad flags", {EINVAL}, SYS_newfstatat, {AT_FDCWD, (long)".", buf, 0x40000000}},
		{"mmap, neither shared nor private", {EINVAL}, SYS_mmap,
			{0, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0}},
		{"mmap, odd offset", {EINVAL}, SYS_mmap, {0, PAGE, PROT_READ, MAP_SHARED, file_fd, 123}},
		{"mmap, fixed at an odd address", {EINVAL}, SYS_mmap,
			{buf + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0}},
		{"mmap, fixed in the kernel's half", {ENOMEM}, SYS_mmap,
			{KERNEL_HALF, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0}},
		{"mmap, fixed across the end of user space", {ENOMEM}, SYS_mmap,
			{0x7ffffffff000, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				0}},
		{"munmap, odd address", {EINVAL}, SYS_munmap, {buf + 1, PAGE}},
		{"mprotect, odd address", {EINVAL}, SYS_mprotect, {buf + 1, PAGE, PROT_READ}},
		{"mprotect, bad protection", {EINVAL}, SYS_mprotect, {buf, PAGE, 0x40000000}},
		{"mprotect, not mapped", {ENOMEM}, SYS_mprotect, {buf + PAGE, PAGE, PROT_READ}},
		{"madvise, bad advice", {EINVAL}, SYS_madvise, {buf, PAGE, 0x7777}},
		{"madvise, odd address", {EINVAL}, SYS_madvise, {buf + 1, PAGE, MADV_NORMAL}},
		{"msync, bad flags", {EINVAL}, SYS_msync, {buf, PAGE, 0x100}},
		{"msync, both ways", {EINVAL}, SYS_msync, {buf, PAGE, MS_SYNC | MS_ASYNC}},
		{"msync, odd address", {EINVAL}, SYS_msync, {buf + 1, PAGE, MS_SYNC}},
		{"msync, not mapped", {ENOMEM}, SYS_msync, {buf + PAGE, PAGE, MS_SYNC}},
		{"wait4, no children", {ECHILD}, SYS_wait4, {-1, 0, 0, 0}},
		{"wait4, not a child", {ECHILD}, SYS_wait4, {1, 0, 0, 0}},
		{"wait4, bad options", {EINVAL}, SYS_wait4, {-1, 0, 0x7fff0000, 0}},
		{"execve, no such file", {ENOENT}, SYS_execve, {(long)"badcalls-none", 0, 0}},
		{"execve, directory", {EACCES}, SYS_execve, {(long)".", 0, 0}},
		{"execve, path through a file", {ENOTDIR}, SYS_execve, {(long)"badcalls-file/x", 0, 0}},
		{"nanosleep, nanoseconds too large", {EINVAL}, SYS_nanosleep, {(long)&bad_nsec, 0}},
		{"nanosleep, negative", {EINVAL}, SYS_nanosleep, {(long)&negative, 0}},
		{"clock_gettime, bad clock", {EINVAL}, SYS_clock_gettime, {12345, buf}},
		{"arch_prctl, bad code", {EINVAL}, SYS_arch_prctl, {0x7777, buf}},
		{"arch_prctl, FS in the kernel's half", {EPERM}, SYS_arch_prctl, {ARCH_SET_FS, KERNEL_HALF}},
		{"getrandom, bad flags", {EINVAL}, SYS_getrandom, {buf, 16, 0x7000}},
		{"chdir, file", {ENOTDIR}, SYS_chdir, {(long)"badcalls-file"}},
		{"chdir, no such directory", {ENOENT}, SYS_chdir, {(long)"badcalls-none"}},
		{"pipe2, bad flags", {EINVAL}, SYS_pipe2, {buf, 0x7}},
		{"kill, bad signal", {EINVAL}, SYS_kill, {getpid(), 999}},
		{"kill, no such process", {ESRCH}, SYS_kill, {0x3fffffff, SIGTERM}},
		{"reboot, bad magic", {EINVAL, EPERM}, SYS_reboot, {1, 2, 3, 0}},
		{"unlink, no such file", {ENOENT}, SYS_unlink, {(long)"badcalls-none"}},
		{"unlink, directory", {EISDIR}, SYS_unlink, {(long)"badcalls-dir"}},
		{"rmdir, file", {ENOTDIR}, SYS_rmdir, {(long)"badcalls-file"}},
		{"rmdir, dot", {EINVAL}, SYS_rmdir, {(long)"badcalls-dir/."}},
		{"mkdir, exists", {EEXIST}, SYS_mkdir, {(long)"badcalls-dir", 0777}},
		{"rename, no such file", {ENOENT}, SYS_rename,
			{(long)"badcalls-none", (long)"badcalls-none2"}},
		{"rename, into itself", {EINVAL}, SYS_rename, {(long)"badcalls-dir", (long)"badcalls-dir/x"}},
		{"truncate, directory", {EISDIR}, SYS_truncate, {(long)"badcalls-dir", 0}},
		{"call number -1", {ENOSYS}, -1, {0}},
		{"call number 9999", {ENOSYS}, 9999, {0}},
		{"call number 1<<31", {ENOSYS}, 1L << 31, {0}},
	};

	test_values(cases, ARRAY_SIZE(cases));
}

/* Times that no inode can hold become the nearest that one can, and are written out as that. */
static void test_times(void)
{
	static const int64_t seconds[] = {
		INT64_MIN, INT64_MIN + 1, -1, 1LL << 31, 1LL << 34, 1LL << 40, INT64_MAX};
	struct stat before, after;

	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
		const struct timespec times[2] = {{.tv_sec = seconds[i]}, {.tv_sec = seconds[i]}};

		CHECK("utimensat with absurd seconds",
			syscall(SYS_utimensat, AT_FDCWD, "badcalls-file", times, 0) == 0);
		fstat(file_fd, &before);
		CHECK("fsync of such times", fsync(file_fd) == 0);
		fstat(file_fd, &after);
		CHECK("their sign", (after.st_mtime < 0) == (seconds[i] < 0));
		CHECK("they stay", after.st_mtime == before.st_mtime && after.st_atime == before.st_atime);
	}
}

/* Calls that have no errors of their own must bear anything. */
static void test_harmless(void)
{
	long big = BIG, kernel = KERNEL_HALF;
	long brk = syscall(SYS_brk, 0L);

	CHECK("brk, 1<<47, is refused by no change", syscall(SYS_brk, big) == brk);
	CHECK("brk, the kernel's half, is refused by no change", syscall(SYS_brk, kernel) == brk);
	CHECK("brk, -1, is refused by no change", syscall(SYS_brk, -1L) == brk);
	CHECK("brk, 1, is refused by no change", syscall(SYS_brk, 1L) == brk);
	CHECK("read, size 0, bad pointer", syscall(SYS_read, (long)file_fd, kernel, 0L) <= 0);
	CHECK("getpid with garbage", syscall(SYS_getpid, kernel, big, -1L) == getpid());
	CHECK("getppid with garbage", syscall(SYS_getppid, -1L, kernel) == getppid());
	CHECK("sched_yield with garbage", syscall(SYS_sched_yield, -1L, kernel) == 0);
	CHECK("sync with garbage", syscall(SYS_sync, -1L, kernel) == 0);
	CHECK("mmap, a hint in the kernel's half, goes elsewhere",
		(unsigned long)syscall(SYS_mmap, kernel, (long)PAGE, (long)PROT_READ,
			(long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L) < (1UL << 47));
	CHECK("munmap of nothing", munmap(scratch + PAGE, PAGE) == 0);
	CHECK("the process can still write and read",
		pwrite(file_fd, "alive", 5, 0) == 5 && pread(file_fd, scratch, 5, 0) == 5 &&
			!memcmp(scratch, "alive", 5));
}

static int set_id_address(void *arg)
{
	(void)arg;
	return syscall(SYS_set_tid_address, KERNEL_HALF) == getpid() ? 0 : 1;
}

static void set_up(const char *dir)
{
	int fds[2];

	if (!is_directory(dir) && mkdir(dir, 0777) < 0)
		err(1, "%s", dir);
	if (chdir(dir) < 0)
		err(1, "%s", dir);
	mkdir("badcalls-dir", 0777);
	file_fd = open("badcalls-file", O_RDWR | O_CREAT | O_TRUNC, 0666);
	read_only_fd = open("badcalls-file", O_RDONLY);
	write_only_fd = open("badcalls-file", O_WRONLY);
	dir_fd = open(".", O_RDONLY | O_DIRECTORY);
	if (file_fd < 0 || read_only_fd < 0 || write_only_fd < 0 || dir_fd < 0 || pipe(fds) < 0)
		err(1, "set-up in %s", dir);
	pipe_fd = fds[1];
	memset(long_path, 'n', sizeof(long_path) - 1);
	write_all(file_fd, long_path, 256);
	/* Page by page: writable, not mapped, read-only, not mapped. */
	scratch = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (scratch == MAP_FAILED)
		err(1, "mmap");
	read_only = scratch + 2 * PAGE;
	if (munmap(scratch + PAGE, PAGE) < 0 || munmap(scratch + 3 * PAGE, PAGE) < 0 ||
		mprotect(read_only, PAGE, PROT_READ) < 0)
		err(1, "set-up of memory");
	memset(scratch, 'a', PAGE);
}

static int all_tests(void *arg)
{
	set_up(arg);
	ktap_start();
	test_pointers();
	test_descriptors();
	test_sizes();
	test_flags();
	test_harmless();
	test_times();
	CHECK("set_tid_address in the kernel's half, then exit", run_child(set_id_address, NULL) == 0);
	rmdir("badcalls-dir");
	unlink("badcalls-file");
	return ktap_finish();
}

int main(int argc, char **argv)
{
	int status = run_child(all_tests, argc > 1 ? argv[1] : "/data/t");

	if (WIFSIGNALED(status)) {
		printf("not ok - the test process was %s\n", status_text(status));
		return 1;
	}
	return shell_status(status);
}
