/* SPDX-License-Identifier: MIT */
/*
 * fcntl's F_SETOWN and its kin: whom SIGIO is for. Nobody is sent one; what was set is kept and told again, by the forms of both kinds: C libraries
 * ask by F_GETOWN_EX for what F_SETOWN has set.
 */
#include "fs/vfs.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "kernel/proc/task.h"
#include "mm/uaccess.h"

enum { OWNER_TID, OWNER_PID, OWNER_GROUP };

static void nothing(struct process *p UNUSED, void *arg UNUSED) {}

static bool exists(i32 id)
{
	bool found;

	process_table_lock();
	found = task_find_locked(id) || process_for_each_in_group_locked(id, nothing, NULL);
	process_table_unlock();
	return found;
}

static long set_owner(struct file *file, struct file_owner o)
{
	if (o.type < OWNER_TID || o.type > OWNER_GROUP || o.id == INT32_MIN)
		return -EINVAL;
	if (o.id && !exists(o.id))
		return -ESRCH;
	mutex_lock(&file->pos_lock);
	file->owner = o;
	mutex_unlock(&file->pos_lock);
	return 0;
}

static struct file_owner get_owner(struct file *file)
{
	struct file_owner o;

	mutex_lock(&file->pos_lock);
	o = file->owner;
	mutex_unlock(&file->pos_lock);
	return o;
}

static long owner_call(struct file *file, u32 cmd, u64 arg)
{
	struct file_owner o = get_owner(file);
	i32 who = (i32)arg; /* a process, or a group's number made negative */

	switch (cmd) {
	case F_GETOWN_:
		return o.type == OWNER_GROUP ? -o.id : o.id;
	case F_SETOWN_:
		o.type = who < 0 ? OWNER_GROUP : OWNER_PID;
		o.id = who < 0 && who != INT32_MIN ? -who : who;
		return set_owner(file, o);
	case F_GETOWN_EX_:
		return copy_to_user(UADDR(arg), &o, sizeof(o));
	default:
		return copy_from_user(&o, UADDR(arg), sizeof(o)) ? -EFAULT : set_owner(file, o);
	}
}

long sys_fcntl_owner(int fd, u32 cmd, u64 arg)
{
	struct file *file = sys_get_file(fd);
	long ret;

	if (!file)
		return -EBADF;
	ret = owner_call(file, cmd, arg);
	file_put(file);
	return ret;
}
