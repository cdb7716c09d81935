/* SPDX-License-Identifier: MIT */
/*
 * Panic: see panic.h for the sequence.
 *
 * Rules: one CPU owns the panic. From then on nothing here waits for a lock, allocates, or trusts a pointer
 * that kernel_peek64() has not read. A panic inside the panic, on the owner, prints its reason and goes
 * straight to the end.
 */
#include "kernel/panic.h"

#include "drivers/apic.h"
#include "kernel/cpu/backtrace.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/trap.h"
#include "kernel/cpu/x86.h"
#include "kernel/options.h"
#include "kernel/power.h"
#include "kernel/thread.h"
#include "lib/fmt.h"

#define NOBODY (~0u)
#define STOP_NS 200000000ull /* how long another CPU has for its answer */
#define PAUSE_NS 2000000000ull
#define MAX_SPINS 400000000u /* for a clock that stands still */
#define QUIET_TAIL 4096
#define REASON_MAX 256

static _Atomic(u32) owner = NOBODY;
static bool nested; /* owner only */
static _Atomic(const struct trap_frame *) stopped[MAX_CPUS];

bool panic_running(void)
{
	return atomic_load_explicit(&owner, memory_order_relaxed) != NOBODY;
}

void panic_stop_this_cpu(const struct trap_frame *f)
{
	atomic_store_explicit(&stopped[cpu_id()], f, memory_order_release);
	halt_forever();
}

static void print_registers(const struct trap_frame *f)
{
	log_raw("rip %016llx  cs %02llx  rflags %08llx  rsp %016llx  vector %llu  error %llx\n",
		(unsigned long long)f->rip, (unsigned long long)f->cs, (unsigned long long)f->rflags,
		(unsigned long long)f->rsp, (unsigned long long)f->vector, (unsigned long long)f->error);
	log_raw("rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx\n", (unsigned long long)f->rax,
		(unsigned long long)f->rbx, (unsigned long long)f->rcx, (unsigned long long)f->rdx);
	log_raw("rsi %016llx  rdi %016llx  rbp %016llx  r8  %016llx\n", (unsigned long long)f->rsi,
		(unsigned long long)f->rdi, (unsigned long long)f->rbp, (unsigned long long)f->r8);
	log_raw("r9  %016llx  r10 %016llx  r11 %016llx  r12 %016llx\n", (unsigned long long)f->r9,
		(unsigned long long)f->r10, (unsigned long long)f->r11, (unsigned long long)f->r12);
	log_raw("r13 %016llx  r14 %016llx  r15 %016llx  cr2 %016llx\n", (unsigned long long)f->r13,
		(unsigned long long)f->r14, (unsigned long long)f->r15, (unsigned long long)read_cr2());
}

/* Until `flag` is set (NULL: never) or the time is over. */
static void wait_for(_Atomic(const struct trap_frame *) *flag, u64 ns)
{
	u64 start = time_ns();

	for (u32 spins = 0; spins < MAX_SPINS && time_ns() - start < ns; spins++) {
		if (flag && atomic_load_explicit(flag, memory_order_acquire))
			return;
		cpu_relax();
	}
}

static void stop_other_cpus(void)
{
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		struct percpu *p = percpu_of(i);

		if (!p || p == this_cpu() || !p->current)
			continue;
		apic_send_nmi(p->apic_id);
		wait_for(&stopped[i], STOP_NS);
	}
}

static void print_other_cpus(void)
{
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		struct percpu *p = percpu_of(i);
		const struct trap_frame *f = atomic_load_explicit(&stopped[i], memory_order_acquire);

		if (!p || p == this_cpu() || !p->current)
			continue;
		log_raw("cpu %u, thread %s:%s\n", i, p->current ? p->current->name : "none",
			f ? "" : " does not answer");
		if (f)
			backtrace_print_frame(f);
	}
}

static void NORETURN end(void)
{
	if (options.panic_halt) {
		log_raw("panic=halt: the machine stays as it is\n");
		halt_forever();
	}
	wait_for(NULL, PAUSE_NS);
	power_off(1);
}

static void NORETURN do_panic(const struct trap_frame *f, u64 rbp, const char *reason)
{
	u32 nobody = NOBODY;
	struct thread *t;

	irq_disable();
	if (!atomic_compare_exchange_strong(&owner, &nobody, cpu_id())) {
		if (nobody != cpu_id())
			halt_forever(); /* the owner's NMI takes this CPU's frame from here */
		if (!nested) {
			nested = true;
			log_raw("\npanic inside the panic: %s\n", reason);
			if (f)
				backtrace_print_frame(f);
		}
		end();
	}
	stop_other_cpus();
	if (options.quiet)
		log_dump_tail(QUIET_TAIL);
	t = this_cpu()->current;
	log_raw("\npanic: %s\ncpu %u, thread %s, %llu ms after boot\n", reason, cpu_id(),
		t ? t->name : "none", (unsigned long long)(time_ns() / 1000000));
	if (f) {
		print_registers(f);
		backtrace_print_frame(f);
	} else {
		backtrace_print(rbp);
	}
	print_other_cpus();
	end();
}

void panic(const char *fmt, ...)
{
	char reason[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	do_panic(NULL, (u64)__builtin_frame_address(0), reason);
}

void panic_trap(const struct trap_frame *f, const char *fmt, ...)
{
	char reason[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	do_panic(f, 0, reason);
}
