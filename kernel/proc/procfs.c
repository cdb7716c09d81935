/* SPDX-License-Identifier: MIT */
/*
 * /proc/faultline: files that talk to the kernel itself.
 *
 *   explore   one write is a specification for the race explorer, which runs then and there; what is read afterwards from the
 *             same open file is its report, which ends in the line "explore: exit N"
 *   version   what uname says, in one line
 *
 * Locks: file->pos_lock is held by read(2) and write(2), so one open file runs one exploration at a time; explore_lock
 * keeps different open files apart.
 */
#include "explore/explore.h"
#include "kernel/proc/process.h"
#include "kernel/proc/pseudo.h"
#include "lib/fmt.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define SPEC_MAX 512
#define CHUNK_SIZE 4000

static const struct lock_class explore_class = {"explorer", RANK_STREAM, false};
static struct mutex explore_lock;

/* Text of any length, in pieces. */
struct chunk {
	struct list_node node;
	size_t len;
	char text[CHUNK_SIZE];
};

struct report {
	struct list chunks; /* struct chunk */
	bool no_memory;     /* a piece is missing: the report is worthless */
};

static void report_clear(struct report *r)
{
	struct list_node *n;

	while ((n = list_pop_front(&r->chunks)))
		kfree(LIST_ENTRY(n, struct chunk, node));
	r->no_memory = false;
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

static void report_add(void *arg, const char *text, size_t n)
{
	struct report *r = arg;

	while (n) {
		struct chunk *c = chunk_with_room(r);
		size_t piece;

		if (!c) {
			r->no_memory = true;
			return;
		}
		piece = MIN(n, CHUNK_SIZE - c->len);
		memcpy(c->text + c->len, text, piece);
		c->len += piece;
		text += piece;
		n -= piece;
	}
}

static int explore_open(struct file *f)
{
	struct report *r = kzalloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	list_init(&r->chunks);
	f->data = r;
	return 0;
}

static void explore_release(struct file *f)
{
	report_clear(f->data);
	kfree(f->data);
}

static int run_spec(struct report *r, const char *spec)
{
	char last[40];
	int err = mutex_lock_killable(&explore_lock), n;

	if (err)
		return err;
	report_clear(r);
	n = explore_run_spec(spec, report_add, r);
	mutex_unlock(&explore_lock);
	fmt_snprintf(last, sizeof(last), "explore: exit %d\n", n);
	report_add(r, last, strlen(last));
	return r->no_memory ? -ENOMEM : 0;
}

/* The position stays where it is: the report is read from its start. */
static ssize_t explore_write(struct file *f, uaddr_t buf, size_t n, u64 *pos UNUSED)
{
	char spec[SPEC_MAX];
	size_t len = n;
	int err;

	if (!n || n >= sizeof(spec))
		return -EINVAL;
	if (copy_from_user(spec, buf, n))
		return -EFAULT;
	while (len && spec[len - 1] == '\n')
		len--;
	spec[len] = '\0';
	err = run_spec(f->data, spec);
	return err ? err : (ssize_t)n;
}

static ssize_t explore_read(struct file *f, uaddr_t buf, size_t n, u64 *pos)
{
	struct report *r = f->data;
	size_t done = 0;
	u64 start = 0; /* of the chunk in the report */
	struct chunk *c;

	LIST_FOR_EACH (c, &r->chunks, node) {
		u64 at = *pos + done;
		size_t piece;

		if (at < start + c->len && done < n) {
			piece = MIN(n - done, start + c->len - at);
			if (copy_to_user(uaddr_add(buf, done), c->text + (at - start), piece))
				return -EFAULT;
			done += piece;
		}
		start += c->len;
	}
	*pos += done;
	return (ssize_t)done;
}

#ifdef FAULTLINE_DEBUG
static const char version[] = "Faultline, debug build, x86-64, Linux 6.1 system calls\n";
#else
static const char version[] = "Faultline, release build, x86-64, Linux 6.1 system calls\n";
#endif

static ssize_t version_read(struct file *f UNUSED, uaddr_t buf, size_t n, u64 *pos)
{
	size_t size = sizeof(version) - 1, len;

	if (*pos >= size)
		return 0;
	len = MIN(n, size - *pos);
	if (copy_to_user(buf, version + *pos, len))
		return -EFAULT;
	*pos += len;
	return (ssize_t)len;
}

static const struct file_ops explore_fops = {
	.open = explore_open,
	.release = explore_release,
	.read = explore_read,
	.write = explore_write,
};
static const struct file_ops version_fops = {.read = version_read};

static const struct pseudo_node nodes[] = {
	{"", 0, S_IFDIR_ | 0555, 0, NULL},
	{"faultline", 0, S_IFDIR_ | 0555, 0, NULL},
	{"explore", 1, S_IFREG_ | 0666, 0, &explore_fops},
	{"version", 1, S_IFREG_ | 0444, 0, &version_fops},
};

int procfs_mount(void)
{
	static struct super proc_super;

	mutex_init(&explore_lock, &explore_class);
	return pseudo_mount(&proc_super, "proc", "/proc", nodes, ARRAY_SIZE(nodes));
}
