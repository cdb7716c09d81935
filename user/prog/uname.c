/* SPDX-License-Identifier: MIT */
/* uname [-a]: the system's name; -a adds host, release, version and machine. */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

int main(int argc, char **argv)
{
	struct utsname u;

	if (uname(&u) < 0)
		err(1, "uname");
	printf("%s", u.sysname);
	if (argc > 1 && !strcmp(argv[1], "-a"))
		printf(" %s %s %s %s", u.nodename, u.release, u.version, u.machine);
	printf("\n");
	return 0;
}
