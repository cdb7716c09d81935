/* SPDX-License-Identifier: MIT */
/* Counters of known frequency, against which the TSC and the APIC timer are measured at boot. */
#ifndef DRIVERS_TIMER_H
#define DRIVERS_TIMER_H

#include "lib/types.h"

struct reference_clock {
	const char *name;
	u64 hz;
	u64 mask;      /* bits that the counter has */
	u32 window_us; /* how long to watch it for an error of about a thousandth */
	u64 (*read)(void);
};

/* The n-th best counter of this machine that runs; NULL: no more. Context: boot, after acpi_init() and kva_init(). */
const struct reference_clock *timer_reference(unsigned n);

#endif
