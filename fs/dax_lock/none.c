/* SPDX-License-Identifier: MIT */
/* Scheme `none`: no lock between faults and truncate. The baseline that shows every race. */
#include "fs/dax.h"

static void none_init(struct mapping *m UNUSED) {}

static int none_lock(struct mapping *m UNUSED, struct dax_lock *l UNUSED)
{
	return 0;
}

static void none_unlock(struct mapping *m UNUSED, struct dax_lock *l UNUSED) {}

const struct dax_lock_ops dax_lock_none = {
	.name = "none",
	.describe = "no lock between faults and truncate",
	.bytes = 0,
	.init = none_init,
	.lock = none_lock,
	.unlock = none_unlock,
};
