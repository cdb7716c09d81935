/* SPDX-License-Identifier: MIT */
/* Shared memory: shm.h. MAP_SHARED|MAP_ANONYMOUS and memfd_create() are made of it. */
#include "kernel/proc/shm.h"

#include "fs/tmpfs.h"
#include "fs/vfs.h"
#include "kernel/proc/files.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/pmm.h"
#include "mm/uaccess.h"

static struct super *shm_super;

int shm_init(void)
{
	return tmpfs_create(pmm_total_pages() / 2, &shm_super);
}

int shm_file(u64 size, const char *name, struct file **out)
{
	struct inode *i;
	int err = tmpfs_new_file(shm_super, size, &i);

	if (err)
		return err;
	err = file_open_inode(i, O_RDWR_ | O_LARGEFILE_, out);
	iput(i);
	if (!err)
		file_place_set(&(*out)->place, NULL, name, strlen(name));
	return err;
}

enum { MFD_CLOEXEC_ = 1, MFD_ALLOW_SEALING_ = 2, MFD_NAME_MAX = 249 };

/* Sealing is allowed and never done. */
long sys_memfd_create(struct trap_frame *f)
{
	struct files *fs = process_current()->files;
	char name[sizeof("/memfd:") + MFD_NAME_MAX] = "/memfd:";
	u32 flags = (u32)f->rsi;
	struct file *file;
	ssize_t len;
	int fd, err;

	if (flags & ~(u32)(MFD_CLOEXEC_ | MFD_ALLOW_SEALING_))
		return -EINVAL;
	len = copy_string_from_user(name + 7, UADDR(f->rdi), sizeof(name) - 7);
	if (len < 0)
		return len == -ENAMETOOLONG ? -EINVAL : len;
	fd = fd_reserve(fs, 0, flags & MFD_CLOEXEC_);
	if (fd < 0)
		return fd;
	err = shm_file(0, name, &file);
	if (err) {
		fd_unreserve(fs, fd);
		return err;
	}
	fd_install(fs, fd, file);
	return fd;
}
