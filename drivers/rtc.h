/* SPDX-License-Identifier: MIT */
/* The real-time clock of the PC (MC146818 data sheet), read once at boot. */
#ifndef DRIVERS_RTC_H
#define DRIVERS_RTC_H

#include "lib/types.h"

/* Seconds since 1970, the clock taken to run in UTC. -ENODEV: there is none, or it shows nonsense. */
i64 rtc_read(void);

#endif
