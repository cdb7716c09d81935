/* SPDX-License-Identifier: MIT */
/* The ways to end the machine, the surest first. See power.h for the statuses. */
#include "kernel/power.h"

#include "drivers/acpi.h"
#include "kernel/cpu/cpu.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/panic.h"

#define DEBUG_EXIT_PORT 0xf4
#define STATUS_BASE 16
#define STATUS_MAX 127
#define STATUS_TAKEN 112 /* would be written as 0, which ends QEMU with its own failure status */

#define ACPI_SLP_EN (1u << 13) /* ACPI 6.5, 4.8.4.2.1 */
#define ACPI_SLP_TYP_SHIFT 10

#define KEYBOARD_PORT 0x64
#define KEYBOARD_RESET 0xfe

static u8 debug_exit_value(int status)
{
	if (status < 0 || status > STATUS_MAX)
		status = STATUS_MAX;
	if (status == STATUS_TAKEN)
		status++;
	return (u8)((STATUS_BASE + status) % 128);
}

static void acpi_power_off(void)
{
	u16 pm1a, pm1b, typa, typb;

	if (!acpi_s5(&pm1a, &pm1b, &typa, &typb))
		return;
	outw(pm1a, (u16)(typa << ACPI_SLP_TYP_SHIFT | ACPI_SLP_EN));
	if (pm1b)
		outw(pm1b, (u16)(typb << ACPI_SLP_TYP_SHIFT | ACPI_SLP_EN));
}

static void wait_a_moment(void)
{
	for (unsigned i = 0; i < 1000000; i++)
		cpu_relax();
}

void power_off(int status)
{
	irq_disable();
	if (!options.noexit)
		outb(DEBUG_EXIT_PORT, debug_exit_value(status));
	acpi_power_off();
	wait_a_moment();
	log_raw("The machine can be switched off now.\n");
	halt_forever();
}

void power_reset(void)
{
	struct {
		u16 limit;
		u64 base;
	} PACKED no_idt = {0, 0};

	irq_disable();
	outb(KEYBOARD_PORT, KEYBOARD_RESET);
	wait_a_moment();
	__asm__ volatile("lidt %0; int3" ::"m"(no_idt));
	halt_forever();
}
