/* SPDX-License-Identifier: MIT */
/* Pipes: a 64 KiB ring between open files. Writes of up to PIPE_BUF bytes are atomic. */
#ifndef KERNEL_PROC_PIPE_H
#define KERNEL_PROC_PIPE_H

#include "lib/types.h"

struct file;

#define PIPE_SIZE (64 * 1024u)

/* Also lets FIFOs be opened. -ENOMEM. */
int pipe_init(void);
/* ends[0] reads, ends[1] writes; a reference to each for the caller. -ENOMEM. */
int pipe_create(bool nonblock, struct file *ends[2]);
/* What is in it by now. */
u32 pipe_bytes(const struct file *f);
/* An end of a pipe or FIFO? */
bool file_is_pipe(const struct file *f);

#endif
