/* SPDX-License-Identifier: MIT */
/* CPU affinity: where threads run once they were told where they may. With one CPU there is nothing to tell apart, and the rows are the same. */
#define _GNU_SOURCE
#include "table.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int first, last; /* CPUs that we have */
static cpu_set_t all;

static int cpu(void)
{
	unsigned n = 0;

	syscall(SYS_getcpu, &n, NULL, NULL);
	return (int)n;
}

static int pin(pid_t tid, int to)
{
	cpu_set_t s;

	CPU_ZERO(&s);
	CPU_SET(to, &s);
	return sched_setaffinity(tid, sizeof(s), &s);
}

/* So often, in between whatever makes a scheduler think of another CPU: is it this one always? */
static int stays_on(int where, int times)
{
	int ok = 1;

	for (int i = 0; i < times; i++) {
		if (i % 3 == 0)
			sched_yield();
		else if (i % 10 == 1)
			pause_ms(1);
		else
			for (volatile int k = 0; k < 3000; k++)
				;
		ok &= cpu() == where;
	}
	return ok;
}

static void test_self(void)
{
	cpu_set_t s;
	int ok = 1;

	row("to the last CPU", pin(0, last));
	say("there at once: %s", cpu() == last ? "yes" : "no");
	say("and stays: %s", stays_on(last, 60) ? "yes" : "no");
	row("getaffinity", sched_getaffinity(0, sizeof(s), &s));
	say("one CPU, the right one: %s", CPU_COUNT(&s) == 1 && CPU_ISSET(last, &s) ? "yes" : "no");
	for (int i = 0; i < 200; i++) {
		int to = i % 2 ? first : last;

		ok &= pin(0, to) == 0 && cpu() == to;
	}
	say("back and forth: %s", ok ? "yes" : "no");
	CPU_ZERO(&s);
	row("to none", sched_setaffinity(0, sizeof(s), &s));
	row("to all", sched_setaffinity(0, sizeof(all), &all));
}

static void test_child(void)
{
	pid_t pid;

	pin(0, last);
	pid = fork();
	if (!pid)
		_exit(cpu() == last && stays_on(last, 30) ? 0 : 1);
	table_wait("a child is where its parent may be", pid);
	sched_setaffinity(0, sizeof(all), &all);
}

struct worker {
	pthread_t t;
	int where; /* -1: anywhere */
	_Atomic(int) tid, stop;
	int wrong;
	long rounds;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	if (w->where >= 0)
		pin(0, w->where);
	atomic_store(&w->tid, (int)syscall(SYS_gettid));
	while (!atomic_load(&w->stop)) {
		w->wrong += w->where >= 0 && cpu() != w->where;
		w->rounds++;
		if (w->rounds % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* Four threads on one CPU, others anywhere: the four share it, and all get on. */
static void test_crowd(void)
{
	struct worker w[8] = {0};
	int wrong = 0, all_run = 1;

	for (int i = 0; i < 8; i++) {
		w[i].where = i < 4 ? first : i < 6 ? last : -1;
		pthread_create(&w[i].t, NULL, work, &w[i]);
	}
	pause_ms(300);
	for (int i = 0; i < 8; i++) {
		atomic_store(&w[i].stop, 1);
		pthread_join(w[i].t, NULL);
		wrong += w[i].wrong;
		all_run &= w[i].rounds > 0;
	}
	say("a crowd: %d times in the wrong place, all of them ran: %s", wrong, all_run ? "yes" : "no");
}

/* Somebody else moves a thread that computes, and one that sleeps. */
static _Atomic(int) seen;

static void *watch_self(void *arg)
{
	atomic_int *tid = arg;

	atomic_store(tid, (int)syscall(SYS_gettid));
	for (;;) {
		atomic_store(&seen, cpu());
		if (atomic_load(tid) < 0)
			return NULL;
	}
}

static void *sleep_then_look(void *arg)
{
	atomic_store((atomic_int *)arg, (int)syscall(SYS_gettid));
	pause_ms(200);
	return (void *)(intptr_t)cpu();
}

static int is_seen_on(int where)
{
	for (int i = 0; i < 2000; i++) {
		if (atomic_load(&seen) == where)
			return 1;
		pause_ms(1);
	}
	return 0;
}

static void test_others(void)
{
	atomic_int tid = 0;
	pthread_t t;
	void *where;
	int ok = 1;

	pthread_create(&t, NULL, watch_self, &tid);
	while (!atomic_load(&tid))
		sched_yield();
	for (int i = 0; i < 10; i++) {
		int to = i % 2 ? first : last;

		ok &= pin(atomic_load(&tid), to) == 0 && is_seen_on(to);
	}
	say("a thread that computes moves: %s", ok ? "yes" : "no");
	atomic_store(&tid, -1);
	pthread_join(t, NULL);
	ok = 1;
	for (int i = 0; i < 4; i++) {
		int to = i % 2 ? first : last;

		atomic_store(&tid, 0);
		pthread_create(&t, NULL, sleep_then_look, &tid);
		while (!atomic_load(&tid))
			sched_yield();
		pause_ms(10);
		ok &= pin(atomic_load(&tid), to) == 0;
		pthread_join(t, &where);
		ok &= (int)(intptr_t)where == to;
	}
	say("one that sleeps wakes there: %s", ok ? "yes" : "no");
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return 1;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			last = i;
	for (first = 0; !CPU_ISSET(first, &all);)
		first++;
	test_self();
	test_child();
	test_crowd();
	test_others();
	return 0;
}
