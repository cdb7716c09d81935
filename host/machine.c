/* SPDX-License-Identifier: MIT */
/* The simulated machine: making it, CPU numbers, interrupts' state, time, the direct map. See sim.h. */
#include "host/machine.h"
#include "kernel/log.h"
#include "lib/string.h"

#include <stdio.h>
#include <stdlib.h>

#define STATICS_SIZE (8ull << 20)

struct machine *sim_machine;

static struct {
	u64 ram_end;
	u64 statics_next, statics_end;
} layout;

void *sim_static_alloc(size_t n)
{
	u64 off = layout.statics_next;

	layout.statics_next = ALIGN_UP(off + n, PAGE_SIZE);
	if (layout.statics_next > layout.statics_end)
		panic("sim: %zu bytes of static memory do not fit", n);
	return arena_ptr(off);
}

static u64 default_seed(void)
{
	const char *s = getenv("SIM_SEED");

	return s ? strtoull(s, NULL, 0) : 1;
}

void sim_init(const struct sim_config *cfg)
{
	struct sim_config c = cfg ? *cfg : (struct sim_config){0};
	u64 pmem_base, statics, stacks;

	c.ram = ALIGN_UP(c.ram ? c.ram : 16ull << 20, PAGE_SIZE);
	c.pmem = ALIGN_UP(c.pmem ? c.pmem : 64ull << 20, HUGE_SIZE);
	c.cpus = c.cpus ? c.cpus : 4;
	c.stack = ALIGN_UP(c.stack ? c.stack : SIM_ASAN ? 256 * 1024 : 64 * 1024, PAGE_SIZE);
	c.seed = c.seed ? c.seed : default_seed();

	pmem_forget_regions();
	layout.ram_end = RAM_BASE + c.ram;
	pmem_base = ALIGN_UP(layout.ram_end, HUGE_SIZE);
	statics = pmem_base + c.pmem;
	stacks = statics + STATICS_SIZE;
	arena_init(stacks + SIM_MAX_THREADS * c.stack);
	layout.statics_next = statics;
	layout.statics_end = stacks;

	sim_machine = sim_static_alloc(sizeof(*sim_machine));
	sim_machine->nr_cpus = c.cpus < SIM_MAX_CPUS ? c.cpus : SIM_MAX_CPUS;
	sim_machine->irq_cpu = -1;
	sim_machine->random = c.seed * 0x9e3779b97f4a7c15ull + 1;
	sim_machine->pmem_start = sim_machine->pmem_next = pmem_base;
	sim_machine->pmem_end = statics;
	for (unsigned i = 0; i < SIM_MAX_CPUS; i++)
		sim_machine->cpus[i].root = PADDR_NONE;
	for (unsigned i = 0; i < SIM_MAX_THREADS; i++) {
		struct sim_thread *t = &sim_machine->threads[i];

		t->index = i;
		t->stack = arena_ptr(stacks + i * c.stack);
		t->stack_size = c.stack;
		t->t.held = sim_held(i);
		list_node_init(&t->t.wait_node);
	}
	/* Thread 0 is main(), on the host's own stack. */
	sim_machine->threads[0].t.name = "boot";
	sim_machine->threads[0].state = SIM_READY;
	sim_machine->nr_threads = 1;
	sim_machine->running = &sim_machine->threads[0];
	sim_machine->cpus[0].current = &sim_machine->threads[0];
	sim_machine->next_cpu = 1 % sim_machine->nr_cpus;
}

u64 sim_ram_base(void)
{
	return RAM_BASE;
}
u64 sim_ram_size(void)
{
	return layout.ram_end - RAM_BASE;
}

unsigned cpu_id(void)
{
	return sim_machine->irq_cpu >= 0 ? (unsigned)sim_machine->irq_cpu : sim_machine->running->cpu;
}

unsigned cpu_count(void)
{
	return sim_machine->nr_cpus;
}

struct sim_cpu *sim_this_cpu(void)
{
	return &sim_machine->cpus[cpu_id()];
}

static unsigned *irq_off_count(void)
{
	return sim_machine->irq_cpu >= 0 ? &sim_machine->irq_depth_off : &sim_machine->running->irq_off;
}

irq_state_t irq_save(void)
{
	return (*irq_off_count())++;
}

void irq_restore(irq_state_t s)
{
	*irq_off_count() = (unsigned)s;
}

bool irq_enabled(void)
{
	return sim_machine->irq_cpu < 0 && sim_machine->running->irq_off == 0;
}

void preempt_disable(void)
{
	sim_machine->running->preempt_off++;
}

void preempt_enable(void)
{
	DEBUG_ASSERT(sim_machine->running->preempt_off);
	sim_machine->running->preempt_off--;
}

/* A loop that spins needs somebody else to move. */
void cpu_relax(void)
{
	thread_yield();
}

bool cpu_spin(unsigned *spun UNUSED)
{
	return false;
}

u64 time_ns(void)
{
	return sim_machine->now += sim_machine->clock_stopped ? 0 : 100;
}

void sim_stop_clock(void)
{
	sim_machine->clock_stopped = true;
}

void *phys_to_virt(paddr_t a)
{
	DEBUG_ASSERT(a.v >= RAM_BASE && a.v < sim_machine->pmem_end);
	return arena_ptr(a.v);
}

paddr_t virt_to_phys(const void *p)
{
	u64 off = (u64)p - ARENA_BASE;

	DEBUG_ASSERT(off >= RAM_BASE && off < sim_machine->pmem_end);
	return PADDR(off);
}

int directmap_add(paddr_t base UNUSED, u64 len UNUSED)
{
	return 0;
}
