/* SPDX-License-Identifier: MIT */
/*
 * fuzzcalls [-s SEED] [-n CALLS] [-t SECONDS] [-w WORKERS] [-e WORKER:EPISODE] [-l]: random system calls. This file is the supervisor.
 *
 * - A worker is a process of up to three threads, in a session of its own, that makes some thousand calls. One that ends, by itself or by one
 *   of its calls, is followed by the next. Its calls follow from seed, worker and episode (and from what calls return): -e makes those
 *   of one worker again, and prints each.
 * - A worker whose calls wait gets SIGALRM; when that does not help it is killed, with everything that it forked. What does not die is
 *   a hang: exit status 3.
 * - A worker that finds what the kernel must not have written reports it: exit status 1.
 * - At the end memory must be free again that was free when a tenth of the calls had been made: exit status 4.
 *
 * -l lists the calls of the grammar. Only for Faultline: calls like these as root would not leave another system as it is.
 */
#include "fuzz.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define DIR "/data/fuzz"
#define TICK_MS 4
#define STALLED_TICKS 50 /* then a worker is killed */
#define DEATH_MS 60000   /* what is killed has to be gone by then */
#define KEPT_PAGES \
	1024 /* memory that may stay in use: stacks and objects that the kernel keeps for the next */

enum { EXIT_HANG = 3, EXIT_MEMORY = 4 };

struct watch {
	pid_t pid;
	uint64_t seen[LANES]; /* calls at the last tick */
	unsigned still[LANES], all_still;
};

static uint64_t seed = 1, wanted = 100000;
static unsigned workers = 4;
static long seconds;
static struct watch watch[MAX_WORKERS];
static uint64_t finished; /* calls of workers that are gone */
static unsigned long ended, killed;
static struct termios terminal;
static int has_terminal;

static void pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Workers may have changed the console. */
static void restore_terminal(void)
{
	if (!has_terminal)
		return;
	ioctl(0, TCXONC, TCOON);
	ioctl(0, TCSETS, &terminal);
}

static uint64_t calls_of(const struct slot *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= LANES; i++)
		n += atomic_load(&s->lane[i].calls);
	return n;
}

static uint64_t calls_made(void)
{
	uint64_t n = finished;

	for (unsigned w = 0; w < workers; w++)
		n += watch[w].pid ? calls_of(&shared->slot[w]) : 0;
	return n;
}

static void print_ring(const struct lane *lane)
{
	uint64_t calls = atomic_load(&lane->calls);
	char text[CALL_TEXT];

	for (uint64_t n = calls > RING ? calls - RING : 0; n < calls; n++) {
		format_call(text, &lane->ring[n % RING]);
		printf("fuzzcalls:   %llu: %s\n", (unsigned long long)n, text);
	}
}

static void print_calls(const struct slot *s)
{
	printf("fuzzcalls: again: fuzzcalls -s %llu -e %u:%u\n", (unsigned long long)seed,
		(unsigned)(s - shared->slot), s->episode);
	for (unsigned i = 0; i <= LANES; i++) {
		printf("fuzzcalls: thread %u (%d), its last calls:\n", i, atomic_load(&s->lane[i].tid));
		print_ring(&s->lane[i]);
	}
}

static _Noreturn void hang(const struct slot *s, pid_t pid)
{
	restore_terminal();
	printf("fuzzcalls: HANG: process %d does not die\n", pid);
	print_calls(s);
	fflush(stdout);
	exit(EXIT_HANG);
}

static _Noreturn void leak(const struct slot *s)
{
	char text[CALL_TEXT];

	restore_terminal();
	format_call(text, &s->report.call);
	printf("fuzzcalls: LEAK: %s at offset %llu: %#llx\nfuzzcalls: of: %s\n", s->report.what,
		(unsigned long long)s->report.offset, (unsigned long long)s->report.value, text);
	print_calls(s);
	fflush(stdout);
	exit(1);
}

/* ---- the directory */

