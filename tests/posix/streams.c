/* SPDX-License-Identifier: MIT */
/* malloc and stdio, alone and from many threads at once; the environment, conversions, times. */
#define _GNU_SOURCE
#include "../linux/table.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#define THREADS 32

static FILE *file;
static _Atomic int bad;

static void run(void *(*fn)(void *))
{
	pthread_t t[THREADS];

	bad = 0;
	for (intptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, fn, (void *)i))
			say("thread not created");
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

/* ---- malloc ---- */

static int holds(const unsigned char *p, size_t len, unsigned char c)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != c)
			return 0;
	return 1;
}

static void *allocate(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;
	struct {
		unsigned char *p;
		size_t len;
	} m[16] = {{0}};

	for (int i = 0; i < 1500; i++) {
		int k = rand_r(&seed) % 16;
		size_t len = (size_t)(rand_r(&seed) % (i % 50 ? 500 : 100000)) + 1;

		if (!holds(m[k].p, m[k].len, (unsigned char)(k + (int)(intptr_t)arg)))
			bad++;
		if (i % 3 == 0) {
			free(m[k].p);
			m[k].p = NULL;
		}
		m[k].p = realloc(m[k].p, len);
		m[k].len = len;
		if (!m[k].p || (uintptr_t)m[k].p % 16)
			bad++;
		else
			memset(m[k].p, k + (int)(intptr_t)arg, len);
	}
	for (int k = 0; k < 16; k++)
		free(m[k].p);
	return NULL;
}

static void test_malloc(void)
{
	void *p = NULL;
	char *zero = calloc(1000, 3);
	volatile size_t huge = (size_t)-1;

	run(allocate);
	say("malloc by %d threads: bad %d", THREADS, bad);
	row("posix_memalign", posix_memalign(&p, 4096, 100));
	say("aligned %d", (uintptr_t)p % 4096 == 0);
	say("posix_memalign, odd %s", errno_name(posix_memalign(&p, 24, 100)));
	say("calloc %d, overflow %d", holds((unsigned char *)zero, 3000, 0), calloc(huge, 16) == NULL);
	say("too much %d", malloc(huge / 2) == NULL);
	say("%s", errno_name(errno));
	free(zero);
}

/* ---- one stream, many threads ---- */

static void *print_lines(void *arg)
{
	for (int i = 0; i < 100; i++) {
		fprintf(file, "thread %d line %d value %.3f\n", (int)(intptr_t)arg, i, i / 8.0);
		if (i % 20 == 0)
			fflush(file);
	}
	flockfile(file);
	fputs("three ", file);
	fputs("pieces ", file);
	fputs("together\n", file);
	funlockfile(file);
	return NULL;
}

static void *open_and_close(void *arg)
{
	char name[32], line[64];

	snprintf(name, sizeof(name), "own-%d", (int)(intptr_t)arg);
	for (int i = 0; i < 20; i++) {
		FILE *f = fopen(name, "w+");

		if (!f) {
			bad++;
			continue;
		}
		fprintf(f, "%d %s", i, name);
		rewind(f);
		if (!fgets(line, sizeof(line), f) || atoi(line) != i || !strstr(line, name))
			bad++;
		fclose(f);
	}
	remove(name);
	return NULL;
}

static void test_streams(void)
{
	int lines = 0, whole = 0, together = 0, t, n;
	char *line = NULL;
	size_t size = 0;
	float value;

	file = fopen("lines", "w");
	run(print_lines);
	fclose(file);
	file = fopen("lines", "r");
	while (getline(&line, &size, file) > 0) {
		lines++;
		whole += sscanf(line, "thread %d line %d value %f", &t, &n, &value) == 3 && value == n / 8.0f;
		together += !strcmp(line, "three pieces together\n");
	}
	free(line);
	fclose(file);
	say("lines %d, whole %d, together %d", lines, whole, together);
	run(open_and_close);
	say("streams of their own: bad %d", bad);
}

/* ---- state that is each thread's own ---- */

static void *convert(void *arg)
{
	int id = (int)(intptr_t)arg;
	char text[64], want[64], list[] = "a,b,c", *save;
	struct tm tm;
	time_t when = 86400 * (365 + id);

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%.15g", id * 1e-5 + i);
		if (strtod(text, NULL) != id * 1e-5 + i && i)
			bad += strtod(text, NULL) - (id * 1e-5 + i) > 1e-9;
		errno = id;
		snprintf(want, sizeof(want), "%d", i);
		if (errno != id)
			bad++;
	}
	if (!gmtime_r(&when, &tm) || tm.tm_yday != id || tm.tm_year != 71)
		bad++;
	if (strcmp(strtok_r(list, ",", &save), "a") || strcmp(strtok_r(NULL, ",", &save), "b"))
		bad++;
	return NULL;
}

/* ---- stdio alone ---- */

