/* SPDX-License-Identifier: MIT */
/*
 * Resource limits: getrlimit, setrlimit, prlimit64, /proc/PID/limits. Where they are obeyed: AS, DATA, MEMLOCK mm/limit.c; STACK mm/fault.c and
 * exec; NOFILE files.c; NPROC process.c and task.c; FSIZE fs/vfs_file.c; SIGPENDING signal.c. CORE is, because no core is ever written. The others are kept and told.
 *
 * Everybody is root, who on Linux is exempt from NPROC and MEMLOCK and may raise any limit. Here a limit that was set holds, and hard limits may be raised.
 *
 * Locks: a pair of values changes under table_lock; single reads take none.
 */
#include "kernel/proc/limits.h"

#include "kernel/proc/files.h"
#include "kernel/proc/proc_files.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/text.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "mm/pmm.h"
#include "mm/uaccess.h"

/* A process with all that belongs to it takes some 40 pages: this many fill half of the memory. */
#define PAGES_PER_PROCESS 80
#define PROCESSES_MIN 64

void limits_init(struct limits *l)
{
	u64 processes = MAX(pmm_total_pages() / PAGES_PER_PROCESS, (u64)PROCESSES_MIN);

	for (unsigned i = 0; i < NR_LIMITS; i++) {
		atomic_init(&l->soft[i], LIMIT_NONE);
		atomic_init(&l->hard[i], LIMIT_NONE);
	}
	atomic_store(&l->soft[LIMIT_STACK], MM_STACK_MAX);
	atomic_store(&l->soft[LIMIT_CORE], 0);
	atomic_store(&l->soft[LIMIT_NOFILE], FD_MAX);
	atomic_store(&l->hard[LIMIT_NOFILE], FD_MAX);
	atomic_store(&l->soft[LIMIT_NPROC], MIN(processes, (u64)PID_MAX));
	atomic_store(&l->hard[LIMIT_NPROC], MIN(processes, (u64)PID_MAX));
	atomic_store(&l->soft[LIMIT_NICE], 0);
	atomic_store(&l->hard[LIMIT_NICE], 0);
	atomic_store(&l->soft[LIMIT_RTPRIO], 0);
	atomic_store(&l->hard[LIMIT_RTPRIO], 0);
}

void limits_copy(struct limits *to, const struct limits *from)
{
	for (unsigned i = 0; i < NR_LIMITS; i++) {
		atomic_store(&to->soft[i], atomic_load(&from->soft[i]));
		atomic_store(&to->hard[i], atomic_load(&from->hard[i]));
	}
}

long limits_file_result(long ret)
{
	if (ret == -EFBIG && limit_of(LIMIT_FSIZE) != LIMIT_NONE)
		signal_send_self(SIGXFSZ_);
	return ret;
}

struct user_rlimit {
	u64 soft, hard;
};

static int check_new(u32 which, const struct user_rlimit *new)
{
	if (new->soft > new->hard)
		return -EINVAL;
	return which == LIMIT_NOFILE && new->hard > FD_MAX ? -EPERM : 0;
}

/* pid 0: the caller. new, old: NULL or what to set and where to tell. */
static int exchange(i32 pid, u32 which, const struct user_rlimit *new, struct user_rlimit *old)
{
	struct process *p;

	if (which >= NR_LIMITS)
		return -EINVAL;
	process_table_lock();
	p = pid ? process_find_locked(pid) : process_current();
	if (p) {
		old->soft = atomic_load(&p->limits.soft[which]);
		old->hard = atomic_load(&p->limits.hard[which]);
	}
	if (p && new) {
		atomic_store(&p->limits.soft[which], new->soft);
		atomic_store(&p->limits.hard[which], new->hard);
	}
	process_table_unlock();
	return p ? 0 : -ESRCH;
}

static long do_rlimit(i32 pid, u32 which, u64 new_user, u64 old_user)
{
	struct user_rlimit new, old;
	int err = 0;

	if (new_user && copy_from_user(&new, UADDR(new_user), sizeof(new)))
		return -EFAULT;
	if (new_user)
		err = which < NR_LIMITS ? check_new(which, &new) : -EINVAL;
	if (!err)
		err = exchange(pid, which, new_user ? &new : NULL, &old);
	if (!err && old_user)
		err = copy_to_user(UADDR(old_user), &old, sizeof(old));
	return err;
}

long sys_getrlimit(struct trap_frame *f)
{
	return f->rsi ? do_rlimit(0, (u32)f->rdi, 0, f->rsi) : -EFAULT;
}

long sys_setrlimit(struct trap_frame *f)
{
	return f->rsi ? do_rlimit(0, (u32)f->rdi, f->rsi, 0) : -EFAULT;
}

long sys_prlimit64(struct trap_frame *f)
{
	return do_rlimit((i32)f->rdi, (u32)f->rsi, f->rdx, f->r10);
}

static void add_value(struct text *t, u64 value)
{
	if (value == LIMIT_NONE)
		text_add(t, "%-20s ", "unlimited");
	else
		text_add(t, "%-20llu ", (unsigned long long)value);
}

int proc_pid_limits(struct text *t, u64 instance)
{
	static const struct {
		const char *name, *unit;
	} rows[NR_LIMITS] = {
		[LIMIT_CPU] = {"Max cpu time", "seconds"},
		[LIMIT_FSIZE] = {"Max file size", "bytes"},
		[LIMIT_DATA] = {"Max data size", "bytes"},
		[LIMIT_STACK] = {"Max stack size", "bytes"},
		[LIMIT_CORE] = {"Max core file size", "bytes"},
		[LIMIT_RSS] = {"Max resident set", "bytes"},
		[LIMIT_NPROC] = {"Max processes", "processes"},
		[LIMIT_NOFILE] = {"Max open files", "files"},
		[LIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
		[LIMIT_AS] = {"Max address space", "bytes"},
		[LIMIT_LOCKS] = {"Max file locks", "locks"},
		[LIMIT_SIGPENDING] = {"Max pending signals", "signals"},
		[LIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
		[LIMIT_NICE] = {"Max nice priority", ""},
		[LIMIT_RTPRIO] = {"Max realtime priority", ""},
		[LIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};
	struct user_rlimit now;

	text_add(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < NR_LIMITS; i++) {
		int err = exchange((i32)instance, i, NULL, &now);

		if (err)
			return err;
		text_add(t, "%-25s ", rows[i].name);
		add_value(t, now.soft);
		add_value(t, now.hard);
		text_add(t, "%-10s\n", rows[i].unit);
	}
	return 0;
}
