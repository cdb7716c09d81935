/* SPDX-License-Identifier: MIT */
/* Pipes, FIFOs, eventfd, poll and select. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char block[65536];

static long polled(const char *what, int fd, int events, int timeout)
{
	struct pollfd p = {.fd = fd, .events = (short)events};
	int n = poll(&p, 1, timeout);

	say("%s -> %d, %x", what, n, p.revents);
	return n;
}

static void pipes(void)
{
	int p[2], n = 0;
	char c;

	row("pipe2, flags", pipe2(p, 1));
	row("pipe2, null", syscall(SYS_pipe2, 8, 0));
	row("pipe2, O_NONBLOCK", pipe2(p, O_NONBLOCK));
	row("read, empty", read(p[0], &c, 1));
	row("read of the write end", read(p[1], &c, 1));
	row("write to the read end", write(p[0], &c, 1));
	row("lseek", lseek(p[0], 0, SEEK_CUR));
	row("pread", pread(p[0], &c, 1, 0));
	row("F_GETPIPE_SZ", fcntl(p[0], F_GETPIPE_SZ));
	polled("poll, empty, read end", p[0], POLLIN, 0);
	polled("poll, empty, write end", p[1], POLLOUT, 0);
	for (;;) {
		long got = write(p[1], block, sizeof(block));
		if (got < 0)
			break;
		n += (int)got;
	}
	row("write, full", -1);
	say("capacity %d", n);
	polled("poll, full, read end", p[0], POLLIN, 0);
	polled("poll, full, write end", p[1], POLLOUT, 0);
	row("read", read(p[0], block, sizeof(block)));
	row("write again", write(p[1], "abc", 3));
	close(p[1]);
	polled("poll, no writer, data", p[0], POLLIN, 0);
	row("read, rest", read(p[0], block, 100));
	polled("poll, no writer", p[0], POLLIN, 0);
	row("read, end", read(p[0], block, 100));
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	pipe(p);
	close(p[0]);
	polled("poll, no reader", p[1], POLLOUT, 0);
	row("write, no reader", write(p[1], "x", 1));
	close(p[1]);
	signal(SIGPIPE, SIG_DFL);
	int pid = fork();
	if (!pid) {
		pipe(p);
		close(p[0]);
		write(p[1], "x", 1);
		table_child_end();
	}
	table_wait("write, no reader, SIGPIPE", pid);
}

static void waits(void)
{
	int p[2], pid;
	char c;

	pipe(p);
	pid = fork();
	if (!pid) {
		pause_ms(5);
		write(p[1], "x", 1);
		table_child_end();
	}
	polled("poll, a child writes", p[0], POLLIN, 5000);
	table_wait("child", pid);
	row("read", read(p[0], &c, 1));
	polled("poll, time is up", p[0], POLLIN, 5);
	polled("poll, negative descriptor", -1, POLLIN, 0);
	polled("poll, bad descriptor", 77, POLLIN, 0);
	row("poll, nothing", poll(NULL, 0, 1));
	row("poll, null", syscall(SYS_poll, 8, 1, 0));
	row("ppoll, bad time", syscall(SYS_ppoll, NULL, 0, &(struct timespec){0, 1000000000}, NULL, 8));
	int file = open("file", O_RDWR | O_CREAT, 0644), null = open("/dev/null", O_RDWR);
	polled("poll, file", file, POLLIN | POLLOUT, 0);
	polled("poll, null", null, POLLIN | POLLOUT, 0);
	pid = fork();
	if (!pid) {
		pause_ms(5);
		table_child_end();
	}
	close(p[1]);
	polled("poll, the last writer ends", p[0], POLLIN, 5000);
	table_wait("child", pid);
	close(p[0]);
	close(file);
	close(null);
}

static void on_signal(int signo)
{
	(void)signo;
}

static void say_blocked(const char *what, long result)
{
	sigset_t now;

	sigprocmask(SIG_SETMASK, NULL, &now);
	say("%s -> %ld; blocked: USR1 %d, USR2 %d", what, result, sigismember(&now, SIGUSR1),
		sigismember(&now, SIGUSR2));
}

/* The mask of the wait is that of the wait alone, however it ends. */
static void masks(void)
{
	struct timespec zero = {0, 0}, ms = {0, 1000000}, second = {1, 0};
	struct pollfd ready = {.events = POLLIN};
	sigset_t usr1, usr2, none;
	int p[2];

	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	pipe(p);
	write(p[1], "x", 1);
	ready.fd = p[0];
	sigprocmask(SIG_SETMASK, &usr1, NULL);
	say_blocked("ppoll, ready", ppoll(&ready, 1, &ms, &usr2));
	say_blocked("ppoll, time is up", ppoll(NULL, 0, &ms, &usr2));
	say_blocked("ppoll, bad array", syscall(SYS_ppoll, 8, 1, &zero, &usr2, 8));
	say_blocked("pselect, time is up", pselect(0, NULL, NULL, NULL, &ms, &usr2));
	say_blocked("pselect, negative count", pselect(-1, NULL, NULL, NULL, &ms, &usr2));
	raise(SIGUSR1);
	say_blocked("ppoll, lets USR1 through", ppoll(NULL, 0, &second, &usr2));
	raise(SIGUSR1);
	say_blocked("pselect, lets USR1 through", pselect(0, NULL, NULL, NULL, &second, &usr2));
	ppoll(&ready, 1, &ms, &none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	say_blocked("a handler, later", raise(SIGUSR2));
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
	close(p[0]);
	close(p[1]);
}

/* Waits for what the parent writes, or for time to pass. */
static long wait_by(const char *call, int fd, long ms)
{
	static const struct timespec constant = {10, 0};
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	fd_set in;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	if (!strcmp(call, "poll"))
		return syscall(SYS_poll, &p, 1, ms);
	if (!strcmp(call, "ppoll"))
		return syscall(SYS_ppoll, &p, 1, &t, NULL, 8);
	if (!strcmp(call, "select"))
		return syscall(SYS_select, fd + 1, &in, NULL, NULL, &tv);
	if (!strcmp(call, "pselect6"))
		return syscall(SYS_pselect6, fd + 1, &in, NULL, NULL, &t, NULL);
	return syscall(SYS_pselect6, fd + 1, &in, NULL, NULL, &constant, NULL);
}

static long ms_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void stopped_in(const char *call, long ms)
{
	int p[2], status, pid;

	pipe(p);
	pid = fork();
	if (!pid) {
		long start = ms_now();

		row(call, wait_by(call, p[0], ms));
		if (ms < 1000)
			say("not before its time: %d", ms_now() - start >= ms);
		table_child_end();
	}
	pause_ms(50);
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGCONT);
	pause_ms(20);
	if (ms >= 1000)
		write(p[1], "x", 1);
	table_wait("stopped, continued", pid);
	close(p[0]);
	close(p[1]);
}

