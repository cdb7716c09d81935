/* SPDX-License-Identifier: MIT */
/*
 * Target "journal": logs with transactions in them, patched, and recovered by the mount. One base for each format of the log that there has
 * been: checksums of version 3, of version 2, none, and none with 32-bit block numbers.
 */
#include "tests/hostile/target.h"
#include "tests/hostile/world.h"

int LLVMFuzzerInitialize(int *argc UNUSED, char ***argv UNUSED)
{
	world_init();
	world_bases((const char *const[]){"log3", "log2", "log0", "log32", NULL});
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in;

	input_decode(&in, data, size);
	world_run(&in);
	return 0;
}
