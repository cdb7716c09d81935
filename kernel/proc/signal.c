/* SPDX-License-Identifier: MIT */
/* Sending signals, masks, dispositions. Rules: signal.h. */
#include "kernel/proc/signal.h"

#include "kernel/log.h"
#include "kernel/proc/process.h"
#include "kernel/proc/task.h"
#include "kernel/sched.h"
#include "lib/errno.h"
#include "mm/kmem.h"

static const char *const names[32] = {
	"no signal",
	"SIGHUP",
	"SIGINT",
	"SIGQUIT",
	"SIGILL",
	"SIGTRAP",
	"SIGABRT",
	"SIGBUS",
	"SIGFPE",
	"SIGKILL",
	"SIGUSR1",
	"SIGSEGV",
	"SIGUSR2",
	"SIGPIPE",
	"SIGALRM",
	"SIGTERM",
	"SIGSTKFLT",
	"SIGCHLD",
	"SIGCONT",
	"SIGSTOP",
	"SIGTSTP",
	"SIGTTIN",
	"SIGTTOU",
	"SIGURG",
	"SIGXCPU",
	"SIGXFSZ",
	"SIGVTALRM",
	"SIGPROF",
	"SIGWINCH",
	"SIGIO",
	"SIGPWR",
	"SIGSYS",
};

/* signal(7): what happens without a handler. */
#define DEFAULT_IGNORED \
	(signal_bit(SIGCHLD_) | signal_bit(SIGCONT_) | signal_bit(SIGURG_) | signal_bit(SIGWINCH_))
#define DEFAULT_STOPS \
	(signal_bit(SIGSTOP_) | signal_bit(SIGTSTP_) | signal_bit(SIGTTIN_) | signal_bit(SIGTTOU_))
/* Of faults: taken before others, so that the handler sees the registers of the fault. */
#define SYNCHRONOUS                                                                                \
	(signal_bit(SIGSEGV_) | signal_bit(SIGBUS_) | signal_bit(SIGILL_) | signal_bit(SIGTRAP_) | \
		signal_bit(SIGFPE_) | signal_bit(SIGSYS_))

const char *signal_name(int signo)
{
	return signo > 0 && signo < (int)ARRAY_SIZE(names) ? names[signo] : "a signal";
}

struct siginfo signal_from_kernel(int signo)
{
	return (struct siginfo){.signo = signo, .code = SI_KERNEL_};
}

struct siginfo signal_from_current(int signo, int code)
{
	return (struct siginfo){.signo = signo, .code = code, .sender = {.pid = process_current()->pid}};
}

/* ---------------------------------------------------------------- queues */

struct queued {
	struct list_node node;
	struct siginfo info;
};

void signal_queue_init(struct signal_queue *q)
{
	list_init(&q->entries);
}

/* RLIMIT_SIGPENDING is for all of a user's processes, and there is one user. A timer is counted in place of its signal. */
static _Atomic(u32) nr_pending;

static bool reserve(const struct process *p, bool always)
{
	u64 limit = always ? LIMIT_NONE : atomic_load(&p->limits.soft[LIMIT_SIGPENDING]);

	if (atomic_fetch_add(&nr_pending, 1) < limit)
		return true;
	atomic_fetch_sub(&nr_pending, 1);
	return false;
}

bool signal_reserve(const struct process *p)
{
	return reserve(p, false);
}

void signal_unreserve(void)
{
	atomic_fetch_sub(&nr_pending, 1);
}

static bool is_counted(const struct siginfo *info)
{
	return info->code != SI_TIMER_;
}

static void free_entry(struct signal_queue *q, struct queued *e)
{
	if (is_counted(&e->info))
		signal_unreserve();
	list_remove(&e->node);
	q->count--;
	kfree(e);
}

static void drop_entries(struct signal_queue *q, u64 mask)
{
	struct queued *e, *next;

	LIST_FOR_EACH_SAFE (e, next, &q->entries, node)
		if (signal_bit(e->info.signo) & mask)
			free_entry(q, e);
	atomic_fetch_and(&q->set, ~mask);
}

