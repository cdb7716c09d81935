/* SPDX-License-Identifier: MIT */
/*
 * Calls to other CPUs, with acknowledgment. Clients: TLB shootdown, the scheduler.
 *
 * Each CPU has one call slot, for the one call that it can have under way: its thread stays there with preemption off until the call
 * is done, and interrupt handlers make no calls. Each CPU has an inbox, a word with a bit for every CPU that wants something of
 * it. A caller fills its slot, sets `pending` to the CPUs it calls, puts its bit into their inboxes and interrupts them; each takes
 * its whole inbox at once, runs what the slots say, and clears its bit in the slot's `pending`. The caller waits for 0.
 *
 * Why several callers at once do not deadlock: nobody waits for a slot or an inbox, only for answers; a CPU that waits has interrupts on
 * and so answers the others meanwhile; and an interrupt handler that answers waits for nobody.
 * Why no call is lost: the interrupt is left out only if the inbox was not empty before, and then the interrupt of the one who found it empty
 * is still to come, or its handler has not taken the inbox yet.
 *
 * Locks: none.
 */
#include "kernel/cpu/ipi.h"

#include "drivers/apic.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/smp.h"
#include "kernel/cpu/trap.h"
#include "kernel/sched.h"

static struct ipi_cpu {
	/* the call slot: its own CPU writes fn and arg before it sets pending */
	void (*fn)(void *);
	void *arg;
	_Atomic(u64) pending;
	_Atomic(u64) inbox ALIGNED(CACHE_LINE);
} ALIGNED(CACHE_LINE) ipi_cpus[MAX_CPUS];

static void on_call(struct trap_frame *f UNUSED, void *arg UNUSED)
{
	u64 self = 1ull << cpu_id();
	u64 callers = atomic_exchange(&ipi_cpus[cpu_id()].inbox, 0);

	for (; callers; callers &= callers - 1) {
		struct ipi_cpu *c = &ipi_cpus[__builtin_ctzll(callers)];

		c->fn(c->arg);
		atomic_fetch_and_explicit(&c->pending, ~self, memory_order_release);
	}
}

static void on_reschedule(struct trap_frame *f UNUSED, void *arg UNUSED)
{
	sched_tick();
}

void ipi_init(void)
{
	irq_set_handler(VEC_IPI_CALL, on_call, NULL);
	irq_set_handler(VEC_IPI_RESCHED, on_reschedule, NULL);
}

void ipi_reschedule(unsigned cpu)
{
	apic_send_ipi(percpu_of(cpu)->apic_id, VEC_IPI_RESCHED);
}

void cpu_call_many(u64 cpumask, void (*fn)(void *), void *arg)
{
	struct ipi_cpu *c;
	u64 self;

	lockdep_might_wait_for_cpus();
	preempt_disable();
	c = &ipi_cpus[cpu_id()];
	self = 1ull << cpu_id();
	cpumask &= smp_online() & ~self;
	c->fn = fn;
	c->arg = arg;
	atomic_store(&c->pending, cpumask);
	for (u64 m = cpumask; m; m &= m - 1) {
		unsigned target = (unsigned)__builtin_ctzll(m);

		if (!atomic_fetch_or(&ipi_cpus[target].inbox, self))
			apic_send_ipi(percpu_of(target)->apic_id, VEC_IPI_CALL);
	}
	while (atomic_load_explicit(&c->pending, memory_order_acquire))
		cpu_relax();
	preempt_enable();
}
