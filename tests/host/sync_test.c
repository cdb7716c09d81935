/* SPDX-License-Identifier: MIT */
/*
 * Mutex, rwsem and wait queue over the simulated machine, under many schedules. A lost wake-up shows as a deadlock of the
 * simulation, a broken exclusion in the counters, an unfair order in the log of who came when.
 */
#include "host/sim.h"
#include "host/unit.h"
#include "kernel/log.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/rwsem.h"
#include "lib/errno.h"

#define NR_THREADS 6
#define ROUNDS 40
#define SEEDS 500

static const struct lock_class mutex_class = {"test mutex", RANK_FS_RENAME, false};
static const struct lock_class rwsem_class = {"test rwsem", RANK_INODE, false};

/* Everything that simulated threads change lies in the arena. */
struct shared {
	struct mutex mutex;
	struct rwsem rwsem;
	struct waitq queue;
	unsigned in_mutex, readers, writers; /* how many are inside */
	unsigned tokens, waiting;            /* of the wait queue: things to take, threads that want one */
	bool over;                           /* somebody has ended: no more tokens will come */
	unsigned killed_waits, got;
	u64 random;
	int order[16];
	unsigned nr_order;
};

static struct shared *new_machine(u64 seed)
{
	struct sim_config cfg = {.ram = 1 << 20, .pmem = 1 << 12, .seed = seed};
	struct shared *s;

	sim_init(&cfg);
	s = sim_static_alloc(sizeof(*s));
	mutex_init(&s->mutex, &mutex_class);
	rwsem_init(&s->rwsem, &rwsem_class);
	waitq_init(&s->queue);
	s->random = seed * 0x9e3779b97f4a7c15;
	return s;
}

static unsigned random_below(struct shared *s, unsigned n)
{
	s->random = s->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(s->random >> 33) % n;
}

static void inside_mutex(struct shared *s)
{
	if (s->in_mutex++)
		panic("two threads are inside the mutex");
	thread_yield();
	s->in_mutex--;
	s->got++;
	mutex_unlock(&s->mutex);
}

static void inside_read(struct shared *s)
{
	s->readers++;
	if (s->writers)
		panic("a reader is inside with a writer");
	thread_yield();
	if (s->writers)
		panic("a writer came to a reader");
	s->readers--;
	s->got++;
	rwsem_read_unlock(&s->rwsem);
}

static void inside_write(struct shared *s)
{
	if (s->writers++ || s->readers)
		panic("a writer is not alone");
	thread_yield();
	if (s->readers)
		panic("a reader came to a writer");
	s->writers--;
	s->got++;
	rwsem_write_unlock(&s->rwsem);
}

/* Kills some thread's wait, or forgives the own one: `killed` is a flag here, nobody dies. */
static void maybe_kill(struct shared *s)
{
	if (random_below(s, 8) == 0) {
		struct sim_thread *t = sim_thread(1 + random_below(s, NR_THREADS));

		if (t && t->state != SIM_DEAD) {
			atomic_store(&t->t.killed, true);
			thread_wake(&t->t);
		}
	}
	if (random_below(s, 4) == 0)
		atomic_store(&thread_current()->killed, false);
}

static bool take_token(struct shared *s)
{
	if (!s->tokens)
		return false;
	s->tokens--;
	return true;
}

static void wait_for_token(struct shared *s)
{
	s->waiting++;
	while (!s->over && !take_token(s)) {
		if (WAIT_EVENT_KILLABLE(&s->queue, s->tokens || s->over)) {
			s->killed_waits++;
			break;
		}
	}
	s->waiting--;
}

static void one_operation(struct shared *s)
{
	switch (random_below(s, 9)) {
	case 0:
		mutex_lock(&s->mutex);
		inside_mutex(s);
		break;
	case 1:
		if (mutex_lock_killable(&s->mutex))
			s->killed_waits++;
		else
			inside_mutex(s);
		break;
	case 2:
		if (mutex_trylock(&s->mutex))
			inside_mutex(s);
		break;
	case 3:
	case 4:
		rwsem_read_lock(&s->rwsem);
		inside_read(s);
		break;
	case 5:
		rwsem_write_lock(&s->rwsem);
		inside_write(s);
		break;
	case 6:
		if (rwsem_write_lock_killable(&s->rwsem))
			s->killed_waits++;
		else
			inside_write(s);
		break;
	case 7:
		if (rwsem_read_trylock(&s->rwsem))
			inside_read(s);
		else if (rwsem_write_trylock(&s->rwsem))
			inside_write(s);
		break;
	case 8:
		if (random_below(s, 2)) {
			s->tokens++;
			waitq_wake_one(&s->queue);
		} else if (s->waiting + 1 < NR_THREADS) {
			wait_for_token(s);
		}
		break;
	}
}

static void worker(void *arg)
{
	struct shared *s = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		one_operation(s);
		maybe_kill(s);
	}
	s->over = true;
	waitq_wake_all(&s->queue);
}

