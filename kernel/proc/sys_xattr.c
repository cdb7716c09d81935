/* SPDX-License-Identifier: MIT */
/* System calls on extended attributes: get, list, set, remove, each by path, by path without following a last link, and by descriptor. */
#include "fs/vfs.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

#define KEPT_MAX 4096u /* bytes that a file system of ours keeps as a value, or as the names of a file */

enum how { FOLLOW, NO_FOLLOW, DESCRIPTOR };

/* The inode that the first argument means, counted. A descriptor for a path alone (O_PATH) will not do. */
static int find(u64 what, enum how how, struct inode **out)
{
	struct file *file;

	if (how != DESCRIPTOR)
		return sys_lookup_at(
			AT_FDCWD_, UADDR(what), how == NO_FOLLOW ? AT_SYMLINK_NOFOLLOW_ : 0, out);
	file = sys_get_file((int)what);
	if (!file)
		return -EBADF;
	*out = file->inode;
	iref(*out);
	file_put(file);
	return 0;
}

static int get_name(u64 user, char name[XATTR_NAME_MAX_ + 1])
{
	ssize_t len = copy_string_from_user(name, UADDR(user), XATTR_NAME_MAX_ + 1);

	if (len < 0)
		return len == -ENAMETOOLONG ? -ERANGE : (int)len;
	return len ? 0 : -ERANGE;
}

/* get (name) and list (NULL) */
static long read_to(struct inode *i, const char *name, u64 user, u64 size)
{
	size_t room = MIN(size, (u64)KEPT_MAX);
	void *buf = kmalloc(KEPT_MAX);
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = name ? vfs_getxattr(i, name, buf, room) : vfs_listxattr(i, buf, room);
	if (n > 0 && size && copy_to_user(UADDR(user), buf, (size_t)n))
		n = -EFAULT;
	kfree(buf);
	return n;
}

static long do_get(struct trap_frame *f, enum how how)
{
	char name[XATTR_NAME_MAX_ + 1];
	struct inode *i;
	long ret = find(f->rdi, how, &i);

	if (ret)
		return ret;
	ret = get_name(f->rsi, name);
	if (!ret)
		ret = read_to(i, name, f->rdx, f->r10);
	iput(i);
	return ret;
}

static long do_list(struct trap_frame *f, enum how how)
{
	struct inode *i;
	long ret = find(f->rdi, how, &i);

	if (ret)
		return ret;
	ret = read_to(i, NULL, f->rsi, f->rdx);
	iput(i);
	return ret;
}

/* The value in memory; what no file system keeps is not copied. */
static int get_value(u64 user, u64 size, void **out)
{
	*out = NULL;
	if (size > XATTR_SIZE_MAX_)
		return -E2BIG;
	if (size > KEPT_MAX)
		return -ENOSPC;
	*out = kmalloc(KEPT_MAX);
	if (!*out)
		return -ENOMEM;
	return size && copy_from_user(*out, UADDR(user), size) ? -EFAULT : 0;
}

static long do_set(struct trap_frame *f, enum how how)
{
	u32 flags = (u32)f->r8;
	char name[XATTR_NAME_MAX_ + 1];
	struct inode *i;
	void *value = NULL;
	long ret;

	if (flags & ~(u32)(XATTR_CREATE_ | XATTR_REPLACE_))
		return -EINVAL;
	ret = get_name(f->rsi, name);
	if (!ret)
		ret = get_value(f->rdx, f->r10, &value);
	if (!ret)
		ret = find(f->rdi, how, &i);
	if (!ret) {
		ret = vfs_setxattr(i, name, value, f->r10, flags);
		iput(i);
	}
	kfree(value);
	return ret;
}

static long do_remove(struct trap_frame *f, enum how how)
{
	char name[XATTR_NAME_MAX_ + 1];
	struct inode *i;
	long ret = find(f->rdi, how, &i);

	if (ret)
		return ret;
	ret = get_name(f->rsi, name);
	if (!ret)
		ret = vfs_removexattr(i, name);
	iput(i);
	return ret;
}

#define CALLS(what)                                   \
	long sys_##what##xattr(struct trap_frame *f)  \
	{                                             \
		return do_##what(f, FOLLOW);          \
	}                                             \
	long sys_l##what##xattr(struct trap_frame *f) \
	{                                             \
		return do_##what(f, NO_FOLLOW);       \
	}                                             \
	long sys_f##what##xattr(struct trap_frame *f) \
	{                                             \
		return do_##what(f, DESCRIPTOR);      \
	}
CALLS(set)
CALLS(get)
CALLS(list)
CALLS(remove)
