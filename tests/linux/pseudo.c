/* SPDX-License-Identifier: MIT */
/* /dev, /proc, /tmp, and memory that processes share: what does not differ between two Linux machines. */
#define _GNU_SOURCE
#include "table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void device(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		say("%s: %s", path, errno_name(errno));
	else
		say("%s: type %o, %u:%u", path, st.st_mode & S_IFMT, major(st.st_rdev), minor(st.st_rdev));
}

static void devices(void)
{
	char buf[64];
	int fd;

	device("/dev/null");
	device("/dev/zero");
	device("/dev/full");
	device("/dev/random");
	device("/dev/urandom");
	device("/dev/tty");
	fd = open("/dev/null", O_RDWR);
	row("null: read", read(fd, buf, 10));
	row("null: write", write(fd, buf, 10));
	row("null: lseek", lseek(fd, 0, SEEK_SET) <= 0 ? 0 : 1);
	close(fd);
	fd = open("/dev/zero", O_RDWR);
	memset(buf, 'x', sizeof(buf));
	row("zero: read", read(fd, buf, 10));
	say("%d %d %c", buf[0], buf[9], buf[10]);
	row("zero: write", write(fd, buf, 10));
	close(fd);
	fd = open("/dev/full", O_RDWR);
	row("full: read", read(fd, buf, 10));
	row("full: write", write(fd, buf, 10));
	close(fd);
	fd = open("/dev/urandom", O_RDONLY);
	row("urandom: read", read(fd, buf, 64));
	close(fd);
	row("null, as a directory", open("/dev/null/x", O_RDONLY));
	row("null, O_TRUNC", close(open("/dev/null", O_WRONLY | O_TRUNC)));
	row("mkdir, exists", mkdir("/dev/null", 0755));
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static char here[1024];

/* Is what the link of a descriptor says `want`, below the directory of the test? */
static void path_is(const char *what, int fd, const char *want)
{
	char link[64], text[4096], full[4096];
	long n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	snprintf(full, sizeof(full), *want == '/' ? "%s%s" : "%s/%s", *want == '/' ? "" : here, want);
	if (strcmp(text, full))
		say("%s: %s", what, n < 0 ? errno_name(errno) : text);
	else
		say("%s: its path", what);
}

static int has_line(const char *path, const char *text)
{
	char line[1024];
	int found = 0;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, text) != NULL;
	if (f)
		fclose(f);
	return found;
}

