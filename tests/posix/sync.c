/* SPDX-License-Identifier: MIT */
/* pthreads' locks: every kind of mutex, conditions, barriers, reader/writer locks, semaphores, once; under load, and destroyed early. */
#define _GNU_SOURCE
#include "../linux/table.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MANY 64

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void result(const char *what, int err)
{
	say("%s: %s", what, err ? errno_name(err) : "0");
}

static void run(int count, void *(*fn)(void *), void *arg)
{
	pthread_t t[MANY];

	for (int i = 0; i < count; i++)
		if (pthread_create(&t[i], NULL, fn, arg ? arg : (void *)(intptr_t)i))
			say("thread %d not created", i);
	for (int i = 0; i < count; i++)
		pthread_join(t[i], NULL);
}

/* ---- mutexes ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *other_tries(void *m)
{
	struct timespec soon = in_ms(CLOCK_REALTIME, 20), bad = {.tv_nsec = 1000000000};

	result("another: trylock", pthread_mutex_trylock(m));
	result("another: timedlock", pthread_mutex_timedlock(m, &soon));
	result("another: timedlock, bad time", pthread_mutex_timedlock(m, &bad));
	return NULL;
}

static void *other_unlocks(void *m)
{
	result("another: unlock", pthread_mutex_unlock(m));
	return NULL;
}

static void test_kinds(void)
{
	static const struct {
		int type;
		const char *name;
	} kinds[] = {{PTHREAD_MUTEX_NORMAL, "normal"}, {PTHREAD_MUTEX_RECURSIVE, "recursive"},
		{PTHREAD_MUTEX_ERRORCHECK, "errorcheck"}};
	pthread_mutexattr_t a;
	pthread_mutex_t m;

	pthread_mutexattr_init(&a);
	result("unknown type", pthread_mutexattr_settype(&a, 77));
	for (int i = 0; i < 3; i++) {
		struct timespec soon = in_ms(CLOCK_REALTIME, 20);

		say("-- %s", kinds[i].name);
		pthread_mutexattr_settype(&a, kinds[i].type);
		pthread_mutex_init(&m, &a);
		result("lock", pthread_mutex_lock(&m));
		result("trylock", pthread_mutex_trylock(&m));
		result("timedlock", pthread_mutex_timedlock(&m, &soon));
		run(1, other_tries, &m);
		if (i > 0)
			run(1, other_unlocks, &m);
		for (int left = i == 1 ? 3 : 1; left; left--)
			result("unlock", pthread_mutex_unlock(&m));
		if (i > 0)
			result("unlock a free one", pthread_mutex_unlock(&m));
		result("destroy", pthread_mutex_destroy(&m));
	}
	pthread_mutexattr_destroy(&a);
}

static void *contend(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&mutex);
		long seen = counter;
		if (i % 50 == 0)
			sched_yield(); /* with the lock: others have to sleep */
		counter = seen + 1;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void test_contention(void)
{
	run(MANY, contend, NULL);
	say("%d threads: counter %ld", MANY, counter);
}

static void test_shared_mutex(void)
{
	struct {
		pthread_mutex_t m;
		pthread_cond_t c;
		int turn, count;
	} *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	pid_t pid;

	if (s == MAP_FAILED)
		return;
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&s->m, &ma);
	pthread_condattr_init(&ca);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&s->c, &ca);
	pid = fork();
	for (int me = pid == 0, i = 0; i < 100; i++) {
		pthread_mutex_lock(&s->m);
		while (s->turn != me)
			pthread_cond_wait(&s->c, &s->m);
		s->count++;
		s->turn = !me;
		pthread_cond_signal(&s->c);
		pthread_mutex_unlock(&s->m);
	}
	if (pid == 0)
		_exit(0);
	table_wait("the other process", pid);
	say("two processes: %d turns", s->count);
	munmap(s, 4096);
}

/* ---- conditions ---- */

static void test_timed_conditions(void)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	pthread_condattr_t a;
	pthread_cond_t c;

	pthread_condattr_init(&a);
	result("setclock, CPU time", pthread_condattr_setclock(&a, CLOCK_PROCESS_CPUTIME_ID));
	for (int i = 0; i < 2; i++) {
		struct timespec soon = in_ms(clocks[i], 20), past = in_ms(clocks[i], 0),
				bad = {.tv_nsec = -1};
		clockid_t is;

		pthread_condattr_setclock(&a, clocks[i]);
		pthread_condattr_getclock(&a, &is);
		pthread_cond_init(&c, &a);
		pthread_mutex_lock(&mutex);
		result("timedwait", pthread_cond_timedwait(&c, &mutex, &soon));
		result("timedwait, past", pthread_cond_timedwait(&c, &mutex, &past));
		result("timedwait, bad time", pthread_cond_timedwait(&c, &mutex, &bad));
		pthread_mutex_unlock(&mutex);
		say("clock is right %d, destroy %d", is == clocks[i], pthread_cond_destroy(&c));
	}
}

