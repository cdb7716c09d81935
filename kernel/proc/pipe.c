/* SPDX-License-Identifier: MIT */
/*
 * Pipes, with and without a name.
 *
 * Both ends are files on one inode, and file->data is the pipe. Without a name (pipe2) the inode belongs to a super that is never
 * mounted; with one (a FIFO) to any file system, and inode->stream is the pipe while somebody has it open. The pipe dies with its last end.
 * A reader's file->mark is what writer_opens was when it came, if nobody wrote then; else 0, which that is not any more.
 *
 * Lock: pipe->lock (RANK_STREAM) guards the ring and the ends, and stays held over the copy from or to the user (a fault takes only
 * locks of higher rank); fifo_lock, of the same rank and never held with it, guards which pipe a FIFO has. `head` and `tail` count bytes for ever; they and the numbers of ends are atomic so that sleepers may
 * look at them without the lock. A sleeper looks again under the lock when it wakes.
 */
#include "kernel/proc/pipe.h"

#include "fs/state.h"
#include "fs/vfs.h"
#include "kernel/instance.h"
#include "kernel/log.h"
#include "kernel/proc/poll.h"
#include "kernel/proc/process.h"
#include "kernel/proc/signal.h"
#include "kernel/proc/syscall.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define PIPE_ATOMIC 4096u /* PIPE_BUF */

struct pipe {
	struct mutex lock;
	_Atomic(u32) head, tail;                 /* l; bytes written, bytes read */
	_Atomic(u32) readers, writers;           /* l */
	_Atomic(u32) reader_opens, writer_opens; /* l; for ever: a FIFO's open() waits for the other kind */
	u32 ends;                                /* fifo_lock */
	struct waitq can_read, can_write;
	u8 *ring;
};

static const struct lock_class pipe_class = {"pipe", RANK_STREAM, false};
static const struct lock_class fifo_class = {"FIFO", RANK_STREAM, false};
static struct super pipe_super;
static _Atomic(u64) next_ino = 1;
static struct mutex fifo_lock;

static u32 pipe_used(struct pipe *p)
{
	return atomic_load(&p->head) - atomic_load(&p->tail);
}

/* Copies up to n bytes, in at most two pieces. The number of bytes that went through. */
static u32 ring_copy(struct pipe *p, u32 at, struct user_iter *it, u32 n, bool from_user)
{
	u32 done = 0;

	while (done < n) {
		u32 offset = (at + done) % PIPE_SIZE;
		u32 piece = MIN(n - done, PIPE_SIZE - offset);
		ssize_t got = from_user ? copy_from_iter(p->ring + offset, it, piece)
					: copy_to_iter(it, p->ring + offset, piece);

		done += got > 0 ? (u32)got : 0;
		if (got != (ssize_t)piece)
			break;
	}
	return done;
}

static void wake(struct waitq *q)
{
	waitq_wake_all(q);
	poll_notify();
}

static bool read_ready(struct pipe *p)
{
	return pipe_used(p) || !atomic_load(&p->writers);
}

static ssize_t pipe_read(struct file *f, struct user_iter *to, u64 *pos UNUSED)
{
	struct pipe *p = f->data;
	u32 len, done;
	int err;

	if (!to->left)
		return 0;
	mutex_lock(&p->lock);
	while (!(len = MIN(to->left, (size_t)pipe_used(p)))) {
		mutex_unlock(&p->lock);
		if (!atomic_load(&p->writers) && !pipe_used(p))
			return 0;
		if (f->flags & O_NONBLOCK_)
			return -EAGAIN;
		err = WAIT_EVENT_INTERRUPTIBLE(&p->can_read, read_ready(p));
		if (err)
			return err;
		mutex_lock(&p->lock);
	}
	done = ring_copy(p, atomic_load(&p->tail), to, len, false);
	atomic_fetch_add(&p->tail, done);
	mutex_unlock(&p->lock);
	wake(&p->can_write);
	return done ? (ssize_t)done : -EFAULT;
}

static bool write_ready(struct pipe *p, u32 need)
{
	return PIPE_SIZE - pipe_used(p) >= need || !atomic_load(&p->readers);
}

/* Puts what fits into the ring once there is room for `need`. Bytes, 0: no room, -EPIPE, -EFAULT. */
static ssize_t write_some(struct pipe *p, struct user_iter *from, u32 need)
{
	u32 room, done;
	ssize_t ret;

	mutex_lock(&p->lock);
	room = PIPE_SIZE - pipe_used(p);
	if (!atomic_load(&p->readers)) {
		ret = -EPIPE;
	} else if (room < need) {
		ret = 0;
	} else {
		done = ring_copy(p, atomic_load(&p->head), from, (u32)MIN(from->left, (size_t)room), true);
		atomic_fetch_add(&p->head, done);
		ret = done ? (ssize_t)done : -EFAULT;
	}
	mutex_unlock(&p->lock);
	if (ret > 0)
		wake(&p->can_read);
	return ret;
}

