/* SPDX-License-Identifier: MIT */
/*
 * Processes: the table, the tree, groups and sessions, birth and death.
 *
 * A process owns an address space, open files, signal handlers and a place in the tree. What runs is its tasks (task.h), one or
 * more: threads that share all of that.
 *
 * Life cycle: process_create (not in the table) -> process_publish (has a pid, can be found and killed) -> task_attach (runs)
 * -> its last task ends (exit.c: gives everything back, zombie) -> reaped by its parent's wait4, or at once when nobody will
 * wait. Typical: fork = create + publish + attach + thread_wake; exec changes the inside only.
 *
 * Rules:
 *  - table_lock guards the tree, the states, the tasks and everything about signals that is not a task's own: whoever sends a
 *    signal holds it, so the task that is woken cannot have ended.
 *  - A process is freed only under table_lock by whoever reaps it, after it has become a zombie; its tasks touch
 *    it no more after that.
 *  - A process ends itself: `exiting` and every task's thread->killed are set, and each task leaves at its next return to
 *    user mode. The last one gives back what the process has.
 *  - Locks that a process takes while it dies are taken one after another, never under table_lock.
 */
#ifndef KERNEL_PROC_PROCESS_H
#define KERNEL_PROC_PROCESS_H

#include "kernel/cpu/trap.h"
#include "kernel/limits.h"
#include "kernel/proc/signal.h"
#include "kernel/proc/timers.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/waitq.h"
#include "kernel/thread.h"

struct file;
struct files;
struct inode;
struct task;
struct vfork_wait;

#define PROCESS_NAME_LEN 16 /* with the NUL, as on Linux */
#define PID_MAX 32768
#define PID_INIT 1

enum process_state { PROCESS_ALIVE, PROCESS_ZOMBIE };

struct process {
	/* constant once published */
	i32 pid;
	i32 exit_signal; /* what its end sends to the parent; 0: nothing */

	/* t: table_lock */
	struct process *parent;        /* t; NULL: nobody waits for it */
	struct list children;          /* t; sibling */
	struct list_node sibling;      /* t */
	struct list_node hash_node;    /* t; by pid */
	i32 pgid, sid;                 /* t */
	struct list_node group_node;   /* t; by pgid */
	struct list_node session_node; /* t; by sid */
	enum process_state state;      /* t */
	i32 wait_status;               /* t; as wait4 reports it */
	bool exiting;                  /* t; wait_status is decided, every task is killed */
	bool execed;                   /* t; since its fork */
	struct list tasks;             /* t; task.node */
	_Atomic(u32) nr_tasks;         /* written under t */
	u64 ended_ns;                  /* t; run time of the tasks that have ended */
	u64 children_ns;               /* t; of children that were waited for, and of theirs */
	struct task *exec_task;        /* t; it waits in exec for the others to end */
	struct vfork_wait *vfork;      /* t; its parent waits until the address space is its own no more */

	/* stop and continue (jobs.c) */
	_Atomic(bool) stopped; /* written under t: tasks stop on their way to user mode */
	u32 nr_stopped;        /* t; tasks that have */
	i32 stop_signal;       /* t */
	bool stop_told;        /* t; the parent knows of this stop */
	bool stop_news;        /* t; stopped, and wait4 has not told */
	bool continue_news;    /* t; the same for continued */
	struct waitq stop_wait;

	/* signals (signal.h) */
	struct signal_action actions[NR_SIGNALS]; /* t */
	struct signal_queue pending;              /* t; for whichever task takes them */

	/* timers that send signals (timers.h) */
	struct proc_timer alarm; /* t; ITIMER_REAL */
	struct list timers;      /* t; timer_create's */
	u32 nr_timers;           /* t; in timers */
	i32 next_timer;          /* t; number of the next one */

	/* atomic */
	_Atomic(i32) ppid;         /* written under t: getppid reads it without a lock */
	_Atomic(u32) child_events; /* counts what wait4 may want to see */
	struct waitq child_wait;   /* wait4 sleeps here */

	/* its tasks */
	struct files *files; /* constant from birth to exit */
	struct spinlock cwd_lock;
	struct inode *cwd;    /* cwd_lock; counted: process_cwd() */
	struct limits limits; /* inherited by fork */
	bool fixed_layout;    /* personality ADDR_NO_RANDOMIZE: exec puts everything where it always is */
	struct file *
		exe; /* the program's file, counted; nobody may write to it. NULL: none yet. Changed by a lone task */
	_Atomic(u32) umask;
	char name[PROCESS_NAME_LEN];
};

static inline struct process *process_current(void)
{
	struct thread *t;

	__asm__ volatile("movq %%gs:24, %0" : "=r"(t)); /* percpu.current */
	return t->process;
}

void process_table_init(void);
/* The lock that comments call table_lock. */
void process_table_lock(void);
void process_table_unlock(void);
bool process_table_locked(void);

/* A process without pid, files, directory and tasks. NULL: no memory. */
struct process *process_create(const char *name);
/* Frees one that was never published, with whatever it holds by then. */
void process_discard(struct process *p);
/* Gives it and its first task a pid and enters both; below `parent`, in its group and session (NULL: none). The pid (first->tid, if that is
 * not 0), or an error of process_new_id_locked(). table_lock not held. */
