/* SPDX-License-Identifier: MIT */
/* Symbolised backtraces by frame pointers. Any context; reads only through kernel_peek64(), so a broken
 * stack ends the trace. */
#ifndef KERNEL_CPU_BACKTRACE_H
#define KERNEL_CPU_BACKTRACE_H

#include "lib/types.h"

struct trap_frame;

/* Print, a line for each caller: from a frame pointer on (the function that it belongs to is not printed);
 * from a trap on. */
void backtrace_print(u64 rbp);
void backtrace_print_frame(const struct trap_frame *f);
/* One line: address and symbol. */
void backtrace_print_address(u64 rip);
/* "name+0x12" of a text address, or the bare address. At most size - 1 bytes; returns buf. */
const char *symbol_format(u64 address, char *buf, size_t size);

#endif
