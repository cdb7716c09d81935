/* SPDX-License-Identifier: MIT */
/* newlib's regex.h, which takes off_t for granted. */
#ifndef _FAULTLINE_REGEX_H
#define _FAULTLINE_REGEX_H

#include <sys/types.h>

#include_next <regex.h>

#endif
