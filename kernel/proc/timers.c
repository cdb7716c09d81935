/* SPDX-License-Identifier: MIT */
/* Timers that send signals: timers.h. */
#include "kernel/proc/timers.h"

#include "kernel/log.h"
#include "kernel/proc/process.h"
#include "lib/errno.h"

/* The thread rests so long between two looks, so that timers with tiny intervals leave the CPU to others. */
#define REST_NS 50000ull

static struct {
	struct list armed; /* table_lock; proc_timer.node */
	struct waitq wait;
	_Atomic(u32) changes;
} timers;

void timer_init(struct proc_timer *t, void (*fire)(struct proc_timer *t, u64 times))
{
	list_node_init(&t->node);
	t->deadline = t->interval = 0;
	t->fire = fire;
}

void timer_stop_locked(struct proc_timer *t)
{
	DEBUG_ASSERT(process_table_locked());
	list_remove(&t->node);
	t->deadline = t->interval = 0;
}

void timer_arm_locked(struct proc_timer *t, u64 deadline, u64 interval)
{
	timer_stop_locked(t);
	if (!deadline)
		return;
	t->deadline = deadline;
	t->interval = interval;
	list_push_back(&timers.armed, &t->node);
}

struct timer_setting timer_left_locked(const struct proc_timer *t)
{
	u64 now = time_ns();

	return (struct timer_setting){
		.value = !t->deadline       ? 0
			: t->deadline > now ? t->deadline - now
					    : 1,
		.interval = t->interval,
	};
}

void timers_changed(void)
{
	atomic_fetch_add(&timers.changes, 1);
	waitq_wake_all(&timers.wait);
}

/* What is late by more than an interval fires once, and is told how often it should have. */
static void expire_locked(struct proc_timer *t, u64 now)
{
	u64 times = 1;

	if (t->interval) {
		times += (now - t->deadline) / t->interval;
		t->deadline += times * t->interval;
	} else {
		timer_stop_locked(t);
	}
	t->fire(t, times);
}

/* The next deadline. */
static u64 expire_all_locked(u64 now)
{
	struct proc_timer *t, *next;
	u64 first = NO_DEADLINE;

	LIST_FOR_EACH_SAFE (t, next, &timers.armed, node)
		if (t->deadline <= now)
			expire_locked(t, now);
	LIST_FOR_EACH (t, &timers.armed, node)
		first = MIN(first, t->deadline);
	return first == NO_DEADLINE ? first : MAX(first, now + REST_NS);
}

static void timer_thread(void *arg UNUSED)
{
	for (;;) {
		u32 seen = atomic_load(&timers.changes);
		u64 first;

		process_table_lock();
		first = expire_all_locked(time_ns());
		process_table_unlock();
		(void)WAIT_EVENT_DEADLINE(&timers.wait, atomic_load(&timers.changes) != seen, first);
	}
}

int timers_init(void)
{
	list_init(&timers.armed);
	waitq_init(&timers.wait);
	return thread_create("timers", timer_thread, NULL, NULL) ? 0 : -ENOMEM;
}