static void test_random_schedules(void)
{
	unsigned deadlocks = 0, left_over = 0, killed = 0;

	for (u64 seed = 1; seed <= SEEDS; seed++) {
		struct shared *s = new_machine(seed);

		for (unsigned i = 0; i < NR_THREADS; i++)
			sim_spawn("worker", worker, s, NULL, i % 4);
		if (sim_run() != SIM_ALL_DONE) {
			deadlocks++;
			diag("seed %llu does not end", (unsigned long long)seed);
		}
		killed += s->killed_waits;
		if (atomic_load(&s->mutex.owner) || atomic_load(&s->rwsem.state) ||
			!list_empty(&s->queue.waiters))
			left_over++;
	}
	is(deadlocks, 0, "%u schedules of random operations end: no wake-up is lost", SEEDS);
	is(left_over, 0, "and leave every lock free and every queue empty");
	ok(killed > 0, "waits were killed (%u)", killed);
}

static void note(struct shared *s, int who)
{
	s->order[s->nr_order++] = who;
}

/* Boot thread: lets everybody run as far as they can. */
static void settle(void)
{
	sim_run();
}

static void mutex_in_order(void *arg)
{
	struct shared *s = arg;
	int me = (int)sim_current()->index;

	mutex_lock(&s->mutex);
	note(s, me);
	thread_yield();
	mutex_unlock(&s->mutex);
	/* Comes back at once: behind those who wait. */
	mutex_lock(&s->mutex);
	note(s, me);
	mutex_unlock(&s->mutex);
}

static void test_mutex_is_fifo(void)
{
	static const int want[] = {1, 2, 3, 1, 2, 3};
	struct shared *s = new_machine(1);

	mutex_lock(&s->mutex);
	for (unsigned i = 0; i < 3; i++) {
		sim_spawn("waiter", mutex_in_order, s, NULL, i);
		settle();
	}
	mutex_unlock(&s->mutex);
	settle();
	is(s->nr_order, 6, "mutex: everybody had it twice");
	ok(!memcmp(s->order, want, sizeof(want)),
		"mutex: in order of arrival, and who comes back queues again");
}

static void reader(void *arg)
{
	struct shared *s = arg;

	rwsem_read_lock(&s->rwsem);
	note(s, (int)sim_current()->index);
	rwsem_read_unlock(&s->rwsem);
}

static void writer(void *arg)
{
	struct shared *s = arg;

	rwsem_write_lock(&s->rwsem);
	note(s, (int)sim_current()->index);
	rwsem_write_unlock(&s->rwsem);
}

/* Held by a writer while they queue: reader 1, writer 2, reader 3, writer 4, reader 5. */
static void test_rwsem_is_phase_fair(void)
{
	static void (*const who[])(void *) = {reader, writer, reader, writer, reader};
	struct shared *s = new_machine(1);
	unsigned readers_first = 0;

	rwsem_write_lock(&s->rwsem);
	for (unsigned i = 0; i < ARRAY_SIZE(who); i++) {
		sim_spawn("waiter", who[i], s, NULL, i % 4);
		settle();
	}
	rwsem_write_unlock(&s->rwsem);
	settle();
	for (unsigned i = 0; i < 3; i++)
		readers_first += s->order[i] % 2;
	is(s->nr_order, 5, "rwsem: everybody had it");
	is(readers_first, 3, "rwsem: all readers that wait go when the writer leaves");
	ok(s->order[3] == 2 && s->order[4] == 4, "rwsem: then the writers, in order of arrival");
}

/* Held by a reader while a writer waits: a new reader waits behind the writer. */
static void test_rwsem_writer_stops_readers(void)
{
	struct shared *s = new_machine(1);

	rwsem_read_lock(&s->rwsem);
	sim_spawn("writer", writer, s, NULL, 1);
	settle();
	ok(!rwsem_read_trylock(&s->rwsem), "rwsem: a waiting writer stops new readers");
	sim_spawn("reader", reader, s, NULL, 2);
	settle();
	is(s->nr_order, 0, "rwsem: both wait");
	rwsem_read_unlock(&s->rwsem);
	settle();
	ok(s->nr_order == 2 && s->order[0] == 1 && s->order[1] == 2,
		"rwsem: the writer goes first, then the reader");
}

static void killable_writer(void *arg)
{
	struct shared *s = arg;

	note(s, rwsem_write_lock_killable(&s->rwsem));
}

/* A killed writer must let the readers go that waited for nobody else. */
static void test_killed_writer_frees_readers(void)
{
	struct shared *s = new_machine(1);
	struct sim_thread *w;

	rwsem_read_lock(&s->rwsem);
	w = sim_spawn("writer", killable_writer, s, NULL, 1);
	settle();
	sim_spawn("reader", reader, s, NULL, 2);
	settle();
	is(s->nr_order, 0, "rwsem: writer and reader wait");
	atomic_store(&w->t.killed, true);
	thread_wake(&w->t);
	settle();
	ok(s->nr_order == 2 && (s->order[0] == -EINTR || s->order[1] == -EINTR),
		"rwsem: a killed writer leaves with EINTR, and the reader behind it goes");
	rwsem_read_unlock(&s->rwsem);
	ok(rwsem_write_trylock(&s->rwsem), "rwsem: free afterwards");
	rwsem_write_unlock(&s->rwsem);
}

int main(void)
{
	test_mutex_is_fifo();
	test_rwsem_is_phase_fair();
	test_rwsem_writer_stops_readers();
	test_killed_writer_frees_readers();
	test_random_schedules();
	return done_testing();
}
