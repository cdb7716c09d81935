/* SPDX-License-Identifier: MIT */
/*
 * clone(): a further task of the running process, or a new process with a copy of the address space, or with the same one
 * until it execs or ends (vfork). A new process can be found and killed from process_publish on; its thread
 * comes last, and takes over what was sent to it meanwhile.
 */
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/limits.h"
#include "kernel/proc/task.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "mm/uaccess.h"

/* On the stack of a parent that waits. `done` is written under table_lock, and the waker is finished with this when it drops that. */
struct vfork_wait {
	struct thread *thread;
	_Atomic(bool) done;
};

void vfork_release(struct process *p)
{
	process_table_lock();
	if (p->vfork) {
		atomic_store(&p->vfork->done, true);
		thread_wake(p->vfork->thread);
		p->vfork = NULL;
	}
	process_table_unlock();
}

/* Until the child has left the address space, or the parent is killed: then the child shall not find it any more. */
static void vfork_wait(struct process *child, struct vfork_wait *w)
{
	for (;;) {
		thread_prepare_block();
		if (atomic_load(&w->done) || atomic_load(&w->thread->killed)) {
			thread_cancel_block();
			break;
		}
		thread_block();
	}
	process_table_lock();
	if (!atomic_load(&w->done))
		child->vfork = NULL;
	process_table_unlock();
}

/* Shared as a whole or not at all: what only one of two processes would share is refused. */
static int check_flags(const struct clone_request *rq)
{
	const u64 known = CLONE_VM_ | CLONE_FS_ | CLONE_FILES_ | CLONE_SIGHAND_ | CLONE_VFORK_ |
		CLONE_THREAD_ | CLONE_SYSVSEM_ | CLONE_SETTLS_ | CLONE_PARENT_SETTID_ |
		CLONE_CHILD_CLEARTID_ | CLONE_DETACHED_ | CLONE_CHILD_SETTID_ | CLONE_CLEAR_SIGHAND_;
	const u64 whole = CLONE_VM_ | CLONE_FS_ | CLONE_FILES_ | CLONE_SIGHAND_ | CLONE_THREAD_;
	u64 flags = rq->flags;

	if ((flags & ~known) || rq->exit_signal < 0 || rq->exit_signal > NR_SIGNALS)
		return -EINVAL;
	if ((flags & CLONE_SETTLS_) && rq->tls >= USER_TOP)
		return -EPERM;
	if (flags & CLONE_THREAD_)
		return (flags & whole) != whole || (flags & (CLONE_VFORK_ | CLONE_CLEAR_SIGHAND_)) ? -EINVAL
												   : 0;
	return flags & (CLONE_FS_ | CLONE_FILES_ | CLONE_SIGHAND_) ? -EINVAL : 0;
}

static void copy_handlers(struct process *child, struct process *parent, u64 flags)
{
	process_table_lock();
	memcpy(child->actions, parent->actions, sizeof(child->actions));
	process_table_unlock();
	if (flags & CLONE_CLEAR_SIGHAND_)
		signal_reset_handlers(child, false);
}

/* What the child shares or inherits; the address space and the task come after. */
static struct process *copy_process(struct process *parent, const struct clone_request *rq)
{
	struct process *child = process_create(parent->name);

	if (!child)
		return NULL;
	child->files = files_clone(parent->files);
	if (!child->files) {
		process_discard(child);
		return NULL;
	}
	child->cwd = process_cwd(parent);
	atomic_store(&child->umask, atomic_load(&parent->umask));
	file_get(parent->exe);
	inode_deny_write(parent->exe->inode); /* cannot fail: the parent denies it already */
	child->exe = parent->exe;
	limits_copy(&child->limits, &parent->limits);
	child->fixed_layout = parent->fixed_layout;
	child->exit_signal = rq->exit_signal;
	copy_handlers(child, parent, rq->flags);
	return child;
}

