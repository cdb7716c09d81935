/* SPDX-License-Identifier: MIT */
/* System calls that name files by path, and directories. */
#include "fs/vfs.h"
#include "kernel/proc/files.h"
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
		*out = process_current()->cwd;
		iref(*out);
		return 0;
	}
	file = sys_get_file(dirfd);
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

/* A path argument and where it starts. */
struct place {
	char *path;
	struct inode *base;
};

static int get_place(int dirfd, uaddr_t user, struct place *p)
{
	int err;

	*p = (struct place){0};
	err = sys_get_path(user, false, &p->path);
	if (err)
		return err;
	err = sys_get_base(dirfd, p->path, &p->base);
	if (err)
		kfree(p->path);
	return err;
}

static void put_place(struct place *p)
{
	iput(p->base);
	kfree(p->path);
}

static long do_open(int dirfd, uaddr_t user, u32 flags, u32 mode)
{
	struct process *p = process_current();
	struct place at;
	struct file *file;
	int fd, err = get_place(dirfd, user, &at);

	if (err)
		return err;
	fd = fd_reserve(p->files, 0, flags & O_CLOEXEC_);
	if (fd < 0) {
		put_place(&at);
		return fd;
	}
	err = vfs_open(at.base, at.path, flags & ~O_CLOEXEC_, mode & 07777 & ~p->umask, &file);
	if (err)
		fd_unreserve(p->files, fd);
	else
		fd_install(p->files, fd, file);
	put_place(&at);
	return err ? err : fd;
}

long sys_open(struct trap_frame *f)
{
	return do_open(AT_FDCWD_, UADDR(f->rdi), (u32)f->rsi, (u32)f->rdx);
}

long sys_openat(struct trap_frame *f)
{
	return do_open((int)f->rdi, UADDR(f->rsi), (u32)f->rdx, (u32)f->r10);
}

struct user_stat { /* struct stat of Linux x86-64 */
	u64 dev, ino, nlink;
	u32 mode, uid, gid, pad;
	u64 rdev;
	i64 size, blksize, blocks;
	struct user_timespec atime, mtime, ctime;
	i64 reserved[3];
};
_Static_assert(sizeof(struct user_stat) == 144 && offsetof(struct user_stat, size) == 48, "Linux x86-64");

#define DEV_PMEM0 0x10300 /* block device 259:0, where Linux shows a file system on pmem0 */
#define DEV_NO_DEVICE 1   /* 0:1, a file system without a device */

static struct user_timespec user_time(struct time_spec t)
{
	return (struct user_timespec){.sec = t.sec, .nsec = t.nsec};
}

long sys_copy_stat(struct inode *i, uaddr_t user)
{
	struct user_stat st = {.blksize = PAGE_SIZE};

	mutex_lock(&i->lock);
	st.dev = i->super->region ? DEV_PMEM0 : DEV_NO_DEVICE;
	st.ino = i->ino;
	st.nlink = i->nlink;
	st.mode = i->mode;
	st.uid = i->uid;
	st.gid = i->gid;
	st.rdev = i->rdev;
	st.size = (i64)inode_size(i);
	st.blocks = (i64)atomic_load(&i->blocks);
	st.atime = user_time(i->atime);
	st.mtime = user_time(i->mtime);
	st.ctime = user_time(i->ctime);
	mutex_unlock(&i->lock);
	return copy_to_user(user, &st, sizeof(st));
}

/* AT_EMPTY_PATH with "": the descriptor itself, which need not be a directory. */
static long stat_descriptor(int dirfd, uaddr_t user_stat)
{
	struct file *file;
	long ret;

	if (dirfd == AT_FDCWD_)
		return sys_copy_stat(process_current()->cwd, user_stat);
	file = sys_get_file(dirfd);
	if (!file)
		return -EBADF;
	ret = sys_copy_stat(file->inode, user_stat);
	file_put(file);
	return ret;
}

