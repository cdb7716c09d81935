/* SPDX-License-Identifier: MIT */
/* ITIMER_REAL: alarm(), setitimer(), getitimer(). The timer is the process's own (timers.h). */
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "lib/errno.h"
#include "mm/uaccess.h"

#define NS_PER_SEC 1000000000ull
#define NS_PER_US 1000ull
#define SECONDS_MAX (INT64_MAX / (i64)NS_PER_SEC)

void itimer_fire(struct proc_timer *t, u64 times UNUSED)
{
	struct siginfo info = signal_from_kernel(SIGALRM_);

	signal_send_locked(CONTAINER_OF(t, struct process, alarm), &info);
}

static struct timer_setting exchange(const struct timer_setting *new)
{
	struct proc_timer *t = &process_current()->alarm;
	struct timer_setting old;

	process_table_lock();
	old = timer_left_locked(t);
	if (new)
		timer_arm_locked(t, new->value ? time_ns() + new->value : 0, new->interval);
	process_table_unlock();
	if (new)
		timers_changed();
	if (old.value)
		old.value = MAX(old.value, NS_PER_US); /* told in microseconds */
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

static int put_setting(uaddr_t user, const struct timer_setting *s)
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
	struct timer_setting new = {0}, old;

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
	struct timer_setting now;

	if ((u32)f->rdi > ITIMER_PROF_)
		return -EINVAL;
	now = (u32)f->rdi == ITIMER_REAL_ ? exchange(NULL) : (struct timer_setting){0};
	return put_setting(UADDR(f->rsi), &now);
}

/* Seconds left of the old alarm, rounded so that a running one is never 0. */
long sys_alarm(struct trap_frame *f)
{
	struct timer_setting new = {.value = (u64)(u32)f->rdi * NS_PER_SEC}, old = exchange(&new);
	u64 left = old.value / NS_PER_SEC, rest = old.value % NS_PER_SEC;

	return (long)(left + (rest >= NS_PER_SEC / 2 || (!left && rest)));
}
