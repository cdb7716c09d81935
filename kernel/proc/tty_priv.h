/* SPDX-License-Identifier: MIT */
/* Shared by the tty*.c files only: the one terminal, and what guards it (tty.c). */
#ifndef KERNEL_PROC_TTY_PRIV_H
#define KERNEL_PROC_TTY_PRIV_H

#include "kernel/proc/tty.h"

#include "fs/vfs.h"
#include "kernel/proc/poll.h"
#include "kernel/proc/task.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/waitq.h"
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
struct user_termios {
	u32 iflag, oflag, cflag, lflag;
	u8 line, cc[19];
};
_Static_assert(sizeof(struct user_termios) == 36, "Linux x86-64");

struct user_winsize {
	u16 rows, cols, xpixel, ypixel;
};

struct tty {
	struct mutex lock;
	struct user_termios modes;           /* l */
	struct user_winsize size;            /* l */
	bool literal;                        /* l; the next byte is itself (VLNEXT) */
	u8 line[LINE_SIZE];                  /* l */
	unsigned line_len;                   /* l */
	u32 line_column;                     /* l; where the cursor was before the line */
	u16 ready[READY_SIZE];               /* l */
	_Atomic(u32) ready_head, ready_tail; /* written under l; count for ever */
	_Atomic(u32) lines;                  /* written under l; ends of line and of file in ready */
	_Atomic(u32)
		column; /* of the cursor, as far as what was written tells; writers at once may put it wrong, until the next line */
	struct waitq readable;
	_Atomic(bool) held; /* output waits: VSTOP */
	struct waitq writable;
	_Atomic(i32) session, foreground; /* 0: none */

	u8 raw[RAW_SIZE];
	_Atomic(u32) raw_head, raw_tail; /* interrupt; thread */
	struct waitq raw_wait;
};
extern struct tty tty;

/* Drops what was typed and not read yet. Lock held. */
void tty_drop_input_locked(void);
/* Canonical mode begins or ends: what was typed so far can be read as it is, and ^V does not reach over. Lock held, modes still the old ones. */
void tty_change_mode_locked(void);

/* To every process of the foreground group. No lock held. */
void tty_signal_foreground(int signo);
/* Job control's question: 0: the caller may go on; -EIO; -ERESTARTSYS: its group was sent `signo` (SIGTTIN, SIGTTOU). No lock held. */
int tty_refuse_background(int signo);

long tty_ioctl(struct file *f, unsigned cmd, u64 arg);

#endif
