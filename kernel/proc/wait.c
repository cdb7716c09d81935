/* SPDX-License-Identifier: MIT */
/*
 * Waiting for children: wait4 and waitid.
 *
 * No wake-up is lost: process->child_events counts what happened to the children. A waiter reads the count before it looks at
 * its children and sleeps only while the count has not moved; who changes a child's state moves it before it wakes the parent.
 */
#include "kernel/proc/process.h"
#include "lib/errno.h"

static struct {
	struct waitq wait;
	_Atomic(u32) exits; /* processes that became zombies */
} kernel_waiter;

void process_wait_init(void)
{
	waitq_init(&kernel_waiter.wait);
}

void process_wake_waiters_locked(struct process *p)
{
	atomic_fetch_add(&p->child_events, 1);
	waitq_wake_all(&p->child_wait);
}

/* Is `child` one of those that the request is about? Children that end without SIGCHLD want __WALL or __WCLONE. */
static bool fits(const struct process *child, const struct wait_request *rq)
{
	bool clone = child->exit_signal != SIGCHLD_;

	if (rq->which == WAIT_PID && child->pid != rq->id)
		return false;
	if (rq->which == WAIT_GROUP && child->pgid != rq->id)
		return false;
	return (rq->options & WALL_) || clone == !!(rq->options & WCLONE_);
}

/* Has `child` something to tell? Then it is told, and unless WNOWAIT says otherwise that is that. */
static bool take_news_locked(struct process *child, u32 options, struct wait_result *out)
{
	bool keep = options & WNOWAIT_;

	if (child->state == PROCESS_ZOMBIE) {
		if (!(options & WEXITED_))
			return false;
		out->pid = child->pid;
		out->status = child->wait_status;
		out->run_ns = child->ended_ns + child->children_ns;
		if (keep)
			return true;
		child->parent->children_ns += out->run_ns;
		process_reap_locked(child);
		return true;
	}
	if ((options & WSTOPPED_) && child->stop_news) {
		out->pid = child->pid;
		out->status = WAIT_STOPPED(child->stop_signal);
		out->run_ns = process_run_ns_locked(child) + child->children_ns;
		child->stop_news = keep;
		return true;
	}
	if ((options & WCONTINUED_) && child->continue_news) {
		out->pid = child->pid;
		out->status = WAIT_CONTINUED;
		out->run_ns = process_run_ns_locked(child) + child->children_ns;
		child->continue_news = keep;
		return true;
	}
	return false;
}

/* 1: told; 0: children, but without news; -ECHILD: no such child. */
static int look_locked(struct process *p, const struct wait_request *rq, struct wait_result *out)
{
	struct process *child, *next;
	int ret = -ECHILD;

	LIST_FOR_EACH_SAFE (child, next, &p->children, sibling) {
		if (!fits(child, rq))
			continue;
		if (take_news_locked(child, rq->options, out))
			return 1;
		if (child->state != PROCESS_ZOMBIE || (rq->options & WEXITED_))
			ret = 0;
	}
	return ret;
}

int process_wait(const struct wait_request *rq, struct wait_result *out)
{
	struct process *p = process_current();

	*out = (struct wait_result){0};
	for (;;) {
		u32 events = atomic_load(&p->child_events);
		int ret;

		process_table_lock();
		ret = look_locked(p, rq, out);
		process_table_unlock();
		if (ret || (rq->options & WNOHANG_))
			return MIN(ret, 0);
		ret = WAIT_EVENT_INTERRUPTIBLE(&p->child_wait, atomic_load(&p->child_events) != events);
		if (ret)
			return ret;
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
