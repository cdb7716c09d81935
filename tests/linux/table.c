/* SPDX-License-Identifier: MIT */
/* The table: table.h. Rows are written one by one, unbuffered, so that children and crashes lose none. */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int out = -1;

#define E(name)             \
	{                   \
		name, #name \
	}
static const struct {
	int number;
	const char *name;
} names[] = {E(EPERM), E(ENOENT), E(ESRCH), E(EINTR), E(EIO), E(ENXIO), E(E2BIG), E(ENOEXEC), E(EBADF),
	E(ECHILD), E(EAGAIN), E(ENOMEM), E(EACCES), E(EFAULT), E(ENOTBLK), E(EBUSY), E(EEXIST), E(EXDEV),
	E(ENODEV), E(ENOTDIR), E(EISDIR), E(EINVAL), E(ENFILE), E(EMFILE), E(ENOTTY), E(ETXTBSY), E(EFBIG),
	E(ENOSPC), E(ESPIPE), E(EROFS), E(EMLINK), E(EPIPE), E(EDOM), E(ERANGE), E(EDEADLK), E(ENAMETOOLONG),
	E(ENOLCK), E(ENOSYS), E(ENOTEMPTY), E(ELOOP), E(ENODATA), E(ETIME), E(EOVERFLOW), E(EOPNOTSUPP),
	E(ETIMEDOUT), E(ENOTSOCK), E(EOWNERDEAD), E(ENOTRECOVERABLE), E(ECANCELED)};

const char *errno_name(int error)
{
	static char other[16];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == error)
			return names[i].name;
	snprintf(other, sizeof(other), "errno %d", error);
	return other;
}

void say(const char *format, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	if (write(out, line, (size_t)n) != n)
		_exit(3);
}

void table_begin(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s DIRECTORY RESULT\n", argv[0]);
		exit(2);
	}
	/* Out of the way of the descriptors that tests look at. */
	int fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
	out = fcntl(fd, F_DUPFD_CLOEXEC, 200);
	if (out < 0 || mkdir(argv[1], 0755) < 0 || chdir(argv[1]) < 0) {
		perror(argv[1]);
		exit(2);
	}
	close(fd);
	umask(022);
}

long row(const char *what, long result)
{
	if (result == -1)
		say("%s -> %s", what, errno_name(errno));
	else
		say("%s -> %ld", what, result);
	return result;
}

long row_ok(const char *what, long result)
{
	if (result < 0)
		say("%s -> %s", what, errno_name(errno));
	else
		say("%s -> ok", what);
	return result;
}

void table_child_end(void)
{
	_exit(0);
}

void table_wait(const char *what, int pid)
{
	int status = 0;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		say("%s: lost (%s)", what, errno_name(errno));
	else if (WIFEXITED(status))
		say("%s: exit %d", what, WEXITSTATUS(status));
	else
		say("%s: signal %d", what, WTERMSIG(status));
}

void pause_ms(int ms)
{
	struct timespec t = {0, ms * 1000000};

	syscall(SYS_nanosleep, &t, NULL);
}

int make_file(const char *name, long size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	char block[4096];

	for (long at = 0; fd >= 0 && at < size; at += (long)sizeof(block)) {
		long n = size - at < (long)sizeof(block) ? size - at : (long)sizeof(block);

		for (long i = 0; i < n; i++)
			block[i] = (char)((at + i) % 251);
		if (write(fd, block, (size_t)n) != n)
			return -1;
	}
	return fd;
}

long call_row(
	long nr, const char *name, int want, const char *what, long a, long b, long c, long d, long e, long f)
{
	long ret;
	int got;

	errno = 0;
	ret = syscall(nr, a, b, c, d, e, f);
	got = ret == -1 && errno ? errno : 0;
	say("%s: %s -> %s", name, what, got ? errno_name(got) : "ok");
	if (got != want)
		say("... where the manual page says %s", want ? errno_name(want) : "ok");
	return ret;
}

static const char *filled(char *to, size_t n)
{
	memset(to, 'n', n - 1);
	return to;
}

const char *long_name(void)
{
	static char name[257];

	return filled(name, sizeof(name));
}

const char *long_path(void)
{
	static char path[5001];

	return filled(path, sizeof(path));
}

void table_in_child(const char *what, void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		fn();
		table_child_end();
	}
	table_wait(what, pid);
}

int make_tree(int *dir, int *gone)
{
	int file = make_file("file", 5000);

	mkdir("dir", 0755);
	mkdir("dir/sub", 0755);
	close(make_file("dir/inside", 10));
	symlink("file", "link");
	symlink("loop", "loop");
	symlink("none", "dangling");
	*dir = open("dir", O_RDONLY | O_DIRECTORY);
	mkdir("gone", 0755);
	*gone = open("gone", O_RDONLY);
	rmdir("gone");
	return file;
}
