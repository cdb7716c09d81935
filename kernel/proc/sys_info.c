/* SPDX-License-Identifier: MIT */
/*
 * System calls on the system and its users. There is one user, root, and one group: what would make them
 * somebody else is refused with EPERM, what keeps them as they are works.
 */
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "mm/kmem.h"
#include "mm/mm.h"
#include "mm/pmm.h"
#include "mm/uaccess.h"

/* --- users --- */

/* Ids that a call may set: 0, and -1 for "as it is". */
static long only_root(u64 a, u64 b, u64 c)
{
	u32 ids[] = {(u32)a, (u32)b, (u32)c};

	for (unsigned k = 0; k < ARRAY_SIZE(ids); k++)
		if (ids[k] && ids[k] != ~0u)
			return -EPERM;
	return 0;
}

static long put_ids(struct trap_frame *f)
{
	u32 zero = 0;
	u64 where[] = {f->rdi, f->rsi, f->rdx};

	for (unsigned k = 0; k < ARRAY_SIZE(where); k++)
		if (copy_to_user(UADDR(where[k]), &zero, sizeof(zero)))
			return -EFAULT;
	return 0;
}

/* Here -1 is nobody. */
long sys_setuid(struct trap_frame *f)
{
	return (u32)f->rdi == ~0u ? -EINVAL : only_root(f->rdi, 0, 0);
}

long sys_setgid(struct trap_frame *f)
{
	return (u32)f->rdi == ~0u ? -EINVAL : only_root(f->rdi, 0, 0);
}

long sys_setreuid(struct trap_frame *f)
{
	return only_root(f->rdi, f->rsi, 0);
}

long sys_setregid(struct trap_frame *f)
{
	return only_root(f->rdi, f->rsi, 0);
}

long sys_setresuid(struct trap_frame *f)
{
	return only_root(f->rdi, f->rsi, f->rdx);
}

long sys_setresgid(struct trap_frame *f)
{
	return only_root(f->rdi, f->rsi, f->rdx);
}

long sys_getresuid(struct trap_frame *f)
{
	return put_ids(f);
}

long sys_getresgid(struct trap_frame *f)
{
	return put_ids(f);
}

/* No groups beside the one. */
long sys_getgroups(struct trap_frame *f)
{
	return (i32)f->rdi < 0 ? -EINVAL : 0;
}

#define NGROUPS_MAX_ 65536

long sys_setgroups(struct trap_frame *f)
{
	u32 count = (u32)f->rdi, group;

	if (count > NGROUPS_MAX_)
		return -EINVAL;
	for (u32 k = 0; k < count; k++)
		if (copy_from_user(&group, UADDR(f->rsi + k * sizeof(group)), sizeof(group)))
			return -EFAULT;
	return count ? -EPERM : 0;
}

/* --- priorities --- */

enum { PRIO_PROCESS_, PRIO_PGRP_, PRIO_USER_, PRIO_NICE_0 = 20 };

static void no_op(struct process *p UNUSED, void *arg UNUSED) {}

/* 0: there is somebody whom the call means. */
static long priority_of(u32 which, i32 who)
{
	bool found = !who;

	if (which > PRIO_USER_)
		return -EINVAL;
	process_table_lock();
	if (which == PRIO_PROCESS_)
		found |= task_find_locked(who) || process_find_locked(who);
	if (which == PRIO_PGRP_)
		found |= process_for_each_in_group_locked(who, no_op, NULL) > 0;
	process_table_unlock();
	return found ? 0 : -ESRCH;
}

/* Everybody has nice 0. The raw call returns 20 - nice. */
long sys_getpriority(struct trap_frame *f)
{
	long ret = priority_of((u32)f->rdi, (i32)f->rsi);

	return ret ? ret : PRIO_NICE_0;
}

long sys_setpriority(struct trap_frame *f)
{
	return priority_of((u32)f->rdi, (i32)f->rsi);
}

/* --- figures --- */

struct user_sysinfo {
	i64 uptime;
	u64 loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	u16 procs, pad[3];
	u64 totalhigh, freehigh;
	u32 unit, pad2;
};
_Static_assert(sizeof(struct user_sysinfo) == 112, "Linux x86-64");

long sys_sysinfo(struct trap_frame *f)
{
	struct user_sysinfo s = {
		.uptime = (i64)(time_ns() / NS_PER_SECOND),
		.totalram = pmm_total_pages() * PAGE_SIZE,
		.freeram = pmm_free_pages() * PAGE_SIZE,
		.procs = (u16)process_count(),
		.unit = 1,
	};

	return copy_to_user(UADDR(f->rdi), &s, sizeof(s));
}

long sys_getcpu(struct trap_frame *f)
{
	u32 cpu = cpu_id(), node = 0;

	if ((f->rdi && copy_to_user(UADDR(f->rdi), &cpu, sizeof(cpu))) ||
		(f->rsi && copy_to_user(UADDR(f->rsi), &node, sizeof(node))))
		return -EFAULT;
	return 0;
}

/* --- the rest --- */

