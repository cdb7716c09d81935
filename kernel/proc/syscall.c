/* SPDX-License-Identifier: MIT */
/*
 * System-call dispatch: one table look-up, no lock. What happens on the way back is in deliver.c.
 * The entry itself (registers saved, interrupts on) is kernel/cpu/entry.asm.
 */
#include "kernel/proc/syscall.h"

#include "kernel/log.h"
#include "kernel/proc/process.h"
#include "kernel/sched.h"
#include "lib/errno.h"

typedef long (*syscall_fn)(struct trap_frame *f);

static const syscall_fn handlers[] = {
#define X(nr, name) [nr] = sys_##name,
	SYSCALLS(X)
#undef X
};

#define MAX_NAMED 512 /* numbers below it are named once each in the log */

/* What C libraries try at every start and do without: nothing for the log. */
static bool is_optional(u64 nr)
{
	enum { RSEQ = 334, IO_URING_SETUP = 425, LANDLOCK_CREATE_RULESET = 444, FUTEX_WAITV = 449 };

	return nr == RSEQ || nr == IO_URING_SETUP || nr == LANDLOCK_CREATE_RULESET || nr == FUTEX_WAITV;
}

static __attribute__((noinline)) long unknown_call(u64 nr)
{
	static _Atomic(u64) named[MAX_NAMED / 64];
	u64 bit = 1ull << (nr % 64);

	if (nr < MAX_NAMED && !is_optional(nr) && !(atomic_fetch_or(&named[nr / 64], bit) & bit)) {
		struct process *p = process_current();

		pr_info("syscall", "%s[%d] calls number %u, which this kernel does not have", p->name, p->pid,
			(unsigned)nr);
	}
	return -ENOSYS;
}

u64 syscall_dispatch(struct trap_frame *f)
{
	u64 nr = f->error;

	if (likely(nr < ARRAY_SIZE(handlers) && handlers[nr])) {
		long ret;

#ifdef FAULTLINE_DEBUG
		thread_poison_stack();
#endif
		ret = handlers[nr](f);
		/* Only deliver.c knows what to make of these. */
		DEBUG_ASSERT(ret > -ERESTARTSYS || ret < -ERESTART_RESTARTBLOCK || thread_interrupted());
		return (u64)ret;
	}
	return (u64)unknown_call(nr);
}
