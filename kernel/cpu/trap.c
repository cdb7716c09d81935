/* SPDX-License-Identifier: MIT */
/*
 * What happens after entry.asm has saved the registers: page faults, exceptions, interrupts, the way back
 * to user mode.
 *
 * Rules
 * - Handlers are entered and left with interrupts off. User faults and exceptions turn them on in between;
 *   kernel faults only where the interrupted code had them on.
 * - The kernel touches user memory only in usercopy.asm. A fault there is offered to mm_fault() once,
 *   unless the thread has page faults disabled; otherwise the exception table says where to go on. Any
 *   other kernel fault is a broken invariant: panic.
 */
#include "kernel/cpu/trap.h"

#include "drivers/apic.h"
#include "kernel/cpu/desc.h"
#include "kernel/cpu/mce.h"
#include "kernel/cpu/paging.h"
#include "kernel/cpu/x86.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/sched.h"

_Static_assert(offsetof(struct thread, killed) == 44 && offsetof(struct thread, signalled) == 45,
	"THREAD_WORK in entry.asm");
_Static_assert(offsetof(struct trap_frame, r11) == 6 * 8 && offsetof(struct trap_frame, rdi) == 14 * 8 &&
		offsetof(struct trap_frame, rip) == 17 * 8 && offsetof(struct trap_frame, rsp) == 20 * 8,
	"entry.asm");

enum {
	VEC_DEBUG = 1,
	VEC_NMI = 2,
	VEC_DOUBLE_FAULT = 8,
	VEC_PROTECTION = 13,
	VEC_PAGE_FAULT = 14,
	VEC_MACHINE_CHECK = 18,
	NR_EXCEPTIONS = 32
};

/* Page fault error code (SDM vol. 3, figure 4-12). */
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_RESERVED = 8, PF_FETCH = 16 };

struct ex_entry {
	u64 insn, fixup;
};
extern const struct ex_entry ex_table_start[], ex_table_end[];
extern char usercopy_start[], usercopy_end[];

static struct {
	irq_handler_fn fn;
	void *arg;
} irq_handlers[256];

/* Linux signal numbers. */
enum { SIG_ILL = 4, SIG_TRAP = 5, SIG_BUS = 7, SIG_FPE = 8, SIG_SEGV = 11 };
static const struct {
	const char *what;
	int signo;
} exceptions[NR_EXCEPTIONS] = {
	[0] = {"divide error", SIG_FPE},
	[1] = {"debug trap", SIG_TRAP},
	[2] = {"NMI", 0},
	[3] = {"breakpoint", SIG_TRAP},
	[4] = {"overflow", SIG_SEGV},
	[5] = {"bound range exceeded", SIG_SEGV},
	[6] = {"invalid opcode", SIG_ILL},
	[7] = {"FPU not available", SIG_SEGV},
	[8] = {"double fault", 0},
	[10] = {"invalid TSS", SIG_SEGV},
	[11] = {"segment not present", SIG_BUS},
	[12] = {"stack-segment fault", SIG_BUS},
	[VEC_PROTECTION] = {"general protection fault", SIG_SEGV},
	[14] = {"page fault", SIG_SEGV},
	[16] = {"x87 error", SIG_FPE},
	[17] = {"alignment check", SIG_BUS},
	[18] = {"machine check", 0},
	[19] = {"SIMD error", SIG_FPE},
	[21] = {"control protection", SIG_SEGV},
};

static const char *exception_name(u64 vector)
{
	const char *what = vector < NR_EXCEPTIONS ? exceptions[vector].what : NULL;

	return what ? what : "reserved exception";
}

void irq_set_handler(u8 vector, irq_handler_fn fn, void *arg)
{
	irq_handlers[vector].arg = arg;
	irq_handlers[vector].fn = fn;
}

/* ---------------------------------------------------------------- faults */

static bool in_usercopy(u64 rip)
{
	return rip >= (u64)usercopy_start && rip < (u64)usercopy_end;
}

bool trap_fix_up(struct trap_frame *f)
{
	for (const struct ex_entry *e = ex_table_start; e < ex_table_end; e++) {
		if (e->insn == f->rip) {
			f->rip = e->fixup;
			return true;
		}
	}
	return false;
}

static unsigned fault_flags(u64 error)
{
	return (error & PF_WRITE ? FAULT_WRITE : 0) | (error & PF_FETCH ? FAULT_EXEC : 0) |
		(error & PF_USER ? FAULT_USER : 0);
}

static bool is_canonical(u64 address)
{
	return (u64)((i64)(address << 16) >> 16) == address;
}

static void user_page_fault(struct trap_frame *f, u64 address)
{
	struct mm *mm = thread_current()->mm;
	unsigned flags = fault_flags(f->error);
	enum fault_result r = FAULT_SIGSEGV_MAP;

	irq_enable();
	if (likely(address < USER_TOP))
		r = mm_fault(mm, UADDR(address), flags);
	if (unlikely(r != FAULT_DONE && !is_canonical(address))) { /* QEMU 8.2; the processor raises #GP */
		f->vector = VEC_PROTECTION;
		f->error = 0;
		user_exception(f, SIG_SEGV, exception_name(VEC_PROTECTION));
	} else if (unlikely(r != FAULT_DONE)) {
		user_fault(f, r, UADDR(address), flags);
	}
	irq_disable();
}

