/* SPDX-License-Identifier: MIT */
/* Boots fs on the simulated machine: its state in the arena. Nothing is mounted. */
#include "fs/state.h"
#include "host/sim.h"
#include "kernel/instance.h"

void sim_boot_fs(void)
{
	struct fs_state *s = sim_static_alloc(sizeof(*s));

	fs_state_init(s);
	the_instance.fs = s;
}
