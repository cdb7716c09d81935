/* SPDX-License-Identifier: MIT */
/*
 * Directories that lie deep, and one that holds much (tests/deep.t); in the working directory, on Linux as well.
 *
 *   deep make N | remove N    N directories with long names in one another; what can be done down there; and all of them away
 *   deep fill N | empty N     N files in "many"; listed with small buffers while a second process makes and removes others
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int good, const char *what)
{
	if (!good)
		err(1, "%s", what);
}

static void fails(long result, int want, const char *what)
{
	if (result != -1 || errno != want)
		errx(1, "%s: %ld, errno %d, not %d", what, result, errno, want);
}

/* --- depth --- */

/* Each of the directories has a name as long as names can be. */
static char deep[256], up_deep[270]; /* up_deep: by way of two up, the one above */

static void make_deep_names(void)
{
	memset(deep, 'd', sizeof(deep) - 1);
	snprintf(up_deep, sizeof(up_deep), "../../%s", deep);
}

static void names_of_all_lengths(int dir)
{
	char name[300], path[PATH_MAX + 2];

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	check(!mkdirat(dir, name, 0755), "a name of 255 bytes");
	check(!unlinkat(dir, name, AT_REMOVEDIR), "which goes again");
	name[255] = 'n';
	name[256] = '\0';
	fails(mkdirat(dir, name, 0755), ENAMETOOLONG, "256 bytes");
	for (int k = 0; k < PATH_MAX; k++)
		path[k] = k % 2 ? '/' : '.';
	path[PATH_MAX - 1] = '\0';
	check(!faccessat(dir, path, F_OK, 0), "a path of PATH_MAX - 1 bytes");
	path[PATH_MAX - 1] = '/';
	path[PATH_MAX] = '\0';
	fails(faccessat(dir, path, F_OK, 0), ENAMETOOLONG, "one of PATH_MAX");
}

/* Down by descriptors and by chdir, in turns. The descriptor of the last one. */
static int go_down(int at, long n, int make)
{
	for (long k = 0; k < n; k++) {
		int next;

		check(!fchdir(at), "fchdir");
		if (make)
			check(k % 2 ? !mkdir(deep, 0755) : !mkdirat(at, deep, 0755), "mkdir");
		next = openat(at, deep, O_RDONLY | O_DIRECTORY);
		check(next >= 0 && !chdir(deep), "down");
		close(at);
		at = next;
	}
	return at;
}

static void make(long n)
{
	int top = open(".", O_RDONLY | O_DIRECTORY), bottom;
	char buf[PATH_MAX];

	check(!mkdir("t", 0755) && !mkdir("x", 0755) && !mkdir("x/y", 0755), "the first ones");
	bottom = go_down(openat(top, "t", O_RDONLY | O_DIRECTORY), n, 1);
	fails(syscall(SYS_getcwd, buf, sizeof(buf)), ENAMETOOLONG, "getcwd");
	names_of_all_lengths(bottom);
	check(!renameat(top, "x/y", bottom, "y"), "a directory moves down");
	fails(renameat(top, "t", bottom, "y/t"), EINVAL, "the tree below itself");
	fails(renameat(bottom, up_deep, top, "t"), ENOTEMPTY, "a part in its place");
	check(!renameat(bottom, "y", top, "y"), "up again");
	check(!renameat(top, "t", top, "x/t"), "the tree moves");
	check(!faccessat(bottom, up_deep, F_OK, 0), "and all in it");
	printf("%ld deep\n", n);
}

/* As rm -r by descriptors does it: the parent is ".." of where we were. */
static void remove_all(long n)
{
	int at = go_down(open("x/t", O_RDONLY | O_DIRECTORY), n, 0);

	for (long k = 0; k < n; k++) {
		int up = openat(at, "..", O_RDONLY | O_DIRECTORY);

		check(up >= 0 && !unlinkat(up, deep, AT_REMOVEDIR), "up");
		close(at);
		at = up;
	}
	check(!unlinkat(at, "../../y", AT_REMOVEDIR) && !unlinkat(at, "../../x/t", AT_REMOVEDIR),
		"the last ones");
	fails(mkdirat(at, "z", 0755), ENOENT, "in one that is gone");
	check(!faccessat(at, "../../x", F_OK, 0), "\"..\" of it");
	check(!unlinkat(at, "../../x", AT_REMOVEDIR), "and the one above");
	check(!faccessat(at, "../..", F_OK, 0), "\"..\" of that");
	printf("%ld removed\n", n);
}

