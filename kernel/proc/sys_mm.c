/* SPDX-License-Identifier: MIT */
/* System calls on the address space. */
#include "fs/vfs.h"
#include "kernel/proc/process.h"
#include "kernel/proc/syscall.h"
#include "mm/mm.h"
#include "mm/uaccess.h"

enum { /* Linux x86-64 */
	PROT_READ_ = 1,
	PROT_WRITE_ = 2,
	PROT_EXEC_ = 4,
	PROT_SEM_ = 8,
	MAP_SHARED_ = 1,
	MAP_PRIVATE_ = 2,
	MAP_SHARED_VALIDATE_ = 3,
	MAP_TYPE_ = 0xf,
	MAP_FIXED_ = 0x10,
	MAP_ANONYMOUS_ = 0x20,
	MAP_GROWSDOWN_ = 0x100,
	MAP_DENYWRITE_ = 0x800,
	MAP_EXECUTABLE_ = 0x1000,
	MAP_LOCKED_ = 0x2000,
	MAP_NORESERVE_ = 0x4000,
	MAP_POPULATE_ = 0x8000,
	MAP_NONBLOCK_ = 0x10000,
	MAP_STACK_ = 0x20000,
	MAP_HUGETLB_ = 0x40000,
	MAP_SYNC_ = 0x80000,
	MAP_FIXED_NOREPLACE_ = 0x100000,
};

/* What MAP_SHARED_VALIDATE accepts (MAP_SYNC is answered by the file). Without it unknown flags are ignored. */
#define MAP_VALIDATED                                                                                   \
	(MAP_TYPE_ | MAP_FIXED_ | MAP_ANONYMOUS_ | MAP_DENYWRITE_ | MAP_EXECUTABLE_ | MAP_GROWSDOWN_ |  \
		MAP_LOCKED_ | MAP_NORESERVE_ | MAP_POPULATE_ | MAP_NONBLOCK_ | MAP_STACK_ | MAP_SYNC_ | \
		MAP_FIXED_NOREPLACE_)

static struct mm *current_mm(void)
{
	return thread_current()->mm;
}

/* x86 has neither write-only nor execute-only pages. */
static u32 vma_flags(u32 prot)
{
	u32 flags = 0;

	if (prot & (PROT_READ_ | PROT_WRITE_ | PROT_EXEC_))
		flags |= VMA_READ;
	if (prot & PROT_WRITE_)
		flags |= VMA_WRITE;
	if (prot & PROT_EXEC_)
		flags |= VMA_EXEC;
	return flags;
}

/* The sharing type: VMA_SHARED, 0, or -EINVAL, -EOPNOTSUPP. */
static int map_type(u32 flags)
{
	switch (flags & MAP_TYPE_) {
	case MAP_PRIVATE_:
		return 0;
	case MAP_SHARED_:
		return VMA_SHARED;
	case MAP_SHARED_VALIDATE_:
		return flags & ~MAP_VALIDATED ? -EOPNOTSUPP : VMA_SHARED;
	default:
		return -EINVAL;
	}
}

/* Where: len in bytes is rounded up to pages. */
static int check_place(u32 flags, u64 addr, u64 *len)
{
	if (!*len)
		return -EINVAL;
	if (*len > USER_TOP)
		return -ENOMEM;
	*len = ALIGN_UP(*len, PAGE_SIZE);
	if (!(flags & (MAP_FIXED_ | MAP_FIXED_NOREPLACE_)))
		return 0;
	if (addr & PAGE_MASK)
		return -EINVAL;
	if (addr > USER_TOP - *len)
		return -ENOMEM;
	return addr < MM_MMAP_MIN ? -EPERM : 0;
}

static long map_file(struct mmap_request *rq, u32 flags, int fd, u64 offset)
{
	struct file *file = sys_get_file(fd);
	u64 last;
	long ret;

	if (!file)
		return -EBADF;
	rq->pgoff = offset >> PAGE_SHIFT;
	if ((flags & MAP_TYPE_) == MAP_SHARED_VALIDATE_ && (flags & MAP_SYNC_))
		rq->flags |= VMA_SYNC;
	if (__builtin_add_overflow(offset, rq->len, &last) || (i64)last < 0)
		ret = -EOVERFLOW;
	else if (rq->flags & VMA_SYNC)
		ret = -EOPNOTSUPP; /* until the journal promises that an acknowledged store can be reached after a crash */
	else
		ret = vfs_mmap(file, rq);
	if (!ret)
		ret = mm_map(current_mm(), rq);
	file_put(file);
	return ret;
}

