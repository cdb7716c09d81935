/* SPDX-License-Identifier: MIT */
/* newlib's pthread.h, and what Linux's has besides. */
#ifndef _FAULTLINE_PTHREAD_H
#define _FAULTLINE_PTHREAD_H

#include_next <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

int pthread_mutexattr_setrobust(pthread_mutexattr_t *attr, int robust);
int pthread_mutexattr_getrobust(const pthread_mutexattr_t *attr, int *robust);
int pthread_mutex_consistent(pthread_mutex_t *mutex);

int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until);
int pthread_cond_clockwait(
	pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until);

#if __GNU_VISIBLE
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr);
int pthread_tryjoin_np(pthread_t thread, void **result);
#endif

#ifdef __cplusplus
}
#endif

#endif
