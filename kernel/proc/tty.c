/* SPDX-License-Identifier: MIT */
/*
 * The console's line discipline.
 *
 * Locks: tty.lock (RANK_STREAM) guards modes, the line being edited and the bytes that are ready. The raw ring has one
 * producer (the interrupt) and one consumer (the thread) and needs none. Signals are sent after the lock was dropped.
 * `session` and `foreground` are written under table_lock.
 * No wake-up is lost: a reader sleeps on a condition made of atomics that the thread sets before it wakes.
 */
#include "kernel/proc/tty.h"
#include "kernel/proc/poll.h"

#include "drivers/serial.h"
#include "fs/vfs.h"
#include "kernel/proc/task.h"
#include "mm/uaccess.h"

#define RAW_SIZE 256u
#define LINE_SIZE 1024u /* longest line that can be edited */
#define READY_SIZE 4096u
#define END_OF_FILE 0x100 /* in the ready ring: ^D */
#define END_OF_LINE 0x200 /* in the ready ring, with a byte other than newline that ends a line */

enum { /* termios, Linux x86-64 */
	ISTRIP_ = 0000040,
	INLCR_ = 0000100,
	IGNCR_ = 0000200,
	ICRNL_ = 0000400,
	IXON_ = 0002000,
	IUTF8_ = 0040000,
	OPOST_ = 0000001,
	ONLCR_ = 0000004,
	CS8_ = 0000060,
	CREAD_ = 0000200,
	B38400_ = 0000017,
	ISIG_ = 0000001,
	ICANON_ = 0000002,
	ECHO_ = 0000010,
	ECHOE_ = 0000020,
	ECHOK_ = 0000040,
	ECHONL_ = 0000100,
	NOFLSH_ = 0000200,
	TOSTOP_ = 0000400,
	ECHOCTL_ = 0001000,
	ECHOKE_ = 0004000,
	IEXTEN_ = 0100000,
	VINTR_ = 0,
	VQUIT_ = 1,
	VERASE_ = 2,
	VKILL_ = 3,
	VEOF_ = 4,
	VTIME_ = 5,
	VMIN_ = 6,
	VSTART_ = 8,
	VSTOP_ = 9,
	VSUSP_ = 10,
	VEOL_ = 11,
	VREPRINT_ = 12,
	VWERASE_ = 14,
	VLNEXT_ = 15,
	VEOL2_ = 16,
};
#define TENTH_NS 100000000ull

struct user_termios {
	u32 iflag, oflag, cflag, lflag;
	u8 line, cc[19];
};
_Static_assert(sizeof(struct user_termios) == 36, "Linux x86-64");

struct user_winsize {
	u16 rows, cols, xpixel, ypixel;
};

static const struct lock_class tty_class = {"terminal", RANK_STREAM, false};

static struct {
	struct mutex lock;
	struct user_termios modes;           /* l */
	struct user_winsize size;            /* l */
	bool literal;                        /* l; the next byte is itself (VLNEXT) */
	u8 line[LINE_SIZE];                  /* l */
	unsigned line_len;                   /* l */
	u16 ready[READY_SIZE];               /* l */
	_Atomic(u32) ready_head, ready_tail; /* written under l; count for ever */
	_Atomic(u32) lines;                  /* written under l; ends of line and of file in ready */
	struct waitq readable;
	_Atomic(bool) held; /* output waits: VSTOP */
	struct waitq writable;
	_Atomic(i32) session, foreground; /* 0: none */

	u8 raw[RAW_SIZE];
	_Atomic(u32) raw_head, raw_tail; /* interrupt; thread */
	struct waitq raw_wait;
} tty = {
	.modes =
		{
			.iflag = ICRNL_ | IXON_ | IUTF8_,
			.oflag = OPOST_ | ONLCR_,
			.cflag = B38400_ | CS8_ | CREAD_,
			.lflag = ISIG_ | ICANON_ | ECHO_ | ECHOE_ | ECHOK_ | ECHOCTL_ | ECHOKE_ | IEXTEN_,
			.cc = {[VINTR_] = 3,
				[VQUIT_] = 28,
				[VERASE_] = 127,
				[VKILL_] = 21,
				[VEOF_] = 4,
				[VMIN_] = 1,
				[VSTART_] = 17,
				[VSTOP_] = 19,
				[VSUSP_] = 26,
				[VREPRINT_] = 18,
				[VWERASE_] = 23,
				[VLNEXT_] = 22},
		},
	.size = {.rows = 24, .cols = 80},
};

