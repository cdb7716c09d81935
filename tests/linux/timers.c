/* SPDX-License-Identifier: MIT */
/* timer_create and its kin: whom they tell and how, settings, overruns, what fork and exec leave of them; alarm beside them. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define MS 1000000L

/* The calls themselves: C libraries have types and threads of their own in between. */
static long create(clockid_t clock, struct sigevent *e, int *id)
{
	return syscall(SYS_timer_create, clock, e, id);
}

static long set(int id, int flags, long first_ns, long interval_ns)
{
	struct itimerspec s = {{interval_ns / 1000000000, interval_ns % 1000000000},
		{first_ns / 1000000000, first_ns % 1000000000}};

	return syscall(SYS_timer_settime, id, flags, &s, NULL);
}

static long get(int id, struct itimerspec *s)
{
	return syscall(SYS_timer_gettime, id, s);
}

static int wait_for_signal(int signo, siginfo_t *info, int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * MS};
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, signo);
	memset(info, 0, sizeof(*info));
	return sigtimedwait(&s, info, &t);
}

static void block(int signo)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, signo);
	sigprocmask(SIG_BLOCK, &s, NULL);
}

static struct sigevent event(int notify, int signo, int value)
{
	struct sigevent e;

	memset(&e, 0, sizeof(e));
	e.sigev_notify = notify;
	e.sigev_signo = signo;
	e.sigev_value.sival_int = value;
	return e;
}

static void test_errors(void)
{
	struct sigevent e = event(SIGEV_SIGNAL, SIGUSR1, 0);
	struct itimerspec s = {{0, 0}, {0, 1000000000}};
	int id;

	row("no such clock", create(99, &e, &id));
	e.sigev_signo = 0;
	row("signal 0", create(CLOCK_MONOTONIC, &e, &id));
	e.sigev_signo = 65;
	row("signal 65", create(CLOCK_MONOTONIC, &e, &id));
	e = event(77, SIGUSR1, 0);
	row("no such notification", create(CLOCK_MONOTONIC, &e, &id));
	e = event(SIGEV_SIGNAL | SIGEV_THREAD_ID, SIGUSR1, 0);
	e.sigev_notify_thread_id = 1;
	row("another process's thread", create(CLOCK_MONOTONIC, &e, &id));
	row("an event nowhere", create(CLOCK_MONOTONIC, (void *)8, &id));
	row("a number to nowhere", create(CLOCK_MONOTONIC, NULL, (void *)8));
	row("settime of none", set(12345, 0, MS, 0));
	row("gettime of none", get(12345, &s));
	row("getoverrun of none", syscall(SYS_timer_getoverrun, 12345));
	row("delete of none", syscall(SYS_timer_delete, 12345));
	e = event(SIGEV_NONE, 0, 0);
	row("SIGEV_NONE without a signal", create(CLOCK_MONOTONIC, &e, &id));
	row("too many nanoseconds", syscall(SYS_timer_settime, id, 0, &s, NULL));
	row("no setting", syscall(SYS_timer_settime, id, 0, NULL, NULL));
	row("a setting from nowhere", syscall(SYS_timer_settime, id, 0, 8L, NULL));
	row("gettime to nowhere", get(id, (void *)8));
	row("delete", syscall(SYS_timer_delete, id));
	row("again", syscall(SYS_timer_delete, id));
}

static void test_signal(void)
{
	struct sigevent e = event(SIGEV_SIGNAL, SIGRTMIN + 3, 4711);
	struct itimerspec s;
	siginfo_t info;
	int id, other;

	block(SIGRTMIN + 3);
	block(SIGALRM);
	row("create", create(CLOCK_MONOTONIC, &e, &id));
	row("gettime, not armed", get(id, &s));
	say("%ld.%09ld", (long)s.it_value.tv_sec, s.it_value.tv_nsec);
	row("settime", set(id, 0, 5 * MS, 0));
	say("signal: %s", wait_for_signal(SIGRTMIN + 3, &info, 2000) == SIGRTMIN + 3 ? "yes" : "no");
	say("code %d, id %s, overrun %d, value %d", info.si_code, info.si_timerid == id ? "right" : "wrong",
		info.si_overrun, info.si_value.sival_int);
	say("once: %s", wait_for_signal(SIGRTMIN + 3, &info, 30) == -1 ? "yes" : "no");
	row("getoverrun", syscall(SYS_timer_getoverrun, id));
	row("a long one", set(id, 0, 3600L * 1000 * MS, 7 * MS));
	get(id, &s);
	say("left: %s, interval %ld", s.it_value.tv_sec == 3599 ? "an hour" : "no", s.it_interval.tv_nsec);
	row("disarmed", set(id, 0, 0, 7 * MS));
	get(id, &s);
	say("left: %ld.%09ld, interval %ld", (long)s.it_value.tv_sec, s.it_value.tv_nsec,
		s.it_interval.tv_nsec);
	row("absolute, long ago", set(id, TIMER_ABSTIME, 1, 0));
	say("signal: %s", wait_for_signal(SIGRTMIN + 3, &info, 2000) == SIGRTMIN + 3 ? "yes" : "no");
	row("without an event", create(CLOCK_REALTIME, NULL, &other));
	row("settime", set(other, 0, MS, 0));
	say("SIGALRM: %s", wait_for_signal(SIGALRM, &info, 2000) == SIGALRM ? "yes" : "no");
	say("code %d, value is the number: %s", info.si_code,
		info.si_value.sival_int == other ? "yes" : "no");
	say("numbers differ: %s", other != id ? "yes" : "no");
	row("delete", syscall(SYS_timer_delete, id));
	row("delete the other", syscall(SYS_timer_delete, other));
}

