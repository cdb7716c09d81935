/* SPDX-License-Identifier: MIT */
/*
 * Faults and exceptions of user programs: one line in the log that says who did what where and why it was wrong, and the
 * signal that Linux would send. The process then ends on its way back to user mode; the kernel goes on.
 */
#include "fs/vfs.h"
#include "kernel/log.h"
#include "kernel/proc/process.h"
#include "kernel/proc/signal.h"
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
		fmt_snprintf(p->reason, sizeof(p->reason), "past the end of the file %s", v->file->name);
	else
		fmt_snprintf(
			p->reason, sizeof(p->reason), "the file %s has no page to give there", v->file->name);
	return 1;
}

/* The signal, and why in words. */
static int explain(enum fault_result why, struct mm *mm, struct fault_place *p)
{
	const char *reason = "no memory left";
	int signo = SIGKILL_;

	if (why == FAULT_SIGSEGV_MAP || why == FAULT_SIGSEGV_ACC) {
		signo = SIGSEGV_;
		reason = why == FAULT_SIGSEGV_MAP ? "nothing is mapped there"
						  : "the mapping does not allow it";
	} else if (why == FAULT_SIGBUS) {
		signo = SIGBUS_;
		reason = "no page to give there";
	}
	fmt_snprintf(p->reason, sizeof(p->reason), "%s", reason);
	if (why == FAULT_SIGBUS && mm)
		mm_for_each_vma(mm, describe_file, p);
	return signo;
}

static void who(char *buf, size_t size)
{
	struct process *p = process_current();

	fmt_snprintf(buf, size, "%s[%d]", p->name, p->pid);
}

void user_fault(struct trap_frame *f, enum fault_result why, uaddr_t addr, unsigned flags)
{
	struct fault_place place = {.addr = addr.v};
	char name[PROCESS_NAME_LEN + 12];
	int signo = explain(why, thread_current()->mm, &place);

	who(name, sizeof(name));
	pr_warn(name, "%s: %s at 0x%llx (%s), rip 0x%llx", signal_name(signo), access_name(flags),
		(unsigned long long)addr.v, place.reason, (unsigned long long)f->rip);
	signal_kill_self(signo);
}

void user_exception(struct trap_frame *f, int signo, const char *what)
{
	char name[PROCESS_NAME_LEN + 12];

	who(name, sizeof(name));
	pr_warn(name, "%s: %s, rip 0x%llx", signal_name(signo), what, (unsigned long long)f->rip);
	signal_kill_self(signo);
}
