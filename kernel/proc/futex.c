/* SPDX-License-Identifier: MIT */
/*
 * Futexes (futex(2)). What a task that ends owes to those who wait for it is in robust.c.
 *
 * A word is known by its key: address space and address, or, in a shared file mapping, inode and offset in the file. Waiters queue
 * in a hash of buckets.
 *
 * Rule: the word is compared and the waiter queued in one critical section of the bucket's lock; a waker changes the word first
 * and then takes the lock. So either the waiter sees the new value, or the waker finds the waiter. The lock is a spinlock: user
 * memory is touched under it with page faults disabled, and the whole step is tried again after the page was touched outside.
 *
 * A waiter lives on its thread's stack. It is `woken`, and its thread woken, under the lock of the bucket that it is in; the waiter takes
 * that lock once more before it returns, so nobody looks at it then. Only a holder of the locks of both buckets moves it. A waiter that
 * was moved does not count its new inode: it is the caller's of the requeue, who maps it.
 *
 * Locks: bucket (below all sleeping locks; two of them by address), then what thread_wake() takes.
 */
#include "kernel/proc/futex.h"

#include "fs/vfs.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "mm/uaccess.h"

#define NR_BUCKETS 256

struct bucket {
	struct spinlock lock;
	struct list waiters; /* futex_waiter.node, first come first */
} ALIGNED(CACHE_LINE);

struct key {
	void *owner; /* struct inode, counted, or struct mm, which the task has anyway */
	u64 offset;  /* in bytes */
	bool shared; /* owner is an inode */
};

struct futex_waiter {
	struct list_node node;
	struct key key;
	_Atomic(struct bucket *) bucket; /* where node is; changes under both locks */
	struct thread *thread;
	u32 bitset;
	_Atomic(bool) woken;
};

static const struct lock_class bucket_class = {"futex bucket", RANK_SPIN_FIRST, true};
static struct bucket buckets[NR_BUCKETS];

enum { /* Linux */
	FUTEX_WAIT_ = 0,
	FUTEX_WAKE_ = 1,
	FUTEX_REQUEUE_ = 3,
	FUTEX_CMP_REQUEUE_ = 4,
	FUTEX_WAKE_OP_ = 5,
	FUTEX_WAIT_BITSET_ = 9,
	FUTEX_WAKE_BITSET_ = 10,
	FUTEX_PRIVATE_ = 128,
	FUTEX_CLOCK_REALTIME_ = 256,
};
#define BITSET_ANY (~0u)

void futex_init(void)
{
	for (unsigned i = 0; i < NR_BUCKETS; i++) {
		spin_init(&buckets[i].lock, &bucket_class);
		list_init(&buckets[i].waiters);
	}
}

/* ---------------------------------------------------------------- keys */

static int use_inode(void *arg, struct file *f, u64 first, u64 last UNUSED)
{
	struct key *k = arg;

	iref(f->inode);
	k->owner = f->inode;
	k->offset = first << PAGE_SHIFT | (k->offset & PAGE_MASK);
	k->shared = true;
	return 0;
}

/* The key of a word; put_key() gives its reference back. -EINVAL: not aligned; -EFAULT. */
static int get_key(uaddr_t a, bool shared, struct key *k)
{
	struct mm *mm = thread_current()->mm;
	int err;

	if (a.v & 3)
		return -EINVAL;
	if (!user_range_ok(a, 4))
		return -EFAULT;
	*k = (struct key){.owner = mm, .offset = a.v};
	if (!shared)
		return 0;
	err = mm_for_each_file_range(mm, UADDR(ALIGN_DOWN(a.v, PAGE_SIZE)), PAGE_SIZE, use_inode, k);
	return err == -ENOMEM ? -EFAULT : err;
}

static void put_key(const struct key *k)
{
	if (k->shared)
		iput(k->owner);
}

static bool same_key(const struct key *a, const struct key *b)
{
	return a->owner == b->owner && a->offset == b->offset;
}

static struct bucket *bucket_of(const struct key *k)
{
	u64 h = ((u64)k->owner >> 4) * 0x9e3779b97f4a7c15ull + (k->offset >> 2) * 0xc2b2ae3d27d4eb4full;

	return &buckets[h >> 56];
}

/* Two words of one operation. */
struct pair {
	struct key first, second;
	struct bucket *b, *b2;
};

