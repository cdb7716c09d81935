/* SPDX-License-Identifier: MIT */
/*
 * Signals with their default actions: a signal ends the process, or nothing happens. There are no handlers.
 *
 * Rule: a process ends itself. Sending a fatal signal stores it in process->fatal_signal (the first one wins), sets
 * thread->killed and wakes the thread; killable waits then return -EINTR, and the process dies at its next return to user
 * mode (trap_user_return). Blocked signals wait in process->pending; ignored ones vanish.
 * The init process takes only the signals that its own faults cause, as on Linux.
 */
#ifndef KERNEL_PROC_SIGNAL_H
#define KERNEL_PROC_SIGNAL_H

#include "lib/types.h"

struct process;

enum { /* Linux x86-64 */
	SIGHUP_ = 1,
	SIGINT_ = 2,
	SIGQUIT_ = 3,
	SIGILL_ = 4,
	SIGTRAP_ = 5,
	SIGABRT_ = 6,
	SIGBUS_ = 7,
	SIGFPE_ = 8,
	SIGKILL_ = 9,
	SIGSEGV_ = 11,
	SIGPIPE_ = 13,
	SIGTERM_ = 15,
	SIGCHLD_ = 17,
	SIGCONT_ = 18,
	SIGSTOP_ = 19,
	SIGTSTP_ = 20,
	SIGTTIN_ = 21,
	SIGTTOU_ = 22,
	SIGURG_ = 23,
	SIGWINCH_ = 28,
	NR_SIGNALS = 64,
};

static inline u64 signal_bit(int signo)
{
	return 1ull << (signo - 1);
}

/* "SIGBUS"; "signal 42" is "a signal" here: names of 1 to 31 only. */
const char *signal_name(int signo);

/* Sends signo (1..64) to p. -EOPNOTSUPP: it would stop p, which this kernel cannot do. table_lock held. */
int signal_send_locked(struct process *p, int signo);
/* Ends p, whatever it ignores or blocks; also init. table_lock held. */
void signal_kill_locked(struct process *p, int signo);
/* The same for the running process: its own fault. Takes no lock. */
void signal_kill_self(int signo);
/* To the running process, as signal_send_locked. Takes table_lock. */
void signal_send_self(int signo);
/* To every process but init and `except` (NULL: none). The number of processes. Takes table_lock. */
unsigned signal_send_all(int signo, struct process *except);
/* Replaces the signal mask of the running process and acts on what that lets through. */
void signal_set_blocked(u64 mask);
/* Sets or clears SIG_IGN for signo. */
void signal_set_ignored(int signo, bool on);

#endif
