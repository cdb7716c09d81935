/* SPDX-License-Identifier: MIT */
/*
 * Balanced binary search trees (AVL), intrusive, with an optional augmentation that is kept up through
 * insertions, removals and rotations.
 *
 * Rule: every store to a child pointer is a single pointer-sized store in an order that never makes a
 * cycle, so a reader that walks down without the lock always ends (it may miss a node and must then
 * recheck under the lock). A removed node keeps its child pointers, so a reader that stands on it walks
 * on. The caller orders the keys.
 */
#ifndef LIB_TREE_H
#define LIB_TREE_H

#include "lib/types.h"

struct tree_node {
	struct tree_node *child[2];
	struct tree_node *parent;
	i32 height; /* AVL */
};

struct tree {
	struct tree_node *root;
};

/* Recomputes n's augmented value from n and its children; returns true if it changed. NULL: none. */
typedef bool (*tree_augment_fn)(struct tree_node *n);

/* Links n below `parent` on side `dir` (parent NULL: as root) and rebalances. */
void tree_insert(struct tree *t, struct tree_node *parent, int dir, struct tree_node *n, tree_augment_fn fn);
void tree_remove(struct tree *t, struct tree_node *n, tree_augment_fn fn);
/* The key range of n changed without changing its place: recomputes the augmentation from n up. */
void tree_update(struct tree_node *n, tree_augment_fn fn);
struct tree_node *tree_first(const struct tree *t);
struct tree_node *tree_last(const struct tree *t);
struct tree_node *tree_next(const struct tree_node *n);
struct tree_node *tree_prev(const struct tree_node *n);

/* For readers without the lock. */
static inline struct tree_node *tree_peek(struct tree_node *const *link)
{
	return __atomic_load_n(link, __ATOMIC_ACQUIRE);
}

#endif
