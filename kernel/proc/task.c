/* SPDX-License-Identifier: MIT */
/* The tasks of processes: their table, birth and end. Rules: task.h. */
#include "kernel/proc/task.h"

#include "kernel/log.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define TID_HASH 256

static struct list by_tid[TID_HASH]; /* table_lock */
static unsigned nr_further;          /* table_lock; tasks beside the first one of each process */

void task_table_init(void)
{
	for (unsigned i = 0; i < TID_HASH; i++)
		list_init(&by_tid[i]);
}

struct task *task_create(struct process *p, const struct task *from)
{
	struct task *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->process = p;
	list_node_init(&t->node);
	list_node_init(&t->hash_node);
	signal_queue_init(&t->own);
	t->altstack.flags = 2; /* SS_DISABLE */
	t->affinity = ~0ull;
	if (from) {
		atomic_init(&t->blocked, atomic_load(&from->blocked));
		t->affinity = from->affinity;
		t->no_new_privs = from->no_new_privs;
	}
	return t;
}

void task_destroy(struct task *t)
{
	signal_queue_clear(&t->own);
	kfree(t);
}

void task_link_locked(struct task *t, i32 tid)
{
	t->tid = tid;
	list_push_back(&by_tid[tid % TID_HASH], &t->hash_node);
	list_push_back(&t->process->tasks, &t->node);
	nr_further += t->process->nr_tasks++ > 0;
}

void task_unlink_locked(struct task *t)
{
	list_remove(&t->hash_node);
	list_remove(&t->node);
	nr_further -= --t->process->nr_tasks > 0;
}

unsigned task_further_locked(void)
{
	return nr_further;
}

struct task *task_find_locked(i32 tid)
{
	struct task *t;

	if (tid <= 0)
		return NULL;
	LIST_FOR_EACH (t, &by_tid[tid % TID_HASH], hash_node)
		if (t->tid == tid)
			return t;
	return NULL;
}

i32 task_publish(struct task *t)
{
	i32 tid;

	process_table_lock();
	tid = process_new_id_locked(t->tid);
	if (tid > 0)
		task_link_locked(t, tid);
	process_table_unlock();
	return tid;
}

/* A task has gone from p, and others are left: they take the signals that it was chosen for, and may be all that a stop or an exec waits for. */
static void tell_rest_locked(struct process *p)
{
	signal_retarget_locked(p);
	process_stop_recount_locked(p);
	if (p->exec_task)
		thread_wake(p->exec_task->thread);
}

void task_withdraw(struct task *t)
{
	process_table_lock();
	task_unlink_locked(t);
	tell_rest_locked(t->process);
	process_table_unlock();
}

void task_attach(struct task *t, struct thread *thread)
{
	struct process *p = t->process;

	process_table_lock();
	thread->process = p;
	thread->limits = &p->limits;
	thread->task = t;
	t->thread = thread;
	if (t->affinity != ~0ull)
		sched_set_allowed(thread, t->affinity);
	if (p->exiting || (p->exec_task && p->exec_task != t))
		atomic_store(&thread->killed, true);
	signal_update_locked(t);
	process_table_unlock();
}

static void kill_locked(struct task *t)
{
	if (!t->thread)
		return; /* task_attach will see why */
	atomic_store(&t->thread->killed, true);
	if (t->thread == thread_current())
		return;
	thread_wake(t->thread); /* if it sleeps in a killable wait */
	thread_kick(t->thread); /* if it computes */
}

void process_begin_exit_locked(struct process *p, int wait_status)
{
	struct task *t;

	if (p->exiting || p->state != PROCESS_ALIVE)
		return;
	p->exiting = true;
	p->wait_status = wait_status;
	LIST_FOR_EACH (t, &p->tasks, node)
		kill_locked(t);
}

void process_exit(int wait_status)
{
	process_table_lock();
	process_begin_exit_locked(process_current(), wait_status);
	process_table_unlock();
	task_exit(wait_status);
}

static void drop_mm(void)
{
	struct mm *mm = thread_current()->mm;

	if (!mm)
		return;
	thread_set_mm(NULL);
	mm_put(mm);
}

/* From the unlock on nobody finds this task any more. True: it was the last one, and the process is this thread's to finish. */
static bool leave_process(struct task *t, int wait_status)
{
	struct process *p = t->process;
	bool last;

	process_table_lock();
	if (!p->exiting && t->tid == p->pid)
		p->wait_status = wait_status;
	p->ended_ns += thread_run_ns(t->thread);
	task_unlink_locked(t);
	last = !p->nr_tasks;
	if (last) {
		p->exiting = true;
	} else {
		thread_current()->name = "(exited)";
		thread_current()->process = NULL;
		thread_current()->limits = NULL;
		tell_rest_locked(p);
	}
	process_table_unlock();
	return last;
}

void task_exit(int wait_status)
{
	struct task *t = task_current();
	struct process *p = t->process;

	task_leave_memory(t);
	if (leave_process(t, wait_status))
		process_finish(p);
	else
		drop_mm();
	thread_current()->task = NULL;
	task_destroy(t);
	thread_exit();
}

void task_start_user(void *arg)
{
	struct task *t = arg;

	if (t->set_tid.v) /* no harm is done where that is not writable, as on Linux */
		(void)copy_to_user(t->set_tid, &t->tid, sizeof(t->tid));
	enter_user(&t->start);
}

/* ---------------------------------------------------------------- exec */

static bool begin_alone(struct task *self)
{
	struct process *p = self->process;
	struct task *t;
	bool ok;

	process_table_lock();
	ok = !p->exec_task && !p->exiting;
	if (ok) {
		p->exec_task = self;
		LIST_FOR_EACH (t, &p->tasks, node)
			if (t != self)
				kill_locked(t);
	}
	process_table_unlock();
	return ok;
}

int task_be_alone(void)
{
	struct task *self = task_current();
	struct process *p = self->process;
	int err = 0;

	if (!begin_alone(self))
		return -EAGAIN;
	for (;;) {
		/* Looked at between prepare and block: who leaves takes table_lock, changes the number, and wakes then. */
		thread_prepare_block();
		if (atomic_load(&p->nr_tasks) == 1 || atomic_load(&self->thread->killed)) {
			thread_cancel_block();
			break;
		}
		thread_block();
	}
	process_table_lock();
	p->exec_task = NULL;
	if (p->exiting) {
		err = -EINTR;
	} else if (self->tid != p->pid) {
		task_unlink_locked(self);
		task_link_locked(self, p->pid);
	}
	process_table_unlock();
	return err;
}