static void test_absolute(void)
{
	struct sigevent e = event(SIGEV_SIGNAL, SIGRTMIN + 3, 1);
	struct timespec now;
	siginfo_t info;
	int id;

	for (int k = 0; k < 2; k++) {
		clockid_t clock = k ? CLOCK_REALTIME : CLOCK_MONOTONIC;

		create(clock, &e, &id);
		clock_gettime(clock, &now);
		now.tv_sec++;
		struct itimerspec s = {.it_value = now};
		row("absolute, in a second", syscall(SYS_timer_settime, id, TIMER_ABSTIME, &s, NULL));
		say("not at once: %s", wait_for_signal(SIGRTMIN + 3, &info, 100) == -1 ? "yes" : "no");
		s = (struct itimerspec){.it_value = {0, 0}};
		get(id, &s);
		say("less than a second is left: %s",
			s.it_value.tv_sec == 0 && s.it_value.tv_nsec > 0 ? "yes" : "no");
		say("then: %s", wait_for_signal(SIGRTMIN + 3, &info, 5000) > 0 ? "yes" : "no");
		syscall(SYS_timer_delete, id);
	}
}

/* A signal that nobody takes waits once; what is missed is counted. */
static void test_overrun(void)
{
	struct sigevent e = event(SIGEV_SIGNAL, SIGRTMIN + 4, 9);
	siginfo_t info;
	int id;

	block(SIGRTMIN + 4);
	create(CLOCK_MONOTONIC, &e, &id);
	set(id, 0, MS, MS);
	pause_ms(60);
	say("signal: %s", wait_for_signal(SIGRTMIN + 4, &info, 1000) > 0 ? "yes" : "no");
	say("getoverrun is the same: %s",
		syscall(SYS_timer_getoverrun, id) == info.si_overrun ? "yes" : "no");
	say("many overruns: %s", info.si_overrun >= 20 ? "yes" : "no");
	syscall(SYS_timer_delete, id);
}

static volatile sig_atomic_t count, who;

static void on_tick(int signo)
{
	(void)signo;
	count++;
	who = (int)syscall(SYS_gettid);
}

static void *sleeper(void *arg)
{
	*(int *)arg = (int)syscall(SYS_gettid);
	while (count < 5)
		pause_ms(1);
	return NULL;
}

static void test_thread(void)
{
	struct sigevent e = event(SIGEV_SIGNAL | SIGEV_THREAD_ID, SIGUSR2, 0);
	volatile int tid = 0;
	pthread_t t;
	int id, right;

	count = 0;
	signal(SIGUSR2, on_tick);
	pthread_create(&t, NULL, sleeper, (void *)&tid);
	while (!tid)
		pause_ms(1);
	e.sigev_notify_thread_id = tid;
	row("SIGEV_THREAD_ID", create(CLOCK_MONOTONIC, &e, &id));
	row("settime", set(id, 0, MS, 2 * MS));
	pthread_join(t, NULL);
	right = who == tid;
	say("the thread itself: %s", right ? "yes" : "no");
	pause_ms(10);
	say("after its end nobody is told: %s", who == tid ? "yes" : "no");
	row("delete", syscall(SYS_timer_delete, id));
}

static sem_t told;

static void on_thread(union sigval v)
{
	if (v.sival_int == 31)
		sem_post(&told);
}

/* The C library's own: SIGEV_THREAD. */
static void test_library(void)
{
	struct sigevent e = event(SIGEV_THREAD, 0, 31);
	struct itimerspec s = {{0, 2 * MS}, {0, MS}};
	timer_t id;

	sem_init(&told, 0, 0);
	e.sigev_notify_function = on_thread;
	row("timer_create(SIGEV_THREAD)", timer_create(CLOCK_MONOTONIC, &e, &id));
	row("timer_settime", timer_settime(id, 0, &s, NULL));
	for (int i = 0; i < 5; i++)
		while (sem_wait(&told) < 0)
			;
	say("five times");
	row("timer_delete", timer_delete(id));
}

