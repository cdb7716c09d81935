/* SPDX-License-Identifier: MIT */
/* System calls on the address space. */
#include "drivers/pmem.h"
#include "fs/vfs.h"
#include "kernel/limits.h"
#include "kernel/log.h"
#include "kernel/proc/process.h"
#include "kernel/proc/pseudo.h"
#include "kernel/proc/shm.h"
#include "kernel/proc/syscall.h"
#include "mm/kmem.h"
#include "mm/mm.h"
#include "mm/pin.h"
#include "mm/poison.h"
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
	MAP_32BIT_ = 0x40,
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

#define MAP_32BIT_TOP (2ull << 30) /* signed 32 bits */

/* What MAP_SHARED_VALIDATE accepts (MAP_SYNC is answered by the file). Without it unknown flags are ignored. */
#define MAP_VALIDATED                                                                                        \
	(MAP_TYPE_ | MAP_FIXED_ | MAP_ANONYMOUS_ | MAP_32BIT_ | MAP_DENYWRITE_ | MAP_EXECUTABLE_ |           \
		MAP_GROWSDOWN_ | MAP_LOCKED_ | MAP_NORESERVE_ | MAP_POPULATE_ | MAP_NONBLOCK_ | MAP_STACK_ | \
		MAP_SYNC_ | MAP_FIXED_NOREPLACE_)

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

/* Anonymous memory that survives fork as one: a file without a name. */
static long map_shared(struct mmap_request *rq, bool may_write)
{
	struct file *file;
	long ret = shm_file(rq->len, "/dev/zero", &file);

	if (ret)
		return ret;
	ret = vfs_mmap(file, rq);
	if (!may_write)
		rq->flags &= ~(u32)VMA_MAYWRITE;
	if (!ret)
		ret = mm_map(current_mm(), rq);
	file_put(file);
	return ret;
}

/* Memory as without a file, with what the descriptor allows. */
static long map_zero(const struct file *file, struct mmap_request *rq)
{
	bool shared = rq->flags & VMA_SHARED;

	if (!file_readable(file) || (shared && (rq->flags & VMA_WRITE) && !file_writable(file)))
		return -EACCES;
	if (rq->flags & VMA_SYNC)
		return -EOPNOTSUPP;
	rq->pgoff = 0;
	return shared ? map_shared(rq, file_writable(file)) : mm_map(current_mm(), rq);
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
	else if (file->ops == &zero_fops)
		ret = map_zero(file, rq);
	else
		ret = vfs_mmap(file, rq);
	if (!ret)
		ret = mm_map(current_mm(), rq);
	file_put(file);
	return ret;
}

static bool wants_populating(u32 flags)
{
	u32 all = current_mm()->map_flags;

	if (flags & MAP_POPULATE_)
		return !(flags & MAP_NONBLOCK_);
	return (flags & MAP_LOCKED_) || (all & (VMA_LOCKED | VMA_LOCKONFAULT)) == VMA_LOCKED;
}

