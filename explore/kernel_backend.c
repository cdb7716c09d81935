/* SPDX-License-Identifier: MIT */
/*
 * The explorer in the kernel: scripted threads are kernel threads with page tables of their own; the controller is the thread that called
 * explore_run_spec(). A run is undone by tearing its world down and building it anew from the scratch image.
 *
 * Rule: the turn is handed over. A scripted thread runs from the moment the controller sets its `go` until it reports: at a step, when
 * it is about to block in a lock, or at its end. Then it waits for the next `go`, whatever else happens to it. A thread that
 * waits for a lock may go on once somebody woke it (`woken`); between the wake and its `go` it runs no code but the wait below.
 *
 * Why no turn is lost: `go` and `turn` are set before the wake, and waiters look at them between thread_prepare_block() and thread_block().
 */
#include "drivers/pmem.h"
#include "drivers/serial.h"
#include "explore/world.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "mm/kmem.h"
#include "mm/pmm.h"
#include "mm/poison.h"

#define SETTLE_NS 2000000000ull /* for threads that end after a run; longer: they are deadlocked */

struct kernel_thread {
	_Atomic(bool) go;    /* set by the controller: run */
	_Atomic(bool) woken; /* a lock that it waited for was passed to it */
	_Atomic(bool) ended;
	bool handing_over; /* own thread: waits for its turn, not for a lock */
};

static struct {
	struct thread *thread;
	_Atomic(bool) turn;
	struct kernel_thread threads[EXPLORE_MAX_THREADS];
	struct page *ram;
	unsigned ram_order;
	struct pmem_region region;
	bool stuck; /* threads of a deadlocked run are still there: their world cannot be freed */
} kb;

static struct kernel_thread *kt_of(struct explore_thread *t)
{
	return t->backend;
}

/* Blocks the running thread until *flag, and takes it. */
static void wait_for(_Atomic(bool) *flag)
{
	while (!atomic_load(flag)) {
		thread_prepare_block();
		if (atomic_load(flag))
			thread_cancel_block();
		else
			thread_block();
	}
	atomic_store(flag, false);
}

static void report_to_controller(void)
{
	atomic_store(&kb.turn, true);
	thread_wake(kb.thread);
}

static void wait_for_go(struct explore_thread *t)
{
	struct kernel_thread *k = kt_of(t);

	k->handing_over = true;
	wait_for(&k->go);
	k->handing_over = false;
	/* What the CPU still caches depends on where the thread ran: every transition begins with an empty TLB, or a schedule would
	 * not always go the same way. Stale entries are the hosted explorer's business. */
	tlb_flush_all_local();
}

static void pause_thread(struct explore_thread *t)
{
	t->status = EXPLORE_AT_POINT;
	report_to_controller();
	wait_for_go(t);
}

static void on_block(struct explore_thread *t)
{
	struct kernel_thread *k = kt_of(t);

	if (k->handing_over || !t->controlled)
		return;
	atomic_store(&k->woken, false);
	t->status = EXPLORE_WAITING;
	report_to_controller();
}

static void on_unblock(struct explore_thread *t)
{
	if (!kt_of(t)->handing_over && t->controlled)
		wait_for_go(t);
}

static void on_wake(struct explore_thread *t)
{
	/* The controller's own wakes only hand the turn over. */
	if (thread_current() != kb.thread)
		atomic_store(&kt_of(t)->woken, true);
}

static const struct thread_watcher watcher = {on_block, on_unblock, on_wake};

static void thread_main_scripted(void *arg)
{
	struct explore_thread *t = arg;
	struct kernel_thread *k = kt_of(t);

	world_prepare(t->w, t->index);
	thread_current()->explore = t;
	pause_thread(t);
	script_main(t);
	thread_current()->explore = NULL;
	thread_set_mm(NULL);
	t->status = EXPLORE_DONE;
	report_to_controller();
	atomic_store(&k->ended, true); /* the last that it touches of the run */
}

static int start_thread(struct explore_world *w, unsigned t)
{
	static const char *const names[] = {"explore-A", "explore-B", "explore-C", "explore-D"};
	struct explore_thread *et = &w->threads[t];

	memset(&kb.threads[t], 0, sizeof(kb.threads[t]));
	et->backend = &kb.threads[t];
	et->controlled = true;
	et->thread = thread_create(names[t], thread_main_scripted, et, et->mm);
	if (!et->thread)
		return -ENOMEM;
	wait_for(&kb.turn);
	return 0;
}

