/* SPDX-License-Identifier: MIT */
/* The random generator. What it promises: random.h. */
#include "kernel/proc/random.h"

#include "kernel/cpu/features.h"
#include "kernel/sync/spinlock.h"
#include "lib/string.h"

#define CPUID1_ECX_RDRAND (1u << 30)

static const struct lock_class random_class = {"random", RANK_SPIN_FIRST, false};

static struct {
	struct spinlock lock;
	u32 key[8]; /* lock */
} pool;

static u32 rotate(u32 v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static void quarter_round(u32 *a, u32 *b, u32 *c, u32 *d)
{
	*a += *b;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

/* One block of key stream, RFC 8439, 2.3; the nonce is zero since every key is used once. */
static void chacha20_block(const u32 key[8], u32 counter, u32 out[16])
{
	u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	u32 x[16];

	memcpy(in + 4, key, 32);
	in[12] = counter;
	memcpy(x, in, sizeof(x));
	for (unsigned i = 0; i < 10; i++) {
		for (unsigned c = 0; c < 4; c++)
			quarter_round(&x[c], &x[4 + c], &x[8 + c], &x[12 + c]);
		for (unsigned c = 0; c < 4; c++)
			quarter_round(&x[c], &x[4 + (c + 1) % 4], &x[8 + (c + 2) % 4], &x[12 + (c + 3) % 4]);
	}
	for (unsigned i = 0; i < 16; i++)
		out[i] = x[i] + in[i];
}

static u64 read_tsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

/* 0 if the CPU had none to give. */
static u64 read_rdrand(void)
{
	u64 v = 0;
	bool ok = false;

	for (unsigned tries = 0; tries < 10 && !ok; tries++)
		__asm__ volatile("rdrand %0" : "=r"(v), "=@ccc"(ok));
	return ok ? v : 0;
}

void random_init(void)
{
	bool have_rdrand = cpuid(1, 0).ecx & CPUID1_ECX_RDRAND;

	spin_init(&pool.lock, &random_class);
	for (unsigned i = 0; i < 4; i++) {
		u64 word = read_tsc() * 0x9e3779b97f4a7c15ull;

		if (have_rdrand)
			word ^= read_rdrand();
		memcpy(pool.key + 2 * i, &word, sizeof(word));
	}
}

/* Half of a block becomes the pool's next key, the other half the stream's. */
void random_stream_init(struct random_stream *s)
{
	u32 block[16];

	spin_lock(&pool.lock);
	pool.key[0] ^= (u32)read_tsc();
	chacha20_block(pool.key, 0, block);
	memcpy(pool.key, block, 32);
	spin_unlock(&pool.lock);
	memcpy(s->key, block + 8, 32);
	s->counter = 0;
}

void random_stream_next(struct random_stream *s, u8 block[64])
{
	u32 words[16];

	chacha20_block(s->key, s->counter++, words);
	memcpy(block, words, sizeof(words));
}

void random_bytes(void *buf, size_t n)
{
	struct random_stream s;
	u8 block[64], *to = buf;

	random_stream_init(&s);
	while (n) {
		size_t piece = MIN(n, sizeof(block));

		random_stream_next(&s, block);
		memcpy(to, block, piece);
		to += piece;
		n -= piece;
	}
}
