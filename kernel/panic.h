/* SPDX-License-Identifier: MIT */
/*
 * The end: panic with a trap's registers, and what the other CPUs do meanwhile. panic() itself is in
 * kernel/log.h.
 *
 * Typical sequence: a CPU claims the panic, prints the reason, its registers and backtrace; sends every
 * other CPU an NMI; each of those leaves its frame in panic_stop_this_cpu() and halts; the first prints
 * their backtraces and ends the machine (panic=halt: stays).
 */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "kernel/log.h"

struct trap_frame;

/* As panic(), for a trap whose frame is f. */
void panic_trap(const struct trap_frame *f, const char *fmt, ...) NORETURN PRINTF_LIKE(2, 3);
/* Some CPU panics: log and console locks are no longer waited for. */
bool panic_running(void);
/* NMI and IPI handlers while panic_running(): never returns. */
void panic_stop_this_cpu(const struct trap_frame *f) NORETURN;

/* log.c: the last `max` bytes of the log to the console. */
void log_dump_tail(size_t max);

#endif
