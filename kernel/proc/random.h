/* SPDX-License-Identifier: MIT */
/*
 * Random bytes for programs: ChaCha20 (RFC 8439) as a generator whose key is replaced at every request, so that earlier output
 * cannot be computed from its state. Seeded from RDRAND where the CPU has it, and the time-stamp counter.
 */
#ifndef KERNEL_PROC_RANDOM_H
#define KERNEL_PROC_RANDOM_H

#include "lib/types.h"

void random_init(void);
void random_bytes(void *buf, size_t n);

/* A request for more bytes than one buffer holds: its own key, used up piece by piece. */
struct random_stream {
	u32 key[8];
	u32 counter;
};
void random_stream_init(struct random_stream *s);
void random_stream_next(struct random_stream *s, u8 block[64]);

#endif
