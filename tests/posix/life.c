/* SPDX-License-Identifier: MIT */
/* A thread's life: attributes, stacks and who frees them, thread-specific data, cancellation, fork, the process's end. */
#define _GNU_SOURCE
#include "../linux/table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void result(const char *what, int err)
{
	say("%s: %s", what, err ? errno_name(err) : "0");
}

static pthread_t make(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	int err = pthread_create(&t, NULL, fn, arg);

	if (err)
		result("pthread_create", err);
	return t;
}

static void *nothing(void *arg)
{
	return arg;
}

/* ---- attributes, stacks ---- */

static __thread int small = 7;
static __thread _Alignas(256) char aligned[256] = "aligned";
static __thread long zeroes[100];

static void *check_local(void *arg)
{
	int good =
		small == 7 && (uintptr_t)aligned % 256 == 0 && !strcmp(aligned, "aligned") && zeroes[99] == 0;

	small = 8;
	zeroes[99] = 1;
	aligned[0] = 'A';
	return good ? arg : NULL;
}

static void *stack_here(void *arg)
{
	char here;

	if (arg)
		return (void *)(intptr_t)(&here > (char *)arg && &here < (char *)arg + 65536);
	return &here - (uintptr_t)&here % 65536;
}

static void test_attributes(void)
{
	static char own[65536] __attribute__((aligned(4096)));
	pthread_attr_t a;
	pthread_t t;
	size_t size;
	void *got;
	int state;

	pthread_attr_init(&a);
	result("setstacksize, too small", pthread_attr_setstacksize(&a, 100));
	result("setdetachstate, unknown", pthread_attr_setdetachstate(&a, 9));
	pthread_attr_getdetachstate(&a, &state);
	say("joinable %d", state == PTHREAD_CREATE_JOINABLE);
	pthread_attr_setstacksize(&a, 128 << 10);
	pthread_attr_getstacksize(&a, &size);
	say("stack size %zu", size);
	pthread_attr_getguardsize(&a, &size);
	say("guard %d", size > 0);
	pthread_create(&t, &a, nothing, "x");
	pthread_join(t, &got);
	say("with a small stack: %s", (char *)got);
	pthread_attr_setstack(&a, own, sizeof(own));
	pthread_create(&t, &a, stack_here, own);
	pthread_join(t, &got);
	say("on a stack of our own %d", got != NULL);
	pthread_attr_destroy(&a);
	for (int i = 0; i < 3; i++) {
		pthread_join(make(check_local, "right"), &got);
		say("thread-local data: %s", got ? (char *)got : "wrong");
	}
}

/* Threads after one another: their memory is used again. */
static void test_stacks_freed(void)
{
	uintptr_t seen[8];
	int distinct = 0;

	for (int i = 0; i < 300; i++) {
		void *at;
		int k = 0;

		pthread_join(make(stack_here, NULL), &at);
		while (k < distinct && seen[k] != (uintptr_t)at)
			k++;
		if (k == distinct && distinct < 8)
			seen[distinct++] = (uintptr_t)at;
	}
	say("300 threads, at most a few stacks %d", distinct < 4);
}

static _Atomic int detached_ran;

static void *count_detached(void *arg)
{
	if (arg)
		pthread_detach(pthread_self());
	detached_ran++;
	return NULL;
}

static void test_detach(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 300; i++)
		if (pthread_create(&t, &a, count_detached, NULL))
			say("detached %d: not created", i);
	for (int i = 0; i < 100; i++) {
		pthread_detach(make(count_detached, NULL));
		make(count_detached, "itself");
	}
	while (detached_ran < 500)
		pause_ms(1);
	say("detached %d", detached_ran);
	result("join itself", pthread_join(pthread_self(), NULL));
	say("equal %d %d", pthread_equal(pthread_self(), pthread_self()) != 0,
		pthread_equal(pthread_self(), t) != 0);
}

static void on_overflow(int signo)
{
	(void)signo;
	_exit(42);
}

static int deeper(volatile int n)
{
	volatile char big[1024];

	big[0] = (char)n;
	return n > 1 << 20 ? 0 : deeper(n + 1) + big[0];
}

static void *overflow(void *arg)
{
	static char alternate[32768];
	stack_t s = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction act = {.sa_handler = on_overflow, .sa_flags = SA_ONSTACK};

	sigaltstack(&s, NULL);
	sigaction(SIGSEGV, &act, NULL);
	return (void *)(intptr_t)deeper(arg != NULL);
}

