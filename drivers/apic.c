/* SPDX-License-Identifier: MIT */
/*
 * Local APIC (SDM vol. 3, chapter 11). Clients: interrupt dispatch (EOI), kernel/cpu/{smp,ipi}.c, the scheduler (timer), kernel/time.c.
 *
 * Rule: one register layout, two ways to it: memory (xAPIC) or MSRs (x2APIC), chosen once by the boot CPU and followed by
 * the others. x2APIC is used if the CPU has it, unless the option nox2apic says no; if the firmware has it on already it stays, because
 * there is no way back but through a reset. An interrupt command takes two writes with xAPIC, so interrupts are off between them.
 *
 * Locks: none. Each CPU uses its own APIC; the rest is written at boot.
 */
#include "drivers/apic.h"

#include "drivers/acpi.h"
#include "drivers/ioapic.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/trap.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/time.h"
#include "lib/errno.h"
#include "mm/kva.h"

enum { /* register offsets of the xAPIC; the x2APIC's MSR is 0x800 + offset / 16 */
	REG_ID = 0x20,
	REG_TPR = 0x80,
	REG_EOI = 0xb0,
	REG_SVR = 0xf0,
	REG_ESR = 0x280,
	REG_ICR = 0x300,
	REG_ICR_HIGH = 0x310,
	REG_LVT_TIMER = 0x320,
	REG_LVT_THERMAL = 0x330,
	REG_LVT_PERF = 0x340,
	REG_LVT_LINT0 = 0x350,
	REG_LVT_LINT1 = 0x360,
	REG_LVT_ERROR = 0x370,
	REG_VERSION = 0x30,
	REG_TIMER_INITIAL = 0x380,
	REG_TIMER_CURRENT = 0x390,
	REG_TIMER_DIVIDE = 0x3e0,
};

#define MSR_APIC_BASE 0x1bu
#define APIC_BASE_X2 (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
#define MSR_X2APIC 0x800u
#define MSR_TSC_DEADLINE 0x6e0u

#define X1_BROADCAST 0xffu
#define X2_BROADCAST 0xffffffffu
#define SVR_ENABLE (1u << 8)
#define LVT_MASKED (1u << 16)
#define LVT_NMI (4u << 8)
#define LVT_TIMER_DEADLINE (2u << 17)
#define DIVIDE_BY_1 0xbu

#define ICR_NMI (4u << 8)
#define ICR_INIT (5u << 8)
#define ICR_STARTUP (6u << 8)
#define ICR_PENDING (1u << 12)
#define ICR_ASSERT (1u << 14)
#define ICR_SELF (1u << 18) /* shorthand: REG_ICR_HIGH does not count */

#define CPUID1_EDX_APIC (1u << 9)
#define CPUID1_ECX_X2APIC (1u << 21)
#define CPUID1_ECX_DEADLINE (1u << 24)

static struct {
	volatile u8 *regs; /* xAPIC; NULL: x2APIC */
	bool present, x2, deadline;
	u64 ticks_per_ns; /* of the timer, or of the TSC with deadline; 32.32 fixed point, 0: not calibrated */
	struct madt_info madt;
} apic;

static u32 reg_read(unsigned reg)
{
	if (apic.x2)
		return (u32)rdmsr(MSR_X2APIC + reg / 16);
	return *(volatile u32 *)(apic.regs + reg);
}

static void reg_write(unsigned reg, u32 v)
{
	if (apic.x2)
		wrmsr(MSR_X2APIC + reg / 16, v);
	else
		*(volatile u32 *)(apic.regs + reg) = v;
}

/* Remaps the 8259s away from the exceptions, in case one still raises a spurious interrupt, and masks them. */
static void silence_pic(void)
{
	static const struct {
		u16 port;
		u8 v;
	} init[] = {
		{0x20, 0x11},
		{0xa0, 0x11},
		{0x21, 0xe0},
		{0xa1, 0xe8},
		{0x21, 4},
		{0xa1, 2},
		{0x21, 1},
		{0xa1, 1},
		{0x21, 0xff},
		{0xa1, 0xff},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(init); i++)
		outb(init[i].port, init[i].v);
}

static void choose_mode(void)
{
	struct cpuid_result id = cpuid(1, 0);
	bool on = rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;

	apic.x2 = on || ((id.ecx & CPUID1_ECX_X2APIC) && !options.nox2apic);
	apic.deadline = id.ecx & CPUID1_ECX_DEADLINE;
}

int apic_init(void)
{
	const struct acpi_header *t = acpi_find("APIC", 0);

	silence_pic();
	if (!(cpuid(1, 0).edx & CPUID1_EDX_APIC))
		return -ENODEV;
	if (!t || madt_parse(t, t->length, &apic.madt))
		pr_warn("apic", "no usable MADT: one CPU, no device interrupts");
	choose_mode();
	if (!apic.x2) {
		u64 base = rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;

		if (apic.madt.nr_cpus && base != apic.madt.lapic_base)
			pr_warn("apic", "the MADT says 0x%llx, the CPU 0x%llx",
				(unsigned long long)apic.madt.lapic_base, (unsigned long long)base);
		apic.regs = kva_map_device(PADDR(base), PAGE_SIZE);
		if (!apic.regs)
			return -ENODEV;
	}
	apic.present = true;
	apic_init_this_cpu();
	ioapic_init(&apic.madt);
	pr_info("apic", "%s, %u CPUs enabled, %u I/O APICs", apic.x2 ? "x2APIC" : "xAPIC", apic.madt.nr_cpus,
		apic.madt.nr_ioapics);
	return 0;
}

