/* SPDX-License-Identifier: MIT */
/* Threads as pthreads make them: mutexes, conditions, barriers, cancellation, thread-local data, robust locks; and clone's kin. */
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 64

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static __thread int local = 5;
static long counter;
static int turn;

static void *count_up(void *arg)
{
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	local += (int)(intptr_t)arg;
	pthread_barrier_wait(&barrier);
	return (void *)(intptr_t)local;
}

static void test_many(void)
{
	pthread_t t[THREADS];
	long sum = 0;
	void *result;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, count_up, (void *)(intptr_t)i))
			say("create %d failed", i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], &result);
		sum += (intptr_t)result;
	}
	say("%d threads: counter %ld, thread-local sum %ld, mine %d", THREADS, counter, sum, local);
	pthread_barrier_destroy(&barrier);
}

static void *ping(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 2 != me)
			pthread_cond_wait(&cond, &mutex);
		turn++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void test_condition(void)
{
	pthread_t a, b;
	struct timespec t;

	pthread_create(&a, NULL, ping, (void *)0);
	pthread_create(&b, NULL, ping, (void *)1);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	say("turns %d", turn);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 20000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&mutex);
	say("timed wait %s", errno_name(pthread_cond_timedwait(&cond, &mutex, &t)));
	pthread_mutex_unlock(&mutex);
}

/* ---- floating point in every thread ---- */

static void *compute(void *arg)
{
	double x = (double)(intptr_t)arg + 1, y = x;

	for (int i = 0; i < 200000; i++) {
		y = y * 1.0000001 + 1e-9;
		if (i % 20000 == 0)
			sched_yield();
	}
	return (void *)(intptr_t)(y * 1000 / x);
}

static void test_fpu(void)
{
	pthread_t t[8];
	void *alone, *result;
	int same = 0;

	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, compute, (void *)(intptr_t)i);
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], &result);
		alone = compute((void *)(intptr_t)i);
		same += alone == result;
	}
	say("floating point: %d of 8 as alone", same);
}

/* ---- cancellation, exit, signals ---- */

static int cleaned;

static void cleanup(void *arg)
{
	cleaned += (int)(intptr_t)arg;
}

static void unlock(void *arg)
{
	pthread_mutex_unlock(arg);
}

static void *wait_forever(void *arg)
{
	pthread_cleanup_push(cleanup, (void *)3);
	if (arg)
		for (;;)
			pause();
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(1);
	pthread_cleanup_pop(1);
	return NULL;
}

static void test_cancel(void)
{
	pthread_t t;
	void *result;

	for (intptr_t how = 0; how < 2; how++) {
		pthread_create(&t, NULL, wait_forever, (void *)how);
		usleep(20000);
		pthread_cancel(t);
		pthread_join(t, &result);
		say("cancelled %d, cleaned %d", result == PTHREAD_CANCELED, cleaned);
	}
	say("mutex free %d", pthread_mutex_trylock(&mutex));
	pthread_mutex_unlock(&mutex);
}

static volatile int handled_by;
static sem_t handled;

static void on_signal(int signo)
{
	(void)signo;
	handled_by = (int)syscall(SYS_gettid);
	sem_post(&handled);
}

static void *take_signal(void *arg)
{
	*(volatile int *)arg = (int)syscall(SYS_gettid);
	while (!handled_by)
		usleep(1000);
	return NULL;
}

static void test_thread_signal(void)
{
	volatile int tid = 0;
	sigset_t set;
	pthread_t t;

	sem_init(&handled, 0, 0);
	signal(SIGUSR1, on_signal);
	pthread_create(&t, NULL, take_signal, (void *)&tid);
	while (!tid)
		sched_yield();
	pthread_kill(t, SIGUSR1);
	pthread_join(t, NULL);
	say("pthread_kill: handled by its thread %d", handled_by == tid);
	/* The process's signal goes to who does not block it. */
	handled_by = tid = 0;
	pthread_create(&t, NULL, take_signal, (void *)&tid);
	while (!tid)
		sched_yield();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	while (sem_wait(&handled) < 0)
		;
	while (sem_wait(&handled) < 0)
		;
	pthread_join(t, NULL);
	say("kill: handled by the other thread %d", handled_by == tid);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	say("main: tid is pid %d, another's is not %d", syscall(SYS_gettid) == getpid(), tid != getpid());
}

/* ---- robust and shared ---- */

