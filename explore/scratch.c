/* SPDX-License-Identifier: MIT */
/*
 * The scratch file systems that scenarios run on: ext4 images that mke2fs made at build time (explore/make-image), as runs of
 * equal 8-byte words; what no run covers is zero.
 */
#include "explore/world.h"

struct image_run {
	u32 start, count; /* in words */
	u64 value;
};

#include "build/gen/explore_image.h"

u64 scratch_size(bool huge)
{
	return huge ? HUGE_IMAGE_BYTES : IMAGE_BYTES;
}

void scratch_fill(void *to, bool huge)
{
	const struct image_run *runs = huge ? huge_image_runs : image_runs;
	unsigned n = huge ? ARRAY_SIZE(huge_image_runs) : ARRAY_SIZE(image_runs);
	u64 *words = to;

	memset(to, 0, scratch_size(huge));
	for (unsigned i = 0; i < n; i++)
		for (u32 k = 0; k < runs[i].count; k++)
			words[runs[i].start + k] = runs[i].value;
}