/* Output. Pieces are short: what is written in one go is not torn by others. */
static void put_text(const char *s, size_t n, bool newlines)
{
	char out[256];
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (len + 2 > sizeof(out)) {
			serial_write(out, len);
			len = 0;
		}
		if (s[i] == '\n' && newlines)
			out[len++] = '\r';
		out[len++] = s[i];
	}
	serial_write(out, len);
}

static bool output_newlines(void)
{
	return (tty.modes.oflag & (OPOST_ | ONLCR_)) == (OPOST_ | ONLCR_);
}

static void echo_locked(u8 c)
{
	char text[2] = {'^', (char)(c ^ 0x40)};
	u32 lflag = tty.modes.lflag;

	if (!(lflag & ECHO_) && !(c == '\n' && (lflag & ECHONL_) && (lflag & ICANON_)))
		return;
	if (c == '\n' || c == '\t' || (c >= ' ' && c != 127) || !(lflag & ECHOCTL_))
		put_text((const char *)&c, 1, output_newlines());
	else
		put_text(text, 2, false);
}

static bool ends_line(u16 c)
{
	return c == '\n' || (c & (END_OF_FILE | END_OF_LINE));
}

static void make_ready_locked(u16 c)
{
	u32 head = atomic_load(&tty.ready_head);

	if (head - atomic_load(&tty.ready_tail) == READY_SIZE)
		return; /* nobody reads: what does not fit is lost, as on any terminal */
	tty.ready[head % READY_SIZE] = c;
	atomic_store(&tty.ready_head, head + 1);
	if (ends_line(c))
		atomic_fetch_add(&tty.lines, 1);
}

static void flush_line_locked(void)
{
	for (unsigned i = 0; i < tty.line_len; i++)
		make_ready_locked(tty.line[i]);
	tty.line_len = 0;
}

static void drop_input_locked(void)
{
	tty.line_len = 0;
	atomic_store(&tty.ready_tail, atomic_load(&tty.ready_head));
	atomic_store(&tty.lines, 0);
}

/* Takes the last character off the line, with all bytes of its UTF-8 form. */
static void erase_locked(void)
{
	u8 c;

	if (!tty.line_len)
		return;
	do
		c = tty.line[--tty.line_len];
	while ((c & 0xc0) == 0x80 && tty.line_len);
	if (!(tty.modes.lflag & ECHO_))
		return;
	put_text("\b \b", 3, false);
	if (c < ' ' && c != '\t')
		put_text("\b \b", 3, false); /* it was shown as ^X */
}

/* Is c the control character `which`? 0 in its place switches it off. */
static bool is_cc(u8 c, unsigned which)
{
	return c && c == tty.modes.cc[which];
}

static bool is_extended(u8 c, unsigned which)
{
	return (tty.modes.lflag & IEXTEN_) && is_cc(c, which);
}

static void erase_word_locked(void)
{
	while (tty.line_len && tty.line[tty.line_len - 1] == ' ')
		erase_locked();
	while (tty.line_len && tty.line[tty.line_len - 1] != ' ')
		erase_locked();
}

static void reprint_locked(void)
{
	echo_locked(tty.modes.cc[VREPRINT_]);
	echo_locked('\n');
	for (unsigned i = 0; i < tty.line_len; i++)
		echo_locked(tty.line[i]);
}

static void append_locked(u8 c)
{
	if (tty.line_len == LINE_SIZE)
		return;
	tty.line[tty.line_len++] = c;
	echo_locked(c);
}

static void edit_locked(u8 c)
{
	if (is_cc(c, VERASE_) || (c == '\b' && tty.modes.cc[VERASE_] == 127)) {
		erase_locked();
	} else if (is_cc(c, VKILL_)) {
		while (tty.line_len)
			erase_locked();
	} else if (is_extended(c, VWERASE_)) {
		erase_word_locked();
	} else if (is_extended(c, VREPRINT_)) {
		reprint_locked();
	} else if (is_extended(c, VLNEXT_)) {
		tty.literal = true;
	} else if (is_cc(c, VEOF_)) {
		flush_line_locked();
		make_ready_locked(END_OF_FILE);
	} else if (c == '\n' || is_cc(c, VEOL_) || is_extended(c, VEOL2_)) {
		echo_locked(c);
		flush_line_locked();
		make_ready_locked(c == '\n' ? c : (u16)(c | END_OF_LINE));
	} else {
		append_locked(c);
	}
}

