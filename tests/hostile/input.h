/* SPDX-License-Identifier: MIT */
/*
 * What one input of the targets "image" and "journal" says: which base image, what is patched in it, and what is then done to the file system.
 *
 * As bytes: base, flags, number of patches, number of operations; then each patch as where in the image (4 bytes), length (1) and that many
 * bytes; then the operations, 6 bytes each. Numbers are taken modulo what they count, and what is cut off is not there: every string of
 * bytes is an input.
 */
#ifndef TESTS_HOSTILE_INPUT_H
#define TESTS_HOSTILE_INPUT_H

#include "lib/types.h"

#define PATCH_BYTES 16
#define MAX_PATCHES 24
#define MAX_OPS 16

/* The patched items get good checksums, so that what is behind them is reached. */
#define INPUT_SEAL 1u
#define INPUT_READONLY 2u
/* Damage does not stop the file system. */
#define INPUT_CONTINUE 4u

struct patch {
	u32 at;
	u8 n;
	u8 bytes[PATCH_BYTES];
};
struct op {
	u8 what, a, b, x; /* a, b: paths; x: shift of y */
	u16 y;
};
struct input {
	u8 base, flags;
	unsigned nr_patches, nr_ops;
	struct patch patches[MAX_PATCHES];
	struct op ops[MAX_OPS];
};

void input_decode(struct input *in, const u8 *data, size_t size);
/* Bytes written; 0: `max` is too small. */
size_t input_encode(const struct input *in, u8 *data, size_t max);

#endif