const struct madt_info *apic_madt(void)
{
	return &apic.madt;
}

/* One-shot or deadline mode, not armed. */
static void start_timer(void)
{
	reg_write(REG_TIMER_INITIAL, 0);
	reg_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	reg_write(REG_LVT_TIMER, (apic.deadline ? LVT_TIMER_DEADLINE : 0) | VEC_TIMER);
	/* The mode is set before the first deadline (SDM vol. 3, 11.5.4.1). */
	__asm__ volatile("mfence" ::: "memory");
}

void apic_init_this_cpu(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);
	unsigned last_lvt;

	base |= APIC_BASE_ENABLE;
	wrmsr(MSR_APIC_BASE, base);
	if (apic.x2)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
	last_lvt = reg_read(REG_VERSION) >> 16 & 0xff;
	reg_write(REG_TPR, 0);
	reg_write(REG_LVT_TIMER, LVT_MASKED | VEC_TIMER);
	reg_write(REG_LVT_LINT0, LVT_MASKED);
	reg_write(REG_LVT_LINT1, LVT_NMI);
	reg_write(REG_LVT_ERROR, LVT_MASKED);
	if (last_lvt >= 4)
		reg_write(REG_LVT_PERF, LVT_MASKED);
	if (last_lvt >= 5)
		reg_write(REG_LVT_THERMAL, LVT_MASKED);
	reg_write(REG_ESR, 0);
	reg_write(REG_SVR, SVR_ENABLE | VEC_SPURIOUS);
	reg_write(REG_EOI, 0);
	if (apic.ticks_per_ns)
		start_timer();
}

u32 apic_id(void)
{
	if (!apic.present)
		return cpuid(1, 0).ebx >> 24;
	return apic.x2 ? reg_read(REG_ID) : reg_read(REG_ID) >> 24;
}

bool apic_reaches(u32 id)
{
	return apic.x2 ? id != X2_BROADCAST : id < X1_BROADCAST;
}

void apic_eoi(void)
{
	reg_write(REG_EOI, 0);
}

/* The writes before an interrupt command must be seen by who gets it: a store to an uncached register waits for them, a write to
 * an x2APIC register does not (SDM vol. 3, 11.12.3). */
static void send(u32 id, u32 command)
{
	irq_state_t s;

	if (!apic.present)
		return;
	if (apic.x2) {
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(MSR_X2APIC + REG_ICR / 16, (u64)id << 32 | command);
		return;
	}
	s = irq_save();
	while (reg_read(REG_ICR) & ICR_PENDING)
		cpu_relax();
	reg_write(REG_ICR_HIGH, id << 24);
	reg_write(REG_ICR, command);
	irq_restore(s);
}

void apic_send_ipi(u32 id, u8 vector)
{
	send(id, ICR_ASSERT | vector);
}

void apic_send_nmi(u32 id)
{
	send(id, ICR_ASSERT | ICR_NMI);
}

void apic_send_self(u8 vector)
{
	if (apic.present)
		reg_write(REG_ICR, ICR_SELF | ICR_ASSERT | vector);
}

void apic_send_init(u32 id)
{
	send(id, ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(u32 id, paddr_t trampoline)
{
	send(id, ICR_ASSERT | ICR_STARTUP | (u32)(trampoline.v >> PAGE_SHIFT));
}

bool apic_timer_has_deadline(void)
{
	return apic.deadline;
}

void apic_timer_start_count(void)
{
	reg_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	reg_write(REG_LVT_TIMER, LVT_MASKED | VEC_TIMER);
	reg_write(REG_TIMER_INITIAL, ~0u);
}

u32 apic_timer_counted(void)
{
	return ~reg_read(REG_TIMER_CURRENT);
}

void apic_timer_set_rate(u64 ticks_per_second)
{
	u64 seconds = ticks_per_second / NS_PER_SECOND, rest = ticks_per_second % NS_PER_SECOND;

	apic.ticks_per_ns = (seconds << 32) + (rest << 32) / NS_PER_SECOND;
	start_timer();
}

void apic_timer_arm(u64 ns)
{
	u64 ticks = (u64)((unsigned __int128)MIN(ns, 10 * NS_PER_SECOND) * apic.ticks_per_ns >> 32);

	if (!apic.ticks_per_ns)
		return;
	if (apic.deadline)
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + MAX(ticks, 1ull));
	else
		reg_write(REG_TIMER_INITIAL, (u32)MIN(MAX(ticks, 1ull), 0xffffffffull));
}
