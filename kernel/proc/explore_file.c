/* SPDX-License-Identifier: MIT */
/*
 * /proc/faultline/explore. A write is a specification (explore/explore.h) and starts a thread that runs it. Reads of the same
 * open file return the report as it grows, wait for more, and end after the line "explore: exit N". Closing the file ends the
 * run soon.
 *
 * Locks: explore_lock (RANK_FILE_POS), held by the running thread, because the explorer does one thing at a time;
 * active_lock (spin) guards `active` and explore_stop; report->lock (RANK_STREAM) guards the text and `running`.
 * The report has a reference for the open file and one for its thread. No wake-up is lost: a reader sleeps on
 * `length` and `running`, which change before readers are woken.
 */
#include "kernel/proc/explore_file.h"

#include "explore/explore.h"
#include "fs/vfs.h"
#include "kernel/thread.h"
#include "lib/fmt.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define SPEC_MAX 512
#define CHUNK_SIZE 4000

static const struct lock_class explore_class = {"explorer", RANK_FILE_POS, false};
static const struct lock_class report_class = {"explorer report", RANK_STREAM, false};

static const struct lock_class active_class = {"active exploration", RANK_SPIN_FIRST, false};

static struct mutex explore_lock;
static struct spinlock active_lock;
static struct report *active; /* active_lock; whose run the explorer is busy with */

/* Text in pieces. */
struct chunk {
	struct list_node node;
	size_t len;
	char text[CHUNK_SIZE];
};

struct report {
	_Atomic(u32) refs;
	_Atomic(bool) closed; /* nobody will read */
	struct mutex lock;
	struct list chunks;    /* l; struct chunk */
	_Atomic(u64) length;   /* written under l; bytes in chunks */
	_Atomic(bool) running; /* written under l */
	_Atomic(bool) cut;     /* written under l; no memory for all of it */
	struct waitq more;
	char spec[SPEC_MAX]; /* while running: the thread's */
};

static void clear_text(struct report *r)
{
	struct list_node *n;

	while ((n = list_pop_front(&r->chunks)))
		kfree(LIST_ENTRY(n, struct chunk, node));
	atomic_store(&r->length, 0);
	atomic_store(&r->cut, false);
}

static void report_put(struct report *r)
{
	if (atomic_fetch_sub(&r->refs, 1) != 1)
		return;
	clear_text(r);
	kfree(r);
}

static struct chunk *chunk_with_room(struct report *r)
{
	struct list_node *last = list_last(&r->chunks);
	struct chunk *c = last ? LIST_ENTRY(last, struct chunk, node) : NULL;

	if (c && c->len < CHUNK_SIZE)
		return c;
	c = kmalloc(sizeof(*c));
	if (!c)
		return NULL;
	c->len = 0;
	list_push_back(&r->chunks, &c->node);
	return c;
}

static void add_locked(struct report *r, const char *text, size_t n)
{
	while (n) {
		struct chunk *c = chunk_with_room(r);
		size_t piece;

		if (!c) {
			atomic_store(&r->cut, true);
			return;
		}
		piece = MIN(n, CHUNK_SIZE - c->len);
		memcpy(c->text + c->len, text, piece);
		c->len += piece;
		atomic_fetch_add(&r->length, piece);
		text += piece;
		n -= piece;
	}
}

/* explore_out_fn. */
static void add_text(void *arg, const char *text, size_t n)
{
	struct report *r = arg;

	mutex_lock(&r->lock);
	add_locked(r, text, n);
	mutex_unlock(&r->lock);
	waitq_wake_all(&r->more);
}

static void set_active(struct report *r)
{
	spin_lock(&active_lock);
	active = r;
	atomic_store(&explore_stop, false);
	spin_unlock(&active_lock);
}

static void explore_thread(void *arg)
{
	struct report *r = arg;
	char last[40];
	int status = 0;

	mutex_lock(&explore_lock);
	set_active(r);
	if (!atomic_load(&r->closed))
		status = explore_run_spec(r->spec, add_text, r);
	set_active(NULL);
	mutex_unlock(&explore_lock);

	fmt_snprintf(last, sizeof(last), "explore: exit %d\n", status);
	mutex_lock(&r->lock);
	add_locked(r, last, strlen(last));
	atomic_store(&r->running, false);
	mutex_unlock(&r->lock);
	waitq_wake_all(&r->more);
	report_put(r);
}

static int explore_open(struct file *f)
{
	struct report *r = kzalloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	atomic_init(&r->refs, 1);
	mutex_init(&r->lock, &report_class);
	list_init(&r->chunks);
	waitq_init(&r->more);
	f->data = r;
	return 0;
}

static void explore_release(struct file *f)
{
	struct report *r = f->data;

	atomic_store(&r->closed, true);
	spin_lock(&active_lock);
	if (active == r)
		atomic_store(&explore_stop, true);
	spin_unlock(&active_lock);
	report_put(r);
}

/* One run at a time for each open file; the report of the last one goes. */
static int begin_run(struct report *r, const char *spec)
{
	bool busy;

	mutex_lock(&r->lock);
	busy = atomic_load(&r->running);
	if (!busy) {
		clear_text(r);
		str_copy(r->spec, spec, sizeof(r->spec));
		atomic_store(&r->running, true);
	}
	mutex_unlock(&r->lock);
	if (busy)
		return -EBUSY;
	atomic_fetch_add(&r->refs, 1);
	if (thread_create("explore", explore_thread, r, NULL))
		return 0;
	atomic_store(&r->running, false);
	report_put(r);
	return -ENOMEM;
}

/* The position goes back to the start of the report. */
static ssize_t explore_write(struct file *f, struct user_iter *from, u64 *pos)
{
	char spec[SPEC_MAX];
	size_t n = from->left, len = n;
	int err;

	if (!n || n >= sizeof(spec))
		return -EINVAL;
	if (copy_from_iter(spec, from, n) != (ssize_t)n)
		return -EFAULT;
	while (len && spec[len - 1] == '\n')
		len--;
	spec[len] = '\0';
	err = begin_run(f->data, spec);
	if (err)
		return err;
	*pos = 0;
	return (ssize_t)n;
}

/* Copies what there is from *pos on. */
static ssize_t copy_out_locked(struct report *r, struct user_iter *to, u64 *pos)
{
	u64 first = *pos, start = 0; /* of the chunk in the report */
	struct chunk *c;

	LIST_FOR_EACH (c, &r->chunks, node) {
		if (*pos >= start && *pos < start + c->len && to->left) {
			ssize_t got = copy_to_iter(
				to, c->text + (*pos - start), MIN(to->left, start + c->len - *pos));

			if (got < 0)
				return *pos > first ? (ssize_t)(*pos - first) : got;
			*pos += (u64)got;
		}
		start += c->len;
	}
	return (ssize_t)(*pos - first);
}

static ssize_t explore_read(struct file *f, struct user_iter *to, u64 *pos)
{
	struct report *r = f->data;
	ssize_t ret = WAIT_EVENT_INTERRUPTIBLE(
		&r->more, atomic_load(&r->length) > *pos || !atomic_load(&r->running));

	if (ret)
		return ret;
	mutex_lock(&r->lock);
	ret = atomic_load(&r->cut) ? -ENOMEM : copy_out_locked(r, to, pos);
	mutex_unlock(&r->lock);
	return ret;
}

const struct file_ops explore_fops = {
	.open = explore_open,
	.release = explore_release,
	.read = explore_read,
	.write = explore_write,
};

void explore_file_init(void)
{
	mutex_init(&explore_lock, &explore_class);
	spin_init(&active_lock, &active_class);
}
