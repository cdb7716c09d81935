/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU records, GDT, TSS with IST stacks, the IDT, and the MSRs of the syscall instruction. SDM vol. 3,
 * chapters 3, 6, 8; vol. 2, SYSCALL.
 *
 * Rules: CPU 0's record and stacks are static, because traps must work before there is memory; the others'
 * come from percpu_create(). The IDT is one for all. Every gate is an interrupt gate: handlers start with
 * interrupts off.
 */
#include "kernel/cpu/desc.h"

#include "kernel/cpu/features.h"
#include "kernel/cpu/mce.h"
#include "kernel/cpu/paging.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/kmem.h"
#include "mm/kva.h"

#define IST_PAGES 2

struct idt_gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_middle;
	u32 offset_high, reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "SDM vol. 3, figure 6-8");

struct descriptor_pointer {
	u16 limit;
	u64 base;
} PACKED;

/* entry.asm: 256 entries of VECTOR_STUB_SIZE bytes; the system call's entry. */
#define VECTOR_STUB_SIZE 16
extern char vector_stubs[], syscall_entry[];
extern u8 boot_ist_stacks[NR_IST][STACK_UNIT]; /* boot.asm */

static struct cpu_arch boot_arch;
static struct percpu boot_cpu = {.self = &boot_cpu, .arch = &boot_arch};
static struct percpu *cpus[MAX_CPUS] = {&boot_cpu};
static struct idt_gate idt[256] ALIGNED(PAGE_SIZE);

static const char *const ist_names[NR_IST] = {"double fault", "NMI", "machine check", "debug"};

struct percpu *percpu_of(unsigned i)
{
	return i < MAX_CPUS ? cpus[i] : NULL;
}

static void fill_arch(struct cpu_arch *a)
{
	u64 base = (u64)&a->tss, limit = sizeof(a->tss) - 1;

	a->gdt[SEL_KCODE / 8] = 0x00af9b000000ffffull;
	a->gdt[SEL_KDATA / 8] = 0x00cf93000000ffffull;
	a->gdt[SEL_UDATA / 8] = 0x00cff3000000ffffull;
	a->gdt[SEL_UCODE / 8] = 0x00affb000000ffffull;
	/* 64-bit TSS descriptor, present, available (SDM vol. 3, 8.2.3) */
	a->gdt[SEL_TSS / 8] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	a->gdt[SEL_TSS / 8 + 1] = base >> 32;
	a->tss.iomap_base = sizeof(a->tss);
}

static void fill_idt(void)
{
	static const struct {
		u8 vector, ist;
	} on_ist[] = {
		{1, IST_DEBUG},
		{2, IST_NMI},
		{8, IST_DOUBLE_FAULT},
		{18, IST_MACHINE_CHECK},
	};

	for (unsigned i = 0; i < 256; i++) {
		u64 entry = (u64)vector_stubs + i * VECTOR_STUB_SIZE;

		idt[i] = (struct idt_gate){
			.offset_low = (u16)entry,
			.selector = SEL_KCODE,
			.type = 0x8e, /* present, ring 0, interrupt gate */
			.offset_middle = (u16)(entry >> 16),
			.offset_high = (u32)(entry >> 32),
		};
	}
	idt[3].type = 0xee; /* int3 from ring 3 */
	for (unsigned i = 0; i < ARRAY_SIZE(on_ist); i++)
		idt[on_ist[i].vector].ist = on_ist[i].ist + 1;
}

/* Segment registers from the new GDT. GS base is set afterwards: loading a selector clears it. */
static void load_gdt(struct cpu_arch *a)
{
	struct descriptor_pointer gdtr = {sizeof(a->gdt) - 1, (u64)a->gdt};
	u64 scratch;

	__asm__ volatile("lgdt %1\n\t"
			 "pushq %2\n\t"
			 "leaq 1f(%%rip), %0\n\t"
			 "pushq %0\n\t"
			 "lretq\n"
			 "1:\tmovl %3, %%ds\n\t"
			 "movl %3, %%es\n\t"
			 "movl %3, %%ss\n\t"
			 "movl %4, %%fs\n\t"
			 "movl %4, %%gs\n\t"
			 "ltr %w5"
			 : "=&r"(scratch)
			 : "m"(gdtr), "i"(SEL_KCODE), "r"(SEL_KDATA), "r"(0), "r"(SEL_TSS)
			 : "memory");
}

