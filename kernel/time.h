/* SPDX-License-Identifier: MIT */
/* The clock: time_ns() of kernel/cpu/cpu.h, and how it is set up. */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include "lib/types.h"

#define NS_PER_SECOND 1000000000ull

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (u64)hi << 32 | lo;
}

/* Boot CPU, after acpi_init() and apic_init(): measures the TSC and the APIC timer, in about half a millisecond. time_ns() is 0 before. */
void time_init(void);
/* Busy-waits. Boot and device set-up only. */
void time_delay_us(u64 us);
u64 time_tsc_hz(void);

#endif
