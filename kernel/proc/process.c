/* SPDX-License-Identifier: MIT */
/* The process table: a hash by pid, and the tree. Rules: process.h. */
#include "kernel/proc/process.h"

#include "fs/vfs.h"
#include "kernel/log.h"
#include "kernel/proc/files.h"
#include "lib/string.h"
#include "mm/kmem.h"

#define PID_HASH 256

static const struct lock_class table_class = {"process table", RANK_PROCESS_TABLE, false};

static struct {
	struct mutex lock;
	struct list hash[PID_HASH]; /* lock */
	i32 last_pid;               /* lock */
	_Atomic(u32) count;         /* written under lock */
} table;

void process_table_init(void)
{
	mutex_init(&table.lock, &table_class);
	for (unsigned i = 0; i < PID_HASH; i++)
		list_init(&table.hash[i]);
	process_wait_init();
}

void process_table_lock(void)
{
	mutex_lock(&table.lock);
}

void process_table_unlock(void)
{
	mutex_unlock(&table.lock);
}

struct process *process_create(const char *name)
{
	struct process *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	list_init(&p->children);
	list_node_init(&p->sibling);
	list_node_init(&p->hash_node);
	waitq_init(&p->child_wait);
	p->umask = 022;
	str_copy(p->name, name, sizeof(p->name));
	return p;
}

void process_discard(struct process *p)
{
	if (p->files)
		files_destroy(p->files);
	if (p->cwd)
		iput(p->cwd);
	process_set_exe(p, NULL);
	kfree(p);
}

struct process *process_find_locked(i32 pid)
{
	struct process *p;

	DEBUG_ASSERT(mutex_held(&table.lock));
	if (pid <= 0)
		return NULL;
	LIST_FOR_EACH (p, &table.hash[pid % PID_HASH], hash_node)
		if (p->pid == pid)
			return p;
	return NULL;
}

/* The next free pid after the last one given out, so that a pid is not used again soon. */
static i32 new_pid_locked(void)
{
	for (i32 tries = 0; tries < PID_MAX; tries++) {
		if (++table.last_pid == PID_MAX)
			table.last_pid = PID_INIT + 1;
		if (!process_find_locked(table.last_pid))
			return table.last_pid;
	}
	return -EAGAIN;
}

int process_publish(struct process *p, struct process *parent)
{
	i32 pid;

	process_table_lock();
	pid = new_pid_locked();
	if (pid > 0) {
		p->pid = pid;
		p->parent = parent;
		atomic_store(&p->ppid, parent ? parent->pid : 0);
		if (parent)
			list_push_back(&parent->children, &p->sibling);
		list_push_back(&table.hash[pid % PID_HASH], &p->hash_node);
		atomic_fetch_add(&table.count, 1);
	}
	process_table_unlock();
	return pid;
}

static void unlink_locked(struct process *p)
{
	list_remove(&p->sibling);
	list_remove(&p->hash_node);
	atomic_fetch_sub(&table.count, 1);
}

void process_attach(struct process *p, struct thread *t)
{
	process_table_lock();
	t->process = p;
	p->thread = t;
	if (atomic_load(&p->fatal_signal))
		atomic_store(&t->killed, true);
	process_table_unlock();
}

void process_withdraw(struct process *p)
{
	process_table_lock();
	unlink_locked(p);
	process_table_unlock();
}

void process_for_each_locked(void (*fn)(struct process *p, void *arg), void *arg)
{
	struct process *p, *next;

	DEBUG_ASSERT(mutex_held(&table.lock));
	for (unsigned i = 0; i < PID_HASH; i++)
		LIST_FOR_EACH_SAFE (p, next, &table.hash[i], hash_node)
			fn(p, arg);
}

void process_reap_locked(struct process *p)
{
	DEBUG_ASSERT(mutex_held(&table.lock));
	BUG_ON(p->state != PROCESS_ZOMBIE || !list_empty(&p->children));
	unlink_locked(p);
	kfree(p);
}

unsigned process_count(void)
{
	return atomic_load(&table.count);
}

void process_set_exe(struct process *p, struct file *exe)
{
	struct file *old = p->exe;

	p->exe = exe;
	if (!old)
		return;
	inode_allow_write(old->inode);
	file_put(old);
}

void process_set_name(struct process *p, const char *path)
{
	const char *slash = strrchr(path, '/');

	str_copy(p->name, slash ? slash + 1 : path, sizeof(p->name));
}
