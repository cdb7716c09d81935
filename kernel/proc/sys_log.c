/* SPDX-License-Identifier: MIT */
/* The kernel's log as programs see it: syslog(2), which dmesg uses. */
#include "kernel/log.h"
#include "kernel/proc/syscall.h"
#include "lib/errno.h"
#include "mm/uaccess.h"

enum { /* Linux */
	ACTION_CLOSE = 0,
	ACTION_OPEN = 1,
	ACTION_READ = 2,
	ACTION_READ_ALL = 3,
	ACTION_READ_CLEAR = 4,
	ACTION_CLEAR = 5,
	ACTION_CONSOLE_OFF = 6,
	ACTION_CONSOLE_ON = 7,
	ACTION_CONSOLE_LEVEL = 8,
	ACTION_SIZE_UNREAD = 9,
	ACTION_SIZE_BUFFER = 10,
};

static _Atomic(u64) cleared; /* what lies before is not shown by READ_ALL any more */
static _Atomic(u64) unread;  /* what READ has not returned yet. Two readers at once may both get a line */

/* The lines of [at, end) to the program: the bytes copied. */
static long copy_lines(u64 *at, u64 end, uaddr_t to)
{
	char piece[256];
	long done = 0;
	size_t n;

	while (*at < end && (n = log_read(at, piece, MIN(sizeof(piece), end - *at)))) {
		if (copy_to_user(uaddr_add(to, (u64)done), piece, n))
			return -EFAULT;
		done += (long)n;
	}
	return done;
}

static long read_all(uaddr_t to, size_t room, bool clear)
{
	u64 at = atomic_load(&cleared), end;
	long ret;

	log_extent(&at, &end, room);
	ret = copy_lines(&at, end, to);
	if (ret >= 0 && clear)
		atomic_store(&cleared, end);
	return ret;
}

/* Linux waits for a line where there is none; here that is the end of the file. */
static long read_new(uaddr_t to, size_t room)
{
	u64 at = atomic_load(&unread), end;
	long ret;

	log_extent(&at, &end, LOG_SIZE);
	ret = copy_lines(&at, MIN(end, at + room), to);
	if (ret >= 0)
		atomic_store(&unread, at);
	return ret;
}

long sys_syslog(struct trap_frame *f)
{
	unsigned action = (unsigned)f->rdi;
	uaddr_t to = UADDR(f->rsi);
	int len = (int)f->rdx;
	u64 at, end;

	switch (action) {
	case ACTION_READ:
	case ACTION_READ_ALL:
	case ACTION_READ_CLEAR:
		if (!to.v || len < 0)
			return -EINVAL;
		if (!len)
			return 0;
		return action == ACTION_READ ? read_new(to, (size_t)len)
					     : read_all(to, (size_t)len, action == ACTION_READ_CLEAR);
	case ACTION_CLEAR:
		at = ~0ull;
		log_extent(&at, &end, LOG_SIZE);
		atomic_store(&cleared, end);
		return 0;
	case ACTION_CONSOLE_LEVEL:
		return len < 1 || len > 8 ? -EINVAL : 0;
	case ACTION_SIZE_UNREAD:
		at = atomic_load(&unread);
		log_extent(&at, &end, LOG_SIZE);
		return (long)(end - at);
	case ACTION_SIZE_BUFFER:
		return LOG_SIZE;
	case ACTION_CLOSE:
	case ACTION_OPEN:
	case ACTION_CONSOLE_OFF:
	case ACTION_CONSOLE_ON:
		return 0;
	default:
		return -EINVAL;
	}
}
