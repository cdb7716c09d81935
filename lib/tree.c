/* SPDX-License-Identifier: MIT */
/*
 * AVL trees: lib/tree.h. Clients: interval trees, VMAs.
 *
 * Rules: heights of siblings differ by one at most. A child pointer is stored by set_link() only, with
 * release order, and a subtree is complete before it is linked; a node that moves down in a rotation
 * takes over its new child before it becomes a child itself. So whoever walks down without the lock
 * sees, at each moment, a finite path.
 */
#include "lib/tree.h"

static i32 height(const struct tree_node *n)
{
	return n ? n->height : 0;
}

static void set_link(struct tree_node **link, struct tree_node *n)
{
	__atomic_store_n(link, n, __ATOMIC_RELEASE);
}

/* The pointer that leads to n. */
static struct tree_node **link_of(struct tree *t, struct tree_node *n)
{
	return n->parent ? &n->parent->child[n->parent->child[1] == n] : &t->root;
}

static void update(struct tree_node *n, tree_augment_fn fn)
{
	n->height = 1 + MAX(height(n->child[0]), height(n->child[1]));
	if (fn)
		fn(n);
}

/* Lifts x's child on side d above x; returns it. */
static struct tree_node *rotate(struct tree *t, struct tree_node *x, int d, tree_augment_fn fn)
{
	struct tree_node **link = link_of(t, x);
	struct tree_node *y = x->child[d], *inner = y->child[!d];

	set_link(&x->child[d], inner);
	if (inner)
		inner->parent = x;
	set_link(&y->child[!d], x);
	y->parent = x->parent;
	x->parent = y;
	set_link(link, y);
	update(x, fn);
	update(y, fn);
	return y;
}

/* Makes heights, balance and augmentation right from n upwards, until nothing changes any more; but
 * not before the parent of `moved` was looked at, which has another child now (NULL: none has). */
static void rebalance(struct tree *t, struct tree_node *n, const struct tree_node *moved, tree_augment_fn fn)
{
	while (n) {
		i32 before = n->height;
		bool changed = fn && fn(n), was_moved = n == moved;
		i32 skew = height(n->child[1]) - height(n->child[0]);

		if (skew > 1 || skew < -1) {
			int d = skew > 0;
			struct tree_node *c = n->child[d];
			if (height(c->child[!d]) > height(c->child[d]))
				rotate(t, c, !d, fn);
			n = rotate(t, n, d, fn);
			changed = true;
		} else {
			n->height = 1 + MAX(height(n->child[0]), height(n->child[1]));
		}
		if (!moved && n->height == before && !changed)
			return;
		if (was_moved)
			moved = NULL;
		n = n->parent;
	}
}

void tree_insert(struct tree *t, struct tree_node *parent, int dir, struct tree_node *n, tree_augment_fn fn)
{
	set_link(&n->child[0], NULL);
	set_link(&n->child[1], NULL);
	n->parent = parent;
	n->height = 1;
	if (fn)
		fn(n);
	set_link(parent ? &parent->child[dir] : &t->root, n);
	rebalance(t, parent, NULL, fn);
}

void tree_remove(struct tree *t, struct tree_node *n, tree_augment_fn fn)
{
	struct tree_node **link = link_of(t, n);
	struct tree_node *from;         /* lowest node whose subtree changed */
	struct tree_node *moved = NULL; /* takes n's place */

	if (!n->child[0] || !n->child[1]) {
		struct tree_node *c = n->child[0] ? n->child[0] : n->child[1];
		if (c)
			c->parent = n->parent;
		set_link(link, c);
		from = n->parent;
	} else {
		/* The in-order successor takes n's place. */
		struct tree_node *s = n->child[1];
		while (s->child[0])
			s = s->child[0];
		moved = s;
		if (s->parent == n) {
			from = s;
		} else {
			from = s->parent;
			set_link(&from->child[0], s->child[1]);
			if (s->child[1])
				s->child[1]->parent = from;
			set_link(&s->child[1], n->child[1]);
			n->child[1]->parent = s;
		}
		set_link(&s->child[0], n->child[0]);
		n->child[0]->parent = s;
		s->parent = n->parent;
		s->height = n->height;
		set_link(link, s);
	}
	rebalance(t, from, moved, fn);
}

void tree_update(struct tree_node *n, tree_augment_fn fn)
{
	for (; n; n = n->parent)
		fn(n);
}

static struct tree_node *extreme(struct tree_node *n, int d)
{
	while (n && n->child[d])
		n = n->child[d];
	return n;
}

/* In-order neighbour of n on side d. */
static struct tree_node *neighbour(const struct tree_node *n, int d)
{
	if (n->child[d])
		return extreme(n->child[d], !d);
	while (n->parent && n->parent->child[d] == n)
		n = n->parent;
	return n->parent;
}

struct tree_node *tree_first(const struct tree *t)
{
	return extreme(t->root, 0);
}

struct tree_node *tree_last(const struct tree *t)
{
	return extreme(t->root, 1);
}

struct tree_node *tree_next(const struct tree_node *n)
{
	return neighbour(n, 1);
}

struct tree_node *tree_prev(const struct tree_node *n)
{
	return neighbour(n, 0);
}
