/* SPDX-License-Identifier: MIT */
/*
 * Job control: stopping and continuing, process groups, sessions (POSIX.1-2017, Base Definitions 11.1, System Interfaces 2.4).
 *
 * Rule: a process is stopped by its tasks, each on its own way to user mode; the parent is told when the last one has arrived. A task that
 * sleeps in an interruptible wait comes by because thread->signalled ends the wait. Whoever continues the process clears
 * `stopped` before it wakes, so no task stays behind.
 *
 * Locks: everything here under table_lock, but for the sleep itself.
 */
#include "kernel/proc/process.h"
#include "kernel/proc/task.h"
#include "kernel/proc/tty.h"
#include "kernel/sched.h"
#include "lib/errno.h"

static void tell_all(struct process *p)
{
	struct task *t;

	LIST_FOR_EACH (t, &p->tasks, node) {
		if (!t->thread)
			continue; /* task_attach looks at p->stopped */
		atomic_store(&t->thread->signalled, true);
		if (t->thread != thread_current()) {
			thread_wake(t->thread);
			thread_kick(t->thread);
		}
	}
}

void process_stop_recount_locked(struct process *p)
{
	if (!atomic_load(&p->stopped) || p->stop_told || p->exiting ||
		p->nr_stopped != atomic_load(&p->nr_tasks))
		return;
	p->stop_told = true;
	p->stop_news = true;
	signal_tell_parent_locked(p, CLD_STOPPED_, p->stop_signal);
}

void process_stop_locked(struct process *p, int signo)
{
	if (atomic_load(&p->stopped) || p->exiting)
		return;
	p->stop_signal = signo;
	p->stop_told = false;
	p->continue_news = false;
	atomic_store(&p->stopped, true);
	tell_all(p);
	process_stop_recount_locked(p);
}

void process_continue_locked(struct process *p)
{
	if (!atomic_load(&p->stopped))
		return;
	atomic_store(&p->stopped, false);
	p->stop_news = false;
	waitq_wake_all(&p->stop_wait);
	if (!p->stop_told)
		return; /* nobody knew */
	p->continue_news = true;
	signal_tell_parent_locked(p, CLD_CONTINUED_, SIGCONT_);
}

void process_stay_stopped(struct process *p)
{
	process_table_lock();
	p->nr_stopped++;
	process_stop_recount_locked(p);
	process_table_unlock();
	(void)WAIT_EVENT_KILLABLE(&p->stop_wait, !atomic_load(&p->stopped));
	process_table_lock();
	p->nr_stopped--;
	process_table_unlock();
}

/* ---------------------------------------------------------------- groups without a tie to their session */

struct group_view {
	const struct process *without; /* who is about to leave, and counts no more */
	bool tied, stopped;
};

static void look_at_member(struct process *q, void *arg)
{
	struct group_view *v = arg;
	const struct process *parent = q->parent;

	if (q == v->without || q->state != PROCESS_ALIVE)
		return;
	if (atomic_load(&q->stopped))
		v->stopped = true;
	if (parent && parent != v->without && parent->pgid != q->pgid && parent->sid == q->sid)
		v->tied = true;
}

bool process_group_orphaned_locked(const struct process *p)
{
	struct group_view v = {0};

	process_for_each_in_group_locked(p->pgid, look_at_member, &v);
	return !v.tied;
}

static void release_group(i32 pgid, const struct process *leaving)
{
	struct group_view v = {.without = leaving};
	struct siginfo hup = signal_from_kernel(SIGHUP_), cont = signal_from_kernel(SIGCONT_);

	process_for_each_in_group_locked(pgid, look_at_member, &v);
	if (v.tied || !v.stopped)
		return;
	signal_send_group_locked(pgid, &hup);
	signal_send_group_locked(pgid, &cont);
}

void process_leave_jobs_locked(struct process *p)
{
	struct process *child;

	if (p->sid == p->pid)
		tty_session_ended_locked(p->sid);
	release_group(p->pgid, p);
	LIST_FOR_EACH (child, &p->children, sibling)
		if (child->pgid != p->pgid && atomic_load(&child->stopped))
			release_group(child->pgid, p);
}
