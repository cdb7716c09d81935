/* SPDX-License-Identifier: MIT */
/* System calls on tasks: birth, end, identity, where they run. */
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"

long sys_gettid(struct trap_frame *f UNUSED)
{
	return task_current()->tid;
}

long sys_set_tid_address(struct trap_frame *f)
{
	struct task *t = task_current();

	t->clear_tid = UADDR(f->rdi);
	return t->tid;
}

#define CLONE_SIGNAL_MASK 0xffull

long sys_fork(struct trap_frame *f)
{
	struct clone_request rq = {.exit_signal = SIGCHLD_};

	return process_clone(&rq, f);
}

long sys_vfork(struct trap_frame *f)
{
	struct clone_request rq = {.flags = CLONE_VM_ | CLONE_VFORK_, .exit_signal = SIGCHLD_};

	return process_clone(&rq, f);
}

long sys_clone(struct trap_frame *f)
{
	struct clone_request rq = {
		.flags = f->rdi & 0xffffffffull & ~CLONE_SIGNAL_MASK,
		.exit_signal = (i32)(f->rdi & CLONE_SIGNAL_MASK),
		.stack = f->rsi,
		.parent_tid = UADDR(f->rdx),
		.child_tid = UADDR(f->r10),
		.tls = f->r8,
	};

	return process_clone(&rq, f);
}

struct user_clone_args { /* struct clone_args, Linux */
	u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	u64 set_tid, set_tid_size, cgroup;
};
#define CLONE_ARGS_MIN 64

long sys_clone3(struct trap_frame *f)
{
	struct user_clone_args a = {0};
	struct clone_request rq;
	u64 size = f->rsi;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_MIN)
		return -EINVAL;
	for (u64 at = sizeof(a); at < size; at++) { /* what a later Linux has added must not be asked for */
		u8 byte;

		if (copy_from_user(&byte, UADDR(f->rdi + at), 1))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	if (copy_from_user(&a, UADDR(f->rdi), MIN(size, sizeof(a))))
		return -EFAULT;
	if (a.set_tid_size > 1 || !a.set_tid != !a.set_tid_size || !a.stack != !a.stack_size ||
		a.exit_signal > NR_SIGNALS || (a.flags & (CLONE_SIGNAL_MASK | CLONE_DETACHED_)) ||
		a.stack > USER_TOP || a.stack_size > USER_TOP - a.stack)
		return -EINVAL;
	if ((a.flags & CLONE_THREAD_) && a.exit_signal)
		return -EINVAL;
	rq = (struct clone_request){
		.flags = a.flags,
		.exit_signal = (i32)a.exit_signal,
		.stack = a.stack + a.stack_size,
		.tls = a.tls,
		.parent_tid = UADDR(a.parent_tid),
		.child_tid = UADDR(a.child_tid),
	};
	if (a.set_tid && copy_from_user(&rq.tid, UADDR(a.set_tid), sizeof(rq.tid)))
		return -EFAULT;
	if (a.set_tid && (rq.tid < PID_INIT || rq.tid >= PID_MAX))
		return -EINVAL;
	return process_clone(&rq, f);
}

long sys_exit(struct trap_frame *f)
{
	task_exit(WAIT_EXITED((int)f->rdi));
}

long sys_exit_group(struct trap_frame *f)
{
	process_exit(WAIT_EXITED((int)f->rdi));
}

/* ---------------------------------------------------------------- where it runs */

long sys_sched_yield(struct trap_frame *f UNUSED)
{
	thread_yield();
	return 0;
}

static u64 online_cpus(void)
{
	unsigned n = cpu_count();

	return n >= 64 ? ~0ull : (1ull << n) - 1;
}

/* The CPUs of task `tid` (0: the caller), exchanged for *new unless that is NULL. 0 or -ESRCH. */
static long exchange_affinity(i32 tid, const u64 *new, u64 *old)
{
	struct task *t;

	process_table_lock();
	t = tid ? task_find_locked(tid) : task_current();
	if (t) {
		*old = t->affinity & online_cpus();
		if (new) {
			t->affinity = *new;
			if (t->thread)
				sched_set_allowed(t->thread, *new &online_cpus());
		}
	}
	process_table_unlock();
	return t ? 0 : -ESRCH;
}

long sys_sched_setaffinity(struct trap_frame *f)
{
	u64 new = 0, old;

	if (copy_from_user(&new, UADDR(f->rdx), MIN((u64)(u32)f->rsi, sizeof(new))))
		return -EFAULT;
	if (!(new &online_cpus()))
		return -EINVAL;
	return exchange_affinity((i32)f->rdi, &new, &old);
}

long sys_sched_getaffinity(struct trap_frame *f)
{
	u64 set;
	long err;

	if ((u32)f->rsi < sizeof(set) || (f->rsi & 7))
		return -EINVAL;
	err = exchange_affinity((i32)f->rdi, NULL, &set);
	if (err)
		return err;
	return copy_to_user(UADDR(f->rdx), &set, sizeof(set)) ? -EFAULT : (long)sizeof(set);
}
