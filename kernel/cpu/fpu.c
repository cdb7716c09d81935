/* SPDX-License-Identifier: MIT */
/*
 * XSAVE areas, or FXSAVE areas on a CPU without XSAVE (SDM vol. 1, chapter 13). Clients: kernel/sched.c and kernel/thread.c.
 *
 * Rule: XCR0 has those of x87, SSE, AVX and AVX-512 that the CPU has, the same on every CPU, and the area is as large as the CPU says for that.
 * Protection keys and everything newer stay off. An area is only ever written here, or accepted by fpu_accept(), so XRSTOR cannot fault on it.
 *
 * Locks: none. The format is chosen by the boot CPU; an area belongs to its thread.
 */
#include "kernel/cpu/fpu.h"

#include "kernel/cpu/features.h"
#include "kernel/cpu/x86.h"
#include "lib/string.h"
#include "mm/kmem.h"

#define CR0_MP (1ul << 1)
#define CR0_EM (1ul << 2)
#define CR0_TS (1ul << 3)
#define CR0_NE (1ul << 5)
#define CR4_OSFXSR (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_OSXSAVE (1ul << 18)
#define CPUID1_ECX_XSAVE (1u << 26)

#define XFEATURE_X87_SSE 3ull
#define XFEATURE_AVX 4ull
#define XFEATURE_AVX512 0xe0ull

#define FXSAVE_SIZE FPU_LEGACY_SIZE
#define AREA_ALIGN 64
#define OFFSET_FCW 0
#define OFFSET_FSW 2
#define OFFSET_MXCSR 24
#define OFFSET_MXCSR_MASK 28
#define OFFSET_SW 464 /* bytes 464 to 511 are software's */
#define OFFSET_HEADER 512
#define HEADER_SIZE 64
#define MXCSR_MASK_DEFAULT 0xffbfu /* SDM vol. 1, 11.6.6 */
#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u
#define INITIAL_FCW 0x37f
#define INITIAL_MXCSR 0x1f80

static struct {
	bool chosen, xsave;
	u64 features; /* XCR0 */
	size_t size;
	u32 mxcsr_mask;
} fpu;

struct sw_bytes { /* struct _fpx_sw_bytes, Linux x86-64 */
	u32 magic1, extended_size;
	u64 features;
	u32 xstate_size, pad[7];
};
_Static_assert(sizeof(struct sw_bytes) == 48, "Linux x86-64");

static void set_xcr0(u64 v)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"((u32)v), "d"((u32)(v >> 32)));
}

/* CPUID leaf 0Dh: sub-leaf 0 says which features there are and, in EBX, the size for those in XCR0. */
static void choose(void)
{
	u64 have;

	fpu.chosen = true;
	fpu.size = FXSAVE_SIZE;
	fpu.xsave = cpuid(1, 0).ecx & CPUID1_ECX_XSAVE;
	if (!fpu.xsave)
		return;
	have = cpuid(0xd, 0).eax;
	fpu.features = XFEATURE_X87_SSE | (have & XFEATURE_AVX);
	if ((have & XFEATURE_AVX) && (have & XFEATURE_AVX512) == XFEATURE_AVX512)
		fpu.features |= XFEATURE_AVX512;
}

/* Which bits of MXCSR the CPU has. */
static u32 read_mxcsr_mask(void)
{
	static u8 area[FXSAVE_SIZE] ALIGNED(16);
	u32 mask;

	__asm__ volatile("fxsave64 %0" : "=m"(area));
	mask = *(u32 *)(area + OFFSET_MXCSR_MASK);
	return mask ? mask : MXCSR_MASK_DEFAULT;
}

void fpu_init_cpu(void)
{
	bool first = !fpu.chosen;

	if (first)
		choose();
	write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | (fpu.xsave ? CR4_OSXSAVE : 0));
	if (fpu.xsave) {
		set_xcr0(fpu.features);
		if (first)
			fpu.size = cpuid(0xd, 0).ebx;
	}
	if (first)
		fpu.mxcsr_mask = read_mxcsr_mask();
}

