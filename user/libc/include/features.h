/* SPDX-License-Identifier: MIT */
/* The name under which Linux's programs look for feature macros. */
#ifndef _FAULTLINE_FEATURES_H
#define _FAULTLINE_FEATURES_H

#include <sys/features.h>

#endif
