/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU run queues: who runs where, and for how long. Clients: kernel/thread.h's callers, interrupt exit, kernel/thread.c.
 *
 * Round robin: a thread runs for a slice of 5 ms while others wait on its CPU, then goes to the end of the queue. A woken thread goes to
 * an idle CPU, its previous one if that is idle, else to the end of its previous CPU's queue. An idle CPU steals what waits
 * elsewhere; a CPU with two or more waiting threads gives one away at its tick if another has two fewer. What moves between queues is in
 * run_queue.c; threads go only where sched_thread.allowed lets them.
 *
 * Rules
 * - The run-queue lock is held across the switch (sched.h). The thread that comes in drops it.
 * - No CPU waits for two run-queue locks at once: a thread that moves is taken out under one lock and put in under the other, and in
 *   between it is runnable and `on_rq`, so that no waker touches it.
 * - Switching happens with exactly one preempt_disable in force, the run-queue lock's; so the count needs no saving.
 * - A CPU that goes idle first says so in `idle_cpus` and then looks for work; who queues a thread first queues it and then looks for
 *   an idle CPU. One of the two sees the other, so no thread waits while a CPU sleeps.
 *
 * Why no wake-up is lost: thread_prepare_block() stores BLOCKED before the thread looks at its condition for the last time, thread_wake()
 * looks at the state after the condition was made true; both are fully ordered. thread_wake() changes the state under the lock
 * of the run queue the thread belongs to, and thread_block() gives the CPU up under the same lock only if the state is still BLOCKED.
 * A thread that is preempted between the two stays queued, whatever its state.
 *
 * Locks: run_queue.lock (RANK_RUNQUEUE), interrupts off.
 */
#include "kernel/sched.h"

#include "drivers/apic.h"
#include "kernel/cpu/desc.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/ipi.h"
#include "kernel/cpu/paging.h"
#include "kernel/cpu/trap.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "kernel/run_queue.h"
#include "kernel/sched_priv.h"
#include "mm/tlb.h"

#define SLICE_NS 5000000ull
#define NEVER (~0ull)
/* A slice that ended inside a spinlock's section ends at the unlock. Were the timer due at once until then, its interrupts could
 * leave the section no instruction. */
#define TIMER_MIN_NS 10000ull

_Static_assert(BOOT_STACK_PAGES == KERNEL_STACK_PAGES, "the boot thread's stack is like the others'");

static const struct lock_class rq_class = {"run queue", RANK_RUNQUEUE, false};

struct run_queue queues[MAX_CPUS];
static struct sched_thread boot_thread = {.t.name = "boot", .is_static = true, .allowed = ~0ull};
static const struct thread_watcher *watcher; /* set before any thread has `explore` */

void switch_stacks(u64 *save_rsp, u64 load_rsp); /* switch.asm */
void thread_main(void);                          /* called from switch.asm */

static struct sched_thread *current(void)
{
	return (struct sched_thread *)thread_current();
}

static struct run_queue *this_rq(void)
{
	return &queues[cpu_id()];
}

/* Locks the run queue that t belongs to. Interrupts off. */
static struct run_queue *lock_queue_of(struct sched_thread *t)
{
	for (;;) {
		unsigned cpu = atomic_load_explicit(&t->cpu, memory_order_acquire);

		spin_lock(&queues[cpu].lock);
		if (atomic_load_explicit(&t->cpu, memory_order_relaxed) == cpu)
			return &queues[cpu];
		spin_unlock(&queues[cpu].lock);
	}
}

/* ---------------------------------------------------------------- timer */

/* Arms this CPU's timer for the end of the slice, if somebody waits for it, and the first sleeper. Lazily: a timer that is
 * armed for an earlier time stays, and finds out when it fires. */
void sched_arm_timer_locked(struct run_queue *rq, u64 now)
{
	struct list_node *first = list_first(&rq->sleepers);
	u64 at = NEVER;

	if (atomic_load_explicit(&rq->nr_ready, memory_order_relaxed) && current() != rq->idle)
		at = current()->slice_end;
	if (first)
		at = MIN(at, LIST_ENTRY(first, struct sched_thread, timer_node)->wake_time);
	if (at >= rq->timer_at)
		return;
	rq->timer_at = at;
	apic_timer_arm(at > now + TIMER_MIN_NS ? at - now : TIMER_MIN_NS);
}

/* ---------------------------------------------------------------- waking */

