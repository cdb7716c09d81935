/* SPDX-License-Identifier: MIT */
/* What a handler sees of the interrupted thread: sys/ucontext.h. */
#ifndef _UCONTEXT_H
#define _UCONTEXT_H

#include <sys/ucontext.h>

#endif