static void put_pair(const struct pair *p)
{
	put_key(&p->first);
	put_key(&p->second);
}

/* put_pair() gives the references back. -EINVAL, -EFAULT. */
static int get_pair(uaddr_t a, uaddr_t a2, bool shared, struct pair *p)
{
	int err = get_key(a, shared, &p->first);

	if (err)
		return err;
	err = get_key(a2, shared, &p->second);
	if (err) {
		put_key(&p->first);
		return err;
	}
	p->b = bucket_of(&p->first);
	p->b2 = bucket_of(&p->second);
	return 0;
}

static void lock_two(struct bucket *a, struct bucket *b)
{
	if (a > b) {
		struct bucket *c = a;

		a = b;
		b = c;
	}
	spin_lock(&a->lock);
	if (a != b)
		spin_lock(&b->lock);
}

static void unlock_two(struct bucket *a, struct bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* ---------------------------------------------------------------- words */

/* Under a spinlock: 0, or -EAGAIN where the page has to be touched first. */
static int read_word(uaddr_t a, u32 *out)
{
	return copy_from_user_nofault(out, a, sizeof(*out)) ? -EAGAIN : 0;
}

static int touch_word(uaddr_t a, bool write)
{
	return prefault_user(a, 4, write);
}

/* ---------------------------------------------------------------- waking */

/* The waiter may return once the bucket's lock is dropped. */
static void wake_locked(struct futex_waiter *w)
{
	list_remove(&w->node);
	atomic_store(&w->woken, true);
	thread_wake(w->thread);
}

static unsigned wake_key_locked(struct bucket *b, const struct key *k, unsigned nr, u32 bitset)
{
	struct futex_waiter *w, *next;
	unsigned woken = 0;

	LIST_FOR_EACH_SAFE (w, next, &b->waiters, node) {
		if (woken >= nr)
			break;
		if (!same_key(&w->key, k) || !(w->bitset & bitset))
			continue;
		wake_locked(w);
		woken++;
	}
	return woken;
}

static long futex_wake(uaddr_t a, bool shared, unsigned nr, u32 bitset)
{
	struct key k;
	struct bucket *b;
	long woken;
	int err;

	if (!bitset)
		return -EINVAL;
	err = get_key(a, shared, &k);
	if (err)
		return err;
	b = bucket_of(&k);
	spin_lock(&b->lock);
	woken = wake_key_locked(b, &k, nr, bitset);
	spin_unlock(&b->lock);
	put_key(&k);
	return woken;
}

void futex_wake_word(uaddr_t a, unsigned nr, bool shared)
{
	(void)futex_wake(a, shared, nr, BITSET_ANY);
}

/* ---------------------------------------------------------------- waiting */

/* Compares and queues. 0, -EAGAIN: another value; -EFAULT. */
static int enqueue(struct futex_waiter *w, uaddr_t a, u32 expected)
{
	struct bucket *b = bucket_of(&w->key);
	u32 value;
	int err;

	atomic_init(&w->bucket, b);
	for (;;) {
		spin_lock(&b->lock);
		err = read_word(a, &value);
		if (!err)
			break;
		spin_unlock(&b->lock);
		if (atomic_load(&w->thread->killed))
			return -EINTR;
		if (touch_word(a, false))
			return -EFAULT;
	}
	if (value != expected)
		err = -EAGAIN;
	else
		list_push_back(&b->waiters, &w->node);
	spin_unlock(&b->lock);
	return err;
}

/* Leaves the queue, whatever it is in by now. */
static void dequeue(struct futex_waiter *w)
{
	for (;;) {
		struct bucket *b = atomic_load(&w->bucket);
		bool right;

		spin_lock(&b->lock);
		right = atomic_load(&w->bucket) == b;
		if (right)
			list_remove(&w->node);
		spin_unlock(&b->lock);
		if (right)
			return;
	}
}

static void sleep_until_woken(struct futex_waiter *w, u64 deadline)
{
	for (;;) {
		thread_prepare_block();
		if (atomic_load(&w->woken) || thread_interrupted() ||
			(deadline != NO_DEADLINE && time_ns() >= deadline)) {
			thread_cancel_block();
			return;
		}
		thread_block_until(deadline);
	}
}

static long futex_wait(uaddr_t a, bool shared, u32 expected, u64 deadline, u32 bitset);

/* args: address, shared, value, deadline, bitset. */
static long wait_again(struct task_restart *r)
{
	return futex_wait(UADDR(r->args[0]), r->args[1], (u32)r->args[2], r->args[3], (u32)r->args[4]);
}

static long interrupted(uaddr_t a, bool shared, u32 expected, u64 deadline, u32 bitset)
{
	if (deadline == NO_DEADLINE)
		return -ERESTARTSYS;
	task_current()->restart =
		(struct task_restart){.fn = wait_again, .args = {a.v, shared, expected, deadline, bitset}};
	return -ERESTART_RESTARTBLOCK;
}

static long futex_wait(uaddr_t a, bool shared, u32 expected, u64 deadline, u32 bitset)
{
	struct futex_waiter w = {.thread = thread_current(), .bitset = bitset};
	long ret;

	if (!bitset)
		return -EINVAL;
	list_node_init(&w.node);
	ret = get_key(a, shared, &w.key);
	if (ret)
		return ret;
	/* A requeue changes w.key: the reference that is ours is that of the first one. */
	struct key mine = w.key;

	ret = enqueue(&w, a, expected);
	if (!ret) {
		sleep_until_woken(&w, deadline);
		dequeue(&w);
		if (atomic_load(&w.woken))
			ret = 0;
		else if (thread_interrupted())
			ret = interrupted(a, shared, expected, deadline, bitset);
		else
			ret = -ETIMEDOUT;
	}
	put_key(&mine);
	return ret;
}

/* ---------------------------------------------------------------- requeue and wake-op */

static void move_locked(struct futex_waiter *w, const struct key *to, struct bucket *b)
{
	list_remove(&w->node);
	w->key = *to;
	list_push_back(&b->waiters, &w->node);
	atomic_store(&w->bucket, b);
}

/* Wakes `nr` and moves up to `limit` others to the second word. check: only while the first word is *check. */
static long futex_requeue(uaddr_t a, uaddr_t a2, bool shared, unsigned nr, unsigned limit, const u32 *check)
{
	struct futex_waiter *w, *next;
	unsigned done = 0;
	struct pair p;
	u32 value;
	int err = (i32)nr < 0 || (i32)limit < 0 ? -EINVAL : get_pair(a, a2, shared, &p);

	if (err)
		return err;
	for (;;) {
		lock_two(p.b, p.b2);
		err = check ? read_word(a, &value) : 0;
		if (!err)
			break;
		unlock_two(p.b, p.b2);
		err = touch_word(a, false);
		if (err)
			goto out;
	}
	if (check && value != *check) {
		err = -EAGAIN;
		goto out_unlock;
	}
	LIST_FOR_EACH_SAFE (w, next, &p.b->waiters, node) {
		if (!same_key(&w->key, &p.first))
			continue;
		if (done < nr)
			wake_locked(w);
		else if (done - nr < limit)
			move_locked(w, &p.second, p.b2);
		else
			break;
		done++;
		if (same_key(&p.first, &p.second) && done >= nr)
			break; /* to itself: nothing to move */
	}
out_unlock:
	unlock_two(p.b, p.b2);
out:
	put_pair(&p);
	return err ? err : (long)done;
}

struct wake_op { /* the encoded operation, futex(2) FUTEX_WAKE_OP */
	u32 op, cmp, oparg, cmparg;
};

static struct wake_op decode(u32 v)
{
	struct wake_op o = {
		.op = v >> 28 & 7,
		.cmp = v >> 24 & 15,
		.oparg = (u32)((i32)(v << 8) >> 20),
		.cmparg = (u32)((i32)(v << 20) >> 20),
	};

	if (v >> 31) /* FUTEX_OP_OPARG_SHIFT */
		o.oparg = 1u << (o.oparg & 31);
	return o;
}

static bool apply(const struct wake_op *o, u32 old, u32 *new)
{
	switch (o->op) {
	case 0:
		*new = o->oparg;
		return true;
	case 1:
		*new = old + o->oparg;
		return true;
	case 2:
		*new = old | o->oparg;
		return true;
	case 3:
		*new = old & ~o->oparg;
		return true;
	case 4:
		*new = old ^ o->oparg;
		return true;
	}
	return false;
}

static bool compare(const struct wake_op *o, u32 old)
{
	i32 a = (i32)old, b = (i32)o->cmparg;

	switch (o->cmp) {
	case 0:
		return a == b;
	case 1:
		return a != b;
	case 2:
		return a < b;
	case 3:
		return a <= b;
	case 4:
		return a > b;
	default:
		return a >= b;
	}
}

/* Changes the word atomically. -EAGAIN: touch the page first. */
static int change_word(uaddr_t a, const struct wake_op *o, u32 *old)
{
	u32 new, seen;
	int err = read_word(a, old);

	while (!err) {
		apply(o, *old, &new);
		seen = *old;
		pagefault_disable();
		err = cpu_cmpxchg_user32(a, &seen, new) ? -EAGAIN : 0;
		pagefault_enable();
		if (!err && seen == *old)
			return 0;
		*old = seen;
	}
	return err;
}

static long futex_wake_op(uaddr_t a, uaddr_t a2, bool shared, unsigned nr, unsigned nr2, u32 encoded)
{
	struct wake_op o = decode(encoded);
	struct pair p;
	u32 old, unused;
	long woken = 0;
	int err;

	if (!apply(&o, 0, &unused) || o.cmp > 5)
		return -ENOSYS;
	err = get_pair(a, a2, shared, &p);
	if (err)
		return err;
	for (;;) {
		lock_two(p.b, p.b2);
		err = change_word(a2, &o, &old);
		if (!err)
			break;
		unlock_two(p.b, p.b2);
		err = touch_word(a2, true);
		if (err)
			goto out;
	}
	woken = wake_key_locked(p.b, &p.first, nr, BITSET_ANY);
	if (compare(&o, old))
		woken += wake_key_locked(p.b2, &p.second, nr2, BITSET_ANY);
	unlock_two(p.b, p.b2);
out:
	put_pair(&p);
	return err ? err : woken;
}

/* ---------------------------------------------------------------- the system call */

/* The deadline of a wait; NO_DEADLINE without one. FUTEX_WAIT's time is relative, that of FUTEX_WAIT_BITSET a point. */
static int get_deadline(uaddr_t user, bool relative, bool realtime, u64 *deadline)
{
	struct user_timespec ts;
	u64 ns;

	*deadline = NO_DEADLINE;
	if (!user.v)
		return 0;
	if (copy_from_user(&ts, user, sizeof(ts)))
		return -EFAULT;
	if (!sys_timespec_to_ns(&ts, &ns))
		return -EINVAL;
	*deadline = relative ? sys_deadline_in(ns) : sys_deadline_at(ns, realtime);
	return 0;
}

long sys_futex(struct trap_frame *f)
{
	uaddr_t a = UADDR(f->rdi), a2 = UADDR(f->r8);
	u32 op = (u32)f->rsi, value = (u32)f->rdx, value3 = (u32)f->r9;
	unsigned value2 = (unsigned)f->r10;
	bool shared = !(op & FUTEX_PRIVATE_), realtime = op & FUTEX_CLOCK_REALTIME_;
	u64 deadline;
	int err;

	op &= ~(u32)(FUTEX_PRIVATE_ | FUTEX_CLOCK_REALTIME_);
	if (realtime && op != FUTEX_WAIT_BITSET_ && op != FUTEX_WAIT_)
		return -ENOSYS;
	switch (op) {
	case FUTEX_WAIT_:
		value3 = BITSET_ANY;
		/* fallthrough */
	case FUTEX_WAIT_BITSET_:
		err = get_deadline(UADDR(f->r10), op == FUTEX_WAIT_, realtime, &deadline);
		return err ? err : futex_wait(a, shared, value, deadline, value3);
	case FUTEX_WAKE_:
		value3 = BITSET_ANY;
		/* fallthrough */
	case FUTEX_WAKE_BITSET_:
		return futex_wake(a, shared, MAX(value, 1u), value3);
	case FUTEX_REQUEUE_:
		return futex_requeue(a, a2, shared, value, value2, NULL);
	case FUTEX_CMP_REQUEUE_:
		return futex_requeue(a, a2, shared, value, value2, &value3);
	case FUTEX_WAKE_OP_:
		return futex_wake_op(a, a2, shared, value, value2, value3);
	default:
		return -ENOSYS; /* priority inheritance */
	}
}
