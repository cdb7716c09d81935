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

#endif
