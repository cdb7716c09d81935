/* SPDX-License-Identifier: MIT */
/*
 * trace: shows what the fault/truncate protocol does while programs run; usage() says how. The kernel's side are the files of
 * /proc/faultline: trace (one line a step; open means on), steps (what their names mean), latency, and the counters.
 *
 * The timeline has two columns, one a process, time running down. A third process that takes a step gets the column of the one
 * that was silent for longest, and a line says so.
 */
#include "util.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROC "/proc/faultline/"
#define MAX_STEPS 64
#define MAX_PIDS 16
#define MAX_COUNTERS 64
#define NAME_SIZE 32
#define COLUMNS 2
#define COLUMN_WIDTH 46

static void usage(FILE *out)
{
	fprintf(out,
		"usage: trace COMMAND [ARGUMENT...]     the protocol steps of COMMAND and whatever runs "
		"beside it\n"
		"       trace -p PID[,PID...]           those of running processes, until they end or ^C\n"
		"       trace -H COMMAND [ARGUMENT...]  histograms: the time from each step to the thread's "
		"next one\n"
		"       trace -c COMMAND [ARGUMENT...]  by how much the kernel's counters rose\n"
		"       trace -c                        the counters since boot\n"
		"A line of the timeline: seconds since the first step, CPU, step (inode:page). All figures "
		"are of the whole machine;\n"
		"the steps of trace itself are left out. The exit status is that of COMMAND.\n");
}

/* --- the files of the kernel --- */

static int open_proc(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0 && errno == EBUSY)
		errx(1, "%s: somebody else is tracing", path);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void copy_out(const char *path)
{
	static char buf[4096];
	int fd = open_proc(path, O_RDONLY);
	ssize_t n;

	fflush(stdout);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		write_all(STDOUT_FILENO, buf, (size_t)n);
	if (n < 0)
		err(1, "%s", path);
	close(fd);
}

/* --- counters --- */

struct counter {
	char name[NAME_SIZE];
	long long value;
};

struct counters {
	unsigned nr;
	struct counter of[MAX_COUNTERS];
};

/* Lines "NAME VALUE"; a value that is no number is no counter. */
static void read_counters(struct counters *c, const char *file)
{
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), PROC "%s", file);
	f = fopen(path, "r");
	if (!f)
		err(1, "%s", path);
	while (c->nr < MAX_COUNTERS && fgets(line, sizeof(line), f)) {
		struct counter *to = &c->of[c->nr];
		char name[NAME_SIZE];

		if (sscanf(line, "%31s %lld", name, &to->value) != 2)
			continue;
		if (snprintf(to->name, sizeof(to->name), "%s/%s", file, name) < NAME_SIZE)
			c->nr++;
	}
	fclose(f);
}

static void read_all_counters(struct counters *c)
{
	c->nr = 0;
	read_counters(c, "faults");
	read_counters(c, "memory");
	read_counters(c, "lock");
}

static void print_change(const struct counters *before, const struct counters *after)
{
	for (unsigned i = 0; i < after->nr; i++)
		if (after->of[i].value != before->of[i].value)
			printf("%-24s %+lld\n", after->of[i].name, after->of[i].value - before->of[i].value);
}

static void print_counters(const struct counters *c)
{
	for (unsigned i = 0; i < c->nr; i++)
		printf("%-24s %lld\n", c->of[i].name, c->of[i].value);
}

/* --- the timeline --- */

static struct {
	char name[NAME_SIZE], text[64];
} steps[MAX_STEPS];
static unsigned nr_steps;

static void read_steps(void)
{
	char line[128];
	FILE *f = fopen(PROC "steps", "r");

	if (!f)
		err(1, PROC "steps");
	while (nr_steps < MAX_STEPS && fgets(line, sizeof(line), f))
		nr_steps += sscanf(line, "%31s %63[^\n]", steps[nr_steps].name, steps[nr_steps].text) == 2;
	fclose(f);
}

static const char *step_text(const char *name)
{
	for (unsigned i = 0; i < nr_steps; i++)
		if (!strcmp(steps[i].name, name))
			return steps[i].text;
	return name;
}

/* A line of the trace. */
struct step {
	double seconds;
	unsigned cpu;
	int pid, tid;
	char name[NAME_SIZE];
	unsigned long long inode, argument;
	char program[NAME_SIZE];
};

static struct column {
	int pid; /* -1: free */
	unsigned long last;
	char program[NAME_SIZE];
} columns[COLUMNS];

static int pids[MAX_PIDS];
static unsigned nr_pids;

static int is_wanted(int pid)
{
	for (unsigned i = 0; i < nr_pids; i++)
		if (pids[i] == pid)
			return 1;
	return !nr_pids;
}

