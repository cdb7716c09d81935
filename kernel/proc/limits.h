/* SPDX-License-Identifier: MIT */
/* The limits of processes: limits.c. */
#ifndef KERNEL_PROC_LIMITS_H
#define KERNEL_PROC_LIMITS_H

#include "kernel/limits.h"

/* What the first process has. */
void limits_init(struct limits *l);
void limits_copy(struct limits *to, const struct limits *from);
/* What a call that writes or lengthens a file returns: where RLIMIT_FSIZE was in its way, SIGXFSZ is sent first. */
long limits_file_result(long ret);

#endif
