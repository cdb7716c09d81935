/* SPDX-License-Identifier: MIT */
/* Advisory locks: record locks, open-file-description locks, flock; across processes, with waiting and deadlocks. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static int lock(int fd, int cmd, int type, long start, long len)
{
	struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, cmd, &l);
}

static void show(const char *what, int fd, int cmd, int type, long start, long len, int self)
{
	struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	if (fcntl(fd, cmd, &l))
		say("%s: %s", what, errno_name(errno));
	else if (l.l_type == F_UNLCK)
		say("%s: free", what);
	else
		say("%s: type %d, %ld + %ld, %s", what, l.l_type, (long)l.l_start, (long)l.l_len,
			l.l_pid == self         ? "parent"
				: l.l_pid == -1 ? "an open file"
						: "another");
}

static void records(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0644), ro = open("file", O_RDONLY),
	    wo = open("file", O_WRONLY);
	int self = getpid(), pid;

	row("F_SETLK, write, 10 + 10", lock(fd, F_SETLK, F_WRLCK, 10, 10));
	row("F_SETLK, read, 30 to the end", lock(fd, F_SETLK, F_RDLCK, 30, 0));
	row("F_SETLK, own ranges never conflict", lock(fd, F_SETLK, F_WRLCK, 15, 2));
	row("F_SETLK, middle becomes read", lock(fd, F_SETLK, F_RDLCK, 12, 4));
	row("F_SETLK, write on read-only", lock(ro, F_SETLK, F_WRLCK, 0, 1));
	row("F_SETLK, read on write-only", lock(wo, F_SETLK, F_RDLCK, 0, 1));
	row("F_SETLK, type", lock(fd, F_SETLK, 7, 0, 1));
	row("F_SETLK, negative start", lock(fd, F_SETLK, F_RDLCK, -1, 1));
	row("F_SETLK, negative length", lock(fd, F_SETLK, F_WRLCK, 5, -3));
	row("F_SETLK, negative length, too much", lock(fd, F_SETLK, F_WRLCK, 2, -3));
	row("F_SETLK, bad", lock(77, F_SETLK, F_WRLCK, 0, 1));
	row("F_GETLK, unlock", lock(fd, F_GETLK, F_UNLCK, 0, 1));
	show("F_GETLK, own", fd, F_GETLK, F_WRLCK, 0, 0, self);
	pid = fork();
	if (!pid) {
		show("child: 0", fd, F_GETLK, F_WRLCK, 0, 2, self);
		show("child: 2 to 4", fd, F_GETLK, F_WRLCK, 0, 5, self);
		show("child: 10", fd, F_GETLK, F_RDLCK, 10, 1, self);
		show("child: 12 for reading", fd, F_GETLK, F_RDLCK, 12, 4, self);
		show("child: 12 for writing", fd, F_GETLK, F_WRLCK, 12, 1, self);
		show("child: 16", fd, F_GETLK, F_RDLCK, 16, 1, self);
		show("child: 20", fd, F_GETLK, F_WRLCK, 20, 10, self);
		show("child: 1000", fd, F_GETLK, F_WRLCK, 1000, 1, self);
		row("child: F_SETLK, conflict", lock(fd, F_SETLK, F_WRLCK, 18, 1));
		row("child: F_SETLK, free", lock(fd, F_SETLK, F_WRLCK, 22, 2));
		row("child: F_SETLK, shared", lock(fd, F_SETLK, F_RDLCK, 40, 2));
		table_child_end();
	}
	table_wait("child", pid);
	row("F_SETLK, what the child had", lock(fd, F_SETLK, F_WRLCK, 22, 2));
	row("unlock all", lock(fd, F_SETLK, F_UNLCK, 0, 0));
	row("F_SETLK, whole", lock(fd, F_SETLK, F_WRLCK, 0, 0));
	close(dup(fd)); /* any close of the file takes them all away */
	pid = fork();
	if (!pid) {
		show("child, after a close", fd, F_GETLK, F_WRLCK, 0, 0, self);
		table_child_end();
	}
	table_wait("child", pid);
	close(fd);
	close(ro);
	close(wo);
}

static void waiting(void)
{
	int fd = open("file", O_RDWR), pid, p[2];
	char c;

	pipe(p);
	lock(fd, F_SETLK, F_WRLCK, 0, 10);
	pid = fork();
	if (!pid) {
		row("child: waits", lock(fd, F_SETLKW, F_WRLCK, 5, 10));
		write(p[1], "g", 1);
		table_child_end();
	}
	pause_ms(10);
	say("parent unlocks");
	lock(fd, F_SETLK, F_UNLCK, 0, 10);
	read(p[0], &c, 1);
	table_wait("child", pid);
	row("after the child's end", lock(fd, F_SETLK, F_WRLCK, 0, 0));
	lock(fd, F_SETLK, F_UNLCK, 0, 0);
	/* A circle: the parent has 0 and wants 1, the child has 1 and wants 0. Who asks last gets EDEADLK. */
	lock(fd, F_SETLK, F_WRLCK, 0, 1);
	pid = fork();
	if (!pid) {
		lock(fd, F_SETLK, F_WRLCK, 1, 1);
		write(p[1], "x", 1);
		row("child: gets 0 in the end", lock(fd, F_SETLKW, F_WRLCK, 0, 1));
		table_child_end();
	}
	read(p[0], &c, 1);
	pause_ms(20);
	row("parent: circle", lock(fd, F_SETLKW, F_WRLCK, 1, 1));
	lock(fd, F_SETLK, F_UNLCK, 0, 1);
	table_wait("child", pid);
	close(fd);
	close(p[0]);
	close(p[1]);
}

