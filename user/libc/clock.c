/* SPDX-License-Identifier: MIT */
/* System calls on time; newlib's time() stands on gettimeofday(). */
#include "syscall.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	return (int)SYSCALL2(clock_gettime, clock, ts);
}

int clock_settime(clockid_t clock, const struct timespec *ts)
{
	return (int)SYSCALL2(clock_settime, clock, ts);
}

int clock_getres(clockid_t clock, struct timespec *ts)
{
	return (int)SYSCALL2(clock_getres, clock, ts);
}

/* Returns the error. */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *want, struct timespec *left)
{
	return (int)-cancel_point(SYS_clock_nanosleep, clock, flags, (long)want, (long)left, 0, 0);
}

/* newlib's counts in clock ticks. */
clock_t clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (clock_t)ts.tv_sec * CLOCKS_PER_SEC + (clock_t)ts.tv_nsec / (1000000000 / CLOCKS_PER_SEC);
}

int nanosleep(const struct timespec *want, struct timespec *left)
{
	return (int)CANCEL2(nanosleep, want, left);
}

int getitimer(int which, struct itimerval *value)
{
	return (int)SYSCALL2(getitimer, which, value);
}

int setitimer(int which, const struct itimerval *value, struct itimerval *old)
{
	return (int)SYSCALL3(setitimer, which, value, old);
}

unsigned alarm(unsigned seconds)
{
	return (unsigned)SYSCALL1(alarm, seconds);
}

int gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &ts) < 0)
		return -1;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

unsigned sleep(unsigned seconds)
{
	struct timespec left = {.tv_sec = seconds, .tv_nsec = 0};

	return nanosleep(&left, &left) < 0 && errno == EINTR ? (unsigned)left.tv_sec : 0;
}

int usleep(useconds_t us)
{
	struct timespec ts = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};

	return nanosleep(&ts, NULL);
}

/* ---- timers ---- */

/* A timer that starts a thread would need one that waits for it: not supported, as CAVEATS says. */
int timer_create(clockid_t clock, struct sigevent *event, timer_t *timer)
{
	int id;

	if (event && event->sigev_notify == SIGEV_THREAD) {
		errno = ENOTSUP;
		return -1;
	}
	if (SYSCALL3(timer_create, clock, event, &id) < 0)
		return -1;
	*timer = (timer_t)id;
	return 0;
}

int timer_delete(timer_t timer)
{
	return (int)SYSCALL1(timer_delete, timer);
}

int timer_settime(timer_t timer, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	return (int)SYSCALL4(timer_settime, timer, flags, value, old);
}

int timer_gettime(timer_t timer, struct itimerspec *value)
{
	return (int)SYSCALL2(timer_gettime, timer, value);
}

int timer_getoverrun(timer_t timer)
{
	return (int)SYSCALL1(timer_getoverrun, timer);
}
