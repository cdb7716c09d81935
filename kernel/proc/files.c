/* SPDX-License-Identifier: MIT */
/* The descriptor table. Rules: files.h. */
#include "kernel/proc/files.h"

#include "fs/file_lock.h"
#include "fs/vfs.h"
#include "kernel/limits.h"
#include "kernel/log.h"
#include "lib/string.h"
#include "mm/kmem.h"

#define FD_RESERVED ((struct file *)1)
#define FD_FIRST_SIZE 32

static const struct lock_class files_class = {"file table", RANK_FILE_TABLE, false};

static void set_cloexec(struct files *fs, unsigned fd, bool on)
{
	u64 bit = 1ull << (fd % 64);

	fs->cloexec[fd / 64] = on ? fs->cloexec[fd / 64] | bit : fs->cloexec[fd / 64] & ~bit;
}

static bool get_cloexec(const struct files *fs, unsigned fd)
{
	return fs->cloexec[fd / 64] >> (fd % 64) & 1;
}

static struct files *files_alloc(unsigned size)
{
	struct files *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	fs->slots = kcalloc(size, sizeof(fs->slots[0]));
	if (!fs->slots) {
		kfree(fs);
		return NULL;
	}
	fs->size = size;
	mutex_init(&fs->lock, &files_class);
	return fs;
}

struct files *files_create(void)
{
	return files_alloc(FD_FIRST_SIZE);
}

struct files *files_clone(struct files *from)
{
	struct files *fs;

	mutex_lock(&from->lock);
	fs = files_alloc(from->size);
	for (unsigned i = 0; fs && i < from->size; i++) {
		if (!from->slots[i] || from->slots[i] == FD_RESERVED)
			continue;
		file_get(from->slots[i]);
		fs->slots[i] = from->slots[i];
		set_cloexec(fs, i, get_cloexec(from, i));
	}
	mutex_unlock(&from->lock);
	return fs;
}

/* A file leaves the table. Whichever descriptor of a file a process closes, its record locks on the file go. */
static void let_go(struct files *fs, struct file *f)
{
	file_locks_release(f->inode, FILE_LOCK_PROCESS, fs);
	file_put(f);
}

void files_destroy(struct files *fs)
{
	for (unsigned i = 0; i < fs->size; i++)
		if (fs->slots[i] && fs->slots[i] != FD_RESERVED)
			let_go(fs, fs->slots[i]);
	kfree(fs->slots);
	kfree(fs);
}

void files_close_on_exec(struct files *fs)
{
	for (unsigned i = 0; i < fs->size; i++) {
		bool marked;

		mutex_lock(&fs->lock);
		marked = get_cloexec(fs, i);
		mutex_unlock(&fs->lock);
		if (marked)
			fd_close(fs, (int)i);
	}
}

/* Makes room for slot `need`. -ENOMEM. */
static int grow_locked(struct files *fs, unsigned need)
{
	unsigned size = fs->size;
	struct file **slots;

	while (size <= need)
		size *= 2;
	if (size == fs->size)
		return 0;
	slots = kcalloc(size, sizeof(slots[0]));
	if (!slots)
		return -ENOMEM;
	memcpy(slots, fs->slots, fs->size * sizeof(slots[0]));
	kfree(fs->slots);
	fs->slots = slots;
	fs->size = size;
	return 0;
}

unsigned fd_limit(void)
{
	return (unsigned)MIN(limit_of(LIMIT_NOFILE), (u64)FD_MAX);
}

int fd_reserve(struct files *fs, int min, bool cloexec)
{
	unsigned fd;
	int err = -EMFILE;

	mutex_lock(&fs->lock);
	for (fd = (unsigned)min; fd < fs->size && fs->slots[fd]; fd++)
		;
	if (fd < fd_limit())
		err = grow_locked(fs, fd);
	if (!err) {
		fs->slots[fd] = FD_RESERVED;
		set_cloexec(fs, fd, cloexec);
	}
	mutex_unlock(&fs->lock);
	return err ? err : (int)fd;
}

void fd_install(struct files *fs, int fd, struct file *f)
{
	mutex_lock(&fs->lock);
	BUG_ON(fs->slots[fd] != FD_RESERVED);
	fs->slots[fd] = f;
	mutex_unlock(&fs->lock);
}

void fd_unreserve(struct files *fs, int fd)
{
	mutex_lock(&fs->lock);
	BUG_ON(fs->slots[fd] != FD_RESERVED);
	fs->slots[fd] = NULL;
	set_cloexec(fs, (unsigned)fd, false);
	mutex_unlock(&fs->lock);
}

/* The file in slot fd, or NULL. */
static struct file *slot_locked(const struct files *fs, int fd)
{
	if (fd < 0 || (unsigned)fd >= fs->size || fs->slots[fd] == FD_RESERVED)
		return NULL;
	return fs->slots[fd];
}

struct file *fd_get(struct files *fs, int fd)
{
	struct file *f;

	mutex_lock(&fs->lock);
	f = slot_locked(fs, fd);
	if (f)
		file_get(f);
	mutex_unlock(&fs->lock);
	return f;
}

int fd_close(struct files *fs, int fd)
{
	struct file *f;

	mutex_lock(&fs->lock);
	f = slot_locked(fs, fd);
	if (f) {
		fs->slots[fd] = NULL;
		set_cloexec(fs, (unsigned)fd, false);
	}
	mutex_unlock(&fs->lock);
	if (!f)
		return -EBADF;
	let_go(fs, f);
	return 0;
}

int fd_next(struct files *fs, int from)
{
	int found = -1;

	mutex_lock(&fs->lock);
	for (int fd = from; found < 0 && fd >= 0 && (unsigned)fd < fs->size; fd++)
		if (slot_locked(fs, fd))
			found = fd;
	mutex_unlock(&fs->lock);
	return found;
}

void fd_close_range(struct files *fs, u32 first, u32 last, bool cloexec)
{
	for (u32 fd = first; fd <= last && fd < FD_MAX; fd++) {
		if (cloexec)
			fd_set_cloexec(fs, (int)fd, true);
		else
			fd_close(fs, (int)fd);
	}
}

int fd_replace(struct files *fs, int from, int to, bool cloexec)
{
	struct file *f, *old = NULL;
	int err = -EBADF;

	if (to < 0 || (unsigned)to >= fd_limit())
		return -EBADF;
	mutex_lock(&fs->lock);
	f = slot_locked(fs, from);
	if (f)
		err = grow_locked(fs, (unsigned)to);
	if (!err && fs->slots[to] == FD_RESERVED)
		err = -EBUSY;
	if (!err) {
		old = fs->slots[to];
		file_get(f);
		fs->slots[to] = f;
		set_cloexec(fs, (unsigned)to, cloexec);
	}
	mutex_unlock(&fs->lock);
	if (old)
		let_go(fs, old);
	return err;
}

int fd_get_cloexec(struct files *fs, int fd)
{
	int ret = -EBADF;

	mutex_lock(&fs->lock);
	if (slot_locked(fs, fd))
		ret = get_cloexec(fs, (unsigned)fd);
	mutex_unlock(&fs->lock);
	return ret;
}

int fd_set_cloexec(struct files *fs, int fd, bool on)
{
	int ret = -EBADF;

	mutex_lock(&fs->lock);
	if (slot_locked(fs, fd)) {
		set_cloexec(fs, (unsigned)fd, on);
		ret = 0;
	}
	mutex_unlock(&fs->lock);
	return ret;
}
