/* SPDX-License-Identifier: MIT */
/* Out-of-line copies of the inline functions, for whoever takes their address or compiles without inlining. */
#define CPU_INLINE
#include "kernel/cpu/cpu.h"