static void test_robust(void)
{
	pthread_mutexattr_t a;
	pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = make_file("shared", 4096);
	int err, ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		return;
	munmap(m, 4096);
	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(m, &a);
	pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(m);
		if (write(ready[1], "l", 1) != 1)
			_exit(1);
		usleep(60000);
		_exit(0); /* with the lock */
	}
	if (read(ready[0], &c, 1) != 1) /* or we would be first, and hold what the child waits for */
		say("no child");
	err = pthread_mutex_lock(m);
	say("the owner died: %s", errno_name(err));
	pthread_mutex_consistent(m);
	pthread_mutex_unlock(m);
	say("again %d", pthread_mutex_lock(m));
	pthread_mutex_unlock(m);
	table_wait("owner", pid);
	munmap(m, 4096);
	close(fd);
}

#define SHARED_SIZE (2u << 20)
#define KILLS 30

static struct {
	int fd;
	char *map;
	volatile int stop;
} synced;

/* The file is dirty and on its way to the medium, again and again: its pages are write-protected and locked meanwhile. */
static void *keep_syncing(void *arg)
{
	while (!synced.stop) {
		synced.map[2048]++;
		fsync(synced.fd);
	}
	return arg;
}

/* An owner that is killed says so too, though its last store has to wait for somebody who writes the page back. */
static void test_robust_killed(void)
{
	pthread_mutexattr_t a;
	pthread_mutex_t *m;
	pthread_t syncer;
	struct timespec t;
	int ready[2], died = 0;
	char c;

	synced.fd = make_file("synced", 0);
	(void)posix_fallocate(synced.fd, 0,
		SHARED_SIZE); /* to be mapped, and written back, as one page of 2 MiB where there are such */
	synced.map = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, synced.fd, 0);
	m = (pthread_mutex_t *)synced.map;
	if (pipe(ready) || synced.map == MAP_FAILED)
		return;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(m, &a);
	pthread_create(&syncer, NULL, keep_syncing, NULL);
	for (int i = 0; i < KILLS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			pthread_mutex_lock(m);
			if (write(ready[1], "l", 1) != 1)
				_exit(1);
			for (;;)
				pause();
		}
		if (read(ready[0], &c, 1) != 1)
			say("no child");
		usleep((useconds_t)i * 300);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_sec += 2;
		if (pthread_mutex_timedlock(m, &t) != EOWNERDEAD)
			break;
		died++;
		pthread_mutex_consistent(m);
		pthread_mutex_unlock(m);
	}
	synced.stop = 1;
	pthread_join(syncer, NULL);
	say("of %d owners that were killed %d died", KILLS, died);
	munmap(synced.map, SHARED_SIZE);
	close(synced.fd);
}

/* ---- processes and threads ---- */

static void *other_thread(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void *exec_thread(void *arg)
{
	char *argv[] = {arg, "--exec", NULL}, *envp[] = {NULL};

	execve(arg, argv, envp);
	_exit(9);
	return NULL;
}

static void *late_thread(void *arg)
{
	(void)arg;
	usleep(30000);
	_exit(21);
	return NULL;
}

static void child(const char *what, int how, char *self)
{
	pid_t pid = fork();
	pthread_t t;

	if (pid == 0) {
		for (int i = 0; i < 4; i++)
			pthread_create(&t, NULL, other_thread, NULL);
		switch (how) {
		case 0:
			_exit(4);
		case 1:
			raise(SIGKILL);
			break;
		case 2:
			pthread_create(&t, NULL, exec_thread, self);
			break;
		case 3:
			pthread_create(&t, NULL, late_thread, NULL);
			pthread_exit(NULL);
		case 4:
			abort();
		}
		for (;;)
			pause();
	}
	table_wait(what, pid);
}

static int clone_child(void *arg)
{
	*(volatile int *)arg = 42;
	return 6;
}

static void test_clone(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	volatile int seen = 0;
	pid_t pid =
		clone(clone_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&seen);

	say("vfork-like clone: seen %d", seen);
	table_wait("its end", pid);
	pid = vfork();
	if (pid == 0)
		_exit(3);
	table_wait("vfork", pid);
	row("CLONE_THREAD alone", syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
	row("CLONE_SIGHAND alone", syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0));
	cpu_set_t set;
	say("affinity %d", sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0);
	row("setaffinity to itself", sched_setaffinity(0, sizeof(set), &set));
	CPU_ZERO(&set);
	row("setaffinity to nothing", sched_setaffinity(0, sizeof(set), &set));
}

/* ---- futex by hand ---- */

enum { /* musl has no header for them */
	FUTEX_WAIT,
	FUTEX_WAKE,
	FUTEX_CMP_REQUEUE = 4,
	FUTEX_WAKE_OP,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET,
	FUTEX_PRIVATE = 128,
	FUTEX_CLOCK_REALTIME = 256,
};
#define ADD_5_IF_0 (1u << 28 | 5u << 12) /* FUTEX_WAKE_OP: adds 5; true if the word was 0 */

static int word;

static long futex(int *w, int op, int val, const struct timespec *t, int *w2, int val3)
{
	return syscall(SYS_futex, w, op, val, t, w2, val3);
}

static void *futex_waiter(void *arg)
{
	(void)arg;
	return (void *)futex(&word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE, 0, NULL, NULL, 4);
}

static void test_futex(void)
{
	struct timespec t = {.tv_nsec = 10000000}, bad = {.tv_nsec = 1000000000};
	int other = 0;
	pthread_t w[4];
	void *result;
	long woken;

	row("wait, another value", futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
	row("wait, timeout", futex(&word, FUTEX_WAIT | FUTEX_PRIVATE, 0, &t, NULL, 0));
	row("wait, bad time", futex(&word, FUTEX_WAIT | FUTEX_PRIVATE, 0, &bad, NULL, 0));
	row("wait, unaligned", futex((int *)((char *)&word + 1), FUTEX_WAIT, 0, &t, NULL, 0));
	row("wait, bad address", futex((int *)4096, FUTEX_WAIT | FUTEX_PRIVATE, 0, &t, NULL, 0));
	row("wait, no bits", futex(&word, FUTEX_WAIT_BITSET, 0, &t, NULL, 0));
	row("wait until the past", futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &t, NULL, -1));
	row("wake nobody", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	row("unknown", futex(&word, 99, 0, NULL, NULL, 0));
	for (int i = 0; i < 4; i++)
		pthread_create(&w[i], NULL, futex_waiter, NULL);
	usleep(60000);
	row("wake other bits", futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 9, NULL, NULL, 3));
	row("wake one", futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 1, NULL, NULL, 6));
	row("requeue, another value",
		syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 1, 1L, &other, 7));
	row("requeue", syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 1, 1L, &other, 0));
	woken = syscall(SYS_futex, &other, FUTEX_WAKE_OP | FUTEX_PRIVATE, 9, 9L, &word, ADD_5_IF_0);
	say("wake-op: %ld woken, word %d", woken, word);
	for (int i = 0; i < 4; i++) {
		pthread_join(w[i], &result);
		row("waiter", (long)result);
	}
}

