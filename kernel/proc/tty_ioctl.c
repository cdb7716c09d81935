/* SPDX-License-Identifier: MIT */
/*
 * What programs ask of the terminal and tell it: modes, window size, and job control: whose terminal it is, and which group may read.
 *
 * Rule: session and foreground change under table_lock only, everything else under tty.lock, and never both at once.
 */
#include "kernel/proc/tty_priv.h"

void tty_signal_foreground(int signo)
{
	struct siginfo info = signal_from_kernel(signo);
	i32 group;

	process_table_lock();
	group = atomic_load(&tty.foreground);
	if (group)
		signal_send_group_locked(group, &info);
	process_table_unlock();
}

void tty_session_ended_locked(i32 sid)
{
	struct siginfo hup = signal_from_kernel(SIGHUP_), cont = signal_from_kernel(SIGCONT_);
	i32 group = atomic_load(&tty.foreground);

	if (atomic_load(&tty.session) != sid)
		return;
	atomic_store(&tty.session, 0);
	atomic_store(&tty.foreground, 0);
	if (!group)
		return;
	signal_send_group_locked(group, &hup);
	signal_send_group_locked(group, &cont);
}

/* 0: the caller may go on; -EIO; -ERESTARTSYS: its group was sent `signo` (SIGTTIN, SIGTTOU). */
static int refuse_background_locked(int signo)
{
	struct task *t = task_current();
	struct process *p = t->process;
	struct siginfo info = signal_from_kernel(signo);
	i32 foreground = atomic_load(&tty.foreground);

	if (p->sid != atomic_load(&tty.session) || !foreground || p->pgid == foreground)
		return 0;
	if ((atomic_load(&t->blocked) & signal_bit(signo)) || signal_is_ignored_locked(p, signo))
		return signo == SIGTTIN_ ? -EIO : 0;
	if (process_group_orphaned_locked(p))
		return -EIO;
	signal_send_group_locked(p->pgid, &info);
	atomic_store(&t->thread->signalled, true); /* another task of ours may have been chosen */
	return -ERESTARTSYS;
}

int tty_refuse_background(int signo)
{
	struct process *p = process_current();
	int err;

	if (p->pgid ==
		atomic_load(&tty.foreground)) /* its own, or about to change: as good as a moment earlier */
		return 0;
	process_table_lock();
	err = refuse_background_locked(signo);
	process_table_unlock();
	return err;
}

enum {
	TCGETS_ = 0x5401,
	TCSETS_ = 0x5402,
	TCSETSW_ = 0x5403,
	TCSETSF_ = 0x5404,
	TCSBRK_ = 0x5409,
	TCXONC_ = 0x540a,
	TCFLSH_ = 0x540b,
	TIOCSCTTY_ = 0x540e,
	TIOCGPGRP_ = 0x540f,
	TIOCSPGRP_ = 0x5410,
	TIOCOUTQ_ = 0x5411,
	TIOCGWINSZ_ = 0x5413,
	TIOCSWINSZ_ = 0x5414,
	FIONREAD_ = 0x541b,
	TIOCNOTTY_ = 0x5422,
	TIOCGSID_ = 0x5429,
};
enum { TCIFLUSH_, TCOFLUSH_, TCIOFLUSH_ };

static long set_modes(uaddr_t user, bool flush)
{
	struct user_termios modes;
	int err = tty_refuse_background(SIGTTOU_);

	if (err)
		return err;
	if (copy_from_user(&modes, user, sizeof(modes)))
		return -EFAULT;
	mutex_lock(&tty.lock);
	if (flush)
		tty_drop_input_locked();
	if ((tty.modes.lflag ^ modes.lflag) & ICANON_)
		tty_change_mode_locked();
	tty.modes = modes;
	mutex_unlock(&tty.lock);
	if (!(modes.iflag & IXON_))
		atomic_store(&tty.held, false);
	waitq_wake_all(&tty.writable);
	waitq_wake_all(&tty.readable);
	poll_notify();
	return 0;
}

static long get_modes(uaddr_t user)
{
	struct user_termios modes;

	mutex_lock(&tty.lock);
	modes = tty.modes;
	mutex_unlock(&tty.lock);
	return copy_to_user(user, &modes, sizeof(modes));
}

static long get_size(uaddr_t user)
{
	struct user_winsize size;

	mutex_lock(&tty.lock);
	size = tty.size;
	mutex_unlock(&tty.lock);
	return copy_to_user(user, &size, sizeof(size));
}