static void set_protection_bits(void)
{
	u64 cr4 = read_cr4();

	if (cpu_features.pge)
		cr4 |= CR4_PGE;
	if (cpu_features.umip)
		cr4 |= CR4_UMIP;
	if (cpu_features.smep)
		cr4 |= CR4_SMEP;
	if (cpu_features.smap)
		cr4 |= CR4_SMAP;
	write_cr4(cr4);
	write_cr0(read_cr0() | CR0_WP);
}

static void set_syscall_msrs(void)
{
	/* What syscall clears in RFLAGS: TF, IF, DF, IOPL, NT, AC. */
	const u64 mask = 1ul << 8 | 1ul << 9 | 1ul << 10 | 3ul << 12 | 1ul << 14 | 1ul << 18;

	/* sysretq takes SS from STAR[63:48] + 8 and CS from STAR[63:48] + 16. */
	_Static_assert((SEL_UDATA & ~3) == SEL_KDATA + 8 && (SEL_UCODE & ~3) == SEL_KDATA + 16, "STAR");
	wrmsr(MSR_STAR, (u64)(SEL_KDATA | 3) << 48 | (u64)SEL_KCODE << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_SFMASK, mask);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (cpu_features.nx ? EFER_NXE : 0));
}

void cpu_init_this(struct percpu *p)
{
	struct descriptor_pointer idtr = {sizeof(idt) - 1, (u64)idt};

	p->arch->gdt[SEL_TSS / 8] &= ~(1ull << 41); /* not busy, or ltr refuses it */
	load_gdt(p->arch);
	wrmsr(MSR_GS_BASE, (u64)p);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_FS_BASE, 0);
	__asm__ volatile("lidt %0" ::"m"(idtr));
	set_protection_bits();
	set_syscall_msrs();
	mce_init_this_cpu();
}

void cpu_set_kernel_stack(u64 top)
{
	struct percpu *p = this_cpu();

	p->kernel_stack = top;
	p->arch->tss.rsp[0] = top;
}

void desc_init_boot(void)
{
	fill_arch(&boot_arch);
	for (unsigned i = 0; i < NR_IST; i++)
		boot_arch.tss.ist[i] = (u64)boot_ist_stacks[i] + STACK_UNIT;
	fill_idt();
	cpu_init_this(&boot_cpu);
}

struct percpu *percpu_create(unsigned index, u32 apic_id)
{
	struct percpu *p = kzalloc(sizeof(*p));
	struct cpu_arch *a = kzalloc(sizeof(*a));
	unsigned nr_stacks = 0;

	if (!p || !a)
		goto fail;
	fill_arch(a);
	for (; nr_stacks < NR_IST; nr_stacks++) {
		u8 *stack = kva_alloc_stack(IST_PAGES);

		if (!stack)
			goto fail_stacks;
		a->tss.ist[nr_stacks] = (u64)stack + IST_PAGES * PAGE_SIZE;
	}
	*p = (struct percpu){.self = p, .index = index, .apic_id = apic_id, .arch = a};
	cpus[index] = p;
	return p;

fail_stacks:
	while (nr_stacks-- > 0)
		kva_free_stack((u8 *)a->tss.ist[nr_stacks] - IST_PAGES * PAGE_SIZE, IST_PAGES);
fail:
	kfree(a);
	kfree(p);
	return NULL;
}

const char *desc_guard_page(u64 a)
{
	u64 image_stack = a - (u64)stacks_start;

	if (a >= (u64)stacks_start && a < (u64)stacks_end && image_stack % STACK_UNIT < PAGE_SIZE)
		return "boot";
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
		struct percpu *p = cpus[cpu];
		u64 pages = cpu ? IST_PAGES : BOOT_STACK_PAGES;

		for (unsigned i = 0; p && i < NR_IST; i++) {
			u64 guard = p->arch->tss.ist[i] - (pages + 1) * PAGE_SIZE;

			if (a >= guard && a < guard + PAGE_SIZE)
				return ist_names[i];
		}
	}
	return kva_is_guard(a) ? "thread" : NULL;
}
