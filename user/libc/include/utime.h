/* SPDX-License-Identifier: MIT */
/* newlib's utime.h, and the function. */
#ifndef _FAULTLINE_UTIME_H
#define _FAULTLINE_UTIME_H

#include <sys/types.h>

#include_next <utime.h>

#ifdef __cplusplus
extern "C" {
#endif

int utime(const char *path, const struct utimbuf *times);

#ifdef __cplusplus
}
#endif

#endif
