/* SPDX-License-Identifier: MIT */
/* System calls on the attributes of files: stat and its kin, access, chmod, chown, times, statfs. Everybody is root. */
#include "fs/vfs.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/uaccess.h"

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

static u32 dev_major(u64 dev)
{
	return (u32)(dev >> 8) & 0xfff;
}

static u32 dev_minor(u64 dev)
{
	return (u32)((dev & 0xff) | (dev >> 12 & ~0xffull));
}

static u64 dev_of(const struct inode *i)
{
	return i->super->region ? DEV_PMEM0 : i->super->dev;
}

static struct user_timespec user_time(struct time_spec t)
{
	return (struct user_timespec){.sec = t.sec, .nsec = t.nsec};
}

long sys_copy_stat(struct inode *i, uaddr_t user)
{
	struct user_stat st = {.blksize = PAGE_SIZE};

	mutex_lock(&i->lock);
	st.dev = dev_of(i);
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

static long do_stat(int dirfd, uaddr_t path, uaddr_t user, u32 flags)
{
	struct inode *i;
	long ret;

	if (flags & ~(AT_SYMLINK_NOFOLLOW_ | AT_NO_AUTOMOUNT_ | AT_EMPTY_PATH_))
		return -EINVAL;
	ret = sys_lookup_at(dirfd, path, flags, &i);
	if (ret)
		return ret;
	ret = sys_copy_stat(i, user);
	iput(i);
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

long sys_fstat(struct trap_frame *f)
{
	struct file *file = sys_get_any_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	ret = sys_copy_stat(file->inode, UADDR(f->rsi));
	file_put(file);
	return ret;
}

struct user_statx_time {
	i64 sec;
	u32 nsec;
	i32 pad;
};
struct user_statx {
	u32 mask, blksize;
	u64 attributes;
	u32 nlink, uid, gid;
	u16 mode, pad;
	u64 ino, size, blocks, attributes_mask;
	struct user_statx_time atime, btime, ctime, mtime;
	u32 rdev_major, rdev_minor, dev_major, dev_minor;
	u64 mnt_id;
	u64 spare[13];
};
_Static_assert(sizeof(struct user_statx) == 256 && offsetof(struct user_statx, mnt_id) == 144, "Linux");

enum {
	STATX_BASIC = 0x7ff,
	STATX_BTIME_ = 0x800,
	STATX_MNT_ID_ = 0x1000,
	STATX_RESERVED = (int)0x80000000,
	AT_STATX_SYNC_ = 0x6000,
	STATX_ATTR_IMMUTABLE_ = 0x10,
	STATX_ATTR_APPEND_ = 0x20,
	STATX_ATTR_DAX_ = 0x200000,
};

static struct user_statx_time statx_time(struct time_spec t)
{
	return (struct user_statx_time){.sec = t.sec, .nsec = t.nsec};
}

static long copy_statx(struct inode *i, uaddr_t user)
{
	struct user_statx st = {.blksize = PAGE_SIZE,
		.attributes_mask = STATX_ATTR_DAX_ | STATX_ATTR_IMMUTABLE_ | STATX_ATTR_APPEND_};
	u64 dev = dev_of(i);

	mutex_lock(&i->lock);
	st.mask = STATX_BASIC | STATX_MNT_ID_ | (i->crtime.sec ? STATX_BTIME_ : 0);
	st.attributes = i->super->region && mode_is_reg(i->mode) ? STATX_ATTR_DAX_ : 0;
	st.attributes |= (inode_is(i, INODE_IMMUTABLE) ? STATX_ATTR_IMMUTABLE_ : 0) |
		(inode_is(i, INODE_APPEND_ONLY) ? STATX_ATTR_APPEND_ : 0);
	st.nlink = i->nlink;
	st.uid = i->uid;
	st.gid = i->gid;
	st.mode = (u16)i->mode;
	st.ino = i->ino;
	st.size = inode_size(i);
	st.blocks = atomic_load(&i->blocks);
	st.atime = statx_time(i->atime);
	st.btime = statx_time(i->crtime);
	st.ctime = statx_time(i->ctime);
	st.mtime = statx_time(i->mtime);
	st.rdev_major = dev_major(i->rdev);
	st.rdev_minor = dev_minor(i->rdev);
	st.dev_major = dev_major(dev);
	st.dev_minor = dev_minor(dev);
	st.mnt_id = i->super->dev;
	mutex_unlock(&i->lock);
	return copy_to_user(user, &st, sizeof(st));
}

long sys_statx(struct trap_frame *f)
{
	u32 flags = (u32)f->rdx;
	struct inode *i;
	long ret;

	if ((u32)f->r10 & (u32)STATX_RESERVED || (flags & AT_STATX_SYNC_) == AT_STATX_SYNC_)
		return -EINVAL;
	if (flags & ~(AT_SYMLINK_NOFOLLOW_ | AT_NO_AUTOMOUNT_ | AT_EMPTY_PATH_ | AT_STATX_SYNC_))
		return -EINVAL;
	ret = sys_lookup_at((int)f->rdi, UADDR(f->rsi), flags, &i);
	if (ret)
		return ret;
	ret = copy_statx(i, UADDR(f->r8));
	iput(i);
	return ret;
}

struct user_statfs {
	i64 type, bsize;
	u64 blocks, bfree, bavail, files, ffree, fsid;
	i64 namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct user_statfs) == 120, "Linux x86-64");

enum { ST_RDONLY_ = 1, ST_VALID_ = 0x20, ST_NOATIME_ = 0x400 };

static long copy_statfs(struct super *s, uaddr_t user)
{
	struct fs_stat st;
	struct user_statfs out;

	vfs_statfs(s, &st);
	out = (struct user_statfs){
		.type = (i64)st.magic,
		.bsize = PAGE_SIZE,
		.blocks = st.blocks,
		.bfree = st.free_blocks,
		.bavail = st.available_blocks,
		.files = st.inodes,
		.ffree = st.free_inodes,
		.fsid = st.id,
		.namelen = NAME_MAX_LEN,
		.frsize = PAGE_SIZE,
		.flags = ST_VALID_ | ST_NOATIME_ | (atomic_load(&s->readonly) ? ST_RDONLY_ : 0),
	};
	return copy_to_user(user, &out, sizeof(out));
}

long sys_statfs(struct trap_frame *f)
{
	struct inode *i;
	long ret = sys_lookup_at(AT_FDCWD_, UADDR(f->rdi), 0, &i);

	if (ret)
		return ret;
	ret = copy_statfs(i->super, UADDR(f->rsi));
	iput(i);
	return ret;
}

long sys_fstatfs(struct trap_frame *f)
{
	struct file *file = sys_get_any_file((int)f->rdi);
	long ret;

	if (!file)
		return -EBADF;
	ret = copy_statfs(file->inode->super, UADDR(f->rsi));
	file_put(file);
	return ret;
}

enum { X_OK_ = 1, W_OK_ = 2, R_OK_ = 4 };
#define AT_EACCESS_ 0x200

/* Writing needs a writable file system and a file that is not immutable, executing one execute bit. */
static long do_access(int dirfd, uaddr_t path, u32 wanted, u32 flags)
{
	struct inode *i;
	long ret;

	if ((wanted & ~(X_OK_ | W_OK_ | R_OK_)) ||
		(flags & ~(AT_EACCESS_ | AT_SYMLINK_NOFOLLOW_ | AT_EMPTY_PATH_)))
		return -EINVAL;
	ret = sys_lookup_at(dirfd, path, flags & ~AT_EACCESS_, &i);
	if (ret)
		return ret;
	if ((wanted & W_OK_) && i->super->readonly && (i->mode & S_IFMT_) != S_IFCHR_)
		ret = -EROFS;
	else if ((wanted & W_OK_) && inode_is(i, INODE_IMMUTABLE))
		ret = -EPERM;
	else if ((wanted & X_OK_) && !mode_is_dir(i->mode) && !(i->mode & 0111))
		ret = -EACCES;
	iput(i);
	return ret;
}

long sys_access(struct trap_frame *f)
{
	return do_access(AT_FDCWD_, UADDR(f->rdi), (u32)f->rsi, 0);
}

long sys_faccessat(struct trap_frame *f)
{
	return do_access((int)f->rdi, UADDR(f->rsi), (u32)f->rdx, 0);
}

long sys_faccessat2(struct trap_frame *f)
{
	return do_access((int)f->rdi, UADDR(f->rsi), (u32)f->rdx, (u32)f->r10);
}

/* --- changes --- */

/* The file of a descriptor, counted. */
static int inode_of(int fd, struct inode **out)
{
	struct file *file = sys_get_file(fd);

	if (!file)
		return -EBADF;
	*out = file->inode;
	iref(*out);
	file_put(file);
	return 0;
}

static long chmod_at(int dirfd, uaddr_t path, u32 mode, u32 flags)
{
	struct inode *i;
	long ret;

	if (flags & ~(AT_SYMLINK_NOFOLLOW_ | AT_EMPTY_PATH_))
		return -EINVAL;
	ret = sys_lookup_at(dirfd, path, flags, &i);
	if (ret)
		return ret;
	ret = vfs_chmod(i, mode);
	iput(i);
	return ret;
}

long sys_chmod(struct trap_frame *f)
{
	return chmod_at(AT_FDCWD_, UADDR(f->rdi), (u32)f->rsi, 0);
}

long sys_fchmodat(struct trap_frame *f)
{
	return chmod_at((int)f->rdi, UADDR(f->rsi), (u32)f->rdx, 0);
}

long sys_fchmodat2(struct trap_frame *f)
{
	return chmod_at((int)f->rdi, UADDR(f->rsi), (u32)f->rdx, (u32)f->r10);
}

long sys_fchmod(struct trap_frame *f)
{
	struct inode *i;
	long ret = inode_of((int)f->rdi, &i);

	if (ret)
		return ret;
	ret = vfs_chmod(i, (u32)f->rsi);
	iput(i);
	return ret;
}

static long chown_at(int dirfd, uaddr_t path, u32 uid, u32 gid, u32 flags)
{
	struct inode *i;
	long ret;

	if (flags & ~(AT_SYMLINK_NOFOLLOW_ | AT_EMPTY_PATH_))
		return -EINVAL;
	ret = sys_lookup_at(dirfd, path, flags, &i);
	if (ret)
		return ret;
	ret = vfs_chown(i, uid, gid);
	iput(i);
	return ret;
}

long sys_chown(struct trap_frame *f)
{
	return chown_at(AT_FDCWD_, UADDR(f->rdi), (u32)f->rsi, (u32)f->rdx, 0);
}

long sys_lchown(struct trap_frame *f)
{
	return chown_at(AT_FDCWD_, UADDR(f->rdi), (u32)f->rsi, (u32)f->rdx, AT_SYMLINK_NOFOLLOW_);
}

long sys_fchownat(struct trap_frame *f)
{
	return chown_at((int)f->rdi, UADDR(f->rsi), (u32)f->rdx, (u32)f->r10, (u32)f->r8);
}

long sys_fchown(struct trap_frame *f)
{
	struct inode *i;
	long ret = inode_of((int)f->rdi, &i);

	if (ret)
		return ret;
	ret = vfs_chown(i, (u32)f->rsi, (u32)f->rdx);
	iput(i);
	return ret;
}

/* --- times --- */

#define NS_PER_SEC 1000000000
#define UTIME_NOW_ 0x3fffffff
#define UTIME_OMIT_ 0x3ffffffe

static bool time_valid(const struct user_timespec *t)
{
	return (t->nsec >= 0 && t->nsec < NS_PER_SEC) || t->nsec == UTIME_NOW_ || t->nsec == UTIME_OMIT_;
}

/* What one of the two times becomes; NULL: it stays. */
static const struct time_spec *new_time(const struct user_timespec *t, struct time_spec *buf)
{
	if (t->nsec == UTIME_OMIT_)
		return NULL;
	*buf = t->nsec == UTIME_NOW_ ? vfs_now() : (struct time_spec){.sec = t->sec, .nsec = (u32)t->nsec};
	return buf;
}

/* A NULL path means the descriptor itself. */
static long set_times(int dirfd, u64 path, const struct user_timespec t[2], u32 flags)
{
	struct time_spec a, m;
	struct inode *i;
	long ret;

	if (!time_valid(&t[0]) || !time_valid(&t[1]))
		return -EINVAL;
	if (t[0].nsec == UTIME_OMIT_ && t[1].nsec == UTIME_OMIT_)
		return 0;
	if (flags & ~(AT_SYMLINK_NOFOLLOW_ | AT_EMPTY_PATH_))
		return -EINVAL;
	if (path || dirfd == AT_FDCWD_)
		ret = sys_lookup_at(dirfd, UADDR(path), flags, &i);
	else
		ret = flags ? -EINVAL : inode_of(dirfd, &i);
	if (ret)
		return ret;
	ret = t[0].nsec == UTIME_NOW_ && t[1].nsec == UTIME_NOW_
		? vfs_touch(i)
		: vfs_set_times(i, new_time(&t[0], &a), new_time(&t[1], &m));
	iput(i);
	return ret;
}

static const struct user_timespec both_now[2] = {{0, UTIME_NOW_}, {0, UTIME_NOW_}};

long sys_utimensat(struct trap_frame *f)
{
	struct user_timespec t[2] = {both_now[0], both_now[1]};

	if (f->rdx && copy_from_user(t, UADDR(f->rdx), sizeof(t)))
		return -EFAULT;
	return set_times((int)f->rdi, f->rsi, t, (u32)f->r10);
}

/* struct timeval[2] */
static long set_timevals(int dirfd, u64 path, u64 user)
{
	struct user_timespec t[2] = {both_now[0], both_now[1]};

	if (user) {
		if (copy_from_user(t, UADDR(user), sizeof(t)))
			return -EFAULT;
		for (unsigned k = 0; k < 2; k++) {
			if (t[k].nsec < 0 || t[k].nsec >= NS_PER_SEC / 1000)
				return -EINVAL;
			t[k].nsec *= 1000;
		}
	}
	return set_times(dirfd, path, t, 0);
}

long sys_futimesat(struct trap_frame *f)
{
	return set_timevals((int)f->rdi, f->rsi, f->rdx);
}

long sys_utimes(struct trap_frame *f)
{
	return set_timevals(AT_FDCWD_, f->rdi, f->rsi);
}

long sys_utime(struct trap_frame *f)
{
	struct user_timespec t[2] = {both_now[0], both_now[1]};
	i64 seconds[2];

	if (f->rsi) {
		if (copy_from_user(seconds, UADDR(f->rsi), sizeof(seconds)))
			return -EFAULT;
		t[0] = (struct user_timespec){.sec = seconds[0]};
		t[1] = (struct user_timespec){.sec = seconds[1]};
	}
	return set_times(AT_FDCWD_, f->rdi, t, 0);
}