static int begin(struct explore_world *w, char *err, size_t err_size)
{
	if (kb.stuck) {
		fmt_snprintf(err, err_size,
			"threads of a deadlocked schedule are still there; no more can be explored until a "
			"reboot");
		return -EBUSY;
	}
	for (kb.ram_order = 0; PAGE_SIZE << kb.ram_order < scratch_size(w->sc); kb.ram_order++)
		;
	kb.ram = pmm_alloc(kb.ram_order);
	if (!kb.ram) {
		fmt_snprintf(err, err_size, "no %lu KiB of contiguous memory",
			(unsigned long)(scratch_size(w->sc) >> 10));
		return -ENOMEM;
	}
	/* Not in the registry of regions: nobody else shall find it. */
	kb.region = (struct pmem_region){.base = page_to_paddr(kb.ram),
		.len = scratch_size(w->sc),
		.virt = page_to_virt(kb.ram),
		.flush = PMEM_FLUSH_CACHE,
		.durable = true, /* for scenarios with MAP_SYNC */
		.source = "scratch"};
	w->region = &kb.region;
	kb.thread = thread_current();
	thread_set_watcher(&watcher);
	protocol_set_hook(script_step);
	atomic_fetch_add(&protocol_watchers, 1);
	return 0;
}

static void end(struct explore_world *w)
{
	atomic_fetch_sub(&protocol_watchers, 1);
	protocol_set_hook(NULL);
	if (!kb.stuck) { /* else the threads still use all this */
		world_destroy(w);
		poison_forget(kb.region.base, kb.region.len);
		pmm_free(kb.ram, kb.ram_order);
	}
	kb.thread = NULL;
}

static bool all_ended(struct explore_world *w)
{
	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		if (w->threads[t].thread && !atomic_load(&kb.threads[t].ended))
			return false;
	return true;
}

static void let_all_go(struct explore_world *w, bool kill)
{
	for (unsigned t = 0; t < w->sc->nr_threads; t++) {
		if (!w->threads[t].thread || atomic_load(&kb.threads[t].ended))
			continue;
		w->threads[t].controlled = false;
		if (kill)
			atomic_store(&w->threads[t].thread->killed, true);
		atomic_store(&kb.threads[t].go, true);
		thread_wake(w->threads[t].thread);
	}
}

/* Lets every thread run to its end, uncontrolled and all at once. Who waits for a lock gets it from one that ends. */
static int finish(struct explore_world *w)
{
	u64 start = time_ns();
	bool killed = false;

	let_all_go(w, false);
	while (!all_ended(w)) {
		if (time_ns() - start > SETTLE_NS) {
			if (killed) {
				kb.stuck = true;
				return -EBUSY;
			}
			let_all_go(w, true);
			killed = true;
			start = time_ns();
		}
		thread_yield();
	}
	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		w->threads[t].thread = NULL;
	atomic_store(&kb.turn, false);
	return 0;
}

static int reset(struct explore_world *w)
{
	char text[200] = "";
	int err;

	world_destroy(w);
	poison_forget(kb.region.base, kb.region.len);
	scratch_fill(kb.region.virt, w->sc);
	err = world_build(w, text, sizeof(text));
	for (unsigned t = 0; !err && t < w->sc->nr_threads; t++)
		err = start_thread(w, t);
	if (err)
		pr_err("explore", "a run cannot be started: %s", text[0] ? text : "no memory for a thread");
	return err;
}

static bool can_run(struct explore_world *w, unsigned t)
{
	const struct explore_thread *et = &w->threads[t];

	return et->status == EXPLORE_AT_POINT ||
		(et->status == EXPLORE_WAITING && atomic_load(&kb.threads[t].woken));
}

static void resume(struct explore_world *w, unsigned t)
{
	atomic_store(&kb.threads[t].go, true);
	thread_wake(w->threads[t].thread);
	wait_for(&kb.turn);
}

static void release(void *p)
{
	kfree(p);
}

const struct explore_backend *explore_backend(void)
{
	static const struct explore_backend backend = {
		.name = "kernel",
		.default_max = 100,
		.minimise_runs = 500,
		.begin = begin,
		.end = end,
		.reset = reset,
		.finish = finish,
		.can_run = can_run,
		.resume = resume,
		.pause = pause_thread,
		.clock_ns = time_ns,
		.alloc = kzalloc,
		.release = release,
	};

	return &backend;
}

static void to_console(void *arg UNUSED, const char *s, size_t n)
{
	serial_write(s, n);
}

int explore_kernel_main(const char *spec)
{
	int status = explore_run_spec(spec, to_console, NULL);

	pr_info("explore", "explore=%s: exit status %d", spec, status);
	return status;
}
