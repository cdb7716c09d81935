/* SPDX-License-Identifier: MIT */
/* System calls on signals. What they mean: signal.h, deliver.c. */
#include "fs/vfs.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "lib/errno.h"
#include "mm/uaccess.h"

#define NS_PER_SEC 1000000000ull

/* ---------------------------------------------------------------- sending */

static long send_to_pid(i32 pid, const struct siginfo *info)
{
	struct process *p;
	struct task *t;
	long ret = -ESRCH;

	process_table_lock();
	t = task_find_locked(pid);
	p = t ? t->process : process_find_locked(pid);
	if (p)
		ret = info->signo ? signal_send_locked(p, info) : 0;
	process_table_unlock();
	return ret;
}

static void no_op(struct process *p UNUSED, void *arg UNUSED) {}

/* pgid 0: the caller's. */
static long send_to_group(i32 pgid, const struct siginfo *info)
{
	unsigned n;

	process_table_lock();
	if (!pgid)
		pgid = process_current()->pgid;
	n = info->signo ? signal_send_group_locked(pgid, info)
			: process_for_each_in_group_locked(pgid, no_op, NULL);
	process_table_unlock();
	return n ? 0 : -ESRCH;
}

long sys_kill(struct trap_frame *f)
{
	i32 pid = (i32)f->rdi;
	struct siginfo info = signal_from_current((i32)f->rsi, SI_USER_);

	if (info.signo < 0 || info.signo > NR_SIGNALS)
		return -EINVAL;
	if (pid > 0)
		return send_to_pid(pid, &info);
	if (pid == -1)
		return signal_send_all(&info, process_current()) ? 0 : -ESRCH;
	return pid == INT32_MIN ? -ESRCH : send_to_group(-pid, &info);
}

/* pid 0: whatever process the task belongs to. */
static long send_to_task(i32 pid, i32 tid, const struct siginfo *info)
{
	struct task *t;
	long ret = -ESRCH;

	if (info->signo < 0 || info->signo > NR_SIGNALS || tid <= 0)
		return -EINVAL;
	process_table_lock();
	t = task_find_locked(tid);
	if (t && (!pid || t->process->pid == pid))
		ret = info->signo ? signal_send_task_locked(t, info) : 0;
	process_table_unlock();
	return ret;
}

long sys_tkill(struct trap_frame *f)
{
	struct siginfo info = signal_from_current((i32)f->rsi, SI_TKILL_);

	return send_to_task(0, (i32)f->rdi, &info);
}

long sys_tgkill(struct trap_frame *f)
{
	struct siginfo info = signal_from_current((i32)f->rdx, SI_TKILL_);

	if ((i32)f->rdi <= 0)
		return -EINVAL;
	return send_to_task((i32)f->rdi, (i32)f->rsi, &info);
}

/* The caller's own siginfo: it may not claim to come from the kernel or from kill() unless it goes to the caller. */
static long get_info(i32 signo, uaddr_t user, bool to_self, struct siginfo *info)
{
	if (copy_from_user(info, user, sizeof(*info)))
		return -EFAULT;
	info->signo = signo;
	if (!to_self && (info->code >= 0 || info->code == SI_TKILL_))
		return -EPERM;
	return signo < 0 || signo > NR_SIGNALS ? -EINVAL : 0;
}

long sys_rt_sigqueueinfo(struct trap_frame *f)
{
	i32 pid = (i32)f->rdi;
	struct siginfo info;
	long err = get_info((i32)f->rsi, UADDR(f->rdx), pid == process_current()->pid, &info);

	return err ? err : send_to_pid(pid, &info);
}

long sys_rt_tgsigqueueinfo(struct trap_frame *f)
{
	i32 pid = (i32)f->rdi, tid = (i32)f->rsi;
	struct siginfo info;
	long err;

	if (pid <= 0 || tid <= 0)
		return -EINVAL;
	err = get_info((i32)f->rdx, UADDR(f->r10), pid == process_current()->pid, &info);
	return err ? err : send_to_task(pid, tid, &info);
}

/* ---------------------------------------------------------------- dispositions and masks */

long sys_rt_sigaction(struct trap_frame *f)
{
	int signo = (int)f->rdi;
	struct signal_action old, act;

	if (f->r10 != SIGSET_SIZE || signo < 1 || signo > NR_SIGNALS)
		return -EINVAL;
	if (f->rsi && copy_from_user(&act, UADDR(f->rsi), sizeof(act)))
		return -EFAULT;
	if (f->rsi && (signo == SIGKILL_ || signo == SIGSTOP_))
		return -EINVAL;
	signal_get_action(signo, &old);
	if (f->rsi)
		signal_set_action(signo, &act);
	return f->rdx ? copy_to_user(UADDR(f->rdx), &old, sizeof(old)) : 0;
}

