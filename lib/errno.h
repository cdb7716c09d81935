/* SPDX-License-Identifier: MIT */
/* Error numbers of Linux x86-64. Kernel functions return them negative. */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

#if __STDC_HOSTED__
#include <errno.h>
#else
#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EINTR 4
#define EIO 5
#define ENXIO 6
#define E2BIG 7
#define ENOEXEC 8
#define EBADF 9
#define ECHILD 10
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define EXDEV 18
#define ENODEV 19
#define ENOTDIR 20
#define EISDIR 21
#define EINVAL 22
#define ENFILE 23
#define EMFILE 24
#define ENOTTY 25
#define ETXTBSY 26
#define EFBIG 27
#define ENOSPC 28
#define ESPIPE 29
#define EROFS 30
#define EMLINK 31
#define EPIPE 32
#define EDOM 33
#define ERANGE 34
#define EDEADLK 35
#define ENAMETOOLONG 36
#define ENOSYS 38
#define ENOTEMPTY 39
#define ELOOP 40
#define EBADR 53
#define ENODATA 61
#define EOVERFLOW 75
#define EUSERS 87
#define EOPNOTSUPP 95
#define ETIMEDOUT 110
#define ESTALE 116
#define EUCLEAN 117
#define EHWPOISON 133
#endif

/* Of interrupted waits; never seen by a program: the way back to user mode (kernel/proc/deliver.c) makes of them a restart of the
 * system call, or -EINTR when a handler runs. The numbers are those of Linux. */
#ifndef ERESTARTSYS
#define ERESTARTSYS 512    /* again, unless a handler without SA_RESTART runs */
#define ERESTARTNOHAND 514 /* again, unless a handler runs */
#define ERESTART_RESTARTBLOCK \
	516 /* again as restart_syscall(), for what has a time limit; -EINTR after a handler */
#endif

#endif