static void *wait_for_lock(void *fd)
{
	row("waits, and its descriptor is closed", lock(*(int *)fd, F_SETLKW, F_WRLCK, 0, 10));
	return NULL;
}

/* A lock that is granted after close() has looked for locks to drop would stay for ever. */
static void closed_meanwhile(void)
{
	int fd = open("file", O_RDWR), other = open("file", O_RDWR), held[2], go[2], pid;
	pthread_t thread;
	char c;

	pipe(held);
	pipe(go);
	pid = fork();
	if (!pid) {
		lock(other, F_SETLK, F_WRLCK, 0, 10);
		write(held[1], "x", 1);
		read(go[0], &c, 1);
		table_child_end();
	}
	read(held[0], &c, 1);
	pthread_create(&thread, NULL, wait_for_lock, &fd);
	pause_ms(20);
	close(fd);
	write(go[1], "x", 1);
	pthread_join(thread, NULL);
	table_wait("child", pid);
	pid = fork();
	if (!pid) {
		show("child, after that", other, F_GETLK, F_WRLCK, 0, 0, getppid());
		table_child_end();
	}
	table_wait("child", pid);
	close(other);
	close(held[0]);
	close(held[1]);
	close(go[0]);
	close(go[1]);
}

static void open_files(void)
{
	int a = open("file", O_RDWR), b = open("file", O_RDWR), self = getpid();
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_pid = 5};

	row("OFD, pid given", fcntl(a, F_OFD_SETLK, &l));
	row("OFD, write", lock(a, F_OFD_SETLK, F_WRLCK, 0, 10));
	row("OFD, conflict in one process", lock(b, F_OFD_SETLK, F_WRLCK, 5, 1));
	show("OFD, who", b, F_OFD_GETLK, F_WRLCK, 0, 0, self);
	show("record lock, who", b, F_GETLK, F_WRLCK, 0, 0, self);
	row("record lock against OFD", lock(b, F_SETLK, F_RDLCK, 0, 1));
	int c = dup(a);
	close(a);
	row("OFD, kept by the duplicate", lock(b, F_OFD_SETLK, F_WRLCK, 5, 1));
	close(c);
	row("OFD, gone with the last", lock(b, F_OFD_SETLK, F_WRLCK, 5, 1));
	c = open("file", O_RDWR);
	self = fork();
	if (!self) {
		row("child: OFD, waits", lock(c, F_OFD_SETLKW, F_WRLCK, 0, 10));
		table_child_end();
	}
	pause_ms(20);
	say("parent unlocks");
	lock(b, F_OFD_SETLK, F_UNLCK, 5, 1);
	table_wait("OFD, got by the child", self);
	row("OFD, still of the shared file", lock(b, F_OFD_SETLK, F_RDLCK, 0, 1));
	close(c);
	row("OFD, gone with it", lock(b, F_OFD_SETLK, F_RDLCK, 0, 1));
	close(b);
}

static void whole(void)
{
	int a = open("file", O_RDWR), b = open("file", O_RDWR), pid;

	row("flock, LOCK_SH", flock(a, LOCK_SH));
	row("flock, LOCK_SH, other", flock(b, LOCK_SH | LOCK_NB));
	row("flock, LOCK_EX", flock(a, LOCK_EX | LOCK_NB));
	row("flock, LOCK_UN", flock(b, LOCK_UN));
	row("flock, LOCK_EX, alone", flock(a, LOCK_EX | LOCK_NB));
	row("flock, LOCK_EX again", flock(a, LOCK_EX | LOCK_NB));
	row("flock, other", flock(b, LOCK_SH | LOCK_NB));
	row("flock, record locks are others", lock(b, F_SETLK, F_WRLCK, 0, 0));
	row("flock, operation", flock(a, 0));
	row("flock, bad", flock(77, LOCK_SH));
	pid = fork();
	if (!pid) {
		row("child: the same open file", flock(a, LOCK_EX | LOCK_NB));
		row("child: waits", flock(b, LOCK_EX));
		table_child_end();
	}
	pause_ms(10);
	say("parent unlocks");
	flock(a, LOCK_UN);
	table_wait("child", pid);
	row("flock, still of the shared file", flock(a, LOCK_SH | LOCK_NB));
	close(b);
	row("flock, gone with it", flock(a, LOCK_SH | LOCK_NB));
	close(a);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	records();
	waiting();
	closed_meanwhile();
	open_files();
	whole();
	return 0;
}
