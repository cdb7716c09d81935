/* SPDX-License-Identifier: MIT */
/*
 * newlib's feature macros, plus what this port chooses. Every newlib header includes this file
 * before it looks at any of these, in the library's own build and in programs, so both agree.
 */
#ifndef _FAULTLINE_SYS_FEATURES_H
#define _FAULTLINE_SYS_FEATURES_H

#include_next <sys/features.h>

/* read() and write() have the types of POSIX, not newlib's historical int. */
#define _READ_WRITE_RETURN_TYPE _ssize_t
#define _READ_WRITE_BUFSIZE_TYPE __SIZE_TYPE__

/* errno and stdio state come from __getreent() (libc/tls.c), one per thread. */
#define __DYNAMIC_REENT__

#define __LINUX_ERRNO_EXTENSIONS__ 1

#define _POSIX_TIMERS 200809L
#define _POSIX_MONOTONIC_CLOCK 200809L
#define _POSIX_CPUTIME 200809L
#define _POSIX_THREAD_CPUTIME 200809L
#define _POSIX_PRIORITY_SCHEDULING 200809L
#define _POSIX_MAPPED_FILES 200809L
#define _POSIX_FSYNC 200809L
#define _POSIX_SYNCHRONIZED_IO 200809L

#define _POSIX_VERSION 200809L
#define _POSIX2_VERSION 200809L
#define _POSIX_JOB_CONTROL 1
#define _POSIX_REALTIME_SIGNALS 200809L
#define _POSIX_THREADS 200809L
#define _POSIX_THREAD_ATTR_STACKADDR 200809L
#define _POSIX_THREAD_ATTR_STACKSIZE 200809L
#define _POSIX_THREAD_PROCESS_SHARED 200809L
#define _POSIX_THREAD_SAFE_FUNCTIONS 200809L
#define _UNIX98_THREAD_MUTEX_ATTRIBUTES 1
#define _POSIX_BARRIERS 200809L
#define _POSIX_READER_WRITER_LOCKS 200809L
#define _POSIX_SPIN_LOCKS 200809L
#define _POSIX_SEMAPHORES 200809L
#define _POSIX_TIMEOUTS 200809L
#define _POSIX_CLOCK_SELECTION 200809L
#define _POSIX_MEMLOCK 200809L
#define _POSIX_MEMLOCK_RANGE 200809L
#define _POSIX_MEMORY_PROTECTION 200809L
#define _POSIX_VDISABLE 0

/* What sys/select.h and time.h take from elsewhere if it is there. */
#define FD_SETSIZE 1024
#define _CLOCKS_PER_SEC_ 1000000

#endif