int process_publish(struct process *p, struct task *first, struct process *parent);
/* Undoes process_publish for a process whose task got no thread. table_lock not held. */
void process_withdraw(struct process *p, struct task *first);
/* A number that no process, task, group or session has: `want`, unless that is 0. -EEXIST: somebody has it; -EAGAIN: all are in use, or the running
 * process's RLIMIT_NPROC is reached. table_lock held. */
i32 process_new_id_locked(i32 want);
/* NULL: no such pid. table_lock held. */
struct process *process_find_locked(i32 pid);
/* Calls fn for every process; table_lock held. */
void process_for_each_locked(void (*fn)(struct process *p, void *arg), void *arg);
/* The same for the members of a group. Their number. */
unsigned process_for_each_in_group_locked(i32 pgid, void (*fn)(struct process *p, void *arg), void *arg);
/* Moves p to another group, or session. table_lock held. */
void process_set_group_locked(struct process *p, i32 pgid);
void process_set_session_locked(struct process *p, i32 sid);
/* Takes a zombie out of the table and frees it. table_lock held. */
void process_reap_locked(struct process *p);
/* Processes in the table, zombies included. */
unsigned process_count(void);
/* The program's file: takes over a reference and an inode_deny_write(); gives back those of the old one. NULL: none. */
void process_set_exe(struct process *p, struct file *exe);
/* Sets the name, as exec does: the last component of path. */
void process_set_name(struct process *p, const char *path);
/* The current directory of p, with a reference. */
struct inode *process_cwd(struct process *p);
/* Takes over a reference to a directory. */
void process_set_cwd(struct process *p, struct inode *dir);

/* Decides how p ends, unless that is decided, and makes every task leave. table_lock held. */
void process_begin_exit_locked(struct process *p, int wait_status);
/* Ends the running process; wait_status as wait4 reports it (WAIT_EXITED, WAIT_SIGNALED). */
void process_exit(int wait_status) NORETURN;
/* What the last task of a process leaves to do (exit.c); p may be gone when it returns. */
void process_finish(struct process *p);
#define WAIT_EXITED(code) (((code)&0xff) << 8)
#define WAIT_SIGNALED(signo) ((signo)&0x7f)
#define WAIT_STOPPED(signo) ((signo) << 8 | 0x7f)
#define WAIT_CONTINUED 0xffff

/* wait4 and waitid without the copying out (wait.c). */
enum { WAIT_ANY, WAIT_PID, WAIT_GROUP };
struct wait_request {
	int which; /* WAIT_* */
	i32 id;
	u32 options; /* Linux's: WNOHANG ... */
};
struct wait_result {
	i32 pid;    /* 0: nothing to tell (WNOHANG) */
	i32 status; /* WAIT_EXITED ... */
	u64 run_ns; /* of the child and of those it has waited for */
};
enum { /* Linux */
	WNOHANG_ = 1,
	WSTOPPED_ = 2, /* and WUNTRACED */
	WEXITED_ = 4,
	WCONTINUED_ = 8,
	WNOWAIT_ = 0x01000000,
	WNOTHREAD_ = 0x20000000,
	WALL_ = 0x40000000,
};
#define WCLONE_ 0x80000000u
/* 0, -ECHILD, or -ERESTARTSYS. */
int process_wait(const struct wait_request *rq, struct wait_result *out);
/* Something happened to a child of p that wait4 may want to see. table_lock held. */
void process_wake_waiters_locked(struct process *p);
/* Sleeps until the process with that pid is a zombie, reaps it and returns its wait status; for kernel threads. */
int process_wait_kernel(i32 pid);
void process_wait_init(void);
/* Run time of all its tasks, those that have ended included. table_lock held. */
u64 process_run_ns_locked(const struct process *p);
/* Does one of its tasks run, or wait for nothing but a CPU? table_lock held. */
bool process_runs_locked(const struct process *p);
/* Someone became a zombie, for process_wait_kernel. */
void process_notify_kernel(void);

/* Groups, sessions, stopping (jobs.c); table_lock held by the callers of _locked. */
/* The tasks of p stop soon; its parent is told when the last one has. */
void process_stop_locked(struct process *p, int signo);
/* Ends a stop. */
void process_continue_locked(struct process *p);
/* A task of p is gone: were all others waiting for it to stop? */
void process_stop_recount_locked(struct process *p);
/* Stays here while p is stopped, until a signal ends p. On the way to user mode. */
void process_stay_stopped(struct process *p);
/* Has the group of p no member whose parent is in another group of the same session? Its members then may not stop by ^Z. */
bool process_group_orphaned_locked(const struct process *p);
/* p is about to leave the tree: groups that lose their last tie to the session and have stopped members get SIGHUP and SIGCONT, and so does
 * the terminal's foreground group when p leads the session. */
void process_leave_jobs_locked(struct process *p);

/* proc_timer.fire of process.alarm (itimer.c). */
void itimer_fire(struct proc_timer *t, u64 times);

#endif