enum {
	PR_SET_PDEATHSIG_ = 1,
	PR_GET_DUMPABLE_ = 3,
	PR_SET_DUMPABLE_ = 4,
	PR_SET_NAME_ = 15,
	PR_GET_NAME_ = 16,
	PR_SET_NO_NEW_PRIVS_ = 38,
	PR_GET_NO_NEW_PRIVS_ = 39,
};

long sys_prctl(struct trap_frame *f)
{
	struct process *p = process_current();
	char name[PROCESS_NAME_LEN] = {0}; /* PR_GET_NAME tells all of it */
	ssize_t n;

	switch ((u32)f->rdi) {
	case PR_SET_NAME_:
		n = copy_string_from_user(name, UADDR(f->rsi), sizeof(name));
		if (n == -EFAULT)
			return -EFAULT;
		name[sizeof(name) - 1] = '\0';
		memcpy(p->name, name, sizeof(name));
		return 0;
	case PR_GET_NAME_:
		return copy_to_user(UADDR(f->rsi), p->name, sizeof(p->name));
	case PR_GET_DUMPABLE_:
		return 1;
	case PR_SET_DUMPABLE_:
		return f->rsi > 1 ? -EINVAL : 0;
	case PR_SET_PDEATHSIG_:
		return f->rsi > NR_SIGNALS ? -EINVAL : 0;
	case PR_SET_NO_NEW_PRIVS_:
		if (f->rsi != 1 || f->rdx || f->r10 || f->r8)
			return -EINVAL;
		task_current()->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS_:
		return f->rsi || f->rdx || f->r10 || f->r8 ? -EINVAL : task_current()->no_new_privs;
	default:
		return -EINVAL;
	}
}

enum { ADDR_NO_RANDOMIZE_ = 0x40000, PERSONALITY_ASK_ = 0xffffffff };

/* Linux's own personality, and whether exec may choose addresses by chance. The old one. */
long sys_personality(struct trap_frame *f)
{
	struct process *p = process_current();
	long old = p->fixed_layout ? ADDR_NO_RANDOMIZE_ : 0;
	u32 new = (u32)f->rdi;

	if (new == PERSONALITY_ASK_)
		return old;
	if (new & ~(u32)ADDR_NO_RANDOMIZE_)
		return -EINVAL;
	p->fixed_layout = new &ADDR_NO_RANDOMIZE_;
	return old;
}

/* --- what is refused, once the arguments are found good --- */

/* A directory's path: -EPERM, unless there is none. */
static long refuse_directory(uaddr_t path, u32 flags)
{
	struct inode *i;
	int err = sys_lookup_at(AT_FDCWD_, path, flags, &i);

	if (err)
		return err;
	err = mode_is_dir(i->mode) ? -EPERM : -ENOTDIR;
	iput(i);
	return err;
}

/* A string that may be missing. */
static int check_string(u64 user)
{
	char *text;
	int err;

	if (!user)
		return 0;
	err = sys_get_path(UADDR(user), true, &text);
	if (!err)
		kfree(text);
	return err == -ENAMETOOLONG ? -EINVAL : err;
}

#define MS_NOUSER_ (1u << 31) /* the kernel's own */

/* What is mounted is decided at boot. */
long sys_mount(struct trap_frame *f)
{
	int err = check_string(f->rdx);
	char option;

	if (!err)
		err = check_string(f->rdi);
	if (!err && f->r8)
		err = copy_from_user(&option, UADDR(f->r8), sizeof(option));
	if (!err)
		err = refuse_directory(UADDR(f->rsi), 0);
	return err == -EPERM && (f->r10 & MS_NOUSER_) ? -EINVAL : err;
}

enum { MNT_FORCE_ = 1, MNT_DETACH_ = 2, MNT_EXPIRE_ = 4, UMOUNT_NOFOLLOW_ = 8 };

long sys_umount2(struct trap_frame *f)
{
	u32 flags = (u32)f->rsi;

	if (flags & ~(u32)(MNT_FORCE_ | MNT_DETACH_ | MNT_EXPIRE_ | UMOUNT_NOFOLLOW_))
		return -EINVAL;
	return refuse_directory(UADDR(f->rdi), flags & UMOUNT_NOFOLLOW_ ? AT_SYMLINK_NOFOLLOW_ : 0);
}

long sys_chroot(struct trap_frame *f)
{
	return refuse_directory(UADDR(f->rdi), 0);
}

#define UTS_NAME_MAX 64

static long refuse_name(uaddr_t name, i32 len)
{
	char buf[UTS_NAME_MAX];

	if (len < 0 || len > UTS_NAME_MAX)
		return -EINVAL;
	return copy_from_user(buf, name, (size_t)len) ? -EFAULT : -EPERM;
}

long sys_sethostname(struct trap_frame *f)
{
	return refuse_name(UADDR(f->rdi), (i32)f->rsi);
}

long sys_setdomainname(struct trap_frame *f)
{
	return refuse_name(UADDR(f->rdi), (i32)f->rsi);
}
