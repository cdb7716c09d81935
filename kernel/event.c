/* SPDX-License-Identifier: MIT */
/* Sums of the counters of events: event.h. */
#include "kernel/event.h"

#include "kernel/cpu/percpu.h"

u64 event_total(enum event e)
{
	u64 sum = 0;

	for (unsigned i = 0; i < MAX_CPUS && percpu_of(i); i++)
		sum += *(volatile u64 *)&percpu_of(i)->events[e];
	return sum;
}
