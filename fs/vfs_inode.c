/* SPDX-License-Identifier: MIT */
/*
 * Inode cache: one struct inode per inode in use.
 *
 * Rule: an inode is hashed from its first reference until its last one has been put and everything that the disk must know has been
 * written. Its count reaches 0 only under cache_lock; a hashed inode with count 0 is being evicted, and iget() waits until it is gone, so nobody
 * reads an inode from disk whose newest state is still in memory.
 *
 * Locks: super->cache_lock (RANK_FS_CACHE). iput() of a last reference takes the DAX lock and journal handles: no lock from RANK_DAX on
 * may be held.
 */
#include "fs/file_lock.h"
#include "fs/vfs_priv.h"
#include "kernel/log.h"
#include "mm/kmem.h"

static const struct lock_class inode_class = {"inode", RANK_INODE, true};

void inode_init(struct inode *i, struct super *s, u64 ino)
{
	i->ino = ino;
	i->super = s;
	list_node_init(&i->hash_node);
	atomic_init(&i->refs, 1);
	mutex_init(&i->lock, &inode_class);
	i->removed_from = NULL;
	atomic_init(&i->mapping, NULL);
	atomic_init(&i->dirty, false);
}

static struct list *bucket_of(struct super *s, u64 ino)
{
	return &s->inodes[ino % INODE_HASH];
}

void inode_hash(struct inode *i)
{
	mutex_lock(&i->super->cache_lock);
	list_push_front(bucket_of(i->super, i->ino), &i->hash_node);
	mutex_unlock(&i->super->cache_lock);
}

static bool ref_unless_dying(struct inode *i)
{
	u32 r = atomic_load(&i->refs);

	while (r)
		if (atomic_compare_exchange_weak(&i->refs, &r, r + 1))
			return true;
	return false;
}

static struct inode *find_locked(struct super *s, u64 ino)
{
	struct inode *i;

	LIST_FOR_EACH (i, bucket_of(s, ino), hash_node)
		if (i->ino == ino)
			return i;
	return NULL;
}

int iget(struct super *s, u64 ino, struct inode **out)
{
	struct inode *i;
	u64 seen;
	int err;

	for (;;) {
		mutex_lock(&s->cache_lock);
		i = find_locked(s, ino);
		if (!i)
			break;
		if (ref_unless_dying(i)) {
			mutex_unlock(&s->cache_lock);
			*out = i;
			return 0;
		}
		/* Read under the lock that the evicting thread must take before it counts: the wake-up cannot be missed. */
		seen = atomic_load(&s->evictions);
		mutex_unlock(&s->cache_lock);
		WAIT_EVENT(&s->evict_wait, atomic_load(&s->evictions) != seen);
	}
	err = s->ops->read_inode(s, ino, &i);
	if (!err) {
		list_push_front(bucket_of(s, ino), &i->hash_node);
		*out = i;
	}
	mutex_unlock(&s->cache_lock);
	return err;
}

void iref(struct inode *i)
{
	atomic_fetch_add(&i->refs, 1);
}

static void evict(struct inode *i)
{
	struct super *s = i->super;

	dax_mapping_destroy(i);
	file_locks_destroy(i);
	if (i->nlink && atomic_load(&i->dirty) && i->ops->write_inode && i->ops->write_inode(i))
		pr_warn("vfs", "%s: inode %llu: times could not be written", s->type,
			(unsigned long long)i->ino);
	mutex_lock(&s->cache_lock);
	list_remove(&i->hash_node);
	atomic_fetch_add(&s->evictions, 1);
	mutex_unlock(&s->cache_lock);
	waitq_wake_all(&s->evict_wait);
	s->ops->evict(i);
}

/* Drops one reference. The inode whose next one falls with it, or NULL. */
static struct inode *put_one(struct inode *i)
{
	struct inode *up;
	u32 r = atomic_load(&i->refs);

	while (r > 1)
		if (atomic_compare_exchange_weak(&i->refs, &r, r - 1))
			return NULL;
	mutex_lock(&i->super->cache_lock);
	r = atomic_fetch_sub(&i->refs, 1);
	mutex_unlock(&i->super->cache_lock);
	DEBUG_ASSERT(r);
	if (r != 1)
		return NULL;
	up = i->removed_from;
	evict(i);
	return up;
}

/* One by one: a whole tree may have been removed above a directory that was in use. */
void iput(struct inode *i)
{
	while (i)
		i = put_one(i);
}

void inode_touch(struct inode *i, unsigned which)
{
	struct time_spec now = vfs_now();

	if (which & INODE_MTIME)
		i->mtime = now;
	if (which & INODE_CTIME)
		i->ctime = now;
	atomic_store(&i->dirty, true);
}

/* The inode of a bucket with the smallest number above `after`, counted; NULL: none. One that is being evicted is awaited: its data is not on the
 * medium before it is gone. */
static struct inode *next_in_bucket(struct super *s, struct list *bucket, u64 after)
{
	for (;;) {
		struct inode *best = NULL, *i;
		u64 seen;

		mutex_lock(&s->cache_lock);
		LIST_FOR_EACH (i, bucket, hash_node)
			if (i->ino > after && (!best || i->ino < best->ino))
				best = i;
		seen = atomic_load(&s->evictions);
		if (!best || ref_unless_dying(best)) {
			mutex_unlock(&s->cache_lock);
			return best;
		}
		mutex_unlock(&s->cache_lock);
		WAIT_EVENT(&s->evict_wait, atomic_load(&s->evictions) != seen);
	}
}

static int sync_one(struct inode *i)
{
	int err = dax_fsync(i, 0, RANGE_LAST), werr = 0;

	mutex_lock(&i->lock);
	if (i->nlink && atomic_load(&i->dirty) && i->ops->write_inode)
		werr = i->ops->write_inode(i);
	mutex_unlock(&i->lock);
	return err ? err : werr;
}

int super_sync(struct super *s)
{
	struct inode *i;
	int err = 0, e;

	for (unsigned b = 0; b < INODE_HASH; b++) {
		for (u64 after = 0; (i = next_in_bucket(s, &s->inodes[b], after));) {
			after = i->ino;
			e = sync_one(i);
			err = err ? err : e;
			iput(i);
		}
	}
	e = s->ops->sync ? s->ops->sync(s) : 0;
	return err ? err : e;
}

unsigned super_busy(struct super *s)
{
	unsigned n = 0;
	struct inode *i;

	mutex_lock(&s->cache_lock);
	for (unsigned b = 0; b < INODE_HASH; b++) {
		LIST_FOR_EACH (i, &s->inodes[b], hash_node) {
			if (i == s->root && atomic_load(&i->refs) == 1)
				continue;
			pr_warn("vfs", "%s: inode %llu is still in use (%u)", s->type,
				(unsigned long long)i->ino, atomic_load(&i->refs));
			n++;
		}
	}
	mutex_unlock(&s->cache_lock);
	return n;
}
