/* SPDX-License-Identifier: MIT */
/* 16550 UART at COM1: polled output from any context, interrupt-driven input. */
#ifndef DRIVERS_SERIAL_H
#define DRIVERS_SERIAL_H

#include "lib/types.h"

/* Usable from the first instruction of C. */
void serial_init(void);
void serial_write(const char *s, size_t n);
/* Bytes received are handed to fn in interrupt context; before that they wait in the FIFO. */
void serial_set_input(void (*fn)(u8 c));
/* Polled fallback: -1 when nothing is there. */
int serial_poll(void);

#endif
