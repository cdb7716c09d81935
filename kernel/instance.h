/* SPDX-License-Identifier: MIT */
/*
 * The one place from which the mutable state of mm and fs hangs.
 *
 * Rule: lib, mm and fs have no mutable file-scope variables. What they need lives in struct mm_state (mm/state.h) and struct fs_state
 * (fs/state.h), which the machine allocates: statically in the kernel, inside the arena in the hosted
 * build, so that a snapshot of the arena is a snapshot of everything.
 */
#ifndef KERNEL_INSTANCE_H
#define KERNEL_INSTANCE_H

struct mm_state;
struct fs_state;

struct instance {
	struct mm_state *mm;
	struct fs_state *fs;
};

/* Set by the machine before anything else runs; never changes while threads run. */
extern struct instance the_instance;

#endif
