/* SPDX-License-Identifier: MIT */
/* termios on the terminal that is standard input: modes, raw and back, window size, groups; its input queue, by VTIME. */
#define _GNU_SOURCE
#include "../linux/table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static void show(const char *what, const struct termios *t)
{
	say("%s: icrnl %d opost %d echo %d icanon %d isig %d iexten %d cs8 %d min %d", what,
		!!(t->c_iflag & ICRNL), !!(t->c_oflag & OPOST), !!(t->c_lflag & ECHO),
		!!(t->c_lflag & ICANON), !!(t->c_lflag & ISIG), !!(t->c_lflag & IEXTEN),
		(t->c_cflag & CSIZE) == CS8, t->c_cc[VMIN]);
}

int main(int argc, char **argv)
{
	struct termios was, raw, now;
	struct winsize size;
	char c;
	int fd;

	table_begin(argc, argv);
	say("isatty %d", isatty(0));
	row("tcgetattr", tcgetattr(0, &was));
	was.c_lflag |= ECHO | ICANON | ISIG | IEXTEN;
	was.c_iflag |= ICRNL;
	was.c_oflag |= OPOST;
	row("tcsetattr", tcsetattr(0, TCSANOW, &was));
	show("cooked", &was);
	say("^C %d ^D %d", was.c_cc[VINTR], was.c_cc[VEOF]);
	raw = was;
	cfmakeraw(&raw);
	show("cfmakeraw", &raw);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 1;
	row("tcsetattr", tcsetattr(0, TCSAFLUSH, &raw));
	tcgetattr(0, &now);
	show("raw", &now);
	row("read, nothing typed", read(0, &c, 1));
	row("tcsetattr, odd", tcsetattr(0, 77, &was));
	row("tcsetattr", tcsetattr(0, TCSADRAIN, &was));
	tcgetattr(0, &now);
	show("cooked again", &now);
	row("cfsetospeed", cfsetospeed(&now, B9600));
	say("speeds %d %d", cfgetospeed(&now) == B9600, cfgetospeed(&was) != B0);
	row("TIOCGWINSZ", ioctl(0, TIOCGWINSZ, &size));
	row("tcflush", tcflush(0, TCIFLUSH));
	row("tcdrain", tcdrain(0));
	say("foreground group is ours %d", tcgetpgrp(0) == getpgrp());
	signal(SIGTTOU, SIG_IGN);
	row("tcsetpgrp", tcsetpgrp(0, getpgrp()));
	fd = open("/dev/tty", O_RDWR);
	say("/dev/tty %d", isatty(fd));
	close(fd);
	fd = make_file("file", 10);
	row("tcgetattr of a file", tcgetattr(fd, &now));
	say("isatty %d", isatty(fd));
	row("TIOCGWINSZ of a file", ioctl(fd, TIOCGWINSZ, &size));
	return 0;
}
