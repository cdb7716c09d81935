/* SPDX-License-Identifier: MIT */
/* Between kernel/sched.c and kernel/thread.c. */
#ifndef KERNEL_SCHED_PRIV_H
#define KERNEL_SCHED_PRIV_H

#include "kernel/sched.h"
#include "lib/errno.h"

void thread_init(void);
/* Gives a number to a thread and puts it on the list of all. */
void thread_register(struct sched_thread *t);
/* Frees a thread that runs nowhere and never will. Any context but NMI, no spinlock held. */
void thread_free(struct sched_thread *t);

#endif
