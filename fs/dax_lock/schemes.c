/* SPDX-License-Identifier: MIT */
/* The schemes that dax_lock= and the explorer offer. A new scheme is added here. */
#include "fs/dax_lock.h"
#include "lib/string.h"

static const struct dax_lock_ops *const schemes[] = {
	&dax_lock_none,
	&dax_lock_imap,
	&dax_lock_rwsem,
	&dax_lock_range,
	&dax_lock_entry,
};

const struct dax_lock_ops *dax_lock_scheme(unsigned i)
{
	return i < ARRAY_SIZE(schemes) ? schemes[i] : NULL;
}

const struct dax_lock_ops *dax_lock_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(schemes); i++)
		if (!strcmp(schemes[i]->name, name))
			return schemes[i];
	return NULL;
}
