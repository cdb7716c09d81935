/* SPDX-License-Identifier: MIT */
/*
 * execve(): a new program in the running process.
 *
 * Rule: everything that the caller may still want to hear of (no file, not executable, damaged headers, arguments too long, no memory for the
 * mappings) happens in a new address space while the old one is intact. The point of no return is thread_set_mm(); the
 * little that can fail after it (a page for the stack, the tail of the data) kills the process.
 */
#ifndef KERNEL_PROC_EXEC_H
#define KERNEL_PROC_EXEC_H

#include "lib/types.h"

struct trap_frame;
struct exec_args;

/* Runs the program at `path` (kernel memory) with args, which are used up. On success `frame` holds the program's first
 * registers. Errors as execve(2)'s; the old program goes on. */
int process_exec(const char *path, struct exec_args *args, struct trap_frame *frame);

#endif
