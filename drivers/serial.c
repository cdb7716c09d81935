/* SPDX-License-Identifier: MIT */
/*
 * 16550 UART at COM1, 115200 8N1 (PC16550D data sheet, 8). Clients: the log and the terminal.
 *
 * Rules: output is polled, so it works in any context; a UART that is absent or stuck is given up, never
 * waited for without end.
 * Lock: `writer` keeps calls of serial_write() whole. It is not a spinlock of kernel/sync because those
 * report to the log.
 * A CPU that finds itself the holder (NMI, fault while printing) or a panic running goes ahead.
 */
#include "drivers/serial.h"

#include "drivers/apic.h"
#include "kernel/cpu/trap.h"
#include "kernel/cpu/x86.h"
#include "kernel/panic.h"

#define COM1 0x3f8
#define COM1_IRQ 4
enum { REG_DATA = 0, REG_IER = 1, REG_FCR = 2, REG_LCR = 3, REG_MCR = 4, REG_LSR = 5, REG_SCRATCH = 7 };
enum { IER_RX = 1, LSR_DATA = 1, LSR_THR_EMPTY = 0x20 };
#define FIFO_BYTES 16
#define READY_SPINS 200000 /* a FIFO drains in 1.4 ms */

#define NOBODY (~0u)
static _Atomic(u32) writer = NOBODY;
static bool present;
static void (*input)(u8 c);

void serial_init(void)
{
	outb(COM1 + REG_SCRATCH, 0xae);
	present = inb(COM1 + REG_SCRATCH) == 0xae;
	if (!present)
		return;
	outb(COM1 + REG_IER, 0);
	outb(COM1 + REG_LCR, 0x80); /* divisor latch */
	outb(COM1 + REG_DATA, 1);   /* 115200 */
	outb(COM1 + REG_IER, 0);
	outb(COM1 + REG_LCR, 0x03); /* 8N1 */
	outb(COM1 + REG_FCR, 0x07); /* FIFOs on and empty, interrupt at one byte */
	outb(COM1 + REG_MCR, 0x0b); /* DTR, RTS, OUT2: interrupt line on */
}

static void send(const char *s, size_t n)
{
	while (n && present) {
		size_t chunk = MIN(n, (size_t)FIFO_BYTES);
		unsigned spins = 0;

		while (!(inb(COM1 + REG_LSR) & LSR_THR_EMPTY)) {
			if (++spins == READY_SPINS) {
				present = false;
				return;
			}
			cpu_relax();
		}
		for (size_t i = 0; i < chunk; i++)
			outb(COM1 + REG_DATA, (u8)s[i]);
		s += chunk;
		n -= chunk;
	}
}

void serial_write(const char *s, size_t n)
{
	irq_state_t irq = irq_save();
	u32 me = cpu_id(), holder = NOBODY;

	while (!atomic_compare_exchange_weak_explicit(
		&writer, &holder, me, memory_order_acquire, memory_order_relaxed)) {
		if (holder == me || panic_running())
			break;
		holder = NOBODY;
		cpu_relax();
	}
	send(s, n);
	if (holder == NOBODY)
		atomic_store_explicit(&writer, NOBODY, memory_order_release);
	irq_restore(irq);
}

int serial_poll(void)
{
	if (!present || !(inb(COM1 + REG_LSR) & LSR_DATA))
		return -1;
	return inb(COM1 + REG_DATA);
}

static void receive(struct trap_frame *f UNUSED, void *arg UNUSED)
{
	int c;

	while ((c = serial_poll()) >= 0)
		input((u8)c);
}

void serial_set_input(void (*fn)(u8 c))
{
	if (!present)
		return;
	input = fn;
	irq_set_handler(VEC_SERIAL, receive, NULL);
	if (ioapic_route_isa(COM1_IRQ, VEC_SERIAL)) {
		pr_warn("serial", "no interrupt for COM1: no input");
		return;
	}
	outb(COM1 + REG_IER, IER_RX);
}
