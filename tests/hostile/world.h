/* SPDX-License-Identifier: MIT */
/*
 * One input run: a base image patched, mounted, read from end to end, written to, unmounted.
 *
 * What must hold, whatever the image says (beside what the sanitizers and the kernel's own assertions notice):
 * - Nothing is stored outside the image, nor more than a bounded amount by one call.
 * - -EUCLEAN comes with a file system that is read-only from then on.
 * - A call on a read-only file system stores nothing; its unmount, after damage, the superblock alone.
 * - After the unmount, or a mount that was refused, as much memory is in use as before.
 */
#ifndef TESTS_HOSTILE_WORLD_H
#define TESTS_HOSTILE_WORLD_H

#include "tests/hostile/base.h"

/* Ends the program with a message: a finding. */
void finding(const char *fmt, ...) NORETURN PRINTF_LIKE(1, 2);

/* The machine. Once. */
void world_init(void);
/* Loads so many base images, NULL-ended. Inputs name them by number. */
void world_bases(const char *const names[]);
extern struct base *bases[];
extern unsigned nr_bases;

void world_run(const struct input *in);

/* For walk.c and ops.c: between the two stands one call of the kernel, whose result is judged. */
void call_begin(const char *what);
long call_end(long result);

/* The block that the image's item `nr` lies in, and what follows it. */
void world_sample(unsigned nr, u8 *data, size_t n);

/* walk.c: reads everything that is reachable, in bounds. */
void walk_tree(void);
/* ops.c */
void run_op(const struct op *o);

#endif
