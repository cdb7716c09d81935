/* SPDX-License-Identifier: MIT */
/*
 * Write-through backend of the journal interface; client: fs/ext4.
 *
 * Rule: one handle is open at a time, that of the thread that holds j->lock; so shadows are private to it and what stands in pmem is always
 * the newest complete state of every block. A change is in pmem when journal_dirty() or journal_update() returns and durable when journal_stop() does.
 * There is no atomicity over a crash: the superblock says "not clean" meanwhile and e2fsck repairs.
 *
 * Locks: j->lock (RANK_JOURNAL), held from the outermost start to its stop, guards everything here.
 */
#include "fs/journal.h"
#include "kernel/log.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/kmem.h"

#define SHADOWS_MAX 64 /* blocks that one handle may get_write */

struct shadow {
	u64 block;
	void *data; /* block_size bytes; made with the journal: no handle lacks memory, and taking them anew is dear */
};

struct journal_handle {
	struct journal *journal;
	unsigned depth;   /* of nested starts; 0: no handle is open */
	unsigned credits; /* of the outermost */
	unsigned nr_used; /* shadows[0 .. nr_used) belong to blocks of this handle */
	struct shadow shadows[SHADOWS_MAX];
};

struct journal {
	struct pmem_region *region;
	u32 block_size;
	_Atomic(bool) aborted;
	struct mutex lock;
	struct journal_handle handle;
};

static const struct lock_class journal_class = {"journal", RANK_JOURNAL, false};

int journal_create(struct pmem_region *r, u32 block_size, struct journal **out)
{
	struct journal *j = kzalloc(sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->region = r;
	j->block_size = block_size;
	j->handle.journal = j;
	mutex_init(&j->lock, &journal_class);
	for (unsigned k = 0; k < SHADOWS_MAX; k++) {
		j->handle.shadows[k].data = kmalloc(block_size);
		if (!j->handle.shadows[k].data) {
			journal_destroy(j);
			return -ENOMEM;
		}
	}
	*out = j;
	return 0;
}

void journal_destroy(struct journal *j)
{
	if (!j)
		return;
	for (unsigned k = 0; k < SHADOWS_MAX; k++)
		kfree(j->handle.shadows[k].data);
	kfree(j);
}

int journal_start(struct journal *j, unsigned credits, struct journal_handle **out)
{
	struct journal_handle *h = &j->handle;

	if (mutex_held(&j->lock)) {
		h->depth++;
		*out = h;
		return 0;
	}
	mutex_lock(&j->lock);
	if (atomic_load_explicit(&j->aborted, memory_order_relaxed)) {
		mutex_unlock(&j->lock);
		return -EROFS;
	}
	DEBUG_ASSERT(credits <= SHADOWS_MAX);
	h->depth = 1;
	h->credits = credits;
	h->nr_used = 0;
	*out = h;
	return 0;
}

static void *block_in_pmem(struct journal *j, u64 block)
{
	return (char *)j->region->virt + block * j->block_size;
}

static struct shadow *find_shadow(struct journal_handle *h, u64 block)
{
	for (unsigned k = 0; k < h->nr_used; k++)
		if (h->shadows[k].block == block)
			return &h->shadows[k];
	return NULL;
}

static int get_shadow(struct journal_handle *h, u64 block, bool fill, void **out)
{
	struct shadow *s = find_shadow(h, block);

	DEBUG_ASSERT(h->depth && mutex_held(&h->journal->lock));
	if (!s) {
		DEBUG_ASSERT(h->nr_used < h->credits);
		if (h->nr_used == SHADOWS_MAX)
			return -ENOMEM;
		s = &h->shadows[h->nr_used++];
		s->block = block;
		if (fill)
			memcpy(s->data, block_in_pmem(h->journal, block), h->journal->block_size);
	}
	if (!fill)
		memset(s->data, 0, h->journal->block_size);
	*out = s->data;
	return 0;
}

int journal_get_write(struct journal_handle *h, u64 block, void **out)
{
	return get_shadow(h, block, true, out);
}

int journal_get_create(struct journal_handle *h, u64 block, void **out)
{
	return get_shadow(h, block, false, out);
}

void journal_dirty(struct journal_handle *h, u64 block)
{
	struct shadow *s = find_shadow(h, block);

	DEBUG_ASSERT(s);
	pmem_copy(block_in_pmem(h->journal, block), s->data, h->journal->block_size);
}

void journal_update(struct journal_handle *h, u64 block, u32 off, const void *p, u32 n)
{
	struct shadow *s = find_shadow(h, block);
	char *to = (char *)block_in_pmem(h->journal, block) + off;

	DEBUG_ASSERT(h->depth && off + n <= h->journal->block_size);
	if (unlikely(s))
		memcpy((char *)s->data + off, p, n);
	pmem_write(to, p, n);
	pmem_flush(to, n);
}

void journal_update_pair(struct journal_handle *h, u64 block, u32 off_a, u32 a, u32 off_b, u32 b)
{
	struct shadow *s = find_shadow(h, block);
	char *to = block_in_pmem(h->journal, block);

	DEBUG_ASSERT(h->depth && MAX(off_a, off_b) + sizeof(u32) <= h->journal->block_size);
	if (unlikely(s)) {
		memcpy((char *)s->data + off_a, &a, sizeof(a));
		memcpy((char *)s->data + off_b, &b, sizeof(b));
	}
	pmem_store32(to + off_a, a);
	pmem_store32(to + off_b, b);
	pmem_flush(to + off_a, sizeof(a));
	pmem_flush(to + off_b, sizeof(b));
}

void journal_forget(struct journal_handle *h, u64 block)
{
	struct shadow *s = find_shadow(h, block);

	if (s)
		s->block = ~0ull;
}

int journal_stop(struct journal_handle *h)
{
	DEBUG_ASSERT(h->depth && mutex_held(&h->journal->lock));
	if (--h->depth)
		return 0;
	pmem_fence();
	mutex_unlock(&h->journal->lock);
	return 0;
}

void journal_abort(struct journal *j)
{
	atomic_store(&j->aborted, true);
}

int journal_commit(struct journal *j)
{
	pmem_drain(j->region); /* every handle was durable when it stopped, as far as the caches go */
	return 0;
}

const void *journal_read(struct journal *j, u64 block)
{
	return block_in_pmem(j, block);
}
