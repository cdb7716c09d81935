/* SPDX-License-Identifier: MIT */
/*
 * The console as a terminal: /dev/console and /dev/tty.
 *
 * Input: the serial interrupt puts bytes into a ring and wakes the terminal's own thread, which does the line discipline (editing, echo, ^D,
 * ^C) in thread context; readers wait for what it makes ready. Output: written as it comes, newline as carriage return and newline.
 *
 * The terminal can be the controlling terminal of one session. ^C, ^\ and ^Z then go to its foreground process group; a process of
 * another group of that session which reads, or changes modes, is stopped (POSIX.1-2017, Base Definitions 11.1). Without a
 * session they go nowhere.
 */
#ifndef KERNEL_PROC_TTY_H
#define KERNEL_PROC_TTY_H

#include "lib/types.h"

struct file_ops;

extern const struct file_ops tty_fops;

/* The leader of session `sid` ends: its terminal is free, the foreground group gets SIGHUP and SIGCONT. table_lock held. */
void tty_session_ended_locked(i32 sid);

/* Starts the thread and takes over serial input. -ENOMEM. */
int tty_init(void);

#endif
