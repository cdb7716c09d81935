/* SPDX-License-Identifier: MIT */
/* The simulated machine itself: threads, locks, interrupts, TLBs, snapshots, pmem events. */
#include "host/pmem_sim.h"
#include "host/sim.h"
#include "host/unit.h"
#include "kernel/log.h"
#include "kernel/protocol.h"
#include "kernel/sync/mutex.h"
#include "lib/errno.h"
#include "mm/mm.h"

static const struct lock_class mutex_class = {"test mutex", RANK_INODE, false};
static const struct lock_class spin_class = {"test spinlock", RANK_PMM, false};

/* Everything that simulated threads change lies in the arena. */
struct shared {
	struct mutex mutex;
	struct spinlock spin;
	bool inside;
	unsigned count, calls;
	int order[8];
	unsigned nr_order;
};

static struct shared *new_machine(void)
{
	struct shared *s;

	sim_init(NULL);
	s = sim_static_alloc(sizeof(*s));
	mutex_init(&s->mutex, &mutex_class);
	spin_init(&s->spin, &spin_class);
	return s;
}

static void count_call(void *arg)
{
	struct shared *s = arg;

	s->calls++;
}

static void locker(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < 500; i++) {
		unsigned seen;

		mutex_lock(&s->mutex);
		if (s->inside)
			panic("two threads are inside the mutex");
		s->inside = true;
		thread_yield();
		s->inside = false;
		mutex_unlock(&s->mutex);

		spin_lock(&s->spin);
		seen = s->count;
		shared_access(&s->count, true);
		s->count = seen + 1;
		spin_unlock(&s->spin);
		if (i % 100 == 0)
			cpu_call_many(~0ull, count_call, s);
	}
}

static void test_locks(void)
{
	struct shared *s = new_machine();

	for (unsigned i = 0; i < 6; i++)
		sim_spawn("locker", locker, s, NULL, i);
	is(sim_run(), SIM_ALL_DONE, "six threads on four CPUs end");
	is(s->count, 6 * 500, "no increment under the spinlock is lost");
	is(s->calls, 6 * 5 * 3, "each call reached the three other CPUs");
}

static void sleeper(void *arg)
{
	struct shared *s = arg;

	thread_sleep_ns(1000000);
	s->order[s->nr_order++] = 2;
}

static void early(void *arg)
{
	struct shared *s = arg;

	thread_sleep_ns(1000);
	s->order[s->nr_order++] = 1;
}

static void forever(void *arg)
{
	(void)arg;
	thread_prepare_block();
	thread_block();
}

static void test_waiting(void)
{
	struct shared *s = new_machine();
	struct sim_thread *t;

	sim_spawn("late", sleeper, s, NULL, 1);
	sim_spawn("early", early, s, NULL, 2);
	is(sim_run(), SIM_ALL_DONE, "sleepers wake when nobody else can run");
	ok(s->order[0] == 1 && s->order[1] == 2, "in the order of their times");
	t = sim_spawn("forever", forever, s, NULL, 1);
	is(sim_run(), SIM_DEADLOCK, "who waits for ever is a deadlock");
	thread_wake(&t->t);
	is(sim_run(), SIM_ALL_DONE, "and goes on when woken");
}

static void test_snapshot(void)
{
	struct shared *s = new_machine();
	u64 first;
	bool same = true;

	for (unsigned i = 0; i < 4; i++)
		sim_spawn("locker", locker, s, NULL, i);
	sim_snapshot_take();
	sim_run();
	first = time_ns();
	for (int i = 0; i < 5; i++) {
		sim_snapshot_restore();
		same &= s->count == 0 && sim_thread(1)->state == SIM_NEW;
		same &= sim_run() == SIM_ALL_DONE && s->count == 4 * 500;
		same &= time_ns() == first;
	}
	ok(same, "a restored machine runs the same way again");
	ok(sim_snapshot_dirty_pages() > 0 && sim_snapshot_dirty_pages() < 100,
		"only what changed is copied (%u pages)", sim_snapshot_dirty_pages());
	sim_snapshot_drop();
}

