/* SPDX-License-Identifier: MIT */
/* System calls that open files by path, and the path arguments of all others. Names: sys_name.c; attributes: sys_stat.c. */
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/limits.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

int sys_get_path(uaddr_t user, bool empty_ok, char **out)
{
	char *path = kmalloc(PATH_MAX_LEN);
	ssize_t len;

	if (!path)
		return -ENOMEM;
	len = copy_string_from_user(path, user, PATH_MAX_LEN);
	if (len == 0 && !empty_ok)
		len = -ENOENT;
	if (len < 0) {
		kfree(path);
		return (int)len;
	}
	*out = path;
	return 0;
}

int sys_get_base(int dirfd, const char *path, struct inode **out)
{
	struct file *file;
	int err = -ENOTDIR;

	if (path[0] == '/' || dirfd == AT_FDCWD_) {
		*out = process_cwd(process_current());
		return 0;
	}
	file = sys_get_any_file(dirfd);
	if (!file)
		return -EBADF;
	if (mode_is_dir(file->inode->mode)) {
		*out = file->inode;
		iref(*out);
		err = 0;
	}
	file_put(file);
	return err;
}

int sys_get_place(int dirfd, uaddr_t user, struct sys_place *p)
{
	int err;

	*p = (struct sys_place){0};
	err = sys_get_path(user, false, &p->path);
	if (err)
		return err;
	err = sys_get_base(dirfd, p->path, &p->base);
	if (err)
		kfree(p->path);
	return err;
}

void sys_put_place(struct sys_place *p)
{
	iput(p->base);
	kfree(p->path);
}

/* AT_EMPTY_PATH with "": the descriptor itself, which need not be a directory. */
static int descriptor_inode(int dirfd, struct inode **out)
{
	struct file *file;

	if (dirfd == AT_FDCWD_) {
		*out = process_cwd(process_current());
		return 0;
	}
	file = sys_get_any_file(dirfd);
	if (!file)
		return -EBADF;
	*out = file->inode;
	iref(*out);
	file_put(file);
	return 0;
}

int sys_lookup_at(int dirfd, uaddr_t user, u32 flags, struct inode **out)
{
	struct sys_place at;
	int err = sys_get_path(user, flags & AT_EMPTY_PATH_, &at.path);

	if (err)
		return err;
	if (!at.path[0]) {
		kfree(at.path);
		return descriptor_inode(dirfd, out);
	}
	err = sys_get_base(dirfd, at.path, &at.base);
	if (err) {
		kfree(at.path);
		return err;
	}
	err = vfs_lookup(at.base, at.path, !(flags & AT_SYMLINK_NOFOLLOW_), out);
	sys_put_place(&at);
	return err;
}

static long do_open(int dirfd, uaddr_t user, u32 flags, u32 mode)
{
	struct process *p = process_current();
	struct sys_place at;
	struct file *file;
	int fd, err;

	if (!(flags & O_PATH_))
		flags |= O_LARGEFILE_;
	err = sys_get_place(dirfd, user, &at);

	if (err)
		return err;
	fd = fd_reserve(p->files, 0, flags & O_CLOEXEC_);
	if (fd < 0) {
		sys_put_place(&at);
		return fd;
	}
	err = vfs_open(at.base, at.path, flags & ~O_CLOEXEC_, mode & 07777 & ~p->umask, &file);
	if (err)
		fd_unreserve(p->files, fd);
	else
		fd_install(p->files, fd, file);
	sys_put_place(&at);
	return err ? err : fd;
}

long sys_open(struct trap_frame *f)
{
	return do_open(AT_FDCWD_, UADDR(f->rdi), (u32)f->rsi, (u32)f->rdx);
}

long sys_creat(struct trap_frame *f)
{
	return do_open(AT_FDCWD_, UADDR(f->rdi), O_CREAT_ | O_WRONLY_ | O_TRUNC_, (u32)f->rsi);
}

long sys_openat(struct trap_frame *f)
{
	return do_open((int)f->rdi, UADDR(f->rsi), (u32)f->rdx, (u32)f->r10);
}

long sys_truncate(struct trap_frame *f)
{
	i64 len = (i64)f->rsi;
	struct inode *i;
	long ret;

	if (len < 0)
		return -EINVAL;
	ret = sys_lookup_at(AT_FDCWD_, UADDR(f->rdi), 0, &i);
	if (ret)
		return ret;
	if (mode_is_dir(i->mode))
		ret = -EISDIR;
	else if (!mode_is_reg(i->mode) || i->fops)
		ret = -EINVAL;
	else
		ret = inode_get_write(i);
	if (!ret) {
		ret = limits_file_result(vfs_truncate(i, (u64)len));
		inode_put_write(i);
	}
	iput(i);
	return ret;
}

/* Takes over the reference of dir. */
static long set_cwd(struct inode *dir)
{
	if (!mode_is_dir(dir->mode)) {
		iput(dir);
		return -ENOTDIR;
	}
	process_set_cwd(process_current(), dir);
	return 0;
}

long sys_chdir(struct trap_frame *f)
{
	struct inode *dir;
	int err = sys_lookup_at(AT_FDCWD_, UADDR(f->rdi), 0, &dir);

	return err ? err : set_cwd(dir);
}

long sys_fchdir(struct trap_frame *f)
{
	struct file *file = sys_get_any_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	iref(file->inode);
	ret = set_cwd(file->inode);
	file_put(file);
	return ret;
}

/* The length with the NUL, as the raw call returns it. */
long sys_getcwd(struct trap_frame *f)
{
	char *path = kmalloc(PATH_MAX_LEN);
	struct inode *cwd;
	long ret;

	if (!path)
		return -ENOMEM;
	cwd = process_cwd(process_current());
	ret = vfs_path_of(cwd, path, PATH_MAX_LEN);
	iput(cwd);
	if (ret >= 0) {
		ret = (long)strlen(path) + 1;
		if ((u64)ret > f->rsi)
			ret = -ERANGE;
		else if (copy_to_user(UADDR(f->rdi), path, (size_t)ret))
			ret = -EFAULT;
	}
	kfree(path);
	return ret;
}

long sys_umask(struct trap_frame *f)
{
	struct process *p = process_current();
	u32 old = p->umask;

	p->umask = (u32)f->rdi & 0777;
	return old;
}
