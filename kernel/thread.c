/* SPDX-License-Identifier: MIT */
/*
 * Making and ending threads, and the user state that hangs on them. Clients: kernel/proc, everybody who needs a kernel thread.
 *
 * Rule: a thread's memory (record, stack, FPU area) is freed by the CPU that last ran it, on another stack: thread_free() from
 * kernel/sched.c. Before that the thread has given up its address space, so that nothing of it is loaded when its owner frees it.
 *
 * Locks: threads.lock (RANK_TIMER) guards the list of all threads, which is there for sched_dump() only.
 */
#include "kernel/thread.h"

#include "kernel/cpu/backtrace.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/sched_priv.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/kva.h"
#include "mm/tlb.h"
#include "mm/uaccess.h"

#define NR_SWITCH_REGS 6 /* popped by switch_stacks */

static const struct lock_class threads_class = {"threads", RANK_TIMER, false};
static struct {
	struct spinlock lock;
	struct list all;
	u32 next_tid;
} threads;

void thread_start(void); /* switch.asm */

void thread_init(void)
{
	spin_init(&threads.lock, &threads_class);
	list_init(&threads.all);
}

void thread_register(struct sched_thread *t)
{
	irq_state_t s;

	list_node_init(&t->t.wait_node);
	list_node_init(&t->rq_node);
	list_node_init(&t->timer_node);
#ifdef FAULTLINE_DEBUG
	t->t.held = &t->held_storage;
#endif
	s = spin_lock_irq(&threads.lock);
	t->tid = ++threads.next_tid;
	list_push_back(&threads.all, &t->all_node);
	spin_unlock_irq(&threads.lock, s);
}

/* A stack as switch_stacks() leaves one: registers, all 0, and the address of thread_start. */
static u64 first_frame(void *stack)
{
	u64 *top = (u64 *)((u8 *)stack + KERNEL_STACK_PAGES * PAGE_SIZE);

	*--top = 0;
	*--top = (u64)thread_start;
	for (unsigned i = 0; i < NR_SWITCH_REGS; i++)
		*--top = 0;
	return (u64)top;
}

struct thread *thread_create_stopped(
	const char *name, void (*fn)(void *), void *arg, struct mm *mm, bool user)
{
	struct sched_thread *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->stack = kva_alloc_stack(KERNEL_STACK_PAGES);
	if (!t->stack)
		goto no_stack;
	if (user) {
		t->fpu = fpu_alloc();
		if (!t->fpu)
			goto no_fpu;
	}
	t->t.name = name;
	t->t.mm = mm;
	t->fn = fn;
	t->arg = arg;
	t->saved_rsp = first_frame(t->stack);
	atomic_init(&t->state, THREAD_BLOCKED);
	atomic_init(&t->cpu, cpu_id());
	atomic_init(&t->allowed, ~0ull);
	t->fpu_cpu = MAX_CPUS;
	thread_register(t);
	return &t->t;

no_fpu:
	kva_free_stack(t->stack, KERNEL_STACK_PAGES);
no_stack:
	kfree(t);
	return NULL;
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, struct mm *mm)
{
	struct thread *t = thread_create_stopped(name, fn, arg, mm, false);

	if (t)
		thread_wake(t);
	return t;
}

void thread_free(struct sched_thread *t)
{
	irq_state_t s = spin_lock_irq(&threads.lock);

	list_remove(&t->all_node);
	spin_unlock_irq(&threads.lock, s);
	if (t->is_static)
		return;
	fpu_free(t->fpu);
	kva_free_stack(t->stack, KERNEL_STACK_PAGES);
	kfree(t);
}

void thread_exit(void)
{
	lockdep_might_sleep();
	lockdep_thread_exit();
	thread_set_mm(NULL);
	sched_exit_switch();
}

void thread_set_mm(struct mm *mm)
{
	struct percpu *p;

	preempt_disable();
	p = this_cpu();
	tlb_switch_mm(p->loaded_mm, mm);
	p->loaded_mm = mm;
	p->current->mm = mm;
	preempt_enable();
}

static struct sched_thread *current(void)
{
	return (struct sched_thread *)thread_current();
}

#ifdef FAULTLINE_DEBUG
#define STACK_POISON 0x5c
#define STACK_KEPT 256 /* below the caller's frame, for ours and memset's */

