/* SPDX-License-Identifier: MIT */
/* Interval trees: closed intervals [first, last], duplicates allowed. Locking is the caller's. */
#ifndef LIB_INTERVAL_TREE_H
#define LIB_INTERVAL_TREE_H

#include "lib/tree.h"

struct interval_node {
	struct tree_node node;
	u64 first, last; /* inclusive */
	u64 subtree_last;
};

struct interval_tree {
	struct tree tree;
};

void interval_insert(struct interval_tree *t, struct interval_node *n);
void interval_remove(struct interval_tree *t, struct interval_node *n);
/* First node, by `first`, that overlaps [first, last]; NULL if none. */
struct interval_node *interval_first(const struct interval_tree *t, u64 first, u64 last);
/* The next one after n that overlaps [first, last]. */
struct interval_node *interval_next(const struct interval_node *n, u64 first, u64 last);

#endif
