/* SPDX-License-Identifier: MIT */
/*
 * Waiting for children.
 *
 * No wake-up is lost: process->exits counts the children that ended. A waiter reads the count before it looks at its
 * children and sleeps only while the count has not moved; an ending child moves it before it wakes the parent.
 */
#include "kernel/proc/process.h"
#include "lib/errno.h"

static struct {
	struct waitq wait;
	_Atomic(u32) exits; /* of any process, as process->exits */
} kernel_waiter;

void process_wait_init(void)
{
	waitq_init(&kernel_waiter.wait);
}

/* Reaps a zombie child that fits `pid` and returns its pid; 0: children, but none has ended; -ECHILD: no such child. */
static long reap_child_locked(struct process *p, i32 pid, i32 *wait_status)
{
	struct process *child, *next;
	long ret = -ECHILD;

	LIST_FOR_EACH_SAFE (child, next, &p->children, sibling) {
		if (pid > 0 && child->pid != pid)
			continue;
		if (child->state != PROCESS_ZOMBIE) {
			ret = 0;
			continue;
		}
		ret = child->pid;
		*wait_status = child->wait_status;
		process_reap_locked(child);
		break;
	}
	return ret;
}

long process_wait(i32 pid, bool nohang, i32 *wait_status)
{
	struct process *p = process_current();

	/* 0 and -1: any child; there is one process group. Other groups have no members. */
	if (pid < -1)
		return -ECHILD;
	for (;;) {
		u32 exits = atomic_load(&p->exits);
		long ret;
		int err;

		process_table_lock();
		ret = reap_child_locked(p, pid, wait_status);
		process_table_unlock();
		if (ret || nohang)
			return ret;
		err = WAIT_EVENT_KILLABLE(&p->child_wait, atomic_load(&p->exits) != exits);
		if (err)
			return err;
	}
}

void process_notify_kernel(void)
{
	atomic_fetch_add(&kernel_waiter.exits, 1);
	waitq_wake_all(&kernel_waiter.wait);
}

int process_wait_kernel(i32 pid)
{
	for (;;) {
		u32 exits = atomic_load(&kernel_waiter.exits);
		struct process *p;
		int status = -1;

		process_table_lock();
		p = process_find_locked(pid);
		if (p && p->state == PROCESS_ZOMBIE) {
			status = p->wait_status;
			process_reap_locked(p);
		}
		process_table_unlock();
		if (status >= 0)
			return status;
		WAIT_EVENT(&kernel_waiter.wait, atomic_load(&kernel_waiter.exits) != exits);
	}
}
