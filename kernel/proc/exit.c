/* SPDX-License-Identifier: MIT */
/*
 * The end of a process, by its last task, in this order: files closed, directory and address space given back, children handed
 * to init, terminal and groups told, zombie. From the moment it is a zombie its parent may free it, so the thread lets go of it
 * first.
 */
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/process.h"
#include "kernel/proc/task.h"
#include "kernel/sched.h"

static void release_resources(struct process *p)
{
	struct mm *mm = thread_current()->mm;

	files_destroy(p->files);
	p->files = NULL;
	iput(p->cwd);
	p->cwd = NULL;
	process_set_exe(p, NULL);
	if (mm) {
		thread_set_mm(NULL);
		mm_put(mm);
	}
	vfork_release(p);
}

/* Does anybody want this zombie's status? */
static bool has_waiter_locked(const struct process *p)
{
	const struct signal_action *act;

	if (p->pid == PID_INIT)
		return true; /* the kernel does: process_wait_kernel */
	if (!p->parent)
		return false;
	act = &p->parent->actions[SIGCHLD_ - 1];
	return p->exit_signal != SIGCHLD_ || (act->handler != SIG_IGN_ && !(act->flags & SA_NOCLDWAIT_));
}

static void tell_end_locked(struct process *p)
{
	int signo = p->wait_status & 0x7f;

	signal_tell_parent_locked(p, signo ? CLD_KILLED_ : CLD_EXITED_, signo ? signo : p->wait_status >> 8);
}

/* Children go to init; those of init itself go to nobody and vanish when they end. */
static void orphan_children_locked(struct process *p)
{
	struct process *init = process_find_locked(PID_INIT);
	struct list_node *n;

	if (init == p || (init && init->state != PROCESS_ALIVE))
		init = NULL;
	while ((n = list_pop_front(&p->children))) {
		struct process *child = LIST_ENTRY(n, struct process, sibling);

		child->parent = init;
		child->exit_signal = SIGCHLD_;
		atomic_store(&child->ppid, init ? init->pid : 0);
		if (init)
			list_push_back(&init->children, &child->sibling);
		if (child->state != PROCESS_ZOMBIE)
			continue;
		if (init)
			tell_end_locked(child);
		if (!has_waiter_locked(child))
			process_reap_locked(child);
	}
}

void process_finish(struct process *p)
{
	struct thread *t = thread_current();

	release_resources(p);
	process_table_lock();
	process_leave_jobs_locked(p);
	orphan_children_locked(p);
	timer_stop_locked(&p->alarm);
	posix_timers_delete_locked(p);
	p->state = PROCESS_ZOMBIE;
	t->process = NULL;
	t->limits = NULL;
	t->name = "(exited)";
	tell_end_locked(p);
	if (!has_waiter_locked(p))
		process_reap_locked(p);
	process_table_unlock();
	process_notify_kernel();
}
