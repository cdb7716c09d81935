/* SPDX-License-Identifier: MIT */
/* What this CPU can do, read by CPUID once on the boot CPU; the others are taken to be alike. */
#ifndef KERNEL_CPU_FEATURES_H
#define KERNEL_CPU_FEATURES_H

#include "lib/types.h"

struct cpu_features {
	bool nx, smep, smap, umip, pge;
	bool huge_1g; /* 1 GiB pages */
	bool erms;    /* fast rep movsb */
	char vendor[13];
	char brand[49];
};
extern struct cpu_features cpu_features;

/* Boot CPU, first of all: fills cpu_features and patches stac and clac into the image if there is SMAP.
 * Context: the boot map, where the image is still writable. */
void cpu_features_init(void);

struct cpuid_result {
	u32 eax, ebx, ecx, edx;
};
static inline struct cpuid_result cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_result r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

#endif
