/* SPDX-License-Identifier: MIT */
/* The thread that commits metadata now and then (flusher.c). */
#ifndef KERNEL_PROC_FLUSHER_H
#define KERNEL_PROC_FLUSHER_H

/* 0 or -ENOMEM. Once. */
int flusher_start(void);
/* Returns when the thread does nothing any more: before file systems are unmounted. May sleep. */
void flusher_stop(void);

#endif