void thread_poison_stack(void)
{
	u8 *low = current()->stack, *used = (u8 *)__builtin_frame_address(0) - STACK_KEPT;

	if (used > low)
		memset(low, STACK_POISON, (size_t)(used - low));
}
#endif

void thread_set_fs_base(u64 base)
{
	preempt_disable();
	current()->fs_base = base;
	wrmsr(MSR_FS_BASE, base);
	preempt_enable();
}

void thread_init_fs_base(struct thread *t, u64 base)
{
	((struct sched_thread *)t)->fs_base = base;
}

u64 thread_fs_base(void)
{
	return current()->fs_base;
}

void thread_copy_user_state(struct thread *to)
{
	struct sched_thread *from = current(), *t = (struct sched_thread *)to;

	preempt_disable();
	if (from->fpu)
		fpu_save(from->fpu);
	preempt_enable();
	if (from->fpu && t->fpu)
		fpu_copy(t->fpu, from->fpu);
	t->fs_base = from->fs_base;
}

/* The registers are the current thread's own all the time: the kernel uses none of them. */
static void save_fpu(void *area)
{
	preempt_disable();
	fpu_save(area);
	preempt_enable();
}

static void load_fpu(const void *area)
{
	preempt_disable();
	fpu_restore(area);
	preempt_enable();
}

int thread_push_fpu(uaddr_t to)
{
	void *area = fpu_alloc();
	int err;

	if (!area)
		return -ENOMEM;
	save_fpu(area);
	fpu_mark_user(area);
	err = copy_to_user(to, area, fpu_user_size());
	fpu_free(area);
	return err;
}

int thread_pop_fpu(uaddr_t from)
{
	void *area;
	int err;

	if (!from.v) {
		thread_reset_fpu();
		return 0;
	}
	area = fpu_alloc();
	if (!area)
		return -ENOMEM;
	err = copy_from_user(area, from, FPU_LEGACY_SIZE);
	if (!err && fpu_is_marked(area))
		err = copy_from_user(area, from, fpu_user_size());
	if (!err && !fpu_accept(area))
		err = -EFAULT;
	if (!err)
		load_fpu(area);
	fpu_free(area);
	return err;
}

void thread_reset_fpu(void)
{
	struct sched_thread *t = current();

	if (!t->fpu)
		return;
	preempt_disable();
	fpu_reset(t->fpu);
	fpu_restore(t->fpu);
	preempt_enable();
}

int thread_fpu_exception(bool simd)
{
	void *area = fpu_alloc();
	unsigned bits = 0;

	if (!area)
		return 0;
	save_fpu(area);
	bits = fpu_unmasked(area, simd);
	fpu_free(area);
	/* IE DE ZE OE UE PE, and the order in which Linux looks. */
	return bits & 1 ? 7 : bits & 4 ? 3 : bits & 8 ? 4 : bits & 0x12 ? 5 : bits & 0x20 ? 6 : 0;
}

void thread_reset_user_state(void)
{
	thread_reset_fpu();
	thread_set_fs_base(0);
}

unsigned thread_id(const struct thread *t)
{
	return ((const struct sched_thread *)t)->tid;
}

static const char *state_name(const struct sched_thread *t)
{
	switch (atomic_load_explicit(&t->state, memory_order_relaxed)) {
	case THREAD_RUNNABLE:
		return "runnable";
	case THREAD_BLOCKED:
		return "blocked";
	}
	return "dead";
}

static bool runs_somewhere(const struct sched_thread *t)
{
	struct percpu *p = percpu_of(atomic_load_explicit(&t->cpu, memory_order_relaxed));

	return p && p->current == &t->t;
}

/* In a panic the lock's holder may be stopped: then without it. */
void sched_dump(void)
{
	bool locked = spin_trylock(&threads.lock);
	struct sched_thread *t;

	LIST_FOR_EACH (t, &threads.all, all_node) {
		pr_info("sched", "thread %u %s: %s, cpu %u, ran %llu us", t->tid, t->t.name, state_name(t),
			atomic_load_explicit(&t->cpu, memory_order_relaxed),
			(unsigned long long)t->run_ns / 1000);
		if (!runs_somewhere(t))
			backtrace_print(((const u64 *)t->saved_rsp)[NR_SWITCH_REGS - 1]);
	}
	if (locked)
		spin_unlock(&threads.lock);
}
