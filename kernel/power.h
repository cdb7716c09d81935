/* SPDX-License-Identifier: MIT */
/* Power-off, and the exit status for whoever runs QEMU: isa-debug-exit at port 0xf4 (value v gives QEMU's exit status 2v+1). */
#ifndef KERNEL_POWER_H
#define KERNEL_POWER_H

/* Ends the machine. status: 0..127. With isa-debug-exit: writes 0x10 + status for status != 0 … see docs: status 0 writes 0x10 (QEMU ends with 33). Otherwise ACPI S5,
 * then halt. Never returns. */
void power_off(int status) __attribute__((noreturn));
void power_reset(void) __attribute__((noreturn));

#endif