static void test_stdio(void)
{
	char text[200], small[8], *made = NULL;
	volatile size_t room = sizeof(small);
	size_t size = 0;
	FILE *f = fopen("f", "w+");
	int a = 0;

	a = snprintf(small, room, "%s", "longer than that");
	say("snprintf %d [%s]", a, small);
	snprintf(text, sizeof(text), "%5d|%-5d|%05d|%x|%#o|%lld|%zu|%jd|%c|%.2s|%*d|%%|%e|%g|%a", 42, 42, 42,
		255, 8, 1ll << 40, sizeof(text), (intmax_t)-1, 'c', "string", 4, 7, 12345.678, 1e-10, 1.0);
	say("%s", text);
	say("%Lf %.3f %f %f", 1.5L, 2.0 / 3, 1.0 / 0.0, -0.0);
	fputs("hello, world", f);
	say("ftell %ld", ftell(f));
	fseek(f, -5, SEEK_CUR);
	say("fread %zu", fread(text, 1, 5, f));
	text[5] = 0;
	say("%s, eof %d", text, feof(f));
	say("then %d", getc(f));
	say("eof %d", feof(f) != 0);
	rewind(f);
	ungetc('J', f);
	a = getc(f);
	say("getc %c %c", a, getc(f));
	say("fscanf %d", fscanf(f, "%*s %s%d", text, &a));
	fclose(f);
	say("fopen of nothing %d", fopen("nothing", "r") == NULL);
	say("%s", errno_name(errno));
	say("fopen, bad mode %d", fopen("f", "q") == NULL);
	say("%s", errno_name(errno));
	f = fopen("f", "a+");
	fputs("!", f);
	rewind(f);
	say("a+ %s", fgets(text, sizeof(text), f));
	fclose(f);
	f = open_memstream(&made, &size);
	fprintf(f, "%d bytes", 100);
	fclose(f);
	say("open_memstream [%s] %zu", made, size);
	free(made);
	a = asprintf(&made, "%s-%d", "x", 5);
	say("asprintf %d %s", a, made);
	free(made);
	f = tmpfile();
	say("tmpfile %d", f && fputs("x", f) >= 0 && !fclose(f));
	say("remove %d", remove("f"));
	say("again %d", remove("f"));
	say("wide %ls %d", L"abc", (int)wcslen(L"four"));
	say("freopen %d",
		(f = fopen("g", "w")) && freopen("h", "w", f) && fputs("in h", f) >= 0 && !fclose(f));
	f = fopen("h", "r");
	say("setvbuf %d, fileno %d", setvbuf(f, NULL, _IONBF, 0), fileno(f) > 2);
	say("fgets %s", fgets(text, sizeof(text), f));
	say("fputs to a stream for reading %d", fputs("x", f) < 0);
	say("%s", errno_name(errno));
	fclose(f);
	dprintf(open("d", O_WRONLY | O_CREAT, 0644), "to a descriptor %d", 1);
	f = fopen("d", "r");
	say("dprintf %s", fgets(text, sizeof(text), f));
	fclose(f);
}

static void test_processes(void)
{
	char text[100] = "";
	FILE *f = popen("echo from a shell; exit 3", "r");
	int status;

	say("popen %s", fgets(text, sizeof(text), f));
	status = pclose(f);
	say("pclose %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	f = popen("cat > piped", "w");
	fputs("through a pipe", f);
	say("pclose %d", pclose(f));
	f = fopen("piped", "r");
	say("piped %s", fgets(text, sizeof(text), f));
	fclose(f);
	status = system("exit 7");
	say("system %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	say("a shell is there %d", system(NULL) != 0);
}

static void test_environment(void)
{
	row("setenv", setenv("NAME", "value", 1));
	say("%s", getenv("NAME"));
	row("setenv", setenv("NAME", "other", 0));
	say("%s", getenv("NAME"));
	row("putenv", putenv("PUT=there"));
	say("%s", getenv("PUT"));
	row("unsetenv", unsetenv("NAME"));
	say("%d", getenv("NAME") == NULL);
	row("setenv, odd name", setenv("A=B", "x", 1));
	say("setlocale %s", setlocale(LC_ALL, "C"));
}

static void test_numbers(void)
{
	char *end;
	struct tm tm = {.tm_year = 100, .tm_mon = 1, .tm_mday = 29, .tm_hour = 12};
	char text[64];

	errno = 0;
	say("strtol %ld", strtol("99999999999999999999", &end, 10));
	say("%s", errno_name(errno));
	say("strtoul %lx", strtoul("0x1fg", &end, 0));
	say("[%s]", end);
	say("strtod %g", strtod("1.5e3x", &end));
	say("[%s]", end);
	setenv("TZ", "UTC0", 1);
	tzset();
	say("mktime %ld", (long)mktime(&tm));
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %a %j", &tm);
	say("strftime %s", text);
	say("strptime %d", strptime("2001-02-03", "%Y-%m-%d", &tm) != NULL);
	say("day %d", tm.tm_mday);
	say("strerror %s, %s", strerror(ENOENT), strerror(EINVAL));
	say("strsignal %d", strsignal(9) != NULL);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	test_malloc();
	test_streams();
	run(convert);
	say("conversions in threads: bad %d", bad);
	test_stdio();
	test_processes();
	test_environment();
	test_numbers();
	return 0;
}
