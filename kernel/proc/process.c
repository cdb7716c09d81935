/* SPDX-License-Identifier: MIT */
/* The process table: a hash by pid, and the tree. Rules: process.h. */
#include "kernel/proc/process.h"

#include "fs/vfs.h"
#include "kernel/log.h"
#include "kernel/proc/files.h"
#include "kernel/proc/limits.h"
#include "kernel/proc/task.h"
#include "lib/string.h"
#include "mm/kmem.h"

#define PID_HASH 256

static const struct lock_class table_class = {"process table", RANK_PROCESS_TABLE, false};
static const struct lock_class cwd_class = {"current directory", RANK_SPIN_FIRST, false};

static struct {
	struct mutex lock;
	struct list hash[PID_HASH];     /* lock; processes by pid */
	struct list groups[PID_HASH];   /* lock; processes by pgid */
	struct list sessions[PID_HASH]; /* lock; processes by sid */
	i32 last_pid;                   /* lock */
	_Atomic(u32) count;             /* written under lock */
} table;

void process_table_init(void)
{
	mutex_init(&table.lock, &table_class);
	for (unsigned i = 0; i < PID_HASH; i++) {
		list_init(&table.hash[i]);
		list_init(&table.groups[i]);
		list_init(&table.sessions[i]);
	}
	task_table_init();
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

bool process_table_locked(void)
{
	return mutex_held(&table.lock);
}

struct process *process_create(const char *name)
{
	struct process *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	list_init(&p->children);
	list_node_init(&p->sibling);
	list_node_init(&p->hash_node);
	list_node_init(&p->group_node);
	list_node_init(&p->session_node);
	timer_init(&p->alarm, itimer_fire);
	list_init(&p->timers);
	list_init(&p->tasks);
	waitq_init(&p->child_wait);
	waitq_init(&p->stop_wait);
	signal_queue_init(&p->pending);
	spin_init(&p->cwd_lock, &cwd_class);
	p->exit_signal = SIGCHLD_;
	limits_init(&p->limits);
	atomic_init(&p->umask, 022);
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

static bool group_exists_locked(i32 pgid)
{
	struct process *p;

	LIST_FOR_EACH (p, &table.groups[pgid % PID_HASH], group_node)
		if (p->pgid == pgid)
			return true;
	return false;
}

static bool session_exists_locked(i32 sid)
{
	struct process *p;

	LIST_FOR_EACH (p, &table.sessions[sid % PID_HASH], session_node)
		if (p->sid == sid)
			return true;
	return false;
}

/* Does the running process's RLIMIT_NPROC allow one more process or task? Zombies count. Nobody is exempt. */
static bool room_locked(void)
{
	return atomic_load(&table.count) + task_further_locked() < limit_of(LIMIT_NPROC);
}

static bool id_is_free_locked(i32 id)
{
	return !process_find_locked(id) && !task_find_locked(id) && !group_exists_locked(id) &&
		!session_exists_locked(id);
}

/* The next free one after the last one given out, so that a number is not used again soon. */
i32 process_new_id_locked(i32 want)
{
	if (!room_locked())
		return -EAGAIN;
	if (want)
		return id_is_free_locked(want) ? want : -EEXIST;
	for (i32 tries = 0; tries < PID_MAX; tries++) {
		if (++table.last_pid == PID_MAX)
			table.last_pid = PID_INIT + 1;
		if (id_is_free_locked(table.last_pid))
			return table.last_pid;
	}
	return -EAGAIN;
}

void process_set_group_locked(struct process *p, i32 pgid)
{
	list_remove(&p->group_node);
	p->pgid = pgid;
	list_push_back(&table.groups[pgid % PID_HASH], &p->group_node);
}

void process_set_session_locked(struct process *p, i32 sid)
{
	list_remove(&p->session_node);
	p->sid = sid;
	list_push_back(&table.sessions[sid % PID_HASH], &p->session_node);
}

int process_publish(struct process *p, struct task *first, struct process *parent)
{
	i32 pid;

	process_table_lock();
	pid = process_new_id_locked(first->tid);
	if (pid > 0) {
		p->pid = pid;
		p->parent = parent;
		atomic_store(&p->ppid, parent ? parent->pid : 0);
		if (parent)
			list_push_back(&parent->children, &p->sibling);
		process_set_session_locked(p, parent ? parent->sid : 0);
		process_set_group_locked(p, parent ? parent->pgid : 0);
		list_push_back(&table.hash[pid % PID_HASH], &p->hash_node);
		task_link_locked(first, pid);
		atomic_fetch_add(&table.count, 1);
	}
	process_table_unlock();
	return pid;
}

static void unlink_locked(struct process *p)
{
	list_remove(&p->sibling);
	list_remove(&p->hash_node);
	list_remove(&p->group_node);
	list_remove(&p->session_node);
	timer_stop_locked(&p->alarm);
	posix_timers_delete_locked(p);
	signal_queue_clear(&p->pending);
	atomic_fetch_sub(&table.count, 1);
}

void process_withdraw(struct process *p, struct task *first)
{
	process_table_lock();
	task_unlink_locked(first);
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

unsigned process_for_each_in_group_locked(i32 pgid, void (*fn)(struct process *p, void *arg), void *arg)
{
	struct process *p, *next;
	unsigned n = 0;

	DEBUG_ASSERT(mutex_held(&table.lock));
	if (pgid < 0)
		return 0;
	LIST_FOR_EACH_SAFE (p, next, &table.groups[pgid % PID_HASH], group_node) {
		if (p->pgid != pgid)
			continue;
		fn(p, arg);
		n++;
	}
	return n;
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

struct inode *process_cwd(struct process *p)
{
	struct inode *dir;

	spin_lock(&p->cwd_lock);
	dir = p->cwd;
	iref(dir);
	spin_unlock(&p->cwd_lock);
	return dir;
}

void process_set_cwd(struct process *p, struct inode *dir)
{
	struct inode *old;

	spin_lock(&p->cwd_lock);
	old = p->cwd;
	p->cwd = dir;
	spin_unlock(&p->cwd_lock);
	iput(old);
}
