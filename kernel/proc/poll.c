/* SPDX-License-Identifier: MIT */
/* poll, ppoll, select, pselect6. Rules: poll.h. */
#include "kernel/proc/poll.h"

#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/process.h"
#include "kernel/proc/signal.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "kernel/time.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define ALWAYS (POLL_IN | POLL_OUT | POLL_RDNORM | POLL_WRNORM) /* files that never make anybody wait */

static struct {
	struct waitq waiters;
	_Atomic(u32) pollers;
	_Atomic(u32) changes;
} polling;

void poll_init(void)
{
	waitq_init(&polling.waiters);
}

void poll_notify(void)
{
	if (!atomic_load(&polling.pollers))
		return;
	atomic_fetch_add(&polling.changes, 1);
	waitq_wake_all(&polling.waiters);
}

unsigned file_poll(struct file *f)
{
	return f->ops && f->ops->poll ? f->ops->poll(f) : ALWAYS;
}

/* Calls scan(arg) until it finds something (> 0), fails, or time is up (0). -ERESTARTNOHAND. */
static long poll_until(long (*scan)(void *arg), void *arg, u64 deadline)
{
	long found;
	int err;

	atomic_fetch_add(&polling.pollers, 1);
	for (;;) {
		u32 seen = atomic_load(&polling.changes);

		found = scan(arg);
		if (found)
			break;
		err = WAIT_EVENT_DEADLINE(&polling.waiters, atomic_load(&polling.changes) != seen, deadline);
		if (err) {
			found = err == -ETIMEDOUT ? 0 : -ERESTARTNOHAND;
			break;
		}
	}
	atomic_fetch_sub(&polling.pollers, 1);
	return found;
}

/* --- times --- */

static u64 deadline_in(u64 ns)
{
	u64 now = time_ns();

	return ns > (u64)INT64_MAX - now ? NO_DEADLINE : now + ns;
}

/* A relative time in user memory (NULL: for ever) as a deadline. `unit`: nanoseconds in one of its smaller units. -EFAULT, -EINVAL. */
static int get_deadline(u64 user, u64 unit, u64 *deadline)
{
	struct user_timespec t;
	u64 ns;

	*deadline = NO_DEADLINE;
	if (!user)
		return 0;
	if (copy_from_user(&t, UADDR(user), sizeof(t)))
		return -EFAULT;
	if (t.sec < 0 || t.nsec < 0 || (unit == 1 && t.nsec >= (i64)NS_PER_SECOND))
		return -EINVAL;
	if (!__builtin_mul_overflow((u64)t.nsec, unit, &ns) &&
		(u64)t.sec < (u64)INT64_MAX / NS_PER_SECOND / 2)
		*deadline = deadline_in((u64)t.sec * NS_PER_SECOND + ns);
	return 0;
}

/* What is left goes back to where it came from. False: it cannot. */
static bool put_left(u64 user, u64 unit, u64 deadline)
{
	u64 now = time_ns(), left = deadline > now ? deadline - now : 0;
	struct user_timespec t = {
		.sec = (i64)(left / NS_PER_SECOND), .nsec = (i64)(left % NS_PER_SECOND / unit)};

	return !user || deadline == NO_DEADLINE || !copy_to_user(UADDR(user), &t, sizeof(t));
}

#define SIGSET_BYTES 8

/* The signal mask for the time of the wait (NULL: as it is). */
static int wait_mask(u64 user)
{
	u64 mask;

	if (!user)
		return 0;
	if (copy_from_user(&mask, UADDR(user), sizeof(mask)))
		return -EFAULT;
	signal_set_temporary_mask(mask);
	return 0;
}

/*
 * The end of a wait that may have had a mask. A signal that has interrupted it may be one that only this mask lets through: then the way back
 * to user mode restores the old mask, after the handler's frame was made. Every other result is returned under the old mask.
 * A call that is run again waits for what is left, so without a place for that it is not run again; for other results nobody minds.
 */
static long end_wait(long ret, u64 user, u64 unit, u64 deadline)
{
	if (ret != -ERESTARTNOHAND)
		signal_restore_mask();
	return put_left(user, unit, deadline) || ret != -ERESTARTNOHAND ? ret : -EINTR;
}

/* --- poll --- */

struct user_pollfd {
	i32 fd;
	i16 events, revents;
};
_Static_assert(sizeof(struct user_pollfd) == 8, "Linux x86-64");

struct poll_call {
	struct user_pollfd *fds;
	u64 count;
};

static long poll_scan(void *arg)
{
	struct poll_call *c = arg;
	long found = 0;

	for (u64 k = 0; k < c->count; k++) {
		struct user_pollfd *p = &c->fds[k];
		struct file *f;

		p->revents = 0;
		if (p->fd < 0)
			continue;
		f = sys_get_file(p->fd);
		if (!f) {
			p->revents = POLL_NVAL;
		} else {
			p->revents = (i16)(file_poll(f) & ((u16)p->events | POLL_ERR | POLL_HUP));
			file_put(f);
		}
		found += p->revents != 0;
	}
	return found;
}

