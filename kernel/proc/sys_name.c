/* SPDX-License-Identifier: MIT */
/* System calls that make, change, remove and list names. */
#include "fs/vfs.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/kmem.h"
#include "mm/uaccess.h"

static long do_readlink(int dirfd, uaddr_t path, uaddr_t user, int size)
{
	size_t room = MIN((size_t)size, (size_t)PATH_MAX_LEN);
	struct inode *i;
	char *buf;
	long ret;

	if (size <= 0)
		return -EINVAL;
	ret = sys_lookup_at(dirfd, path, AT_SYMLINK_NOFOLLOW_ | AT_EMPTY_PATH_, &i);
	if (ret)
		return ret;
	buf = kmalloc(room);
	if (!buf)
		ret = -ENOMEM;
	else if (!mode_is_lnk(i->mode) || !i->ops->readlink)
		ret = -EINVAL;
	else
		ret = i->ops->readlink(i, buf, room);
	if (ret > 0 && copy_to_user(user, buf, (size_t)ret))
		ret = -EFAULT;
	kfree(buf);
	iput(i);
	return ret;
}

/* "" is nobody's name for readlink, and the descriptor itself for readlinkat. */
long sys_readlink(struct trap_frame *f)
{
	char first;

	if ((int)f->rdx > 0 && !copy_from_user(&first, UADDR(f->rdi), 1) && !first)
		return -ENOENT;
	return do_readlink(AT_FDCWD_, UADDR(f->rdi), UADDR(f->rsi), (int)f->rdx);
}

long sys_readlinkat(struct trap_frame *f)
{
	long ret = do_readlink((int)f->rdi, UADDR(f->rsi), UADDR(f->rdx), (int)f->r10);
	char first = 'x';

	/* A descriptor that is no link is "no such path", not "no link". */
	if (ret == -EINVAL && (int)f->r10 > 0 && !copy_from_user(&first, UADDR(f->rsi), 1) && !first)
		return -ENOENT;
	return ret;
}

static long do_mkdir(int dirfd, uaddr_t user, u32 mode)
{
	struct sys_place at;
	int err = sys_get_place(dirfd, user, &at);

	if (err)
		return err;
	err = vfs_mkdir(at.base, at.path, mode & 01777 & ~process_current()->umask);
	sys_put_place(&at);
	return err;
}

long sys_mkdir(struct trap_frame *f)
{
	return do_mkdir(AT_FDCWD_, UADDR(f->rdi), (u32)f->rsi);
}

long sys_mkdirat(struct trap_frame *f)
{
	return do_mkdir((int)f->rdi, UADDR(f->rsi), (u32)f->rdx);
}

static long do_mknod(int dirfd, uaddr_t user, u32 mode, u32 rdev)
{
	struct sys_place at;
	int err = sys_get_place(dirfd, user, &at);

	if (err)
		return err;
	err = vfs_mknod(at.base, at.path, mode & ~process_current()->umask, rdev);
	sys_put_place(&at);
	return err;
}

long sys_mknod(struct trap_frame *f)
{
	return do_mknod(AT_FDCWD_, UADDR(f->rdi), (u32)f->rsi, (u32)f->rdx);
}

long sys_mknodat(struct trap_frame *f)
{
	return do_mknod((int)f->rdi, UADDR(f->rsi), (u32)f->rdx, (u32)f->r10);
}

static long do_unlink(int dirfd, uaddr_t user, bool directory)
{
	struct sys_place at;
	int err = sys_get_place(dirfd, user, &at);

	if (err)
		return err;
	err = directory ? vfs_rmdir(at.base, at.path) : vfs_unlink(at.base, at.path);
	sys_put_place(&at);
	return err;
}

long sys_rmdir(struct trap_frame *f)
{
	return do_unlink(AT_FDCWD_, UADDR(f->rdi), true);
}

long sys_unlink(struct trap_frame *f)
{
	return do_unlink(AT_FDCWD_, UADDR(f->rdi), false);
}

long sys_unlinkat(struct trap_frame *f)
{
	u32 flags = (u32)f->rdx;

	if (flags & ~AT_REMOVEDIR_)
		return -EINVAL;
	return do_unlink((int)f->rdi, UADDR(f->rsi), flags & AT_REMOVEDIR_);
}

static long do_rename(int ofd, uaddr_t ouser, int nfd, uaddr_t nuser, u32 flags)
{
	struct sys_place from, to;
	int err = sys_get_place(ofd, ouser, &from);

	if (err)
		return err;
	err = sys_get_place(nfd, nuser, &to);
	if (!err) {
		err = vfs_rename(from.base, from.path, to.base, to.path, flags);
		sys_put_place(&to);
	}
	sys_put_place(&from);
	return err;
}

long sys_rename(struct trap_frame *f)
{
	return do_rename(AT_FDCWD_, UADDR(f->rdi), AT_FDCWD_, UADDR(f->rsi), 0);
}

