/* SPDX-License-Identifier: MIT */
/*
 * The end of a process, in this order: files closed, directory and address space given back, children handed to
 * init, zombie. From the moment it is a zombie its parent may free it, so the thread lets go of it first.
 */
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/process.h"
#include "kernel/proc/signal.h"
#include "kernel/sched.h"

static void release_resources(struct process *p)
{
	struct thread *t = thread_current();
	struct mm *mm = t->mm;

	files_destroy(p->files);
	p->files = NULL;
	iput(p->cwd);
	p->cwd = NULL;
	process_set_exe(p, NULL);
	if (mm) {
		thread_set_mm(NULL);
		mm_put(mm);
	}
}

/* Does anybody want this zombie's status? */
static bool has_waiter_locked(const struct process *p)
{
	if (p->pid == PID_INIT)
		return true; /* the kernel does: process_wait_kernel */
	return p->parent && !(atomic_load(&p->parent->ignored) & signal_bit(SIGCHLD_));
}

static void wake_parent_locked(struct process *p)
{
	if (!p->parent)
		return;
	atomic_fetch_add(&p->parent->exits, 1);
	waitq_wake_all(&p->parent->child_wait);
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
		atomic_store(&child->ppid, init ? init->pid : 0);
		if (init)
			list_push_back(&init->children, &child->sibling);
		if (child->state != PROCESS_ZOMBIE)
			continue;
		if (init)
			wake_parent_locked(child);
		else
			process_reap_locked(child);
	}
}

void process_exit(int wait_status)
{
	struct process *p = process_current();
	struct thread *t = thread_current();

	release_resources(p);
	process_table_lock();
	orphan_children_locked(p);
	p->wait_status = wait_status;
	p->state = PROCESS_ZOMBIE;
	p->thread = NULL;
	t->process = NULL;
	t->name = "(exited)";
	wake_parent_locked(p);
	if (!has_waiter_locked(p))
		process_reap_locked(p);
	process_table_unlock();
	process_notify_kernel();
	thread_exit();
}
