/* SPDX-License-Identifier: MIT */
/*
 * Interprocessor calls. Posting puts a record on the target CPU; the target takes it when the controller says so, at the latest
 * before its thread goes on under the default scheduler. An idle CPU, and one that itself waits for
 * acknowledgments (interrupts are on there), takes it at once. The initiator waits until every target has.
 */
#include "host/machine.h"
#include "kernel/log.h"

static bool takes_at_once(const struct sim_cpu *c)
{
	const struct sim_thread *t = c->current;

	/* The boot thread is not running while it is the target: it waits in its controller. */
	return !t || t == &sim_machine->threads[0] || t->state == SIM_IPI_WAIT;
}

unsigned sim_ipi_pending(unsigned cpu)
{
	return sim_machine->cpus[cpu].nr_ipis;
}

bool sim_ipi_can_deliver(unsigned cpu)
{
	const struct sim_cpu *c = &sim_machine->cpus[cpu];

	return c->nr_ipis && (!c->current || c->current->irq_off == 0);
}

void sim_ipi_deliver(unsigned cpu)
{
	struct sim_cpu *c = &sim_machine->cpus[cpu];
	struct sim_ipi ipi = c->ipis[0];
	int outer = sim_machine->irq_cpu;

	BUG_ON(!c->nr_ipis);
	c->nr_ipis--;
	for (unsigned i = 0; i < c->nr_ipis; i++)
		c->ipis[i] = c->ipis[i + 1];
	sim_stores_drain(cpu);
	sim_machine->irq_cpu = (int)cpu;
	if (c->current)
		order_threads(ipi.from, c->current);
	ipi.fn(ipi.arg);
	sim_stores_drain(cpu);
	if (c->current)
		order_threads(c->current, ipi.from);
	sim_machine->irq_cpu = outer;
	ipi.from->ipi_left--;
}

static void post(unsigned cpu, void (*fn)(void *), void *arg)
{
	struct sim_cpu *c = &sim_machine->cpus[cpu];

	BUG_ON(c->nr_ipis == SIM_MAX_IPIS);
	c->ipis[c->nr_ipis++] = (struct sim_ipi){fn, arg, sim_machine->running};
	sim_machine->running->ipi_left++;
	if (takes_at_once(c))
		sim_ipi_deliver(cpu);
}

static void await_acknowledgments(void)
{
	struct sim_thread *t = sim_machine->running;
	struct sim_cpu *c = sim_this_cpu();

	if (!t->ipi_left)
		return;
	/* Whoever called us meanwhile is answered first: two initiators must not wait for each other. */
	while (c->nr_ipis)
		sim_ipi_deliver(cpu_id());
	sim_wait_ipi();
}

void cpu_call_many(u64 cpumask, void (*fn)(void *), void *arg)
{
	BUG_ON(!irq_enabled());
	sim_check_no_spinlock();
	sim_serialise();
	for (unsigned cpu = 0; cpu < sim_machine->nr_cpus; cpu++)
		if ((cpumask >> cpu & 1) && cpu != cpu_id())
			post(cpu, fn, arg);
	await_acknowledgments();
}
