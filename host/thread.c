/* SPDX-License-Identifier: MIT */
/*
 * Simulated threads: coroutines on stacks in the arena, and the default scheduler.
 *
 * Rule: the controller (sim_run, or the explorer) runs on the host's stack as the boot thread and switches into one coroutine with
 * sim_resume(); the coroutine switches back at its next pause. While coroutines run, the boot thread counts as blocked.
 * A CPU belongs to the thread that was last seen running there until it blocks, ends, or pauses with preemption on.
 */
#include "host/machine.h"
#include "kernel/log.h"
#include "kernel/protocol.h"
#include "lib/errno.h"
#include "lib/string.h"

#include <stdio.h>
#include <stdlib.h>

#if SIM_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define LIVELOCK_RESUMES 20000000ull

/* void switch_stack(void **save_sp, void *load_sp): callee-saved registers go to the old stack and come from the new one. */
void switch_stack(void **save_sp, void *load_sp);
__asm__(".text\n"
	".globl switch_stack\n"
	".type switch_stack, @function\n"
	"switch_stack:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size switch_stack, . - switch_stack\n");

/* Outside the arena: the controller's own place, the same through every restore. */
static struct {
	void *sp;
	const void *stack;
	size_t stack_size;
} controller;
static sim_point_fn point_hook;

static struct sim_thread *boot(void)
{
	return &sim_machine->threads[0];
}

struct sim_thread *sim_current(void)
{
	return sim_machine->running;
}

struct thread *thread_current(void)
{
	if (sim_machine->irq_cpu >= 0) {
		struct sim_thread *t = sim_machine->cpus[sim_machine->irq_cpu].current;

		if (t)
			return &t->t;
	}
	return &sim_machine->running->t;
}

struct sim_thread *sim_thread(unsigned i)
{
	return i < sim_machine->nr_threads ? &sim_machine->threads[i] : NULL;
}

static void load_mm(struct sim_cpu *c, struct mm *mm)
{
	struct mm *prev = c->loaded_mm;

	if (prev == mm || !sim_machine->switch_mm)
		return;
	c->loaded_mm = mm;
	sim_machine->switching = true;
	sim_machine->switch_mm(prev, mm);
	sim_machine->switching = false;
}

void sim_set_boot_mm(struct mm *mm)
{
	boot()->t.mm = mm;
	load_mm(sim_this_cpu(), mm);
}

unsigned sim_set_boot_cpu(unsigned cpu)
{
	unsigned old = boot()->cpu;

	sim_machine->cpus[old].current = NULL;
	boot()->cpu = cpu % sim_machine->nr_cpus;
	sim_this_cpu()->current = boot();
	load_mm(sim_this_cpu(), boot()->t.mm);
	return old;
}

/* Switching, with ASan told about it */

static void before_switch(const void *stack, size_t size)
{
#if SIM_ASAN
	__sanitizer_start_switch_fiber(NULL, stack, size);
#else
	(void)stack;
	(void)size;
#endif
}

static void after_switch(const void **old_stack, size_t *old_size)
{
#if SIM_ASAN
	__sanitizer_finish_switch_fiber(NULL, old_stack, old_size);
#else
	(void)old_stack;
	(void)old_size;
#endif
}

void sim_switch_to_controller(void)
{
	struct sim_thread *t = sim_machine->running;

	before_switch(controller.stack, controller.stack_size);
	switch_stack(&t->sp, controller.sp);
	after_switch(&controller.stack, &controller.stack_size);
}

static void thread_end(struct sim_thread *t)
{
	struct sim_cpu *c = &sim_machine->cpus[t->cpu];

	lockdep_thread_exit();
	sim_serialise();
	t->state = SIM_DEAD;
	load_mm(c, NULL);
	c->current = NULL;
	sim_switch_to_controller();
	abort();
}

static void coroutine_main(void)
{
	struct sim_thread *t = sim_machine->running;

	after_switch(&controller.stack, &controller.stack_size);
	t->fn(t->arg);
	thread_end(t);
}

void sim_abandon(void)
{
	struct sim_thread *t = sim_machine->running;

	t->state = SIM_DEAD;
	sim_machine->cpus[t->cpu].current = NULL;
	sim_switch_to_controller();
	abort();
}

static void start(struct sim_thread *t)
{
	u64 *sp = (u64 *)(t->stack + t->stack_size);

	arena_unpoison(t->stack, t->stack_size);
	*--sp = 0; /* return address of coroutine_main: it does not return */
	*--sp = (u64)
		coroutine_main; /* where switch_stack returns to; rsp is then 8 modulo 16, as after a call */
	for (int i = 0; i < 6; i++)
		*--sp = 0;
	t->sp = sp;
}

