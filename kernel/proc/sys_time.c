/* SPDX-License-Identifier: MIT */
/* System calls on time. Wall-clock time is the VFS's, so that clock_gettime() and time stamps agree. */
#include "fs/vfs.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "kernel/sched.h"
#include "mm/uaccess.h"

#define NS_PER_SEC 1000000000ull

enum { /* Linux clock ids */
	CLOCK_REALTIME_ = 0,
	CLOCK_MONOTONIC_ = 1,
	CLOCK_PROCESS_CPUTIME_ID_ = 2,
	CLOCK_THREAD_CPUTIME_ID_ = 3,
	CLOCK_MONOTONIC_RAW_ = 4,
	CLOCK_REALTIME_COARSE_ = 5,
	CLOCK_MONOTONIC_COARSE_ = 6,
	CLOCK_BOOTTIME_ = 7,
};

bool sys_timespec_to_ns(const struct user_timespec *ts, u64 *ns)
{
	if (ts->sec < 0 || ts->nsec < 0 || ts->nsec >= (i64)NS_PER_SEC)
		return false;
	if (__builtin_mul_overflow((u64)ts->sec, NS_PER_SEC, ns) ||
		__builtin_add_overflow(*ns, (u64)ts->nsec, ns) || *ns > INT64_MAX)
		*ns = INT64_MAX; /* 292 years */
	return true;
}

u64 sys_deadline_in(u64 ns)
{
	return time_ns() + ns;
}

u64 sys_deadline_at(u64 ns, bool realtime)
{
	struct time_spec now = vfs_now();
	u64 wall = (u64)now.sec * NS_PER_SEC + now.nsec;

	if (!realtime)
		return ns;
	return ns > wall ? time_ns() + (ns - wall) : 0;
}

static struct user_timespec from_ns(u64 ns)
{
	return (struct user_timespec){.sec = (i64)(ns / NS_PER_SEC), .nsec = (i64)(ns % NS_PER_SEC)};
}

#define CPU_CLOCK_OF_THREAD 4
#define CPU_CLOCK_KIND \
	3 /* which part of the time: there is one only, but for the last, which is no CPU clock */

static bool task_ns_locked(i32 tid, u64 *ns)
{
	struct task *t = tid ? task_find_locked(tid) : task_current();

	if (!t || t->process != process_current())
		return false;
	*ns = t->thread ? thread_run_ns(t->thread) : 0;
	return true;
}

static bool process_ns_locked(i32 pid, u64 *ns)
{
	struct process *p = pid ? process_find_locked(pid) : process_current();

	if (p)
		*ns = process_run_ns_locked(p);
	return p;
}

/* The clocks of clock_getcpuclockid() and pthread_getcpuclockid(), whose ids are negative: any process's, and those of our own threads. -EINVAL. */
static int cpu_clock(i32 clock, u64 *ns)
{
	i32 id = (i32)(~(u32)clock >> 3);
	bool found;

	if (clock >= 0 || (clock & CPU_CLOCK_KIND) == CPU_CLOCK_KIND)
		return -EINVAL;
	process_table_lock();
	found = clock & CPU_CLOCK_OF_THREAD ? task_ns_locked(id, ns) : process_ns_locked(id, ns);
	process_table_unlock();
	return found ? 0 : -EINVAL;
}

long sys_clock_gettime(struct trap_frame *f)
{
	struct user_timespec ts;
	struct time_spec now;
	u64 ns;

	switch ((i32)f->rdi) {
	case CLOCK_REALTIME_:
	case CLOCK_REALTIME_COARSE_:
		now = vfs_now();
		ts = (struct user_timespec){.sec = now.sec, .nsec = now.nsec};
		break;
	case CLOCK_MONOTONIC_:
	case CLOCK_MONOTONIC_RAW_:
	case CLOCK_MONOTONIC_COARSE_:
	case CLOCK_BOOTTIME_:
		ts = from_ns(time_ns());
		break;
	case CLOCK_PROCESS_CPUTIME_ID_:
		ts = from_ns(sys_process_ns());
		break;
	case CLOCK_THREAD_CPUTIME_ID_:
		ts = from_ns(thread_run_ns(thread_current()));
		break;
	default:
		if (cpu_clock((i32)f->rdi, &ns))
			return -EINVAL;
		ts = from_ns(ns);
	}
	return copy_to_user(UADDR(f->rsi), &ts, sizeof(ts));
}