void thread_wake(struct thread *thread)
{
	struct sched_thread *t = (struct sched_thread *)thread;
	struct run_queue *rq;
	unsigned cpu, idle;
	irq_state_t s;
	bool moves;

	if (unlikely(thread->explore))
		watcher->wake(thread->explore);
	/* The caller's stores, which make the condition true, come before the look at the state. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&t->state, memory_order_relaxed) != THREAD_BLOCKED)
		return;
	s = irq_save();
	rq = lock_queue_of(t);
	if (atomic_load(&t->state) != THREAD_BLOCKED) {
		spin_unlock(&rq->lock);
		irq_restore(s);
		return;
	}
	atomic_store(&t->state, THREAD_RUNNABLE);
	moves = !t->on_rq;
	cpu = atomic_load_explicit(&t->cpu, memory_order_relaxed);
	idle = MAX_CPUS;
	if (moves) {
		t->on_rq = true;
		idle = claim_idle_cpu(cpu, sched_allowed(t));
		if (idle < MAX_CPUS)
			cpu = idle;
		else if (unlikely(!may_run_on(t, cpu)))
			cpu = sched_place(t);
		atomic_store_explicit(&t->cpu, cpu, memory_order_release);
	}
	spin_unlock(&rq->lock);
	if (moves)
		enqueue(t, cpu, idle < MAX_CPUS);
	irq_restore(s);
}

/* If t moves meanwhile, it has passed the kernel anyway. */
void thread_kick(struct thread *t)
{
	unsigned cpu;

	preempt_disable();
	cpu = atomic_load(&((struct sched_thread *)t)->cpu);
	if (cpu != cpu_id())
		ipi_reschedule(cpu);
	preempt_enable();
}

/* ---------------------------------------------------------------- switching */

/* First thing on the new stack: drops the lock that the old thread took, and frees it if that was its end, or sends it to a CPU that it may run on.
 * Interrupts off. */
static void finish_switch(void)
{
	struct run_queue *rq = this_rq();
	struct sched_thread *dead = rq->dead, *away = rq->away;
	unsigned to = 0;

	rq->dead = rq->away = NULL;
	if (unlikely(away)) {
		to = sched_place(away);
		atomic_store_explicit(&away->cpu, to, memory_order_release);
	}
	spin_take_over(&rq->lock);
	spin_unlock(&rq->lock);
	if (unlikely(away))
		enqueue(away, to, false);
	if (dead)
		thread_free(dead);
}

/* The user half of a switch: registers and address space. */
static void switch_user_state(struct run_queue *rq, struct sched_thread *prev, struct sched_thread *next)
{
	struct percpu *p = this_cpu();

	if (prev->fpu)
		fpu_save(prev->fpu);
	if (p->loaded_mm != next->t.mm) {
		tlb_switch_mm(p->loaded_mm, next->t.mm);
		p->loaded_mm = next->t.mm;
	}
	if (next->fpu) {
		/* Still in the CPU if only kernel threads ran here since, and the thread nowhere else. */
		if (rq->fpu_owner != next || next->fpu_cpu != cpu_id())
			fpu_restore(next->fpu);
		rq->fpu_owner = next;
		next->fpu_cpu = cpu_id();
		wrmsr(MSR_FS_BASE, next->fs_base);
	}
}

/* From the current thread to `next`. Run-queue lock held, interrupts off; the same when it returns, later, but for the lock. */
static void switch_to(struct run_queue *rq, struct sched_thread *next)
{
	struct sched_thread *prev = current();
	u64 now = time_ns();

	DEBUG_ASSERT(percpu_preempt_count() == 1);
	prev->run_ns += now - prev->started;
	next->started = now;
	next->slice_end = now + SLICE_NS;
	if (prev == rq->idle)
		atomic_fetch_and(&idle_cpus, ~(1ull << cpu_id()));
	switch_user_state(rq, prev, next);
	spin_hand_over(&rq->lock);
	this_cpu()->current = &next->t;
	cpu_set_kernel_stack((u64)next->stack + KERNEL_STACK_PAGES * PAGE_SIZE);
	sched_arm_timer_locked(rq, now);
	switch_stacks(&prev->saved_rsp, next->saved_rsp);
	finish_switch();
}

enum leave { LEAVE_READY, LEAVE_IF_BLOCKED, LEAVE_DEAD };

/* Gives the CPU to the next thread, if there is one or the current one cannot go on. */
static void reschedule(enum leave how)
{
	irq_state_t s = irq_save();
	struct run_queue *rq = this_rq();
	struct sched_thread *prev = current(), *next;

	spin_lock(&rq->lock);
	atomic_store_explicit(&this_cpu()->need_resched, 0, memory_order_relaxed);
	if (how == LEAVE_IF_BLOCKED && atomic_load(&prev->state) != THREAD_BLOCKED)
		goto stay;
	next = pop_locked(rq);
	if (next &&
		unlikely(!may_run_on(
			next, cpu_id()))) /* it slept here: it goes on in the kernel, and leaves then */
		atomic_store_explicit(&this_cpu()->need_resched, 1, memory_order_relaxed);
	if (how == LEAVE_READY) {
		bool stays = likely(may_run_on(prev, cpu_id()));

		if (!next && stays)
			goto stay;
		if (!stays)
			rq->away = prev;
		else if (prev != rq->idle)
			push_locked(rq, prev);
	} else {
		prev->on_rq = false;
		if (how == LEAVE_DEAD)
			rq->dead = prev;
	}
	switch_to(rq, next ? next : rq->idle);
	irq_restore(s);
	return;
stay:
	spin_unlock(&rq->lock);
	irq_restore(s);
}

void sched_preempt(void)
{
	if (thread_current())
		reschedule(LEAVE_READY);
}

void preempt_resched(void)
{
	if (irq_enabled() && !percpu_in_irq())
		sched_preempt();
}

void thread_yield(void)
{
	lockdep_might_sleep();
	reschedule(LEAVE_READY);
}

void sched_exit_switch(void)
{
	atomic_store(&current()->state, THREAD_DEAD);
	reschedule(LEAVE_DEAD);
	panic("a dead thread runs");
}

/* The first C of a new thread, on its stack, with the run-queue lock of whoever switched to it. */
void thread_main(void)
{
	struct sched_thread *t = current();

	finish_switch();
	irq_enable();
	t->fn(t->arg);
	thread_exit();
}

/* ---------------------------------------------------------------- blocking */

void thread_set_watcher(const struct thread_watcher *w)
{
	watcher = w;
}

void thread_prepare_block(void)
{
	atomic_store(&current()->state, THREAD_BLOCKED);
}

void thread_cancel_block(void)
{
	atomic_store(&current()->state, THREAD_RUNNABLE);
}

void thread_block(void)
{
	struct explore_thread *watched = thread_current()->explore;

	lockdep_might_sleep();
	thread_current()->nr_blocks++;
	if (unlikely(watched))
		watcher->block(watched);
	reschedule(LEAVE_IF_BLOCKED);
	if (unlikely(watched))
		watcher->unblock(watched);
}

static void insert_sleeper_locked(struct run_queue *rq, struct sched_thread *t)
{
	struct sched_thread *pos;

	LIST_FOR_EACH (pos, &rq->sleepers, timer_node) {
		if (pos->wake_time > t->wake_time) {
			list_insert_before(&pos->timer_node, &t->timer_node);
			return;
		}
	}
	list_push_back(&rq->sleepers, &t->timer_node);
}

/* Interrupts stay off from the entry in the list to the switch, so that a blocked sleeper always belongs to the CPU whose list it is on. */
void thread_block_until(u64 deadline)
{
	struct sched_thread *t = current();
	struct run_queue *rq;
	irq_state_t s;

	if (deadline == NO_DEADLINE) {
		thread_block();
		return;
	}
	lockdep_might_sleep();
	s = irq_save();
	rq = this_rq();
	spin_lock(&rq->lock);
	t->wake_time = deadline;
	insert_sleeper_locked(rq, t);
	sched_arm_timer_locked(rq, time_ns());
	spin_unlock(&rq->lock);
	reschedule(LEAVE_IF_BLOCKED);
	spin_lock(&rq->lock);
	list_remove(&t->timer_node);
	spin_unlock(&rq->lock);
	irq_restore(s);
}

int thread_sleep_ns(u64 ns)
{
	struct sched_thread *t = current();
	u64 now = time_ns(), until = ns > NEVER - 1 - now ? NEVER - 1 : now + ns;

	lockdep_might_sleep();
	while (time_ns() < until) {
		if (atomic_load(&t->t.killed))
			return -EINTR;
		thread_prepare_block();
		/* Who kills sets the flag and then wakes: either is seen. */
		if (atomic_load(&t->t.killed))
			thread_cancel_block();
		else
			thread_block_until(until);
	}
	return 0;
}

/* ---------------------------------------------------------------- figures */

/* Switches happen under the lock of the CPU's queue, so under it a thread runs or does not, and its two figures go together. */
u64 thread_run_ns(const struct thread *thread)
{
	struct sched_thread *t = (struct sched_thread *)thread;
	irq_state_t s = irq_save();
	struct run_queue *rq = lock_queue_of(t);
	u64 ns = t->run_ns;

	if (percpu_of((unsigned)(rq - queues))->current == thread)
		ns += time_ns() - t->started;
	spin_unlock(&rq->lock);
	irq_restore(s);
	return ns;
}

bool thread_is_runnable(const struct thread *t)
{
	return atomic_load(&((const struct sched_thread *)t)->state) == THREAD_RUNNABLE;
}

u64 sched_idle_ns(unsigned cpu)
{
	return thread_run_ns(&queues[cpu].idle->t);
}

unsigned sched_nr_running(void)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < cpu_count(); i++) {
		irq_state_t s = spin_lock_irq(&queues[i].lock);

		nr += atomic_load_explicit(&queues[i].nr_ready, memory_order_relaxed) +
			(percpu_of(i)->current != &queues[i].idle->t);
		spin_unlock_irq(&queues[i].lock, s);
	}
	return nr;
}

