/* SPDX-License-Identifier: MIT */
/* The instance's memory state, made ready before anything is allocated; see mm/state.h. */
#include "mm/state.h"
#include "mm/poison.h"

void mm_state_init(struct mm_state *s)
{
	pmm_state_init(&s->pmm);
	kmem_state_init(&s->kmem);
	poison_state_init(&s->poison);
}
