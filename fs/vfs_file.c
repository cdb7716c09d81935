/* SPDX-License-Identifier: MIT */
/*
 * Open files and what is done with them: open, truncate, allocate, fsync, mmap, readdir. Reading and writing: vfs_rw.c.
 *
 * Rule: whoever changes a file's size, blocks or times holds its inode lock; reads and faults do not.
 */
#include "drivers/pmem.h"
#include "fs/file_lock.h"
#include "fs/vfs_priv.h"
#include "kernel/limits.h"
#include "mm/kmem.h"

static const struct lock_class pos_class = {"file position", RANK_FILE_POS, false};

/* What is done with an open file that is no regular one or directory; NULL: nobody knows. */
static const struct file_ops *ops_of(const struct inode *i)
{
	const struct fs_state *fs = the_instance.fs;

	if (i->fops)
		return i->fops;
	switch (i->mode & S_IFMT_) {
	case S_IFIFO_:
		return fs->fifo_ops;
	case S_IFCHR_:
	case S_IFBLK_:
		return fs->device_ops ? fs->device_ops(i->mode, i->rdev) : NULL;
	default:
		return NULL;
	}
}

int file_open_inode(struct inode *i, u32 flags, struct file **out)
{
	struct file *f = kzalloc(sizeof(*f));
	int err = 0;

	if (!f)
		return -ENOMEM;
	atomic_init(&f->refs, 1);
	f->flags = flags;
	f->inode = i;
	f->ops = flags & O_PATH_ ? i->fops : ops_of(i);
	mutex_init(&f->pos_lock, &pos_class);
	if (file_writable(f))
		err = inode_get_write(i);
	if (!err && f->ops && f->ops->open && !(flags & O_PATH_)) {
		err = f->ops->open(f);
		if (err && file_writable(f))
			inode_put_write(i);
	}
	if (err) {
		kfree(f);
		return err;
	}
	iref(i);
	*out = f;
	return 0;
}

void file_get(struct file *f)
{
	atomic_fetch_add(&f->refs, 1);
}

void file_put(struct file *f)
{
	if (atomic_fetch_sub(&f->refs, 1) != 1)
		return;
	if (f->ops && f->ops->release && !(f->flags & O_PATH_))
		f->ops->release(f);
	file_locks_release(f->inode, FILE_LOCK_OPEN_FILE, f);
	file_locks_release(f->inode, FILE_LOCK_WHOLE, f);
	if (file_writable(f))
		inode_put_write(f->inode);
	iput(f->inode);
	file_place_put(&f->place);
	kfree(f->tie);
	kfree(f);
}

/* The entry that O_CREAT names in the directory of w: found or made. */
static int find_or_create(struct walk_parent *w, u32 flags, u32 mode, bool *created, struct inode **out)
{
	int err;

	if (!w->len || name_is_dot(w->name, w->len) || name_is_dotdot(w->name, w->len))
		return flags & O_EXCL_ ? -EEXIST : -EISDIR;
	if (w->trailing)
		return -EISDIR;
	dir_lock(w->dir);
	err = lookup_one(w->dir, w->name, w->len, true, out);
	if (!err && (flags & O_EXCL_)) {
		iput(*out);
		err = -EEXIST;
	} else if (err == -ENOENT && w->dir->ops->create) {
		if (atomic_load(&w->dir->super->readonly))
			err = -EROFS;
		else if (inode_is(w->dir, INODE_IMMUTABLE))
			err = -EPERM;
		else if (w->dir->nlink)
			err = w->dir->ops->create(w->dir, w->name, w->len, S_IFREG_ | (mode & 07777), 0, out);
		*created = !err;
	}
	dir_unlock(w->dir);
	return err;
}

/* The link's text becomes the path, in `text` (PATH_MAX_LEN). */
static int read_link(struct inode *link, char *text)
{
	ssize_t n = link->ops->readlink ? link->ops->readlink(link, text, PATH_MAX_LEN - 1) : -EINVAL;

	if (n <= 0)
		return n ? (int)n : -ENOENT;
	text[n] = '\0';
	return 0;
}

/* The inode for O_CREAT. A symbolic link may lead to a file that is made there, so links are followed one by one. */
static int open_create(struct inode *base, const char *path, u32 flags, u32 mode, bool *created,
	struct inode **out, struct file_place *where)
{
	struct walk_parent w, next;
	bool magic = false;
	char *text = NULL;
	int err = walk_to_parent(base, path, &w);

