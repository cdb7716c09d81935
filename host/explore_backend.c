/* SPDX-License-Identifier: MIT */
/*
 * The explorer on the simulated machine: scripted threads are coroutines, thread t on CPU t + 1 with an address space of its own; the
 * controller is the boot thread on CPU 0. A run is undone by restoring the arena's snapshot. Interrupts are choices of their own.
 */
#include "explore/world.h"
#include "host/durable.h"
#include "host/footprint.h"
#include "host/power.h"
#include "host/sim.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "lib/fmt.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RAM_SIZE (4ull << 20)
#define HUGE_RAM_SIZE (48ull << 20) /* with room for 2 MiB of zeros */

static struct explore_world *exploring; /* for hooks that have no argument */
static struct durable *durable;         /* in the arena */
static struct power *power;             /* the same; NULL: the power does not fail */
static struct violation *after_failure; /* memory that child processes share */

static struct sim_thread *sim_of(struct explore_world *w, unsigned t)
{
	return w->threads[t].backend;
}

static enum explore_point_kind kind_of(enum sim_point p)
{
	return p == SIM_POINT_ACCESS ? POINT_ACCESS : p == SIM_POINT_LOCK ? POINT_LOCK : POINT_USER;
}

static bool on_point(struct sim_thread *st, enum sim_point what, const volatile void *obj UNUSED, bool write)
{
	struct explore_thread *t = st->t.explore;

	if (!t || !t->controlled || t->w->granularity == EXPLORE_STEPS)
		return false;
	t->point = kind_of(what);
	t->write = write;
	return true;
}

static void on_panic(const char *text)
{
	struct explore_thread *t = thread_current()->explore;

	fmt_snprintf(exploring->panic_text, sizeof(exploring->panic_text), "%s", text);
	t->status = EXPLORE_PANICKED;
	sim_abandon();
}

static void on_pmem(enum pmem_sim_event what, const void *p, size_t n)
{
	const struct explore_thread *t = sim_current()->t.explore;
	u32 who = t ? EXPLORE_STORED_BY(t->index, t->op) : EXPLORE_STORED_BEFORE;
	u64 off = p ? (u64)((const u8 *)p - (u8 *)exploring->region->virt) : 0;

	durable_event(durable, cpu_id(), who, what, off, n);
	if (power)
		power_event(power, cpu_id(), what, off, n);
}

static u32 not_durable(struct explore_world *w UNUSED, u64 block)
{
	return durable_lost(durable, block);
}

/* A machine, up to the file systems; the region. NULL: no memory. */
static struct pmem_region *boot(const struct scenario *sc, const void *image)
{
	sim_init(&(struct sim_config){.ram = sc->huge ? HUGE_RAM_SIZE : RAM_SIZE,
		.pmem = scratch_size(sc) + HUGE_SIZE,
		.cpus = 1 + sc->nr_threads,
		.seed = 1});
	sim_boot_mm();
	sim_boot_fs();
	return sim_add_pmem(scratch_size(sc), image, scratch_size(sc));
}