/* A bounded buffer, with signals. */
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static int held;
static long remaining = 8 * 200;

static void *producer(void)
{
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&mutex);
		while (held == 4)
			pthread_cond_wait(&not_full, &mutex);
		held++;
		pthread_cond_signal(&not_empty);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void *consumer(void)
{
	pthread_mutex_lock(&mutex);
	while (remaining) {
		if (!held) {
			pthread_cond_wait(&not_empty, &mutex);
			continue;
		}
		held--;
		if (--remaining == 0)
			pthread_cond_broadcast(&not_empty);
		pthread_cond_signal(&not_full);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *producer_or_consumer(void *arg)
{
	return (intptr_t)arg % 2 ? producer() : consumer();
}

/* A condition in memory that is used for something else as soon as it is destroyed. */
struct gate {
	pthread_mutex_t m;
	pthread_cond_t c;
	int open, inside;
};

static void *pass_gate(void *arg)
{
	struct gate *g = arg;

	pthread_mutex_lock(&g->m);
	g->inside++;
	while (!g->open)
		pthread_cond_wait(&g->c, &g->m);
	g->inside--;
	pthread_mutex_unlock(&g->m);
	return NULL;
}

static void test_condition_destroyed(void)
{
	int left = 0;

	for (int round = 0; round < 40; round++) {
		struct gate *g = calloc(1, sizeof(*g));
		pthread_t t[8];

		pthread_mutex_init(&g->m, NULL);
		pthread_cond_init(&g->c, NULL);
		for (int i = 0; i < 8; i++)
			pthread_create(&t[i], NULL, pass_gate, g);
		for (int in = 0; in < 8;) {
			pthread_mutex_lock(&g->m);
			in = g->inside;
			pthread_mutex_unlock(&g->m);
			sched_yield();
		}
		pthread_mutex_lock(&g->m);
		g->open = 1;
		pthread_cond_broadcast(&g->c);
		pthread_mutex_unlock(&g->m);
		pthread_cond_destroy(&g->c);
		memset(&g->c, 0xff, sizeof(g->c));
		for (int i = 0; i < 8; i++)
			pthread_join(t[i], NULL);
		for (size_t i = 0; i < sizeof(g->c); i++)
			left += ((unsigned char *)&g->c)[i] != 0xff;
		free(g);
	}
	say("destroyed conditions are left alone %d", left == 0);
}

/* ---- barriers ---- */

static pthread_barrier_t *barrier;
static _Atomic int serial, late;
static _Atomic long phase_sum;

static void *phases(void *arg)
{
	(void)arg;
	for (int phase = 0; phase < 20; phase++) {
		phase_sum++;
		int is_serial = pthread_barrier_wait(barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
		if (phase_sum < 16 * (phase + 1))
			late++;
		serial += is_serial;
		pthread_barrier_wait(barrier);
	}
	/* The one that is told so destroys it, while others may still be on their way out. */
	if (pthread_barrier_wait(barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
		pthread_barrier_destroy(barrier);
		memset(barrier, 0xff, sizeof(*barrier));
	}
	return NULL;
}

static void test_barrier(void)
{
	barrier = malloc(sizeof(*barrier));
	result("barrier of nobody", pthread_barrier_init(barrier, NULL, 0));
	for (int round = 0; round < 5; round++) {
		serial = 0;
		phase_sum = 0;
		pthread_barrier_init(barrier, NULL, 16);
		run(16, phases, NULL);
		say("barrier: serial %d, late %d", serial, late);
	}
	free(barrier);
}

/* ---- reader/writer locks ---- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long pair[2];
static _Atomic int torn;

static void *read_or_write(void *arg)
{
	for (int i = 0; i < 100; i++) {
		if ((intptr_t)arg % 4 == 0) {
			pthread_rwlock_wrlock(&rwlock);
			pair[0]++;
			sched_yield();
			pair[1]++;
			pthread_rwlock_unlock(&rwlock);
			continue;
		}
		pthread_rwlock_rdlock(&rwlock);
		torn += pair[0] != pair[1];
		if (i % 10 == 0)
			sched_yield();
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

static void *rw_other(void *arg)
{
	struct timespec soon = in_ms(CLOCK_REALTIME, 20);

	(void)arg;
	int shared = pthread_rwlock_tryrdlock(&rwlock);

	result("another: tryrdlock", shared);
	if (!shared)
		pthread_rwlock_unlock(&rwlock);
	result("another: trywrlock", pthread_rwlock_trywrlock(&rwlock));
	shared = pthread_rwlock_timedrdlock(&rwlock, &soon);
	result("another: timedrdlock", shared);
	if (!shared)
		pthread_rwlock_unlock(&rwlock);
	result("another: timedwrlock", pthread_rwlock_timedwrlock(&rwlock, &soon));
	return NULL;
}

static void test_rwlock(void)
{
	run(16, read_or_write, NULL);
	say("rwlock: %ld %ld, torn %d", pair[0], pair[1], torn);
	pthread_rwlock_wrlock(&rwlock);
	result("wrlock again", pthread_rwlock_wrlock(&rwlock));
	result("rdlock again", pthread_rwlock_rdlock(&rwlock));
	run(1, rw_other, &rwlock);
	pthread_rwlock_unlock(&rwlock);
	result("rdlock", pthread_rwlock_rdlock(&rwlock));
	run(1, rw_other, &rwlock);
	result("rdlock", pthread_rwlock_rdlock(&rwlock));
	result("trywrlock", pthread_rwlock_trywrlock(&rwlock));
	result("unlock", pthread_rwlock_unlock(&rwlock));
	result("unlock", pthread_rwlock_unlock(&rwlock));
	result("trywrlock", pthread_rwlock_trywrlock(&rwlock));
	result("unlock", pthread_rwlock_unlock(&rwlock));
}

/* ---- semaphores ---- */

static sem_t items;
static _Atomic int taken;

static void *take_item(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++) {
		while (sem_wait(&items) < 0)
			;
		taken++;
	}
	return NULL;
}

/* Posts a semaphore whose memory the waiter reuses at once. */
static void *post(void *arg)
{
	sem_post(arg);
	return NULL;
}

static void test_semaphore(void)
{
	struct timespec soon = in_ms(CLOCK_REALTIME, 20), bad = {.tv_nsec = 1000000000};
	pthread_t t[16], p;
	int value, touched = 0;

	row("sem_init, too much", sem_init(&items, 0, 1u << 31));
	sem_init(&items, 0, 0);
	row("sem_trywait", sem_trywait(&items));
	row("sem_timedwait", sem_timedwait(&items, &soon));
	row("sem_timedwait, bad time", sem_timedwait(&items, &bad));
	for (int i = 0; i < 16; i++)
		pthread_create(&t[i], NULL, take_item, NULL);
	for (int i = 0; i < 16 * 50; i++)
		sem_post(&items);
	for (int i = 0; i < 16; i++)
		pthread_join(t[i], NULL);
	sem_getvalue(&items, &value);
	say("taken %d, left %d", taken, value);
	for (int i = 0; i < 100; i++) {
		sem_t *s = malloc(sizeof(*s));

		sem_init(s, 0, 0);
		pthread_create(&p, NULL, post, s);
		sem_wait(s);
		sem_destroy(s);
		memset(s, 0xff, sizeof(*s));
		pthread_join(p, NULL);
		for (size_t b = 0; b < sizeof(*s); b++)
			touched += ((unsigned char *)s)[b] != 0xff;
		free(s);
	}
	say("destroyed semaphores are left alone %d", touched == 0);
	sem_init(&items, 0, INT_MAX);
	row("sem_post, too much", sem_post(&items));
}

/* ---- once ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT, once_cancelled = PTHREAD_ONCE_INIT;
static _Atomic int initialised, started;

static void initialise(void)
{
	pause_ms(10);
	initialised++;
}

static void *need_once(void *arg)
{
	(void)arg;
	pthread_once(&once, initialise);
	return (void *)(intptr_t)initialised;
}

static void initialise_slowly(void)
{
	if (started++ == 0)
		for (;;)
			pause();
}

static void *need_slowly(void *arg)
{
	(void)arg;
	pthread_once(&once_cancelled, initialise_slowly);
	return NULL;
}

static void test_once(void)
{
	pthread_t a;

	run(16, need_once, NULL);
	say("initialised %d", initialised);
	pthread_create(&a, NULL, need_slowly, NULL);
	while (!started)
		sched_yield();
	pthread_cancel(a);
	pthread_join(a, NULL);
	pthread_once(&once_cancelled, initialise_slowly);
	say("cancelled, and begun again: %d", started);
}

int main(int argc, char **argv)
{
	table_begin(argc, argv);
	test_kinds();
	test_contention();
	test_shared_mutex();
	test_timed_conditions();
	run(16, producer_or_consumer, NULL);
	say("bounded buffer: %d left, %ld to come", held, remaining);
	test_condition_destroyed();
	test_barrier();
	test_rwlock();
	test_semaphore();
	test_once();
	return 0;
}
