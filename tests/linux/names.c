/* SPDX-License-Identifier: MIT */
/* Names: mkdir, rmdir, unlink, link, symlink, readlink, rename, mknod, and walks through links. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void touch(const char *name)
{
	close(open(name, O_RDWR | O_CREAT, 0644));
}

static void links_of(const char *name)
{
	struct stat st;

	if (lstat(name, &st))
		say("%s: %s", name, errno_name(errno));
	else
		say("%s: mode %o, %d links", name, st.st_mode, (int)st.st_nlink);
}

static void directories(void)
{
	row("mkdir", mkdir("d", 0777));
	row("mkdir, exists", mkdir("d", 0777));
	row("mkdir, trailing slash", mkdir("slash/", 0700));
	row("mkdir, no parent", mkdir("none/x", 0777));
	row("mkdir, .", mkdir(".", 0777));
	row("mkdir, /", mkdir("/", 0777));
	row("mkdir, empty", mkdir("", 0777));
	touch("file");
	row("mkdir, below a file", mkdir("file/x", 0777));
	row("mkdir, over a file", mkdir("file", 0777));
	row("mkdirat, bad descriptor", mkdirat(77, "x", 0777));
	row("mkdir, sticky and set-id", mkdir("bits", 07777));
	links_of("bits");
	mkdir("d/e", 0755);
	links_of("d");
	row("rmdir, not empty", rmdir("d"));
	row("rmdir, missing", rmdir("none"));
	row("rmdir, file", rmdir("file"));
	row("rmdir, .", rmdir("d/."));
	row("rmdir, ..", rmdir("d/.."));
	row("rmdir, /", rmdir("/"));
	row("rmdir", rmdir("d/e"));
	links_of("d");
	row("unlink, directory", unlink("d"));
	row("unlink, missing", unlink("none"));
	row("unlink, trailing slash", unlink("file/"));
	row("unlinkat, flags", unlinkat(AT_FDCWD, "file", 1));
	row("unlinkat, AT_REMOVEDIR", unlinkat(AT_FDCWD, "slash", AT_REMOVEDIR));
	row("unlinkat, AT_REMOVEDIR of a file", unlinkat(AT_FDCWD, "file", AT_REMOVEDIR));
	row("chdir, file", chdir("file"));
	row("chdir, missing", chdir("none"));
}

static void hard_links(void)
{
	int fd = open("file", O_RDONLY), gone;

	row("link", link("file", "second"));
	links_of("second");
	row("link, exists", link("file", "second"));
	row("link, missing", link("none", "third"));
	row("link, directory", link("d", "third"));
	row("link, no parent", link("file", "none/x"));
	row("link, trailing slash", link("file", "third/"));
	row("link, to /dev", link("file", "/dev/x8test") < 0 && errno == EXDEV ? 0 : 1);
	symlink("file", "soft");
	row("link, symbolic link itself", link("soft", "hardsoft"));
	links_of("hardsoft");
	row("linkat, AT_SYMLINK_FOLLOW", linkat(AT_FDCWD, "soft", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	links_of("followed");
	row("linkat, flags", linkat(AT_FDCWD, "file", AT_FDCWD, "x", 1));
	row("linkat, AT_EMPTY_PATH", linkat(fd, "", AT_FDCWD, "byfd", AT_EMPTY_PATH));
	links_of("byfd");
	gone = open("gone", O_RDWR | O_CREAT, 0644);
	unlink("gone");
	row("linkat, AT_EMPTY_PATH, no name left", linkat(gone, "", AT_FDCWD, "back", AT_EMPTY_PATH));
	row("unlink", unlink("second"));
	links_of("file");
	close(fd);
	close(gone);
}

static void show_link(const char *name, size_t size)
{
	char text[5000];
	ssize_t n = readlink(name, text, size);

	if (n < 0)
		say("readlink %s, %zu -> %s", name, size, errno_name(errno));
	else
		say("readlink %s, %zu -> %zd %.*s", name, size, n, (int)(n < 20 ? n : 20), text);
}

static void symbolic_links(void)
{
	char text[4200];
	struct stat st;

	row("symlink", symlink("d/target", "s"));
	row("symlink, exists", symlink("x", "s"));
	row("symlink, empty target", symlink("", "s2"));
	row("symlink, empty name", symlink("x", ""));
	row("symlink, no parent", symlink("x", "none/s"));
	row("symlink, trailing slash", symlink("x", "s3/"));
	memset(text, 'l', sizeof(text));
	text[59] = 0;
	row("symlink, 59", symlink(text, "s59"));
	text[59] = 'l';
	text[60] = 0;
	row("symlink, 60", symlink(text, "s60"));
	text[60] = 'l';
	text[4094] = 0;
	row("symlink, 4094", symlink(text, "s4094"));
	text[4094] = 'l';
	text[4095] = 0;
	row("symlink, 4095", symlink(text, "s4095"));
	text[4095] = 'l';
	text[4096] = 0;
	row("symlink, 4096", symlink(text, "s4096"));
	show_link("s", 100);
	show_link("s", 3);
	show_link("s59", 100);
	show_link("s60", 100);
	show_link("s4094", 5000);
	row("readlink, file", readlink("file", text, 10));
	row("readlink, missing", readlink("none", text, 10));
	row("readlink, no room", (int)syscall(SYS_readlink, "s", text, 0));
	row("readlink, empty", (int)syscall(SYS_readlink, "", text, 10));
	row("readlink, null buffer", (int)syscall(SYS_readlink, "s", 8, 10));
	int fd = open("s", O_PATH | O_NOFOLLOW);
	row("readlinkat, O_PATH descriptor", readlinkat(fd, "", text, 100));
	close(fd);
	fd = open("file", O_RDONLY);
	row("readlinkat, empty path of a file", readlinkat(fd, "", text, 100));
	close(fd);
	lstat("s60", &st);
	say("lstat: size %ld mode %o", (long)st.st_size, st.st_mode);
	touch("d/target");
	row("access through it", access("s", F_OK));
	symlink("d", "sd");
	row("access, link in the middle", access("sd/target", F_OK));
	row("access, ../ after a link", access("sd/../file", F_OK));
	mkdir("sd/made", 0700);
	links_of("d/made");
	row("rmdir of a link to a directory", rmdir("sd"));
	row("unlink of a link to a directory, slash", unlink("sd/"));
	row("unlink of a link to a directory", unlink("sd"));
	symlink("self", "self");
	row("access, link to itself", access("self", F_OK));
	row("access, through a link to itself", access("self/x", F_OK));
	/* A chain: 40 links are followed, 41 are not. */
	symlink("file", "c0");
	for (int k = 1; k <= 41; k++) {
		char from[16], to[16];

		snprintf(from, sizeof(from), "c%d", k);
		snprintf(to, sizeof(to), "c%d", k - 1);
		symlink(to, from);
	}
	row("access, 40 links", access("c39", F_OK));
	row("access, 41 links", access("c40", F_OK));
}

