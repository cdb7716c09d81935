/* SPDX-License-Identifier: MIT */
/*
 * Store buffers of the simulated CPUs, as x86 has them (SDM vol. 3, 8.2). Filled in the build that sees every atomic access
 * (host/tso/); elsewhere always empty.
 *
 * Rule: an atomic store that is weaker than seq_cst, and a spinlock's release, wait in the FIFO of their CPU until the controller,
 * or something that serialises, lets the oldest reach memory. The CPU itself sees its own stores; others see memory. Locked
 * instructions and full fences, interrupts, context switches, loads of CR3, INVLPG and the return from a fault empty the buffer.
 *
 * Plain stores reach memory at once: the compiler tells of them before they happen, so they cannot be held back. That hides nothing
 * where plain data is only touched under locks, which the report of unmarked accesses checks: whoever gets the lock has seen its release,
 * and everything older in that buffer.
 */
#include "host/machine.h"
#include "kernel/log.h"

static void reach_memory(const struct sim_store *e)
{
	switch (e->size) {
	case 1:
		*(volatile u8 *)e->addr = (u8)e->value;
		break;
	case 2:
		*(volatile u16 *)e->addr = (u16)e->value;
		break;
	case 4:
		*(volatile u32 *)e->addr = (u32)e->value;
		break;
	default:
		*(volatile u64 *)e->addr = e->value;
		break;
	}
	order_store_visible(e);
}

unsigned sim_stores_pending(unsigned cpu)
{
	return sim_machine->cpus[cpu].nr_stores;
}

void sim_stores_drain_one(unsigned cpu)
{
	struct sim_cpu *c = &sim_machine->cpus[cpu];
	struct sim_store oldest = c->stores[0];

	BUG_ON(!c->nr_stores);
	c->nr_stores--;
	for (unsigned i = 0; i < c->nr_stores; i++)
		c->stores[i] = c->stores[i + 1];
	reach_memory(&oldest);
}

void sim_stores_drain(unsigned cpu)
{
	while (sim_stores_pending(cpu))
		sim_stores_drain_one(cpu);
}

void sim_serialise(void)
{
	sim_stores_drain(cpu_id());
}

void sim_store(volatile void *p, u64 value, unsigned size, bool release)
{
	struct sim_cpu *c = sim_this_cpu();
	struct sim_store e = {.addr = (u64)p, .value = value, .size = size};

	order_store(&e, release);
	if (!SIM_TSO || sim_machine->running == &sim_machine->threads[0]) {
		reach_memory(&e);
		return;
	}
	if (c->nr_stores == SIM_MAX_STORES)
		sim_stores_drain_one(cpu_id());
	c->stores[c->nr_stores++] = e;
}

bool sim_store_forward(const volatile void *p, unsigned size, u64 *value)
{
	struct sim_cpu *c = sim_this_cpu();

	for (unsigned i = c->nr_stores; i-- > 0;) {
		const struct sim_store *e = &c->stores[i];

		if (e->addr == (u64)p && e->size == size) {
			*value = e->value;
			return true;
		}
		if (e->addr < (u64)p + size && (u64)p < e->addr + e->size) {
			sim_serialise(); /* overlaps in part: hardware waits as well */
			return false;
		}
	}
	return false;
}

bool sim_store_overlaps(u64 from, u64 to)
{
	struct sim_cpu *c = sim_this_cpu();

	for (unsigned i = 0; i < c->nr_stores; i++)
		if (c->stores[i].addr < to && from < c->stores[i].addr + c->stores[i].size)
			return true;
	return false;
}
