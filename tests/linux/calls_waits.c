/* SPDX-License-Identifier: MIT */
/*
 * Calls that wait, ended by a handler or because they would wait for ever; and calls that meet a device or a program that runs: calls.h.
 *
 * The timer goes off again and again, so that none of its signals has to come after the call has begun.
 */
#define _GNU_SOURCE
#include "calls.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct timespec hour = {3600, 0};
static char buf[65536];

static void nothing(int sig)
{
	(void)sig;
}

static void alarms(long every_us)
{
	const struct itimerval t = {{0, every_us}, {0, every_us}};

	setitimer(ITIMER_REAL, &t, NULL);
}

/* A child that holds locks on the file until it is killed. */
static pid_t holder(void)
{
	struct flock all = {.l_type = F_WRLCK};
	int ready[2];
	pid_t pid;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (!pid) {
		int fd = open("file", O_RDWR);

		fcntl(fd, F_SETLK, &all);
		flock(fd, LOCK_EX);
		write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	read(ready[0], buf, 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* Sleeps the process? */
static int sleeps(pid_t pid)
{
	char path[32], text[256] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY);
	read(fd, text, sizeof(text) - 1);
	close(fd);
	return strstr(text, ") S ") != NULL;
}

/* Each of two has what the other waits for. */
static void circle(void)
{
	struct flock first = {.l_type = F_WRLCK, .l_len = 1},
		     second = {.l_type = F_WRLCK, .l_start = 1, .l_len = 1};
	int file = make_file("circle", 100), ready[2];
	pid_t pid;

	pipe(ready);
	fcntl(file, F_SETLK, &first);
	pid = fork();
	if (!pid) {
		fcntl(file, F_SETLK, &second);
		write(ready[1], "x", 1);
		T(fcntl, OK, "F_SETLKW, when the other has given up", file, F_SETLKW, &first);
		table_child_end();
	}
	read(ready[0], buf, 1);
	while (!sleeps(pid))
		pause_ms(10);
	T(fcntl, EDEADLK, "F_SETLKW, held by who waits for us", file, F_SETLKW, &second);
	close(file);
	table_wait("the other", pid);
}

static void interrupted(void)
{
	struct sigaction sa = {.sa_handler = nothing};
	struct flock lock = {.l_type = F_WRLCK};
	const struct iovec vec = {buf, 10};
	struct pollfd pfd;
	int pair[2], full[2], file = make_file("file", 100);
	unsigned word = 1;
	unsigned long set, usr1 = 1ul << (SIGUSR1 - 1);
	pid_t pid = holder();

	pipe(pair);
	pipe2(full, O_NONBLOCK);
	while (write(full[1], buf, sizeof(buf)) > 0)
		;
	fcntl(full[1], F_SETFL, 0);
	mkfifo("fifo", 0600);
	pfd = (struct pollfd){pair[0], POLLIN, 0};
	sigaction(SIGALRM, &sa, NULL);
	alarms(20000);
	T(read, EINTR, "empty pipe", pair[0], buf, 10);
	T(readv, EINTR, "empty pipe", pair[0], &vec, 1);
	T(preadv2, EINTR, "empty pipe", pair[0], &vec, 1, -1, 0, 0);
	T(write, EINTR, "full pipe", full[1], buf, 10);
	T(writev, EINTR, "full pipe", full[1], &vec, 1);
	T(pwritev2, EINTR, "full pipe", full[1], &vec, 1, -1, 0, 0);
	T(open, EINTR, "fifo that nobody writes", "fifo", O_RDONLY);
	T(flock, EINTR, "held by another", file, LOCK_EX);
	T(fcntl, EINTR, "F_SETLKW, held by another", file, F_SETLKW, &lock);
	T(fcntl, EAGAIN, "F_SETLK, held by another", file, F_SETLK, &lock);
	T(poll, EINTR, "nothing comes", &pfd, 1, -1);
	T(ppoll, EINTR, "nothing comes", &pfd, 1, 0, 0, 8);
	set = 1ul << pair[0];
	T(select, EINTR, "nothing comes", 64, &set, 0, 0, 0);
	set = 1ul << pair[0];
	T(pselect6, EINTR, "nothing comes", 64, &set, 0, 0, 0, 0);
	T(nanosleep, EINTR, "an hour", &hour, 0);
	T(clock_nanosleep, EINTR, "an hour", CLOCK_MONOTONIC, 0, &hour, 0);
	T(rt_sigtimedwait, EINTR, "nothing comes", &usr1, 0, &hour, 8);
	T(futex, EINTR, "nobody wakes", &word, 0, 1, 0);
	T(wait4, EINTR, "a child that lives", pid, 0, 0, 0);
	T(waitid, EINTR, "a child that lives", P_PID, pid, buf, WEXITED, 0);
	alarms(0);
	kill(pid, SIGKILL);
	T(wait4, OK, "the child, killed", pid, 0, 0, 0);
	T(fcntl, OK, "F_SETLKW, held by nobody", file, F_SETLKW, &lock);
}

static void devices(void)
{
	const struct iovec vec = {buf, 10};
	int full = open("/dev/full", O_WRONLY);

	T(write, ENOSPC, "full device", full, buf, 10);
	T(pwrite64, ENOSPC, "full device", full, buf, 10, 0);
	T(writev, ENOSPC, "full device", full, &vec, 1);
	T(pwritev, ENOSPC, "full device", full, &vec, 1, 0);
	T(pwritev2, ENOSPC, "full device", full, &vec, 1, 0, 0, 0);
	T(lseek, OK, "device without a position", full, 100, SEEK_SET);
	T(pread64, OK, "device without a position", open("/dev/zero", O_RDONLY), buf, 10, 1000);
}

/* A program that runs is not written to; one that is open for writing does not run. */
static void programs(void)
{
	const char *const argv[] = {"x", NULL};
	int fd = open("program", O_WRONLY | O_CREAT, 0755), dir = open(".", O_RDONLY);

	T(open, ETXTBSY, "a running program, for writing", "/proc/self/exe", O_WRONLY);
	T(truncate, ETXTBSY, "a running program", "/proc/self/exe", 0);
	T(execve, ETXTBSY, "a file open for writing", "program", argv, 0);
	close(fd);
	T(mmap, ENODEV, "directory", 0, 4096, PROT_READ, MAP_SHARED, dir, 0);
	T(open, ENXIO, "socket", (mknod("socket", S_IFSOCK | 0600, 0), "socket"), O_RDONLY);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	interrupted();
	circle();
	devices();
	programs();
	return 0;
}
