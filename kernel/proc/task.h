/* SPDX-License-Identifier: MIT */
/*
 * Tasks: the threads of user programs. A task belongs to one process, from clone() to its end; kernel/thread.h's thread runs it.
 *
 * Life cycle: task_create -> process_publish (with a new process) or task_publish (in a running one) -> task_attach (has its
 * thread) -> thread_wake -> task_exit. The number of a process's first task is the pid; exec gives it to the task that calls it.
 *
 * Rule: fields marked t belong to table_lock (process.h); the others to the task itself. A task's memory is freed by itself,
 * after it has left process->tasks and the hash under table_lock.
 */
#ifndef KERNEL_PROC_TASK_H
#define KERNEL_PROC_TASK_H

#include "kernel/proc/process.h"

/* A system call that was interrupted goes on here, by restart_syscall(). */
struct task_restart {
	long (*fn)(struct task_restart *r); /* NULL: nothing to go on with */
	u64 args[5];
};

struct user_stack { /* stack_t, Linux x86-64 */
	u64 sp;
	i32 flags;
	u32 pad;
	u64 size;
};
_Static_assert(sizeof(struct user_stack) == 24, "Linux x86-64");

struct task {
	struct process *process;    /* constant */
	i32 tid;                    /* t; before it is published, the number that it shall get (0: any) */
	struct thread *thread;      /* t; NULL before it runs */
	struct list_node node;      /* t; process->tasks */
	struct list_node hash_node; /* t; by tid */
	struct signal_queue own;    /* t; signals for this task alone */

	/* atomic; written by the task itself */
	_Atomic(u64) blocked; /* signal mask */
	_Atomic(u64) waiting; /* signals that rt_sigtimedwait waits for, though they are blocked */

	/* own */
	u64 saved_mask; /* what the mask was before sigsuspend or ppoll changed it */
	bool restore_mask;
	struct user_stack altstack;
	uaddr_t clear_tid;   /* set to 0, and its futex woken, when the task ends; 0: none */
	uaddr_t set_tid;     /* gets the tid when the task starts; 0: none */
	uaddr_t robust_list; /* 0: none */
	struct task_restart restart;
	u64 fault_trap, fault_error, fault_address; /* of the last exception, for signal handlers */
	u64 affinity;            /* CPUs, as it was asked for; the thread has those that run */
	bool no_new_privs;       /* as prctl set it, and children have it: there are none to be had */
	struct trap_frame start; /* first user registers */
};

static inline struct task *task_current(void)
{
	return thread_current()->task;
}

/* A task of p, nowhere entered, that inherits the signal mask of `from` (NULL: nothing blocked). NULL: no memory. */
struct task *task_create(struct process *p, const struct task *from);
/* Frees one that was never published, or was withdrawn. */
void task_destroy(struct task *t);
/* Enters a further task of a running process. Its tid, or an error of process_new_id_locked(). table_lock not held. */
i32 task_publish(struct task *t);
/* Undoes task_publish. table_lock not held. */
void task_withdraw(struct task *t);
/* Enters and removes; table_lock held. */
void task_link_locked(struct task *t, i32 tid);
void task_unlink_locked(struct task *t);
/* Tasks that are not the first of their process, of all processes; table_lock held. */
unsigned task_further_locked(void);
/* Gives a published task its thread (not yet running). table_lock not held. */
void task_attach(struct task *t, struct thread *thread);
/* NULL: no such task. table_lock held. */
struct task *task_find_locked(i32 tid);
void task_table_init(void);

/* First code of a user thread that starts with task->start: enters user mode. */
void task_start_user(void *task);
/* Ends the running task; the process too, if it is the last one: then with wait_status, unless something else was decided. */
void task_exit(int wait_status) NORETURN;
/* Before the task lets go of its address space: wakes those who wait for its end or for locks that it holds (futex.c). */
void task_leave_memory(struct task *t);
/* exec: ends the other tasks of the process and gives the caller the pid as its tid. -EINTR: killed meanwhile; -EAGAIN: another one execs. */
int task_be_alone(void);

/* clone(), fork(), vfork(): one request (fork.c). */
struct clone_request {
	u64 flags; /* CLONE_*, without the signal */
	i32 exit_signal;
	u64 stack; /* the new task's rsp; 0: as the caller's */
	u64 tls;
	uaddr_t parent_tid, child_tid;
	i32 tid; /* of the new task; 0: any */
};
enum { /* Linux */
	CLONE_VM_ = 0x100,
	CLONE_FS_ = 0x200,
	CLONE_FILES_ = 0x400,
	CLONE_SIGHAND_ = 0x800,
	CLONE_VFORK_ = 0x4000,
	CLONE_THREAD_ = 0x10000,
	CLONE_SYSVSEM_ = 0x40000,
	CLONE_SETTLS_ = 0x80000,
	CLONE_PARENT_SETTID_ = 0x100000,
	CLONE_CHILD_CLEARTID_ = 0x200000,
	CLONE_DETACHED_ = 0x400000,
	CLONE_CHILD_SETTID_ = 0x1000000,
};
#define CLONE_CLEAR_SIGHAND_ 0x100000000ull
/* The new task's or process's number; -EINVAL, -EAGAIN, -ENOMEM, -EFAULT. `frame`: the caller's user registers. */
long process_clone(const struct clone_request *rq, const struct trap_frame *frame);
/* The parent of a vfork() may go on: the current process has left its address space. */
void vfork_release(struct process *p);

#endif
