/* SPDX-License-Identifier: MIT */
/*
 * The scratch file system that scenarios run on: an ext4 image that mke2fs made at build time (explore/make-image), as runs of
 * equal 8-byte words; what no run covers is zero.
 */
#include "explore/world.h"

struct image_run {
	u32 start, count; /* in words */
	u64 value;
};

#include "build/gen/explore_image.h"

u64 scratch_size(void)
{
	return IMAGE_BYTES;
}

void scratch_fill(void *to)
{
	u64 *words = to;

	memset(to, 0, IMAGE_BYTES);
	for (unsigned i = 0; i < ARRAY_SIZE(image_runs); i++)
		for (u32 k = 0; k < image_runs[i].count; k++)
			words[image_runs[i].start + k] = image_runs[i].value;
}
