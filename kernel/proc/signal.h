/* SPDX-License-Identifier: MIT */
/*
 * Signals: who is told, who is woken, what happens.
 *
 * Rules:
 *  - Sending (signal.c, table_lock held) only marks: an entry in the queue of the process or of one task, and thread->signalled
 *    of a task that does not block it, which is woken. Interruptible waits then return.
 *  - The task itself acts, on its way back to user mode (deliver.c): ignores, stops, ends its process, or enters the handler.
 *  - A signal that will end the process does so when it is sent: every task's thread->killed is set, and killable waits
 *    return too. The first such signal decides the wait status.
 *  - thread->signalled is cleared by its own task only, under table_lock, when nothing is left to act upon. So an interrupted
 *    system call always meets deliver.c on its way out.
 *  - The init process takes only signals that it handles, and those that its own faults cause, as on Linux.
 *
 * No signal is missed by a task that changes its mask without table_lock: it stores the mask and then looks at the queues' sets; a
 * sender stores the set and then looks at the mask. One of the two sees the other.
 */
#ifndef KERNEL_PROC_SIGNAL_H
#define KERNEL_PROC_SIGNAL_H

#include "lib/list.h"
#include "lib/types.h"

struct process;
struct task;

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
	SIGALRM_ = 14,
	SIGTERM_ = 15,
	SIGCHLD_ = 17,
	SIGCONT_ = 18,
	SIGSTOP_ = 19,
	SIGTSTP_ = 20,
	SIGTTIN_ = 21,
	SIGTTOU_ = 22,
	SIGURG_ = 23,
	SIGXFSZ_ = 25,
	SIGWINCH_ = 28,
	SIGSYS_ = 31,
	SIGRTMIN_ = 32, /* from here on each one sent is queued */
	NR_SIGNALS = 64,
};

enum { /* siginfo.code */
	SI_USER_ = 0,
	SI_KERNEL_ = 0x80,
	SI_QUEUE_ = -1,
	SI_TIMER_ = -2,
	SI_TKILL_ = -6,
	ILL_ILLOPN_ = 2,
	FPE_INTDIV_ = 1,
	FPE_INTOVF_ = 2,
	FPE_FLTDIV_ = 3,
	FPE_FLTOVF_ = 4,
	FPE_FLTUND_ = 5,
	FPE_FLTRES_ = 6,
	FPE_FLTINV_ = 7,
	SEGV_MAPERR_ = 1,
	SEGV_ACCERR_ = 2,
	BUS_ADRALN_ = 1,
	BUS_ADRERR_ = 2,
	BUS_MCEERR_AR_ = 4,
	TRAP_TRACE_ = 2,
	CLD_EXITED_ = 1,
	CLD_KILLED_ = 2,
	CLD_STOPPED_ = 5,
	CLD_CONTINUED_ = 6,
};

/* The part of siginfo_t that carries anything; the rest of its 128 bytes is zeros. */
struct siginfo {
	i32 signo, err, code, pad;
	union {
		struct {
			i32 pid;
			u32 uid;
			union {
				u64 value; /* SI_QUEUE */
				struct {
					i32 status;
					u32 pad2;
					i64 utime, stime;
				} child; /* SIGCHLD */
			};
		} sender;
		struct { /* SI_TIMER */
			i32 id, overrun;
			u64 value;
		} timer;
		struct {
			u64 addr;
			u16 addr_lsb; /* BUS_MCEERR_AR: so many low bits of addr say nothing */
		} fault;
	};
};
_Static_assert(sizeof(struct siginfo) == 48, "the head of siginfo_t, Linux x86-64");
#define SIGINFO_USER_SIZE 128

struct signal_action { /* struct sigaction as the kernel sees it, Linux x86-64 */
	u64 handler, flags, restorer, mask;
};
_Static_assert(sizeof(struct signal_action) == 32, "Linux x86-64");
enum { SIG_DFL_ = 0, SIG_IGN_ = 1, SIGSET_SIZE = 8 };
#define SA_NOCLDSTOP_ 1ull
#define SA_NOCLDWAIT_ 2ull
#define SA_SIGINFO_ 4ull
#define SA_RESTORER_ 0x04000000ull
#define SA_ONSTACK_ 0x08000000ull
#define SA_RESTART_ 0x10000000ull
#define SA_NODEFER_ 0x40000000ull
#define SA_RESETHAND_ 0x80000000ull

