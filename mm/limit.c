/* SPDX-License-Identifier: MIT */
/*
 * The limits on address spaces: RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK of the running process. Clients: mmap, brk, mremap, mprotect, mlock, and
 * the stack as it grows.
 *
 * Rule: what is mapped is kept as a sum; what counts as data or is locked is added up only when a limit asks for it. Limits are looked at when
 * something is added: a limit below what there is takes nothing away. Memory itself is not reserved: a page is taken when it is touched.
 */
#include "kernel/limits.h"
#include "mm/priv.h"

/* Private memory that can be written, but for stacks: what Linux counts for RLIMIT_DATA. */
static bool is_data(u32 flags)
{
	return (flags & (VMA_WRITE | VMA_SHARED | VMA_STACK)) == VMA_WRITE;
}

static bool is_locked(u32 flags)
{
	return flags & VMA_LOCKED;
}

/* Pages of [start, end) in VMAs whose flags `match`; NULL: in any. */
static u64 count_pages(const struct mm *mm, uaddr_t start, uaddr_t end, bool (*match)(u32 flags))
{
	u64 pages = 0;

	for (struct vma *v = vma_find(mm, start); v && v->start.v < end.v; v = vma_next(v))
		if (!match || match(v->flags))
			pages += (MIN(v->end.v, end.v) - MAX(v->start.v, start.v)) >> PAGE_SHIFT;
	return pages;
}

static bool fits(const struct mm *mm, enum limit which, bool (*match)(u32 flags), u64 more)
{
	u64 limit = limit_of(which);

	return limit == LIMIT_NONE || !more ||
		count_pages(mm, UADDR(0), UADDR(USER_TOP), match) + more <= limit >> PAGE_SHIFT;
}

bool mm_may_add(const struct mm *mm, u64 pages, u32 flags)
{
	u64 limit = limit_of(LIMIT_AS);

	if (pages && limit != LIMIT_NONE && mm->total_pages + pages > limit >> PAGE_SHIFT)
		return false;
	return !is_data(flags) || fits(mm, LIMIT_DATA, is_data, pages);
}

bool mm_may_map_at(const struct mm *mm, uaddr_t start, uaddr_t end, u32 flags)
{
	if (likely(limit_of(LIMIT_AS) == LIMIT_NONE && limit_of(LIMIT_DATA) == LIMIT_NONE))
		return true;
	return mm_may_add(mm, ((end.v - start.v) >> PAGE_SHIFT) - count_pages(mm, start, end, NULL), flags);
}

bool mm_may_protect(const struct mm *mm, uaddr_t start, uaddr_t end, u32 prot_flags)
{
	u64 pages = (end.v - start.v) >> PAGE_SHIFT;

	return !(prot_flags & VMA_WRITE) || limit_of(LIMIT_DATA) == LIMIT_NONE ||
		fits(mm, LIMIT_DATA, is_data, pages - count_pages(mm, start, end, is_data));
}

bool mm_may_lock(struct mm *mm, uaddr_t start, u64 len)
{
	uaddr_t end;
	bool ok;

	if (limit_of(LIMIT_MEMLOCK) == LIMIT_NONE || !mm_make_range(start, len, &end))
		return true;
	rwsem_read_lock(&mm->lock);
	ok = fits(mm, LIMIT_MEMLOCK, is_locked,
		count_pages(mm, start, end, NULL) - count_pages(mm, start, end, is_locked));
	rwsem_read_unlock(&mm->lock);
	return ok;
}

bool mm_may_lock_more(const struct mm *mm, u64 pages)
{
	return fits(mm, LIMIT_MEMLOCK, is_locked, pages);
}

bool mm_may_lock_new(struct mm *mm, u64 len)
{
	bool ok;

	rwsem_read_lock(&mm->lock);
	ok = mm_may_lock_more(mm, ALIGN_UP(len, PAGE_SIZE) >> PAGE_SHIFT);
	rwsem_read_unlock(&mm->lock);
	return ok;
}