static ssize_t pipe_write(struct file *f, struct user_iter *from, u64 *pos UNUSED)
{
	struct pipe *p = f->data;
	u32 need = from->left <= PIPE_ATOMIC ? (u32)from->left : 1; /* small writes go in whole */
	size_t done = 0;
	ssize_t ret = 0;

	while (from->left) {
		ret = write_some(p, from, need);
		if (ret < 0)
			break;
		done += (size_t)ret;
		if (ret)
			continue;
		if (f->flags & O_NONBLOCK_) {
			ret = -EAGAIN;
			break;
		}
		ret = WAIT_EVENT_INTERRUPTIBLE(&p->can_write, write_ready(p, need));
		if (ret)
			break;
	}
	if (ret == -EPIPE)
		signal_send_self(SIGPIPE_);
	return done ? (ssize_t)done : ret;
}

static bool reads(const struct file *f)
{
	return (f->flags & O_ACCMODE_) != O_WRONLY_;
}

static bool writes(const struct file *f)
{
	return (f->flags & O_ACCMODE_) != O_RDONLY_;
}

/* Who opened a FIFO that nobody wrote is not told of an end before a writer came: f->mark. */
static unsigned pipe_poll(struct file *f)
{
	struct pipe *p = f->data;
	unsigned ready = 0;

	if (reads(f)) {
		if (pipe_used(p))
			ready |= POLL_IN | POLL_RDNORM;
		if (!atomic_load(&p->writers) && atomic_load(&p->writer_opens) != f->mark)
			ready |= POLL_HUP;
	}
	if (writes(f)) {
		if (PIPE_SIZE - pipe_used(p) >= PIPE_ATOMIC)
			ready |= POLL_OUT | POLL_WRNORM;
		if (!atomic_load(&p->readers))
			ready |= POLL_ERR;
	}
	return ready;
}

static long pipe_ioctl(struct file *f, unsigned cmd, u64 arg)
{
	struct pipe *p = f->data;
	i32 n = (i32)pipe_used(p);

	return cmd == FIONREAD_ ? copy_to_user(UADDR(arg), &n, sizeof(n)) : -ENOTTY;
}

static void add_end_locked(struct pipe *p, const struct file *f)
{
	DEBUG_ASSERT(mutex_held(&p->lock));
	if (reads(f)) {
		atomic_fetch_add(&p->readers, 1);
		atomic_fetch_add(&p->reader_opens, 1);
	}
	if (writes(f)) {
		atomic_fetch_add(&p->writers, 1);
		atomic_fetch_add(&p->writer_opens, 1);
	}
}

static void remove_end_locked(struct pipe *p, const struct file *f)
{
	DEBUG_ASSERT(mutex_held(&p->lock));
	if (reads(f))
		atomic_fetch_sub(&p->readers, 1);
	if (writes(f))
		atomic_fetch_sub(&p->writers, 1);
}

/* An end has come or gone. */
static void wake_all(struct pipe *p)
{
	wake(&p->can_read);
	wake(&p->can_write);
}

static int pipe_open(struct file *f)
{
	struct pipe *p = f->inode->fs;

	f->data = p;
	mutex_lock(&p->lock);
	add_end_locked(p, f);
	mutex_unlock(&p->lock);
	wake_all(p);
	return 0;
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->data;

	mutex_lock(&p->lock);
	remove_end_locked(p, f);
	mutex_unlock(&p->lock);
	wake_all(p);
}

static const struct file_ops pipe_fops = {
	.open = pipe_open,
	.release = pipe_release,
	.read = pipe_read,
	.write = pipe_write,
	.ioctl = pipe_ioctl,
	.poll = pipe_poll,
};

static void pipe_free(struct pipe *p)
{
	kfree(p->ring);
	kfree(p);
}

static struct pipe *pipe_alloc(void)
{
	struct pipe *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->ring = kmalloc(PIPE_SIZE);
	if (!p->ring) {
		kfree(p);
		return NULL;
	}
	mutex_init(&p->lock, &pipe_class);
	waitq_init(&p->can_read);
	waitq_init(&p->can_write);
	return p;
}

static int pipe_read_inode(struct super *s UNUSED, u64 ino UNUSED, struct inode **out UNUSED)
{
	return -ENOENT; /* pipes have no names and no stable numbers */
}

