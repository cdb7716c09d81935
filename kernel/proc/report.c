/* SPDX-License-Identifier: MIT */
/*
 * Faults and exceptions of user programs: one line in the log that says who did what where and why it was wrong, and the
 * signal that Linux would send. Unless it handles that, the process ends on its way back to user mode; the kernel goes on.
 */
#include "fs/vfs.h"
#include "kernel/event.h"
#include "kernel/log.h"
#include "kernel/proc/process.h"
#include "kernel/proc/task.h"
#include "kernel/sched.h"
#include "lib/fmt.h"

#define REASON_MAX 128

/* What a search through the address space finds about the place of a fault. */
struct fault_place {
	u64 addr;
	char reason[REASON_MAX];
};

static const char *access_name(unsigned flags)
{
	return flags & FAULT_WRITE ? "write" : flags & FAULT_EXEC ? "execution" : "read";
}

/* SIGBUS: which file, and whether its end is the reason. mm->lock keeps the file. */
static int describe_file(void *arg, struct vma *v)
{
	struct fault_place *p = arg;
	struct inode *i = v->inode;
	u64 pgoff;

	if (p->addr < v->start.v || p->addr >= v->end.v)
		return 0;
	if (!v->file || !i)
		return 1;
	pgoff = v->pgoff + ((p->addr - v->start.v) >> PAGE_SHIFT);
	if (pgoff >= DIV_ROUND_UP(inode_size(i), PAGE_SIZE))
		fmt_snprintf(
			p->reason, sizeof(p->reason), "past the end of the file %s", v->file->place.name);
	else
		fmt_snprintf(p->reason, sizeof(p->reason), "the file %s has no page to give there",
			v->file->place.name);
	return 1;
}

/* The signal, and why in words. */
static struct siginfo explain(enum fault_result why, struct mm *mm, struct fault_place *p)
{
	struct siginfo info = {.signo = SIGKILL_, .fault = {.addr = p->addr}};
	const char *reason = "no memory left";

	if (why == FAULT_SIGSEGV_MAP || why == FAULT_SIGSEGV_ACC) {
		info.signo = SIGSEGV_;
		info.code = why == FAULT_SIGSEGV_MAP ? SEGV_MAPERR_ : SEGV_ACCERR_;
		reason = why == FAULT_SIGSEGV_MAP ? "nothing is mapped there"
						  : "the mapping does not allow it";
	} else if (why == FAULT_SIGBUS) {
		info.signo = SIGBUS_;
		info.code = BUS_ADRERR_;
		reason = "no page to give there";
	}
	if (why == FAULT_HWPOISON) {
		info.signo = SIGBUS_;
		info.code = BUS_MCEERR_AR_;
		info.fault.addr_lsb = PAGE_SHIFT;
		reason = "the page of persistent memory is bad";
	}
	fmt_snprintf(p->reason, sizeof(p->reason), "%s", reason);
	if (why == FAULT_SIGBUS && mm)
		mm_for_each_vma(mm, UADDR(0), describe_file, p);
	return info;
}

static void who(char *buf, size_t size)
{
	struct process *p = process_current();

	fmt_snprintf(buf, size, "%s[%d]", p->name, p->pid);
}

/* Will the program see the signal itself? Then it is not for the log. A guess: another task may change it. */
static bool is_handled(int signo)
{
	struct signal_action act;

	if (signo == SIGKILL_)
		return false;
	signal_get_action(signo, &act);
	return act.handler > SIG_IGN_ && !(atomic_load(&task_current()->blocked) & signal_bit(signo));
}

static void note_fault(u64 trap, u64 error, u64 address)
{
	struct task *t = task_current();

	t->fault_trap = trap;
	t->fault_error = error;
	t->fault_address = address;
}

static void count_failure(int signo)
{
	if (signo == SIGSEGV_)
		event_count(EVENT_FAULT_SEGV);
	else if (signo == SIGBUS_)
		event_count(EVENT_FAULT_BUS);
	else
		event_count(EVENT_FAULT_OOM);
}

void user_fault(struct trap_frame *f, enum fault_result why, uaddr_t addr, unsigned flags)
{
	struct fault_place place = {.addr = addr.v};
	char name[PROCESS_NAME_LEN + 12];
	struct siginfo info = explain(why, thread_current()->mm, &place);

	count_failure(info.signo);
	note_fault(f->vector, f->error, addr.v);
	if (!is_handled(info.signo)) {
		who(name, sizeof(name));
		pr_warn(name, "%s: %s at 0x%llx (%s), rip 0x%llx", signal_name(info.signo),
			access_name(flags), (unsigned long long)addr.v, place.reason,
			(unsigned long long)f->rip);
	}
	if (info.signo == SIGKILL_)
		signal_kill_self(SIGKILL_);
	else
		signal_force(&info);
}

enum { TRAP_DIVIDE = 0, TRAP_DEBUG = 1, TRAP_OPCODE = 6, TRAP_X87 = 16, TRAP_ALIGNMENT = 17, TRAP_SIMD = 19 };

/* What Linux puts into siginfo. */
static struct siginfo exception_info(const struct trap_frame *f, int signo)
{
	struct siginfo info = {.signo = signo, .fault = {.addr = f->rip}};

	switch (f->vector) {
	case TRAP_DIVIDE:
		info.code = FPE_INTDIV_;
		break;
	case TRAP_DEBUG:
		info.code = TRAP_TRACE_;
		break;
	case TRAP_OPCODE:
		info.code = ILL_ILLOPN_;
		break;
	case TRAP_X87:
	case TRAP_SIMD:
		info.code = thread_fpu_exception(f->vector == TRAP_SIMD);
		break;
	case TRAP_ALIGNMENT:
		info.code = BUS_ADRALN_;
		break;
	default:
		info = signal_from_kernel(signo);
	}
	return info;
}

void user_exception(struct trap_frame *f, int signo, const char *what)
{
	char name[PROCESS_NAME_LEN + 12];
	struct siginfo info = exception_info(f, signo);

	note_fault(f->vector, f->error, 0);
	if (!is_handled(signo)) {
		who(name, sizeof(name));
		pr_warn(name, "%s: %s, rip 0x%llx", signal_name(signo), what, (unsigned long long)f->rip);
	}
	signal_force(&info);
}