/* The word before an area is where its allocation began. */
void *fpu_alloc(void)
{
	u8 *p = kmalloc(fpu_user_size() + AREA_ALIGN + sizeof(void *));
	void **area;

	if (!p)
		return NULL;
	area = (void **)ALIGN_UP((u64)p + sizeof(void *), AREA_ALIGN);
	area[-1] = p;
	fpu_reset(area);
	return area;
}

void fpu_free(void *area)
{
	if (area)
		kfree(((void **)area)[-1]);
}

/* A zero XSTATE_BV makes XRSTOR initialise everything but MXCSR, which it always loads. FXRSTOR loads all of it. */
void fpu_reset(void *area)
{
	memset(area, 0, fpu.size);
	*(u16 *)((u8 *)area + OFFSET_FCW) = INITIAL_FCW;
	*(u32 *)((u8 *)area + OFFSET_MXCSR) = INITIAL_MXCSR;
}

void fpu_copy(void *to, const void *from)
{
	memcpy(to, from, fpu.size);
}

void fpu_save(void *area)
{
	if (fpu.xsave)
		__asm__ volatile(
			"xsave64 (%0)" ::"r"(area), "a"((u32)fpu.features), "d"((u32)(fpu.features >> 32))
			: "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

void fpu_restore(const void *area)
{
	if (fpu.xsave)
		__asm__ volatile(
			"xrstor64 (%0)" ::"r"(area), "a"((u32)fpu.features), "d"((u32)(fpu.features >> 32))
			: "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}

/* ---------------------------------------------------------------- signal frames */

bool fpu_has_xsave(void)
{
	return fpu.xsave;
}

size_t fpu_user_size(void)
{
	return fpu.xsave ? fpu.size + sizeof(u32) : FXSAVE_SIZE;
}

void fpu_mark_user(void *area)
{
	struct sw_bytes *sw = (struct sw_bytes *)((u8 *)area + OFFSET_SW);

	if (!fpu.xsave)
		return;
	*sw = (struct sw_bytes){
		.magic1 = MAGIC1,
		.extended_size = (u32)fpu_user_size(),
		.features = fpu.features,
		.xstate_size = (u32)fpu.size,
	};
	*(u32 *)((u8 *)area + fpu.size) = MAGIC2;
}

bool fpu_is_marked(const void *area)
{
	const struct sw_bytes *sw = (const struct sw_bytes *)((const u8 *)area + OFFSET_SW);

	return fpu.xsave && sw->magic1 == MAGIC1 && sw->xstate_size == fpu.size &&
		sw->extended_size == fpu_user_size();
}

/* XRSTOR faults on a bad header and on reserved bits of MXCSR, and on nothing else that stands in memory (SDM vol. 1, 13.8.1). */
bool fpu_accept(void *area)
{
	u64 *header = (u64 *)((u8 *)area + OFFSET_HEADER);

	if (*(u32 *)((u8 *)area + OFFSET_MXCSR) & ~fpu.mxcsr_mask)
		return false;
	if (!fpu.xsave)
		return true;
	if (!fpu_is_marked(area) || *(const u32 *)((u8 *)area + fpu.size) != MAGIC2) {
		memset(header, 0, HEADER_SIZE);
		header[0] = XFEATURE_X87_SSE;
		return true;
	}
	for (unsigned i = 1; i < HEADER_SIZE / sizeof(*header); i++)
		if (header[i])
			return false;
	return !(header[0] & ~fpu.features);
}

unsigned fpu_unmasked(const void *area, bool simd)
{
	const u8 *a = area;
	u32 mxcsr = *(const u32 *)(a + OFFSET_MXCSR);

	if (simd)
		return mxcsr & ~(mxcsr >> 7) & 0x3f;
	return *(const u16 *)(a + OFFSET_FSW) & ~*(const u16 *)(a + OFFSET_FCW) & 0x3fu;
}
