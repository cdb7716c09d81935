/* SPDX-License-Identifier: MIT */
/* Variants of execution; the kernel knows Linux's own, and where things may be put. */
#ifndef _SYS_PERSONALITY_H
#define _SYS_PERSONALITY_H

#ifdef __cplusplus
extern "C" {
#endif

#define PER_LINUX 0
#define ADDR_NO_RANDOMIZE 0x0040000

int personality(unsigned long persona);

#ifdef __cplusplus
}
#endif

#endif
