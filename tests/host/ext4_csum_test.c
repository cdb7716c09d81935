/* SPDX-License-Identifier: MIT */
/* Checksums after a change: computed by instruction and by table, patched and computed anew, they are the same. */
#include "host/unit.h"

#include "fs/ext4/ext4_priv.h"
#include "lib/crc.h"
#include "lib/crc_hw.h"
#include "lib/string.h"

#include <stdlib.h>

static u32 power[EXT4_BLOCK_SIZE / 4], old[EXT4_BLOCK_SIZE / 4], new[EXT4_BLOCK_SIZE / 4];

/* Changes `len` words at `at` in one of several ways; words at either end may stay the same. */
static void change(u32 at, u32 len)
{
	unsigned how = (unsigned)rand() % 4;

	memcpy(new, old, sizeof(new));
	for (u32 k = at; k < at + len; k++) {
		if (how == 0)
			new[k] ^= 1u << (rand() % 32);
		else if (how == 1)
			new[k] = ~0u;
		else if (how == 2 || rand() % 3 == 0)
			new[k] = (u32)rand() << 1;
	}
}

static bool patched_is_right(const struct ext4_fs *fs, u32 words, u32 at, u32 len)
{
	u32 seed = (u32)rand();

	change(at, len);
	return ext4_crc_replace(fs, crc32c(seed, old, words * 4), words * 4, at * 4, old + at, new + at,
		       len * 4) == crc32c(seed, new, words * 4);
}

static void test_patch(const struct ext4_fs *fs, const char *how)
{
	bool good = true;

	for (u32 k = 0; k < ARRAY_SIZE(old); k++)
		old[k] = (u32)rand() << 1;
	for (u32 at = 0; at < ARRAY_SIZE(old); at++)
		good = good && patched_is_right(fs, ARRAY_SIZE(old), at, 1);
	ok(good, "%s: patched after a change of any one word", how);
	for (int round = 0; round < 3000; round++) {
		u32 words = 1 + (u32)rand() % ARRAY_SIZE(old), at = (u32)rand() % words;

		good = good && patched_is_right(fs, words, at, 1 + (u32)rand() % MIN(words - at, 40u));
	}
	ok(good, "%s: of several words, in blocks of any length", how);
	memcpy(new, old, sizeof(new));
	is(ext4_crc_replace(fs, 7, sizeof(old), 0, old, new, sizeof(old)), 7, "%s: nothing changed", how);
}

int main(void)
{
	struct ext4_fs *fs = calloc(1, sizeof(*fs));
	bool good = true;

	ext4_crc_init(fs, power);
	if (fs->crc_instruction) {
		for (u32 n = 0; n < 300; n++)
			good = good &&
				crc32c_hw(n, (u8 *)power + n % 9, n) == crc32c(n, (u8 *)power + n % 9, n);
		ok(good, "the instruction's values are the table's");
		test_patch(fs, "by instruction");
	}
	fs->crc_instruction = false;
	test_patch(fs, "by table");
	free(fs);
	return done_testing();
}
