/* SPDX-License-Identifier: MIT */
/*
 * Timers that send signals: what setitimer (itimer.c) and timer_create (posix_timer.c) share. One kernel thread sleeps until the first deadline of all
 * and calls `fire` in thread context, under table_lock, which guards everything here.
 *
 * No change is missed: who arms a timer moves `changes` before it wakes the thread, which reads it before it looks.
 */
#ifndef KERNEL_PROC_TIMERS_H
#define KERNEL_PROC_TIMERS_H

#include "lib/list.h"

struct proc_timer {
	struct list_node node;
	u64 deadline, interval; /* time_ns(), ns; deadline 0: not armed; interval 0: once */
	/* It has expired `times` times since it last fired. It may stop the timer, and free it. */
	void (*fire)(struct proc_timer *t, u64 times);
};

/* ns; value 0: not armed */
struct timer_setting {
	u64 value, interval;
};

int timers_init(void);
void timer_init(struct proc_timer *t, void (*fire)(struct proc_timer *t, u64 times));
/* deadline 0 stops it. timers_changed() when table_lock is dropped again. */
void timer_arm_locked(struct proc_timer *t, u64 deadline, u64 interval);
void timer_stop_locked(struct proc_timer *t);
/* What is left, 1 at least while it is armed. */
struct timer_setting timer_left_locked(const struct proc_timer *t);
/* After timers were armed; table_lock not held. */
void timers_changed(void);

struct process;
struct siginfo;

/* timer_create's (posix_timer.c); table_lock held: those of p go. */
void posix_timers_delete_locked(struct process *p);
/* A signal of one of p's timers is on its way to a handler. */
void posix_timer_taken_locked(struct process *p, const struct siginfo *info);

#endif
