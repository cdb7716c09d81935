/* SPDX-License-Identifier: MIT */
/* I/O APICs (82093AA data sheet), under drivers/apic.h, which has the part that others use. */
#ifndef DRIVERS_IOAPIC_H
#define DRIVERS_IOAPIC_H

struct madt_info;

/* Maps the I/O APICs of the MADT and masks every input. Keeps `m`. */
void ioapic_init(const struct madt_info *m);

#endif