static void remove_all(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/rm", "rm", "-r", DIR, NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static void make_directories(void)
{
	char name[64];

	if (!access(DIR, F_OK)) /* of a run that did not end well */
		remove_all();
	if ((mkdir(DIR, 0755) && errno != EEXIST) || mkdir(DIR "/common", 0755) ||
		mkdir(DIR "/common/d", 0755))
		err(1, DIR);
	for (unsigned w = 0; w < workers; w++) {
		snprintf(name, sizeof(name), DIR "/%u", w);
		if (mkdir(name, 0755))
			err(1, "%s", name);
	}
}

/* A worker's directory as the next one shall find it: its files may be large by now. */
static void start_directory(unsigned w)
{
	static const char *const files[] = {"a", "b", "c", "e", "link", "link2", "fifo", "d/e", "d/f"};
	char name[64];

	snprintf(name, sizeof(name), DIR "/%u", w);
	if (mkdir(name, 0755) && errno != EEXIST)
		err(1, "%s", name);
	if (chdir(name))
		err(1, "%s", name);
	for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
		if (unlink(files[i]) && errno == EISDIR)
			rmdir(files[i]);
	mkdir("d", 0755);
	mkdir("../common", 0755);
	truncate("../common/a", 0);
	truncate("../common/b", 0);
	truncate("../common/map", 16 * PAGE);
}

/* ---- workers */

static void start_worker(unsigned w, unsigned episode)
{
	struct slot *s = &shared->slot[w];

	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->episode = episode;
	fflush(stdout);
	watch[w] = (struct watch){.pid = fork()};
	if (watch[w].pid < 0)
		err(1, "fork");
	if (watch[w].pid)
		return;
	setsid();
	start_directory(w);
	worker_run(s);
}

static void await_death(const struct slot *s, pid_t pid, int ours)
{
	for (long ms = 0; ms < DEATH_MS; ms += TICK_MS) {
		if (ours ? waitpid(pid, NULL, WNOHANG) == pid : kill(pid, 0) && errno == ESRCH)
			return;
		pause_ms(TICK_MS);
	}
	hang(s, pid);
}

/* What a worker has forked goes with it. */
static void kill_family(struct slot *s)
{
	unsigned n = atomic_load(&s->nr_pids);

	for (unsigned i = 0; i < n && i < MAX_PIDS; i++) {
		pid_t pid = atomic_load(&s->pids[i]);

		if (pid > 1 && !kill(pid, SIGKILL))
			await_death(s, pid, 0);
	}
}

static void worker_ended(unsigned w, int status)
{
	struct slot *s = &shared->slot[w];

	if (atomic_load(&s->report.made) || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LEAK))
		leak(s);
	ended++;
	kill_family(s);
	finished += calls_of(s);
	watch[w].pid = 0;
}

static void kill_worker(unsigned w)
{
	killed++;
	kill(watch[w].pid, SIGKILL);
	await_death(&shared->slot[w], watch[w].pid, 1);
	worker_ended(w, 0);
}

/* Looks whether a worker's threads go on. Waiting ones are interrupted; false: nothing has moved for long. */
static int goes_on(unsigned w)
{
	struct watch *k = &watch[w];
	struct slot *s = &shared->slot[w];
	int moved = 0;

	for (unsigned i = 0; i < LANES; i++) {
		uint64_t calls = atomic_load(&s->lane[i].calls);
		int tid = atomic_load(&s->lane[i].tid);

		k->still[i] = calls == k->seen[i] ? k->still[i] + 1 : 0;
		moved |= calls != k->seen[i];
		k->seen[i] = calls;
		if (k->still[i] >= 2 && tid)
			syscall(SYS_tgkill, k->pid, tid, SIGALRM);
	}
	k->all_still = moved ? 0 : k->all_still + 1;
	return k->all_still < STALLED_TICKS;
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned w = 0; w < workers; w++)
			if (watch[w].pid == pid)
				worker_ended(w, status);
}

/* Children whose worker was killed before it could note them. */
static void kill_strays(void)
{
	for (long ms = 0; !kill(-1, SIGKILL); ms += TICK_MS) {
		if (ms > DEATH_MS)
			hang(&shared->slot[0], -1);
		pause_ms(TICK_MS);
	}
}