/* The power can fail from now on. */
static int begin_power(struct explore_world *w)
{
	after_failure =
		mmap(NULL, sizeof(*after_failure), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (after_failure == MAP_FAILED)
		return -ENOMEM;
	power = sim_static_alloc(power_size(w->region->len));
	power_begin(power, w->region->virt, w->region->len);
	return 0;
}

static int begin(struct explore_world *w, char *err_text, size_t err_size)
{
	void *image;
	int err;

	power = NULL;
	image = malloc(scratch_size(w->sc));
	if (!image)
		return -ENOMEM;
	scratch_fill(image, w->sc);
	w->region = boot(w->sc, image);
	free(image);
	if (!w->region)
		return -ENOMEM;
	exploring = w;
	durable = sim_static_alloc(sizeof(*durable));
	pmem_sim_observe(on_pmem);
	err = world_build(w, err_text, err_size);
	if (!err && w->sc->crash)
		err = begin_power(w);
	if (err) {
		pmem_sim_observe(NULL);
		return err;
	}
	for (unsigned t = 0; t < w->sc->nr_threads; t++) {
		static const char *const names[] = {"A", "B", "C", "D"};
		struct explore_thread *et = &w->threads[t];
		struct sim_thread *st = sim_spawn(names[t], script_main, et, et->mm, t + 1);

		et->backend = st;
		et->thread = &st->t;
		st->t.explore = et;
		/* What is prepared leaves its entries in the TLB of the thread's CPU. */
		sim_set_boot_cpu(t + 1);
		sim_set_boot_mm(et->mm);
		world_prepare(w, t);
		sim_set_boot_cpu(0);
		sim_set_boot_mm(NULL);
	}
	/* Only now: a CPU that is busy does not take the interrupts of others' preparations, and these would be there at the start. */
	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		sim_occupy(sim_of(w, t));
	sim_set_point_hook(on_point);
	sim_set_panic_hook(on_panic);
	protocol_set_hook(script_step);
	atomic_fetch_add(&protocol_watchers, 1);
	sim_stop_clock();
	footprint_open(w, sizeof(*w));
	sim_snapshot_take();
	return 0;
}

static void end(struct explore_world *w)
{
	atomic_fetch_sub(&protocol_watchers, 1);
	protocol_set_hook(NULL);
	sim_set_panic_hook(NULL);
	sim_set_point_hook(NULL);
	sim_snapshot_drop();
	footprint_close();
	pmem_sim_observe(NULL);
	if (power)
		munmap(after_failure, sizeof(*after_failure));
	/* The arena is made anew by the next begin(). */
	memset(w->threads, 0, sizeof(w->threads));
}

static int reset(struct explore_world *w UNUSED)
{
	sim_snapshot_restore();
	sim_unmarked_restart();
	return 0;
}

static bool at_start(struct explore_world *w UNUSED)
{
	return sim_snapshot_matches();
}

static int finish(struct explore_world *w UNUSED)
{
	return 0;
}

static bool can_run(struct explore_world *w, unsigned t)
{
	return w->threads[t].status != EXPLORE_PANICKED && sim_can_run(sim_of(w, t));
}

static void resume_one(struct explore_world *w, unsigned t)
{
	struct sim_thread *st = sim_of(w, t);
	struct explore_thread *et = &w->threads[t];
	unsigned pending = sim_ipi_pending(st->cpu);

	footprint_keep(&st->sp, sizeof(st->sp));
	if (st->state != SIM_NEW)
		footprint_keep(st->sp, (size_t)(st->stack + st->stack_size - (u8 *)st->sp));
	footprint_keep((void *)ALIGN_DOWN((u64)&et->status, 8), 8);
	footprint_on();
	sim_resume(st);
	footprint_off();
	footprint_moved(st->index);
	if (sim_ipi_pending(st->cpu) < pending)
		footprint_took(t);
	if (et->status == EXPLORE_PANICKED)
		return;
	et->status = st->state == SIM_DEAD ? EXPLORE_DONE
		: st->state == SIM_READY   ? EXPLORE_AT_POINT
					   : EXPLORE_WAITING;
}

/*
 * Who waited for acknowledgments and has them goes on to its next point in the same transition. So a shootdown takes one choice of its
 * initiator, here as on hardware, and a schedule means the same on both.
 */
static void resume_acknowledged(struct explore_world *w)
{
	for (unsigned t = 0; t < w->sc->nr_threads; t++)
		while (sim_of(w, t)->state == SIM_IPI_WAIT && can_run(w, t))
			resume_one(w, t);
}

static void resume(struct explore_world *w, unsigned t)
{
	resume_one(w, t);
	resume_acknowledged(w);
}

/* An operation counts as over when others can know it. They know it by a later store of this CPU, which is behind all
 * that the operation stored: so those are in memory then. */
static void pause_thread(struct explore_thread *t)
{
	if (t->point == POINT_STEP && t->step == STEP_OP)
		sim_stores_drain(t->index + 1);
	sim_pause();
}

static bool can_interrupt(struct explore_world *w, unsigned t)
{
	return sim_ipi_can_deliver(sim_of(w, t)->cpu);
}

static void interrupt(struct explore_world *w, unsigned t)
{
	footprint_on();
	/* That it can is part of what it depends on. */
	BUG_ON(!sim_ipi_can_deliver(sim_of(w, t)->cpu));
	sim_ipi_deliver(sim_of(w, t)->cpu);
	footprint_off();
	resume_acknowledged(w);
}

static unsigned pending_stores(struct explore_world *w, unsigned t)
{
	return sim_stores_pending(sim_of(w, t)->cpu);
}

static void drain(struct explore_world *w, unsigned t)
{
	sim_stores_drain_one(sim_of(w, t)->cpu);
}

static void visit_tlb(struct explore_world *w UNUSED, unsigned t, tlb_visit_fn fn, void *arg)
{
	for (unsigned i = 0; i < SIM_TLB_ENTRIES; i++) {
		const struct sim_tlb_entry *e = sim_tlb(t + 1, i);

		if (e->valid)
			fn(arg, t, e->root, e->page, e->order, e->pte);
	}
}

static unsigned failure_states(struct explore_world *w UNUSED)
{
	return power_states(power);
}

static u64 failure_hash(struct explore_world *w UNUSED, unsigned state)
{
	return power_hash(power, state);
}

/* In a process of its own, which makes a machine that has this in its persistent memory, and nothing else of the old one. */
static void look_after_failure(struct explore_world *w, unsigned state)
{
	void *image = malloc(w->region->len);
	struct pmem_region *r;

	pmem_sim_observe(NULL);
	sim_set_point_hook(NULL);
	sim_set_panic_hook(NULL);
	if (!image)
		return;
	power_image(power, state, image);
	r = boot(w->sc, image);
	if (r)
		crash_look(w, r, after_failure);
}

static void survive_failure(struct explore_world *w, unsigned state, struct violation *v)
{
	int status;
	pid_t pid;

	*after_failure = (struct violation){
		.oracle = "crash", .text = "the machine that comes after does not get as far as looking"};
	fflush(NULL);
	pid = fork();
	if (!pid) {
		look_after_failure(w, state);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	*v = *after_failure;
}

static void failure_text(struct explore_world *w UNUSED, unsigned state, char *buf, size_t size)
{
	power_text(power, state, buf, size);
}

static u64 clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

static void *alloc(size_t n)
{
	return calloc(1, n);
}

const struct explore_backend *explore_backend(void)
{
	static const struct power_failure failure = {
		failure_states, failure_hash, survive_failure, failure_text};
	static const struct explore_backend backend = {
		.name = "hosted",
		.accesses = true,
		.minimise_runs = 50000,
		.begin = begin,
		.end = end,
		.reset = reset,
		.at_start = at_start,
		.finish = finish,
		.can_run = can_run,
		.resume = resume,
		.pause = pause_thread,
		.can_interrupt = can_interrupt,
		.interrupt = interrupt,
		.pending_stores = pending_stores,
		.drain = drain,
		.visit_tlb = visit_tlb,
		.not_durable = not_durable,
		.power_failure = &failure,
		.recorder = footprint_recorder,
		.clock_ns = clock_ns,
		.alloc = alloc,
		.release = free,
	};

	return &backend;
}