static void test_guard(void)
{
	pid_t pid = fork();
	pthread_attr_t a;
	pthread_t t;

	if (pid == 0) {
		pthread_attr_init(&a);
		pthread_attr_setstacksize(&a, 64 << 10);
		pthread_create(&t, &a, overflow, NULL);
		pthread_join(t, NULL);
		_exit(1);
	}
	table_wait("a stack that overflows", pid);
}

/* ---- thread-specific data ---- */

static pthread_key_t key, again;
static _Atomic int destroyed, revived;

static void destroy(void *value)
{
	destroyed += (int)(intptr_t)value;
}

static void revive(void *value)
{
	if (++revived < 3)
		pthread_setspecific(again, value);
}

static void *use_keys(void *arg)
{
	if (pthread_getspecific(key) || pthread_getspecific(again))
		say("a new thread has values");
	pthread_setspecific(key, arg);
	pthread_setspecific(again, arg);
	return pthread_getspecific(key) == arg ? "kept" : "lost";
}

static void test_keys(void)
{
	pthread_key_t many[1024];
	void *got;
	int n = 0;

	result("key", pthread_key_create(&key, destroy));
	result("key", pthread_key_create(&again, revive));
	for (intptr_t i = 1; i <= 4; i++) {
		pthread_join(make(use_keys, (void *)i), &got);
		say("%s, destroyed %d, revived %d", (char *)got, destroyed, revived);
	}
	pthread_setspecific(key, "main's");
	result("delete", pthread_key_delete(key));
	result("new key", pthread_key_create(&key, NULL));
	say("a new key is NULL %d", pthread_getspecific(key) == NULL);
	while (n < 1024 && !pthread_key_create(&many[n], NULL))
		n++;
	say("keys for all %d", n >= 120);
	while (n--)
		pthread_key_delete(many[n]);
	pthread_key_delete(key);
	pthread_key_delete(again);
}

/* ---- cancellation ---- */

static int fds[2];
static _Atomic int ready, trail;
static sem_t sem;

static void leave(void *arg)
{
	trail = trail * 10 + (int)(intptr_t)arg;
}

static void do_read(void)
{
	char c;

	if (read(fds[0], &c, 1) < 0)
		say("read: %s", errno_name(errno));
}

static void do_sleep(void)
{
	sleep(100);
}

static void do_sem(void)
{
	sem_wait(&sem);
}

static void do_join(void)
{
	pthread_t t = make(nothing, NULL);

	pthread_join(t, NULL);
	for (;;)
		pause();
}

static void do_wait(void)
{
	waitpid(-1, NULL, 0);
	for (;;)
		pause();
}

static void do_lock_file(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open("lock", O_RDWR);

	fcntl(fd, F_SETLKW, &l);
	for (;;)
		pause();
}

static void do_test(void)
{
	for (;;) {
		pthread_testcancel();
		sched_yield();
	}
}

static void do_disabled(void)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pause_ms(40);
	leave((void *)3);
	pthread_setcancelstate(old, NULL);
	do_sleep();
}

static void do_asynchronous(void)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;)
		;
}

static void on_user_signal(int signo)
{
	(void)signo;
	ready = 2;
	/* The cancellation arrives in here, and concerns the call that was interrupted. */
	for (int i = 0; i < 200 && ready != 3; i++)
		pause_ms(1);
}

static void do_in_handler(void)
{
	do_read();
	say("read went on");
}

static void *cancelled_thread(void *arg)
{
	pthread_cleanup_push(leave, (void *)1);
	pthread_cleanup_push(leave, (void *)2);
	ready = 1;
	((void (*)(void))arg)();
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return "not cancelled";
}

static void cancel_in(const char *what, void (*fn)(void))
{
	pthread_t t;
	void *got;

	ready = trail = 0;
	t = make(cancelled_thread, (void *)fn);
	while (!ready)
		sched_yield();
	pause_ms(20);
	if (fn == do_in_handler) {
		pthread_kill(t, SIGUSR1);
		while (ready != 2)
			sched_yield();
	}
	result(what, pthread_cancel(t));
	if (fn == do_in_handler)
		ready = 3;
	pthread_join(t, &got);
	say("  cancelled %d, clean-up %d", got == PTHREAD_CANCELED, trail);
}

/* What a cancelled thread had read is not lost: either it was cancelled before, or it has the byte. Not so with glibc, which cancels
 * after the call as well (its bug 12683). */
static _Atomic int bytes_got;