/* A process that has no column gets one; exec changes its name. */
static unsigned column_of(const struct step *s)
{
	static unsigned long turn;
	unsigned at = 0;

	for (unsigned i = 0; i < COLUMNS; i++)
		if (columns[i].pid == s->pid ||
			(columns[at].pid != s->pid && columns[i].last < columns[at].last))
			at = i;
	if (columns[at].pid != s->pid || strcmp(columns[at].program, s->program)) {
		columns[at].pid = s->pid;
		strcpy(columns[at].program, s->program);
		printf("%*s== %s[%d]\n", 17 + (int)at * COLUMN_WIDTH, "", s->program, s->pid);
	}
	columns[at].last = ++turn;
	return at;
}

static void print_step(const struct step *s)
{
	static double start = -1;
	unsigned column;
	char where[64] = "";

	if (!is_wanted(s->pid))
		return;
	if (start < 0)
		start = s->seconds;
	column = column_of(s);
	if (!strcmp(s->name, "SHOOTDOWN"))
		snprintf(where, sizeof(where), "at 0x%llx", s->argument);
	else if (!strcmp(s->name, "SET_SIZE"))
		snprintf(where, sizeof(where), "(%llu) to %llu", s->inode, s->argument);
	else if (s->inode)
		snprintf(where, sizeof(where), "(%llu:%llu)", s->inode, s->argument);
	printf("%12.6f %3u %*s%s %s\n", s->seconds - start, s->cpu, (int)column * COLUMN_WIDTH, "",
		step_text(s->name), where);
}

static void take_line(const char *line)
{
	struct step s;

	if (*line == '#') {
		if (strstr(line, "lost"))
			printf("%s\n", line);
	} else if (sscanf(line, "%lf %u %d %d %31s %llu %llu %31[^\n]", &s.seconds, &s.cpu, &s.pid, &s.tid,
			   s.name, &s.inode, &s.argument, s.program) == 8) {
		print_step(&s);
	}
}

/* Shows what is there; whole lines come. */
static void show_steps(int fd)
{
	static char buf[16384 + 1];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = '\0';
		for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n"))
			take_line(line);
	}
	if (n < 0 && errno != EAGAIN)
		err(1, PROC "trace");
	fflush(stdout);
}

/* --- running --- */

static pid_t start_command(char **argv)
{
	const char *path = find_program(argv[0]);
	char in_usr[256];
	pid_t pid;

	if (!path && snprintf(in_usr, sizeof(in_usr), "/usr/bin/%s", argv[0]) < (int)sizeof(in_usr))
		path = find_program(in_usr);
	if (!path)
		errx(127, "%s: not found", argv[0]);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		execv(path, argv);
		warn("%s", path);
		_exit(126);
	}
	return pid;
}

static int any_alive(void)
{
	for (unsigned i = 0; i < nr_pids; i++)
		if (kill(pids[i], 0) == 0)
			return 1;
	return 0;
}

/* Shows steps until the command (0: until the processes of -p) has ended; its status. */
static int follow(int fd, pid_t command)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	int status = 0, over = 0;

	for (unsigned i = 0; i < COLUMNS; i++)
		columns[i].pid = -1;
	while (!over) {
		over = command ? waitpid(command, &status, WNOHANG) == command : !any_alive();
		show_steps(fd);
		if (!over)
			nanosleep(&pause, NULL);
	}
	return status;
}

static void parse_pids(char *text)
{
	for (char *p = strtok(text, ","); p; p = strtok(NULL, ",")) {
		if (nr_pids == MAX_PIDS)
			errx(2, "more than %d processes", MAX_PIDS);
		pids[nr_pids++] = (int)parse_number(p);
		if (kill(pids[nr_pids - 1], 0) < 0)
			err(1, "process %s", p);
	}
}

static int count_command(char **argv)
{
	static struct counters before, after;
	int status;

	read_all_counters(&before);
	if (!*argv) {
		print_counters(&before);
		return 0;
	}
	status = wait_for(start_command(argv));
	read_all_counters(&after);
	print_change(&before, &after);
	return shell_status(status);
}

static int time_command(char **argv)
{
	int fd = open_proc(PROC "trace", O_RDONLY), status = wait_for(start_command(argv));

	copy_out(PROC "latency");
	close(fd);
	return shell_status(status);
}

int main(int argc, char **argv)
{
	int opt, what = 0, fd;

	while ((opt = getopt(argc, argv, "+cHp:h-:")) != -1) {
		if (opt == 'h' || (opt == '-' && !strcmp(optarg, "help"))) {
			usage(stdout);
			return 0;
		}
		if (opt == '?' || opt == '-' || what) {
			usage(stderr);
			return 2;
		}
		what = opt;
		if (opt == 'p')
			parse_pids(optarg);
	}
	argv += optind;
	if (what == 'c')
		return count_command(argv);
	if (what == 'p' ? *argv != NULL : !*argv) {
		usage(stderr);
		return 2;
	}
	if (what == 'H')
		return time_command(argv);
	read_steps();
	fd = open_proc(PROC "trace", O_RDONLY | O_NONBLOCK);
	return shell_status(follow(fd, *argv ? start_command(argv) : 0));
}