static long set_size(uaddr_t user)
{
	struct user_winsize size;
	bool changed;

	if (copy_from_user(&size, user, sizeof(size)))
		return -EFAULT;
	mutex_lock(&tty.lock);
	changed = memcmp(&size, &tty.size, sizeof(size));
	tty.size = size;
	mutex_unlock(&tty.lock);
	if (changed)
		tty_signal_foreground(SIGWINCH_);
	return 0;
}

static long flush_queue(u64 what)
{
	if (what > TCIOFLUSH_)
		return -EINVAL;
	mutex_lock(&tty.lock);
	if (what != TCOFLUSH_) /* output is written as it comes */
		tty_drop_input_locked();
	mutex_unlock(&tty.lock);
	return 0;
}

/* The terminal becomes that of the caller's session, which it leads; another one loses it only by force. */
static long take_terminal(bool force)
{
	struct process *p = process_current();
	i32 session;
	long ret = 0;

	process_table_lock();
	session = atomic_load(&tty.session);
	if (p->sid != p->pid || (session && session != p->sid && !force)) {
		ret = -EPERM;
	} else if (session != p->sid) {
		atomic_store(&tty.session, p->sid);
		atomic_store(&tty.foreground, p->pgid);
	}
	process_table_unlock();
	return ret;
}

static long give_up_terminal(void)
{
	struct process *p = process_current();
	long ret = -ENOTTY;

	process_table_lock();
	if (p->sid == atomic_load(&tty.session)) {
		ret = 0;
		if (p->sid == p->pid)
			tty_session_ended_locked(p->sid);
	}
	process_table_unlock();
	return ret;
}

struct find_group {
	i32 sid;
	bool found;
};

static void look_for_session(struct process *p, void *arg)
{
	struct find_group *g = arg;

	g->found |= p->sid == g->sid;
}

static long set_foreground_locked(i32 group)
{
	struct process *p = process_current();
	struct find_group g = {.sid = p->sid};

	if (p->sid != atomic_load(&tty.session))
		return -ENOTTY;
	if (group <= 0)
		return -EINVAL;
	if (!process_for_each_in_group_locked(group, look_for_session, &g))
		return -ESRCH;
	if (!g.found)
		return -EPERM;
	atomic_store(&tty.foreground, group);
	return 0;
}

static long set_foreground(uaddr_t user)
{
	i32 group;
	long ret = tty_refuse_background(SIGTTOU_);

	if (ret)
		return ret;
	if (copy_from_user(&group, user, sizeof(group)))
		return -EFAULT;
	process_table_lock();
	ret = set_foreground_locked(group);
	process_table_unlock();
	return ret;
}

static long put_int(uaddr_t user, i32 n)
{
	return copy_to_user(user, &n, sizeof(n));
}

long tty_ioctl(struct file *f UNUSED, unsigned cmd, u64 arg)
{
	bool ours = process_current()->sid && process_current()->sid == atomic_load(&tty.session);

	switch (cmd) {
	case TCGETS_:
		return get_modes(UADDR(arg));
	case TCSETS_:
	case TCSETSW_:
	case TCSETSF_:
		return set_modes(UADDR(arg), cmd == TCSETSF_);
	case TCSBRK_:
	case TCXONC_:
		return 0;
	case TCFLSH_:
		return flush_queue(arg);
	case TIOCSCTTY_:
		return take_terminal(arg == 1);
	case TIOCNOTTY_:
		return give_up_terminal();
	case TIOCGPGRP_:
		return ours ? put_int(UADDR(arg), atomic_load(&tty.foreground)) : -ENOTTY;
	case TIOCSPGRP_:
		return set_foreground(UADDR(arg));
	case TIOCGSID_:
		return ours ? put_int(UADDR(arg), atomic_load(&tty.session)) : -ENOTTY;
	case TIOCGWINSZ_:
		return get_size(UADDR(arg));
	case TIOCSWINSZ_:
		return set_size(UADDR(arg));
	case TIOCOUTQ_:
		return put_int(UADDR(arg), 0);
	case FIONREAD_:
		return put_int(
			UADDR(arg), (i32)(atomic_load(&tty.ready_head) - atomic_load(&tty.ready_tail)));
	default:
		return -ENOTTY;
	}
}
