/* SPDX-License-Identifier: MIT */
/* System calls on the process as a whole and on the system. Tasks: sys_task.c; signals: sys_signal.c; children, groups: sys_jobs.c. */
#include "fs/vfs.h"
#include "kernel/log.h"
#include "kernel/proc/exec.h"
#include "kernel/proc/exec_args.h"
#include "kernel/proc/process.h"
#include "kernel/proc/random.h"
#include "kernel/proc/signal.h"
#include "kernel/proc/syscall.h"
#include "kernel/sched.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

long sys_getpid(struct trap_frame *f UNUSED)
{
	return process_current()->pid;
}

long sys_getppid(struct trap_frame *f UNUSED)
{
	return atomic_load_explicit(&process_current()->ppid, memory_order_relaxed);
}

long sys_getuid(struct trap_frame *f UNUSED)
{
	return 0;
}

long sys_geteuid(struct trap_frame *f UNUSED)
{
	return 0;
}

long sys_getgid(struct trap_frame *f UNUSED)
{
	return 0;
}

long sys_getegid(struct trap_frame *f UNUSED)
{
	return 0;
}

long sys_execve(struct trap_frame *f)
{
	struct exec_args *args;
	char *path;
	int err = sys_get_path(UADDR(f->rdi), false, &path);

	if (err)
		return err;
	args = exec_args_create();
	err = args ? exec_args_from_user(args, UADDR(f->rsi), UADDR(f->rdx)) : -ENOMEM;
	if (!err)
		err = process_exec(path, args, f);
	exec_args_destroy(args);
	kfree(path);
	return err;
}

enum { ARCH_SET_GS_ = 0x1001, ARCH_SET_FS_ = 0x1002, ARCH_GET_FS_ = 0x1003 };

long sys_arch_prctl(struct trap_frame *f)
{
	u64 addr = f->rsi, base;

	switch ((u32)f->rdi) {
	case ARCH_SET_FS_:
		if (addr >= USER_TOP)
			return -EPERM;
		thread_set_fs_base(addr);
		return 0;
	case ARCH_GET_FS_:
		base = thread_fs_base();
		return copy_to_user(UADDR(addr), &base, sizeof(base));
	default:
		return -EINVAL;
	}
}

#define UTS_LEN 65

long sys_uname(struct trap_frame *f)
{
	static const char fields[6][UTS_LEN] = {
		"Faultline",
		"faultline",
		UTS_RELEASE,
		"#1 SMP PREEMPT",
		"x86_64",
		"(none)",
	};

	return copy_to_user(UADDR(f->rdi), fields, sizeof(fields));
}

enum { GRND_NONBLOCK_ = 1, GRND_RANDOM_ = 2, GRND_INSECURE_ = 4 };

long sys_getrandom(struct trap_frame *f)
{
	u64 n = MIN(f->rsi, 0x7ffffffful), done = 0;
	u32 flags = (u32)f->rdx;
	struct random_stream s;
	u8 block[64];

	if (flags & ~(GRND_NONBLOCK_ | GRND_RANDOM_ | GRND_INSECURE_))
		return -EINVAL;
	if ((flags & (GRND_RANDOM_ | GRND_INSECURE_)) == (GRND_RANDOM_ | GRND_INSECURE_))
		return -EINVAL;
	random_stream_init(&s);
	while (done < n && !atomic_load(&thread_current()->killed)) {
		u64 piece = MIN(n - done, sizeof(block));

		random_stream_next(&s, block);
		if (copy_to_user(UADDR(f->rdi + done), block, piece))
			return done ? (long)done : -EFAULT;
		done += piece;
	}
	return done || !n ? (long)done : -EINTR;
}

enum {
	REBOOT_MAGIC1_ = 0xfee1dead,
	REBOOT_RESTART_ = 0x01234567,
	REBOOT_HALT_ = 0xcdef0123,
	REBOOT_POWER_OFF_ = 0x4321fedc,
	REBOOT_CAD_ON_ = 0x89abcdef,
	REBOOT_CAD_OFF_ = 0,
};

static _Atomic(u32) reboot_request;

enum reboot_request sys_reboot_request(void)
{
	return atomic_load(&reboot_request);
}

static bool reboot_magic2_ok(u32 magic)
{
	return magic == 0x28121969 || magic == 0x05121996 || magic == 0x16041998 || magic == 0x20112000;
}

/* Orderly: init is ended, and what follows the end of init follows (kernel/proc/init.c). */
long sys_reboot(struct trap_frame *f)
{
	struct process *init;
	enum reboot_request request;

	if ((u32)f->rdi != REBOOT_MAGIC1_ || !reboot_magic2_ok((u32)f->rsi))
		return -EINVAL;
	switch ((u32)f->rdx) {
	case REBOOT_CAD_ON_:
	case REBOOT_CAD_OFF_:
		return 0; /* no such key is watched */
	case REBOOT_RESTART_:
		request = REBOOT_RESTART;
		break;
	case REBOOT_HALT_:
	case REBOOT_POWER_OFF_:
		request = REBOOT_POWER_OFF;
		break;
	default:
		return -EINVAL;
	}
	atomic_store(&reboot_request, request);
	process_table_lock();
	init = process_find_locked(PID_INIT);
	if (init)
		signal_kill_locked(init, SIGKILL_);
	process_table_unlock();
	return 0;
}
