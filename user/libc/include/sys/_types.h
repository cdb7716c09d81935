/* SPDX-License-Identifier: MIT */
/* newlib's sys/_types.h with Linux's clock_t, which is signed: times() returns -1. */
#ifndef _FAULTLINE_SYS__TYPES_H
#define _FAULTLINE_SYS__TYPES_H

#include_next <sys/_types.h>

#undef _CLOCK_T_
#define _CLOCK_T_ long

#endif