#define ROUNDS 100

static volatile sig_atomic_t usr2s, rounds_over;
static pthread_barrier_t both;

static void on_usr2(int signo)
{
	(void)signo;
	usr2s++;
}

static void *take_usr2(void *arg)
{
	sigset_t usr2;

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	pthread_sigmask(SIG_UNBLOCK, &usr2, NULL);
	while (!rounds_over)
		pause_ms(20);
	return arg;
}

static void *send_two(void *arg)
{
	while (pthread_barrier_wait(&both), !rounds_over) {
		pause_ms(1);
		kill(getpid(), SIGUSR1);
		kill(getpid(), SIGUSR2);
	}
	return arg;
}

/* Who waits for either of two signals and takes one leaves the other to a thread that does not block it. */
static void test_wait_for_two(void)
{
	struct timespec long_time = {10, 0};
	pthread_t taker, sender;
	sigset_t two, old;
	int first = 0, lost = 0;

	sigemptyset(&two);
	sigaddset(&two, SIGUSR1);
	sigaddset(&two, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &two, &old);
	signal(SIGUSR2, on_usr2);
	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&taker, NULL, take_usr2, NULL);
	pthread_create(&sender, NULL, send_two, NULL);
	for (int k = 1; k <= ROUNDS && !lost; k++) {
		pthread_barrier_wait(&both);
		first += sigtimedwait(&two, NULL, &long_time) == SIGUSR1;
		for (int ms = 0; usr2s < k && ms < 2000; ms++)
			pause_ms(1);
		lost = k - usr2s;
	}
	say("two signals, %d times: %d taken, %d lost", ROUNDS, first, lost);
	rounds_over = 1;
	pthread_barrier_wait(&both);
	pthread_join(sender, NULL);
	pthread_join(taker, NULL);
	signal(SIGUSR2, SIG_DFL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int main(int argc, char **argv)
{
	char self[4096];

	if (argc == 2 && !strcmp(argv[1], "--exec"))
		return getpid() == syscall(SYS_gettid) ? 15 : 16;
	if (!realpath(argv[0], self))
		return 2;
	table_begin(argc, argv);
	test_many();
	test_condition();
	test_fpu();
	test_cancel();
	test_thread_signal();
	test_wait_for_two();
	test_robust();
	test_robust_killed();
	child("exit with threads", 0, self);
	child("killed with threads", 1, self);
	child("exec in a thread", 2, self);
	child("the first thread ends first", 3, self);
	child("abort with threads", 4, self);
	test_clone();
	test_futex();
	return 0;
}
