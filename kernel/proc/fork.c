/* SPDX-License-Identifier: MIT */
/*
 * fork(): a copy of the running process. The child can be found and killed from process_publish on; its thread
 * comes last, and takes over what was sent to it meanwhile.
 */
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/process.h"
#include "kernel/sched.h"
#include "lib/errno.h"

void process_start_user(void *arg)
{
	struct process *p = arg;

	trap_user_return(&p->start); /* killed before it ran? */
	enter_user(&p->start);
}

/* What the child shares or inherits; the address space and the thread come after. */
static struct process *copy_process(struct process *parent, const struct trap_frame *frame)
{
	struct process *child = process_create(parent->name);

	if (!child)
		return NULL;
	child->files = files_clone(parent->files);
	if (!child->files) {
		process_discard(child);
		return NULL;
	}
	iref(parent->cwd);
	child->cwd = parent->cwd;
	child->umask = parent->umask;
	file_get(parent->exe);
	inode_deny_write(parent->exe->inode); /* cannot fail: the parent denies it already */
	child->exe = parent->exe;
	atomic_store(&child->ignored, atomic_load(&parent->ignored));
	atomic_store(&child->blocked, atomic_load(&parent->blocked));
	child->start = *frame;
	child->start.rax = 0;
	return child;
}

long process_fork(const struct trap_frame *frame)
{
	struct process *parent = process_current();
	struct process *child = copy_process(parent, frame);
	struct thread *t;
	struct mm *mm;
	long pid;

	if (!child)
		return -ENOMEM;
	pid = -ENOMEM;
	mm = mm_fork(thread_current()->mm);
	if (!mm)
		goto no_mm;
	pid = process_publish(child, parent);
	if (pid < 0)
		goto no_pid;
	t = thread_create_stopped(child->name, process_start_user, child, mm, true);
	if (!t)
		goto no_thread;
	thread_copy_user_state(t);
	process_attach(child, t);
	thread_wake(t);
	return pid;

no_thread:
	pid = -ENOMEM;
	process_withdraw(child);
no_pid:
	mm_put(mm);
no_mm:
	process_discard(child);
	return pid;
}
