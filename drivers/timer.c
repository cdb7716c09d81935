/* SPDX-License-Identifier: MIT */
/*
 * HPET (IA-PC HPET specification 1.0a), ACPI PM timer (ACPI 6.5, 4.8.3.3) and PIT channel 2 as counters. Client: kernel/time.c.
 *
 * Rule: the finest that is there comes first, and the PIT, which every PC has or pretends to have, last. None of them
 * raises an interrupt here.
 *
 * Locks: none; boot only.
 */
#include "drivers/timer.h"

#include "drivers/acpi_table.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "mm/kva.h"

#define HPET_TABLE_MIN 56
#define HPET_SPACE_ID 40 /* of the base address */
#define HPET_BASE 44
#define HPET_CAPABILITIES 0x000 /* period in femtoseconds in the high half */
#define HPET_CONFIG 0x010
#define HPET_COUNTER 0x0f0
#define HPET_ENABLE 1u
#define HPET_MAX_PERIOD 100000000u
#define FS_PER_SECOND 1000000000000000ull

#define PM_TIMER_HZ 3579545
#define PIT_HZ 1193182
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_GATE_PORT 0x61

static volatile u8 *hpet_regs;
static u16 pm_port;

static u64 hpet_read(void)
{
	return *(volatile u32 *)(hpet_regs + HPET_COUNTER);
}

static u64 pm_read(void)
{
	return inl(pm_port);
}

/* Latches and reads; the channel counts down. */
static u64 pit_read(void)
{
	u8 low;

	outb(PIT_COMMAND, 0x80);
	low = inb(PIT_CHANNEL2);
	return 0xffffu - (low | (u32)inb(PIT_CHANNEL2) << 8);
}

static bool hpet_init(struct reference_clock *c)
{
	const struct acpi_header *h = acpi_find("HPET", 0);
	const u8 *t = (const u8 *)h;
	u32 period;
	u64 base;

	if (!h || h->length < HPET_TABLE_MIN || t[HPET_SPACE_ID] != 0)
		return false;
	base = acpi_u64(t + HPET_BASE);
	if (!base || !IS_ALIGNED(base, 1024))
		return false;
	hpet_regs = kva_map_device(PADDR(ALIGN_DOWN(base, PAGE_SIZE)), PAGE_SIZE);
	if (!hpet_regs)
		return false;
	hpet_regs += base & PAGE_MASK;
	period = *(volatile u32 *)(hpet_regs + HPET_CAPABILITIES + 4);
	if (!period || period > HPET_MAX_PERIOD)
		return false;
	*(volatile u32 *)(hpet_regs + HPET_CONFIG) |= HPET_ENABLE;
	*c = (struct reference_clock){"HPET", FS_PER_SECOND / period, 0xffffffff, 200, hpet_read};
	return true;
}

static bool pm_init(struct reference_clock *c)
{
	unsigned bits;

	if (!acpi_pm_timer(&pm_port, &bits))
		return false;
	*c = (struct reference_clock){"PM timer", PM_TIMER_HZ, (1ull << bits) - 1, 500, pm_read};
	return true;
}

/* Mode 0 from 0xffff, gate on, speaker off: lasts 55 ms. */
static bool pit_init(struct reference_clock *c)
{
	outb(PIT_GATE_PORT, (inb(PIT_GATE_PORT) & ~2) | 1);
	outb(PIT_COMMAND, 0xb0);
	outb(PIT_CHANNEL2, 0xff);
	outb(PIT_CHANNEL2, 0xff);
	*c = (struct reference_clock){"PIT", PIT_HZ, 0xffff, 1000, pit_read};
	return true;
}

/* A port or address where nothing is reads as a constant. */
static bool runs(const struct reference_clock *c)
{
	u64 start = c->read();

	for (unsigned i = 0; i < 10000; i++) {
		if (((c->read() - start) & c->mask) > 1)
			return true;
	}
	return false;
}

const struct reference_clock *timer_reference(unsigned n)
{
	static bool (*const init[])(struct reference_clock *) = {hpet_init, pm_init, pit_init};
	static struct reference_clock clock;

	for (unsigned i = 0; i < ARRAY_SIZE(init); i++) {
		if (init[i](&clock) && runs(&clock) && n-- == 0)
			return &clock;
	}
	return NULL;
}