/* A fault of usercopy.asm: true if the access may be tried again. */
static bool usercopy_fault(struct trap_frame *f, u64 address)
{
	struct thread *t = thread_current();
	enum fault_result r;

	if (!t || !t->mm || t->pagefault_disabled || !(f->rflags & RFLAGS_IF))
		return false;
	irq_enable();
	r = mm_fault(t->mm, UADDR(address), fault_flags(f->error));
	irq_disable();
	return r == FAULT_DONE;
}

static void NORETURN bad_kernel_fault(const struct trap_frame *f, u64 address)
{
	const char *stack = desc_guard_page(address);

	if (stack)
		panic_trap(
			f, "%s stack overflow: guard page at %#llx hit", stack, (unsigned long long)address);
	panic_trap(f, "kernel page fault: %s of %s address %#llx (error %#llx)",
		f->error & PF_FETCH           ? "execution"
			: f->error & PF_WRITE ? "write"
					      : "read",
		address < USER_TOP              ? "user"
			: f->error & PF_PRESENT ? "protected"
						: "unmapped",
		(unsigned long long)address, (unsigned long long)f->error);
}

static void page_fault(struct trap_frame *f)
{
	u64 address = read_cr2();

	if (unlikely(f->error & PF_RESERVED))
		panic_trap(f, "page table of %#llx has reserved bits set", (unsigned long long)address);
	if (frame_from_user(f)) {
		user_page_fault(f, address);
		return;
	}
	if (address < USER_TOP && in_usercopy(f->rip) && usercopy_fault(f, address))
		return;
	if (!trap_fix_up(f))
		bad_kernel_fault(f, address);
}

static void exception(struct trap_frame *f)
{
	if (f->vector == VEC_MACHINE_CHECK) {
		mce_from_user(f);
	} else if (frame_from_user(f)) {
		int signo = f->vector < NR_EXCEPTIONS && exceptions[f->vector].signo
			? exceptions[f->vector].signo
			: SIG_SEGV;

		irq_enable();
		user_exception(f, signo, exception_name(f->vector));
		irq_disable();
	} else if (!trap_fix_up(f)) {
		panic_trap(f, "%s in the kernel (error %#llx)", exception_name(f->vector),
			(unsigned long long)f->error);
	}
}

/* ---------------------------------------------------------------- interrupts */

static void interrupt(struct trap_frame *f)
{
	struct percpu *p = this_cpu();

	if (f->vector == VEC_SPURIOUS) /* has no EOI: SDM vol. 3, 11.9 */
		return;
	p->irq_depth++;
	if (irq_handlers[f->vector].fn)
		irq_handlers[f->vector].fn(f, irq_handlers[f->vector].arg);
	else
		pr_warn("trap", "interrupt vector %#llx has no handler", (unsigned long long)f->vector);
	apic_eoi();
	p->irq_depth--;
	/* A return to user mode looks at need_resched itself. */
	if (!frame_from_user(f) && atomic_load_explicit(&p->need_resched, memory_order_relaxed) &&
		!p->preempt_count && !p->irq_depth && (f->rflags & RFLAGS_IF))
		sched_preempt();
}

/* Called by entry.asm with interrupts off; returns so. */
void trap_dispatch(struct trap_frame *f)
{
	if (likely(f->vector == VEC_PAGE_FAULT))
		page_fault(f);
	else if (f->vector >= NR_EXCEPTIONS)
		interrupt(f);
	else
		exception(f);
}

/* On an IST stack: may neither sleep nor turn interrupts on. */
void trap_dispatch_paranoid(struct trap_frame *f)
{
	u64 address;

	switch (f->vector) {
	case VEC_NMI:
		if (panic_running())
			panic_stop_this_cpu(f);
		pr_warn("trap", "NMI without a known reason");
		return;
	case VEC_DOUBLE_FAULT:
		address = read_cr2();
		if (desc_guard_page(address))
			panic_trap(f, "%s stack overflow: guard page at %#llx hit (double fault)",
				desc_guard_page(address), (unsigned long long)address);
		panic_trap(f, "double fault");
	case VEC_MACHINE_CHECK:
		mce_from_kernel(f);
		return;
	default:
		panic_trap(f, "%s in the kernel", exception_name(f->vector));
	}
}

/* Before a return to user mode, as long as there is something to do. Interrupts off, on inside. */
void trap_exit_work(struct trap_frame *f)
{
	if (atomic_load_explicit(&this_cpu()->need_resched, memory_order_relaxed))
		sched_preempt();
	irq_enable();
	if (thread_interrupted())
		trap_user_return(f);
	else if (f->rip >= USER_TOP)
		user_exception(f, SIG_SEGV, "return to an address that is not a user's");
	irq_disable();
}

/* ---------------------------------------------------------------- without kernel/proc */

__attribute__((weak)) u64 syscall_dispatch(struct trap_frame *f)
{
	panic_trap(f, "system call %llu: no process layer", (unsigned long long)f->error);
}

__attribute__((weak)) void trap_user_return(struct trap_frame *f UNUSED) {}

__attribute__((weak)) void user_fault(
	struct trap_frame *f, enum fault_result why, uaddr_t addr, unsigned flags)
{
	panic_trap(f, "user page fault at %#llx (%d, flags %u): no process layer", (unsigned long long)addr.v,
		why, flags);
}

__attribute__((weak)) void user_exception(struct trap_frame *f, int signo, const char *what)
{
	panic_trap(f, "user exception %s (signal %d): no process layer", what, signo);
}
