/* SPDX-License-Identifier: MIT */
/*
 * Power-off, and an exit status for whoever runs QEMU.
 *
 * With "-device isa-debug-exit,iobase=0xf4,iosize=0x04", writing v to port 0xf4 ends QEMU with exit status
 * 2v + 1. Status s is written as v = (16 + s) mod 128: success is 33, status 1 is 35, … 111 is 255, and 113
 * to 127 wrap round to 3, 5, … 31. So a caller decodes s = ((status - 33) / 2) mod 128. 112 would be QEMU's
 * own failure (1) and goes out as 113; more than 127 goes out as 127: the exact number is on the console.
 * QEMU's 0 (ended without us) and 1 are never ours. A panic ends with status 1.
 */
#ifndef KERNEL_POWER_H
#define KERNEL_POWER_H

/* Ends the machine: isa-debug-exit (unless the option noexit is given), then ACPI S5, then a halt. Any
 * context. */
void power_off(int status) __attribute__((noreturn));
/* Restarts it: keyboard controller, then a triple fault. */
void power_reset(void) __attribute__((noreturn));

#endif
