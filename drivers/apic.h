/* SPDX-License-Identifier: MIT */
/* Local APIC (xAPIC by MMIO or x2APIC by MSR, chosen at run time) and I/O APIC. SDM vol. 3, chapter 11. */
#ifndef DRIVERS_APIC_H
#define DRIVERS_APIC_H

#include "lib/types.h"

/* Boot CPU: finds and maps the APICs from the MADT. -ENODEV: none. */
int apic_init(void);
void apic_init_this_cpu(void);
u32 apic_id(void);
void apic_eoi(void);
void apic_send_ipi(u32 apic_id, u8 vector);
void apic_send_nmi(u32 apic_id);
void apic_start_ap(u32 apic_id, paddr_t trampoline); /* INIT, SIPI, SIPI */
/* Routes ISA interrupt `irq` (MADT overrides applied) to `vector` on the boot CPU and unmasks it. */
int ioapic_route_isa(unsigned irq, u8 vector);
/* One-shot timer of this CPU, in ns from now; calibrated at boot. */
void apic_timer_arm(u64 ns);

#endif
