/* SPDX-License-Identifier: MIT */
/*
 * The console's line discipline.
 *
 * Locks: tty.lock (RANK_STREAM) guards modes, the line being edited and the bytes that are ready. The raw ring has one
 * producer (the interrupt) and one consumer (the thread) and needs none. Signals are sent after the lock was dropped.
 * `session` and `foreground` are written under table_lock.
 * No wake-up is lost: a reader sleeps on a condition made of atomics that the thread sets before it wakes.
 */
#include "kernel/proc/tty_priv.h"

#include "drivers/serial.h"

#define TENTH_NS 100000000ull

static const struct lock_class tty_class = {"terminal", RANK_STREAM, false};

struct tty tty = {
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

static bool is_control(u8 c)
{
	return c < ' ' || c == 127;
}

/* Does c go on a character of UTF-8? */
static bool goes_on(u8 c)
{
	return (c & 0xc0) == 0x80;
}

static u32 column_after(u32 column, u8 c)
{
	if (c == '\r')
		return 0;
	if (c == '\t')
		return (column | 7) + 1;
	if (c == '\b')
		return column ? column - 1 : 0;
	return is_control(c) || goes_on(c) ? column : column + 1;
}

/* Output. Pieces are short: what is written in one go is not torn by others. */
static void put_text(const char *s, size_t n, bool newlines)
{
	u32 column = atomic_load(&tty.column);
	char out[256];
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		column = s[i] == '\n' && newlines ? 0 : column_after(column, (u8)s[i]);
		if (len + 2 > sizeof(out)) {
			serial_write(out, len);
			len = 0;
		}
		if (s[i] == '\n' && newlines)
			out[len++] = '\r';
		out[len++] = s[i];
	}
	serial_write(out, len);
	atomic_store(&tty.column, column);
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
	if (c == '\n' || c == '\t' || !is_control(c) || !(lflag & ECHOCTL_))
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

void tty_change_mode_locked(void)
{
	u32 head = atomic_load(&tty.ready_head);
	u16 *last = &tty.ready[(head - 1) % READY_SIZE];

	tty.literal = false;
	if (tty.modes.lflag & ICANON_) {
		flush_line_locked();
	} else if (head != atomic_load(&tty.ready_tail) && !ends_line(*last)) {
		*last |= END_OF_LINE;
		atomic_fetch_add(&tty.lines, 1);
	}
}

void tty_drop_input_locked(void)
{
	tty.line_len = 0;
	atomic_store(&tty.ready_tail, atomic_load(&tty.ready_head));
	atomic_store(&tty.lines, 0);
}

/* How many columns the echo of byte c has taken, the cursor having been in this column before. */
static u32 echo_width(u8 c, u32 column)
{
	if (c != '\t' && is_control(c))
		return tty.modes.lflag & ECHOCTL_ ? 2 : 0;
	return column_after(column, c) - column;
}

/* The column in which the echo of byte n of the line began. */
static u32 column_of_locked(unsigned n)
{
	u32 column = tty.line_column;

	for (unsigned i = 0; i < n; i++)
		column += echo_width(tty.line[i], column);
	return column;
}

/* Takes the last character off the line, with all bytes of its UTF-8 form. */
static void erase_locked(void)
{
	u32 width;
	u8 c;

	if (!tty.line_len)
		return;
	do
		c = tty.line[--tty.line_len];
	while (goes_on(c) && tty.line_len);
	if (!(tty.modes.lflag & ECHO_))
		return;
	for (width = echo_width(c, column_of_locked(tty.line_len)); width; width--)
		put_text("\b \b", c == '\t' ? 1 : 3, false);
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

static bool is_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
		c > 127;
}

/* The last word, and what follows it. */
static void erase_word_locked(void)
{
	while (tty.line_len && !is_word(tty.line[tty.line_len - 1]))
		erase_locked();
	while (tty.line_len && is_word(tty.line[tty.line_len - 1]))
		erase_locked();
}

static void reprint_locked(void)
{
	echo_locked(tty.modes.cc[VREPRINT_]);
	echo_locked('\n');
	tty.line_column = atomic_load(&tty.column);
	for (unsigned i = 0; i < tty.line_len; i++)
		echo_locked(tty.line[i]);
}

static void append_locked(u8 c)
{
	if (tty.line_len == LINE_SIZE)
		return;
	if (!tty.line_len)
		tty.line_column = atomic_load(&tty.column);
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
		if ((tty.modes.lflag & (ECHO_ | ECHOCTL_)) == (ECHO_ | ECHOCTL_))
			put_text("^\b", 2, false);
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
			tty_drop_input_locked();
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
			tty_signal_foreground(signo);
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

/* A line, or (raw mode) so many bytes. Looked at without the lock: modes.lflag is one word, and who changes it wakes the readers. */
static bool read_ready(u32 bytes)
{
	if (tty.modes.lflag & ICANON_)
		return atomic_load(&tty.lines) > 0;
	return atomic_load(&tty.ready_head) - atomic_load(&tty.ready_tail) >= bytes;
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

/* When a read ends: VMIN and VTIME (POSIX.1-2017, Base Definitions 11.1.7); in canonical mode, with a line. */
struct read_until {
	bool canonical;
	size_t min; /* bytes; 0: what there is */
	u64 time;   /* ns: between two bytes, or with min == 0 until the first one; 0: no limit */
};

static struct read_until read_until(size_t n)
{
	if (tty.modes.lflag & ICANON_)
		return (struct read_until){.canonical = true, .min = 1};
	return (struct read_until){
		.min = MIN(n, tty.modes.cc[VMIN_]), .time = tty.modes.cc[VTIME_] * TENTH_NS};
}

static u64 deadline_of(const struct file *f, const struct read_until *u, bool begun)
{
	if (f->flags & O_NONBLOCK_)
		return 0;
	return u->min && !(begun && u->time) ? NO_DEADLINE : time_ns() + u->time;
}

/* Adds what is there: nothing, if another reader was first. Is it enough? */
static bool take_more(const struct read_until *u, u8 *to, size_t n, size_t *len)
{
	bool enough = false;

	mutex_lock(&tty.lock);
	if (read_ready(1)) {
		*len += take_locked(to + *len, n - *len);
		enough = u->canonical || *len >= u->min;
	}
	mutex_unlock(&tty.lock);
	return enough;
}

/* What has come before the end of the time, or before a signal, is an answer. */
static ssize_t read_input(struct file *f, u8 *to, size_t n)
{
	struct read_until until = read_until(n);
	u64 deadline = deadline_of(f, &until, false);
	size_t len = 0;
	int err;

	for (;;) {
		err = tty_refuse_background(SIGTTIN_);
		if (!err)
			err = WAIT_EVENT_DEADLINE(&tty.readable, read_ready(1), deadline);
		if (err || take_more(&until, to, n, &len))
			break;
		if (until.min)
			deadline = deadline_of(f, &until, len > 0);
	}
	if (err == -ETIMEDOUT)
		err = (f->flags & O_NONBLOCK_) && (until.min || until.time) ? -EAGAIN : 0;
	return len ? (ssize_t)len : err;
}

static ssize_t tty_read(struct file *f, struct user_iter *to, u64 *pos UNUSED)
{
	u8 piece[256];
	ssize_t len = to->left ? read_input(f, piece, MIN(to->left, sizeof(piece))) : 0;

	return len > 0 ? copy_to_iter(to, piece, (size_t)len) : len;
}

static ssize_t tty_write(struct file *f UNUSED, struct user_iter *from, u64 *pos UNUSED)
{
	char piece[128];
	size_t done = 0;
	ssize_t got = tty.modes.lflag & TOSTOP_ ? tty_refuse_background(SIGTTOU_) : 0;

	while (got >= 0 && from->left) {
		got = WAIT_EVENT_INTERRUPTIBLE(&tty.writable, !atomic_load(&tty.held));
		if (!got && atomic_load(&thread_current()->killed))
			got = -EINTR;
		if (!got)
			got = copy_from_iter(piece, from, MIN(from->left, sizeof(piece)));
		if (got < 0)
			break;
		put_text(piece, (size_t)got, output_newlines());
		done += (size_t)got;
	}
	return done ? (ssize_t)done : got;
}

static unsigned tty_poll(struct file *f UNUSED)
{
	const u8 *cc = tty.modes.cc;
	u32 min = cc[VMIN_] && !cc[VTIME_] ? cc[VMIN_] : 1;

	return 4u /* POLLOUT */ | (read_ready(min) ? 1u /* POLLIN */ : 0);
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
