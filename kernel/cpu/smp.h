/* SPDX-License-Identifier: MIT */
/* Starting the other CPUs. */
#ifndef KERNEL_CPU_SMP_H
#define KERNEL_CPU_SMP_H

#include "lib/types.h"

/* Starts every enabled CPU of the MADT, up to options.maxcpus with the boot CPU counted; what does not answer is reported and left out. Boot thread,
 * after apic_init(), time_init() and sched_init_cpu(), interrupts on. */
void smp_init(void);
/* Bit i: CPU i takes part. */
u64 smp_online(void);

#endif
