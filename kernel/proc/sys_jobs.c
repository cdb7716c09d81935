/* SPDX-License-Identifier: MIT */
/* System calls on children, process groups and sessions. */
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "lib/errno.h"
#include "mm/uaccess.h"

long sys_wait4(struct trap_frame *f)
{
	i32 pid = (i32)f->rdi;
	struct wait_request rq = {.options = (u32)f->rdx};
	struct wait_result r;
	int err;

	if (rq.options & ~(WNOHANG_ | WSTOPPED_ | WCONTINUED_ | WNOTHREAD_ | WALL_ | WCLONE_))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	rq.options |= WEXITED_;
	rq.which = pid == -1 ? WAIT_ANY : pid > 0 ? WAIT_PID : WAIT_GROUP;
	rq.id = pid > 0 ? pid : pid ? -pid : process_current()->pgid;
	err = process_wait(&rq, &r);
	if (err || !r.pid)
		return err;
	if (f->rsi && copy_to_user(UADDR(f->rsi), &r.status, sizeof(r.status)))
		return -EFAULT;
	if (f->r10 && sys_put_usage(UADDR(f->r10), r.run_ns))
		return -EFAULT;
	return r.pid;
}

enum { P_ALL_, P_PID_, P_PGID_ };

static struct siginfo child_info(const struct wait_result *r)
{
	struct siginfo info = {.signo = SIGCHLD_, .sender = {.pid = r->pid}};
	int low = r->status & 0x7f;

	if (r->status == WAIT_CONTINUED) {
		info.code = CLD_CONTINUED_;
		info.sender.child.status = SIGCONT_;
	} else if (low == 0x7f) {
		info.code = CLD_STOPPED_;
		info.sender.child.status = r->status >> 8;
	} else {
		info.code = low ? CLD_KILLED_ : CLD_EXITED_;
		info.sender.child.status = low ? low : r->status >> 8;
	}
	return info;
}

long sys_waitid(struct trap_frame *f)
{
	struct wait_request rq = {.id = (i32)f->rsi, .options = (u32)f->r10};
	struct siginfo info = {0};
	struct wait_result r;
	int err;

	if ((rq.options &
		    ~(WNOHANG_ | WNOWAIT_ | WEXITED_ | WSTOPPED_ | WCONTINUED_ | WNOTHREAD_ | WALL_ |
			    WCLONE_)) ||
		!(rq.options & (WEXITED_ | WSTOPPED_ | WCONTINUED_)))
		return -EINVAL;
	switch ((u32)f->rdi) {
	case P_ALL_:
		rq.which = WAIT_ANY;
		break;
	case P_PID_:
		rq.which = WAIT_PID;
		if (rq.id <= 0)
			return -EINVAL;
		break;
	case P_PGID_:
		rq.which = WAIT_GROUP;
		if (rq.id < 0)
			return -EINVAL;
		if (!rq.id)
			rq.id = process_current()->pgid;
		break;
	default:
		return -EINVAL;
	}
	err = process_wait(&rq, &r);
	if (err)
		return err;
	if (r.pid)
		info = child_info(&r);
	if (f->r8 && sys_put_usage(UADDR(f->r8), r.run_ns))
		return -EFAULT;
	return f->rdx ? copy_to_user(UADDR(f->rdx), &info, sizeof(info)) : 0;
}

/* ---------------------------------------------------------------- groups and sessions */

struct find_member {
	i32 sid;
	bool found;
};

static void look(struct process *p, void *arg)
{
	struct find_member *m = arg;

	m->found |= p->sid == m->sid;
}

/* POSIX setpgid(): who may be moved where. A shell moves a child that may have ended already: it is one until it is waited for. */
static long set_group_locked(struct process *self, struct process *p, i32 pgid)
{
	struct find_member m = {.sid = self->sid};

	if (!p || (p != self && p->parent != self))
		return -ESRCH;
	if (p != self && p->sid != self->sid)
		return -EPERM;
	if (p != self && p->execed)
		return -EACCES;
	if (p->sid == p->pid)
		return -EPERM;
	if (pgid != p->pid) {
		process_for_each_in_group_locked(pgid, look, &m);
		if (!m.found)
			return -EPERM;
	}
	if (p->pgid != pgid)
		process_set_group_locked(p, pgid);
	return 0;
}

long sys_setpgid(struct trap_frame *f)
{
	struct process *self = process_current();
	i32 pid = (i32)f->rdi, pgid = (i32)f->rsi;
	long ret;

	if (pid < 0 || pgid < 0)
		return pgid < 0 ? -EINVAL : -ESRCH;
	if (!pid)
		pid = self->pid;
	if (!pgid)
		pgid = pid;
	process_table_lock();
	ret = set_group_locked(self, process_find_locked(pid), pgid);
	process_table_unlock();
	return ret;
}

long sys_getpgrp(struct trap_frame *f UNUSED)
{
	return process_current()->pgid;
}

/* Of process pid (0: the caller). */
static long group_or_session(i32 pid, bool session)
{
	struct process *p;
	long ret = -ESRCH;

	process_table_lock();
	p = pid ? process_find_locked(pid) : process_current();
	if (p)
		ret = session ? p->sid : p->pgid;
	process_table_unlock();
	return ret;
}

long sys_getpgid(struct trap_frame *f)
{
	return group_or_session((i32)f->rdi, false);
}

long sys_getsid(struct trap_frame *f)
{
	return group_or_session((i32)f->rdi, true);
}

static void count(struct process *p UNUSED, void *arg)
{
	++*(unsigned *)arg;
}

long sys_setsid(struct trap_frame *f UNUSED)
{
	struct process *p = process_current();
	unsigned members = 0;
	long ret = -EPERM;

	process_table_lock();
	process_for_each_in_group_locked(p->pid, count, &members);
	if (!members) {
		process_set_session_locked(p, p->pid);
		process_set_group_locked(p, p->pid);
		ret = p->pid;
	}
	process_table_unlock();
	return ret;
}
