/* SPDX-License-Identifier: MIT */
/* The kernel log and panic. Any context, also NMI. Hosted: stderr and abort(). */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include "lib/types.h"

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO };

/* One line, '\n' added. `subsys` is a short prefix: "ext4", "nfit". */
void log_line(enum log_level level, const char *subsys, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Text as it is, without time stamp or newline, at error level: dumps that go with a pr_err or a panic. */
void log_raw(const char *fmt, ...) PRINTF_LIKE(1, 2);
#define pr_err(subsys, ...) log_line(LOG_ERR, subsys, __VA_ARGS__)
#define pr_warn(subsys, ...) log_line(LOG_WARN, subsys, __VA_ARGS__)
#define pr_info(subsys, ...) log_line(LOG_INFO, subsys, __VA_ARGS__)

/* The log is a stream of bytes of which the last LOG_SIZE are kept. Sets *end to how many there have been, and *start to the first
 * whole line at or behind it that is kept and among the last `max` bytes. */
#define LOG_SIZE 65536u
void log_extent(u64 *start, u64 *end, size_t max);
/* Copies up to `room` bytes from *at on, or from the first line that is still there, and advances *at. Bytes copied; 0: no more. */
size_t log_read(u64 *at, char *to, size_t room);

/* Only for broken invariants of our own; never for bad input or hardware. */
void panic(const char *fmt, ...) NORETURN PRINTF_LIKE(1, 2);
#define BUG_ON(cond)                                                          \
	do {                                                                  \
		if (unlikely(cond))                                           \
			panic("BUG: %s at %s:%d", #cond, __FILE__, __LINE__); \
	} while (0)
#ifdef FAULTLINE_DEBUG
#define DEBUG_ASSERT(cond) BUG_ON(!(cond))
#else
#define DEBUG_ASSERT(cond) ((void)sizeof(!!(cond)))
#endif

#endif
