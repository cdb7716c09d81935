/* SPDX-License-Identifier: MIT */
/* Initial state of fs; see state.h. */
#include "fs/state.h"

void fs_state_init(struct fs_state *s)
{
	memset(s, 0, sizeof(*s));
	s->dax.lock_ops = &dax_lock_range;
	s->dax.zeroing = DAX_ZERO_IN_ALLOC;
}