void signal_queue_clear(struct signal_queue *q)
{
	drop_entries(q, ~0ull);
}

/* NULL: no memory, or p may have no more. What the kernel or kill() says, once for each signal, does not come up against the limit. */
static struct queued *new_entry(
	const struct process *p, const struct signal_queue *q, const struct siginfo *info)
{
	struct queued *e;

	if (q->count >= SIGNAL_QUEUE_MAX)
		return NULL;
	if (is_counted(info) && !reserve(p, info->signo < SIGRTMIN_ && info->code >= 0))
		return NULL;
	e = kmalloc(sizeof(*e));
	if (!e && is_counted(info))
		signal_unreserve();
	return e;
}

/* Without an entry the signal is sent all the same, only its information is lost; but a real-time signal must not be. */
static int queue_add(const struct process *p, struct signal_queue *q, const struct siginfo *info)
{
	struct queued *e;

	if (info->signo < SIGRTMIN_ && (atomic_load(&q->set) & signal_bit(info->signo)))
		return 0;
	e = new_entry(p, q, info);
	if (!e && info->signo >= SIGRTMIN_ && info->code != SI_USER_)
		return -EAGAIN;
	if (e) {
		list_node_init(&e->node);
		e->info = *info;
		list_push_back(&q->entries, &e->node);
		q->count++;
	}
	atomic_fetch_or(&q->set, signal_bit(info->signo));
	return 0;
}

static void queue_take(struct signal_queue *q, int signo, struct siginfo *out)
{
	struct queued *e, *next, *found = NULL;
	bool more = false;

	LIST_FOR_EACH_SAFE (e, next, &q->entries, node) {
		if (e->info.signo != signo)
			continue;
		if (found)
			more = true;
		else
			found = e;
	}
	*out = (struct siginfo){.signo = signo};
	if (found) {
		*out = found->info;
		free_entry(q, found);
	}
	if (!more)
		atomic_fetch_and(&q->set, ~signal_bit(signo));
}

bool signal_overrun_locked(struct process *p, struct task *only, const struct siginfo *info, u64 times)
{
	struct signal_queue *q = only ? &only->own : &p->pending;
	struct queued *e;

	LIST_FOR_EACH (e, &q->entries, node) {
		if (e->info.code != SI_TIMER_ || e->info.timer.id != info->timer.id)
			continue;
		e->info.timer.overrun =
			(i32)MIN((u64)e->info.timer.overrun + MIN(times, (u64)INT32_MAX), (u64)INT32_MAX);
		return true;
	}
	return false;
}

static int first_signal(u64 set)
{
	if (set & SYNCHRONOUS)
		set &= SYNCHRONOUS;
	return __builtin_ctzll(set) + 1;
}

bool signal_take_locked(struct task *t, u64 mask, struct siginfo *out)
{
	struct signal_queue *q = &t->own;
	u64 set = atomic_load(&q->set) & mask;

	DEBUG_ASSERT(process_table_locked());
	if (!set) {
		q = &t->process->pending;
		set = atomic_load(&q->set) & mask;
	}
	if (!set)
		return false;
	queue_take(q, first_signal(set), out);
	if (out->code == SI_TIMER_)
		posix_timer_taken_locked(t->process, out);
	return true;
}

u64 signal_pending_set(const struct task *t)
{
	return atomic_load(&t->own.set) | atomic_load(&t->process->pending.set);
}

/* ---------------------------------------------------------------- who is told */

static u64 handler_of(const struct process *p, int signo)
{
	return p->actions[signo - 1].handler;
}

bool signal_is_ignored_locked(const struct process *p, int signo)
{
	u64 handler = handler_of(p, signo);

	return handler == SIG_IGN_ || (handler == SIG_DFL_ && (DEFAULT_IGNORED & signal_bit(signo)));
}