/* The signal that c stands for, or 0. */
static int signal_of(u8 c)
{
	if (!(tty.modes.lflag & ISIG_))
		return 0;
	return is_cc(c, VINTR_) ? SIGINT_ : is_cc(c, VQUIT_) ? SIGQUIT_ : is_cc(c, VSUSP_) ? SIGTSTP_ : 0;
}

/* Output stops at VSTOP and goes on at VSTART, or at any signal. */
static bool flow_control(u8 c)
{
	bool hold = is_cc(c, VSTOP_);

	if (!(tty.modes.iflag & IXON_) || (!hold && !is_cc(c, VSTART_)))
		return false;
	atomic_store(&tty.held, hold);
	return true;
}

/* What becomes of c on its way in; false: it is dropped. */
static bool translate(u8 *c)
{
	u32 iflag = tty.modes.iflag;

	if (iflag & ISTRIP_)
		*c &= 0x7f;
	if (*c == '\r') {
		if (iflag & IGNCR_)
			return false;
		if (iflag & ICRNL_)
			*c = '\n';
	} else if (*c == '\n' && (iflag & INLCR_)) {
		*c = '\r';
	}
	return true;
}

/* One byte from the line. The signal that it stands for, or 0. */
static int input_locked(u8 c)
{
	int signo;

	if (tty.literal) {
		tty.literal = false;
		append_locked(c);
		return 0;
	}
	if (!translate(&c) || flow_control(c))
		return 0;
	signo = signal_of(c);
	if (signo) {
		atomic_store(&tty.held, false);
		if (!(tty.modes.lflag & NOFLSH_))
			drop_input_locked();
		echo_locked(c);
		return signo;
	}
	if (tty.modes.lflag & ICANON_) {
		edit_locked(c);
	} else {
		make_ready_locked(c);
		echo_locked(c);
	}
	return 0;
}

/* ---------------------------------------------------------------- job control */

static void send_to_foreground(int signo)
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

static int refuse_background(int signo)
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

static bool raw_empty(void)
{
	return atomic_load(&tty.raw_head) == atomic_load(&tty.raw_tail);
}

static void tty_thread(void *arg UNUSED)
{
	for (;;) {
		u32 tail = atomic_load(&tty.raw_tail);
		int signo;
		u8 c;

		WAIT_EVENT(&tty.raw_wait, !raw_empty());
		c = tty.raw[tail % RAW_SIZE];
		atomic_store(&tty.raw_tail, tail + 1);
		mutex_lock(&tty.lock);
		signo = input_locked(c);
		mutex_unlock(&tty.lock);
		waitq_wake_all(&tty.readable);
		waitq_wake_all(&tty.writable);
		poll_notify();
		if (signo)
			send_to_foreground(signo);
	}
}

/* Interrupt context. */
static void tty_receive(u8 c)
{
	u32 head = atomic_load(&tty.raw_head);

	if (head - atomic_load(&tty.raw_tail) == RAW_SIZE)
		return;
	tty.raw[head % RAW_SIZE] = c;
	atomic_store(&tty.raw_head, head + 1);
	waitq_wake_one(&tty.raw_wait);
}

/* Looked at without the lock: modes.lflag is one word, and who changes it wakes the readers. */
static bool read_ready(void)
{
	if (tty.modes.lflag & ICANON_)
		return atomic_load(&tty.lines) > 0;
	return atomic_load(&tty.ready_head) != atomic_load(&tty.ready_tail);
}

