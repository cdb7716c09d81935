/* SPDX-License-Identifier: MIT */
/*
 * Machine checks: reading the banks, and telling what can be survived.
 *
 * Rules
 * - What can be survived is an error in a page of persistent memory that the CPU has not used yet: the page goes on the list of bad pages
 *   (mm/poison.h) and out of every address space. Whoever needs it gets SIGBUS or -EIO. Everything else is a panic that names the bank.
 * - A machine check can hit anywhere, with any spinlock held, so what happens in the handler is lock-free: it reads registers and
 *   lists pages. Unmapping sleeps: a check from user mode does it on the thread's stack, as for any exception; one in the kernel
 *   sends this CPU an interrupt, whose handler wakes a thread.
 * - MCG_STATUS.MCIP is cleared before interrupts are on: a second check before that shuts the CPU down.
 *
 * Classes (16.6): an error with S and AR set stopped the instruction at RIP if EIPV is set: it must not be made again as it was. In user
 * mode it may after the page is gone. In the kernel only where the exception table has a way out (usercopy.asm). S without AR, and AR on a CPU that
 * only was told (EIPV clear), report a bad page that nobody waits for. Without S, or without EN, there is nothing to do.
 */
#include "kernel/cpu/mce.h"

#include "drivers/apic.h"
#include "drivers/pmem.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/trap.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "mm/poison.h"

/* SDM vol. 4, table 2-2 */
#define MSR_MCG_CAP 0x179u
#define MSR_MCG_STATUS 0x17au
#define MSR_MCG_CTL 0x17bu
#define MSR_MC_CTL(bank) (0x400u + 4 * (bank))
#define MSR_MC_STATUS(bank) (0x401u + 4 * (bank))
#define MSR_MC_ADDR(bank) (0x402u + 4 * (bank))
#define MSR_MC_MISC(bank) (0x403u + 4 * (bank))

/* 16.3.1 */
#define CAP_COUNT 0xffu
#define CAP_CTL (1ull << 8)
#define CAP_SER (1ull << 24) /* software error recovery: S and AR mean something */
#define MCG_RIPV (1ull << 0) /* the program can go on at RIP */
#define MCG_EIPV (1ull << 1) /* the instruction at RIP is the one that met the error */
/* 16.3.2.2 and 16.6.2 */
#define STATUS_VAL (1ull << 63)
#define STATUS_OVER (1ull << 62)
#define STATUS_UC (1ull << 61)
#define STATUS_EN (1ull << 60)
#define STATUS_MISCV (1ull << 59)
#define STATUS_ADDRV (1ull << 58)
#define STATUS_PCC (1ull << 57)
#define STATUS_S (1ull << 56)
#define STATUS_AR (1ull << 55)
#define STATUS_CODE 0xffffull
#define CODE_DATA_LOAD 0x134u
#define CODE_FETCH 0x150u
/* 16.3.2.4 */
#define MISC_LSB(misc) ((misc)&63)
#define MISC_PHYSICAL(misc) (((misc) >> 6 & 7) == 2)

#define CPUID_1_EDX_MCE (1u << 7)
#define CPUID_1_EDX_MCA (1u << 14)

struct bank {
	unsigned nr;
	u64 status, addr, misc, global; /* global: MCG_STATUS */
};

static bool banks_present; /* the same on every CPU */
static struct {
	struct waitq wait;
	_Atomic(bool) wanted;
} worker;

/* Models before 1AH of family 6: their firmware alone writes MC0_CTL (16.3.2.1). */
static bool keeps_bank0(u32 signature)
{
	u32 family = signature >> 8 & 15, model = (signature >> 4 & 15) | (signature >> 12 & 0xf0);

	return family == 6 && model < 0x1a;
}

void mce_init_this_cpu(void)
{
	struct cpuid_result one = cpuid(1, 0);

	if (!(one.edx & CPUID_1_EDX_MCE))
		return;
	if (one.edx & CPUID_1_EDX_MCA) {
		u64 cap = rdmsr(MSR_MCG_CAP);

		if (cap & CAP_CTL)
			wrmsr(MSR_MCG_CTL, ~0ull);
		for (unsigned i = 0; i < (cap & CAP_COUNT); i++) {
			if (i || !keeps_bank0(one.eax))
				wrmsr(MSR_MC_CTL(i), ~0ull);
			wrmsr(MSR_MC_STATUS(i), 0);
		}
		wrmsr(MSR_MCG_STATUS, 0);
		banks_present = true;
	}
	write_cr4(read_cr4() | CR4_MCE);
}

