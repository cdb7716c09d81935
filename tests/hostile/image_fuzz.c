/* SPDX-License-Identifier: MIT */
/*
 * Target "image": mount, look-up, readdir, extents, attributes, and changes of all of them, on file systems whose metadata was patched.
 * plain: every feature but the journal. journal: with one, and an orphan file. old: as ext4 was before it had checksums, in small groups.
 * attributes: extended ones in every place, and blocks of them that inodes share.
 */
#include "tests/hostile/target.h"
#include "tests/hostile/world.h"

int LLVMFuzzerInitialize(int *argc UNUSED, char ***argv UNUSED)
{
	world_init();
	world_bases((const char *const[]){"plain", "journal", "old", "attributes", NULL});
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in;

	input_decode(&in, data, size);
	world_run(&in);
	return 0;
}