bool sim_can_run(const struct sim_thread *t)
{
	const struct sim_thread *owner = sim_machine->cpus[t->cpu].current;

	switch (t->state) {
	case SIM_NEW:
	case SIM_READY:
		break;
	case SIM_SPINNING:
		if (atomic_load_explicit(&t->spin->tickets, memory_order_relaxed))
			return false;
		break;
	case SIM_IPI_WAIT:
		if (t->ipi_left)
			return false;
		break;
	default:
		return false;
	}
	/* The CPU may be in the middle of something that must not be preempted. */
	return !owner || owner == t || owner == boot() || (owner->preempt_off == 0 && owner->irq_off == 0);
}

void sim_resume(struct sim_thread *t)
{
	struct sim_cpu *c = &sim_machine->cpus[t->cpu];
	struct sim_thread *before = sim_machine->running;

	DEBUG_ASSERT(before == boot() && before->irq_off == 0 && before->preempt_off == 0);
	DEBUG_ASSERT(sim_can_run(t));
	if (t->state == SIM_NEW)
		start(t);
	t->state = SIM_READY;
	if (c->current != t) /* a context switch */
		sim_stores_drain(t->cpu);
	c->current = t;
	sim_machine->running = t;
	load_mm(c, t->t.mm);
	before_switch(t->stack, t->stack_size);
	switch_stack(&controller.sp, t->sp);
	after_switch(NULL, NULL);
	sim_machine->running = before;
	if (t->state == SIM_BLOCKED || t->state == SIM_SLEEPING)
		c->current = NULL;
	while (!c->current && c->nr_ipis)
		sim_ipi_deliver(t->cpu);
}

/* Creating */

struct sim_thread *sim_spawn(const char *name, void (*fn)(void *), void *arg, struct mm *mm, unsigned cpu)
{
	struct sim_thread *t = NULL;

	for (unsigned i = 1; i < sim_machine->nr_threads && !t; i++)
		if (sim_machine->threads[i].state == SIM_DEAD)
			t = &sim_machine->threads[i];
	if (!t) {
		if (sim_machine->nr_threads == SIM_MAX_THREADS)
			return NULL;
		t = &sim_machine->threads[sim_machine->nr_threads++];
	}
	t->t = (struct thread){.name = name, .mm = mm, .held = sim_held(t->index)};
	list_node_init(&t->t.wait_node);
	t->wake_pending = t->block_prepared = false;
	t->irq_off = t->preempt_off = t->ipi_left = 0;
	t->fn = fn;
	t->arg = arg;
	t->cpu = cpu % sim_machine->nr_cpus;
	t->state = SIM_NEW;
	return t;
}

void sim_occupy(struct sim_thread *t)
{
	struct sim_cpu *c = &sim_machine->cpus[t->cpu];

	c->current = t;
	load_mm(c, t->t.mm);
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, struct mm *mm)
{
	struct sim_thread *t = sim_spawn(name, fn, arg, mm, sim_machine->next_cpu);

	if (!t)
		return NULL;
	sim_machine->next_cpu = (sim_machine->next_cpu + 1) % sim_machine->nr_cpus;
	return &t->t;
}

/* Blocking and waking */

void thread_prepare_block(void)
{
	struct sim_thread *t = sim_machine->running;

	sim_serialise();
	t->block_prepared = true;
	t->wake_pending = false;
}

void thread_cancel_block(void)
{
	sim_serialise();
	sim_machine->running->block_prepared = false;
}

/* The boot thread has no coroutine: while it waits, the others run on top of it. */
static void boot_wait(enum sim_state waiting)
{
	struct sim_thread *t = boot();

	t->state = waiting;
	while (t->state == waiting && !sim_can_run(t)) {
		if (!sim_run_one()) {
			sim_print_threads();
			panic("sim: the boot thread waits and nobody can run");
		}
	}
	t->state = SIM_READY;
	sim_machine->running = t;
	sim_this_cpu()->current = t;
	load_mm(sim_this_cpu(), t->t.mm);
}

/* Gives way in `state` until the controller (or, for the boot thread, anybody) lets it go on. */
static void wait_as(enum sim_state state)
{
	struct sim_thread *t = sim_machine->running;

	if (t == boot()) {
		boot_wait(state);
		return;
	}
	t->state = state;
	sim_switch_to_controller();
}

void sim_wait_spin(struct spinlock *l)
{
	if (sim_machine->irq_cpu >= 0)
		panic("sim: an interrupt handler waits for a spinlock that the thread under it holds");
	sim_machine->running->spin = l;
	wait_as(SIM_SPINNING);
}

void sim_wait_ipi(void)
{
	wait_as(SIM_IPI_WAIT);
}

void thread_block(void)
{
	struct sim_thread *t = sim_machine->running;

	lockdep_might_sleep();
	thread_current()->nr_blocks++;
	if (!t->wake_pending) {
		BUG_ON(!t->block_prepared);
		sim_serialise();
		wait_as(SIM_BLOCKED);
	}
	t->block_prepared = t->wake_pending = false;
}