static void processes(const char *program)
{
	char text[4096] = "", pid[32], path[64];
	int fd, again;
	long n;

	n = readlink("/proc/self", text, sizeof(text));
	snprintf(pid, sizeof(pid), "%d", getpid());
	say("self is me: %d", n == (long)strlen(pid) && !memcmp(text, pid, (size_t)n));
	n = readlink("/proc/self/exe", text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	say("exe is the program: %d", !strcmp(base_name(text), base_name(program)));
	n = readlink("/proc/self/cwd", text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	say("cwd: %s", base_name(text));
	fd = open("file", O_RDWR | O_CREAT, 0644);
	write(fd, "content", 7);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	say("descriptor: %s", base_name(text));
	again = open(path, O_RDONLY);
	row("opened again: read", read(again, text, 100));
	close(again);
	unlink("file");
	again = open(path, O_RDWR);
	row("opened again, unlinked: read", read(again, text, 100));
	close(again);
	close(fd);
	row("closed", open(path, O_RDONLY));
	row("no such process", open("/proc/99999999/stat", O_RDONLY));
	row("no such file", open("/proc/self/nothing", O_RDONLY));
	row("unlink", unlink("/proc/self/maps") ? (errno == EPERM || errno == EACCES ? 0 : 1) : 2);
	say("maps: stack %d, heap %d, program %d", has_line("/proc/self/maps", "[stack]"),
		(free(malloc(1)), has_line("/proc/self/maps", "[heap]")),
		has_line("/proc/self/maps", base_name(program)));
	say("smaps: Rss %d, FilePmdMapped %d", has_line("/proc/self/smaps", "Rss:"),
		has_line("/proc/self/smaps", "FilePmdMapped:"));
	say("status: Name %d, VmRSS %d, PPid %d", has_line("/proc/self/status", "Name:"),
		has_line("/proc/self/status", "VmRSS:"), has_line("/proc/self/status", "PPid:"));
	say("meminfo %d, stat %d, cpuinfo %d, uptime %d", has_line("/proc/meminfo", "MemAvailable:"),
		has_line("/proc/stat", "btime "), has_line("/proc/cpuinfo", "processor"),
		has_line("/proc/uptime", "."));
	say("mounts: root %d, proc %d", has_line("/proc/mounts", " / "),
		has_line("/proc/mounts", " /proc proc "));
	snprintf(text, sizeof(text), "%d (", getpid());
	say("my stat: %d", has_line("/proc/self/stat", text));
	DIR *d = opendir("/proc");
	int me = 0, init = 0;
	for (struct dirent *e; (e = readdir(d));) {
		me += !strcmp(e->d_name, pid);
		init += !strcmp(e->d_name, "1");
	}
	closedir(d);
	say("listed: me %d, 1 %d", me, init);
}

/* Paths of open files follow renames in and above their directory, and are not led astray by chdir or links. */
static void paths(void)
{
	static char long_name[251];
	char text[4096], full[4096];
	int fd, other, dir, below;
	struct stat st, program;
	long n;

	memset(long_name, 'n', sizeof(long_name) - 1);
	if (!getcwd(here, sizeof(here)) || stat("/proc/self/exe", &program))
		say("no current directory or program");
	n = readlink("/proc/self/exe", full, sizeof(full) - 1);
	full[n > 0 ? n : 0] = 0;
	say("exe: absolute %d, leads there %d", full[0] == '/',
		!stat(full, &st) && st.st_dev == program.st_dev && st.st_ino == program.st_ino);
	fd = open("./file", O_RDWR | O_CREAT, 0644);
	write(fd, text, 1);
	mkdir("d", 0755);
	mkdir("gone", 0755);
	symlink("file", "link");
	symlink("made", "dangling");
	path_is("new", fd, "file");
	other = open("d/.././link", O_RDONLY);
	path_is("by a link", other, "file");
	close(other);
	other = open("dangling", O_RDWR | O_CREAT, 0644);
	path_is("made by a link", other, "made");
	close(other);
	other = open(long_name, O_RDWR | O_CREAT, 0644);
	path_is("long", other, long_name);
	unlink(long_name);
	close(other);
	link("file", "second");
	other = open("second", O_RDONLY);
	path_is("second name", other, "second");
	path_is("first name", fd, "file");
	unlink("second");
	close(other);
	below = open("d/below", O_RDWR | O_CREAT, 0644);
	dir = open("d", O_RDONLY | O_DIRECTORY);
	rename("d", "e");
	path_is("directory renamed", dir, "e");
	path_is("directory above renamed", below, "e/below");
	close(dir);
	close(below);
	rename("file", "renamed");
	path_is("renamed", fd, "renamed");
	if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
		say("no mapping");
	chdir("/");
	path_is("chdir", fd, "renamed");
	snprintf(text, sizeof(text), "%s/renamed\n", here);
	say("in maps: %d, in smaps: %d", has_line("/proc/self/maps", text),
		has_line("/proc/self/smaps", text));
	n = readlink("/proc/self/exe", text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	say("exe: %s", strcmp(text, full) ? text : "its path");
	other = open("/proc/self/exe", O_RDONLY);
	path_is("exe, opened", other, full);
	close(other);
	chdir(here);
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	other = open(text, O_RDONLY);
	path_is("opened again", other, "renamed");
	rename("renamed", "file");
	unlink("file");
	path_is("unlinked", fd, "file (deleted)");
	path_is("unlinked, opened again", other, "file (deleted)");
	close(open("file", O_RDWR | O_CREAT, 0644));
	path_is("another of that name", fd, "file (deleted)");
	close(other);
	close(fd);
	dir = open("gone", O_RDONLY | O_DIRECTORY);
	rmdir("gone");
	path_is("directory removed", dir, "gone (deleted)");
	close(dir);
	fd = (int)syscall(SYS_memfd_create, "name", 0u);
	path_is("memfd", fd, "/memfd:name (deleted)");
	close(fd);
	fd = open("/dev/null", O_RDWR);
	path_is("device", fd, "/dev/null");
	close(fd);
	fd = open("/", O_RDONLY);
	path_is("root", fd, "/");
	close(fd);
}

/* Two mappings in two processes: what one stores the other sees. */
static void share(const char *what, int flags, int fd)
{
	volatile int *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, flags, fd, 0);
	int pid;

	if (p == MAP_FAILED) {
		row(what, -1);
		return;
	}
	p[0] = 1;
	pid = fork();
	if (!pid) {
		p[0]++;
		p[1024] = 7;
		table_child_end();
	}
	table_wait(what, pid);
	say("%d %d", p[0], p[1024]);
	munmap((void *)p, 8192);
}

static void sharing(void)
{
	char name[] = "/tmp/table-XXXXXX", text[8] = "";
	int fd = mkstemp(name);

	row("tmp: ftruncate", ftruncate(fd, 8192));
	share("tmp: shared", MAP_SHARED, fd);
	share("tmp: private", MAP_PRIVATE, fd);
	row("tmp: pread", pread(fd, text, 4, 4096));
	say("%d", text[0]);
	row("tmp: unlink", unlink(name));
	row("tmp: gone", access(name, F_OK));
	row("tmp: pwrite after it", pwrite(fd, "still", 5, 0));
	close(fd);
	share("anonymous, shared", MAP_SHARED | MAP_ANONYMOUS, -1);
	share("anonymous, private", MAP_PRIVATE | MAP_ANONYMOUS, -1);
	fd = (int)syscall(SYS_memfd_create, "name", 1u);
	row("memfd: ftruncate", ftruncate(fd, 8192));
	share("memfd", MAP_SHARED, fd);
	row("memfd: FD_CLOEXEC", fcntl(fd, F_GETFD));
	close(fd);
	row("memfd, flags", syscall(SYS_memfd_create, "name", 0x8000u));
	row("mmap, /dev/null",
		mmap(NULL, 4096, PROT_READ, MAP_SHARED, open("/dev/null", O_RDWR), 0) == MAP_FAILED ? -1 : 0);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	devices();
	processes(argv[0]);
	paths();
	sharing();
	return 0;
}