static void test_fork(char *self)
{
	struct sigevent e = event(SIGEV_SIGNAL, SIGRTMIN + 3, 1);
	char *argv[] = {self, "exec", NULL}, number[20];
	struct itimerspec s;
	pid_t pid;
	int id;

	create(CLOCK_MONOTONIC, &e, &id);
	set(id, 0, 3600L * 1000 * MS, 0);
	pid = fork();
	if (!pid) {
		row("a child has none of its parent's", get(id, &s));
		create(CLOCK_MONOTONIC, &e, &id);
		set(id, 0, 20 * MS, 0);
		snprintf(number, sizeof(number), "%d", id);
		setenv("TIMER", number, 1);
		execv(self, argv);
		_exit(9);
	}
	table_wait("exec ends them", pid);
	row("the parent still has it", get(id, &s));
	pid = fork();
	if (!pid) {
		signal(SIGALRM, SIG_DFL);
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		alarm(1);
		execv(self, (char *[]){self, "pause", NULL});
		_exit(9);
	}
	table_wait("alarm outlives exec", pid);
}

/* After exec: the timer of before would end this with its signal. */
static int after_exec(void)
{
	struct itimerspec s;

	if (get(atoi(getenv("TIMER")), &s) != -1 || errno != EINVAL)
		return 1;
	pause_ms(60);
	return 0;
}

static void test_many(void)
{
	struct sigevent e = event(SIGEV_SIGNAL, SIGRTMIN + 5, 0);
	int id[100], seen = 0, order = 1, last = -1;
	siginfo_t info;

	block(SIGRTMIN + 5);
	for (int i = 0; i < 100; i++) {
		e.sigev_value.sival_int = i;
		if (create(CLOCK_MONOTONIC, &e, &id[i]))
			say("create fails");
		set(id[i], 0, (2 + i) * 3 * MS / 10, 0);
	}
	while (seen < 100 && wait_for_signal(SIGRTMIN + 5, &info, 2000) > 0) {
		seen++;
		order &= info.si_value.sival_int > last;
		last = info.si_value.sival_int;
	}
	say("%d signals", seen);
	for (int i = 0; i < 100; i++)
		syscall(SYS_timer_delete, id[i]);
}

static sem_t worked, done;

static long clock_ms(clockid_t clock)
{
	struct timespec t = {-1, 0};

	return clock_gettime(clock, &t) ? -1 : t.tv_sec * 1000 + t.tv_nsec / MS;
}

static void *work(void *arg)
{
	while (clock_ms(CLOCK_THREAD_CPUTIME_ID) < 60)
		;
	sem_post(&worked);
	sem_wait(&done);
	return arg;
}

/* A child that waits; its process has a clock for us, its thread has none. */
static void clocks_of_a_child(void)
{
	struct timespec t;
	clockid_t clock;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	row("clock_getcpuclockid of a child", clock_getcpuclockid(pid, &clock));
	say("its time %d", clock_ms(clock) >= 0 && clock_ms(clock) < 50);
	row("of its thread", syscall(SYS_clock_gettime, ~pid * 8 | 6, &t));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	row("of nobody", syscall(SYS_clock_gettime, clock, &t));
	row("its resolution", syscall(SYS_clock_getres, clock, &t));
	row("clock_getcpuclockid of nobody", clock_getcpuclockid(pid, &clock) == ESRCH);
}

/* CPU time of a thread and a process, as another one sees it. */
static void test_cpu_clocks(void)
{
	struct timespec t = {7, 7};
	clockid_t of_thread, of_process;
	long before = clock_ms(CLOCK_THREAD_CPUTIME_ID);
	pthread_t thread;

	sem_init(&worked, 0, 0);
	sem_init(&done, 0, 0);
	if (pthread_create(&thread, NULL, work, NULL))
		return;
	sem_wait(&worked);
	row("pthread_getcpuclockid", pthread_getcpuclockid(thread, &of_thread));
	row("clock_getcpuclockid", clock_getcpuclockid(getpid(), &of_process));
	say("its thread %d, itself %d, all %d", clock_ms(of_thread) >= 60,
		clock_ms(CLOCK_THREAD_CPUTIME_ID) - before < 50, clock_ms(of_process) >= clock_ms(of_thread));
	row("clock_getres", clock_getres(of_thread, &t));
	say("%ld %ld", (long)t.tv_sec, t.tv_nsec);
	row("its own, by 0", syscall(SYS_clock_gettime, ~0 * 8 | 6, &t));
	row("its process's, by 0", syscall(SYS_clock_gettime, ~0 * 8 | 2, &t));
	row("no kind of time", syscall(SYS_clock_gettime, of_thread | 3, &t));
	row("bad address", syscall(SYS_clock_gettime, of_thread, 8));
	sem_post(&done);
	pthread_join(thread, NULL);
	clocks_of_a_child();
}

int main(int argc, char **argv)
{
	static char self[4096];

	if (argc == 2 && !strcmp(argv[1], "exec"))
		return after_exec();
	if (argc == 2 && !strcmp(argv[1], "pause"))
		for (;;)
			pause();
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	table_begin(argc, argv);
	test_errors();
	test_signal();
	test_absolute();
	test_overrun();
	test_thread();
	test_library();
	test_many();
	test_fork(self);
	test_cpu_clocks();
	return 0;
}
