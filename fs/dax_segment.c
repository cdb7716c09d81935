/* SPDX-License-Identifier: MIT */
/*
 * Segments of a mapping by index: a radix tree of fan-out 64.
 *
 * Rule: a pointer in the tree, once set, never changes until the whole tree is destroyed, and the tree grows only
 * by putting a new node above the old root. So a look-up needs no lock, and whoever has found a segment may keep it. All changes
 * are one compare-exchange; who loses one frees its node and uses the winner's. These exchanges are full fences: the range lock
 * counts on that (kernel/sync/range_lock.c).
 *
 * The root word holds the pointer and, in the low bits, the height: 0 = the root is segment 0 itself, h covers 64^h segments.
 */
#include "fs/dax.h"
#include "kernel/protocol.h"
#include "mm/kmem.h"

#define FANOUT_SHIFT 6
#define FANOUT (1u << FANOUT_SHIFT)
#define HEIGHT_MASK 15ull
#define MAX_HEIGHT 8 /* 48 bits of index: more than a file has */

struct dax_node {
	_Atomic(u64) slot[FANOUT]; /* node, or segment at the lowest level */
};

static u64 peek(_Atomic(u64) *slot)
{
	SHARED_READ(slot);
	return atomic_load_explicit(slot, memory_order_acquire);
}

static bool publish(_Atomic(u64) *slot, u64 *expected, u64 next)
{
	SHARED_WRITE(slot);
	return atomic_compare_exchange_strong(slot, expected, next);
}

static unsigned root_height(u64 root)
{
	return root & HEIGHT_MASK;
}

static void *root_pointer(u64 root)
{
	return (void *)(uintptr_t)(root & ~HEIGHT_MASK);
}

static bool covers(u64 root, u64 index)
{
	return root && index >> (FANOUT_SHIFT * root_height(root)) == 0;
}

static unsigned slot_of(u64 index, unsigned height)
{
	return (index >> (FANOUT_SHIFT * (height - 1))) & (FANOUT - 1);
}

static struct dax_segment *segment_create(struct dax_segments *t, u64 index)
{
	const struct dax_lock_ops *ops = CONTAINER_OF(t, struct mapping, segments)->lock_ops;
	struct dax_segment *s = kzalloc(sizeof(*s));

	if (!s)
		return NULL;
	if (ops->init_segment)
		ops->init_segment(s);
	s->index = index;
	return s;
}

/* Fills *slot with `made` unless another was quicker; what stands there afterwards. */
static u64 slot_publish(_Atomic(u64) *slot, void *made)
{
	u64 expected = 0;

	if (publish(slot, &expected, (u64)(uintptr_t)made))
		return (u64)(uintptr_t)made;
	kfree(made);
	return expected;
}

/* Makes the root cover `index`. The new root, 0: no memory. */
static u64 grow(struct dax_segments *t, u64 index)
{
	u64 root = peek(&t->root);

	while (!covers(root, index)) {
		u64 next;

		if (!root && index == 0) {
			next = (u64)(uintptr_t)segment_create(t, 0);
		} else {
			struct dax_node *n = kzalloc(sizeof(*n));

			if (!n)
				return 0;
			/* An empty tree may start at any height; otherwise the old root becomes slot 0. */
			atomic_init(&n->slot[0], (u64)(uintptr_t)root_pointer(root));
			next = (u64)(uintptr_t)n | (root_height(root) + 1);
		}
		if (!next)
			return 0;
		if (publish(&t->root, &root, next))
			root = next;
		else
			kfree(root_pointer(next));
	}
	return root;
}

struct dax_segment *dax_segment_find(struct dax_segments *t, u64 pgoff)
{
	u64 index = pgoff >> RANGE_SEGMENT_SHIFT;
	u64 root = peek(&t->root);
	void *p = root_pointer(root);

	if (!covers(root, index))
		return NULL;
	for (unsigned h = root_height(root); h && p; h--)
		p = (void *)(uintptr_t)peek(&((struct dax_node *)p)->slot[slot_of(index, h)]);
	return p;
}

struct dax_segment *dax_segment_get(struct dax_segments *t, u64 pgoff)
{
	u64 index = pgoff >> RANGE_SEGMENT_SHIFT;
	struct dax_segment *s = dax_segment_find(t, pgoff);
	u64 root;
	void *p;

	if (likely(s))
		return s;
	if (index >> (FANOUT_SHIFT * MAX_HEIGHT))
		return NULL;
	root = grow(t, index);
	if (!root)
		return NULL;
	p = root_pointer(root);
	for (unsigned h = root_height(root); h; h--) {
		_Atomic(u64) *slot = &((struct dax_node *)p)->slot[slot_of(index, h)];
		u64 next = peek(slot);

		if (!next) {
			void *made =
				h == 1 ? (void *)segment_create(t, index) : kzalloc(sizeof(struct dax_node));

			if (!made)
				return NULL;
			next = slot_publish(slot, made);
		}
		p = (void *)(uintptr_t)next;
	}
	return p;
}

/* First segment at or after *index below node `p` of height h that starts at index `base`. */
static struct dax_segment *next_below(void *p, unsigned h, u64 base, u64 *index, u64 last)
{
	u64 span;

	if (!p || base > last)
		return NULL;
	if (h == 0) {
		if (base < *index)
			return NULL;
		*index = base;
		return p;
	}
	span = 1ull << (FANOUT_SHIFT * (h - 1));
	for (unsigned i = *index > base ? MIN((*index - base) / span, (u64)FANOUT) : 0; i < FANOUT; i++) {
		void *child = (void *)(uintptr_t)peek(&((struct dax_node *)p)->slot[i]);
		struct dax_segment *s = next_below(child, h - 1, base + i * span, index, last);

		if (s)
			return s;
	}
	return NULL;
}

struct dax_segment *dax_segment_next(struct dax_segments *t, u64 *index, u64 last)
{
	u64 root = peek(&t->root);

	return next_below(root_pointer(root), root_height(root), 0, index, last);
}

static void destroy_below(void *p, unsigned h)
{
	if (p && !h)
		kfree(atomic_load(&((struct dax_segment *)p)->page_pins));
	if (p && h)
		for (unsigned i = 0; i < FANOUT; i++)
			destroy_below(
				(void *)(uintptr_t)atomic_load(&((struct dax_node *)p)->slot[i]), h - 1);
	kfree(p);
}

void dax_segments_destroy(struct dax_segments *t)
{
	u64 root = atomic_exchange(&t->root, 0);

	destroy_below(root_pointer(root), root_height(root));
}
