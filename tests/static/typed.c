/* SPDX-License-Identifier: MIT */
/*
 * typed: what the terminal makes of keys, step by step: "NAME>" asks for keys (tests/terminal.t has them), and what was read is said.
 * The same binary runs on Linux; what stands on the screen must be the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <termios.h>
#include <unistd.h>

static struct termios cooked;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (write(1, text, (size_t)n) != n)
		_exit(1);
}

static void ask(const char *name)
{
	say("%s>", name);
}

static void set_modes(const struct termios *t)
{
	if (tcsetattr(0, TCSANOW, t))
		say("tcsetattr: %s\n", strerror(errno));
}

static void raw(int min, int time)
{
	struct termios t = cooked;

	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = (cc_t)min;
	t.c_cc[VTIME] = (cc_t)time;
	set_modes(&t);
}

/* A read of n bytes, and what came. */
static void get(size_t n)
{
	char buf[64];
	ssize_t got = read(0, buf, n);

	say("[%d", (int)got);
	if (got < 0)
		say(" %s", strerror(errno));
	for (ssize_t i = 0; i < got; i++)
		say(buf[i] > ' ' && buf[i] < 127 ? " %c" : " %02x", (unsigned char)buf[i]);
	say("]\n");
}

static void ask_and_get(const char *name, size_t n)
{
	ask(name);
	get(n);
}

/* Until n bytes can be read. */
static void wait_for(int n)
{
	for (int there = 0; there < n; usleep(10000))
		if (ioctl(0, FIONREAD, &there))
			return;
}

static void on_signal(int signo)
{
	say("{signal %d}\n", signo);
}

static void editing(void)
{
	struct termios t = cooked;

	ask_and_get("plain", 64);
	ask_and_get("erase", 64);
	ask_and_get("erase at the beginning", 64);
	ask_and_get("erase a control character", 64);
	ask_and_get("erase two bytes", 64);
	ask_and_get("erase a tab", 64);
	ask_and_get("erase tabs", 64);
	ask_and_get("kill", 64);
	ask_and_get("word", 64);
	ask_and_get("words", 64);
	ask_and_get("literal", 64);
	ask_and_get("reprint", 64);
	ask_and_get("end in the middle", 64);
	ask_and_get("end", 64);
	ask_and_get("piece by piece", 2);
	get(2);
	get(2);
	ask_and_get("as many as asked, and end", 3);
	ask_and_get("not the end again", 64);
	t.c_cc[VEOL] = ';';
	set_modes(&t);
	ask_and_get("another end of line", 64);
	t.c_lflag &= ~(tcflag_t)ECHO;
	set_modes(&t);
	ask_and_get("silent", 64);
	set_modes(&cooked);
}

static void signals(void)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct termios t = cooked;
	struct winsize size = {.ws_row = 31, .ws_col = 99};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGQUIT, &act, NULL);
	sigaction(SIGWINCH, &act, NULL);
	ask_and_get("interrupted", 64);
	ask_and_get("quit", 64);
	t.c_lflag |= NOFLSH;
	set_modes(&t);
	ask_and_get("nothing flushed", 64);
	t.c_lflag &= ~(tcflag_t)ISIG;
	set_modes(&t);
	ask_and_get("no signals", 64);
	set_modes(&cooked);
	say("TIOCSWINSZ %d\n", ioctl(0, TIOCSWINSZ, &size));
	memset(&size, 0, sizeof(size));
	say("TIOCGWINSZ %d", ioctl(0, TIOCGWINSZ, &size));
	say(": %d rows, %d columns\n", size.ws_row, size.ws_col);
	say("the same again %d\n", ioctl(0, TIOCSWINSZ, &size));
}

static void a_file_to_the_terminal(void)
{
	static const char text[] = "line\none\tmore\n";
	int fd = memfd_create("text", 0);
	off_t at = 0;

	if (write(fd, text, sizeof(text) - 1) < 0)
		say("no file\n");
	say("(%d)\n", (int)sendfile(1, fd, &at, 100));
	close(fd);
}

static void raw_reads(void)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};

	raw(5, 0);
	ask_and_get("five in two parts", 64);
	ask_and_get("five wanted, three asked for", 3);
	raw(5, 20);
	ask_and_get("two, and time", 64);
	ask_and_get("five within the time", 64);
	raw(0, 200);
	ask_and_get("no minimum", 64);
	raw(0, 0);
	get(64);
	raw(3, 0);
	ask("poll");
	wait_for(2);
	say("(%d)", poll(&p, 1, 0));
	ask("more");
	say("(%d)", poll(&p, 1, 20000));
	get(64);
	raw(3, 1);
	ask("poll with a time");
	say("(%d)", poll(&p, 1, 20000));
	get(64);
	fcntl(0, F_SETFL, O_RDWR | O_NONBLOCK);
	get(64);
	raw(0, 0);
	get(64);
	raw(5, 0);
	ask("too few, not to wait for");
	wait_for(2);
	get(64);
	fcntl(0, F_SETFL, O_RDWR);
}

static void changes_of_mode(void)
{
	raw(1, 0);
	ask("typed in raw mode");
	wait_for(2);
	set_modes(&cooked);
	get(64);
	ask_and_get("a line, and more", 64);
	sleep(2); /* what is typed into a line shows nowhere here */
	raw(1, 0);
	wait_for(2);
	get(64);
	ask_and_get("the next key", 64);
	set_modes(&cooked);
	ask_and_get("and a line", 64);
}

int main(void)
{
	tcgetattr(0, &cooked);
	cooked.c_iflag = ICRNL | IXON | IUTF8;
	cooked.c_oflag |= OPOST | ONLCR;
	cooked.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	set_modes(&cooked);
	say("\ntyped begins\n");
	editing();
	signals();
	raw_reads();
	changes_of_mode();
	a_file_to_the_terminal();
	say("typed ends\n");
	return 0;
}
