/* SPDX-License-Identifier: MIT */
/*
 * The console's line discipline.
 *
 * Locks: tty.lock (RANK_STREAM) guards modes, the line being edited and the bytes that are ready. The raw ring has one
 * producer (the interrupt) and one consumer (the thread) and needs none. Signals are sent after the lock was dropped.
 * No wake-up is lost: a reader sleeps on a condition made of atomics that the thread sets before it wakes.
 */
#include "kernel/proc/tty.h"

#include "drivers/serial.h"
#include "fs/vfs.h"
#include "kernel/proc/process.h"
#include "kernel/proc/signal.h"
#include "mm/uaccess.h"

#define RAW_SIZE 256u
#define LINE_SIZE 1024u /* longest line that can be edited */
#define READY_SIZE 4096u
#define END_OF_FILE 0x100 /* in the ready ring: ^D */

enum { /* termios, Linux x86-64 */
	ICRNL_ = 0000400,
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
	ECHOCTL_ = 0001000,
	ECHOKE_ = 0004000,
	VINTR_ = 0,
	VQUIT_ = 1,
	VERASE_ = 2,
	VKILL_ = 3,
	VEOF_ = 4,
	VMIN_ = 6,
};

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
	u8 line[LINE_SIZE];                  /* l */
	unsigned line_len;                   /* l */
	u16 ready[READY_SIZE];               /* l */
	_Atomic(u32) ready_head, ready_tail; /* written under l; count for ever */
	_Atomic(u32) lines;                  /* written under l; ends of line and of file in ready */
	struct waitq readable;

	u8 raw[RAW_SIZE];
	_Atomic(u32) raw_head, raw_tail; /* interrupt; thread */
	struct waitq raw_wait;
} tty = {
	.modes =
		{
			.iflag = ICRNL_,
			.oflag = OPOST_ | ONLCR_,
			.cflag = B38400_ | CS8_ | CREAD_,
			.lflag = ISIG_ | ICANON_ | ECHO_ | ECHOE_ | ECHOK_ | ECHOCTL_ | ECHOKE_,
			.cc = {[VINTR_] = 3,
				[VQUIT_] = 28,
				[VERASE_] = 127,
				[VKILL_] = 21,
				[VEOF_] = 4,
				[VMIN_] = 1},
		},
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

	if (!(tty.modes.lflag & ECHO_))
		return;
	if (c == '\n' || c == '\t' || (c >= ' ' && c != 127))
		put_text((const char *)&c, 1, output_newlines());
	else
		put_text(text, 2, false);
}

static void make_ready_locked(u16 c)
{
	u32 head = atomic_load(&tty.ready_head);

	if (head - atomic_load(&tty.ready_tail) == READY_SIZE)
		return; /* nobody reads: what does not fit is lost, as on any terminal */
	tty.ready[head % READY_SIZE] = c;
	atomic_store(&tty.ready_head, head + 1);
	if (c == '\n' || c == END_OF_FILE)
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

static void edit_locked(u8 c)
{
	if (c == tty.modes.cc[VERASE_] || c == '\b') {
		erase_locked();
	} else if (c == tty.modes.cc[VKILL_]) {
		while (tty.line_len)
			erase_locked();
	} else if (c == tty.modes.cc[VEOF_]) {
		flush_line_locked();
		make_ready_locked(END_OF_FILE);
	} else if (c == '\n') {
		echo_locked(c);
		flush_line_locked();
		make_ready_locked(c);
	} else if (tty.line_len < LINE_SIZE) {
		tty.line[tty.line_len++] = c;
		echo_locked(c);
	}
}

/* One byte from the line. The signal that it stands for, or 0. */
static int input_locked(u8 c)
{
	u32 lflag = tty.modes.lflag;

	if (c == '\r' && (tty.modes.iflag & ICRNL_))
		c = '\n';
	if ((lflag & ISIG_) && (c == tty.modes.cc[VINTR_] || c == tty.modes.cc[VQUIT_])) {
		drop_input_locked();
		echo_locked(c);
		if (lflag & ECHO_)
			put_text("\n", 1, output_newlines());
		return c == tty.modes.cc[VINTR_] ? SIGINT_ : SIGQUIT_;
	}
	if (lflag & ICANON_) {
		edit_locked(c);
	} else {
		make_ready_locked(c);
		echo_locked(c);
	}
	return 0;
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
		if (signo)
			signal_send_all(signo, NULL);
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
	return !tty.modes.cc[VMIN_] || atomic_load(&tty.ready_head) != atomic_load(&tty.ready_tail);
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
		if (c == '\n' || c == END_OF_FILE)
			atomic_fetch_sub(&tty.lines, 1);
		if (c == END_OF_FILE)
			break;
		to[len++] = (u8)c;
		if (canonical && c == '\n')
			break;
	}
	return len;
}

