/* SPDX-License-Identifier: MIT */
/* Interrupts between CPUs. cpu_call_many() is in cpu.h. */
#ifndef KERNEL_CPU_IPI_H
#define KERNEL_CPU_IPI_H

#include "lib/types.h"

/* Boot CPU, before others run. */
void ipi_init(void);
/* Makes CPU `cpu` look at its run queue and timer. Any context. */
void ipi_reschedule(unsigned cpu);

#endif
