/* SPDX-License-Identifier: MIT */
/*
 * What a task that ends owes to those who wait for it: its cleared thread id (set_tid_address(2)), and the locks of its robust list
 * (set_robust_list(2)), which say from then on that their owner died.
 *
 * Rule: nothing in the list is believed. Every address is checked, a list that never ends is cut off, and a word is changed only while
 * it still names the task.
 *
 * A killed task owes it too: while it pays, its faults wait for locks like anybody's. A fault that gave up would leave others waiting for ever
 * for a lock whose page was just being written back.
 */
#include "kernel/proc/futex.h"

#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "mm/uaccess.h"

#define TID_MASK 0x3fffffffu
#define OWNER_DIED 0x40000000u
#define WAITERS 0x80000000u

struct user_robust_head { /* struct robust_list_head, Linux */
	u64 list;
	i64 offset;
	u64 pending;
};
#define ROBUST_LIST_MAX 2048

long sys_set_robust_list(struct trap_frame *f)
{
	if (f->rsi != sizeof(struct user_robust_head))
		return -EINVAL;
	task_current()->robust_list = UADDR(f->rdi);
	return 0;
}

long sys_get_robust_list(struct trap_frame *f)
{
	i32 tid = (i32)f->rdi;
	u64 head, size = sizeof(struct user_robust_head);
	struct task *t;

	process_table_lock();
	t = tid ? task_find_locked(tid) : task_current();
	head = t ? t->robust_list.v : 0;
	process_table_unlock();
	if (!t)
		return -ESRCH;
	if (copy_to_user(UADDR(f->rdx), &size, sizeof(size)))
		return -EFAULT;
	return copy_to_user(UADDR(f->rsi), &head, sizeof(head));
}

/* A lock whose owner ends: says so in the word, and lets one waiter go on. */
static void owner_died(u64 entry, i64 offset, i32 tid, bool pending)
{
	uaddr_t a = UADDR((entry & ~1ull) + (u64)offset);
	u32 word, seen;

	if ((a.v & 3) || copy_from_user(&word, a, sizeof(word)))
		return;
	for (;;) {
		if (pending && !word) { /* unlocked, but the wake was still to come */
			futex_wake_word(a, 1, true);
			return;
		}
		if ((word & TID_MASK) != (u32)tid)
			return;
		seen = word;
		if (cpu_cmpxchg_user32(a, &seen, (word & WAITERS) | OWNER_DIED))
			return;
		if (seen == word)
			break;
		word = seen;
	}
	if (word & WAITERS)
		futex_wake_word(a, 1, true);
}

static bool checked_owner(u64 entry, i64 offset)
{
	return entry && user_range_ok(UADDR((entry & ~1ull) + (u64)offset), 4);
}

static void walk_robust_list(struct task *t)
{
	struct user_robust_head head;
	u64 entry;

	if (copy_from_user(&head, t->robust_list, sizeof(head)))
		return;
	entry = head.list;
	for (unsigned n = 0; n < ROBUST_LIST_MAX && (entry & ~1ull) != t->robust_list.v; n++) {
		u64 next;

		/* Read before the lock is given up: its memory may go then. */
		if (copy_from_user(&next, UADDR(entry & ~1ull), sizeof(next)))
			break;
		if ((entry & ~1ull) != (head.pending & ~1ull) && checked_owner(entry, head.offset))
			owner_died(entry, head.offset, t->tid, false);
		entry = next;
	}
	if (checked_owner(head.pending, head.offset))
		owner_died(head.pending, head.offset, t->tid, true);
}

void task_leave_memory(struct task *t)
{
	struct thread *self = thread_current();
	struct mm *mm = self->mm;
	const i32 none = 0;
	bool killed;

	if (!mm)
		return;
	killed = atomic_exchange(&self->killed, false);
	if (t->robust_list.v)
		walk_robust_list(t);
	t->robust_list = UADDR(0);
	if (t->clear_tid.v && atomic_load(&mm->refs) > 1 && !copy_to_user(t->clear_tid, &none, sizeof(none)))
		futex_wake_word(t->clear_tid, 1, true);
	t->clear_tid = UADDR(0);
	if (killed)
		atomic_store(&self->killed, true);
}