static void NORETURN fatal(const struct trap_frame *f, const struct bank *b, const char *why)
{
	panic_trap(f,
		"machine check: %s (bank %u: status %#llx, address %#llx, misc %#llx; MCG_STATUS %#llx)", why,
		b->nr, (unsigned long long)b->status, (unsigned long long)b->addr,
		(unsigned long long)b->misc, (unsigned long long)b->global);
}

/* Does the bank name one page of persistent memory? */
static bool names_page(const struct bank *b)
{
	return (b->status & STATUS_ADDRV) && (b->status & STATUS_MISCV) && MISC_PHYSICAL(b->misc) &&
		MISC_LSB(b->misc) <= PAGE_SHIFT && pmem_find(PADDR(b->addr));
}

/* Why the machine cannot go on; NULL: it can. *action: the interrupted instruction has met the error. */
static const char *why_fatal(const struct bank *b, bool recovery, bool *action)
{
	u64 code = b->status & STATUS_CODE;

	if (b->status & STATUS_PCC)
		return "the state of the processor is damaged";
	if (!recovery)
		return "an error that the hardware cannot correct";
	if (!(b->status & STATUS_AR))
		return NULL;
	if (!(b->status & STATUS_S) || (b->status & STATUS_OVER) ||
		(code != CODE_DATA_LOAD && code != CODE_FETCH))
		return "an error that needs an action nobody knows";
	if (!names_page(b))
		return "an error in use, not in a page of persistent memory";
	*action = b->global & MCG_EIPV;
	return NULL;
}

/* Reads and clears the banks. True: pages are to be unmapped. Does not return from what is fatal. */
static bool read_banks(struct trap_frame *f)
{
	u64 cap = banks_present ? rdmsr(MSR_MCG_CAP) : 0;
	struct bank b = {.global = banks_present ? rdmsr(MSR_MCG_STATUS) : 0};
	bool action = false, pages = false;

	for (b.nr = 0; b.nr < (cap & CAP_COUNT); b.nr++) {
		const char *why;

		b.status = rdmsr(MSR_MC_STATUS(b.nr));
		if (!(b.status & STATUS_VAL))
			continue;
		b.addr = b.status & STATUS_ADDRV ? rdmsr(MSR_MC_ADDR(b.nr)) : 0;
		b.misc = b.status & STATUS_MISCV ? rdmsr(MSR_MC_MISC(b.nr)) : 0;
		if ((b.status & STATUS_UC) && (b.status & STATUS_EN)) {
			why = why_fatal(&b, cap & CAP_SER, &action);
			if (!why && (b.status & STATUS_S) && names_page(&b)) {
				pages = true;
				if (poison_add(PADDR(b.addr)))
					why = "there are more bad pages than can be remembered";
			}
			if (why)
				fatal(f, &b, why);
			if (action && !frame_from_user(f) && !trap_fix_up(f))
				fatal(f, &b, "the kernel itself needs the page");
			action = false;
		}
		wrmsr(MSR_MC_STATUS(b.nr), 0);
	}
	if (!(b.global & MCG_RIPV))
		panic_trap(f, "machine check: the program cannot go on (MCG_STATUS %#llx)",
			(unsigned long long)b.global);
	wrmsr(MSR_MCG_STATUS, 0);
	return pages;
}

static void unmap_and_tell(void)
{
	u64 entries = poison_unmap();

	pr_warn("mce",
		"a machine check has named a bad page: %llu mappings taken away, %u pages are quarantined",
		(unsigned long long)entries, poison_count());
}

void mce_from_user(struct trap_frame *f)
{
	if (!read_banks(f))
		return;
	irq_enable();
	unmap_and_tell();
	irq_disable();
}

void mce_from_kernel(struct trap_frame *f)
{
	if (read_banks(f))
		apic_send_self(VEC_MCE);
}

static void wake_worker(struct trap_frame *f UNUSED, void *arg UNUSED)
{
	atomic_store(&worker.wanted, true);
	waitq_wake_one(&worker.wait);
}

static void worker_main(void *arg UNUSED)
{
	for (;;) {
		WAIT_EVENT(&worker.wait, atomic_load(&worker.wanted));
		atomic_store(&worker.wanted, false);
		unmap_and_tell();
	}
}

void mce_init(void)
{
	waitq_init(&worker.wait);
	irq_set_handler(VEC_MCE, wake_worker, NULL);
	if (!thread_create("mce", worker_main, NULL, NULL))
		pr_warn("mce", "no memory for a thread: bad pages stay mapped");
}