/* ---------------------------------------------------------------- tick and balance */

/* Wakes those whose time has come. They blocked on this CPU (sleep_until); one that somebody else woke meanwhile is left alone. True: somebody is ready now. */
static bool wake_sleepers_locked(struct run_queue *rq, u64 now)
{
	struct list_node *n;
	bool any = false;

	while ((n = list_first(&rq->sleepers))) {
		struct sched_thread *t = LIST_ENTRY(n, struct sched_thread, timer_node);
		u32 blocked = THREAD_BLOCKED;

		if (t->wake_time > now)
			break;
		list_remove(n);
		if (&queues[atomic_load_explicit(&t->cpu, memory_order_relaxed)] != rq ||
			!atomic_compare_exchange_strong(&t->state, &blocked, THREAD_RUNNABLE) || t->on_rq)
			continue;
		t->on_rq = true;
		push_locked(rq, t);
		any = true;
	}
	return any;
}

void sched_tick(void)
{
	struct run_queue *rq = this_rq();
	struct sched_thread *away = NULL;
	u64 now = time_ns();
	unsigned ready, to;
	bool woken;

	spin_lock(&rq->lock);
	woken = wake_sleepers_locked(rq, now);
	ready = atomic_load_explicit(&rq->nr_ready, memory_order_relaxed);
	to = find_shorter_queue(ready);
	if (to < MAX_CPUS)
		away = take_for_locked(rq, to);
	if (away) {
		atomic_store_explicit(&away->cpu, to, memory_order_release);
		ready--;
	}
	if (ready && (current() == rq->idle || now >= current()->slice_end))
		atomic_store_explicit(&this_cpu()->need_resched, 1, memory_order_relaxed);
	sched_arm_timer_locked(rq, now);
	spin_unlock(&rq->lock);
	if (away)
		enqueue(away, to, false);
	if (woken && current() != rq->idle && (to = claim_idle_cpu(cpu_id(), ~0ull)) < MAX_CPUS)
		kick_cpu(to);
}

