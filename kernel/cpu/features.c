/* SPDX-License-Identifier: MIT */
/* CPUID (SDM vol. 2A, CPUID) and the patching of stac/clac. */
#include "kernel/cpu/features.h"

#include "lib/string.h"

struct cpu_features cpu_features;
bool cpu_has_erms; /* usercopy.asm */

/* usercopy.asm and entry.asm: where a three-byte nop becomes the instruction when there is SMAP. */
struct smap_site {
	u8 *at;
	u64 stac; /* 1: stac, 0: clac */
};
extern const struct smap_site smap_sites_start[], smap_sites_end[];

static void patch_smap_sites(void)
{
	for (const struct smap_site *s = smap_sites_start; s < smap_sites_end; s++) {
		s->at[0] = 0x0f;
		s->at[1] = 0x01;
		s->at[2] = s->stac ? 0xcb : 0xca;
	}
}

static void read_names(struct cpu_features *f, u32 max_extended)
{
	struct cpuid_result r = cpuid(0, 0);

	memcpy(f->vendor, &r.ebx, 4);
	memcpy(f->vendor + 4, &r.edx, 4);
	memcpy(f->vendor + 8, &r.ecx, 4);
	for (u32 i = 0; max_extended >= 0x80000004 && i < 3; i++) {
		r = cpuid(0x80000002 + i, 0);
		memcpy(f->brand + 16 * i, &r, sizeof(r));
	}
}

void cpu_features_init(void)
{
	struct cpu_features *f = &cpu_features;
	u32 max_basic = cpuid(0, 0).eax, max_extended = cpuid(0x80000000, 0).eax;
	struct cpuid_result one = cpuid(1, 0), seven = {0}, extended = cpuid(0x80000001, 0);

	if (max_basic >= 7)
		seven = cpuid(7, 0);
	f->pge = one.edx & (1u << 13);
	f->smep = seven.ebx & (1u << 7);
	f->erms = seven.ebx & (1u << 9);
	f->smap = seven.ebx & (1u << 20);
	f->umip = seven.ecx & (1u << 2);
	f->nx = extended.edx & (1u << 20);
	f->huge_1g = extended.edx & (1u << 26);
	read_names(f, max_extended);
	cpu_has_erms = f->erms;
	if (f->smap)
		patch_smap_sites();
}
