/* SPDX-License-Identifier: MIT */
/* System calls on time. Wall-clock time is the VFS's, so that clock_gettime() and time stamps agree. */
#include "fs/vfs.h"
#include "kernel/proc/syscall.h"
#include "kernel/thread.h"
#include "mm/uaccess.h"

#define NS_PER_SEC 1000000000ull

enum { /* Linux clock ids */
	CLOCK_REALTIME_ = 0,
	CLOCK_MONOTONIC_ = 1,
	CLOCK_MONOTONIC_RAW_ = 4,
	CLOCK_REALTIME_COARSE_ = 5,
	CLOCK_MONOTONIC_COARSE_ = 6,
	CLOCK_BOOTTIME_ = 7,
};

static struct user_timespec from_ns(u64 ns)
{
	return (struct user_timespec){.sec = (i64)(ns / NS_PER_SEC), .nsec = (i64)(ns % NS_PER_SEC)};
}

long sys_clock_gettime(struct trap_frame *f)
{
	struct user_timespec ts;
	struct time_spec now;

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
	default:
		return -EINVAL;
	}
	return copy_to_user(UADDR(f->rsi), &ts, sizeof(ts));
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

long sys_nanosleep(struct trap_frame *f)
{
	struct user_timespec want, left;
	u64 ns, start = time_ns(), slept;
	int err = copy_from_user(&want, UADDR(f->rdi), sizeof(want));

	if (err)
		return err;
	if (want.sec < 0 || want.nsec < 0 || want.nsec >= (i64)NS_PER_SEC)
		return -EINVAL;
	if (__builtin_mul_overflow((u64)want.sec, NS_PER_SEC, &ns) ||
		__builtin_add_overflow(ns, (u64)want.nsec, &ns) || ns > INT64_MAX)
		ns = INT64_MAX; /* 292 years */
	err = thread_sleep_ns(ns);
	if (err != -EINTR || !f->rsi)
		return err;
	slept = time_ns() - start;
	left = from_ns(slept < ns ? ns - slept : 0);
	return copy_to_user(UADDR(f->rsi), &left, sizeof(left)) ? -EFAULT : err;
}