	*where = (struct file_place){0};
	if (err)
		return err;
	for (unsigned links = 0;; links++) {
		struct inode *link;

		err = find_or_create(&w, flags, mode, created, out);
		if (err || !mode_is_lnk((*out)->mode) || (flags & O_NOFOLLOW_))
			break;
		link = *out;
		if (link->ops->follow) {
			err = links == LINKS_MAX ? -ELOOP : link->ops->follow(link, out, where);
			magic = true;
			iput(link);
			break;
		}
		if (!text)
			text = kmalloc(PATH_MAX_LEN);
		err = !text ? -ENOMEM : links == LINKS_MAX ? -ELOOP : read_link(link, text);
		iput(link);
		if (!err)
			err = walk_to_parent(w.dir, text, &next);
		if (err)
			break;
		iput(w.dir);
		w = next;
	}
	kfree(text);
	if (err || magic)
		iput(w.dir);
	else
		file_place_set(where, w.dir, w.name, w.len);
	return err;
}

static bool can_direct(const struct inode *i)
{
	return mode_is_reg(i->mode) && !i->fops;
}

/* May the inode be opened this way? */
static int open_check(struct inode *i, u32 flags)
{
	bool writing = (flags & O_ACCMODE_) != O_RDONLY_;

	if ((flags & O_DIRECTORY_) && !mode_is_dir(i->mode))
		return -ENOTDIR;
	if (flags & O_PATH_)
		return 0;
	if (flags & O_TMPFILE_)
		return -EOPNOTSUPP;
	if (mode_is_lnk(i->mode))
		return -ELOOP;
	if (mode_is_dir(i->mode) && (writing || (flags & (O_CREAT_ | O_TRUNC_))))
		return -EISDIR;
	if ((flags & O_DIRECT_) && !can_direct(i))
		return -EINVAL;
	if (mode_is_dir(i->mode) || ops_of(i))
		return 0;
	if (!mode_is_reg(i->mode))
		return -ENXIO;
	return (writing || (flags & O_TRUNC_)) && atomic_load(&i->super->readonly) ? -EROFS : 0;
}

/* O_TRUNC truncates whatever the access mode is. */
static int open_truncate(struct inode *i)
{
	int err = inode_get_write(i);

	if (err)
		return err;
	err = vfs_truncate(i, 0);
	inode_put_write(i);
	return err;
}

/* Flags that say how to open, not how the file is open. */
#define OPEN_ONLY_FLAGS (O_CREAT_ | O_EXCL_ | O_NOCTTY_ | O_TRUNC_ | O_CLOEXEC_)
#define PATH_FLAGS (O_PATH_ | O_DIRECTORY_ | O_NOFOLLOW_)

int vfs_open(struct inode *base, const char *path, u32 flags, u32 mode, struct file **out)
{
	struct file_place where;
	struct inode *i;
	bool created = false;
	int err;

	if (flags & O_PATH_)
		flags &= PATH_FLAGS;
	if ((flags & (O_CREAT_ | O_DIRECTORY_)) == (O_CREAT_ | O_DIRECTORY_))
		return -EINVAL;
	if ((flags & O_TMPFILE_) && (!(flags & O_DIRECTORY_) || (flags & O_ACCMODE_) == O_RDONLY_))
		return -EINVAL;
	if (flags & O_CREAT_)
		err = open_create(base, path, flags, mode, &created, &i, &where);
	else
		err = vfs_find(base, path, !(flags & O_NOFOLLOW_), &i, &where);
	if (err)
		return err;
	err = open_check(i, flags);
	if (!err && !created && attr_forbids_open(i, flags))
		err = -EPERM;
	if (!err)
		err = file_open_inode(i, flags & ~(u32)OPEN_ONLY_FLAGS, out);
	iput(i);
	if (err) {
		file_place_put(&where);
		return err;
	}
	(*out)->place = where;
	if ((flags & O_TRUNC_) && !created && mode_is_reg(i->mode) && !i->fops)
		err = open_truncate(i);
	if (err)
		file_put(*out);
	return err;
}

struct readdir_wrap {
	readdir_fn fn;
	void *arg;
	bool stopped;
};

static int readdir_step(void *arg, const char *name, size_t len, u64 ino, u8 type, u64 next)
{
	struct readdir_wrap *w = arg;

	w->stopped = w->fn(w->arg, name, len, ino, type, next) != 0;
	return w->stopped;
}

/* From DIR_END on: the k-th mount that its directory does not list. */
static void readdir_mounts(struct inode *dir, u64 *pos, struct readdir_wrap *w)
{
	struct fs_state *fs = the_instance.fs;

	if (*pos < DIR_END)
		*pos = DIR_END;
	for (u64 k = *pos - DIR_END; k < atomic_load(&fs->nr_mounts); k++) {
		struct fs_mount *m = &fs->mounts[k];
		struct dir_name n = {.name = m->name, .len = m->len};

		if (m->parent == dir && dir->ops->lookup(dir, &n) == -ENOENT &&
			readdir_step(w, m->name, m->len, m->super->root->ino, DT_DIR_, DIR_END + k + 1))
			return;
		*pos = DIR_END + k + 1;
	}
}