/* Runs workers until so many calls have been made, or until the time is over; then nothing of them is left. */
static void run_until(uint64_t calls, long end)
{
	static unsigned episode[MAX_WORKERS];

	while (end ? now() < end : calls_made() < calls) {
		reap();
		for (unsigned w = 0; w < workers; w++) {
			if (!watch[w].pid)
				start_worker(w, episode[w]++);
			else if (!goes_on(w))
				kill_worker(w);
		}
		pause_ms(TICK_MS);
	}
	for (unsigned w = 0; w < workers; w++)
		if (watch[w].pid)
			kill_worker(w);
	kill_strays();
}

/* ---- the whole run */

static void begin(void)
{
	struct utsname u;
	const char *unknown = args_init();

	if (unknown)
		errx(2, "%s: a word of its arguments means nothing", unknown);
	if (uname(&u) || !strstr(u.release, "faultline"))
		errx(2, "this is not Faultline: the calls of this program would harm it");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || structs_init())
		err(1, "memory");
	has_terminal = !ioctl(0, TCGETS, &terminal);
	signal(SIGTTOU, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static long free_pages(void)
{
	struct sysinfo s;

	sync();
	if (sysinfo(&s))
		err(1, "sysinfo");
	return (long)(s.freeram * s.mem_unit / PAGE);
}

static long run_part(uint64_t calls, long end)
{
	make_directories();
	run_until(calls, end);
	if (chdir("/"))
		err(1, "/");
	remove_all();
	return free_pages();
}

static int print_result(long before, long after)
{
	unsigned never = 0;

	restore_terminal();
	for (unsigned i = 0; i < grammar_size; i++) {
		unsigned long good = atomic_load(&shared->good[i]), failed = atomic_load(&shared->failed[i]);

		if (grammar[i].words[0] == '!' || good)
			continue;
		never++;
		printf("fuzzcalls: never without an error: %s (%lu)\n", grammar[i].name, failed);
	}
	printf("fuzzcalls: %llu calls of %u kinds (%u never without an error), %lu workers, %lu killed; free "
	       "pages %ld, then %ld\n",
		(unsigned long long)calls_made(), grammar_size, never, ended, killed, before, after);
	if (before - after > KEPT_PAGES) {
		printf("fuzzcalls: MEMORY: %ld pages are gone\n", before - after);
		return EXIT_MEMORY;
	}
	printf("fuzzcalls: OK\n");
	return 0;
}

/* One worker's calls again, each printed. */
static int run_again(const char *which)
{
	unsigned w, episode;
	int status;

	if (sscanf(which, "%u:%u", &w, &episode) != 2 || w >= MAX_WORKERS)
		errx(2, "%s: WORKER:EPISODE", which);
	workers = w + 1;
	verbose = 1;
	make_directories();
	start_worker(w, episode);
	while (waitpid(watch[w].pid, &status, WNOHANG) == 0 && goes_on(w))
		pause_ms(TICK_MS);
	if (atomic_load(&shared->slot[w].report.made))
		leak(&shared->slot[w]);
	kill(watch[w].pid, SIGKILL);
	return 0;
}

static int list_calls(void)
{
	for (unsigned i = 0; i < grammar_size; i++)
		printf("%ld %s\n", grammar[i].nr, grammar[i].name);
	return 0;
}

int main(int argc, char **argv)
{
	const char *again = NULL;
	long before, after;
	int option;

	while ((option = getopt(argc, argv, "s:n:t:w:e:l")) != -1)
		switch (option) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			wanted = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = atol(optarg);
			break;
		case 'w':
			workers = (unsigned)atoi(optarg);
			break;
		case 'e':
			again = optarg;
			break;
		case 'l':
			return list_calls();
		default:
			return 2;
		}
	if (!workers || workers > MAX_WORKERS || optind != argc)
		errx(2, "1 to %u workers, and no other words", MAX_WORKERS);
	begin();
	printf("fuzzcalls: seed %llu\n", (unsigned long long)seed);
	if (again)
		return run_again(again);
	before = run_part(wanted / 10, seconds ? now() + seconds / 10 : 0);
	after = run_part(wanted, seconds ? now() + seconds : 0);
	return print_result(before, after);
}