static ssize_t tty_read(struct file *f, uaddr_t buf, size_t n, u64 *pos UNUSED)
{
	u8 piece[256];
	size_t len;
	int err;

	if (!n)
		return 0;
	for (;;) {
		bool ready;

		if ((f->flags & O_NONBLOCK_) && !read_ready())
			return -EAGAIN;
		err = WAIT_EVENT_KILLABLE(&tty.readable, read_ready());
		if (err)
			return err;
		mutex_lock(&tty.lock);
		ready = read_ready(); /* another reader may have been first */
		len = ready ? take_locked(piece, MIN(n, sizeof(piece))) : 0;
		mutex_unlock(&tty.lock);
		if (ready)
			break;
	}
	return len && copy_to_user(buf, piece, len) ? -EFAULT : (ssize_t)len;
}

static ssize_t tty_write(struct file *f UNUSED, uaddr_t buf, size_t n, u64 *pos UNUSED)
{
	char piece[128];
	size_t done = 0;

	while (done < n) {
		size_t len = MIN(n - done, sizeof(piece));

		if (atomic_load(&thread_current()->killed))
			return done ? (ssize_t)done : -EINTR;
		if (copy_from_user(piece, uaddr_add(buf, done), len))
			return done ? (ssize_t)done : -EFAULT;
		put_text(piece, len, output_newlines());
		done += len;
	}
	return (ssize_t)done;
}

enum {
	TCGETS_ = 0x5401,
	TCSETS_ = 0x5402,
	TCSETSW_ = 0x5403,
	TCSETSF_ = 0x5404,
	TIOCGWINSZ_ = 0x5413,
	FIONREAD_ = 0x541b,
};

static long set_modes(uaddr_t user, bool flush)
{
	struct user_termios modes;

	if (copy_from_user(&modes, user, sizeof(modes)))
		return -EFAULT;
	mutex_lock(&tty.lock);
	if (flush)
		drop_input_locked();
	if ((tty.modes.lflag & ICANON_) && !(modes.lflag & ICANON_))
		flush_line_locked();
	tty.modes = modes;
	mutex_unlock(&tty.lock);
	waitq_wake_all(&tty.readable);
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

static long tty_ioctl(struct file *f UNUSED, unsigned cmd, u64 arg)
{
	static const struct user_winsize size = {.rows = 24, .cols = 80};
	i32 n;

	switch (cmd) {
	case TCGETS_:
		return get_modes(UADDR(arg));
	case TCSETS_:
	case TCSETSW_:
	case TCSETSF_:
		return set_modes(UADDR(arg), cmd == TCSETSF_);
	case TIOCGWINSZ_:
		return copy_to_user(UADDR(arg), &size, sizeof(size));
	case FIONREAD_:
		n = (i32)(atomic_load(&tty.ready_head) - atomic_load(&tty.ready_tail));
		return copy_to_user(UADDR(arg), &n, sizeof(n));
	default:
		return -ENOTTY;
	}
}

const struct file_ops tty_fops = {
	.read = tty_read,
	.write = tty_write,
	.ioctl = tty_ioctl,
};

int tty_init(void)
{
	mutex_init(&tty.lock, &tty_class);
	waitq_init(&tty.readable);
	waitq_init(&tty.raw_wait);
	if (!thread_create("tty", tty_thread, NULL, NULL))
		return -ENOMEM;
	serial_set_input(tty_receive);
	return 0;
}
