/* SPDX-License-Identifier: MIT */
/*
 * timer_create(2) and its kin: timers of a process that send a signal of the program's choice, to the process or to one of its tasks, or none.
 *
 * Rule (overruns): at most one signal of a timer waits. While it does, expirations are added to its si_overrun; timer_getoverrun() tells that of the last
 * signal that was taken.
 *
 * They end with the process and at exec; a child of fork has none. Everything is under table_lock.
 */
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "lib/errno.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define TIMERS_MAX 256 /* of one process: -EAGAIN */
#define OVERRUN_MAX INT32_MAX

enum { SIGEV_SIGNAL_ = 0, SIGEV_NONE_ = 1, SIGEV_THREAD_ = 2, SIGEV_THREAD_ID_ = 4 };
enum { CLOCK_REALTIME_ = 0, CLOCK_MONOTONIC_ = 1, CLOCK_BOOTTIME_ = 7 };
enum { TIMER_ABSTIME_ = 1 };

struct user_sigevent {
	u64 value;
	i32 signo, notify, tid, pad[11];
};
_Static_assert(sizeof(struct user_sigevent) == 64, "Linux x86-64");

struct user_itimerspec {
	struct user_timespec interval, value;
};

struct posix_timer {
	struct proc_timer timer;
	struct list_node node; /* process.timers */
	struct process *process;
	i32 id, clock;
	i32 notify, signo, tid; /* tid: SIGEV_THREAD_ID */
	u64 value;
	i32 overrun; /* of the last signal that was taken */
};

static struct posix_timer *find_locked(struct process *p, i32 id)
{
	struct posix_timer *t;

	LIST_FOR_EACH (t, &p->timers, node)
		if (t->id == id)
			return t;
	return NULL;
}

static void fire(struct proc_timer *timer, u64 times)
{
	struct posix_timer *t = CONTAINER_OF(timer, struct posix_timer, timer);
	struct task *task = t->notify & SIGEV_THREAD_ID_ ? task_find_locked(t->tid) : NULL;
	struct siginfo info = {
		.signo = t->signo,
		.code = SI_TIMER_,
		.timer = {.id = t->id, .overrun = (i32)MIN(times - 1, (u64)OVERRUN_MAX), .value = t->value},
	};

	if (t->notify == SIGEV_NONE_)
		return;
	if ((t->notify & SIGEV_THREAD_ID_) && (!task || task->process != t->process))
		return; /* its task is gone */
	if (signal_overrun_locked(t->process, task, &info, times))
		return;
	if (task)
		signal_send_task_locked(task, &info);
	else
		signal_send_locked(t->process, &info);
}

void posix_timer_taken_locked(struct process *p, const struct siginfo *info)
{
	struct posix_timer *t = find_locked(p, info->timer.id);

	if (t)
		t->overrun = info->timer.overrun;
}

static void delete_locked(struct posix_timer *t)
{
	timer_stop_locked(&t->timer);
	list_remove(&t->node);
	t->process->nr_timers--;
	signal_unreserve();
	kfree(t);
}

void posix_timers_delete_locked(struct process *p)
{
	struct posix_timer *t, *next;

	LIST_FOR_EACH_SAFE (t, next, &p->timers, node)
		delete_locked(t);
}

/* Table lock not held. */
static int check_event(const struct user_sigevent *e)
{
	bool ok = true;

	if (e->notify == (SIGEV_SIGNAL_ | SIGEV_THREAD_ID_)) {
		struct task *task;

		process_table_lock();
		task = task_find_locked(e->tid);
		ok = task && task->process == process_current();
		process_table_unlock();
	} else if (e->notify == SIGEV_NONE_) {
		return 0;
	} else {
		ok = e->notify == SIGEV_SIGNAL_ || e->notify == SIGEV_THREAD_;
	}
	return ok && e->signo > 0 && e->signo <= NR_SIGNALS ? 0 : -EINVAL;
}

/* Gives it a number and enters it. */
static int enter(struct posix_timer *t)
{
	struct process *p = t->process;
	int err = -EAGAIN;

	process_table_lock();
	if (p->nr_timers < TIMERS_MAX && signal_reserve(p)) {
		while (find_locked(p, p->next_timer))
			p->next_timer = p->next_timer == INT32_MAX ? 0 : p->next_timer + 1;
		t->id = p->next_timer;
		p->next_timer = p->next_timer == INT32_MAX ? 0 : p->next_timer + 1;
		p->nr_timers++;
		list_push_back(&p->timers, &t->node);
		err = 0;
	}
	process_table_unlock();
	return err;
}

