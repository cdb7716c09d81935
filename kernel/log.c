/* SPDX-License-Identifier: MIT */
/*
 * The kernel log: lines with a time stamp, kept in a ring and sent to the console.
 *
 * Rules: a line is put together on the caller's stack, then enters ring and console as a whole. "quiet"
 * keeps lines below warnings off the console, debug lines are kept off it always; the ring has all of them,
 * and a panic prints those that the console has not seen.
 * Lock: `holder` guards the ring and the order of lines on the console. It is not a spinlock of
 * kernel/sync, because those report to the log. A CPU that finds itself the holder (NMI, fault inside) or a
 * panic running goes ahead without it.
 */
#include "kernel/log.h"

#include "drivers/serial.h"
#include "kernel/cpu/cpu.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define LINE_MAX_LEN 512
#define RING_SIZE LOG_SIZE /* power of two */
#define NOBODY (~0u)

static _Atomic(u32) holder = NOBODY;
static char ring[RING_SIZE]; /* holder */
static u64 ring_end;         /* holder; bytes ever written */

static const char *const level_text[] = {[LOG_ERR] = "error: ", [LOG_WARN] = "warning: ", [LOG_INFO] = ""};

/* Returns whether the lock was taken. */
static bool lock(void)
{
	u32 me = cpu_id(), seen = NOBODY;

	while (!atomic_compare_exchange_weak_explicit(
		&holder, &seen, me, memory_order_acquire, memory_order_relaxed)) {
		if (seen == me || panic_running())
			return false;
		seen = NOBODY;
		cpu_relax();
	}
	return true;
}

static void unlock(bool taken)
{
	if (taken)
		atomic_store_explicit(&holder, NOBODY, memory_order_release);
}

static void ring_put(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ring[(ring_end + i) % RING_SIZE] = s[i];
	ring_end += n;
}

static void emit(enum log_level level, const char *s, size_t n)
{
	irq_state_t irq = irq_save();
	bool taken = lock();

	ring_put(s, n);
	if (level <= (options.quiet ? LOG_WARN : LOG_INFO))
		serial_write(s, n);
	unlock(taken);
	irq_restore(irq);
}

void log_line(enum log_level level, const char *subsys, const char *fmt, ...)
{
	char line[LINE_MAX_LEN];
	u64 us = time_ns() / 1000;
	size_t room = sizeof(line) - 1, n;
	va_list ap;

	n = (size_t)fmt_snprintf(line, room, "[%5llu.%06llu] %s: %s", (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000), subsys, level_text[level]);
	n = MIN(n, room - 1);
	va_start(ap, fmt);
	n += (size_t)fmt_vsnprintf(line + n, room - n, fmt, ap);
	va_end(ap);
	n = MIN(n, room - 1);
	line[n++] = '\n';
	emit(level, line, n);
}

void log_raw(const char *fmt, ...)
{
	char line[LINE_MAX_LEN];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = (size_t)fmt_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	emit(LOG_ERR, line, MIN(n, sizeof(line) - 1));
}

/* The lock is taken, or it is a panic. Where the first whole line at or behind `at` begins, of what the ring still has. */
static u64 line_start(u64 at)
{
	u64 oldest = ring_end - MIN(ring_end, (u64)RING_SIZE);

	at = MAX(at, oldest ? oldest + 1 : 0); /* what stood before the oldest byte is gone */
	while (at && at < ring_end && ring[(at - 1) % RING_SIZE] != '\n')
		at++;
	return at;
}

size_t log_read(u64 *at, char *to, size_t room)
{
	irq_state_t irq = irq_save();
	bool taken = lock();
	size_t n;

	if (ring_end - MIN(ring_end, *at) > RING_SIZE) /* overwritten meanwhile */
		*at = line_start(*at);
	n = MIN(room, ring_end - MIN(ring_end, *at));
	for (size_t i = 0; i < n; i++)
		to[i] = ring[(*at + i) % RING_SIZE];
	*at += n;
	unlock(taken);
	irq_restore(irq);
	return n;
}

void log_extent(u64 *start, u64 *end, size_t max)
{
	irq_state_t irq = irq_save();
	bool taken = lock();

	*end = ring_end;
	*start = line_start(MAX(*start, ring_end - MIN(ring_end, (u64)max)));
	unlock(taken);
	irq_restore(irq);
}

void log_dump_tail(size_t max)
{
	u64 end = ring_end, start = line_start(end - MIN(end, (u64)max));

	while (start < end) {
		u64 n = MIN(end - start, RING_SIZE - start % RING_SIZE);

		serial_write(&ring[start % RING_SIZE], n);
		start += n;
	}
}