/* Where no handler runs a wait goes on, if what is left of its time can be kept. */
static void stops(void)
{
	stopped_in("poll", 10000);
	stopped_in("ppoll", 10000);
	stopped_in("select", 10000);
	stopped_in("pselect6", 10000);
	stopped_in("pselect6, constant time", 10000);
	stopped_in("poll", 150);
	stopped_in("select", 150);
}

static void selects(void)
{
	struct timeval zero = {0, 0}, bad = {-1, 0}, ms = {0, 2000};
	fd_set in, out;
	int p[2];

	pipe(p);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	row("select, writable", select(10, &in, &out, NULL, &zero));
	say("in %d out %d", !!FD_ISSET(p[0], &in), !!FD_ISSET(p[1], &out));
	write(p[1], "x", 1);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	row("select, both", select(10, &in, &out, NULL, NULL));
	say("in %d out %d", !!FD_ISSET(p[0], &in), !!FD_ISSET(p[1], &out));
	FD_ZERO(&in);
	row("select, time is up", select(0, NULL, NULL, NULL, &ms));
	say("time left: %ld", (long)ms.tv_sec * 1000000 + ms.tv_usec);
	row("select, bad time", select(0, NULL, NULL, NULL, &bad));
	row("select, negative n", select(-1, NULL, NULL, NULL, &zero));
	FD_SET(77, &in);
	row("select, bad descriptor", select(78, &in, NULL, NULL, &zero));
	row("pselect", pselect(0, NULL, NULL, NULL, &(struct timespec){0, 1000}, NULL));
	close(p[0]);
	close(p[1]);
}