/* With a limit of 0 nothing is locked at all. */
static bool may_not_lock(void)
{
	return !limit_of(LIMIT_MEMLOCK);
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
	if ((flags & MAP_LOCKED_) && may_not_lock())
		return -EPERM;
	if (((flags & MAP_LOCKED_) || (current_mm()->map_flags & VMA_LOCKED)) &&
		!mm_may_lock_new(current_mm(), len))
		return -EAGAIN;
	if (addr > USER_TOP - len)
		addr = 0; /* a hint that cannot be followed is none */
	rq = (struct mmap_request){
		.addr = UADDR(addr & ~PAGE_MASK),
		.len = len,
		.flags = vma_flags(prot) | (u32)type | VMA_MAYWRITE | (flags & MAP_LOCKED_ ? VMA_LOCKED : 0),
		.fixed = flags & (MAP_FIXED_ | MAP_FIXED_NOREPLACE_),
		.noreplace = flags & MAP_FIXED_NOREPLACE_,
		.below = flags & MAP_32BIT_ ? MAP_32BIT_TOP : 0,
	};
	if (!(flags & MAP_ANONYMOUS_))
		ret = map_file(&rq, flags, (int)f->r8, offset);
	else if (flags & MAP_HUGETLB_)
		ret = -EOPNOTSUPP; /* large pages come by themselves, where a file has them */
	else if (type == VMA_SHARED)
		ret = map_shared(&rq, true);
	else
		ret = mm_map(current_mm(), &rq);
	if (ret > 0 && wants_populating(flags))
		(void)mm_populate(current_mm(), UADDR((u64)ret), len,
			POPULATE_TOUCH); /* advice: errors show at the access */
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

enum { MREMAP_MAYMOVE_ = 1, MREMAP_FIXED_ = 2, MREMAP_DONTUNMAP_ = 4 };

long sys_mremap(struct trap_frame *f)
{
	u32 flags = (u32)f->r10;
	struct mremap_request rq = {
		.addr = UADDR(f->rdi),
		.old_len = f->rsi,
		.new_len = f->rdx,
		.new_addr = UADDR(f->r8),
		.may_move = flags & MREMAP_MAYMOVE_,
		.fixed = flags & MREMAP_FIXED_,
		.keep_old = flags & MREMAP_DONTUNMAP_,
	};
	long ret;

	if (flags & ~(u32)(MREMAP_MAYMOVE_ | MREMAP_FIXED_ | MREMAP_DONTUNMAP_))
		return -EINVAL;
	ret = mm_remap(current_mm(), &rq);
	if (ret > 0 && rq.new_len > rq.old_len) { /* what was locked stays populated */
		u32 all, any;

		if (!mm_flags_of(current_mm(), UADDR((u64)ret), rq.new_len, &all, &any) &&
			(any & (VMA_LOCKED | VMA_LOCKONFAULT)) == VMA_LOCKED)
			(void)mm_populate(current_mm(), UADDR((u64)ret), rq.new_len, POPULATE_TOUCH);
	}
	return ret;
}

#define MINCORE_PIECE 512u /* pages looked at under one hold of mm->lock */

long sys_mincore(struct trap_frame *f)
{
	u64 at = f->rdi, left = DIV_ROUND_UP(f->rsi, PAGE_SIZE);
	uaddr_t vec = UADDR(f->rdx);
	u8 *buf;
	int err = 0;

	if (at & PAGE_MASK)
		return -EINVAL;
	if (f->rsi > USER_TOP || at > USER_TOP - f->rsi)
		return -ENOMEM;
	if (!user_range_ok(vec, left))
		return -EFAULT;
	buf = kmalloc(MINCORE_PIECE);
	if (!buf)
		return -EAGAIN;
	while (!err && left) {
		u64 n = MIN(left, MINCORE_PIECE);

		err = mm_resident(current_mm(), UADDR(at), n, buf);
		if (!err)
			err = copy_to_user(vec, buf, n);
		at += n << PAGE_SHIFT;
		vec = uaddr_add(vec, n);
		left -= n;
	}
	kfree(buf);
	return err;
}

/* The range of mlock and munlock, which need not begin at a page: in whole pages. */
static int lock_range(u64 addr, u64 len, uaddr_t *start, u64 *whole)
{
	*start = UADDR(ALIGN_DOWN(addr, PAGE_SIZE));
	*whole = ALIGN_UP(len + (addr & PAGE_MASK), PAGE_SIZE); /* as on Linux, a length that wraps is 0 */
	if (start->v + *whole < start->v)
		return -EINVAL;
	return start->v + *whole > USER_TOP ? -ENOMEM : 0;
}

/* The pages of a DAX file never leave, and there is no swap: to lock is to fault in, and to remember it. */
static long do_mlock(u64 addr, u64 len, u32 flags)
{
	uaddr_t start;
	u64 whole;
	int err = may_not_lock() ? -EPERM : lock_range(addr, len, &start, &whole);

	if (!err && !mm_may_lock(current_mm(), start, whole))
		err = -ENOMEM;
	if (!err)
		err = mm_change_flags(current_mm(), start, whole, VMA_LOCKONFAULT, flags);
	if (!err && flags == VMA_LOCKED)
		err = mm_populate(current_mm(), start, whole, POPULATE_TOUCH);
	return err == -EFAULT ? -ENOMEM : err;
}

long sys_mlock(struct trap_frame *f)
{
	return do_mlock(f->rdi, f->rsi, VMA_LOCKED);
}

enum { MLOCK_ONFAULT_ = 1 };

long sys_mlock2(struct trap_frame *f)
{
	u32 flags = (u32)f->rdx;

	if (flags & ~(u32)MLOCK_ONFAULT_)
		return -EINVAL;
	return do_mlock(f->rdi, f->rsi, VMA_LOCKED | (flags ? VMA_LOCKONFAULT : 0));
}

long sys_munlock(struct trap_frame *f)
{
	uaddr_t start;
	u64 whole;
	int err = lock_range(f->rdi, f->rsi, &start, &whole);

	return err ? err : mm_change_flags(current_mm(), start, whole, VMA_LOCKED | VMA_LOCKONFAULT, 0);
}

enum { MCL_CURRENT_ = 1, MCL_FUTURE_ = 2, MCL_ONFAULT_ = 4 };

long sys_mlockall(struct trap_frame *f)
{
	u32 how = (u32)f->rdi, flags = VMA_LOCKED | (how & MCL_ONFAULT_ ? VMA_LOCKONFAULT : 0);

	if (!how || how == MCL_ONFAULT_ || (how & ~(u32)(MCL_CURRENT_ | MCL_FUTURE_ | MCL_ONFAULT_)))
		return -EINVAL;
	if (may_not_lock())
		return -EPERM;
	if ((how & MCL_CURRENT_) && !mm_may_lock(current_mm(), UADDR(0), USER_TOP))
		return -ENOMEM;
	mm_lock_all(current_mm(), how & MCL_CURRENT_ ? flags : 0, how & MCL_FUTURE_ ? flags : 0);
	if (how & MCL_CURRENT_)
		mm_populate_locked(current_mm());
	return 0;
}

long sys_munlockall(struct trap_frame *f UNUSED)
{
	mm_unlock_all(current_mm());
	return 0;
}

enum { /* Linux: include/uapi/asm-generic/mman-common.h names them */
	MADV_NORMAL_ = 0,
	MADV_WILLNEED_ = 3,
	MADV_DONTNEED_ = 4,
	MADV_FREE_ = 8,
	MADV_REMOVE_ = 9,
	MADV_DONTFORK_ = 10,
	MADV_DOFORK_ = 11,
	MADV_HUGEPAGE_ = 14,
	MADV_DODUMP_ = 17,
	MADV_WIPEONFORK_ = 18,
	MADV_KEEPONFORK_ = 19,
	MADV_COLD_ = 20,
	MADV_PAGEOUT_ = 21,
	MADV_POPULATE_READ_ = 22,
	MADV_POPULATE_WRITE_ = 23,
	MADV_DONTNEED_LOCKED_ = 24,
	MADV_HWPOISON_ = 100,
};

static int no_op(void *arg UNUSED, struct file *f UNUSED, u64 first UNUSED, u64 last UNUSED)
{
	return 0;
}

static int punch_range(void *arg UNUSED, struct file *f, u64 first, u64 last)
{
	return vfs_fallocate(f->inode, FALLOC_PUNCH_HOLE_ | FALLOC_KEEP_SIZE_, first << PAGE_SHIFT,
		(last - first + 1) << PAGE_SHIFT);
}

/* MADV_POPULATE_*: a right that is missing is the caller's mistake. */
static int populate(uaddr_t start, u64 len, bool write)
{
	u32 all, any, right = write ? VMA_WRITE : VMA_READ;

	if (!mm_flags_of(current_mm(), start, len, &all, &any) && !(all & right))
		return -EINVAL;
	return mm_populate(current_mm(), start, len, write ? POPULATE_WRITE : POPULATE_READ);
}

/* MADV_HWPOISON, for tests: as if a machine check had named the pages. Only the medium's pages can be bad. */
static int poison_range(uaddr_t start, u64 len)
{
	int err = 0;

	for (u64 off = 0; off < len && !err; off += PAGE_SIZE) {
		struct mm_pin pin;

		err = mm_pin(current_mm(), uaddr_add(start, off), false, &pin);
		if (err)
			break;
		if (pmem_find(pin.pa)) {
			pr_warn("mce", "madvise(MADV_HWPOISON): page %#llx counts as bad from now on",
				(unsigned long long)pin.pa.v);
			err = poison_page(pin.pa);
		} else {
			err = -EOPNOTSUPP; /* memory of tmpfs */
		}
		mm_unpin(&pin);
	}
	return err;
}

/* What there is no room for to note may be noted later, unlike a hole. */
static int advise_vmas(uaddr_t start, u64 len, int hole, u32 clear, u32 set)
{
	int err = hole ? hole : mm_change_flags(current_mm(), start, len, clear, set);

	return err == -ENOMEM && !hole ? -EAGAIN : err;
}

static int advise(uaddr_t start, u64 len, int advice)
{
	struct mm *mm = current_mm();
	u32 all = 0, any = 0;
	int hole = mm_flags_of(mm, start, len, &all, &any);

	switch (advice) {
	case MADV_NORMAL_ ... MADV_WILLNEED_: /* hints that need nothing done, also the next two lines */
	case MADV_HUGEPAGE_ ... MADV_DODUMP_:
		return hole;
	case MADV_FREE_:
		return any & (VMA_LOCKED | VMA_FILE) ? -EINVAL : hole;
	case MADV_COLD_:
	case MADV_PAGEOUT_:
		return any & VMA_LOCKED ? -EINVAL : hole;
	case MADV_DONTNEED_:
	case MADV_DONTNEED_LOCKED_:
		return mm_discard(mm, start, len, advice == MADV_DONTNEED_LOCKED_);
	case MADV_REMOVE_:
		if ((any & VMA_LOCKED) || (!hole && !(all & VMA_FILE)))
			return -EINVAL;
		if ((all & (VMA_SHARED | VMA_WRITE)) != (VMA_SHARED | VMA_WRITE))
			return hole ? hole : -EACCES;
		return mm_for_each_file_range(mm, start, len, punch_range, NULL);
	case MADV_DONTFORK_:
		return advise_vmas(start, len, hole, 0, VMA_DONTFORK);
	case MADV_DOFORK_:
		return advise_vmas(start, len, hole, VMA_DONTFORK, 0);
	case MADV_WIPEONFORK_:
		return any & VMA_FILE ? -EINVAL : advise_vmas(start, len, hole, 0, VMA_WIPEONFORK);
	case MADV_HWPOISON_:
		return hole ? hole : poison_range(start, len);
	case MADV_KEEPONFORK_:
		return advise_vmas(start, len, hole, VMA_WIPEONFORK, 0);
	default:
		return populate(start, len, advice == MADV_POPULATE_WRITE_);
	}
}

static bool is_advice(int advice)
{
	return (advice >= MADV_NORMAL_ && advice <= MADV_DONTNEED_) ||
		(advice >= MADV_FREE_ && advice <= MADV_DOFORK_) ||
		(advice >= MADV_HUGEPAGE_ && advice <= MADV_DONTNEED_LOCKED_) || advice == MADV_HWPOISON_;
}

long sys_madvise(struct trap_frame *f)
{
	u64 len = f->rsi;

	if (!is_advice((int)f->rdx) || check_range(f->rdi, &len))
		return -EINVAL;
	return len ? advise(UADDR(f->rdi), len, (int)f->rdx) : 0;
}

enum { MS_ASYNC_ = 1, MS_INVALIDATE_ = 2, MS_SYNC_ = 4 };

static int sync_range(void *arg UNUSED, struct file *f, u64 first, u64 last)
{
	return vfs_fsync(f->inode, first, last, true);
}

long sys_msync(struct trap_frame *f)
{
	u64 len = f->rsi;
	u32 flags = (u32)f->rdx, all, any;
	int err;

	if ((flags & ~(MS_ASYNC_ | MS_INVALIDATE_ | MS_SYNC_)) ||
		(flags & (MS_ASYNC_ | MS_SYNC_)) == (MS_ASYNC_ | MS_SYNC_))
		return -EINVAL;
	err = check_range(f->rdi, &len);
	if (err || !len)
		return err;
	if ((flags & MS_INVALIDATE_) && !mm_flags_of(current_mm(), UADDR(f->rdi), len, &all, &any) &&
		(any & VMA_LOCKED))
		return -EBUSY;
	return mm_for_each_file_range(
		current_mm(), UADDR(f->rdi), len, flags & MS_SYNC_ ? sync_range : no_op, NULL);
}

long sys_brk(struct trap_frame *f)
{
	return mm_brk(current_mm(), UADDR(f->rdi));
}