/* Every clock counts nanoseconds; the coarse ones pretend to tick. */
long sys_clock_getres(struct trap_frame *f)
{
	struct user_timespec ts = {.nsec = 1};
	u64 ns;

	switch ((i32)f->rdi) {
	case CLOCK_REALTIME_COARSE_:
	case CLOCK_MONOTONIC_COARSE_:
		ts.nsec = 4000000;
		break;
	case CLOCK_REALTIME_:
	case CLOCK_MONOTONIC_:
	case CLOCK_MONOTONIC_RAW_:
	case CLOCK_BOOTTIME_:
	case CLOCK_PROCESS_CPUTIME_ID_:
	case CLOCK_THREAD_CPUTIME_ID_:
		break;
	default:
		if (cpu_clock((i32)f->rdi, &ns))
			return -EINVAL;
	}
	return f->rsi ? copy_to_user(UADDR(f->rsi), &ts, sizeof(ts)) : 0;
}

/* The wall clock is set at boot; the others cannot be set, and of CPU time nobody may try. */
long sys_clock_settime(struct trap_frame *f)
{
	struct user_timespec ts;
	u64 ns;

	if ((i32)f->rdi != CLOCK_REALTIME_ && cpu_clock((i32)f->rdi, &ns))
		return -EINVAL;
	if (copy_from_user(&ts, UADDR(f->rsi), sizeof(ts)))
		return -EFAULT;
	return (i32)f->rdi == CLOCK_REALTIME_ && (ts.sec < 0 || (u64)ts.nsec >= NS_PER_SEC) ? -EINVAL
											    : -EPERM;
}

long sys_time(struct trap_frame *f)
{
	i64 now = vfs_now().sec;

	if (f->rdi && copy_to_user(UADDR(f->rdi), &now, sizeof(now)))
		return -EFAULT;
	return now;
}

long sys_gettimeofday(struct trap_frame *f)
{
	struct time_spec now = vfs_now();
	i64 tv[2] = {now.sec, now.nsec / 1000};
	i32 zone[2] = {0, 0}; /* UTC */

	if (f->rdi && copy_to_user(UADDR(f->rdi), tv, sizeof(tv)))
		return -EFAULT;
	return f->rsi ? copy_to_user(UADDR(f->rsi), zone, sizeof(zone)) : 0;
}

/* args: deadline, where the rest goes (0: nowhere). */
static long sleep_on(struct task_restart *r)
{
	u64 deadline = r->args[0], now;
	struct user_timespec left;

	while ((now = time_ns()) < deadline) {
		thread_prepare_block();
		if (thread_interrupted()) {
			thread_cancel_block();
			left = from_ns(deadline - now);
			if (r->args[1] && copy_to_user(UADDR(r->args[1]), &left, sizeof(left)))
				return -EFAULT;
			return -ERESTART_RESTARTBLOCK;
		}
		thread_block_until(deadline);
	}
	return 0;
}

static long sleep_until(u64 deadline, u64 rest)
{
	struct task_restart *r = &task_current()->restart;

	*r = (struct task_restart){.fn = sleep_on, .args = {deadline, rest}};
	return sleep_on(r);
}

long sys_nanosleep(struct trap_frame *f)
{
	struct user_timespec want;
	u64 ns;

	if (copy_from_user(&want, UADDR(f->rdi), sizeof(want)))
		return -EFAULT;
	if (!sys_timespec_to_ns(&want, &ns))
		return -EINVAL;
	return sleep_until(sys_deadline_in(ns), f->rsi);
}

#define TIMER_ABSTIME_ 1

long sys_clock_nanosleep(struct trap_frame *f)
{
	i32 clock = (i32)f->rdi;
	struct user_timespec want;
	u64 ns, deadline;
	long ret;

	if (clock != CLOCK_REALTIME_ && clock != CLOCK_MONOTONIC_ && clock != CLOCK_BOOTTIME_)
		return clock >= 0 && clock < CLOCK_BOOTTIME_ ? -EOPNOTSUPP
							     : -EINVAL; /* it can be read only */
	if (copy_from_user(&want, UADDR(f->rdx), sizeof(want)))
		return -EFAULT;
	if (!sys_timespec_to_ns(&want, &ns))
		return -EINVAL;
	if (!(f->rsi & TIMER_ABSTIME_))
		return sleep_until(sys_deadline_in(ns), f->r10);
	deadline = sys_deadline_at(ns, clock == CLOCK_REALTIME_);
	ret = sleep_until(deadline, 0);
	return ret == -ERESTART_RESTARTBLOCK ? -ERESTARTNOHAND : ret;
}