void sched_idle(void)
{
	struct percpu *p = this_cpu();
	struct run_queue *rq = this_rq();

	for (;;) {
		irq_disable();
		atomic_fetch_or(&idle_cpus, 1ull << p->index);
		if (atomic_load(&rq->nr_ready) || atomic_load(&p->need_resched) || steal_work())
			reschedule(LEAVE_READY);
		else
			__asm__ volatile("sti; hlt" ::: "memory"); /* nothing gets in between the two */
	}
}

/* ---------------------------------------------------------------- set-up */

/* It may fire a little early, or long before what it was armed for is due: then it is armed again. */
static void on_timer(struct trap_frame *f UNUSED, void *arg UNUSED)
{
	this_rq()->timer_at = NEVER;
	sched_tick();
}

static void idle_main(void *arg UNUSED)
{
	sched_idle();
}

void *sched_prepare_cpu(unsigned cpu)
{
	struct run_queue *rq = &queues[cpu];

	if (!rq->idle) {
		rq->idle = (struct sched_thread *)thread_create_stopped("idle", idle_main, NULL, NULL, false);
		if (!rq->idle)
			return NULL;
		spin_init(&rq->lock, &rq_class);
		list_init(&rq->ready);
		list_init(&rq->sleepers);
		rq->timer_at = NEVER;
		rq->idle->on_rq = true;
		atomic_store(&rq->idle->cpu, cpu);
		atomic_store(&rq->idle->state, THREAD_RUNNABLE);
	}
	return (u8 *)rq->idle->stack + KERNEL_STACK_PAGES * PAGE_SIZE;
}

void sched_init_cpu(struct percpu *p)
{
	struct run_queue *rq = &queues[p->index];
	struct sched_thread *self = rq->idle;

	if (p->index == 0) {
		spin_choose();
		irq_set_handler(VEC_TIMER, on_timer, NULL);
		ipi_init();
		fpu_init_cpu();
		thread_init();
		if (!sched_prepare_cpu(0))
			panic("no memory for the first idle thread");
		self = &boot_thread;
		self->stack = stacks_start + PAGE_SIZE;
		self->on_rq = true;
		thread_register(self);
	}
	p->rq = rq;
	p->loaded_mm = NULL;
	self->started = time_ns();
	self->slice_end = self->started + SLICE_NS;
	p->current = &self->t;
	cpu_set_kernel_stack((u64)self->stack + KERNEL_STACK_PAGES * PAGE_SIZE);
}
