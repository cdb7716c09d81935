/* SPDX-License-Identifier: MIT */
/*
 * Starting the other CPUs (SDM vol. 3, 9.4). Clients: kernel/main.c; smp_online() and cpu_count() everywhere.
 *
 * Rule: CPU indices are dense and in the order in which CPUs came up; APIC ids are whatever the firmware made them, and only drivers/apic.c
 * and this file know of them. CPUs are started one after the other. The trampoline lets a CPU take the stack that lies ready only if it is
 * the one that is being started (trampoline.asm), so one that is given up can come back late and do no harm.
 *
 * Life of a CPU: INIT; STARTUP; claims its arguments; ap_main() sets it up, compares clocks, says that it is online; then it idles.
 *
 * Locks: none; one CPU starts others, at boot.
 */
#include "kernel/cpu/smp.h"

#include "boot/bootinfo.h"
#include "drivers/acpi.h"
#include "drivers/apic.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/paging.h"
#include "kernel/cpu/trap.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "kernel/options.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "lib/string.h"

#define INIT_DELAY_US 10000
#define STARTUP_DELAY_US 200
#define ANSWER_US 1000000
#define SPINS 1000 /* some microseconds: about what sleeping and being woken costs */
#define CLAIM_NOBODY 0xffffffffu
#define CLAIM_TAKEN 0xfffffffeu /* CLAIMED in trampoline.asm */
#define LOW_MEMORY_END 0xa0000

/* trampoline.asm */
extern const u8 trampoline_start[], trampoline_args[], trampoline_end[];
struct trampoline_args {
	u64 root, efer;
	void (*entry)(struct percpu *);
	void *stack;
	struct percpu *cpu;
	struct trampoline_args *writable; /* these, by an address that may be written */
	_Atomic(u32) claim;               /* APIC id of the CPU that may go on */
	u32 reserved;
};
_Static_assert(sizeof(struct trampoline_args) == 56 && offsetof(struct trampoline_args, claim) == 48,
	"trampoline.asm");

static _Atomic(u64) online = 1;
static _Atomic(unsigned) nr_online = 1;

/* The comparison of clocks: a CPU that starts asks, the boot CPU answers, both with their TSC. */
static struct {
	_Atomic(u64) asked, answered, lag;
} tsc_check;

u64 smp_online(void)
{
	return atomic_load_explicit(&online, memory_order_relaxed);
}

unsigned cpu_count(void)
{
	return atomic_load_explicit(&nr_online, memory_order_relaxed);
}

/* Without a pause: that may take as long as what we wait for, and an emulated CPU leaves its loop for it. */
bool cpu_spin(unsigned *spun)
{
	return cpu_count() > 1 && ++*spun < SPINS;
}

/* The starting CPU's side. The boot CPU's TSC must lie between two reads of ours; by how many ticks does it not? */
static void compare_tsc(void)
{
	u64 before = rdtsc(), theirs, after;

	atomic_store(&tsc_check.asked, before);
	while (!(theirs = atomic_load(&tsc_check.answered)))
		cpu_relax();
	after = rdtsc();
	atomic_store(&tsc_check.lag, theirs < before ? before - theirs : theirs > after ? theirs - after : 0);
}

/* A CPU's first C: on its idle thread's stack, with the trampoline's page table. Interrupts off. */
static void NORETURN ap_main(struct percpu *p)
{
	cpu_init_this(p);
	cpu_load_root(cpu_kernel_root());
	fpu_init_cpu();
	apic_init_this_cpu();
	sched_init_cpu(p);
	compare_tsc();
	atomic_fetch_or(&online, 1ull << p->index);
	atomic_fetch_add(&nr_online, 1);
	sched_idle();
}

/* Is [a, a + PAGE_SIZE) RAM and nothing else? */
static bool is_free_page(u64 a)
{
	bool ram = false;

	for (unsigned i = 0; i < boot_info.nr_ranges; i++) {
		const struct boot_range *r = &boot_info.ranges[i];
		u64 end = r->base + r->len;

		if (r->type == BOOT_RAM && r->base <= a && a + PAGE_SIZE <= end)
			ram = true;
		else if (r->type != BOOT_RAM && r->base < a + PAGE_SIZE && a < end)
			return false;
	}
	return ram;
}

