/* SPDX-License-Identifier: MIT */
/* Boots mm on the simulated machine: state in the arena, all simulated RAM to the page allocator. */
#include "host/machine.h"
#include "kernel/log.h"
#include "mm/kmem.h"
#include "mm/mm.h"
#include "mm/poison.h"
#include "mm/state.h"

static int repair(struct mm *mm, uaddr_t a, unsigned write)
{
	return mm_fault(mm, a, write ? FAULT_WRITE : 0) == FAULT_DONE ? 0 : -1;
}

static void machine_check(paddr_t a, bool may_sleep)
{
	if (may_sleep)
		poison_page(a);
	else
		poison_add(a);
}

void sim_boot_mm(void)
{
	struct ram_range ram = {PADDR(sim_ram_base()), sim_ram_size()};
	struct mm_state *s = sim_static_alloc(sizeof(*s));

	mm_state_init(s);
	the_instance.mm = s;
	if (pmm_init(&ram, 1) || kmem_init())
		panic("sim: the memory allocators do not start");
	sim_machine->switch_mm = tlb_switch_mm;
	sim_machine->fault = repair;
	sim_machine->machine_check = machine_check;
}