/* --- a large directory --- */

struct entry { /* struct linux_dirent64 */
	unsigned long long ino;
	long long off;
	unsigned short len;
	unsigned char type;
	char name[];
};

static void make_file(const char *what, long k)
{
	char name[40];
	int fd;

	snprintf(name, sizeof(name), "%s-%ld", what, k);
	fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
	check(fd >= 0, name);
	close(fd);
}

/* Other names come and go, until the parent ends it. */
static void disturb(void)
{
	char name[40];

	for (long k = 0;; k++) {
		make_file("other", k);
		snprintf(name, sizeof(name), "other-%ld", k - 300);
		if (k >= 300)
			unlink(name);
	}
}

/* How often each name was seen, by calls with `size` bytes of room. */
static void see_all(int dir, long n, size_t size, unsigned char *seen, long *positions)
{
	char buf[4096];
	struct entry *e;
	long got, k;

	check(lseek(dir, 0, SEEK_SET) == 0, "rewind");
	memset(seen, 0, (size_t)n);
	while ((got = syscall(SYS_getdents64, dir, buf, size)) > 0)
		for (char *p = buf; p < buf + got; p += e->len) {
			e = (void *)p;
			if (sscanf(e->name, "name-%ld", &k) == 1) {
				seen[k]++;
				positions[k] = (long)e->off;
			}
		}
	check(!got, "getdents64");
	for (k = 0; k < n; k++)
		if (seen[k] != 1)
			errx(1, "name-%ld was seen %u times, %zu bytes a call", k, seen[k], size);
}

/* A position leads to what followed it. */
static void check_positions(int dir, long n, const long *positions)
{
	char first[300], second[300], buf[300];
	struct entry *e = (void *)buf;

	for (long k = 0; k < n; k += n / 50 + 1) {
		for (int again = 0; again < 2; again++) {
			lseek(dir, positions[k], SEEK_SET);
			if (syscall(SYS_getdents64, dir, buf, 48) <= 0)
				e->name[0] = '\0';
			strcpy(again ? second : first, e->name);
		}
		if (strcmp(first, second))
			errx(1, "position %lx leads to %s and to %s", positions[k], first, second);
	}
}

static void enter(const char *name)
{
	check((!mkdir(name, 0755) || errno == EEXIST) && !chdir(name), name);
}

static void fill(long n)
{
	unsigned char *seen = calloc((size_t)n, 1);
	long *positions = calloc((size_t)n, sizeof(*positions));
	pid_t other;
	int dir;

	enter("many");
	dir = open(".", O_RDONLY | O_DIRECTORY);
	for (long k = 0; k < n; k++)
		make_file("name", k);
	other = fork();
	if (!other)
		disturb();
	if (n <= 1000)
		see_all(dir, n, 48, seen, positions);
	see_all(dir, n, 300, seen, positions);
	see_all(dir, n, 4096, seen, positions);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	check_positions(dir, n, positions);
	printf("%ld files\n", n);
}

static void empty(long n)
{
	char name[40];
	struct dirent *e;
	DIR *d;
	long left = 0;

	enter("many");
	for (long k = 0; k < n; k++) {
		snprintf(name, sizeof(name), "name-%ld", k);
		check(!unlink(name), name);
	}
	d = opendir(".");
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			left += !unlink(e->d_name);
	check(d && !chdir("..") && !rmdir("many"), "many");
	printf("%ld files and %ld others removed\n", n, left);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;

	make_deep_names();
	if (!strcmp(what, "make") && n > 0)
		make(n);
	else if (!strcmp(what, "remove") && n > 0)
		remove_all(n);
	else if (!strcmp(what, "fill") && n > 0)
		fill(n);
	else if (!strcmp(what, "empty") && n > 0)
		empty(n);
	else
		errx(2, "usage: deep make|remove|fill|empty N");
	return 0;
}