static long do_poll(uaddr_t user, u64 count, u64 deadline)
{
	struct user_pollfd few[8];
	struct poll_call c = {.fds = few, .count = count};
	long ret;

	if (count > fd_limit())
		return -EINVAL;
	if (count > ARRAY_SIZE(few))
		c.fds = kmalloc(count * sizeof(few[0]));
	if (!c.fds)
		return -ENOMEM;
	ret = copy_from_user(c.fds, user, count * sizeof(few[0]));
	if (!ret)
		ret = poll_until(poll_scan, &c, deadline);
	if (ret >= 0 && copy_to_user(user, c.fds, count * sizeof(few[0])))
		ret = -EFAULT;
	if (c.fds != few)
		kfree(c.fds);
	return ret;
}

/* args: array, its length, deadline. */
static long poll_on(struct task_restart *r)
{
	long ret = do_poll(UADDR(r->args[0]), r->args[1], r->args[2]);

	return ret == -ERESTARTNOHAND ? -ERESTART_RESTARTBLOCK : ret;
}

long sys_poll(struct trap_frame *f)
{
	struct task_restart *r = &task_current()->restart;
	i32 ms = (i32)f->rdx;
	u64 deadline = ms < 0 ? NO_DEADLINE : deadline_in((u64)ms * 1000000);

	*r = (struct task_restart){.fn = poll_on, .args = {f->rdi, (u32)f->rsi, deadline}};
	return poll_on(r);
}

long sys_ppoll(struct trap_frame *f)
{
	u64 deadline;
	long ret = get_deadline(f->rdx, 1, &deadline);

	if (ret)
		return ret;
	if (f->r10 && f->r8 != SIGSET_BYTES)
		return -EINVAL;
	ret = wait_mask(f->r10);
	if (ret)
		return ret;
	ret = do_poll(UADDR(f->rdi), (u32)f->rsi, deadline);
	return end_wait(ret, f->rdx, 1, deadline);
}

/* --- select --- */

#define SETS 3
#define SET_WORDS (FD_MAX / 64)

/* What a descriptor of each set waits for. */
static const unsigned wanted[SETS] = {
	POLL_IN | POLL_RDNORM | POLL_HUP | POLL_ERR,
	POLL_OUT | POLL_WRNORM | POLL_ERR,
	POLL_PRI,
};

struct select_call {
	unsigned n;
	u64 in[SETS][SET_WORDS], out[SETS][SET_WORDS];
};

static long select_scan(void *arg)
{
	struct select_call *c = arg;
	long found = 0;

	memset(c->out, 0, sizeof(c->out));
	for (unsigned fd = 0; fd < c->n; fd++) {
		unsigned word = fd / 64;
		u64 bit = 1ull << (fd % 64);
		unsigned ready;
		struct file *f;

		if (!((c->in[0][word] | c->in[1][word] | c->in[2][word]) & bit))
			continue;
		f = sys_get_file((int)fd);
		if (!f)
			return -EBADF;
		ready = file_poll(f);
		file_put(f);
		for (unsigned s = 0; s < SETS; s++) {
			if ((c->in[s][word] & bit) && (ready & wanted[s])) {
				c->out[s][word] |= bit;
				found++;
			}
		}
	}
	return found;
}

static long do_select(int n, const u64 user[SETS], u64 deadline)
{
	struct select_call *c;
	size_t bytes;
	long ret = 0;

	if (n < 0)
		return -EINVAL;
	c = kzalloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->n = MIN((unsigned)n, (unsigned)FD_MAX);
	bytes = DIV_ROUND_UP(c->n, 64) * 8;
	for (unsigned s = 0; s < SETS && !ret; s++)
		if (user[s])
			ret = copy_from_user(c->in[s], UADDR(user[s]), bytes);
	if (!ret)
		ret = poll_until(select_scan, c, deadline);
	for (unsigned s = 0; s < SETS && ret >= 0; s++)
		if (user[s] && copy_to_user(UADDR(user[s]), c->out[s], bytes))
			ret = -EFAULT;
	kfree(c);
	return ret;
}

long sys_select(struct trap_frame *f)
{
	const u64 sets[SETS] = {f->rsi, f->rdx, f->r10};
	u64 deadline;
	long ret = get_deadline(f->r8, 1000, &deadline);

	if (ret)
		return ret;
	ret = do_select((int)f->rdi, sets, deadline);
	return end_wait(ret, f->r8, 1000, deadline);
}

long sys_pselect6(struct trap_frame *f)
{
	const u64 sets[SETS] = {f->rsi, f->rdx, f->r10};
	struct {
		u64 mask, size;
	} sig = {0, 0};
	u64 deadline;
	long ret;

	if (f->r9 && copy_from_user(&sig, UADDR(f->r9), sizeof(sig)))
		return -EFAULT;
	if (sig.mask && sig.size != SIGSET_BYTES)
		return -EINVAL;
	ret = get_deadline(f->r8, 1, &deadline);
	if (!ret)
		ret = wait_mask(sig.mask);
	if (ret)
		return ret;
	ret = do_select((int)f->rdi, sets, deadline);
	return end_wait(ret, f->r8, 1, deadline);
}
