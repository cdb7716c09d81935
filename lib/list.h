/* SPDX-License-Identifier: MIT */
/* Circular doubly linked lists, intrusive. The owner of the list's lock owns every link in it. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/types.h"

struct list_node {
	struct list_node *next, *prev;
};

struct list {
	struct list_node head;
};

static inline void list_init(struct list *l)
{
	l->head.next = l->head.prev = &l->head;
}
static inline void list_node_init(struct list_node *n)
{
	n->next = n->prev = n;
}
static inline bool list_empty(const struct list *l)
{
	return l->head.next == &l->head;
}
/* Is n on any list? Only for nodes that were initialised. */
static inline bool list_linked(const struct list_node *n)
{
	return n->next != n;
}

static inline void list_insert_between(struct list_node *n, struct list_node *prev, struct list_node *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}
static inline void list_push_front(struct list *l, struct list_node *n)
{
	list_insert_between(n, &l->head, l->head.next);
}
static inline void list_push_back(struct list *l, struct list_node *n)
{
	list_insert_between(n, l->head.prev, &l->head);
}
static inline void list_insert_before(struct list_node *pos, struct list_node *n)
{
	list_insert_between(n, pos->prev, pos);
}
/* Unlinks n and leaves it initialised; harmless on an initialised, unlinked node. */
static inline void list_remove(struct list_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_node_init(n);
}
static inline struct list_node *list_first(struct list *l)
{
	return list_empty(l) ? NULL : l->head.next;
}
static inline struct list_node *list_last(struct list *l)
{
	return list_empty(l) ? NULL : l->head.prev;
}
static inline struct list_node *list_pop_front(struct list *l)
{
	struct list_node *n = list_first(l);
	if (n)
		list_remove(n);
	return n;
}

#define LIST_ENTRY(n, type, field) CONTAINER_OF(n, type, field)
/* The body may not unlink anything but, in the _SAFE form, `pos` itself. */
#define LIST_FOR_EACH(pos, l, field)                                                               \
	for (pos = LIST_ENTRY((l)->head.next, __typeof__(*pos), field); &pos->field != &(l)->head; \
		pos = LIST_ENTRY(pos->field.next, __typeof__(*pos), field))
#define LIST_FOR_EACH_SAFE(pos, tmp, l, field)                          \
	for (pos = LIST_ENTRY((l)->head.next, __typeof__(*pos), field), \
	    tmp = LIST_ENTRY(pos->field.next, __typeof__(*pos), field); \
		&pos->field != &(l)->head;                              \
		pos = tmp, tmp = LIST_ENTRY(tmp->field.next, __typeof__(*tmp), field))

#endif
