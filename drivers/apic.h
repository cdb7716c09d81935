/* SPDX-License-Identifier: MIT */
/* Local APIC (xAPIC by MMIO or x2APIC by MSR, chosen at run time) and I/O APIC. SDM vol. 3, chapter 11. */
#ifndef DRIVERS_APIC_H
#define DRIVERS_APIC_H

#include "lib/types.h"

struct madt_info;

/* Boot CPU, after acpi_init(): finds and maps the APICs from the MADT, silences the 8259s, and sets up this CPU's. Without a usable MADT
 * there is one CPU and no device interrupt. -ENODEV: the CPU has no APIC. */
int apic_init(void);
/* The other CPUs, each for itself. */
void apic_init_this_cpu(void);
/* What the MADT said; no CPUs if there is none. */
const struct madt_info *apic_madt(void);
u32 apic_id(void);
/* Can interrupts be sent to that APIC id? xAPIC has eight bits for it. */
bool apic_reaches(u32 apic_id);
void apic_eoi(void);
void apic_send_ipi(u32 apic_id, u8 vector);
void apic_send_nmi(u32 apic_id);
/* Context: any, also in the middle of another apic_send_*() on this CPU. */
void apic_send_self(u8 vector);
/* Starting a CPU (SDM vol. 3, 9.4): INIT, 10 ms later STARTUP, and once more if it does not answer. */
void apic_send_init(u32 apic_id);
void apic_send_startup(u32 apic_id, paddr_t trampoline);
/* Routes ISA interrupt `irq` (MADT overrides applied) to `vector` on the boot CPU and unmasks it. */
int ioapic_route_isa(unsigned irq, u8 vector);

/* The raw timer: counts down from the largest value; how far it has counted. For calibration (kernel/time.c). */
void apic_timer_start_count(void);
u32 apic_timer_counted(void);
/* The result. Before this the timer cannot be armed. */
void apic_timer_set_rate(u64 ticks_per_second);
/* Has this CPU the TSC-deadline mode (SDM vol. 3, 11.5.4.1)? */
bool apic_timer_has_deadline(void);
/* One-shot timer of this CPU: VEC_TIMER in `ns` from now or earlier (at most 10 s ahead, or what the counter holds), replacing what was armed. */
void apic_timer_arm(u64 ns);

#endif
