/* SPDX-License-Identifier: MIT */
/* The helpers of util.h; errors end the program, so callers need no checks. */
#include "util.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 1024

long long parse_number(const char *text)
{
	static const char suffixes[] = "KMG";
	const char *suffix;
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 0);
	if (end == text || errno)
		errx(2, "%s: not a number", text);
	if (*end && !end[1] && (suffix = strchr(suffixes, *end))) {
		int shift = 10 * (int)(suffix - suffixes + 1);

		if (n > (INT64_MAX >> shift) || n < -(INT64_MAX >> shift))
			errx(2, "%s: too large", text);
		return n * (1LL << shift);
	}
	if (*end)
		errx(2, "%s: not a number", text);
	return n;
}

void write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n <= 0)
			err(1, "write");
		p += n;
		len -= (size_t)n;
	}
}

const char *join_path(const char *dir, const char *name)
{
	static char bufs[4][PATH_SIZE];
	static unsigned turn;
	char *buf = bufs[turn++ % ARRAY_SIZE(bufs)];
	const char *slash = name && dir[0] && dir[strlen(dir) - 1] != '/' ? "/" : "";

	if (snprintf(buf, PATH_SIZE, "%s%s%s", dir, slash, name ? name : "") >= PATH_SIZE)
		errx(1, "%s: the path is too long", dir);
	return buf;
}

const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void *map_new_file(const char *path, size_t len)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
	void *p;

	if (fd < 0 || ftruncate(fd, (off_t)len) < 0)
		err(1, "%s", path);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err(1, "mmap %s", path);
	close(fd);
	return p;
}

const char *find_program(const char *name)
{
	static const char *const dirs[] = {"/bin", "/sbin"};
	struct stat st;

	if (strchr(name, '/'))
		return stat(name, &st) == 0 ? name : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		const char *path = join_path(dirs[i], name);

		if (stat(path, &st) == 0)
			return path;
	}
	return NULL;
}

int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			err(1, "waitpid");
	return status;
}

int run_child(int (*fn)(void *), void *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		int ret = fn(arg);

		fflush(NULL);
		_exit(ret);
	}
	return wait_for(pid);
}

int shell_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

const char *status_text(int status)
{
	static char text[80];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		snprintf(text, sizeof(text), "exited with %d", WEXITSTATUS(status));
	return text;
}

long now_ms(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		err(1, "clock_gettime");
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