static long do_stat(int dirfd, uaddr_t user_path, uaddr_t user_stat, u32 flags)
{
	struct place at;
	struct inode *i;
	long ret;

	if (flags & ~(AT_SYMLINK_NOFOLLOW_ | AT_NO_AUTOMOUNT_ | AT_EMPTY_PATH_))
		return -EINVAL;
	ret = sys_get_path(user_path, flags & AT_EMPTY_PATH_, &at.path);
	if (ret)
		return ret;
	if (!at.path[0]) {
		kfree(at.path);
		return stat_descriptor(dirfd, user_stat);
	}
	ret = sys_get_base(dirfd, at.path, &at.base);
	if (ret) {
		kfree(at.path);
		return ret;
	}
	ret = vfs_lookup(at.base, at.path, !(flags & AT_SYMLINK_NOFOLLOW_), &i);
	if (!ret) {
		ret = sys_copy_stat(i, user_stat);
		iput(i);
	}
	put_place(&at);
	return ret;
}

long sys_stat(struct trap_frame *f)
{
	return do_stat(AT_FDCWD_, UADDR(f->rdi), UADDR(f->rsi), 0);
}

long sys_lstat(struct trap_frame *f)
{
	return do_stat(AT_FDCWD_, UADDR(f->rdi), UADDR(f->rsi), AT_SYMLINK_NOFOLLOW_);
}

long sys_newfstatat(struct trap_frame *f)
{
	return do_stat((int)f->rdi, UADDR(f->rsi), UADDR(f->rdx), (u32)f->r10);
}

/* Looks a path argument up, following symbolic links. */
static int lookup(uaddr_t user, struct inode **out)
{
	struct place at;
	int err = get_place(AT_FDCWD_, user, &at);

	if (err)
		return err;
	err = vfs_lookup(at.base, at.path, true, out);
	put_place(&at);
	return err;
}

enum { X_OK_ = 1, W_OK_ = 2, R_OK_ = 4 };

/* Everybody is root: writing needs a writable file system, executing one execute bit. */
long sys_access(struct trap_frame *f)
{
	u32 wanted = (u32)f->rsi;
	struct inode *i;
	long ret;

	if (wanted & ~(X_OK_ | W_OK_ | R_OK_))
		return -EINVAL;
	ret = lookup(UADDR(f->rdi), &i);
	if (ret)
		return ret;
	if ((wanted & W_OK_) && i->super->readonly)
		ret = -EROFS;
	else if ((wanted & X_OK_) && !mode_is_dir(i->mode) && !(i->mode & 0111))
		ret = -EACCES;
	iput(i);
	return ret;
}

long sys_truncate(struct trap_frame *f)
{
	i64 len = (i64)f->rsi;
	struct inode *i;
	long ret;

	if (len < 0)
		return -EINVAL;
	ret = lookup(UADDR(f->rdi), &i);
	if (ret)
		return ret;
	if (mode_is_dir(i->mode))
		ret = -EISDIR;
	else if (!mode_is_reg(i->mode) || i->fops)
		ret = -EINVAL;
	else
		ret = inode_get_write(i);
	if (!ret) {
		ret = vfs_truncate(i, (u64)len);
		inode_put_write(i);
	}
	iput(i);
	return ret;
}

long sys_readlink(struct trap_frame *f)
{
	size_t size = MIN((size_t)f->rdx, (size_t)PATH_MAX_LEN);
	struct place at;
	char *buf;
	long ret;

	if ((i32)f->rdx <= 0)
		return -EINVAL;
	ret = get_place(AT_FDCWD_, UADDR(f->rdi), &at);
	if (ret)
		return ret;
	buf = kmalloc(size);
	ret = buf ? vfs_readlink(at.base, at.path, buf, size) : -ENOMEM;
	if (ret > 0 && copy_to_user(UADDR(f->rsi), buf, (size_t)ret))
		ret = -EFAULT;
	kfree(buf);
	put_place(&at);
	return ret;
}

