/* SPDX-License-Identifier: MIT */
/* Time that is counted while it passes: of a thread that runs elsewhere, of the machine; and the state that /proc tells of a process. */
#define _GNU_SOURCE
#include "table.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 500 /* turns of 20 ms: a loaded machine may give a thread no time for long */

static long ms_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* So that no switch on the one CPU counts the other's time. */
static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static volatile int stop;

static void *spin(void *arg)
{
	stay_on(1);
	while (!stop)
		;
	return arg;
}

#define GROWN 20 /* more than it could by the few switches that there are in that time anyway */

static long ms_of_others(void)
{
	return ms_of(CLOCK_PROCESS_CPUTIME_ID) - ms_of(CLOCK_THREAD_CPUTIME_ID);
}

static void test_other_thread(void)
{
	long last = ms_of_others(), now;
	int grown = 0;
	pthread_t t;

	stay_on(0);
	pthread_create(&t, NULL, spin, NULL);
	for (int i = 0; i < PATIENCE && grown < GROWN; i++) {
		pause_ms(20);
		now = ms_of_others();
		if (now > last) { /* the two clocks are cut to milliseconds, so it may go down by one */
			grown++;
			last = now;
		}
	}
	say("another thread's time counts while it runs %d", grown == GROWN);
	stop = 1;
	pthread_join(t, NULL);
	say("and afterwards %d", ms_of_others() + 1 >= last);
}

/* Hundredths of a second that all CPUs together were busy, and idle. */
static void machine(long *busy, long *idle)
{
	long user = 0, nice = 0, system = 0;
	FILE *f = fopen("/proc/stat", "r");

	*idle = 0;
	if (!f || fscanf(f, "cpu %ld %ld %ld %ld", &user, &nice, &system, idle) != 4)
		say("/proc/stat has no first line");
	if (f)
		fclose(f);
	*busy = user + nice + system;
}

static char state_of(pid_t pid)
{
	char path[64], state = '?';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*d %*s %c", &state) != 1)
		say("%s cannot be read", path);
	if (f)
		fclose(f);
	return state;
}

/* Waits until it is so. */
static char settles(pid_t pid, char state)
{
	for (int i = 0; i < PATIENCE && state_of(pid) != state; i++)
		pause_ms(20);
	return state_of(pid);
}

static void test_machine(void)
{
	long busy, busier, idle, idler, began = ms_of(CLOCK_MONOTONIC), took;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pid_t pid = fork();

	if (!pid) {
		stop = 0;
		spin(NULL);
	}
	machine(&busy, &idle);
	busier = busy;
	for (int i = 0; i < PATIENCE && busier - busy < 10; i++) {
		pause_ms(20);
		machine(&busier, &idler);
	}
	took = ms_of(CLOCK_MONOTONIC) - began;
	say("busy beside a program that computes %d", busier - busy >= 10);
	say("idle no more than there is time %d", idler >= idle && (idler - idle) * 10 <= took * cpus + 100);
	say("it runs: %c", settles(pid, 'R'));
	kill(pid, SIGSTOP);
	say("stopped: %c", settles(pid, 'T'));
	kill(pid, SIGKILL);
	say("killed: %c", settles(pid, 'Z'));
	table_wait("reaped", pid);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	say("it sleeps: %c", settles(pid, 'S'));
	kill(pid, SIGKILL);
	table_wait("reaped", pid);
	say("myself: %c", state_of(getpid()));
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	test_other_thread();
	test_machine();
	return 0;
}
