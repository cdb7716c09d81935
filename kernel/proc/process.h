/* SPDX-License-Identifier: MIT */
/*
 * Processes: the table, the tree, birth and death.
 *
 * A process owns an address space, open files and a place in the tree; a thread runs. Every process has
 * one thread today, so what belongs to a thread (signal mask, user registers) is kept in a group of its own below.
 *
 * Life cycle: process_create (not in the table) -> process_publish (has a pid, can be found and killed) ->
 * process_attach (has a thread) -> process_exit (gives everything back, zombie) -> reaped by its parent's wait4, or at once when
 * nobody will wait. Typical: fork = create + publish + attach + thread_wake; exec changes the inside only.
 *
 * Rules:
 *  - table_lock guards the tree, the states and process->thread: whoever sends a signal holds it, so the
 *    thread that is woken cannot have ended.
 *  - A process is freed only under table_lock by whoever reaps it, after it has become a zombie; its thread touches
 *    it no more after that.
 *  - Locks that a process takes while it dies are taken one after another, never under table_lock.
 */
#ifndef KERNEL_PROC_PROCESS_H
#define KERNEL_PROC_PROCESS_H

#include "kernel/cpu/trap.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/waitq.h"
#include "kernel/thread.h"

struct file;
struct files;
struct inode;

#define PROCESS_NAME_LEN 16 /* with the NUL, as on Linux */
#define PID_MAX 32768
#define PID_INIT 1

enum process_state { PROCESS_ALIVE, PROCESS_ZOMBIE };

struct process {
	/* constant once published */
	i32 pid;

	/* t: table_lock */
	struct process *parent;     /* t; NULL: nobody waits for it */
	struct list children;       /* t; sibling */
	struct list_node sibling;   /* t */
	struct list_node hash_node; /* t; by pid */
	enum process_state state;   /* t */
	i32 wait_status;            /* t; as wait4 reports it */
	struct thread *thread;      /* t; NULL before it runs and once it is a zombie */

	/* atomic */
	_Atomic(i32) ppid;         /* written under t: getppid reads it without a lock */
	_Atomic(u32) exits;        /* counts children that became zombies */
	_Atomic(u64) pending;      /* signals sent and not acted upon: bit signo-1 */
	_Atomic(u64) ignored;      /* signals whose disposition is SIG_IGN */
	_Atomic(u64) blocked;      /* signal mask (of the one thread) */
	_Atomic(i32) fatal_signal; /* the signal that ends it; 0: none yet */
	struct waitq child_wait;   /* wait4 sleeps here */

	/* own thread only */
	struct files *files;
	struct inode *cwd; /* counted */
	struct file *exe;  /* the program's file, counted; nobody may write to it. NULL: none yet */
	u32 umask;
	char name[PROCESS_NAME_LEN];
	struct trap_frame start; /* first user registers */
};

static inline struct process *process_current(void)
{
	struct thread *t;

	__asm__ volatile("movq %%gs:24, %0" : "=r"(t)); /* percpu.current */
	return t->process;
}

void process_table_init(void);
void process_table_lock(void);
void process_table_unlock(void);

/* A process without pid, files, directory and thread. NULL: no memory. */
struct process *process_create(const char *name);
/* Frees one that was never published, with whatever it holds by then. */
void process_discard(struct process *p);
/* Gives it a pid and enters it below `parent` (NULL: none). The pid, or -EAGAIN: all pids are in use. table_lock not held. */
int process_publish(struct process *p, struct process *parent);
/* Gives a published process its thread (not yet running). table_lock not held. */
void process_attach(struct process *p, struct thread *t);
/* Undoes process_publish for a process that got no thread. table_lock not held. */
void process_withdraw(struct process *p);
/* NULL: no such pid. table_lock held. */
struct process *process_find_locked(i32 pid);
/* Calls fn for every process; table_lock held. */
void process_for_each_locked(void (*fn)(struct process *p, void *arg), void *arg);
/* Takes a zombie out of the table and frees it. table_lock held. */
void process_reap_locked(struct process *p);
/* Processes in the table, zombies included. */
unsigned process_count(void);
/* The program's file: takes over a reference and an inode_deny_write(); gives back those of the old one. NULL: none. */
void process_set_exe(struct process *p, struct file *exe);
/* Sets the name, as exec does: the last component of path. */
void process_set_name(struct process *p, const char *path);

/* Ends the running process; wait_status as wait4 reports it (WAIT_EXITED, WAIT_SIGNALED). */
void process_exit(int wait_status) NORETURN;
#define WAIT_EXITED(code) (((code)&0xff) << 8)
#define WAIT_SIGNALED(signo) ((signo)&0x7f)

/* fork(): the child's pid, or -EAGAIN, -ENOMEM. `frame`: the caller's user registers. */
long process_fork(const struct trap_frame *frame);
/* First code of a user thread that starts with process->start: enters user mode. */
void process_start_user(void *process);

/* wait4() without the copying out. pid as wait4's; 0 with nohang when none has ended. -ECHILD, -EINTR. */
long process_wait(i32 pid, bool nohang, i32 *wait_status);
/* Sleeps until the process with that pid is a zombie, reaps it and returns its wait status; for kernel threads. */
int process_wait_kernel(i32 pid);
void process_wait_init(void);
/* Someone became a zombie, for process_wait_kernel. */
void process_notify_kernel(void);

#endif
