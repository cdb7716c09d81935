/* SPDX-License-Identifier: MIT */
/* Locks, wait queues and preemption with several threads on all CPUs. */
#include "kernel/sync/mutex.h"
#include "kernel/sync/rwsem.h"
#include "kernel/sync/waitq.h"
#include "tests/kernel/selftest.h"

#define ROUNDS 400

static const struct lock_class spin_class = {"selftest spinlock", RANK_KMEM, false};
static const struct lock_class mutex_class = {"selftest mutex", RANK_FS_RENAME, false};
static const struct lock_class rwsem_class = {"selftest rwsem", RANK_MM, false};

/* Two plain variables that only a lock keeps equal. */
static struct shared {
	struct spinlock spin;
	struct mutex mutex;
	struct rwsem rwsem;
	u64 a, b;
	_Atomic(bool) torn;
} shared;

static void add_one(void)
{
	if (shared.a != shared.b)
		atomic_store(&shared.torn, true);
	shared.a++;
	__asm__ volatile("" ::: "memory");
	shared.b++;
}

static void spin_worker(void *arg UNUSED)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		spin_lock(&shared.spin);
		add_one();
		spin_unlock(&shared.spin);
	}
}

static void mutex_worker(void *arg UNUSED)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		mutex_lock(&shared.mutex);
		add_one();
		if (i % 64 == 0)
			thread_yield();
		mutex_unlock(&shared.mutex);
	}
}

static void rwsem_worker(void *arg UNUSED)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i % 4 == 0) {
			rwsem_write_lock(&shared.rwsem);
			add_one();
			rwsem_write_unlock(&shared.rwsem);
		} else {
			rwsem_read_lock(&shared.rwsem);
			if (shared.a != shared.b)
				atomic_store(&shared.torn, true);
			if (i % 64 == 1)
				thread_yield();
			rwsem_read_unlock(&shared.rwsem);
		}
	}
}

static const char *excluded(void (*worker)(void *), u64 per_worker)
{
	unsigned n = cpu_count() + 2;

	spin_init(&shared.spin, &spin_class);
	mutex_init(&shared.mutex, &mutex_class);
	rwsem_init(&shared.rwsem, &rwsem_class);
	shared.a = shared.b = 0;
	atomic_store(&shared.torn, false);
	SELFTEST_CHECK(selftest_threads(n, worker, NULL));
	SELFTEST_CHECK(!atomic_load(&shared.torn));
	SELFTEST_CHECK(shared.a == n * per_worker && shared.b == shared.a);
	return NULL;
}

static const char *spinlock_excludes(void)
{
	return excluded(spin_worker, ROUNDS);
}

static const char *mutex_excludes(void)
{
	return excluded(mutex_worker, ROUNDS);
}

static const char *rwsem_excludes(void)
{
	return excluded(rwsem_worker, ROUNDS / 4);
}

static struct ring {
	struct waitq queue;
	_Atomic(u64) turn;
	_Atomic(u64) seats;
} ring;

/* The turn goes round; a lost wake-up stops it for ever. */
static void take_turns(void *arg)
{
	u64 n = *(const unsigned *)arg, seat = atomic_fetch_add(&ring.seats, 1);

	for (u64 round = 0; round < 500; round++) {
		WAIT_EVENT(&ring.queue, atomic_load(&ring.turn) == round * n + seat);
		atomic_fetch_add(&ring.turn, 1);
		waitq_wake_all(&ring.queue);
	}
}

static const char *wakeups_arrive(void)
{
	unsigned n = 3;

	waitq_init(&ring.queue);
	atomic_store(&ring.turn, 0);
	atomic_store(&ring.seats, 0);
	SELFTEST_CHECK(selftest_threads(n, take_turns, &n));
	SELFTEST_CHECK(atomic_load(&ring.turn) == 500 * n);
	return NULL;
}

static void spin_until_told(void *arg)
{
	_Atomic(bool) *stop = arg;

	while (!atomic_load(stop))
		cpu_relax();
}

static void sleep_then_tell(void *arg)
{
	thread_sleep_ns(30000000);
	atomic_store((_Atomic(bool) *)arg, true);
}

static _Atomic(unsigned) role;

/* The first thread tells the others to stop, if it ever gets a CPU back from them. */
static void spinner_or_teller(void *arg)
{
	if (atomic_fetch_add(&role, 1) == 0)
		sleep_then_tell(arg);
	else
		spin_until_told(arg);
}

static const char *preemption_works(void)
{
	_Atomic(bool) stop = false;

	atomic_store(&role, 0);
	SELFTEST_CHECK(selftest_threads(2 * cpu_count() + 2, spinner_or_teller, &stop));
	SELFTEST_CHECK(atomic_load(&stop));
	return NULL;
}

const struct selftest sync_selftests[] = {
	{"a spinlock excludes", spinlock_excludes},
	{"a mutex excludes, also across a switch", mutex_excludes},
	{"a rwsem excludes writers from readers and from one another", rwsem_excludes},
	{"no wake-up is lost", wakeups_arrive},
	{"threads that never give up the CPU are preempted", preemption_works},
	{NULL, NULL},
};
