/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU data, reached through GS. Offsets of the first fields are used by assembly (entry.asm) and pinned
 * below. Fields belong to their CPU; other CPUs touch only those marked [any].
 */
#ifndef KERNEL_CPU_PERCPU_H
#define KERNEL_CPU_PERCPU_H

#include "kernel/cpu/cpu.h"
#include "kernel/event.h"

struct run_queue;
struct cpu_arch;

struct percpu {
	struct percpu *self; /* 0 */
	u64 user_rsp;        /* 8: syscall entry scratch */
	u64 kernel_stack;    /* 16: top of the current thread's kernel stack; set by cpu_set_kernel_stack() */
	struct thread *current; /* 24 */
	u32 index;              /* 32: cpu_id() */
	u32 apic_id;
	u32 preempt_count;         /* 40 */
	_Atomic(u32) need_resched; /* 44 [any] */
	u32 irq_depth;             /* 48: nesting of interrupt handlers */
	u64 events[NR_EVENTS];     /* 56: kernel/event.h */
	struct mm *loaded_mm;      /* what CR3 holds */
	struct run_queue *rq;      /* kernel/sched.c */
	struct cpu_arch *arch;     /* GDT, TSS, IST stacks: kernel/cpu/desc.c */
};
_Static_assert(offsetof(struct percpu, user_rsp) == 8, "entry.asm");
_Static_assert(offsetof(struct percpu, kernel_stack) == 16, "entry.asm");
_Static_assert(offsetof(struct percpu, current) == 24, "entry.asm");
_Static_assert(offsetof(struct percpu, index) == 32, "kernel/cpu/inline.h");
_Static_assert(offsetof(struct percpu, preempt_count) == 40, "kernel/cpu/inline.h");
_Static_assert(offsetof(struct percpu, need_resched) == 44, "entry.asm");
_Static_assert(offsetof(struct percpu, irq_depth) == 48, "below");
_Static_assert(offsetof(struct percpu, events) == EVENT_OFFSET, "kernel/event.h");

static inline struct percpu *this_cpu(void)
{
	struct percpu *p;
	__asm__ volatile("movq %%gs:0, %0" : "=r"(p));
	return p;
}
/* Single reads through GS, right also where the thread may move to another CPU in between. */
static inline u32 percpu_preempt_count(void)
{
	u32 n;

	__asm__ volatile("movl %%gs:40, %0" : "=r"(n));
	return n;
}
static inline bool percpu_in_irq(void)
{
	u32 depth;

	__asm__ volatile("movl %%gs:48, %0" : "=r"(depth));
	return depth;
}
/* The per-CPU record of CPU `i` < MAX_CPUS; NULL if there is no such CPU. */
struct percpu *percpu_of(unsigned i);
/* Makes the record, descriptor tables and IST stacks of CPU `index` (1 to MAX_CPUS - 1; CPU 0 has its own
 * from the start). From then on percpu_of() finds it. NULL: no memory. Boot, one caller at a time. */
struct percpu *percpu_create(unsigned index, u32 apic_id);

#endif
