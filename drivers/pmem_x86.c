/* SPDX-License-Identifier: MIT */
/*
 * Persistent-memory primitives on x86-64 (SDM vol. 1, 11.4.6 and vol. 2: CLWB, CLFLUSHOPT, CLFLUSH, MOVNTI, SFENCE).
 *
 * Rule: clwb and clflushopt are ordered only by a fence on the same CPU, clflush by itself; movnti goes round the cache
 * and is complete after sfence. A thread that is moved to another CPU between flush and fence is covered, because
 * the scheduler's switch fences (kernel/cpu/switch.asm).
 */
#include "drivers/pmem.h"
#include "kernel/thread.h"
#include "lib/string.h"

enum flush_kind { FLUSH_CLFLUSH, FLUSH_CLFLUSHOPT, FLUSH_CLWB };
static enum flush_kind flush_kind;

#define CPUID_7_EBX_CLFLUSHOPT (1u << 23)
#define CPUID_7_EBX_CLWB (1u << 24)

static void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "0"(leaf), "2"(sub));
}

const char *pmem_init_cpu(void)
{
	static const char *const names[] = {"clflush", "clflushopt", "clwb"};
	u32 a, b, c, d;

	cpuid(0, 0, &a, &b, &c, &d);
	if (a >= 7) {
		cpuid(7, 0, &a, &b, &c, &d);
		flush_kind = b & CPUID_7_EBX_CLWB    ? FLUSH_CLWB
			: b & CPUID_7_EBX_CLFLUSHOPT ? FLUSH_CLFLUSHOPT
						     : FLUSH_CLFLUSH;
	}
	return names[flush_kind];
}

void pmem_store32(void *dst, u32 v)
{
	*(volatile u32 *)dst = v;
}

void pmem_store64(void *dst, u64 v)
{
	*(volatile u64 *)dst = v;
}

void pmem_write(void *dst, const void *src, size_t n)
{
	memcpy(dst, src, n);
}

static inline void store_nt(u64 *dst, u64 v)
{
	__asm__ volatile("movnti %1, %0" : "=m"(*dst) : "r"(v));
}

/* n is a constant, at most 32: straight code, because a loop's own instructions would be half of it. */
static inline __attribute__((always_inline)) void zero_words(char *d, unsigned n)
{
#pragma GCC unroll 32
	for (unsigned k = 0; k < n; k++)
		store_nt((u64 *)d + k, 0);
}

static inline __attribute__((always_inline)) void copy_words(char *d, const char *s, unsigned n)
{
#pragma GCC unroll 32
	for (unsigned k = 0; k < n; k++) {
		u64 v;

		memcpy(&v, s + 8 * k, 8);
		store_nt((u64 *)d + k, v);
	}
}

/* Bytes up to the next 8-byte boundary, at most n. */
static size_t ragged_head(const void *p, size_t n)
{
	return MIN(n, -(uintptr_t)p & 7);
}

void pmem_copy(void *dst, const void *src, size_t n)
{
	size_t head = ragged_head(dst, n);
	char *d = dst;
	const char *s = src;

	if (head) {
		memcpy(d, s, head);
		pmem_flush(d, head);
	}
	d += head, s += head, n -= head;
	for (; n >= 64; d += 64, s += 64, n -= 64)
		copy_words(d, s, 8);
	for (; n >= 8; d += 8, s += 8, n -= 8)
		copy_words(d, s, 1);
	if (n) {
		memcpy(d, s, n);
		pmem_flush(d, n);
	}
}

/*
 * 4 KiB, 16-byte aligned, by 16-byte stores: half the instructions of an allocating fault's largest part. The kernel has no vector
 * registers of its own: xmm0 is the user's, of this thread or, in a kernel thread, of the one that ran before (sched.c). So it is
 * put back before preemption is on again; interrupt handlers use none. These encodings leave the upper parts of the register alone.
 */
static void zero_page(char *d)
{
	u64 users[2];

	preempt_disable();
	__asm__ volatile("movups %%xmm0, %0; pxor %%xmm0, %%xmm0" : "=m"(users));
	for (char *end = d + PAGE_SIZE; d < end; d += 256)
		__asm__ volatile(".irp at, 0,16,32,48,64,80,96,112,128,144,160,176,192,208,224,240\n"
				 "movntdq %%xmm0, \\at(%0)\n"
				 ".endr" ::"r"(d)
				 : "memory");
	__asm__ volatile("movups %0, %%xmm0" ::"m"(users));
	preempt_enable();
}

void pmem_zero(void *dst, size_t n)
{
	size_t head = ragged_head(dst, n);
	char *d = dst;

	if (head) {
		memset(d, 0, head);
		pmem_flush(d, head);
	}
	d += head;
	n -= head;
	if (IS_ALIGNED((uintptr_t)d, 16))
		for (; n >= PAGE_SIZE; d += PAGE_SIZE, n -= PAGE_SIZE)
			zero_page(d);
	for (; n >= 256; d += 256, n -= 256)
		zero_words(d, 32);
	for (; n >= 8; d += 8, n -= 8)
		zero_words(d, 1);
	if (n) {
		memset(d, 0, n);
		pmem_flush(d, n);
	}
}

/* Eight lines a round: a loop of single ones spends three instructions of four on itself. */
#define FLUSH_LINES(insn, line, end)                                                                \
	do {                                                                                        \
		for (; (intptr_t)(end - line) > 7 * CACHE_LINE; line += 8 * CACHE_LINE)             \
			__asm__ volatile(insn " (%0); " insn " 64(%0); " insn " 128(%0); " insn     \
					      " 192(%0); " insn " 256(%0); " insn " 320(%0); " insn \
					      " 384(%0); " insn " 448(%0)"                          \
					 :                                                          \
					 : "r"(line)                                                \
					 : "memory");                                               \
		for (; (intptr_t)(end - line) > 0; line += CACHE_LINE)                              \
			__asm__ volatile(insn " (%0)" : : "r"(line) : "memory");                    \
	} while (0)

void pmem_flush(const void *p, size_t n)
{
	uintptr_t line = ALIGN_DOWN((uintptr_t)p, CACHE_LINE), end = (uintptr_t)p + n;

	if (!n || !pmem_flush_needed)
		return;
	switch (flush_kind) {
	case FLUSH_CLWB:
		FLUSH_LINES("clwb", line, end);
		break;
	case FLUSH_CLFLUSHOPT:
		FLUSH_LINES("clflushopt", line, end);
		break;
	case FLUSH_CLFLUSH:
		FLUSH_LINES("clflush", line, end);
		break;
	}
}

/* Always a fence, also where the platform flushes caches on power loss: movnti still needs it. */
void pmem_fence(void)
{
	__asm__ volatile("sfence" ::: "memory");
}

void pmem_drain_queues(struct pmem_region *r)
{
	if (!r->hint_addr)
		return;
	pmem_fence();
	*(volatile u64 *)(uintptr_t)r->hint_addr = 1;
	pmem_fence();
}

void pmem_drain(struct pmem_region *r)
{
	pmem_fence();
	pmem_drain_queues(r);
}

size_t pmem_copy_from_user(void *dst, uaddr_t src, size_t n)
{
	size_t left;

	pagefault_disable();
	left = cpu_copy_from_user(dst, src, n);
	pagefault_enable();
	pmem_flush(dst, n - left);
	return left;
}
