/* SPDX-License-Identifier: MIT */
/*
 * Footprints: which words of the simulated world a transition read and which it changed. Client: the explorer's hosted backend.
 *
 * Every load and store of the traced sources is a call: they are compiled with -fsanitize=thread, and the calls of that
 * instrumentation end in footprint.c instead of the sanitizer's own library (mk/host.mk, build/host-fast). Nothing has to be annotated, and
 * nothing can be forgotten: code that is added tomorrow is seen.
 *
 * Words are 8 bytes: those of the arena, those of the explorer's own record of the world, and one that stands for each thread's stack.
 */
#ifndef HOST_FOOTPRINT_H
#define HOST_FOOTPRINT_H

#include "explore/footprint.h"

/* Words of [base, base + n) belong to the world too. Call after the arena has been made; forgets everything. False: this build is not
 * instrumented, or there is no memory. */
bool footprint_open(void *base, size_t n);
void footprint_close(void);
/* While on, what runs is added to the footprint that is being recorded. */
void footprint_on(void);
void footprint_off(void);
/* While recording: what is stored to [p, p + n), words, from now on is no part of footprints, but can be undone. */
void footprint_keep(void *p, size_t n);
/* A thread moved: its stack and its registers, which are not recorded word by word, count as changed. */
void footprint_moved(unsigned thread);
/* In passing, the CPU of the explorer's thread took interrupts that had waited. */
void footprint_took(unsigned thread);
/* What the explorer calls. NULL: footprint_open() has failed. */
const struct recorder *footprint_recorder(void);

#endif