static long rename2(const char *from, const char *to, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void renames(void)
{
	mkdir("r", 0755);
	mkdir("r/sub", 0755);
	mkdir("r2", 0755);
	touch("ra");
	touch("rb");
	row("rename", rename("ra", "rc"));
	row("rename, missing", rename("ra", "rd"));
	row("rename, over a file", rename("rc", "rb"));
	row("rename, to itself", rename("rb", "rb"));
	link("rb", "rb2");
	row("rename, to another name of the same file", rename("rb", "rb2"));
	links_of("rb");
	row("rename, file over directory", rename("rb", "r"));
	row("rename, directory over file", rename("r", "rb"));
	row("rename, directory over an empty one", rename("r", "r2"));
	links_of("r2");
	mkdir("r", 0755);
	row("rename, directory over a full one", rename("r", "r2"));
	row("rename, below itself", rename("r2", "r2/sub/x"));
	row("rename, over its parent", rename("r2/sub", "r2"));
	row("rename, .", rename("r2/.", "x"));
	row("rename, to ..", rename("r", "r2/.."));
	row("rename, file with a slash", rename("rb/", "rx"));
	row("rename, file to a slash", rename("rb", "rx/"));
	row("rename, no parent", rename("rb", "none/x"));
	row("rename, into a directory", rename("rb", "r2/rb"));
	row("rename, directory into another", rename("r2/sub", "r/sub"));
	links_of("r");
	links_of("r2");
	row("renameat2, NOREPLACE", rename2("r2/rb", "moved", 1));
	touch("other");
	row("renameat2, NOREPLACE, exists", rename2("moved", "other", 1));
	row("renameat2, EXCHANGE, missing", rename2("moved", "none", 2));
	row("renameat2, EXCHANGE", rename2("moved", "r", 2));
	links_of("moved");
	links_of("r");
	row("renameat2, EXCHANGE between directories", rename2("moved/sub", "rb2", 2));
	links_of("rb2");
	links_of("moved");
	row("renameat2, EXCHANGE with one's child", rename2("moved", "moved/sub", 2));
	row("renameat2, both flags", rename2("moved", "x", 3));
	row("renameat2, unknown flag", rename2("moved", "x", 64));
}

/* A device's node: its number, and what opening, reading and writing give. */
static void node_of(const char *name, mode_t mode, dev_t dev)
{
	struct stat st;
	char c = 'x';
	int fd;

	row("mknod, device", mknod(name, mode, dev));
	if (stat(name, &st) == 0)
		say("%s: mode %o, %u:%u, size %ld", name, st.st_mode, major(st.st_rdev), minor(st.st_rdev),
			(long)st.st_size);
	fd = open(name, O_RDWR);
	if (fd < 0) {
		row("its open", -1);
		return;
	}
	row("its read", read(fd, &c, 1));
	row("its write", write(fd, &c, 1));
	close(fd);
}

static void nodes(void)
{
	row("mknod, file", mknod("n1", S_IFREG | 0666, 0));
	links_of("n1");
	row("mknod, no type", mknod("n2", 0666, 0));
	links_of("n2");
	row("mknod, FIFO", mknod("n3", S_IFIFO | 0666, 0));
	links_of("n3");
	row("mkfifo, exists", mkfifo("n3", 0666));
	node_of("n6", S_IFCHR | 0666, makedev(1, 3));
	node_of("n7", S_IFCHR | 0600, makedev(1, 5));
	node_of("n8", S_IFBLK | 0640, makedev(259, 70000));
	node_of("n9", S_IFCHR | 0640, makedev(4095, 1048575));
	node_of("n10", S_IFCHR | 0640, makedev(255, 256));
	row("mknod, directory", mknod("n4", S_IFDIR | 0755, 0));
	row("mknod, nonsense", mknod("n5", 0030000 | 0755, 0));
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	directories();
	hard_links();
	symbolic_links();
	renames();
	nodes();
	return 0;
}
