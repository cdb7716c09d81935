/* SPDX-License-Identifier: MIT */
/* Mutable state of the fs layer; one per instance (kernel/instance.h). */
#ifndef FS_STATE_H
#define FS_STATE_H

#include "fs/dax.h"

struct fs_state {
	struct dax_config dax;              /* set before the first mount */
	_Atomic(struct page *) zero_page;   /* dax_zero=global */
};

#endif
