/* SPDX-License-Identifier: MIT */
/* Initial state of fs; see state.h. */
#include "fs/state.h"

static const struct lock_class file_locks_class = {"file locks", RANK_FILE_LOCKS, false};

void fs_state_init(struct fs_state *s)
{
	memset(s, 0, sizeof(*s));
	s->dax.lock_ops = &dax_lock_range;
	s->dax.zeroing = DAX_ZERO_IN_ALLOC;
	mutex_init(&s->file_locks.lock, &file_locks_class);
	list_init(&s->file_locks.waiters);
}
