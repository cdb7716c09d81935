/* SPDX-License-Identifier: MIT */
/*
 * What a process has used: times(2), getrusage(2), and the figures that wait4 and waitid return of a child.
 *
 * The scheduler counts the time that a thread runs. Time in the kernel is not told apart from time in the program: all of it counts as the
 * program's. A process's time is that of its tasks and of those that have ended; a child's is added to its parent's children when
 * the parent waits for it, as POSIX has it. Nothing but time is accounted.
 */
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "lib/errno.h"
#include "mm/uaccess.h"

#define NS_PER_TICK 10000000ull /* times() counts hundredths of a second */

u64 process_run_ns_locked(const struct process *p)
{
	u64 ns = p->ended_ns;
	struct task *t;

	LIST_FOR_EACH (t, &p->tasks, node)
		ns += t->thread ? thread_run_ns(t->thread) : 0;
	return ns;
}

bool process_runs_locked(const struct process *p)
{
	struct task *t;

	LIST_FOR_EACH (t, &p->tasks, node)
		if (t->thread && thread_is_runnable(t->thread))
			return true;
	return false;
}

static void times_of_current(u64 *self, u64 *children)
{
	struct process *p = process_current();

	process_table_lock();
	*self = process_run_ns_locked(p);
	*children = p->children_ns;
	process_table_unlock();
}

u64 sys_process_ns(void)
{
	u64 self, children;

	times_of_current(&self, &children);
	return self;
}

long sys_times(struct trap_frame *f)
{
	u64 self, children;

	times_of_current(&self, &children);
	u64 t[4] = {self / NS_PER_TICK, 0, children / NS_PER_TICK, 0}; /* struct tms */

	if (f->rdi && copy_to_user(UADDR(f->rdi), t, sizeof(t)))
		return -EFAULT;
	return (long)(time_ns() / NS_PER_TICK);
}

struct user_rusage {
	i64 user_sec, user_usec, system_sec, system_usec;
	u64 rest[14];
};
_Static_assert(sizeof(struct user_rusage) == 144, "Linux x86-64");

long sys_put_usage(uaddr_t to, u64 run_ns)
{
	struct user_rusage r = {
		.user_sec = (i64)(run_ns / NS_PER_SECOND),
		.user_usec = (i64)(run_ns % NS_PER_SECOND / 1000),
	};

	return copy_to_user(to, &r, sizeof(r));
}

enum { RUSAGE_SELF_ = 0, RUSAGE_CHILDREN_ = -1, RUSAGE_THREAD_ = 1 };

long sys_getrusage(struct trap_frame *f)
{
	i32 who = (i32)f->rdi;
	u64 self, children;

	if (who < RUSAGE_CHILDREN_ || who > RUSAGE_THREAD_)
		return -EINVAL;
	times_of_current(&self, &children);
	if (who == RUSAGE_THREAD_)
		self = thread_run_ns(thread_current());
	return sys_put_usage(UADDR(f->rsi), who == RUSAGE_CHILDREN_ ? children : self);
}