/* Without an event: SIGALRM, with the number as its value. */
static int create(i32 clock, const struct user_sigevent *e, i32 *id)
{
	struct posix_timer *t = kzalloc(sizeof(*t));
	int err;

	if (!t)
		return -EAGAIN;
	timer_init(&t->timer, fire);
	list_node_init(&t->node);
	t->process = process_current();
	t->clock = clock;
	t->signo = SIGALRM_;
	if (e) {
		t->notify = e->notify;
		t->signo = e->signo;
		t->tid = e->tid;
		t->value = e->value;
	}
	err = enter(t);
	if (err)
		kfree(t);
	else if (!e)
		t->value = (u64)(u32)t->id;
	if (!err)
		*id = t->id;
	return err;
}

static long delete (i32 id)
{
	struct posix_timer *t;

	process_table_lock();
	t = find_locked(process_current(), id);
	if (t)
		delete_locked(t);
	process_table_unlock();
	return t ? 0 : -EINVAL;
}

long sys_timer_create(struct trap_frame *f)
{
	i32 clock = (i32)f->rdi, id;
	struct user_sigevent e;
	int err = 0;

	if (f->rsi && copy_from_user(&e, UADDR(f->rsi), sizeof(e)))
		return -EFAULT;
	if (clock != CLOCK_REALTIME_ && clock != CLOCK_MONOTONIC_ && clock != CLOCK_BOOTTIME_)
		return clock >= 0 && clock < CLOCK_BOOTTIME_ ? -EOPNOTSUPP
							     : -EINVAL; /* it can be read only */
	if (f->rsi)
		err = check_event(&e);
	if (!err)
		err = create(clock, f->rsi ? &e : NULL, &id);
	if (!err && copy_to_user(UADDR(f->rdx), &id, sizeof(id))) {
		delete (id);
		err = -EFAULT;
	}
	return err;
}

long sys_timer_delete(struct trap_frame *f)
{
	return delete ((i32)f->rdi);
}

static struct user_timespec to_timespec(u64 ns)
{
	return (struct user_timespec){.sec = (i64)(ns / 1000000000), .nsec = (i64)(ns % 1000000000)};
}

static int put_setting(uaddr_t to, struct timer_setting s)
{
	struct user_itimerspec user = {to_timespec(s.interval), to_timespec(s.value)};

	return copy_to_user(to, &user, sizeof(user));
}

long sys_timer_gettime(struct trap_frame *f)
{
	struct timer_setting now = {0};
	struct posix_timer *t;

	process_table_lock();
	t = find_locked(process_current(), (i32)f->rdi);
	if (t)
		now = timer_left_locked(&t->timer);
	process_table_unlock();
	return t ? put_setting(UADDR(f->rsi), now) : -EINVAL;
}

long sys_timer_getoverrun(struct trap_frame *f)
{
	struct posix_timer *t;
	long ret = -EINVAL;

	process_table_lock();
	t = find_locked(process_current(), (i32)f->rdi);
	if (t)
		ret = t->overrun;
	process_table_unlock();
	return ret;
}

/* A value of 0 disarms, also an absolute one. */
static u64 deadline_of(const struct posix_timer *t, u64 value, bool absolute)
{
	u64 at;

	if (!value)
		return 0;
	at = absolute ? sys_deadline_at(value, t->clock == CLOCK_REALTIME_) : sys_deadline_in(value);
	return MAX(at, 1ull);
}

long sys_timer_settime(struct trap_frame *f)
{
	struct user_itimerspec user;
	struct timer_setting old = {0};
	struct posix_timer *t;
	u64 value, interval;

	if (!f->rdx)
		return -EINVAL;
	if (copy_from_user(&user, UADDR(f->rdx), sizeof(user)))
		return -EFAULT;
	if (!sys_timespec_to_ns(&user.value, &value) || !sys_timespec_to_ns(&user.interval, &interval))
		return -EINVAL;
	process_table_lock();
	t = find_locked(process_current(), (i32)f->rdi);
	if (t) {
		old = timer_left_locked(&t->timer);
		timer_arm_locked(
			&t->timer, deadline_of(t, value, f->rsi & TIMER_ABSTIME_), value ? interval : 0);
	}
	process_table_unlock();
	if (!t)
		return -EINVAL;
	timers_changed();
	return f->r10 ? put_setting(UADDR(f->r10), old) : 0;
}
