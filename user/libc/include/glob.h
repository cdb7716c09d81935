/* SPDX-License-Identifier: MIT */
/* newlib's glob.h, and POSIX's results and flags: libc/glob.c. */
#ifndef _FAULTLINE_GLOB_H
#define _FAULTLINE_GLOB_H

#include_next <glob.h>

#undef GLOB_ABORTED
#undef GLOB_NOMATCH
#define GLOB_ABORTED (-2)
#define GLOB_NOMATCH (-3)
#define GLOB_NOESCAPE 0x2000

#endif