static long do_mkdir(int dirfd, uaddr_t user, u32 mode)
{
	struct place at;
	int err = get_place(dirfd, user, &at);

	if (err)
		return err;
	err = vfs_mkdir(at.base, at.path, mode & 01777 & ~process_current()->umask);
	put_place(&at);
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

static long do_unlink(int dirfd, uaddr_t user, bool directory)
{
	struct place at;
	int err = get_place(dirfd, user, &at);

	if (err)
		return err;
	err = directory ? vfs_rmdir(at.base, at.path) : vfs_unlink(at.base, at.path);
	put_place(&at);
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

static long do_rename(int ofd, uaddr_t ouser, int nfd, uaddr_t nuser)
{
	struct place from, to;
	int err = get_place(ofd, ouser, &from);

	if (err)
		return err;
	err = get_place(nfd, nuser, &to);
	if (!err) {
		err = vfs_rename(from.base, from.path, to.base, to.path, 0);
		put_place(&to);
	}
	put_place(&from);
	return err;
}

long sys_rename(struct trap_frame *f)
{
	return do_rename(AT_FDCWD_, UADDR(f->rdi), AT_FDCWD_, UADDR(f->rsi));
}

long sys_renameat(struct trap_frame *f)
{
	return do_rename((int)f->rdi, UADDR(f->rsi), (int)f->rdx, UADDR(f->r10));
}

/* Takes over the reference of dir. */
static long set_cwd(struct inode *dir)
{
	struct process *p = process_current();
	struct inode *old = p->cwd;

	if (!mode_is_dir(dir->mode)) {
		iput(dir);
		return -ENOTDIR;
	}
	p->cwd = dir;
	iput(old);
	return 0;
}

long sys_chdir(struct trap_frame *f)
{
	struct inode *dir;
	int err = lookup(UADDR(f->rdi), &dir);

	return err ? err : set_cwd(dir);
}

long sys_fchdir(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);
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
	long ret;

	if (!path)
		return -ENOMEM;
	ret = vfs_path_of(process_current()->cwd, path, PATH_MAX_LEN);
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

struct user_dirent { /* struct linux_dirent64; the name follows */
	u64 ino;
	i64 off;
	u16 reclen;
	u8 type;
} PACKED;
_Static_assert(sizeof(struct user_dirent) == 19, "Linux x86-64");

struct dirent_buf {
	u8 *buf;
	size_t size, used;
	bool full; /* an entry did not fit */
};

static int add_dirent(void *arg, const char *name, size_t len, u64 ino, u8 type, u64 next_pos)
{
	struct dirent_buf *b = arg;
	size_t reclen = ALIGN_UP(sizeof(struct user_dirent) + len + 1, 8);
	struct user_dirent d = {.ino = ino, .off = (i64)next_pos, .reclen = (u16)reclen, .type = type};

	if (b->size - b->used < reclen) {
		b->full = true;
		return 1;
	}
	memset(b->buf + b->used, 0, reclen);
	memcpy(b->buf + b->used, &d, sizeof(d));
	memcpy(b->buf + b->used + sizeof(d), name, len);
	b->used += reclen;
	return 0;
}

/* Entries are gathered in kernel memory under the directory's lock and copied out after it, so that no fault happens under it. */
static long read_directory(struct file *file, uaddr_t user, size_t size)
{
	struct dirent_buf b = {.size = MIN(size, PAGE_SIZE)};
	long ret;

	b.buf = kmalloc(PAGE_SIZE);
	if (!b.buf)
		return -ENOMEM;
	ret = vfs_readdir(file, add_dirent, &b);
	if (b.used)
		ret = copy_to_user(user, b.buf, b.used) ? -EFAULT : (long)b.used;
	else if (b.full)
		ret = -EINVAL;
	kfree(b.buf);
	return ret;
}

long sys_getdents64(struct trap_frame *f)
{
	struct file *file = sys_get_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	ret = read_directory(file, UADDR(f->rsi), (u32)f->rdx);
	file_put(file);
	return ret;
}
