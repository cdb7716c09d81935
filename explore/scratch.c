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

static const struct image {
	u64 bytes;
	const struct image_run *runs;
	unsigned nr_runs;
} small = {SMALL_BYTES, small_runs, ARRAY_SIZE(small_runs)},
  huge = {HUGE_BYTES, huge_runs, ARRAY_SIZE(huge_runs)},
  journal = {JOURNAL_BYTES, journal_runs, ARRAY_SIZE(journal_runs)};

static const struct image *image_of(const struct scenario *sc)
{
	return sc->huge ? &huge : sc->crash ? &journal : &small;
}

u64 scratch_size(const struct scenario *sc)
{
	return image_of(sc)->bytes;
}

void scratch_fill(void *to, const struct scenario *sc)
{
	const struct image *image = image_of(sc);
	u64 *words = to;

	memset(to, 0, image->bytes);
	for (unsigned i = 0; i < image->nr_runs; i++)
		for (u32 k = 0; k < image->runs[i].count; k++)
			words[image->runs[i].start + k] = image->runs[i].value;
}
