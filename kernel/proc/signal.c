/* SPDX-License-Identifier: MIT */
/* Sending signals. Rules: signal.h. */
#include "kernel/proc/signal.h"

#include "kernel/proc/process.h"
#include "kernel/sched.h"
#include "lib/errno.h"

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
#define UNBLOCKABLE (signal_bit(SIGKILL_) | signal_bit(SIGSTOP_))

const char *signal_name(int signo)
{
	return signo > 0 && signo < (int)ARRAY_SIZE(names) ? names[signo] : "a signal";
}

/* The first fatal signal decides the wait status. */
static void make_fatal(struct process *p, struct thread *t, int signo)
{
	i32 none = 0;

	atomic_compare_exchange_strong(&p->fatal_signal, &none, signo);
	if (!t)
		return; /* process_attach will see it */
	atomic_store(&t->killed, true);
	if (t == thread_current())
		return;
	thread_wake(t); /* if it sleeps in a killable wait */
	thread_kick(t); /* if it computes */
}

void signal_kill_locked(struct process *p, int signo)
{
	if (p->state == PROCESS_ALIVE)
		make_fatal(p, p->thread, signo);
}

void signal_kill_self(int signo)
{
	make_fatal(process_current(), thread_current(), signo);
}

int signal_send_locked(struct process *p, int signo)
{
	u64 bit = signal_bit(signo);

	if (p->pid == PID_INIT || p->state != PROCESS_ALIVE)
		return 0;
	if (atomic_load(&p->ignored) & bit & ~UNBLOCKABLE)
		return 0;
	if (bit & DEFAULT_IGNORED)
		return 0;
	if (bit & DEFAULT_STOPS)
		return -EOPNOTSUPP;
	atomic_fetch_or(&p->pending, bit);
	if (!(atomic_load(&p->blocked) & bit))
		make_fatal(p, p->thread, signo);
	return 0;
}

void signal_send_self(int signo)
{
	process_table_lock();
	signal_send_locked(process_current(), signo);
	process_table_unlock();
}

struct send_all {
	int signo;
	struct process *except;
	unsigned sent;
};

static void send_one(struct process *p, void *arg)
{
	struct send_all *s = arg;

	if (p->pid == PID_INIT || p == s->except || p->state != PROCESS_ALIVE)
		return;
	signal_send_locked(p, s->signo);
	s->sent++;
}

unsigned signal_send_all(int signo, struct process *except)
{
	struct send_all s = {.signo = signo, .except = except};

	process_table_lock();
	process_for_each_locked(send_one, &s);
	process_table_unlock();
	return s.sent;
}

void signal_set_blocked(u64 mask)
{
	struct process *p = process_current();
	u64 due;

	process_table_lock();
	atomic_store(&p->blocked, mask & ~UNBLOCKABLE);
	due = atomic_load(&p->pending) & ~mask;
	if (due && p->pid != PID_INIT)
		signal_kill_self(__builtin_ctzll(due) + 1);
	process_table_unlock();
}

void signal_set_ignored(int signo, bool on)
{
	struct process *p = process_current();

	if (on) {
		atomic_fetch_or(&p->ignored, signal_bit(signo));
		atomic_fetch_and(&p->pending, ~signal_bit(signo));
	} else {
		atomic_fetch_and(&p->ignored, ~signal_bit(signo));
	}
}