/* Takes up to n ready bytes: in canonical mode at most one line. 0: end of file, or (raw mode) nothing there. */
static size_t take_locked(u8 *to, size_t n)
{
	bool canonical = tty.modes.lflag & ICANON_;
	size_t len = 0;

	while (atomic_load(&tty.ready_tail) != atomic_load(&tty.ready_head)) {
		u16 c = tty.ready[atomic_load(&tty.ready_tail) % READY_SIZE];

		if (len == n && c != END_OF_FILE)
			break;
		atomic_fetch_add(&tty.ready_tail, 1);
		if (ends_line(c))
			atomic_fetch_sub(&tty.lines, 1);
		if (c == END_OF_FILE)
			break;
		to[len++] = (u8)c;
		if (canonical && ends_line(c))
			break;
	}
	return len;
}

/* Waits for input: 0, or with VMIN 0 when VTIME has passed. */
static int wait_readable(void)
{
	u64 deadline = NO_DEADLINE;
	int err;

	if (!(tty.modes.lflag & ICANON_) && !tty.modes.cc[VMIN_])
		deadline = time_ns() + tty.modes.cc[VTIME_] * TENTH_NS;
	err = WAIT_EVENT_DEADLINE(&tty.readable, read_ready(), deadline);
	return err == -ETIMEDOUT ? 0 : err;
}

static ssize_t tty_read(struct file *f, uaddr_t buf, size_t n, u64 *pos UNUSED)
{
	u8 piece[256];
	size_t len;
	int err;

	if (!n)
		return 0;
	for (;;) {
		bool done;

		err = refuse_background(SIGTTIN_);
		if (!err && (f->flags & O_NONBLOCK_) && !read_ready())
			err = -EAGAIN;
		if (!err)
			err = wait_readable();
		if (err)
			return err;
		mutex_lock(&tty.lock);
		/* Another reader may have been first. Without a minimum nothing is an answer too. */
		done = read_ready() || (!(tty.modes.lflag & ICANON_) && !tty.modes.cc[VMIN_]);
		len = done ? take_locked(piece, MIN(n, sizeof(piece))) : 0;
		mutex_unlock(&tty.lock);
		if (done)
			break;
	}
	return len && copy_to_user(buf, piece, len) ? -EFAULT : (ssize_t)len;
}

static ssize_t tty_write(struct file *f UNUSED, uaddr_t buf, size_t n, u64 *pos UNUSED)
{
	char piece[128];
	size_t done = 0;
	int err = tty.modes.lflag & TOSTOP_ ? refuse_background(SIGTTOU_) : 0;

	while (!err && done < n) {
		size_t len = MIN(n - done, sizeof(piece));

		err = WAIT_EVENT_INTERRUPTIBLE(&tty.writable, !atomic_load(&tty.held));
		if (!err && atomic_load(&thread_current()->killed))
			err = -EINTR;
		if (!err)
			err = copy_from_user(piece, uaddr_add(buf, done), len);
		if (err)
			break;
		put_text(piece, len, output_newlines());
		done += len;
	}
	return done ? (ssize_t)done : err;
}

static unsigned tty_poll(struct file *f UNUSED)
{
	return 4u /* POLLOUT */ | (read_ready() ? 1u /* POLLIN */ : 0);
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
	int err = refuse_background(SIGTTOU_);

	if (err)
		return err;
	if (copy_from_user(&modes, user, sizeof(modes)))
		return -EFAULT;
	mutex_lock(&tty.lock);
	if (flush)
		drop_input_locked();
	if ((tty.modes.lflag & ICANON_) && !(modes.lflag & ICANON_))
		flush_line_locked();
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
		send_to_foreground(SIGWINCH_);
	return 0;
}

static long flush_queue(u64 what)
{
	if (what > TCIOFLUSH_)
		return -EINVAL;
	mutex_lock(&tty.lock);
	if (what != TCOFLUSH_) /* output is written as it comes */
		drop_input_locked();
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
	long ret = refuse_background(SIGTTOU_);

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

static long tty_ioctl(struct file *f UNUSED, unsigned cmd, u64 arg)
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

const struct file_ops tty_fops = {
	.read = tty_read,
	.write = tty_write,
	.ioctl = tty_ioctl,
	.poll = tty_poll,
};

int tty_init(void)
{
	mutex_init(&tty.lock, &tty_class);
	waitq_init(&tty.readable);
	waitq_init(&tty.raw_wait);
	waitq_init(&tty.writable);
	if (!thread_create("tty", tty_thread, NULL, NULL))
		return -ENOMEM;
	serial_set_input(tty_receive);
	return 0;
}
