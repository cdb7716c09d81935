/* SPDX-License-Identifier: MIT */
/* Private to script.c and choose.c. */
#ifndef TESTS_CRASH_SCRIPT_H
#define TESTS_CRASH_SCRIPT_H

#include "tests/crash/world.h"

#define FILE_BYTES (FILE_PAGES * PAGE_SIZE)
#define SCRIPT_OPEN_MAX 10u /* files at a time */

/* choose.c: what comes next, by the seed and by what oracle.c knows to be there. */
void choose_reset(u64 seed);
void choose_step(struct step *s);
/* The last step: the file system is unmounted, or stops because of damage. */
void choose_end(struct step *s, bool damage);

/* script.c: the files that programs have open. Opens the file behind a name, if it is not open. */
void script_open(u32 name, u32 file);
void script_close(u32 k); /* the k-th of them */
u32 script_nr_open(void);

#endif