enum { SIG_BLOCK_, SIG_UNBLOCK_, SIG_SETMASK_ };

long sys_rt_sigprocmask(struct trap_frame *f)
{
	u64 old = atomic_load(&task_current()->blocked), set;

	if (f->r10 != SIGSET_SIZE)
		return -EINVAL;
	if (f->rsi) {
		if (copy_from_user(&set, UADDR(f->rsi), sizeof(set)))
			return -EFAULT;
		switch ((u32)f->rdi) {
		case SIG_BLOCK_:
			signal_set_blocked(old | set);
			break;
		case SIG_UNBLOCK_:
			signal_set_blocked(old & ~set);
			break;
		case SIG_SETMASK_:
			signal_set_blocked(set);
			break;
		default:
			return -EINVAL;
		}
	}
	return f->rdx ? copy_to_user(UADDR(f->rdx), &old, sizeof(old)) : 0;
}

long sys_rt_sigpending(struct trap_frame *f)
{
	struct task *t = task_current();
	u64 set = signal_pending_set(t) & atomic_load(&t->blocked);

	if (f->rsi > SIGSET_SIZE)
		return -EINVAL;
	return copy_to_user(UADDR(f->rdi), &set, f->rsi);
}

/* ---------------------------------------------------------------- waiting */

/* Sleeps until a signal is due. */
static long wait_for_signal(void)
{
	for (;;) {
		thread_prepare_block();
		if (thread_interrupted())
			break;
		thread_block();
	}
	thread_cancel_block();
	return -ERESTARTNOHAND;
}

long sys_pause(struct trap_frame *f UNUSED)
{
	return wait_for_signal();
}

long sys_rt_sigsuspend(struct trap_frame *f)
{
	u64 mask;

	if (f->rsi != SIGSET_SIZE)
		return -EINVAL;
	if (copy_from_user(&mask, UADDR(f->rdi), sizeof(mask)))
		return -EFAULT;
	signal_set_temporary_mask(mask);
	return wait_for_signal();
}

/*
 * A signal of `set` for the current task. It waits with task->waiting set, so that senders wake it though it blocks the signal. It looks for the
 * last time and ends that under one lock; what it was woken for besides goes to others.
 */
static bool wait_in_set(struct task *t, u64 set, u64 deadline, struct siginfo *info)
{
	bool got;

	atomic_store(&t->waiting, set);
	for (;;) {
		bool over;

		process_table_lock();
		got = signal_take_locked(t, set, info);
		if (!got)
			signal_update_locked(t);
		over = got || thread_interrupted() || (deadline != NO_DEADLINE && time_ns() >= deadline);
		if (over) {
			atomic_store(&t->waiting, 0);
			signal_retarget_locked(t->process);
		}
		process_table_unlock();
		if (over)
			break;
		thread_prepare_block();
		if ((signal_pending_set(t) & set) || thread_interrupted())
			thread_cancel_block();
		else
			thread_block_until(deadline);
	}
	return got;
}

long sys_rt_sigtimedwait(struct trap_frame *f)
{
	struct task *t = task_current();
	u64 deadline = NO_DEADLINE, set;
	u8 user[SIGINFO_USER_SIZE] = {0};
	struct siginfo info;

	if (f->r10 != SIGSET_SIZE)
		return -EINVAL;
	if (copy_from_user(&set, UADDR(f->rdi), sizeof(set)))
		return -EFAULT;
	if (f->rdx) {
		struct user_timespec ts;
		u64 ns;

		if (copy_from_user(&ts, UADDR(f->rdx), sizeof(ts)))
			return -EFAULT;
		if (!sys_timespec_to_ns(&ts, &ns))
			return -EINVAL;
		deadline = sys_deadline_in(ns);
	}
	set &= ~SIGNALS_UNBLOCKABLE;
	if (!wait_in_set(t, set, deadline, &info))
		return thread_interrupted() ? -EINTR : -EAGAIN;
	memcpy(user, &info, sizeof(info));
	if (f->rsi && copy_to_user(UADDR(f->rsi), user, sizeof(user)))
		return -EFAULT;
	return info.signo;
}
