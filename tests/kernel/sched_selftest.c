/* SPDX-License-Identifier: MIT */
/* The scheduler: threads spread, block and wake each other, sleep, are killed, end without a trace; locks are fair. */
#include "kernel/sched.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/rwsem.h"
#include "lib/errno.h"
#include "mm/kmem.h"
#include "tests/kernel/selftest.h"

#define MS 1000000ull
#define PATIENCE_NS (20000 * MS) /* a loaded host may give a virtual CPU no time for long */

static const struct lock_class mutex_class = {"selftest mutex", RANK_FS_RENAME, false};
static const struct lock_class rwsem_class = {"selftest rwsem", RANK_MM, false};

static u64 all_cpus(void)
{
	return cpu_count() == 64 ? ~0ull : (1ull << cpu_count()) - 1;
}

/* Spins until every CPU was seen, by whichever thread, or patience ends. Never gives up its CPU itself. */
static void spin_and_tell_cpu(void *arg)
{
	_Atomic(u64) *seen = arg;
	u64 start = time_ns();

	while (atomic_load(seen) != all_cpus() && time_ns() - start < PATIENCE_NS)
		atomic_fetch_or(seen, 1ull << cpu_id());
}

static const char *threads_spread(void)
{
	_Atomic(u64) seen = 0;

	SELFTEST_CHECK(selftest_threads(cpu_count(), spin_and_tell_cpu, &seen));
	SELFTEST_CHECK(atomic_load(&seen) == all_cpus());
	return NULL;
}

/* Two threads that pass a token by bare block and wake. */
static struct pair {
	struct thread *_Atomic thread[2];
	_Atomic(unsigned) next_seat;
	_Atomic(u64) token;
} pair;

static void pass_token(void *arg UNUSED)
{
	unsigned seat = atomic_fetch_add(&pair.next_seat, 1);

	atomic_store(&pair.thread[seat], thread_current());
	while (!atomic_load(&pair.thread[!seat]))
		thread_yield();
	for (u64 round = 0; round < 2000; round++) {
		for (;;) {
			thread_prepare_block();
			if (atomic_load(&pair.token) == 2 * round + seat)
				break;
			thread_block();
		}
		thread_cancel_block();
		atomic_fetch_add(&pair.token, 1);
		/* The other one may have ended after the last round. */
		if (round < 1999 || seat == 0)
			thread_wake(atomic_load(&pair.thread[!seat]));
	}
}

static const char *block_and_wake(void)
{
	atomic_store(&pair.token, 0);
	atomic_store(&pair.next_seat, 0);
	atomic_store(&pair.thread[0], NULL);
	atomic_store(&pair.thread[1], NULL);
	SELFTEST_CHECK(selftest_threads(2, pass_token, NULL));
	SELFTEST_CHECK(atomic_load(&pair.token) == 4000);
	return NULL;
}

static void sleep_in_turns(void *arg)
{
	for (unsigned i = 0; i < 20; i++) {
		u64 ns = (1 + (thread_id(thread_current()) + i) % 5) * MS, start = time_ns();

		thread_sleep_ns(ns);
		if (time_ns() - start < ns)
			atomic_store((_Atomic(bool) *)arg, true);
	}
}

static const char *many_sleepers(void)
{
	_Atomic(bool) early = false;

	SELFTEST_CHECK(selftest_threads(3 * cpu_count(), sleep_in_turns, &early));
	SELFTEST_CHECK(!atomic_load(&early));
	return NULL;
}

/* A victim waits in one of several ways for what never comes, until it is killed. */
static struct {
	struct thread *_Atomic victim;
	struct mutex mutex;
	struct rwsem rwsem;
	struct waitq queue;
	_Atomic(int) result;
} hunt;

static void victim_sleeps(void)
{
	atomic_store(&hunt.result, thread_sleep_ns(1000000 * MS));
}

static void victim_waits_for_mutex(void)
{
	atomic_store(&hunt.result, mutex_lock_killable(&hunt.mutex));
}

static void victim_waits_for_rwsem(void)
{
	atomic_store(&hunt.result, rwsem_write_lock_killable(&hunt.rwsem));
}

static void victim_waits_for_event(void)
{
	atomic_store(&hunt.result, WAIT_EVENT_KILLABLE(&hunt.queue, false));
}

static void (*const victims[])(void) = {
	victim_sleeps, victim_waits_for_mutex, victim_waits_for_rwsem, victim_waits_for_event};

static void victim_main(void *arg)
{
	atomic_store(&hunt.victim, thread_current());
	(*(void (*const *)(void))arg)();
	atomic_store(&hunt.victim, NULL);
}

static const char *killed_waiters_return(void)
{
	waitq_init(&hunt.queue);
	mutex_init(&hunt.mutex, &mutex_class);
	rwsem_init(&hunt.rwsem, &rwsem_class);
	mutex_lock(&hunt.mutex);
	rwsem_read_lock(&hunt.rwsem);
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++) {
		struct thread *t =
			thread_create_stopped("victim", victim_main, (void *)&victims[i], NULL, false);
		bool killed = false;

		if (!t)
			break;
		atomic_store(&hunt.result, 1);
		atomic_store(&hunt.victim, t);
		thread_wake(t);
		thread_sleep_ns(2 * MS);
		if (atomic_load(&hunt.result) == 1) {
			atomic_store(&t->killed, true);
			thread_wake(t);
			killed = true;
		}
		while (atomic_load(&hunt.victim))
			thread_sleep_ns(MS);
		SELFTEST_CHECK(killed);
		SELFTEST_CHECK(atomic_load(&hunt.result) == -EINTR);
	}
	rwsem_read_unlock(&hunt.rwsem);
	mutex_unlock(&hunt.mutex);
	SELFTEST_CHECK(mutex_trylock(&hunt.mutex));
	mutex_unlock(&hunt.mutex);
	SELFTEST_CHECK(rwsem_write_trylock(&hunt.rwsem));
	rwsem_write_unlock(&hunt.rwsem);
	return NULL;
}

