/* SPDX-License-Identifier: MIT */
/*
 * The list of robust mutexes that a thread holds. When it dies the kernel walks the list, and looks at `pending`, which
 * covers the moments when a mutex is held and not in the list: between the word and the list, in both directions.
 * The list is circular, through a head in the control block.
 */
#include "thread.h"

static struct __robust_node *head_of(struct thread *self)
{
	return (struct __robust_node *)&self->robust.first;
}

void __robust_pending(struct thread *self, pthread_mutex_t *mutex)
{
	if (!self->robust_known) {
		self->robust.first = head_of(self);
		self->robust.word_offset =
			(long)offsetof(pthread_mutex_t, __word) - (long)offsetof(pthread_mutex_t, __node);
		raw_syscall(SYS_set_robust_list, (long)&self->robust, sizeof(self->robust), 0, 0, 0, 0);
		self->robust_known = 1;
	}
	self->robust.pending = &mutex->__node;
	atomic_signal_fence(memory_order_seq_cst);
}

void __robust_add(struct thread *self, pthread_mutex_t *mutex)
{
	struct __robust_node *node = &mutex->__node, *head = head_of(self), *next = self->robust.first;

	node->__prev = head;
	node->__next = next;
	if (next != head)
		next->__prev = node;
	atomic_signal_fence(memory_order_seq_cst);
	self->robust.first = node;
}

void __robust_remove(struct thread *self, pthread_mutex_t *mutex)
{
	struct __robust_node *node = &mutex->__node, *head = head_of(self);

	if (node->__next != head)
		node->__next->__prev = node->__prev;
	if (node->__prev == head)
		self->robust.first = node->__next;
	else
		node->__prev->__next = node->__next;
}