static void set_start(struct task *t, const struct clone_request *rq, const struct trap_frame *frame)
{
	t->start = *frame;
	t->start.rax = 0;
	t->tid = rq->tid;
	t->start.error = ~0ull; /* its way out of the kernel is no system call's */
	if (rq->stack)
		t->start.rsp = rq->stack;
	if (rq->flags & CLONE_CHILD_SETTID_)
		t->set_tid = rq->child_tid;
	if (rq->flags & CLONE_CHILD_CLEARTID_)
		t->clear_tid = rq->child_tid;
	/* The alternate signal stack stays with the address space that it lies in. */
	if (!(rq->flags & CLONE_VM_) || (rq->flags & CLONE_VFORK_))
		t->altstack = task_current()->altstack;
}

/* The thread of a published task, with the caller's extended registers. NULL: no memory. */
static struct thread *make_thread(struct task *t, struct mm *mm, const struct clone_request *rq)
{
	struct thread *thread = thread_create_stopped(t->process->name, task_start_user, t, mm, true);

	if (!thread)
		return NULL;
	thread_copy_user_state(thread);
	if (rq->flags & CLONE_SETTLS_)
		thread_init_fs_base(thread, rq->tls);
	task_attach(t, thread);
	return thread;
}

static long tell_parent_tid(const struct clone_request *rq, i32 tid)
{
	if (rq->flags & CLONE_PARENT_SETTID_)
		(void)copy_to_user(rq->parent_tid, &tid, sizeof(tid)); /* not an error, as on Linux */
	return tid;
}

static long clone_task(const struct clone_request *rq, const struct trap_frame *frame)
{
	struct process *p = process_current();
	struct mm *mm = thread_current()->mm;
	struct task *t = task_create(p, task_current());
	struct thread *thread;
	long tid;

	if (!t)
		return -ENOMEM;
	set_start(t, rq, frame);
	tid = task_publish(t);
	if (tid < 0)
		goto out_task;
	mm_get(mm);
	thread = make_thread(t, mm, rq);
	if (!thread) {
		mm_put(mm);
		task_withdraw(t);
		tid = -ENOMEM;
		goto out_task;
	}
	tell_parent_tid(rq, (i32)tid);
	thread_wake(thread);
	return tid;

out_task:
	task_destroy(t);
	return tid;
}

static struct mm *mm_for_child(const struct clone_request *rq)
{
	struct mm *mm = thread_current()->mm;

	if (!(rq->flags & CLONE_VM_))
		return mm_fork(mm);
	mm_get(mm);
	return mm;
}

static long clone_process(const struct clone_request *rq, const struct trap_frame *frame)
{
	struct process *parent = process_current(), *child = copy_process(parent, rq);
	struct vfork_wait wait = {.thread = thread_current()};
	struct task *t;
	struct thread *thread;
	struct mm *mm;
	long pid = -ENOMEM;

	if (!child)
		return -ENOMEM;
	t = task_create(child, task_current());
	if (!t)
		goto no_task;
	set_start(t, rq, frame);
	mm = mm_for_child(rq);
	if (!mm)
		goto no_mm;
	pid = process_publish(child, t, parent);
	if (pid < 0)
		goto no_pid;
	if (rq->flags & CLONE_VFORK_)
		child->vfork = &wait;
	thread = make_thread(t, mm, rq);
	if (!thread)
		goto no_thread;
	tell_parent_tid(rq, (i32)pid);
	thread_wake(thread);
	if (rq->flags & CLONE_VFORK_)
		vfork_wait(child, &wait);
	return pid;

no_thread:
	pid = -ENOMEM;
	process_withdraw(child, t);
no_pid:
	mm_put(mm);
no_mm:
	task_destroy(t);
no_task:
	process_discard(child);
	return pid;
}

long process_clone(const struct clone_request *rq, const struct trap_frame *frame)
{
	int err = check_flags(rq);

	if (err)
		return err;
	return rq->flags & CLONE_THREAD_ ? clone_task(rq, frame) : clone_process(rq, frame);
}
