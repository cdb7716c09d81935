/* SPDX-License-Identifier: MIT */
/*
 * Interval trees: a tree ordered by `first`, augmented with the largest `last` of each subtree, so that
 * a search goes only into subtrees that can hold an overlap: O(log n + answers). Clients: reverse map.
 * Locking is the caller's.
 */
#include "lib/interval_tree.h"

static struct interval_node *entry(struct tree_node *n)
{
	return n ? CONTAINER_OF(n, struct interval_node, node) : NULL;
}

static bool augment(struct tree_node *tn)
{
	struct interval_node *n = entry(tn);
	u64 last = n->last;

	for (int d = 0; d < 2; d++)
		if (tn->child[d])
			last = MAX(last, entry(tn->child[d])->subtree_last);
	bool changed = n->subtree_last != last;
	n->subtree_last = last;
	return changed;
}

void interval_insert(struct interval_tree *t, struct interval_node *n)
{
	struct tree_node *parent = NULL, *at = t->tree.root;
	int dir = 0;

	while (at) {
		parent = at;
		dir = n->first >= entry(at)->first;
		at = at->child[dir];
	}
	tree_insert(&t->tree, parent, dir, &n->node, augment);
}

void interval_remove(struct interval_tree *t, struct interval_node *n)
{
	tree_remove(&t->tree, &n->node, augment);
}

/* First overlap, by `first`, in the subtree of n, which has one that ends at or after `first`. */
static struct interval_node *search(struct interval_node *n, u64 first, u64 last)
{
	for (;;) {
		struct interval_node *left = entry(n->node.child[0]);

		if (left && left->subtree_last >= first) {
			n = left;
			continue;
		}
		if (n->first > last)
			return NULL;
		if (n->last >= first)
			return n;
		n = entry(n->node.child[1]);
		if (!n || n->subtree_last < first)
			return NULL;
	}
}

struct interval_node *interval_first(const struct interval_tree *t, u64 first, u64 last)
{
	struct interval_node *root = entry(t->tree.root);

	return root && root->subtree_last >= first ? search(root, first, last) : NULL;
}

struct interval_node *interval_next(const struct interval_node *n, u64 first, u64 last)
{
	struct interval_node *right = entry(n->node.child[1]);

	if (right && right->subtree_last >= first)
		return search(right, first, last);
	for (;;) {
		/* Up to the first ancestor that n is left of. */
		const struct tree_node *below;
		do {
			below = &n->node;
			if (!below->parent)
				return NULL;
			n = entry(below->parent);
		} while (n->node.child[1] == below);
		if (n->first > last)
			return NULL;
		if (n->last >= first)
			return (struct interval_node *)n;
		right = entry(n->node.child[1]);
		if (right && right->subtree_last >= first)
			return search(right, first, last);
	}
}