/* A fixed directory is listed with no lock held: from where the position stands to where the walk ends. Its entries share no position. */
static int readdir_fixed(struct file *f, struct readdir_wrap *w)
{
	struct dir_pos pos = {0};
	int err;

	mutex_lock(&f->pos_lock);
	pos.at = f->pos;
	mutex_unlock(&f->pos_lock);
	err = pos.at < DIR_END ? f->inode->ops->readdir(f->inode, &pos, readdir_step, w) : 0;
	mutex_lock(&f->pos_lock);
	f->pos = pos.at;
	mutex_unlock(&f->pos_lock);
	return err < 0 ? err : 0;
}

/* pos_lock and the inode lock held. */
static int readdir_locked(struct file *f, struct readdir_wrap *w)
{
	struct inode *dir = f->inode;
	struct dir_pos pos = {f->pos, f->tie};
	int err = 0;

	if (!dir->nlink)
		return -ENOENT;
	if (pos.at < DIR_END)
		err = dir->ops->readdir(dir, &pos, readdir_step, w);
	if (err >= 0 && !w->stopped)
		readdir_mounts(dir, &pos.at, w);
	f->pos = pos.at;
	f->tie = pos.tie;
	return err < 0 ? err : 0;
}

int vfs_readdir(struct file *f, readdir_fn fn, void *arg)
{
	struct inode *dir = f->inode;
	struct readdir_wrap w = {.fn = fn, .arg = arg};
	int err;

	if (!file_readable(f))
		return -EBADF;
	if (!mode_is_dir(dir->mode) || !dir->ops->readdir)
		return -ENOTDIR;
	if (dir->ops->fixed)
		return readdir_fixed(f, &w);
	mutex_lock(&f->pos_lock);
	mutex_lock(&dir->lock);
	err = readdir_locked(f, &w);
	mutex_unlock(&dir->lock);
	mutex_unlock(&f->pos_lock);
	return err;
}

/* Inode lock held: beyond RLIMIT_FSIZE nothing grows; what is longer may shrink. */
static bool grows_too_far(struct inode *i, u64 size)
{
	return size > inode_size(i) && size > limit_of(LIMIT_FSIZE);
}

int vfs_truncate(struct inode *i, u64 size)
{
	int err;

	if (mode_is_dir(i->mode))
		return -EISDIR;
	if (!mode_is_reg(i->mode) || i->fops)
		return -EINVAL;
	if (atomic_load(&i->super->readonly))
		return -EROFS;
	if (size > (u64)INT64_MAX)
		return -EINVAL;
	if (size > i->super->max_size)
		return -EFBIG;
	mutex_lock(&i->lock);
	err = inode_is(i, INODE_KEPT) ? -EPERM : -EFBIG;
	if (err != -EPERM && !grows_too_far(i, size)) {
		inode_touch(i, INODE_MTIME | INODE_CTIME);
		err = dax_truncate(i, size);
	}
	mutex_unlock(&i->lock);
	return err;
}

#define SHIFT_MODES (u32)(FALLOC_COLLAPSE_RANGE_ | FALLOC_INSERT_RANGE_)

