/* SPDX-License-Identifier: MIT */
/*
 * The way back to user mode: stops, default actions, handlers, restarts of system calls; and rt_sigreturn.
 *
 * A handler runs on a frame that is laid out as Linux x86-64 does it (struct sig_frame): return address, ucontext, siginfo,
 * and above them, aligned to 64 bytes, the XSAVE area with Linux's marks in it. rt_sigreturn finds the frame 8 bytes below its
 * stack pointer.
 *
 * Rule: nothing in a frame is believed. Segment selectors are not taken from it, of rflags only what a program may change, the extended
 * registers only if fpu_accept() says so; the rest are ordinary user registers.
 *
 * An interrupted system call has returned -ERESTART*: it is run again (rip goes back over the two bytes of the syscall instruction and
 * rax is its number again), or its result becomes -EINTR. That happens once: f->error is NOT_A_CALL then.
 */
#include "kernel/cpu/fpu.h"
#include "kernel/log.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"

#define NOT_A_CALL (~0ull)
#define NR_RESTART_SYSCALL 219
#define SYSCALL_BYTES 2
#define RED_ZONE 128 /* System V ABI x86-64, 3.2.2 */
#define FPSTATE_ALIGN 64

/* CF PF AF ZF SF TF DF OF RF AC: what a program may set, and what of it a handler starts without. */
#define RFLAGS_USER 0x50dd5ull
#define RFLAGS_CLEARED_FOR_HANDLER (1ull << 8 | 1ull << 10 | 1ull << 16) /* TF DF RF */
#define RFLAGS_FIXED 0x202ull

enum { SS_ONSTACK_ = 1, SS_DISABLE_ = 2, SS_AUTODISARM_ = (int)(1u << 31) };
#define UC_FP_XSTATE 1ull
#define UC_SIGCONTEXT_SS 2ull
#define UC_STRICT_RESTORE_SS 4ull

struct sig_context { /* struct sigcontext_64 */
	u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	u16 cs, gs, fs, ss;
	u64 error, trap, oldmask, cr2, fpstate, reserved[8];
};
_Static_assert(sizeof(struct sig_context) == 256, "Linux x86-64");

struct sig_ucontext {
	u64 flags, link;
	struct user_stack stack;
	struct sig_context mc;
	u64 mask;
};
_Static_assert(sizeof(struct sig_ucontext) == 304, "Linux x86-64");

struct sig_frame {
	u64 restorer;
	struct sig_ucontext uc;
	u8 info[SIGINFO_USER_SIZE];
};
_Static_assert(sizeof(struct sig_frame) == 440, "Linux x86-64");

/* ---------------------------------------------------------------- entering a handler */

static bool on_altstack(const struct task *t, u64 sp)
{
	return sp > t->altstack.sp && sp - t->altstack.sp <= t->altstack.size;
}

static i32 altstack_state(const struct task *t, u64 sp)
{
	if (!t->altstack.size)
		return SS_DISABLE_;
	return on_altstack(t, sp) ? SS_ONSTACK_ : 0;
}

/* Where frame and extended registers go. False: they do not fit on the alternate stack. */
static bool place_frame(
	const struct task *t, const struct signal_action *act, u64 rsp, u64 *frame, u64 *fpstate)
{
	u64 sp = rsp - RED_ZONE;
	bool alternate = on_altstack(t, rsp);

	if ((act->flags & SA_ONSTACK_) && t->altstack.size && !alternate) {
		sp = t->altstack.sp + t->altstack.size;
		alternate = true;
	}
	*fpstate = ALIGN_DOWN(sp - fpu_user_size(), FPSTATE_ALIGN);
	*frame = ALIGN_DOWN(*fpstate - sizeof(struct sig_frame), 16) - 8;
	return !alternate || (*frame >= t->altstack.sp && *frame - t->altstack.sp < t->altstack.size);
}

u64 signal_frame_max(void)
{
	return ALIGN_UP(fpu_user_size() + FPSTATE_ALIGN + sizeof(struct sig_frame) + 16 + 8, 16);
}

static void fill_context(struct sig_context *c, const struct trap_frame *f, const struct task *t, u64 oldmask)
{
	*c = (struct sig_context){
		.r8 = f->r8,
		.r9 = f->r9,
		.r10 = f->r10,
		.r11 = f->r11,
		.r12 = f->r12,
		.r13 = f->r13,
		.r14 = f->r14,
		.r15 = f->r15,
		.rdi = f->rdi,
		.rsi = f->rsi,
		.rbp = f->rbp,
		.rbx = f->rbx,
		.rdx = f->rdx,
		.rax = f->rax,
		.rcx = f->rcx,
		.rsp = f->rsp,
		.rip = f->rip,
		.rflags = f->rflags,
		.cs = SEL_UCODE,
		.ss = SEL_UDATA,
		.error = t->fault_error,
		.trap = t->fault_trap,
		.oldmask = oldmask,
		.cr2 = t->fault_address,
	};
}