/* Not page 0, which has the BIOS's data. */
static paddr_t find_trampoline_page(void)
{
	for (u64 a = LOW_MEMORY_END - PAGE_SIZE; a > 0; a -= PAGE_SIZE) {
		if (is_free_page(a))
			return PADDR(a);
	}
	return PADDR_NONE;
}

static bool wait_for_claim(struct trampoline_args *args, u64 us)
{
	u64 start = time_ns();

	while (atomic_load(&args->claim) != CLAIM_TAKEN) {
		if (time_ns() - start > us * 1000)
			return false;
		cpu_relax();
	}
	return true;
}

/* Answers the new CPU's clock question, and waits for it to come online. It runs our code by now, so it will. */
static void welcome(unsigned index)
{
	u64 lag;

	while (!atomic_load(&tsc_check.asked))
		cpu_relax();
	atomic_store(&tsc_check.answered, rdtsc());
	while (!(smp_online() & 1ull << index))
		cpu_relax();
	lag = atomic_load(&tsc_check.lag);
	if (lag)
		pr_warn("smp", "cpu %u: its TSC differs by %llu us", index,
			(unsigned long long)lag * 1000000 / time_tsc_hz());
	atomic_store(&tsc_check.asked, 0);
	atomic_store(&tsc_check.answered, 0);
}

/* Starts one CPU under the next free index. False: it does not answer, or there is no memory for it. */
static bool start_cpu(u32 id, unsigned index, struct trampoline_args *args, paddr_t page)
{
	struct percpu *p = percpu_of(index);
	u32 expected = id;

	args->stack = sched_prepare_cpu(index);
	if (!p)
		p = percpu_create(index, id);
	if (!args->stack || !p) {
		pr_warn("smp", "no memory for CPU %u", index);
		return false;
	}
	p->apic_id = id;
	args->cpu = p;
	atomic_store(&args->claim, id);
	apic_send_startup(id, page);
	if (!wait_for_claim(args, STARTUP_DELAY_US)) {
		apic_send_startup(id, page);
		if (!wait_for_claim(args, ANSWER_US) &&
			atomic_compare_exchange_strong(&args->claim, &expected, CLAIM_NOBODY)) {
			pr_warn("smp", "the CPU with APIC id %u does not answer", id);
			return false;
		}
	}
	welcome(index);
	return true;
}

/* Copies the trampoline and fills in what is the same for all. */
static struct trampoline_args *place_trampoline(paddr_t page)
{
	u8 *copy = phys_to_virt(page);
	struct trampoline_args *args =
		(struct trampoline_args *)(copy + (trampoline_args - trampoline_start));

	memcpy(copy, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	args->root = ap_root(page).v;
	args->efer = ap_efer();
	args->entry = ap_main;
	args->writable = args;
	atomic_store(&args->claim, CLAIM_NOBODY);
	return args;
}

static bool can_start(u32 id, u32 self)
{
	return id != self && apic_reaches(id);
}

void smp_init(void)
{
	const struct madt_info *madt = apic_madt();
	unsigned max = MIN(options.maxcpus ? options.maxcpus : 1, (unsigned)MAX_CPUS), index = 1;
	u32 self = apic_id();
	struct trampoline_args *args;
	paddr_t page;

	percpu_of(0)->apic_id = self;
	if (max == 1 || madt->nr_cpus <= 1)
		return;
	page = find_trampoline_page();
	if (page.v == PADDR_NONE.v || ap_root(page).v == PADDR_NONE.v) {
		pr_warn("smp", "no page below 640 KiB: the other CPUs are not started");
		return;
	}
	args = place_trampoline(page);
	for (unsigned i = 0; i < madt->nr_cpus; i++) {
		if (can_start(madt->apic_ids[i], self))
			apic_send_init(madt->apic_ids[i]);
	}
	time_delay_us(INIT_DELAY_US);
	for (unsigned i = 0; i < madt->nr_cpus && index < max; i++) {
		if (can_start(madt->apic_ids[i], self) && start_cpu(madt->apic_ids[i], index, args, page))
			index++;
	}
	pr_info("smp", "%u of %u CPUs run", cpu_count(), madt->nr_cpus);
}
