/* SPDX-License-Identifier: MIT */
/* Wait queues: threads that sleep until a condition holds. FIFO. */
#ifndef KERNEL_SYNC_WAITQ_H
#define KERNEL_SYNC_WAITQ_H

#include "kernel/sync/spinlock.h"
#include "kernel/thread.h"
#include "lib/list.h"

struct waitq {
	struct spinlock lock; /* RANK_WAITQ, taken with interrupts off: wakers may be interrupts */
	struct list waiters;  /* thread.wait_node */
};

void waitq_init(struct waitq *q);
/* Enqueues the current thread and marks it blocked; then re-check the condition, and either waitq_sleep or waitq_finish. */
void waitq_prepare(struct waitq *q);
void waitq_sleep(struct waitq *q);
void waitq_finish(struct waitq *q); /* dequeues if still queued, cancels the block */
void waitq_wake_one(struct waitq *q);
void waitq_wake_all(struct waitq *q);

/* Sleeps until cond holds. cond is evaluated without locks and must tolerate that. */
#define WAIT_EVENT(q, cond)                      \
	do {                                     \
		while (!(cond)) {                \
			waitq_prepare(q);        \
			if (cond) {              \
				waitq_finish(q); \
				break;           \
			}                        \
			waitq_sleep(q);          \
			waitq_finish(q);         \
		}                                \
	} while (0)
/* The same, but -EINTR when the thread is killed; value of the expression. */
#define WAIT_EVENT_KILLABLE(q, cond)                                            \
	({                                                                      \
		int err_ = 0;                                                   \
		while (!(cond)) {                                               \
			if (atomic_load(&thread_current()->killed)) {           \
				err_ = -EINTR;                                  \
				break;                                          \
			}                                                       \
			waitq_prepare(q);                                       \
			if (!(cond) && !atomic_load(&thread_current()->killed)) \
				waitq_sleep(q);                                 \
			waitq_finish(q);                                        \
		}                                                               \
		err_;                                                           \
	})
/* The same, but ends for any signal or stop: -ERESTARTSYS. The way back to user mode makes of it a restart of the system call or -EINTR. */
#define WAIT_EVENT_INTERRUPTIBLE(q, cond)                     \
	({                                                    \
		int err_ = 0;                                 \
		while (!(cond)) {                             \
			if (thread_interrupted()) {           \
				err_ = -ERESTARTSYS;          \
				break;                        \
			}                                     \
			waitq_prepare(q);                     \
			if (!(cond) && !thread_interrupted()) \
				waitq_sleep(q);               \
			waitq_finish(q);                      \
		}                                             \
		err_;                                         \
	})

#ifndef FAULTLINE_HOSTED
/* And with an end in time (time_ns(); NO_DEADLINE: none): -ETIMEDOUT. */
#define WAIT_EVENT_DEADLINE(q, cond, deadline)                                      \
	({                                                                          \
		int err_ = 0;                                                       \
		while (!(cond)) {                                                   \
			if (thread_interrupted()) {                                 \
				err_ = -ERESTARTSYS;                                \
				break;                                              \
			}                                                           \
			if ((deadline) != NO_DEADLINE && time_ns() >= (deadline)) { \
				err_ = -ETIMEDOUT;                                  \
				break;                                              \
			}                                                           \
			waitq_prepare(q);                                           \
			if (!(cond) && !thread_interrupted())                       \
				thread_block_until(deadline);                       \
			waitq_finish(q);                                            \
		}                                                                   \
		err_;                                                               \
	})
#endif

#endif