/* -EFAULT, -ENOMEM: the handler cannot be entered. */
static int push_frame(struct task *t, const struct trap_frame *f, const struct signal_action *act,
	const struct siginfo *info, u64 oldmask, u64 *sp)
{
	struct sig_frame frame;
	u64 fpstate;
	int err;

	if (!(act->flags & SA_RESTORER_) || !place_frame(t, act, f->rsp, sp, &fpstate))
		return -EFAULT;
	memset(&frame, 0, sizeof(frame));
	frame.restorer = act->restorer;
	frame.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (fpu_has_xsave() ? UC_FP_XSTATE : 0);
	frame.uc.stack = t->altstack;
	frame.uc.stack.flags = altstack_state(t, f->rsp) | (t->altstack.flags & SS_AUTODISARM_);
	fill_context(&frame.uc.mc, f, t, oldmask);
	frame.uc.mc.fpstate = fpstate;
	frame.uc.mask = oldmask;
	memcpy(frame.info, info, sizeof(*info));
	err = thread_push_fpu(UADDR(fpstate));
	return err ? err : copy_to_user(UADDR(*sp), &frame, sizeof(frame));
}

static void enter_handler(
	struct task *t, struct trap_frame *f, const struct signal_action *act, const struct siginfo *info)
{
	u64 oldmask = t->restore_mask ? t->saved_mask : atomic_load(&t->blocked), sp, mask;

	t->restore_mask = false;
	if (push_frame(t, f, act, info, oldmask, &sp)) {
		pr_warn("signal", "%s[%d]: no stack for the handler of %s", t->process->name, t->process->pid,
			signal_name(info->signo));
		signal_kill_self(SIGSEGV_);
		return;
	}
	if (t->altstack.flags & SS_AUTODISARM_)
		t->altstack = (struct user_stack){.flags = SS_DISABLE_};
	f->rip = act->handler;
	f->rsp = sp;
	f->rdi = (u64)info->signo;
	f->rsi = sp + offsetof(struct sig_frame, info);
	f->rdx = sp + offsetof(struct sig_frame, uc);
	f->rax = 0;
	f->rflags = (f->rflags & ~RFLAGS_CLEARED_FOR_HANDLER) | RFLAGS_FIXED;
	thread_reset_fpu();
	mask = atomic_load(&t->blocked) | act->mask;
	if (!(act->flags & SA_NODEFER_))
		mask |= signal_bit(info->signo);
	signal_set_blocked(mask);
}

/* ---------------------------------------------------------------- restarts */

static void run_again(struct trap_frame *f, u64 nr)
{
	f->rax = nr;
	f->rip -= SYSCALL_BYTES;
}

/* act: of the handler that is about to run; NULL: none is. */
static void finish_call(struct trap_frame *f, const struct signal_action *act)
{
	u64 nr = f->error;

	if (f->vector != VEC_SYSCALL || nr == NOT_A_CALL)
		return;
	f->error = NOT_A_CALL;
	switch (-(i64)f->rax) {
	case ERESTARTSYS:
		if (act && !(act->flags & SA_RESTART_))
			f->rax = (u64)-EINTR;
		else
			run_again(f, nr);
		break;
	case ERESTARTNOHAND:
		if (act)
			f->rax = (u64)-EINTR;
		else
			run_again(f, nr);
		break;
	case ERESTART_RESTARTBLOCK:
		if (act)
			f->rax = (u64)-EINTR;
		else
			run_again(f, NR_RESTART_SYSCALL);
		break;
	}
}

long sys_restart_syscall(struct trap_frame *f UNUSED)
{
	struct task_restart *r = &task_current()->restart;

	return r->fn ? r->fn(r) : -EINTR;
}

/* ---------------------------------------------------------------- what is due */

enum due { DUE_NOTHING, DUE_AGAIN, DUE_STOP, DUE_HANDLER };

/* Acts on one signal. DUE_HANDLER: act and info say what to enter. table_lock held. */
static enum due take_one_locked(struct task *t, struct signal_action *act, struct siginfo *info)
{
	struct process *p = t->process;
	struct signal_action *a;

