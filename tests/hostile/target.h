/* SPDX-License-Identifier: MIT */
/* What every target defines, under the names that libFuzzer calls; replay.c calls them where there is no libFuzzer. */
#ifndef TESTS_HOSTILE_TARGET_H
#define TESTS_HOSTILE_TARGET_H

#include "lib/types.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif
