/* SPDX-License-Identifier: MIT */
/* Extended attributes: set, get, list, remove; by path, link and descriptor. Only prefix "user.", which any file system of the host's keeps. */
#define _GNU_SOURCE
#include "table.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static void by_path(void)
{
	char buf[200];
	static char big[70000];

	close(make_file("file", 100));
	row("list, none", listxattr("file", buf, sizeof(buf)));
	row("get, none", getxattr("file", "user.a", buf, sizeof(buf)));
	row("set", setxattr("file", "user.a", "value", 5, 0));
	row("set, create", setxattr("file", "user.a", "again", 5, XATTR_CREATE));
	row("set, replace", setxattr("file", "user.a", "other!", 6, XATTR_REPLACE));
	row("replace, none", setxattr("file", "user.b", "x", 1, XATTR_REPLACE));
	row("set, bad flags", setxattr("file", "user.b", "x", 1, 8));
	row("set, empty value", setxattr("file", "user.empty", "", 0, 0));
	row("set, no name", setxattr("file", "", "x", 1, 0));
	row("set, prefix alone", setxattr("file", "user.", "x", 1, 0));
	row("set, no prefix", setxattr("file", "name", "x", 1, 0));
	row("set, too large", setxattr("file", "user.big", big, sizeof(big), 0));
	memset(buf, 'n', sizeof(buf));
	row("get", getxattr("file", "user.a", buf, sizeof(buf)));
	say("value %.7s", buf);
	row("get, length", getxattr("file", "user.a", NULL, 0));
	row("get, small buffer", getxattr("file", "user.a", buf, 5));
	row("get, empty value", getxattr("file", "user.empty", buf, sizeof(buf)));
	row("get, missing file", getxattr("none", "user.a", buf, sizeof(buf)));
	row("list", listxattr("file", buf, sizeof(buf)));
	row("list, length", listxattr("file", NULL, 0));
	row("list, small buffer", listxattr("file", buf, 3));
	row("remove", removexattr("file", "user.empty"));
	row("remove, none", removexattr("file", "user.empty"));
	row("list, one left", listxattr("file", buf, sizeof(buf)));
	say("name %s", buf);
}

static void others(void)
{
	char buf[100], name[300];
	int fd = open("file", O_RDONLY), path = open("file", O_PATH);

	symlink("file", "link");
	mkdir("dir", 0755);
	row("get, through a link", getxattr("link", "user.a", buf, sizeof(buf)));
	row("get, of the link", lgetxattr("link", "user.a", buf, sizeof(buf)));
	row("set, of the link", lsetxattr("link", "user.a", "x", 1, 0));
	row("list, of the link", llistxattr("link", NULL, 0));
	row("set, directory", setxattr("dir", "user.d", "xyz", 3, 0));
	row("get, directory", getxattr("dir", "user.d", buf, sizeof(buf)));
	row("set, descriptor", fsetxattr(fd, "user.f", "xy", 2, 0));
	row("get, descriptor", fgetxattr(fd, "user.f", buf, sizeof(buf)));
	row("list, descriptor", flistxattr(fd, NULL, 0));
	row("remove, descriptor", fremovexattr(fd, "user.f"));
	row("get, path descriptor", fgetxattr(path, "user.a", buf, sizeof(buf)));
	row("get, bad descriptor", fgetxattr(99, "user.a", buf, sizeof(buf)));
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[255] = '\0';
	row("set, longest name", setxattr("file", name, "x", 1, 0));
	name[255] = 'n';
	name[256] = '\0';
	row("set, longer name", setxattr("file", name, "x", 1, 0));
	close(fd);
	close(path);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	by_path();
	others();
	return 0;
}
