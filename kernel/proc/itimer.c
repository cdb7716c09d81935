/* SPDX-License-Identifier: MIT */
/*
 * ITIMER_REAL: alarm(), setitimer(), getitimer().
 *
 * One kernel thread sleeps until the first deadline of all processes and sends SIGALRM in thread context, under table_lock.
 * No change is missed: who arms a timer moves `changes` before it wakes the thread, which reads it before it looks.
 */
#include "fs/vfs.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/uaccess.h"

#define NS_PER_SEC 1000000000ull
#define NS_PER_US 1000ull
#define SECONDS_MAX (INT64_MAX / (i64)NS_PER_SEC)

static struct {
	struct list armed; /* table_lock; process.timer_node */
	struct waitq wait;
	_Atomic(u32) changes;
} timers;

/* Sends what is due; the next deadline. */
static u64 expire_locked(u64 now)
{
	struct siginfo info = signal_from_kernel(SIGALRM_);
	u64 first = NO_DEADLINE;
	struct process *p, *next;

	LIST_FOR_EACH_SAFE (p, next, &timers.armed, timer_node) {
		if (p->timer_deadline <= now) {
			signal_send_locked(p, &info);
			if (!p->timer_interval) {
				itimer_stop_locked(p);
				continue;
			}
			p->timer_deadline += p->timer_interval;
			if (p->timer_deadline <= now) /* late by more than an interval: those are lost */
				p->timer_deadline = now + p->timer_interval;
		}
		first = MIN(first, p->timer_deadline);
	}
	return first;
}

static void timer_thread(void *arg UNUSED)
{
	for (;;) {
		u32 seen = atomic_load(&timers.changes);
		u64 first;

		process_table_lock();
		first = expire_locked(time_ns());
		process_table_unlock();
		(void)WAIT_EVENT_DEADLINE(&timers.wait, atomic_load(&timers.changes) != seen, first);
	}
}

int itimer_init(void)
{
	list_init(&timers.armed);
	waitq_init(&timers.wait);
	return thread_create("itimer", timer_thread, NULL, NULL) ? 0 : -ENOMEM;
}

void itimer_stop_locked(struct process *p)
{
	list_remove(&p->timer_node);
	p->timer_deadline = p->timer_interval = 0;
}

struct setting {
	u64 value, interval; /* ns; value 0: not armed */
};

static struct setting exchange(const struct setting *new)
{
	struct process *p = process_current();
	struct setting old;
	u64 now;

	process_table_lock();
	now = time_ns();
	old.interval = p->timer_interval;
	old.value = !p->timer_deadline ? 0 : p->timer_deadline > now ? p->timer_deadline - now : NS_PER_US;
	if (new) {
		itimer_stop_locked(p);
		if (new->value) {
			p->timer_deadline = now + new->value;
			p->timer_interval = new->interval;
			list_push_back(&timers.armed, &p->timer_node);
		}
	}
	process_table_unlock();
	if (new) {
		atomic_fetch_add(&timers.changes, 1);
		waitq_wake_all(&timers.wait);
	}
	return old;
}

struct user_itimerval { /* Linux x86-64 */
	i64 interval_sec, interval_usec, value_sec, value_usec;
};

enum { ITIMER_REAL_ = 0, ITIMER_PROF_ = 2 };

static bool to_ns(i64 sec, i64 usec, u64 *ns)
{
	if (sec < 0 || usec < 0 || usec >= 1000000)
		return false;
	*ns = (u64)MIN(sec, SECONDS_MAX / 2) * NS_PER_SEC + (u64)usec * NS_PER_US;
	return true;
}

static int put_setting(uaddr_t user, const struct setting *s)
{
	struct user_itimerval v = {
		.interval_sec = (i64)(s->interval / NS_PER_SEC),
		.interval_usec = (i64)(s->interval % NS_PER_SEC / NS_PER_US),
		.value_sec = (i64)(s->value / NS_PER_SEC),
		.value_usec = (i64)(s->value % NS_PER_SEC / NS_PER_US),
	};

	return copy_to_user(user, &v, sizeof(v));
}

/* Timers of CPU time are not kept: -EINVAL, though Linux has them. */
long sys_setitimer(struct trap_frame *f)
{
	struct user_itimerval v = {0};
	struct setting new = {0}, old;

	if (f->rsi && copy_from_user(&v, UADDR(f->rsi), sizeof(v)))
		return -EFAULT;
	if ((u32)f->rdi != ITIMER_REAL_ || !to_ns(v.value_sec, v.value_usec, &new.value) ||
		!to_ns(v.interval_sec, v.interval_usec, &new.interval))
		return -EINVAL;
	old = exchange(&new);
	return f->rdx ? put_setting(UADDR(f->rdx), &old) : 0;
}

long sys_getitimer(struct trap_frame *f)
{
	struct setting now;

	if ((u32)f->rdi > ITIMER_PROF_)
		return -EINVAL;
	now = (u32)f->rdi == ITIMER_REAL_ ? exchange(NULL) : (struct setting){0};
	return put_setting(UADDR(f->rsi), &now);
}

/* Seconds left of the old alarm, rounded so that a running one is never 0. */
long sys_alarm(struct trap_frame *f)
{
	struct setting new = {.value = (u64)(u32)f->rdi * NS_PER_SEC}, old = exchange(&new);
	u64 left = old.value / NS_PER_SEC, rest = old.value % NS_PER_SEC;

	return (long)(left + (rest >= NS_PER_SEC / 2 || (!left && rest)));
}