static void pipe_evict(struct inode *i)
{
	pipe_free(i->fs);
	kfree(i);
}

static const struct inode_ops pipe_iops;
static const struct super_ops pipe_sops = {
	.read_inode = pipe_read_inode,
	.evict = pipe_evict,
};

/* --- FIFOs --- */

/* The pipe behind a FIFO, with one end more. NULL: no memory. */
static struct pipe *fifo_get(struct inode *i)
{
	struct pipe *p;

	mutex_lock(&fifo_lock);
	p = atomic_load(&i->stream);
	if (!p) {
		p = pipe_alloc();
		atomic_store(&i->stream, p);
	}
	if (p)
		p->ends++;
	mutex_unlock(&fifo_lock);
	return p;
}

static void fifo_put(struct inode *i, struct pipe *p)
{
	bool last;

	mutex_lock(&fifo_lock);
	last = !--p->ends;
	if (last)
		atomic_store(&i->stream, NULL);
	mutex_unlock(&fifo_lock);
	if (last)
		pipe_free(p);
}

/*
 * Waits for a partner: of those that had opened the FIFO before this end was there, `seen` by *opens, none was left. Who comes now may be gone again
 * at once. If a signal ends the wait this end goes, but not when a partner has come meanwhile, whose open() has found it.
 */
static int fifo_await(struct pipe *p, const struct file *f, _Atomic(u32) *opens, u32 seen)
{
	int err =
		WAIT_EVENT_INTERRUPTIBLE(reads(f) ? &p->can_read : &p->can_write, atomic_load(opens) != seen);

	if (!err)
		return 0;
	mutex_lock(&p->lock);
	if (atomic_load(opens) != seen)
		err = 0;
	else
		remove_end_locked(p, f);
	mutex_unlock(&p->lock);
	return err;
}

static int fifo_open(struct file *f)
{
	_Atomic(u32) *opens;
	struct pipe *p;
	bool alone;
	u32 seen;
	int err = 0;

	if (!file_readable(f) && !file_writable(f))
		return -EINVAL;
	p = fifo_get(f->inode);
	if (!p)
		return -ENOMEM;
	f->data = p;
	opens = reads(f) ? &p->writer_opens : &p->reader_opens;
	mutex_lock(&p->lock); /* of two that come at once, the second one finds the first */
	seen = atomic_load(opens);
	alone = !(reads(f) && writes(f)) && !atomic_load(reads(f) ? &p->writers : &p->readers);
	if (alone && !reads(f) && (f->flags & O_NONBLOCK_))
		err = -ENXIO;
	else
		add_end_locked(p, f);
	if (alone)
		f->mark = seen;
	mutex_unlock(&p->lock);
	if (!err)
		wake_all(p);
	if (!err && alone && !(f->flags & O_NONBLOCK_))
		err = fifo_await(p, f, opens, seen);
	if (err)
		fifo_put(f->inode, p);
	return err;
}

static void fifo_release(struct file *f)
{
	pipe_release(f);
	fifo_put(f->inode, f->data);
}

static const struct file_ops fifo_fops = {
	.open = fifo_open,
	.release = fifo_release,
	.read = pipe_read,
	.write = pipe_write,
	.ioctl = pipe_ioctl,
	.poll = pipe_poll,
};

u32 pipe_bytes(const struct file *f)
{
	return pipe_used(f->data);
}

bool file_is_pipe(const struct file *f)
{
	return f->ops == &pipe_fops || f->ops == &fifo_fops;
}

int pipe_init(void)
{
	mutex_init(&fifo_lock, &fifo_class);
	the_instance.fs->fifo_ops = &fifo_fops;
	return super_init(&pipe_super, &pipe_sops, "pipe");
}

int pipe_create(bool nonblock, struct file *ends[2])
{
	u32 extra = nonblock ? O_NONBLOCK_ : 0;
	struct inode *i = kzalloc(sizeof(*i));
	int err = -ENOMEM;

	if (!i)
		return -ENOMEM;
	inode_init(i, &pipe_super, atomic_fetch_add(&next_ino, 1));
	i->ops = &pipe_iops;
	i->fops = &pipe_fops;
	i->mode = S_IFIFO_ | 0600;
	i->nlink = 1;
	i->fs = pipe_alloc();
	if (!i->fs) {
		kfree(i);
		return -ENOMEM;
	}
	err = file_open_inode(i, O_RDONLY_ | extra, &ends[0]);
	if (err)
		goto out;
	err = file_open_inode(i, O_WRONLY_ | extra, &ends[1]);
	if (err)
		file_put(ends[0]);
out:
	iput(i); /* the files hold it now */
	return err;
}