long sys_mmap(struct trap_frame *f)
{
	u32 prot = (u32)f->rdx, flags = (u32)f->r10;
	u64 addr = f->rdi, len = f->rsi, offset = f->r9;
	int type = map_type(flags), err;
	struct mmap_request rq;
	long ret;

	if (offset & PAGE_MASK)
		return -EINVAL;
	if (type < 0)
		return type;
	err = check_place(flags, addr, &len);
	if (err)
		return err;
	if (addr > USER_TOP - len)
		addr = 0; /* a hint that cannot be followed is none */
	rq = (struct mmap_request){
		.addr = UADDR(addr & ~PAGE_MASK),
		.len = len,
		.flags = vma_flags(prot) | (u32)type | VMA_MAYWRITE,
		.fixed = flags & (MAP_FIXED_ | MAP_FIXED_NOREPLACE_),
		.noreplace = flags & MAP_FIXED_NOREPLACE_,
	};
	if (!(flags & MAP_ANONYMOUS_))
		ret = map_file(&rq, flags, (int)f->r8, offset);
	else if (type == VMA_SHARED || (flags & MAP_HUGETLB_))
		ret = -EOPNOTSUPP; /* shared memory needs a file: map one */
	else
		ret = mm_map(current_mm(), &rq);
	if (ret > 0 && (flags & MAP_POPULATE_) && (prot & (PROT_READ_ | PROT_WRITE_)))
		(void)prefault_user(
			UADDR((u64)ret), len, prot & PROT_WRITE_); /* advice: errors show at the access */
	return ret;
}

long sys_munmap(struct trap_frame *f)
{
	u64 addr = f->rdi, len = f->rsi;

	if ((addr & PAGE_MASK) || !len || len > USER_TOP || addr > USER_TOP - ALIGN_UP(len, PAGE_SIZE))
		return -EINVAL;
	return mm_unmap(current_mm(), UADDR(addr), ALIGN_UP(len, PAGE_SIZE));
}

/* Checks [addr, addr+len) of mprotect, madvise and msync; 0 with *len rounded up, maybe 0. */
static int check_range(u64 addr, u64 *len)
{
	if (addr & PAGE_MASK)
		return -EINVAL;
	if (*len > USER_TOP)
		return -ENOMEM;
	*len = ALIGN_UP(*len, PAGE_SIZE);
	return addr > USER_TOP - *len ? -ENOMEM : 0;
}

long sys_mprotect(struct trap_frame *f)
{
	u64 len = f->rsi;
	u32 prot = (u32)f->rdx;
	int err;

	if (prot & ~(PROT_READ_ | PROT_WRITE_ | PROT_EXEC_ | PROT_SEM_))
		return -EINVAL;
	err = check_range(f->rdi, &len);
	if (err || !len)
		return err;
	return mm_protect(current_mm(), UADDR(f->rdi), len, vma_flags(prot));
}

enum {
	MADV_NORMAL_ = 0,
	MADV_WILLNEED_ = 3,
	MADV_DONTNEED_ = 4,
	MADV_FREE_ = 8,
	MADV_HUGEPAGE_ = 14,
	MADV_DODUMP_ = 17
};

static int no_op(void *arg UNUSED, struct file *f UNUSED, u64 first UNUSED, u64 last UNUSED)
{
	return 0;
}

long sys_madvise(struct trap_frame *f)
{
	u64 len = f->rsi;
	int advice = (int)f->rdx;
	int err = check_range(f->rdi, &len);

	if (err)
		return -EINVAL;
	if (advice == MADV_DONTNEED_)
		return len ? mm_discard(current_mm(), UADDR(f->rdi), len) : 0;
	/* Hints that need nothing done. */
	if ((advice >= MADV_NORMAL_ && advice <= MADV_WILLNEED_) || advice == MADV_FREE_ ||
		(advice >= MADV_HUGEPAGE_ && advice <= MADV_DODUMP_))
		return len ? mm_for_each_file_range(current_mm(), UADDR(f->rdi), len, no_op, NULL) : 0;
	return -EINVAL;
}

enum { MS_ASYNC_ = 1, MS_INVALIDATE_ = 2, MS_SYNC_ = 4 };

static int sync_range(void *arg UNUSED, struct file *f, u64 first, u64 last)
{
	return vfs_fsync(f->inode, first, last, true);
}

long sys_msync(struct trap_frame *f)
{
	u64 len = f->rsi;
	u32 flags = (u32)f->rdx;
	int err;

	if ((flags & ~(MS_ASYNC_ | MS_INVALIDATE_ | MS_SYNC_)) ||
		(flags & (MS_ASYNC_ | MS_SYNC_)) == (MS_ASYNC_ | MS_SYNC_))
		return -EINVAL;
	err = check_range(f->rdi, &len);
	if (err || !len)
		return err;
	return mm_for_each_file_range(
		current_mm(), UADDR(f->rdi), len, flags & MS_SYNC_ ? sync_range : no_op, NULL);
}

long sys_brk(struct trap_frame *f)
{
	return mm_brk(current_mm(), UADDR(f->rdi));
}
