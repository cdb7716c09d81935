/* SPDX-License-Identifier: MIT */
/* fcntl's owners, whom SIGIO is for: what one form sets, the other tells. */
#define _GNU_SOURCE
#include "table.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct f_owner_ex o = {7, 7};
	int p[2], file, path;

	table_begin(argc, argv);
	file = make_file("owned", 10);
	path = open("owned", O_PATH);
	pipe(p);
	row("F_GETOWN, nobody", fcntl(p[0], F_GETOWN));
	row("F_SETOWN", fcntl(p[0], F_SETOWN, getpid()));
	row("F_GETOWN", fcntl(p[0], F_GETOWN) == getpid());
	row("the call itself", syscall(SYS_fcntl, p[0], F_GETOWN) == getpid());
	row("F_GETOWN_EX", fcntl(p[0], F_GETOWN_EX, &o));
	say("type %d, ours %d", o.type, o.pid == getpid());
	row("F_SETOWN, a group", fcntl(p[0], F_SETOWN, -getpgrp()));
	row("F_GETOWN_EX", fcntl(p[0], F_GETOWN_EX, &o));
	say("type %d, ours %d", o.type, o.pid == getpgrp());
	row("F_SETOWN, no such process", fcntl(p[0], F_SETOWN, 99999999));
	row("F_SETOWN, no such group", fcntl(p[0], F_SETOWN, -99999999));
	row("F_SETOWN, least", fcntl(p[0], F_SETOWN, (int)0x80000000));
	row("the other end", fcntl(p[1], F_GETOWN));
	o = (struct f_owner_ex){F_OWNER_TID, getpid()};
	row("F_SETOWN_EX", fcntl(p[0], F_SETOWN_EX, &o));
	row("F_GETOWN", fcntl(p[0], F_GETOWN) == getpid());
	o.type = 3;
	row("F_SETOWN_EX, type", fcntl(p[0], F_SETOWN_EX, &o));
	o = (struct f_owner_ex){F_OWNER_PID, 0};
	row("F_SETOWN_EX, nobody", fcntl(p[0], F_SETOWN_EX, &o));
	row("F_GETOWN", fcntl(p[0], F_GETOWN));
	row("F_SETOWN_EX, bad address", fcntl(p[0], F_SETOWN_EX, 8));
	row("F_SETOWN, file", fcntl(file, F_SETOWN, getpid()));
	row("F_SETOWN, O_PATH", fcntl(path, F_SETOWN, getpid()));
	row("F_GETOWN, no descriptor", fcntl(77, F_GETOWN));
	close(p[0]);
	close(p[1]);
	close(file);
	close(path);
	return 0;
}