struct signal_queue {
	_Atomic(u64) set;    /* written under table_lock; bit signo-1: some wait */
	struct list entries; /* table_lock; one at least for each bit, but where memory was short */
	u32 count;           /* table_lock */
};
#define SIGNAL_QUEUE_MAX 4096 /* queued signals of one process or task: -EAGAIN */

static inline u64 signal_bit(int signo)
{
	return 1ull << (signo - 1);
}

#define SIGNALS_UNBLOCKABLE (signal_bit(SIGKILL_) | signal_bit(SIGSTOP_))

/* "SIGBUS"; "signal 42" is "a signal" here: names of 1 to 31 only. */
const char *signal_name(int signo);

void signal_queue_init(struct signal_queue *q);
void signal_queue_clear(struct signal_queue *q);

/* Counts one more signal, or a timer in its place, against p's RLIMIT_SIGPENDING; false: there may be no more. And one less. */
bool signal_reserve(const struct process *p);
void signal_unreserve(void);

/* Sends to a process, or to one task. 0, or -EAGAIN: too many are queued. table_lock held. */
int signal_send_locked(struct process *p, const struct siginfo *info);
int signal_send_task_locked(struct task *t, const struct siginfo *info);
/* Has a signal of the timer that `info` is from not been taken yet by p, or by the task? Then `times` are added to its overrun. */
bool signal_overrun_locked(struct process *p, struct task *only, const struct siginfo *info, u64 times);
/* A siginfo from the kernel, and one from the running process. */
struct siginfo signal_from_kernel(int signo);
struct siginfo signal_from_current(int signo, int code);
/* Ends p, whatever it ignores or blocks; also init. table_lock held. */
void signal_kill_locked(struct process *p, int signo);
/* A fault of the running task: if it blocks or ignores the signal, its process ends. Takes table_lock. */
void signal_force(const struct siginfo *info);
/* Ends the running process at its next return to user mode. Takes table_lock. */
void signal_kill_self(int signo);
/* To the running task (SIGPIPE). Takes table_lock. */
void signal_send_self(int signo);
/* To every member of a group: how many there are. table_lock held. */
unsigned signal_send_group_locked(i32 pgid, const struct siginfo *info);
/* To every process but init and `except` (NULL: none). The number of processes. Takes table_lock. */
unsigned signal_send_all(const struct siginfo *info, struct process *except);
/* Tells p's parent that p ended, stopped or continued (CLD_*), and wakes its waits. table_lock held. */
void signal_tell_parent_locked(struct process *p, int code, int status);

/* Replaces the signal mask of the running task and acts on what that lets through. */
void signal_set_blocked(u64 mask);
/* The same until the way back to user mode, which restores it after a handler was entered (sigsuspend, ppoll). */
void signal_set_temporary_mask(u64 mask);
/* Ends that: the old mask is back. Nothing if it is already. */
void signal_restore_mask(void);
/* What the running task could take now, blocked or not. */
u64 signal_pending_set(const struct task *t);
/* Is signo ignored by p, by choice or by default? table_lock held. */
bool signal_is_ignored_locked(const struct process *p, int signo);
/* Takes one of `mask` off the queues, the task's own first. False: there is none. table_lock held. */
bool signal_take_locked(struct task *t, u64 mask, struct siginfo *out);
/* Recomputes thread->signalled of the running task. table_lock held. */
void signal_update_locked(struct task *t);
/* A task that might have taken a signal for the process takes none any more: others are told. table_lock held. */
void signal_retarget_locked(struct process *p);
/* exec: handlers go, what is ignored stays so. */
void signal_reset_handlers(struct process *p, bool ignored_too);
/* table_lock not held. SIG_IGN discards what is pending. */
void signal_get_action(int signo, struct signal_action *out);
void signal_set_action(int signo, const struct signal_action *act);
/* The most that the frame of a handler takes of an alternate stack, in bytes. */
u64 signal_frame_max(void);

#endif
