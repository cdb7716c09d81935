/* SPDX-License-Identifier: MIT */
/*
 * explore WORD…: runs the kernel's race explorer, for example "explore truncate-stale none" or
 * "explore all". The words go to /proc/faultline/explore in one write; what can be read there
 * afterwards is the report. Its last line is "explore: exit N", which is our exit status and is not
 * printed; a report without it is a failure.
 *
 * explore -f FILE: each line of FILE is the words of one run. Each report stands between the lines
 * "explore: run WORDS" and "explore: exit N". The status is 3 if a run was not understood or failed,
 * otherwise 0, whatever was found. tools/matrix reads it.
 */
#include "util.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPLORE_FILE "/proc/faultline/explore"
#define EXIT_PREFIX "explore: exit "

/* The line being collected: only whole lines are printed, since the last one must not be. */
static char line[1024];
static size_t line_len;
static int status = -1;

static void flush_line(void)
{
	if (line_len && !strncmp(line, EXIT_PREFIX, strlen(EXIT_PREFIX)))
		status = atoi(line + strlen(EXIT_PREFIX));
	else
		write_all(STDOUT_FILENO, line, line_len);
	line_len = 0;
}

static void take(const char *p, ssize_t n)
{
	for (; n > 0; n--, p++) {
		line[line_len++] = *p;
		line[line_len] = '\0';
		if (*p == '\n' || line_len == sizeof(line) - 1)
			flush_line();
	}
}

/* Runs one request; prints its report, returns its exit status. */
static int run(const char *request)
{
	static char buf[4096];
	size_t len = strlen(request);
	ssize_t n;
	int fd = open(EXPLORE_FILE, O_RDWR);

	status = -1;
	line_len = 0;
	if (fd < 0)
		err(1, "%s (this kernel has no explorer)", EXPLORE_FILE);
	if (write(fd, request, len) != (ssize_t)len)
		err(1, "%s", request);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		take(buf, n);
	if (n < 0)
		err(1, "%s", EXPLORE_FILE);
	if (line_len)
		flush_line();
	if (status < 0)
		errx(1, "the report has no exit line");
	close(fd);
	return status;
}

static int run_file(const char *path)
{
	static char request[512];
	FILE *f = fopen(path, "r");
	int worst = 0;

	if (!f)
		err(1, "%s", path);
	while (fgets(request, sizeof(request), f)) {
		request[strcspn(request, "\n")] = '\0';
		if (!*request)
			continue;
		printf("explore: run %s\n", request);
		fflush(stdout);
		if (run(request) > 1)
			worst = 3;
		printf(EXIT_PREFIX "%d\n", status);
		fflush(stdout);
	}
	fclose(f);
	return worst;
}

int main(int argc, char **argv)
{
	static char request[512];
	size_t len = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: explore RACE SCHEME [WORD...] | explore all | explore -f FILE\n");
		return 2;
	}
	if (argc == 3 && !strcmp(argv[1], "-f"))
		return run_file(argv[2]);
	for (int i = 1; i < argc; i++) {
		const char *quote = strchr(argv[i], ' ') ? "'" : ""; /* a scenario */

		len += (size_t)snprintf(request + len, sizeof(request) - len, "%s%s%s%s", i > 1 ? " " : "",
			quote, argv[i], quote);
		if (len >= sizeof(request))
			errx(2, "the words are too long");
	}
	return run(request);
}