static void events(void)
{
	unsigned long long v = 0;
	int fd = eventfd(3, EFD_NONBLOCK), sem = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	char c[16];

	row("eventfd, flags", eventfd(0, 2));
	polled("poll", fd, POLLIN | POLLOUT, 0);
	row("read", read(fd, &v, 8));
	say("%llu", v);
	row("read, zero", read(fd, &v, 8));
	polled("poll, zero", fd, POLLIN | POLLOUT, 0);
	row("read, small", read(fd, c, 4));
	row("write, small", write(fd, c, 4));
	v = ~0ull;
	row("write, too large", write(fd, &v, 8));
	v = ~0ull - 1;
	row("write, largest", write(fd, &v, 8));
	polled("poll, full", fd, POLLIN | POLLOUT, 0);
	v = 1;
	row("write, overflow", write(fd, &v, 8));
	row("read, semaphore", read(sem, &v, 8));
	say("%llu", v);
	read(sem, &v, 8);
	row("read, semaphore, zero", read(sem, &v, 8));
	close(fd);
	close(sem);
	fd = eventfd(0, 0);
	int pid = fork();
	if (!pid) {
		v = 7;
		write(fd, &v, 8);
		table_child_end();
	}
	row("read, waits", read(fd, &v, 8));
	say("%llu", v);
	table_wait("child", pid);
	close(fd);
}

static void fifos(void)
{
	char text[16] = "";
	int fd, pid;

	row("mkfifo", mkfifo("fifo", 0644));
	row("open, O_WRONLY O_NONBLOCK, nobody", open("fifo", O_WRONLY | O_NONBLOCK));
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	row_ok("open, O_RDONLY O_NONBLOCK", fd);
	row("read, no writer", read(fd, text, 1));
	close(fd);
	pid = fork();
	if (!pid) {
		fd = open("fifo", O_WRONLY);
		write(fd, "through", 7);
		table_child_end();
	}
	fd = open("fifo", O_RDONLY);
	row_ok("open, waits for the writer", fd);
	row("read", read(fd, text, 15));
	say("%s", text);
	row("read, end", read(fd, text, 15));
	table_wait("child", pid);
	close(fd);
	fd = open("fifo", O_RDWR);
	row("O_RDWR: write", write(fd, "self", 4));
	row("O_RDWR: read", read(fd, text, 15));
	close(fd);
	row("unlink", unlink("fifo"));
}

/* A reader is told of the end when it has seen a writer, and not before. */
static void fifo_end(void)
{
	int fd, writer, late;

	mkfifo("end", 0600);
	fd = open("end", O_RDONLY | O_NONBLOCK);
	polled("poll, no writer yet", fd, POLLIN, 0);
	writer = open("end", O_WRONLY);
	polled("poll, a writer", fd, POLLIN, 0);
	late = open("end", O_RDONLY);
	close(writer);
	polled("poll, it has gone", fd, POLLIN, 0);
	polled("poll, of who came later", late, POLLIN, 0);
	close(late);
	late = open("end", O_RDONLY | O_NONBLOCK);
	polled("poll, of who came too late", late, POLLIN, 0);
	close(late);
	close(fd);
}

#define ROUNDS 4000

/* Opens a FIFO that another process opens at the same time, passes a byte, and closes it. The byte. */
static char pass(const char *name, int flags, char c)
{
	int fd = open(name, flags);
	long n = flags == O_WRONLY ? write(fd, &c, 1) : read(fd, &c, 1);

	if (n != 1)
		_exit(1);
	close(fd);
	return c;
}

/* Whoever opens finds the other one, however soon that one closes again. On a machine with other work a round takes long: three seconds are enough. */
static void fifo_partners(void)
{
	time_t end = time(NULL) + 3;
	int pid, go_on = 1;

	mkfifo("there", 0600);
	mkfifo("back", 0600);
	pid = fork();
	alarm(30);
	for (int i = 0; i < ROUNDS && go_on; i++) {
		if (pid) {
			go_on = pass("there", O_RDONLY, 0);
			pass("back", O_WRONLY, 'x');
		} else {
			go_on = time(NULL) < end;
			pass("there", O_WRONLY, (char)go_on);
			pass("back", O_RDONLY, 0);
		}
	}
	alarm(0);
	if (!pid)
		table_child_end();
	table_wait("partners", pid);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	pipes();
	waits();
	masks();
	stops();
	selects();
	events();
	fifos();
	fifo_end();
	fifo_partners();
	return 0;
}
