/* SPDX-License-Identifier: MIT */
/*
 * Pipes.
 *
 * Both ends are files on one inode of a super that is never mounted; the inode's `fs` is the pipe. The inode dies with the
 * last end, and the pipe with the inode.
 *
 * Lock: pipe->lock (RANK_STREAM) guards the ring and stays held over the copy from or to the user (a fault takes only
 * locks of higher rank). `head` and `tail` count bytes for ever; they and the numbers of ends are atomic so that sleepers may
 * look at them without the lock. A sleeper looks again under the lock when it wakes.
 */
#include "kernel/proc/pipe.h"

#include "fs/vfs.h"
#include "kernel/proc/process.h"
#include "kernel/proc/signal.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define PIPE_SIZE (64 * 1024u)
#define PIPE_ATOMIC 4096u /* PIPE_BUF */

struct pipe {
	struct mutex lock;
	_Atomic(u32) head, tail; /* l; bytes written, bytes read */
	_Atomic(u32) readers, writers;
	struct waitq can_read, can_write;
	u8 *ring;
};

static const struct lock_class pipe_class = {"pipe", RANK_STREAM, false};
static struct super pipe_super;
static _Atomic(u64) next_ino = 1;

static u32 pipe_used(struct pipe *p)
{
	return atomic_load(&p->head) - atomic_load(&p->tail);
}

/* Copies up to n bytes, in at most two pieces. The number of bytes that went through. */
static u32 ring_copy(struct pipe *p, u32 at, uaddr_t buf, u32 n, bool from_user)
{
	u32 done = 0;

	while (done < n) {
		u32 offset = (at + done) % PIPE_SIZE;
		u32 piece = MIN(n - done, PIPE_SIZE - offset);
		uaddr_t user = uaddr_add(buf, done);
		int err = from_user ? copy_from_user(p->ring + offset, user, piece)
				    : copy_to_user(user, p->ring + offset, piece);

		if (err)
			break;
		done += piece;
	}
	return done;
}

static bool read_ready(struct pipe *p)
{
	return pipe_used(p) || !atomic_load(&p->writers);
}

static ssize_t pipe_read(struct file *f, uaddr_t buf, size_t n, u64 *pos UNUSED)
{
	struct pipe *p = f->inode->fs;
	u32 len, done;
	int err;

	if (!n)
		return 0;
	mutex_lock(&p->lock);
	while (!(len = MIN(n, (size_t)pipe_used(p)))) {
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
	done = ring_copy(p, atomic_load(&p->tail), buf, len, false);
	atomic_fetch_add(&p->tail, done);
	mutex_unlock(&p->lock);
	waitq_wake_all(&p->can_write);
	return done ? (ssize_t)done : -EFAULT;
}

static bool write_ready(struct pipe *p, u32 need)
{
	return PIPE_SIZE - pipe_used(p) >= need || !atomic_load(&p->readers);
}

/* Puts what fits of n bytes into the ring once there is room for `need`. Bytes, 0: no room, -EPIPE, -EFAULT. */
static ssize_t write_some(struct pipe *p, uaddr_t buf, size_t n, u32 need)
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
		done = ring_copy(p, atomic_load(&p->head), buf, (u32)MIN(n, (size_t)room), true);
		atomic_fetch_add(&p->head, done);
		ret = done ? (ssize_t)done : -EFAULT;
	}
	mutex_unlock(&p->lock);
	if (ret > 0)
		waitq_wake_all(&p->can_read);
	return ret;
}

static ssize_t pipe_write(struct file *f, uaddr_t buf, size_t n, u64 *pos UNUSED)
{
	struct pipe *p = f->inode->fs;
	u32 need = n <= PIPE_ATOMIC ? (u32)n : 1; /* small writes go in whole */
	size_t done = 0;
	ssize_t ret = 0;

	while (done < n) {
		ret = write_some(p, uaddr_add(buf, done), n - done, need);
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

static bool is_write_end(const struct file *f)
{
	return (f->flags & O_ACCMODE_) == O_WRONLY_;
}

static int pipe_open(struct file *f)
{
	struct pipe *p = f->inode->fs;

	atomic_fetch_add(is_write_end(f) ? &p->writers : &p->readers, 1);
	return 0;
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->inode->fs;

	atomic_fetch_sub(is_write_end(f) ? &p->writers : &p->readers, 1);
	waitq_wake_all(&p->can_read);
	waitq_wake_all(&p->can_write);
}

static const struct file_ops pipe_fops = {
	.open = pipe_open,
	.release = pipe_release,
	.read = pipe_read,
	.write = pipe_write,
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

int pipe_init(void)
{
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
