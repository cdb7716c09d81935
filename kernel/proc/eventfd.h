/* SPDX-License-Identifier: MIT */
/* eventfd(2): a counter as a file. */
#ifndef KERNEL_PROC_EVENTFD_H
#define KERNEL_PROC_EVENTFD_H

#include "lib/types.h"

/* Files without a name, in a super of their own. -ENOMEM. */
int anon_init(void);

#endif
