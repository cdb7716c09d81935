/* SPDX-License-Identifier: MIT */
/* newlib's signal.h, and what a timer does when it expires. */
#ifndef _FAULTLINE_SIGNAL_H
#define _FAULTLINE_SIGNAL_H

#include_next <signal.h>

#define SIGEV_SIGNAL 0
#define SIGEV_NONE 1
#define SIGEV_THREAD 2
#define SIGEV_THREAD_ID 4

/* The kernel's layout. */
struct sigevent {
	union sigval sigev_value;
	int sigev_signo;
	int sigev_notify;
	union {
		int __pad[12];
		int __tid;
		struct {
			void (*__function)(union sigval);
			pthread_attr_t *__attributes;
		} __call;
	} __of;
};

#define sigev_notify_thread_id __of.__tid
#define sigev_notify_function __of.__call.__function
#define sigev_notify_attributes __of.__call.__attributes

/* Of a timer's signal. */
#define si_timerid __info.__sender.__pid
#define si_overrun __info.__sender.__uid

_Static_assert(sizeof(struct sigevent) == 64, "the kernel's struct sigevent");

#endif