/* A stopped process takes signals when it goes on. */
static bool wants(const struct task *t, u64 bit)
{
	if (atomic_load(&t->process->stopped))
		return false;
	return !(atomic_load(&t->blocked) & bit) || (atomic_load(&t->waiting) & bit);
}

static void tell(struct task *t)
{
	if (!t->thread)
		return; /* task_attach looks */
	atomic_store(&t->thread->signalled, true);
	if (t->thread == thread_current())
		return;
	thread_wake(t->thread);
	thread_kick(t->thread);
}

/* A task that takes `bit`; NULL: all block it. */
static struct task *choose_locked(struct process *p, u64 bit)
{
	struct task *t;

	LIST_FOR_EACH (t, &p->tasks, node)
		if (wants(t, bit))
			return t;
	return NULL;
}

void signal_retarget_locked(struct process *p)
{
	u64 set = atomic_load(&p->pending.set);

	for (; set; set &= set - 1) {
		struct task *t = choose_locked(p, set & -set);

		if (t)
			tell(t);
	}
}

void signal_update_locked(struct task *t)
{
	bool due = (signal_pending_set(t) & ~atomic_load(&t->blocked)) || atomic_load(&t->process->stopped);

	atomic_store(&t->thread->signalled, due);
}

/* ---------------------------------------------------------------- sending */

static void drop_everywhere(struct process *p, u64 mask)
{
	struct task *t;

	drop_entries(&p->pending, mask);
	LIST_FOR_EACH (t, &p->tasks, node)
		drop_entries(&t->own, mask);
}

static bool is_fatal(const struct process *p, const struct task *t, int signo)
{
	u64 bit = signal_bit(signo);

	return handler_of(p, signo) == SIG_DFL_ && !(bit & (DEFAULT_IGNORED | DEFAULT_STOPS)) &&
		!(atomic_load(&t->waiting) & bit);
}

/* only: the one task that it is for; NULL: any. */
static int send_locked(struct process *p, struct task *only, const struct siginfo *info)
{
	int signo = info->signo, err;
	u64 bit = signal_bit(signo);
	struct task *t;

	DEBUG_ASSERT(process_table_locked());
	if (p->state != PROCESS_ALIVE || p->exiting)
		return 0;
	if (p->pid == PID_INIT && handler_of(p, signo) == SIG_DFL_)
		return 0;
	if (signo == SIGKILL_) {
		process_begin_exit_locked(p, WAIT_SIGNALED(signo));
		return 0;
	}
	if (signo == SIGCONT_) {
		drop_everywhere(p, DEFAULT_STOPS);
		process_continue_locked(p);
	} else if (bit & DEFAULT_STOPS) {
		drop_everywhere(p, signal_bit(SIGCONT_));
	}
	t = only ? (wants(only, bit) ? only : NULL) : choose_locked(p, bit);
	/* What is blocked may be handled, or waited for, by the time that it is not. */
	if (t && !(atomic_load(&t->waiting) & bit) && signal_is_ignored_locked(p, signo))
		return 0;
	if (t && is_fatal(p, t, signo)) {
		process_begin_exit_locked(p, WAIT_SIGNALED(signo));
		return 0;
	}
	err = queue_add(p, only ? &only->own : &p->pending, info);
	if (err)
		return err;
	/* Again: a mask may have changed before the signal was in the queue. */
	t = only ? (wants(only, bit) ? only : NULL) : choose_locked(p, bit);
	if (t)
		tell(t);
	return 0;
}

int signal_send_locked(struct process *p, const struct siginfo *info)
{
	return send_locked(p, NULL, info);
}

int signal_send_task_locked(struct task *t, const struct siginfo *info)
{
	return send_locked(t->process, t, info);
}

void signal_kill_locked(struct process *p, int signo)
{
	process_begin_exit_locked(p, WAIT_SIGNALED(signo));
}

void signal_kill_self(int signo)
{
	process_table_lock();
	signal_kill_locked(process_current(), signo);
	process_table_unlock();
}

