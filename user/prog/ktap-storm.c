/* SPDX-License-Identifier: MIT */
/*
 * ktap-storm [PROGRAM...]: ten thousand children, one after another and by the dozen, and then each PROGRAM a few times over, all as KTAP: every
 * child is told of once, with its own status, and memory is as free as before. Faultline only (free pages are the kernel's).
 */
#include "ktap.h"
#include "util.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STORM 10000
#define AT_ONCE 50
#define WARM_UP 500
#define RUNS 5

/*
 * What the allocators keep ready for each CPU (stacks and address spaces of 50 children at once) moves by up to 100 pages with how the CPUs
 * happened to share the work. A page lost with every 40th child would show.
 */
#define SLACK_PAGES 256

/* Objects in use are counted one by one, whatever is kept ready. What each of ten thousand children may leave is less than a byte. */
#define SLACK_KIB 8

struct memory {
	long free_pages, objects_kib;
};

static long figure(const char *path, const char *name)
{
	static char text[1024];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *at;

	close(fd);
	if (n < 0)
		err(1, "%s", path);
	text[n] = '\0';
	at = strstr(text, name);
	if (!at)
		errx(1, "%s has no %s", path, name);
	return atol(at + strlen(name));
}

static struct memory memory(void)
{
	return (struct memory){
		figure("/proc/faultline/memory", "free_pages "), figure("/proc/meminfo", "Slab:")};
}

static int is_as_before(struct memory before, struct memory now)
{
	return now.free_pages >= before.free_pages - SLACK_PAGES &&
		now.objects_kib <= before.objects_kib + SLACK_KIB;
}

/* The last tasks that ended give their memory back in their own time. */
static int is_free_again(const char *what, struct memory before)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	struct memory after = memory();

	for (int i = 0; i < 100 && !is_as_before(before, after); i++) {
		nanosleep(&pause, NULL);
		after = memory();
	}
	ktap_note("%s: %ld pages free before, %ld after; %ld KiB of objects before, %ld after", what,
		before.free_pages, after.free_pages, before.objects_kib, after.objects_kib);
	return is_as_before(before, after);
}

/* `total` children, `at_once` of them alive together. Those that were lost or ended wrongly. */
static int storm(int total, int at_once)
{
	int wrong = 0, status;
	pid_t pids[AT_ONCE];

	for (int first = 0; first < total; first += at_once) {
		for (int i = 0; i < at_once; i++) {
			pids[i] = fork();
			if (!pids[i])
				_exit((first + i) & 0x7f);
			wrong += pids[i] < 0;
		}
		for (int i = 0; i < at_once; i++)
			wrong += waitpid(pids[i], &status, 0) != pids[i] || !WIFEXITED(status) ||
				WEXITSTATUS(status) != ((first + i) & 0x7f);
	}
	return wrong;
}

static void test_storm(void)
{
	int wrong = storm(WARM_UP, AT_ONCE);
	struct memory before = memory();

	wrong += storm(STORM / 2, 1);
	wrong += storm(STORM / 2, AT_ONCE);
	CHECK("ten thousand children, each told of once", wrong == 0);
	CHECK_ERRNO("none is left", wait(NULL), ECHILD);
	CHECK("memory is as free as before", is_free_again("forks", before));
}

static int run(char *const argv[])
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		execv(argv[0], argv);
		_exit(127);
	}
	return wait_for(pid);
}

/* The program's two words: a directory that it makes, and a file. Both go again. */
static int run_program(const char *path)
{
	static char dir[] = "/tmp/storm", result[] = "/tmp/storm.txt";
	int status = run((char *[]){(char *)path, dir, result, NULL});

	return run((char *[]){"/bin/rm", "-r", dir, result, NULL}) != 0 || status != 0;
}

static void test_program(const char *path)
{
	int wrong = run_program(path) + run_program(path);
	struct memory before = memory();

	for (int i = 0; i < RUNS; i++)
		wrong += run_program(path);
	ktap_result(wrong == 0, "%s, %d times", base_name(path), RUNS + 2);
	ktap_result(
		is_free_again(base_name(path), before), "%s: memory is as free as before", base_name(path));
}

int main(int argc, char **argv)
{
	ktap_start();
	test_storm();
	for (int i = 1; i < argc; i++)
		test_program(argv[i]);
	return ktap_finish();
}
