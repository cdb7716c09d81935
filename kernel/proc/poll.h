/* SPDX-License-Identifier: MIT */
/*
 * poll(2), select(2): waiting for any of several files.
 *
 * Rule: a file whose readiness changed calls poll_notify() after the change. A poller counts itself before it looks at the files, so a
 * notifier that sees no poller made its change before the look. All pollers share one queue: they look again and go back to sleep.
 */
#ifndef KERNEL_PROC_POLL_H
#define KERNEL_PROC_POLL_H

#include "lib/types.h"

struct file;

enum { /* Linux */
	POLL_IN = 1,
	POLL_PRI = 2,
	POLL_OUT = 4,
	POLL_ERR = 8,
	POLL_HUP = 0x10,
	POLL_NVAL = 0x20,
	POLL_RDNORM = 0x40,
	POLL_WRNORM = 0x100,
};

void poll_init(void);
/* Something may have become ready. Any context but NMI. */
void poll_notify(void);
/* What the file is ready for: POLL_*. */
unsigned file_poll(struct file *f);

#endif
