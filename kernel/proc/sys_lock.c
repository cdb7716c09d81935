/* SPDX-License-Identifier: MIT */
/* System calls for advisory locks: fcntl's record locks and flock. The locks themselves: fs/file_lock.c. */
#include "fs/file_lock.h"
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/uaccess.h"

struct user_flock { /* struct flock of Linux x86-64 */
	i16 type, whence;
	i32 pad;
	i64 start, len;
	i32 pid, pad2;
};
_Static_assert(sizeof(struct user_flock) == 32 && offsetof(struct user_flock, pid) == 24, "Linux x86-64");

enum { /* fcntl */
	F_GETLK_ = 5,
	F_SETLK_ = 6,
	F_SETLKW_ = 7,
	F_OFD_GETLK_ = 36,
	F_OFD_SETLK_ = 37,
	F_OFD_SETLKW_ = 38,
};
enum { SEEK_SET_, SEEK_CUR_, SEEK_END_ };

/* The bytes that a struct flock means. */
static int get_range(struct file *file, const struct user_flock *u, struct file_lock *l)
{
	i64 base, start, end;

	switch (u->whence) {
	case SEEK_SET_:
		base = 0;
		break;
	case SEEK_CUR_:
		mutex_lock(&file->pos_lock);
		base = (i64)file->pos;
		mutex_unlock(&file->pos_lock);
		break;
	case SEEK_END_:
		base = (i64)inode_size(file->inode);
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, u->start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	if (u->len > 0) {
		if (__builtin_add_overflow(start, u->len - 1, &end))
			return -EOVERFLOW;
	} else if (u->len < 0) {
		if (start + u->len < 0)
			return -EINVAL;
		end = start - 1;
		start += u->len;
	} else {
		end = INT64_MAX;
	}
	l->first = (u64)start;
	l->last = (u64)end;
	return 0;
}

static int get_lock(struct file *file, u32 cmd, const struct user_flock *u, struct file_lock *l)
{
	bool open_file = cmd >= F_OFD_GETLK_;

	if (u->type < FILE_LOCK_READ || u->type > FILE_LOCK_NONE)
		return -EINVAL;
	if (open_file && u->pid)
		return -EINVAL;
	*l = (struct file_lock){
		.kind = open_file ? FILE_LOCK_OPEN_FILE : FILE_LOCK_PROCESS,
		.type = (enum file_lock_type)u->type,
		.owner = open_file ? (void *)file : process_current()->files,
		.pid = open_file ? -1 : process_current()->pid,
	};
	return get_range(file, u, l);
}

static long test(struct file *file, u32 cmd, struct user_flock *u, uaddr_t user)
{
	struct file_lock l;
	int err;

	if (u->type == FILE_LOCK_NONE)
		return -EINVAL;
	err = get_lock(file, cmd, u, &l);
	if (err)
		return err;
	file_lock_test(file->inode, &l);
	u->type = (i16)l.type;
	if (l.type != FILE_LOCK_NONE) {
		u->whence = SEEK_SET_;
		u->start = (i64)l.first;
		u->len = l.last == FILE_LOCK_END ? 0 : (i64)(l.last - l.first + 1);
		u->pid = l.pid;
	}
	return copy_to_user(user, u, sizeof(*u));
}

/*
 * Has another thread closed fd since the lock was asked for? Its close() looked for locks to drop after it had emptied the descriptor's slot, and may
 * have missed this one: nothing would ever drop it. Whichever of the two comes second under the table's lock sees what the other has done.
 */
static int drop_if_closed(int fd, struct file *file, const struct file_lock *l)
{
	struct file *now = fd_get(process_current()->files, fd);

	if (now)
		file_put(now);
	if (now == file)
		return 0;
	file_locks_release(file->inode, FILE_LOCK_PROCESS, l->owner);
	return -EBADF;
}

static long set(int fd, struct file *file, u32 cmd, const struct user_flock *u)
{
	struct file_lock l;
	int err = get_lock(file, cmd, u, &l);

	if (err)
		return err;
	if ((l.type == FILE_LOCK_READ && !file_readable(file)) ||
		(l.type == FILE_LOCK_WRITE && !file_writable(file)))
		return -EBADF;
	err = file_lock_set(file->inode, &l, cmd == F_SETLKW_ || cmd == F_OFD_SETLKW_);
	if (!err && l.kind == FILE_LOCK_PROCESS && l.type != FILE_LOCK_NONE)
		err = drop_if_closed(fd, file, &l);
	return err;
}

long sys_fcntl_lock(int fd, u32 cmd, uaddr_t user)
{
	struct file *file = sys_get_file(fd);
	struct user_flock u;
	long ret;

	if (!file)
		return -EBADF;
	switch (cmd) {
	case F_GETLK_:
	case F_OFD_GETLK_:
		ret = copy_from_user(&u, user, sizeof(u));
		if (!ret)
			ret = test(file, cmd, &u, user);
		break;
	case F_SETLK_:
	case F_SETLKW_:
	case F_OFD_SETLK_:
	case F_OFD_SETLKW_:
		ret = copy_from_user(&u, user, sizeof(u));
		if (!ret)
			ret = set(fd, file, cmd, &u);
		break;
	default:
		ret = -EINVAL;
	}
	file_put(file);
	return ret;
}

enum { LOCK_SH_ = 1, LOCK_EX_ = 2, LOCK_NB_ = 4, LOCK_UN_ = 8 };

long sys_flock(struct trap_frame *f)
{
	struct file_lock l = {.kind = FILE_LOCK_WHOLE, .last = FILE_LOCK_END, .pid = process_current()->pid};
	u32 how = (u32)f->rsi;
	struct file *file;
	long ret;

	switch (how & ~(u32)LOCK_NB_) {
	case LOCK_SH_:
		l.type = FILE_LOCK_READ;
		break;
	case LOCK_EX_:
		l.type = FILE_LOCK_WRITE;
		break;
	case LOCK_UN_:
		l.type = FILE_LOCK_NONE;
		break;
	default:
		return -EINVAL;
	}
	file = sys_get_file((int)f->rdi);
	if (!file)
		return -EBADF;
	l.owner = file;
	ret = file_lock_set(file->inode, &l, !(how & LOCK_NB_));
	file_put(file);
	return ret;
}
