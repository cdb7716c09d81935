/* SPDX-License-Identifier: MIT */
/*
 * Advisory file locks.
 *
 * Rules: an inode that was ever locked has a list of its locks, sorted by nothing; record locks of both kinds conflict with one another,
 * whole-file locks only among themselves. One owner's record locks never overlap: setting a range first cuts that range out of what
 * the owner has. A waiter names the owner that it waits for, so a circle of process locks is found by following these names before the
 * wait begins. Whoever removes a lock counts `changes` and wakes all waiters of the inode, who look again.
 *
 * Lock: fs_state.file_locks.lock (RANK_FILE_LOCKS) guards all lists. It is not held while anything waits.
 */
#include "fs/file_lock.h"

#include "fs/state.h"
#include "fs/vfs.h"
#include "kernel/instance.h"
#include "kernel/log.h"
#include "mm/kmem.h"

#define CHAIN_MAX 32 /* waiters that are followed in the search for a circle */

/* Locks of one inode. */
struct file_lock_list {
	struct list locks;
	struct waitq waiters;
	_Atomic(u32) changes;
};

struct held_lock {
	struct list_node node;
	struct file_lock l;
};

/* A process that sleeps for a record lock. On its own stack. */
struct file_lock_waiter {
	struct list_node node;
	const void *owner, *blocker;
};

static struct fs_file_locks *all(void)
{
	return &the_instance.fs->file_locks;
}

static struct file_lock_list *list_of(struct inode *i, bool make)
{
	struct file_lock_list *ll = atomic_load(&i->locks);

	if (ll || !make)
		return ll;
	ll = kzalloc(sizeof(*ll));
	if (!ll)
		return NULL;
	list_init(&ll->locks);
	waitq_init(&ll->waiters);
	atomic_store(&i->locks, ll);
	return ll;
}

static bool same_class(const struct file_lock *a, const struct file_lock *b)
{
	return (a->kind == FILE_LOCK_WHOLE) == (b->kind == FILE_LOCK_WHOLE);
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
	return a->kind == b->kind && a->owner == b->owner;
}

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
	return a->first <= b->last && b->first <= a->last;
}

static struct held_lock *find_conflict(struct file_lock_list *ll, const struct file_lock *w)
{
	struct held_lock *h;

	LIST_FOR_EACH (h, &ll->locks, node)
		if (same_class(&h->l, w) && !same_owner(&h->l, w) && overlap(&h->l, w) &&
			(h->l.type == FILE_LOCK_WRITE || w->type == FILE_LOCK_WRITE))
			return h;
	return NULL;
}

static void wake(struct file_lock_list *ll)
{
	atomic_fetch_add(&ll->changes, 1);
	waitq_wake_all(&ll->waiters);
}

/* Makes room for *w among its owner's locks and enters it, merged with neighbours of its type. spare[0..1]: memory for the new lock
 * and for the rest of one that is cut in two; what was used is set to NULL. */
static void set_locked(struct file_lock_list *ll, const struct file_lock *w, struct held_lock *spare[2])
{
	struct file_lock n = *w;
	struct held_lock *h, *next;
	bool freed = false;

	LIST_FOR_EACH_SAFE (h, next, &ll->locks, node) {
		struct file_lock *o = &h->l;

		if (!same_owner(o, w))
			continue;
		if (o->type == w->type) {
			bool touches = o->first <= (n.last == FILE_LOCK_END ? n.last : n.last + 1) &&
				n.first <= (o->last == FILE_LOCK_END ? o->last : o->last + 1);

			if (!touches)
				continue;
			n.first = MIN(n.first, o->first);
			n.last = MAX(n.last, o->last);
			list_remove(&h->node);
			kfree(h);
			continue;
		}
		if (!overlap(o, w))
			continue;
		freed = true;
		if (o->first < w->first && o->last > w->last) {
			spare[1]->l = *o;
			spare[1]->l.first = w->last + 1;
			list_push_back(&ll->locks, &spare[1]->node);
			spare[1] = NULL;
			o->last = w->first - 1;
		} else if (o->first < w->first) {
			o->last = w->first - 1;
		} else if (o->last > w->last) {
			o->first = w->last + 1;
		} else {
			list_remove(&h->node);
			kfree(h);
		}
	}
	if (w->type != FILE_LOCK_NONE) {
		spare[0]->l = n;
		list_push_back(&ll->locks, &spare[0]->node);
		spare[0] = NULL;
	}
	if (freed)
		wake(ll);
}