int vfs_fallocate_mode(u32 mode)
{
	bool keep_size = mode & FALLOC_KEEP_SIZE_;

	switch (mode & ~(u32)FALLOC_KEEP_SIZE_) {
	case 0:
	case FALLOC_ZERO_RANGE_:
	case FALLOC_UNSHARE_RANGE_:
		return 0;
	case FALLOC_PUNCH_HOLE_:
		return keep_size ? 0 : -EOPNOTSUPP;
	case FALLOC_COLLAPSE_RANGE_:
	case FALLOC_INSERT_RANGE_:
		return keep_size ? -EOPNOTSUPP : 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* Collapse and insert, inode lock held: whole blocks, and both inside the file. */
static int shift_locked(struct inode *i, u64 pos, u64 len, bool insert)
{
	u64 size = inode_size(i);

	if (insert ? pos >= size : pos + len >= size)
		return -EINVAL;
	inode_touch(i, INODE_MTIME | INODE_CTIME);
	return dax_shift(i, pos, len, insert);
}

static int fallocate_locked(struct inode *i, u32 mode, u64 pos, u64 len)
{
	if (inode_is(i, INODE_IMMUTABLE) ||
		(inode_is(i, INODE_APPEND_ONLY) && (mode & ~(u32)FALLOC_KEEP_SIZE_)))
		return -EPERM;
	if ((mode & FALLOC_INSERT_RANGE_) && len > i->super->max_size - inode_size(i))
		return -EFBIG;
	if (mode & SHIFT_MODES)
		return shift_locked(i, pos, len, mode & FALLOC_INSERT_RANGE_);
	if (!(mode & (FALLOC_KEEP_SIZE_ | SHIFT_MODES)) && grows_too_far(i, pos + len))
		return -EFBIG;
	inode_touch(i, INODE_MTIME | INODE_CTIME);
	if (mode & FALLOC_PUNCH_HOLE_)
		return dax_punch(i, pos, len);
	if (mode & FALLOC_ZERO_RANGE_)
		return dax_zero_range(i, pos, len, mode & FALLOC_KEEP_SIZE_);
	return dax_allocate(i, pos, len, mode & FALLOC_KEEP_SIZE_);
}

/* The checks and their order are Linux's, ext4's among them. */
int vfs_fallocate(struct inode *i, u32 mode, u64 pos, u64 len)
{
	int err;

	if (!len || pos > (u64)INT64_MAX || len > (u64)INT64_MAX)
		return -EINVAL;
	err = vfs_fallocate_mode(mode);
	if (err)
		return err;
	if (mode_is_dir(i->mode))
		return -EISDIR;
	if (!mode_is_reg(i->mode) || i->fops)
		return -ENODEV;
	if (pos + len > i->super->max_size)
		return -EFBIG;
	if ((mode & FALLOC_UNSHARE_RANGE_) || (!i->ops->shift_blocks && (mode & SHIFT_MODES)) ||
		(!i->ops->make_unwritten && (mode & FALLOC_ZERO_RANGE_)))
		return -EOPNOTSUPP;
	if (atomic_load(&i->super->readonly))
		return -EROFS;
	if ((mode & SHIFT_MODES) && ((pos | len) & PAGE_MASK))
		return -EINVAL;
	mutex_lock(&i->lock);
	err = fallocate_locked(i, mode, pos, len);
	mutex_unlock(&i->lock);
	return err;
}

int vfs_sync_range(struct inode *i, u64 pos, u64 len, u32 flags)
{
	u64 end = pos + len;

	if (flags & ~(u32)(SYNC_RANGE_WAIT_BEFORE_ | SYNC_RANGE_WRITE_ | SYNC_RANGE_WAIT_AFTER_))
		return -EINVAL;
	if (pos > (u64)INT64_MAX || end > (u64)INT64_MAX || end < pos)
		return -EINVAL;
	if (!mode_is_reg(i->mode) && !mode_is_dir(i->mode) && !mode_is_lnk(i->mode))
		return -ESPIPE;
	/* Who writes has written when it returns: there is nothing to wait for. */
	if (!(flags & SYNC_RANGE_WRITE_) || !mode_is_reg(i->mode))
		return 0;
	return dax_fsync(i, pos >> PAGE_SHIFT, len ? (end - 1) >> PAGE_SHIFT : RANGE_LAST);
}

int vfs_fsync(struct inode *i, u64 first_page, u64 last_page, bool datasync)
{
	int err = dax_fsync(i, first_page, last_page);

	if (!err && !datasync && atomic_load(&i->dirty) && i->ops->write_inode) {
		mutex_lock(&i->lock);
		err = i->nlink ? i->ops->write_inode(i) : 0;
		mutex_unlock(&i->lock);
	}
	if (!err && i->ops->sync_inode)
		err = i->ops->sync_inode(i, datasync);
	return err;
}

/* Memory that is gone at power-off cannot keep what MAP_SYNC promises. */
static bool can_map_sync(const struct inode *i)
{
	return i->ops->commit_map && i->super->region && i->super->region->durable;
}

int vfs_mmap(struct file *f, struct mmap_request *rq)
{
	struct inode *i = f->inode;
	bool shared = rq->flags & VMA_SHARED;
	struct mapping *m;

	if (!mode_is_reg(i->mode) || f->ops || !i->ops->map_extent)
		return -ENODEV;
	if (!file_readable(f))
		return -EACCES;
	if (shared && (rq->flags & VMA_WRITE) && !file_writable(f))
		return -EACCES;
	if (shared && file_writable(f) && inode_is(i, INODE_APPEND_ONLY))
		return -EACCES;
	if ((rq->flags & VMA_SYNC) && !can_map_sync(i))
		return -EOPNOTSUPP;
	if (!shared || file_writable(f))
		rq->flags |= VMA_MAYWRITE;
	else
		rq->flags &= ~(u32)VMA_MAYWRITE;
	if (rq->pgoff + DIV_ROUND_UP(rq->len, PAGE_SIZE) > i->super->max_size >> PAGE_SHIFT)
		return -EOVERFLOW;
	m = dax_mapping(i);
	if (!m)
		return -ENOMEM;
	rq->rmap = &m->rmap;
	rq->file = f;
	rq->inode = i;
	rq->ops = &dax_vm_ops;
	rq->align = inode_size(i) >= HUGE_SIZE ? HUGE_SIZE : 0;
	return 0;
}
