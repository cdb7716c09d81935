/* SPDX-License-Identifier: MIT */
/* Places in a new address space: layout.h. */
#include "kernel/proc/layout.h"

#include "kernel/options.h"
#include "kernel/proc/process.h"
#include "kernel/proc/random.h"

#define STACK_TOP USER_TOP
#define PIE_BASE 0x555555554000ull
#define STACK_BITS 22 /* pages: 16 GiB */
#define MMAP_BITS 28  /* pages: 1 TiB */
#define BRK_BITS 13   /* pages: 32 MiB */
#define STACK_PAD_MAX 8192
/* Kept free below the stack: RLIMIT_STACK, within reason. */
#define STACK_ROOM_MIN (16ull << 20)
#define STACK_ROOM_MAX (64ull << 30)

_Static_assert(STACK_TOP - (PAGE_SIZE << STACK_BITS) - STACK_ROOM_MAX - (PAGE_SIZE << MMAP_BITS) >
		LAYOUT_IMAGE_TOP + (1ull << 40),
	"mappings have room above programs");
_Static_assert(STACK_ROOM_MIN >= MM_STACK_MAX + MM_STACK_GAP, "the stack lies above the mappings");

static u64 random_pages(unsigned bits)
{
	u64 r;

	random_bytes(&r, sizeof(r));
	return (r & ((1ull << bits) - 1)) << PAGE_SHIFT;
}

int layout_randomizes(void)
{
	return options.norandmaps ? 0 : 2;
}

struct layout layout_choose(void)
{
	u64 room = MIN(MAX(limit_or(LIMIT_STACK, 0), STACK_ROOM_MIN), STACK_ROOM_MAX);
	struct layout l = {.stack_top = STACK_TOP, .pie_base = PIE_BASE};

	if (!options.norandmaps && !process_current()->fixed_layout) {
		u64 pad;

		random_bytes(&pad, sizeof(pad));
		l.stack_top -= random_pages(STACK_BITS);
		l.stack_pad = pad % STACK_PAD_MAX & ~15ull;
		l.mmap_top = random_pages(MMAP_BITS);
		l.pie_base += random_pages(MMAP_BITS);
		l.brk_gap = random_pages(BRK_BITS);
	}
	l.mmap_top = l.stack_top + PAGE_SIZE - room - l.mmap_top;
	return l;
}
