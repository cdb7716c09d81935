/* SPDX-License-Identifier: MIT */
/* System calls on time; newlib's time() stands on gettimeofday(). */
#include "syscall.h"

#include <errno.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	return (int)SYSCALL2(clock_gettime, clock, ts);
}

int nanosleep(const struct timespec *want, struct timespec *left)
{
	return (int)SYSCALL2(nanosleep, want, left);
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