/* Would `owner`, waiting for `blocker`, close a circle? */
static bool circle_locked(const void *owner, const void *blocker)
{
	struct file_lock_waiter *w;

	for (unsigned n = 0; n < CHAIN_MAX; n++) {
		const void *next = NULL;

		if (blocker == owner)
			return true;
		LIST_FOR_EACH (w, &all()->waiters, node)
			if (w->owner == blocker)
				next = w->blocker;
		if (!next)
			return false;
		blocker = next;
	}
	return false;
}

/* Has its owner this whole-file lock already? */
static bool held_already(struct file_lock_list *ll, const struct file_lock *w)
{
	struct held_lock *h;

	LIST_FOR_EACH (h, &ll->locks, node)
		if (same_owner(&h->l, w) && h->l.type == w->type)
			return true;
	return false;
}

/* Sleeps until a lock of the inode was removed. The mutex is held and dropped here. */
static int wait_change(struct file_lock_list *ll, const struct file_lock *w, const struct held_lock *blocker)
{
	struct file_lock_waiter me = {.owner = w->owner, .blocker = blocker->l.owner};
	bool process = w->kind == FILE_LOCK_PROCESS && blocker->l.kind == FILE_LOCK_PROCESS;
	u32 seen = atomic_load(&ll->changes);
	int err;

	if (process && circle_locked(me.owner, me.blocker)) {
		mutex_unlock(&all()->lock);
		return -EDEADLK;
	}
	list_node_init(&me.node);
	if (process)
		list_push_back(&all()->waiters, &me.node);
	mutex_unlock(&all()->lock);
	err = WAIT_EVENT_INTERRUPTIBLE(&ll->waiters, atomic_load(&ll->changes) != seen);
	mutex_lock(&all()->lock);
	list_remove(&me.node);
	mutex_unlock(&all()->lock);
	return err;
}

int file_lock_set(struct inode *i, const struct file_lock *w, bool wait)
{
	struct held_lock *spare[2] = {kzalloc(sizeof(struct held_lock)), kzalloc(sizeof(struct held_lock))};
	struct file_lock none = *w;
	struct file_lock_list *ll;
	struct held_lock *blocker;
	int err = -ENOMEM;

	none.type = FILE_LOCK_NONE;
	if (!spare[0] || !spare[1])
		goto out;
	list_node_init(&spare[0]->node);
	list_node_init(&spare[1]->node);
	for (;;) {
		mutex_lock(&all()->lock);
		ll = list_of(i, w->type != FILE_LOCK_NONE);
		err = ll || w->type == FILE_LOCK_NONE ? 0 : -ENOMEM;
		if (!ll)
			break;
		if (w->kind == FILE_LOCK_WHOLE && w->type != FILE_LOCK_NONE) {
			if (held_already(ll, w))
				break;
			set_locked(ll, &none,
				spare); /* a change of type gives the old lock up first, as on Linux */
		}
		blocker = w->type == FILE_LOCK_NONE ? NULL : find_conflict(ll, w);
		if (!blocker) {
			set_locked(ll, w, spare);
			break;
		}
		err = -EAGAIN;
		if (!wait)
			break;
		err = wait_change(ll, w, blocker);
		if (err)
			goto out;
	}
	mutex_unlock(&all()->lock);
out:
	kfree(spare[0]);
	kfree(spare[1]);
	return err;
}

void file_lock_test(struct inode *i, struct file_lock *l)
{
	struct file_lock_list *ll;
	struct held_lock *h;

	mutex_lock(&all()->lock);
	ll = list_of(i, false);
	h = ll ? find_conflict(ll, l) : NULL;
	if (h)
		*l = h->l;
	else
		l->type = FILE_LOCK_NONE;
	mutex_unlock(&all()->lock);
}

void file_locks_release(struct inode *i, enum file_lock_kind kind, const void *owner)
{
	struct file_lock_list *ll = atomic_load(&i->locks);
	struct held_lock *h, *next;
	bool freed = false;

	if (!ll)
		return;
	mutex_lock(&all()->lock);
	LIST_FOR_EACH_SAFE (h, next, &ll->locks, node) {
		if (h->l.kind != kind || h->l.owner != owner)
			continue;
		list_remove(&h->node);
		kfree(h);
		freed = true;
	}
	if (freed)
		wake(ll);
	mutex_unlock(&all()->lock);
}

void file_locks_destroy(struct inode *i)
{
	struct file_lock_list *ll = atomic_load(&i->locks);

	if (!ll)
		return;
	DEBUG_ASSERT(list_empty(&ll->locks));
	kfree(ll);
	atomic_store(&i->locks, NULL);
}