long sys_renameat(struct trap_frame *f)
{
	return do_rename((int)f->rdi, UADDR(f->rsi), (int)f->rdx, UADDR(f->r10), 0);
}

long sys_renameat2(struct trap_frame *f)
{
	return do_rename((int)f->rdi, UADDR(f->rsi), (int)f->rdx, UADDR(f->r10), (u32)f->r8);
}

static long do_symlink(uaddr_t user_target, int dirfd, uaddr_t user)
{
	struct sys_place at;
	char *target;
	int err = sys_get_path(user_target, false, &target);

	if (err)
		return err;
	err = sys_get_place(dirfd, user, &at);
	if (!err) {
		err = vfs_symlink(at.base, at.path, target);
		sys_put_place(&at);
	}
	kfree(target);
	return err;
}

long sys_symlink(struct trap_frame *f)
{
	return do_symlink(UADDR(f->rdi), AT_FDCWD_, UADDR(f->rsi));
}

long sys_symlinkat(struct trap_frame *f)
{
	return do_symlink(UADDR(f->rdi), (int)f->rsi, UADDR(f->rdx));
}

static long do_link(int ofd, uaddr_t ouser, int nfd, uaddr_t nuser, u32 flags)
{
	struct sys_place to;
	struct inode *what;
	u32 lookup = (flags & AT_EMPTY_PATH_) | (flags & AT_SYMLINK_FOLLOW_ ? 0 : AT_SYMLINK_NOFOLLOW_);
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW_ | AT_EMPTY_PATH_))
		return -EINVAL;
	err = sys_lookup_at(ofd, ouser, lookup, &what);
	if (err)
		return err;
	err = sys_get_place(nfd, nuser, &to);
	if (!err) {
		err = vfs_link(what, to.base, to.path);
		sys_put_place(&to);
	}
	iput(what);
	return err;
}

long sys_link(struct trap_frame *f)
{
	return do_link(AT_FDCWD_, UADDR(f->rdi), AT_FDCWD_, UADDR(f->rsi), 0);
}

long sys_linkat(struct trap_frame *f)
{
	return do_link((int)f->rdi, UADDR(f->rsi), (int)f->rdx, UADDR(f->r10), (u32)f->r8);
}

struct user_dirent { /* struct linux_dirent64; the name follows */
	u64 ino;
	i64 off;
	u16 reclen;
	u8 type; /* struct linux_dirent: the name stands here, and the type in the record's last byte */
} PACKED;
_Static_assert(sizeof(struct user_dirent) == 19, "Linux x86-64");
#define OLD_NAME_AT 18

struct dirent_buf {
	u8 *buf;
	size_t size, used;
	bool full; /* an entry did not fit */
	bool old;  /* struct linux_dirent */
};

static int add_dirent(void *arg, const char *name, size_t len, u64 ino, u8 type, u64 next_pos)
{
	struct dirent_buf *b = arg;
	size_t name_at = b->old ? OLD_NAME_AT : sizeof(struct user_dirent);
	size_t reclen = ALIGN_UP(name_at + len + (b->old ? 2 : 1), 8);
	struct user_dirent d = {.ino = ino, .off = (i64)next_pos, .reclen = (u16)reclen, .type = type};

	if (b->size - b->used < reclen) {
		b->full = true;
		return 1;
	}
	memset(b->buf + b->used, 0, reclen);
	memcpy(b->buf + b->used, &d, sizeof(d));
	if (b->old)
		b->buf[b->used + OLD_NAME_AT] = 0;
	memcpy(b->buf + b->used + name_at, name, len);
	if (b->old)
		b->buf[b->used + reclen - 1] = type;
	b->used += reclen;
	return 0;
}

/* Entries are gathered in kernel memory under the directory's lock and copied out after it, so that no fault happens under it. */
static long read_directory(struct file *file, uaddr_t user, size_t size, bool old)
{
	struct dirent_buf b = {.size = MIN(size, PAGE_SIZE), .old = old};
	u64 before;
	long ret;

	b.buf = kmalloc(PAGE_SIZE);
	if (!b.buf)
		return -ENOMEM;
	mutex_lock(&file->pos_lock);
	before = file->pos;
	mutex_unlock(&file->pos_lock);
	ret = vfs_readdir(file, add_dirent, &b);
	if (b.used && copy_to_user(user, b.buf, b.used)) {
		mutex_lock(&file->pos_lock);
		file_seek(file, before); /* they are still to be read */
		mutex_unlock(&file->pos_lock);
		ret = -EFAULT;
	} else if (b.used) {
		ret = (long)b.used;
	} else if (b.full) {
		ret = -EINVAL;
	}
	kfree(b.buf);
	return ret;
}

static long do_getdents(struct trap_frame *f, bool old)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	ret = read_directory(file, UADDR(f->rsi), (u32)f->rdx, old);
	file_put(file);
	return ret;
}

long sys_getdents(struct trap_frame *f)
{
	return do_getdents(f, true);
}

long sys_getdents64(struct trap_frame *f)
{
	return do_getdents(f, false);
}
