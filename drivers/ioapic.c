/* SPDX-License-Identifier: MIT */
/*
 * I/O APICs: device interrupts to vectors (82093AA data sheet; ACPI 6.5, 5.2.12.3 and 5.2.12.5). Client: whoever has an ISA interrupt.
 *
 * Rule: an ISA interrupt is first translated by the MADT's overrides into a global number, polarity and trigger mode;
 * the I/O APIC whose inputs [gsi_base, gsi_base + inputs) hold that number has its redirection entry. All
 * of them go to the boot CPU.
 *
 * Locks: none; boot only.
 */
#include "drivers/ioapic.h"

#include "drivers/acpi.h"
#include "drivers/apic.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "mm/kva.h"

#define REG_SELECT 0x00
#define REG_WINDOW 0x10
#define INDEX_VERSION 1
#define INDEX_ENTRY(n) (0x10 + 2 * (n))

#define ENTRY_ACTIVE_LOW (1u << 13)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_MASKED (1u << 16)

static struct ioapic {
	volatile u8 *regs;
	u32 gsi_base, inputs;
} ioapics[MADT_MAX_IOAPICS];
static unsigned nr_ioapics;
static const struct madt_info *madt;

static u32 io_read(const struct ioapic *io, u32 index)
{
	*(volatile u32 *)(io->regs + REG_SELECT) = index;
	return *(volatile u32 *)(io->regs + REG_WINDOW);
}

static void io_write(const struct ioapic *io, u32 index, u32 v)
{
	*(volatile u32 *)(io->regs + REG_SELECT) = index;
	*(volatile u32 *)(io->regs + REG_WINDOW) = v;
}

/* The high half has the destination, so it is written while the entry is masked. */
static void set_entry(const struct ioapic *io, u32 input, u32 low, u32 destination)
{
	io_write(io, INDEX_ENTRY(input), low | ENTRY_MASKED);
	io_write(io, INDEX_ENTRY(input) + 1, destination << 24);
	io_write(io, INDEX_ENTRY(input), low);
}

void ioapic_init(const struct madt_info *m)
{
	madt = m;
	for (unsigned i = 0; i < m->nr_ioapics; i++) {
		struct ioapic *io = &ioapics[nr_ioapics];
		u64 page = ALIGN_DOWN((u64)m->ioapics[i].address, PAGE_SIZE);
		volatile u8 *p = kva_map_device(PADDR(page), 2 * PAGE_SIZE);

		if (!p) {
			pr_warn("ioapic", "no room to map the I/O APIC at 0x%x", m->ioapics[i].address);
			continue;
		}
		io->regs = p + (m->ioapics[i].address - page);
		io->gsi_base = m->ioapics[i].gsi_base;
		io->inputs = (io_read(io, INDEX_VERSION) >> 16 & 0xff) + 1;
		if (io->inputs > 240) {
			pr_warn("ioapic", "nothing answers at 0x%x", m->ioapics[i].address);
			continue;
		}
		for (u32 n = 0; n < io->inputs; n++)
			set_entry(io, n, ENTRY_MASKED, 0);
		nr_ioapics++;
	}
}

int ioapic_route_isa(unsigned irq, u8 vector)
{
	u32 gsi, low = vector;

	if (!madt || irq >= ARRAY_SIZE(madt->isa))
		return -ENODEV;
	gsi = madt->isa[irq].gsi;
	if (madt->isa[irq].active_low)
		low |= ENTRY_ACTIVE_LOW;
	if (madt->isa[irq].level)
		low |= ENTRY_LEVEL;
	for (unsigned i = 0; i < nr_ioapics; i++) {
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].inputs) {
			set_entry(&ioapics[i], gsi - ioapics[i].gsi_base, low, apic_id() & 0xff);
			return 0;
		}
	}
	return -ENODEV;
}