	if (atomic_load(&p->stopped))
		return DUE_STOP;
	if (!signal_take_locked(t, ~atomic_load(&t->blocked), info)) {
		signal_update_locked(t);
		return DUE_NOTHING;
	}
	a = &p->actions[info->signo - 1];
	if (a->handler > SIG_IGN_) {
		*act = *a;
		if (a->flags & SA_RESETHAND_)
			a->handler = SIG_DFL_;
		return DUE_HANDLER;
	}
	if (signal_is_ignored_locked(p, info->signo) || p->pid == PID_INIT)
		return DUE_AGAIN;
	switch (info->signo) {
	case SIGTSTP_:
	case SIGTTIN_:
	case SIGTTOU_:
		if (process_group_orphaned_locked(p))
			return DUE_AGAIN; /* nobody there could continue it */
					  /* fallthrough */
	case SIGSTOP_:
		process_stop_locked(p, info->signo);
		return DUE_AGAIN;
	}
	process_begin_exit_locked(p, WAIT_SIGNALED(info->signo));
	return DUE_AGAIN;
}

void trap_user_return(struct trap_frame *f)
{
	struct task *t = task_current();
	struct signal_action act;
	struct siginfo info;
	enum due due;

	do {
		if (unlikely(atomic_load(&t->thread->killed)))
			task_exit(0);
		process_table_lock();
		due = take_one_locked(t, &act, &info);
		process_table_unlock();
		if (due == DUE_STOP)
			process_stay_stopped(t->process);
	} while (due == DUE_STOP || due == DUE_AGAIN);
	finish_call(f, due == DUE_HANDLER ? &act : NULL);
	if (due == DUE_HANDLER)
		enter_handler(t, f, &act, &info);
	else
		signal_restore_mask();
}

/* ---------------------------------------------------------------- leaving a handler */

static void restore_context(struct trap_frame *f, const struct sig_context *c)
{
	f->r8 = c->r8;
	f->r9 = c->r9;
	f->r10 = c->r10;
	f->r11 = c->r11;
	f->r12 = c->r12;
	f->r13 = c->r13;
	f->r14 = c->r14;
	f->r15 = c->r15;
	f->rdi = c->rdi;
	f->rsi = c->rsi;
	f->rbp = c->rbp;
	f->rbx = c->rbx;
	f->rdx = c->rdx;
	f->rax = c->rax;
	f->rcx = c->rcx;
	f->rsp = c->rsp;
	f->rip = c->rip;
	f->rflags = (f->rflags & ~RFLAGS_USER) | (c->rflags & RFLAGS_USER) | RFLAGS_FIXED;
	f->cs = SEL_UCODE;
	f->ss = SEL_UDATA;
	f->error = NOT_A_CALL;
}

#define MINSIGSTKSZ_ 2048

/* -EPERM: it is in use; -EINVAL, -ENOMEM. */
static int set_altstack(struct task *t, const struct user_stack *new, u64 sp)
{
	i32 mode = new->flags & ~SS_AUTODISARM_;

	if (on_altstack(t, sp))
		return -EPERM;
	if (mode != 0 && mode != SS_ONSTACK_ && mode != SS_DISABLE_)
		return -EINVAL;
	if (mode == SS_DISABLE_) {
		t->altstack = (struct user_stack){.flags = SS_DISABLE_};
		return 0;
	}
	if (new->size < MINSIGSTKSZ_)
		return -ENOMEM;
	t->altstack = *new;
	t->altstack.pad = 0;
	return 0;
}

long sys_sigaltstack(struct trap_frame *f)
{
	struct task *t = task_current();
	struct user_stack new, old = t->altstack;
	int err = 0;

	old.flags = altstack_state(t, f->rsp) | (old.flags & SS_AUTODISARM_);
	if (f->rdi) {
		if (copy_from_user(&new, UADDR(f->rdi), sizeof(new)))
			return -EFAULT;
		err = set_altstack(t, &new, f->rsp);
	}
	if (!err && f->rsi)
		err = copy_to_user(UADDR(f->rsi), &old, sizeof(old));
	return err;
}

long sys_rt_sigreturn(struct trap_frame *f)
{
	u64 frame = f->rsp - 8;
	struct sig_ucontext uc;
	struct siginfo info = signal_from_kernel(SIGSEGV_);

	if (copy_from_user(&uc, UADDR(frame + offsetof(struct sig_frame, uc)), sizeof(uc)) ||
		thread_pop_fpu(UADDR(uc.mc.fpstate))) {
		signal_force(&info);
		return 0;
	}
	signal_set_blocked(uc.mask);
	restore_context(f, &uc.mc);
	(void)set_altstack(
		task_current(), &uc.stack, f->rsp); /* as it was; what does not fit is left, as on Linux */
	enter_user(f);
}