static void *reader(void *arg)
{
	char c;

	(void)arg;
	for (;;)
		if (read(fds[0], &c, 1) == 1)
			bytes_got++;
	return NULL;
}

static void test_nothing_lost(void)
{
	int written = 0, left = 0;
	char c;

	bytes_got = 0;
	for (int i = 0; i < 100; i++) {
		pthread_t t = make(reader, NULL);

		for (int k = 0; k < i % 4; k++)
			sched_yield();
		written += write(fds[1], "x", 1) == 1;
		pthread_cancel(t);
		pthread_join(t, NULL);
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (read(fds[0], &c, 1) == 1)
		left++;
	fcntl(fds[0], F_SETFL, 0);
#ifdef __GLIBC__
	left = written - bytes_got;
#endif
	say("written %d, lost %d", written, written - bytes_got - left);
}

static void test_cancel(void)
{
	struct sigaction act = {.sa_handler = on_user_signal, .sa_flags = SA_RESTART};
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = make_file("lock", 10), was;
	pid_t pid = fork();

	if (pid == 0) { /* has the file's lock, and is the child that does not end */
		fcntl(fd, F_SETLKW, &l);
		for (;;)
			pause();
	}
	while (fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_UNLCK) {
		l.l_type = F_WRLCK;
		pause_ms(1);
	}
	sigaction(SIGUSR1, &act, NULL);
	sem_init(&sem, 0, 0);
	if (pipe(fds))
		return;
	cancel_in("read", do_read);
	cancel_in("sleep", do_sleep);
	cancel_in("sem_wait", do_sem);
	cancel_in("join, then pause", do_join);
	cancel_in("waitpid", do_wait);
	cancel_in("F_SETLKW", do_lock_file);
	cancel_in("testcancel", do_test);
	cancel_in("disabled for a while", do_disabled);
	cancel_in("asynchronous", do_asynchronous);
	cancel_in("read, in a handler", do_in_handler);
	test_nothing_lost();
	result("state, unknown", pthread_setcancelstate(9, &was));
	result("type, unknown", pthread_setcanceltype(9, &was));
	kill(pid, SIGKILL);
	table_wait("child", pid);
}

/* ---- fork ---- */

static _Atomic int stop;
static char order[16];

static void *busy_malloc(void *arg)
{
	while (!stop) {
		void *p = malloc(100 + (size_t)arg);

		FILE *f = fmemopen(p, 100, "w");
		fclose(f);
		free(p);
	}
	return NULL;
}

static void note(char c)
{
	order[strlen(order)] = c;
}

static void prepare_1(void)
{
	note('1');
}

static void prepare_2(void)
{
	note('2');
}

static void parent_1(void)
{
	note('p');
}

static void parent_2(void)
{
	note('q');
}

static void child_1(void)
{
	note('c');
}

static void child_2(void)
{
	note('d');
}

static void test_fork(void)
{
	pthread_t t[4];
	int good = 0;

	pthread_atfork(prepare_1, parent_1, child_1);
	pthread_atfork(prepare_2, parent_2, child_2);
	for (size_t i = 0; i < 4; i++)
		t[i] = make(busy_malloc, (void *)i);
	for (int i = 0; i < 30; i++) {
		memset(order, 0, sizeof(order));
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			pthread_t own;
			char *p = malloc(1000);
			void *got;

			alarm(10);
			free(p);
			own = make(nothing, "thread of a child");
			pthread_join(own, &got);
			_exit(p && got && !strcmp(order, "21cd") ? 0 : 1);
		}
		waitpid(pid, &status, 0);
		good += status == 0 && !strcmp(order, "21pq");
	}
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	say("30 forks beside busy threads: %d good", good);
}

/* ---- the end ---- */

static void *last_thread(void *arg)
{
	pause_ms(20);
	if (write(fds[1], "l", 1) != 1)
		_exit(9);
	return arg;
}

static void at_exit(void)
{
	if (write(fds[1], "e", 1) != 1)
		_exit(8);
}

static void test_end(void)
{
	char got[4] = "";
	pid_t pid = fork();

	if (pid == 0) {
		atexit(at_exit);
		make(last_thread, NULL);
		pthread_exit(NULL);
	}
	table_wait("the last thread ends the process", pid);
	say("and it did: %zd %s", read(fds[0], got, 3), got);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	test_attributes();
	test_stacks_freed();
	test_detach();
	test_guard();
	test_keys();
	test_cancel();
	test_fork();
	test_end();
	return 0;
}