void thread_wake(struct thread *thread)
{
	struct sim_thread *t = (struct sim_thread *)thread;

	sim_serialise();
	order_threads((struct sim_thread *)thread_current(), t);
	t->wake_pending = true;
	if (t->state == SIM_BLOCKED || t->state == SIM_SLEEPING)
		t->state = SIM_READY;
}

void sim_pause(void)
{
	if (sim_machine->running != boot() && sim_machine->irq_cpu < 0)
		wait_as(SIM_READY);
}

void thread_yield(void)
{
	if (sim_machine->irq_cpu >= 0)
		panic("sim: a busy wait in an interrupt handler");
	if (sim_machine->running == boot())
		sim_run_one();
	else
		wait_as(SIM_READY);
}

int thread_sleep_ns(u64 ns)
{
	struct sim_thread *t = sim_machine->running;

	lockdep_might_sleep();
	sim_serialise();
	t->wake_time = sim_machine->now + ns;
	wait_as(SIM_SLEEPING);
	return atomic_load(&t->t.killed) ? -EINTR : 0;
}

/* Points */

void sim_set_point_hook(sim_point_fn fn)
{
	point_hook = fn;
}

static u64 random_next(void)
{
	u64 x = sim_machine->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return sim_machine->random = x;
}

void sim_point(enum sim_point what, const volatile void *obj, bool write)
{
	if (sim_machine->running == boot() || sim_machine->irq_cpu >= 0 || sim_machine->switching)
		return;
	if (point_hook ? point_hook(sim_machine->running, what, obj, write) : random_next() % 8 == 0)
		wait_as(SIM_READY);
}

#if !SIM_TSO /* there the accesses themselves are points as well: tso/hooks.c */
void shared_access(const volatile void *p, bool write)
{
	sim_point(SIM_POINT_ACCESS, p, write);
}

void sim_unmarked_restart(void) {}

unsigned sim_unmarked_report(void)
{
	return 0;
}
#endif

/* The default scheduler */

/* Now and then, a store reaches memory; if `must`, one does. False: there is none. */
static bool drain_some(bool must)
{
	for (unsigned cpu = 0; cpu < sim_machine->nr_cpus; cpu++)
		if (sim_stores_pending(cpu) && (must || random_next() % 2)) {
			sim_stores_drain_one(cpu);
			return true;
		}
	return false;
}

/* Nobody can run: time passes until the first sleeper wakes. */
static bool wake_sleeper(void)
{
	struct sim_thread *first = NULL;

	for (unsigned i = 0; i < sim_machine->nr_threads; i++) {
		struct sim_thread *t = &sim_machine->threads[i];

		if (t->state == SIM_SLEEPING && (!first || t->wake_time < first->wake_time))
			first = t;
	}
	if (!first)
		return false;
	if (sim_machine->now < first->wake_time)
		sim_machine->now = first->wake_time;
	first->state = SIM_READY;
	return true;
}

bool sim_run_one(void)
{
	struct sim_thread *can[SIM_MAX_THREADS];
	unsigned n = 0;

	drain_some(false);
	for (unsigned i = 1; i < sim_machine->nr_threads; i++)
		if (sim_can_run(&sim_machine->threads[i]))
			can[n++] = &sim_machine->threads[i];
	if (n) {
		struct sim_thread *t = can[random_next() % n];

		while (sim_ipi_can_deliver(t->cpu))
			sim_ipi_deliver(t->cpu);
		sim_resume(t);
		return true;
	}
	for (unsigned cpu = 0; cpu < sim_machine->nr_cpus; cpu++)
		if (sim_ipi_can_deliver(cpu)) {
			sim_ipi_deliver(cpu);
			return true;
		}
	return drain_some(true) || wake_sleeper();
}

enum sim_result sim_run(void)
{
	enum sim_result result = SIM_ALL_DONE;
	u64 resumes = 0;

	while (sim_run_one())
		if (++resumes == LIVELOCK_RESUMES)
			return SIM_LIVELOCK;
	for (unsigned i = 1; i < sim_machine->nr_threads; i++)
		if (sim_machine->threads[i].state != SIM_DEAD)
			result = SIM_DEADLOCK;
	sim_this_cpu()->current = boot();
	load_mm(sim_this_cpu(), boot()->t.mm);
	return result;
}

void sim_print_threads(void)
{
	static const char *const names[] = {"new", "ready", "blocked", "waits for a spinlock",
		"waits for acknowledgments", "sleeps", "dead"};

	for (unsigned i = 0; i < sim_machine->nr_threads; i++) {
		const struct sim_thread *t = &sim_machine->threads[i];

		fprintf(stderr, "# thread %u (%s), CPU %u: %s\n", i, t->t.name, t->cpu, names[t->state]);
		lockdep_report_held(t);
	}
}
