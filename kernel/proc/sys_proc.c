/* SPDX-License-Identifier: MIT */
/* System calls on processes, signals and the system as a whole. */
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

/* One thread a process: its id is the process's. */
long sys_gettid(struct trap_frame *f UNUSED)
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

long sys_set_tid_address(struct trap_frame *f UNUSED)
{
	return process_current()->pid;
}

long sys_sched_yield(struct trap_frame *f UNUSED)
{
	thread_yield();
	return 0;
}

long sys_fork(struct trap_frame *f)
{
	return process_fork(f);
}

/* The child has its own copy of the address space: a parent that counts on sharing it is outside what vfork() promises. */
long sys_vfork(struct trap_frame *f)
{
	return process_fork(f);
}

/* Only what fork() is made of: a new process that sends SIGCHLD, on the same stack address. */
long sys_clone(struct trap_frame *f)
{
	if (f->rdi != SIGCHLD_ || f->rsi)
		return -EINVAL;
	return process_fork(f);
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

long sys_exit(struct trap_frame *f)
{
	process_exit(WAIT_EXITED((int)f->rdi));
}

long sys_exit_group(struct trap_frame *f)
{
	process_exit(WAIT_EXITED((int)f->rdi));
}

enum {
	WNOHANG_ = 1,
	WUNTRACED_ = 2,
	WCONTINUED_ = 8,
	WNOTHREAD_ = 0x20000000,
	WALL_ = 0x40000000,
	WCLONE_ = (int)0x80000000,
};

#define RUSAGE_SIZE 144 /* struct rusage: all zeros, nothing is accounted */

long sys_wait4(struct trap_frame *f)
{
	u32 options = (u32)f->rdx;
	i32 status = 0;
	long pid;

	if (options & ~(u32)(WNOHANG_ | WUNTRACED_ | WCONTINUED_ | WNOTHREAD_ | WALL_ | WCLONE_))
		return -EINVAL;
	pid = process_wait((i32)f->rdi, options & WNOHANG_, &status);
	if (pid <= 0)
		return pid;
	if (f->rsi && copy_to_user(UADDR(f->rsi), &status, sizeof(status)))
		return -EFAULT;
	if (f->r10 && zero_user(UADDR(f->r10), RUSAGE_SIZE))
		return -EFAULT;
	return pid;
}

static long kill_one(i32 pid, int signo)
{
	struct process *p;
	long ret = -ESRCH;

	process_table_lock();
	p = process_find_locked(pid);
	if (p)
		ret = signo ? signal_send_locked(p, signo) : 0;
	process_table_unlock();
	return ret;
}

/* There is one process group: 0 means every process but init, -1 every other one. */
long sys_kill(struct trap_frame *f)
{
	i32 pid = (i32)f->rdi;
	int signo = (int)f->rsi;
	struct process *except = pid == -1 ? process_current() : NULL;

	if (signo < 0 || signo > NR_SIGNALS)
		return -EINVAL;
	if (pid > 0)
		return kill_one(pid, signo);
	if (pid < -1)
		return -ESRCH;
	if (!signo)
		return 0;
	return signal_send_all(signo, except) ? 0 : -ESRCH;
}

struct user_sigaction { /* struct sigaction as the kernel sees it, Linux x86-64 */
	u64 handler, flags, restorer, mask;
};
_Static_assert(sizeof(struct user_sigaction) == 32, "Linux x86-64");

enum { SIG_DFL_ = 0, SIG_IGN_ = 1, SIGSET_SIZE = 8 };

static int set_disposition(int signo, u64 handler)
{
	static _Atomic(bool) told;

	if (signo == SIGKILL_ || signo == SIGSTOP_)
		return -EINVAL;
	if (handler > SIG_IGN_) {
		if (!atomic_exchange(&told, true))
			pr_info("signal", "%s[%d] wants to handle %s: handlers are not supported",
				process_current()->name, process_current()->pid, signal_name(signo));
		return -ENOSYS;
	}
	signal_set_ignored(signo, handler == SIG_IGN_);
	return 0;
}

long sys_rt_sigaction(struct trap_frame *f)
{
	int signo = (int)f->rdi, err = 0;
	struct user_sigaction old = {0}, act;

	if (f->r10 != SIGSET_SIZE || signo < 1 || signo > NR_SIGNALS)
		return -EINVAL;
	if (atomic_load(&process_current()->ignored) & signal_bit(signo))
		old.handler = SIG_IGN_;
	if (f->rsi) {
		err = copy_from_user(&act, UADDR(f->rsi), sizeof(act));
		if (!err)
			err = set_disposition(signo, act.handler);
	}
	if (!err && f->rdx)
		err = copy_to_user(UADDR(f->rdx), &old, sizeof(old));
	return err;
}

enum { SIG_BLOCK_, SIG_UNBLOCK_, SIG_SETMASK_ };

long sys_rt_sigprocmask(struct trap_frame *f)
{
	u64 old = atomic_load(&process_current()->blocked), set;

	if (f->r10 != SIGSET_SIZE)
		return -EINVAL;
	if (f->rsi) {
		if (copy_from_user(&set, UADDR(f->rsi), sizeof(set)))
			return -EFAULT;
		switch ((u32)f->rdi) {
		case SIG_BLOCK_:
			signal_set_blocked(old | set);
			break;
		case SIG_UNBLOCK_:
			signal_set_blocked(old & ~set);
			break;
		case SIG_SETMASK_:
			signal_set_blocked(set);
			break;
		default:
			return -EINVAL;
		}
	}
	return f->rdx ? copy_to_user(UADDR(f->rdx), &old, sizeof(old)) : 0;
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

/* The release is that of the Linux whose interface is followed: C libraries look at it. */
long sys_uname(struct trap_frame *f)
{
	static const char fields[6][UTS_LEN] = {
		"Faultline",
		"faultline",
		"6.1.0-faultline",
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
