/* SPDX-License-Identifier: MIT */
/*
 * The console as a terminal: /dev/console and /dev/tty.
 *
 * Input: the serial interrupt puts bytes into a ring and wakes the terminal's own thread, which does the line discipline (editing, echo, ^D,
 * ^C) in thread context; readers wait for what it makes ready. Output: written as it comes, newline as carriage return and newline.
 *
 * ^C (VINTR) sends SIGINT to every process but init: there is one terminal and one process group.
 */
#ifndef KERNEL_PROC_TTY_H
#define KERNEL_PROC_TTY_H

struct file_ops;

extern const struct file_ops tty_fops;

/* Starts the thread and takes over serial input. -ENOMEM. */
int tty_init(void);

#endif