static long map_anonymous(struct mm *mm)
{
	return mm_map(mm, &(struct mmap_request){.len = 4 * PAGE_SIZE, .flags = VMA_READ | VMA_WRITE});
}

static void test_user_memory(void)
{
	struct mm *mm;
	u64 v = 1;
	long at;
	char buf[3 * PAGE_SIZE];

	new_machine();
	sim_boot_mm();
	mm = mm_create();
	sim_set_boot_mm(mm);
	at = map_anonymous(mm);
	ok(at > 0, "anonymous memory is mapped");
	is(cpu_load_user64(UADDR((u64)at), &v), 0, "a load faults the page in");
	is(v, 0, "it is zero");
	is(cpu_store_user64(UADDR((u64)at + 8), 42), 0, "a store");
	is(cpu_load_user64(UADDR((u64)at + 8), &v), 0, "is loaded again");
	is(v, 42, "with its value");
	memset(buf, 'x', sizeof(buf));
	is(cpu_copy_to_user(UADDR((u64)at + 100), buf, sizeof(buf)), 0, "a copy over four pages");
	is(cpu_copy_to_user(UADDR((u64)at + 2 * PAGE_SIZE), buf, sizeof(buf)), PAGE_SIZE,
		"a copy stops at the end of the mapping");
	thread_current()->pagefault_disabled++;
	is(cpu_load_user64(UADDR(0x10000), &v), -EFAULT, "with page faults disabled nothing is repaired");
	thread_current()->pagefault_disabled--;
	is(cpu_load_user64(UADDR(0x10000), &v), -EFAULT, "an unmapped address cannot be loaded");
	sim_set_boot_mm(NULL);
	mm_put(mm);
}

/* The TLB of a CPU, apart from the page tables. */
static void test_tlb(void)
{
	struct mm *mm;
	uaddr_t a;
	u64 v;

	new_machine();
	sim_boot_mm();
	mm = mm_create();
	sim_set_boot_mm(mm);
	a = UADDR((u64)map_anonymous(mm));
	cpu_store_user64(a, 7);
	ok(sim_tlb(0, 0)->valid && sim_tlb(0, 0)->page.v == a.v, "an access fills the TLB");
	{
		struct pt_slot slot;
		pte_t old;

		pt_walk(mm->root, a, 0, false, &slot);
		old = pte_exchange(slot.slot, (pte_t){0});
		is(cpu_load_user64(a, &v), 0, "an entry whose PTE is gone is used until it is flushed");
		is(v, 7, "and reads the old page");
		pte_store(slot.slot, old);
	}
	tlb_flush_page_local(a);
	ok(!sim_tlb(0, 0)->valid, "a flush drops it");
	cpu_load_user64(a, &v);
	mm_unmap(mm, a, PAGE_SIZE);
	ok(!sim_tlb(0, 0)->valid && !sim_tlb(0, 1)->valid, "unmapping shoots it down");
	sim_set_boot_mm(NULL);
	mm_put(mm);
}

static void test_pmem(void)
{
	static const char image[] = "image";
	struct pmem_region *r;
	u64 flushes = pmem_sim_count(PMEM_SIM_FLUSH), fences = pmem_sim_count(PMEM_SIM_FENCE);

	new_machine();
	r = sim_add_pmem(100, image, sizeof(image));
	ok(r && r->len == PAGE_SIZE && !strcmp(r->virt, "image"), "a region holds its image");
	pmem_store64((char *)r->virt + 8, 5);
	pmem_flush((char *)r->virt + 8, 8);
	pmem_fence();
	is(*(u64 *)((char *)r->virt + 8), 5, "a store is there");
	is(pmem_sim_count(PMEM_SIM_FLUSH) - flushes, 1, "the flush was seen");
	is(pmem_sim_count(PMEM_SIM_FENCE) - fences, 1, "the fence was seen");
	ok(!sim_add_pmem(1ull << 40, NULL, 0), "a region that does not fit is refused");
}

int main(void)
{
	test_locks();
	test_waiting();
	test_snapshot();
	test_user_memory();
	test_tlb();
	test_pmem();
	return done_testing();
}