void signal_force(const struct siginfo *info)
{
	struct task *t = task_current();
	struct process *p = t->process;
	struct signal_action *act = &p->actions[info->signo - 1];

	process_table_lock();
	if (act->handler == SIG_DFL_ || act->handler == SIG_IGN_ ||
		(atomic_load(&t->blocked) & signal_bit(info->signo)))
		signal_kill_locked(p, info->signo);
	else if (!queue_add(p, &t->own, info))
		tell(t);
	process_table_unlock();
}

void signal_send_self(int signo)
{
	struct siginfo info = signal_from_current(signo, SI_USER_);

	process_table_lock();
	signal_send_task_locked(task_current(), &info);
	process_table_unlock();
}

static void send_member(struct process *p, void *info)
{
	signal_send_locked(p, info);
}

unsigned signal_send_group_locked(i32 pgid, const struct siginfo *info)
{
	struct siginfo copy = *info;

	return process_for_each_in_group_locked(pgid, send_member, &copy);
}

struct send_all {
	const struct siginfo *info;
	struct process *except;
	unsigned sent;
};

static void send_one(struct process *p, void *arg)
{
	struct send_all *s = arg;

	if (p->pid == PID_INIT || p == s->except || p->state != PROCESS_ALIVE)
		return;
	if (s->info->signo)
		signal_send_locked(p, s->info);
	s->sent++;
}

unsigned signal_send_all(const struct siginfo *info, struct process *except)
{
	struct send_all s = {.info = info, .except = except};

	process_table_lock();
	process_for_each_locked(send_one, &s);
	process_table_unlock();
	return s.sent;
}

void signal_tell_parent_locked(struct process *p, int code, int status)
{
	struct process *parent = p->parent;
	bool ended = code != CLD_STOPPED_ && code != CLD_CONTINUED_;
	struct siginfo info = {
		.signo = ended ? p->exit_signal : SIGCHLD_,
		.code = code,
		.sender = {.pid = p->pid, .child = {.status = status}},
	};

	if (!parent)
		return;
	if (info.signo && (ended || !(parent->actions[SIGCHLD_ - 1].flags & SA_NOCLDSTOP_)))
		signal_send_locked(parent, &info);
	process_wake_waiters_locked(parent);
}

/* ---------------------------------------------------------------- masks and dispositions */

void signal_set_blocked(u64 mask)
{
	struct task *t = task_current();

	atomic_store(&t->blocked, mask & ~SIGNALS_UNBLOCKABLE);
	if (likely(!signal_pending_set(t)))
		return;
	process_table_lock();
	if (signal_pending_set(t) & ~mask)
		atomic_store(&t->thread->signalled, true);
	signal_retarget_locked(t->process);
	process_table_unlock();
}

void signal_set_temporary_mask(u64 mask)
{
	struct task *t = task_current();

	t->saved_mask = atomic_load(&t->blocked);
	t->restore_mask = true;
	signal_set_blocked(mask);
}

void signal_restore_mask(void)
{
	struct task *t = task_current();

	if (!t->restore_mask)
		return;
	t->restore_mask = false;
	signal_set_blocked(t->saved_mask);
}

void signal_reset_handlers(struct process *p, bool ignored_too)
{
	process_table_lock();
	for (unsigned i = 0; i < NR_SIGNALS; i++) {
		u64 handler = ignored_too || p->actions[i].handler != SIG_IGN_ ? SIG_DFL_ : SIG_IGN_;

		p->actions[i] = (struct signal_action){.handler = handler};
	}
	process_table_unlock();
}

void signal_get_action(int signo, struct signal_action *out)
{
	process_table_lock();
	*out = process_current()->actions[signo - 1];
	process_table_unlock();
}

void signal_set_action(int signo, const struct signal_action *act)
{
	struct process *p = process_current();

	process_table_lock();
	p->actions[signo - 1] = *act;
	p->actions[signo - 1].mask &= ~SIGNALS_UNBLOCKABLE;
	if (signal_is_ignored_locked(p, signo))
		drop_everywhere(p, signal_bit(signo));
	process_table_unlock();
}