/* Readers overlap without a gap until the writer was there. */
static struct {
	struct rwsem rwsem;
	_Atomic(unsigned) roles;
	_Atomic(bool) written;
} crowd;

static void read_until_written(void *arg UNUSED)
{
	if (atomic_fetch_add(&crowd.roles, 1) == 2) {
		rwsem_write_lock(&crowd.rwsem);
		atomic_store(&crowd.written, true);
		rwsem_write_unlock(&crowd.rwsem);
		return;
	}
	while (!atomic_load(&crowd.written)) {
		rwsem_read_lock(&crowd.rwsem);
		thread_sleep_ns(MS);
		rwsem_read_unlock(&crowd.rwsem);
	}
}

static const char *writer_is_not_starved(void)
{
	rwsem_init(&crowd.rwsem, &rwsem_class);
	atomic_store(&crowd.roles, 0);
	atomic_store(&crowd.written, false);
	SELFTEST_CHECK(selftest_threads(6, read_until_written, NULL));
	SELFTEST_CHECK(atomic_load(&crowd.written));
	return NULL;
}

static void nothing(void *arg UNUSED) {}

static const char *threads_leave_nothing(void)
{
	u64 before;

	SELFTEST_CHECK(selftest_threads(8, nothing, NULL));
	thread_sleep_ns(20 * MS);
	before = kmem_bytes_in_use();
	for (unsigned i = 0; i < 20; i++)
		SELFTEST_CHECK(selftest_threads(8, nothing, NULL));
	/* The last ones may still be on their way out. */
	for (unsigned i = 0; i < 1000 && kmem_bytes_in_use() > before; i++)
		thread_sleep_ns(MS);
	SELFTEST_CHECK(kmem_bytes_in_use() <= before);
	return NULL;
}

struct storm {
	_Atomic(bool) stop;
	_Atomic(unsigned) roles, calls;
};

static void count_call(void *arg)
{
	atomic_fetch_add((_Atomic(unsigned) *)arg, 1);
}

/* One thread calls all CPUs, while the others keep every CPU busy. */
static void call_or_spin(void *arg)
{
	struct storm *s = arg;

	if (atomic_fetch_add(&s->roles, 1)) {
		while (!atomic_load(&s->stop))
			cpu_relax();
		return;
	}
	for (unsigned i = 0; i < 200; i++)
		cpu_call_many(all_cpus(), count_call, &s->calls);
	atomic_store(&s->stop, true);
}

static const char *calls_interrupt_spinners(void)
{
	struct storm s = {0};

	SELFTEST_CHECK(selftest_threads(cpu_count() + 1, call_or_spin, &s));
	SELFTEST_CHECK(atomic_load(&s.calls) == 200 * (cpu_count() - 1));
	return NULL;
}

/* User registers: the kernel is compiled without them, so only assembly sees them. */
static u64 swap_xmm(u64 v)
{
	u64 old;

	__asm__ volatile("movq %%xmm7, %0\n\tmovq %1, %%xmm7" : "=&r"(old) : "r"(v));
	return old;
}

static struct {
	_Atomic(unsigned) left;
	_Atomic(bool) mixed;
} registers;

static void keep_a_register(void *arg)
{
	u64 mine = (u64)arg;

	if (swap_xmm(mine))
		atomic_store(&registers.mixed, true); /* a new thread starts with zeros */
	for (u64 i = 0; i < 300; i++) {
		if (i % 100 == 99)
			thread_sleep_ns(MS);
		else
			thread_yield();
		if (swap_xmm(mine + i + 1) != mine + i)
			atomic_store(&registers.mixed, true);
	}
	atomic_fetch_sub(&registers.left, 1);
}

static const char *registers_survive(void)
{
	unsigned n = cpu_count() + 3;

	atomic_store(&registers.mixed, false);
	atomic_store(&registers.left, 0);
	for (unsigned i = 0; i < n; i++) {
		struct thread *t = thread_create_stopped(
			"registers", keep_a_register, (void *)((i + 1ull) << 32), NULL, true);

		if (!t)
			break;
		atomic_fetch_add(&registers.left, 1);
		thread_wake(t);
	}
	while (atomic_load(&registers.left))
		thread_sleep_ns(MS);
	SELFTEST_CHECK(!atomic_load(&registers.mixed));
	return NULL;
}

const struct selftest sched_selftests[] = {
	{"runnable threads spread over all CPUs", threads_spread},
	{"two threads block and wake each other", block_and_wake},
	{"many threads sleep, none wakes early", many_sleepers},
	{"a killed thread leaves sleep, mutex, rwsem and wait queue", killed_waiters_return},
	{"a stream of readers does not starve a writer", writer_is_not_starved},
	{"threads that ended leave no memory behind", threads_leave_nothing},
	{"a call reaches CPUs that are busy", calls_interrupt_spinners},
	{"user registers survive switches between threads and CPUs", registers_survive},
	{NULL, NULL},
};
