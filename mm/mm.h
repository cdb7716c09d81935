/* SPDX-License-Identifier: MIT */
/*
 * User address spaces: VMAs in a tree, faults, mmap and its kin.
 *
 * Locks: mm->lock (rwsem) guards the shape of the VMA tree. Each VMA has its own lock: a fault holds it
 * shared and takes no mm-wide lock; whoever changes or removes a VMA holds mm->lock for writing and the
 * VMA's lock exclusively. VMAs are type-stable within their mm (a removed VMA goes to the mm's free
 * list and back to the object allocator only with the mm), so a fault may look the tree up without a
 * lock, lock what it found and then check that it is still in the tree and still spans the address
 * (mm/vma.c).
 */
#ifndef MM_MM_H
#define MM_MM_H

#include "kernel/sync/rwsem.h"
#include "lib/interval_tree.h"
#include "mm/pagetable.h"
#include "mm/rmap.h"

enum { /* vma.flags */
	VMA_READ = 1,
	VMA_WRITE = 2,
	VMA_EXEC = 4,
	VMA_SHARED = 8,
	VMA_MAYWRITE = 16, /* mprotect may add VMA_WRITE */
	VMA_STACK = 32,    /* grows down, guard gap below */
	VMA_SYNC = 64,     /* MAP_SYNC */
	VMA_LOCKED = 128,  /* mlock: to be kept populated. Pages never leave anyway */
	VMA_DONTFORK = 256,
	VMA_WIPEONFORK = 512,   /* a child has it empty; anonymous memory only */
	VMA_LOCKONFAULT = 1024, /* with VMA_LOCKED: nobody populates it */
	VMA_FILE = 2048,        /* of a file: told by mm_flags_of(), in no VMA */
};

struct fault;
struct vma;
struct file;
struct mm_pin;

enum fault_result {
	FAULT_DONE,
	FAULT_RETRY,       /* the world changed: look the VMA up again */
	FAULT_SIGSEGV_MAP, /* no mapping (SEGV_MAPERR) */
	FAULT_SIGSEGV_ACC, /* permissions (SEGV_ACCERR) */
	FAULT_SIGBUS,      /* past the end of the file, or EIO (BUS_ADRERR) */
	FAULT_HWPOISON,    /* SIGBUS too: the page is bad (BUS_MCEERR_AR) */
	FAULT_OOM,
	FAULT_FALLBACK, /* from vm_ops, asked for 2 MiB: not possible here and now, 4 KiB may be */
};

/* A file system's side of a mapping. Called with the VMA locked shared; may sleep. */
struct vm_ops {
	/* Nothing mapped, or (cow) a private write to a read-only file page. Installs an entry by the
	 * vm_insert_* calls. */
	enum fault_result (*fault)(struct vma *v, struct fault *f);
	/* Write to a present, read-only entry of a shared writable mapping. */
	enum fault_result (*mkwrite)(struct vma *v, struct fault *f);
	/* Both of them for 2 MiB (f->order 9), or FAULT_FALLBACK. Never a private write. NULL: 4 KiB only. */
	enum fault_result (*huge_fault)(struct vma *v, struct fault *f);
	void (*open)(struct vma *v);  /* v was copied or split: take references */
	void (*close)(struct vma *v); /* v is gone: drop them. Called without mm->lock where possible */
	const char *(*name)(struct vma *v);
	/* Counts a pin on page pgoff of v's file and fills *p in but for p->pa; -ENOMEM. The VMA is locked, no entry need be
	 * there. unpin undoes it, also when v is long gone; it may drop the last reference of the file. */
	int (*pin)(struct vma *v, u64 pgoff, struct mm_pin *p);
	void (*unpin)(const struct mm_pin *p);
};

struct vma {
	/* m: changes under mm->lock (w) and the VMA lock (w); stable under either */
	uaddr_t start, end;     /* m; page-aligned, end exclusive */
	u32 flags;              /* m; VMA_* */
	_Atomic(bool) detached; /* m; not in the tree (any more) */
	u64 pgoff;              /* m, and rmap->lock; page offset in the file of `start` */
	struct mm *mm;
	struct rmap *rmap;         /* NULL: anonymous. Set for file mappings, shared and private */
	struct file *file;         /* counted by ops->open/close; NULL: anonymous */
	void *inode;               /* for ops; struct inode of the file */
	const struct vm_ops *ops;  /* NULL: anonymous */
	struct tree_node node;     /* m; mm->vmas, by address */
	u64 tree_first, tree_last; /* m; span of the subtree */
	union {
		u64 tree_gap;          /* m; largest hole inside the subtree */
		struct vma *free_next; /* detached: free list, or the list of who removed it */
	};
	struct interval_node rmap_node; /* rmap->lock */
	_Atomic(u64) lock_state;        /* per-VMA reader/writer lock, mm/vma.c */
};

struct mm {
	struct rwsem lock;               /* RANK_MM */
	struct tree vmas;                /* m */
	u32 nr_vmas;                     /* m */
	_Atomic(struct vma *) free_vmas; /* pushed by anyone, popped under mm->lock (w) */
	paddr_t root;                    /* page-table root; constant */
	uaddr_t brk_start, brk;          /* m */
	uaddr_t mmap_top;                /* addresses are handed out downwards from here */
	u64 total_pages;                 /* m; mapped, for limits */
	u32 map_flags;                   /* m; VMA_* of every new mapping: mlockall(MCL_FUTURE) */
	_Atomic(u64) loaded;             /* CPUs that have this address space loaded */
	_Atomic(u64) tlb_gen;            /* counts shootdowns */
	_Atomic(u32) tlb_pending; /* gathers that may have changed entries and not shot them down yet */
	_Atomic(u32) refs;
	struct waitq vma_wait; /* waiters of per-VMA locks and of busy entries */
};

#define MM_MMAP_MIN 0x10000ull     /* nothing is ever mapped below: null pointers with offsets */
#define MM_STACK_MAX (8ull << 20)  /* a VMA_STACK grows to this, unless RLIMIT_STACK says otherwise */
#define MM_STACK_GAP (64ull << 10) /* and keeps this far from what is below it */
#define MM_MMAP_TOP (USER_TOP - (16ull << 20)) /* default of mmap_top: the stack lives above */
#define MM_MAX_VMAS 65530

/* What a fault handler is told, and the state of vm_insert_*. */
struct fault {
	struct vma *vma;
	uaddr_t addr; /* aligned to the order */
	u64 pgoff;    /* page offset in the file of addr */
	bool write, exec, user;
	bool cow;          /* private mapping, write: the handler provides the copy */
	unsigned order;    /* 0; or 9: the 2 MiB at addr, which lie in the VMA */
	struct pt_slot pt; /* mm_fault's: the slot of addr; stays while the VMA is locked */
};

/* Installs an entry for f->addr unless something newer is there: 0, -EAGAIN (another entry is present;
 * the fault is retried by hardware), -ENOMEM, -EHWPOISON (a page of it is bad). vm_insert_pmem: shared or private read. `write`: writable
 * (and hardware-dirty). With f->order 9 the frame (the zero page too) is 2 MiB, aligned. It upgrades a read-only entry of the same frame and replaces nothing else.
 * vm_insert_anon takes over the caller's reference of page on success, and replaces a read-only file
 * entry (its shootdown is awaited inside). */
int vm_insert_pmem(struct fault *f, paddr_t a, bool write);
int vm_insert_zero(struct fault *f, paddr_t zero_page);
int vm_insert_anon(struct fault *f, struct page *p);

struct mm *mm_create(void);
void mm_get(struct mm *mm);
void mm_put(struct mm *mm); /* the last one unmaps everything */

struct mmap_request {
	uaddr_t addr; /* hint, or exact with fixed */
	u64 len;      /* bytes, > 0 */
	u32 flags;    /* VMA_* */
	bool fixed, noreplace;
	u64 below;         /* unless fixed, the mapping ends at or below this; 0: anywhere */
	struct rmap *rmap; /* file mapping: these four and pgoff from the file system's mmap */
	struct file *file;
	void *inode;
	const struct vm_ops *ops;
	u64 pgoff;
	u64 align; /* 0, or HUGE_SIZE: the address gets the colour of pgoff */
};
/* Address or negative errno (as a long). Calls ops->open on success. Anonymous memory is private
 * (shared: -EOPNOTSUPP). All calls here round lengths up to pages, refuse ranges that wrap or leave the
 * user half, and take mm->lock. */
long mm_map(struct mm *mm, const struct mmap_request *rq);
int mm_unmap(struct mm *mm, uaddr_t start, u64 len);

struct mremap_request {
	uaddr_t addr; /* of the old range, inside one VMA */
	u64 old_len;  /* 0: a second mapping of the same pages, shared VMAs only */
	u64 new_len;  /* bytes, > 0 */
	uaddr_t new_addr;
	bool may_move;
	bool fixed;    /* to new_addr; what is mapped there goes */
	bool keep_old; /* only the pages move; the old VMA stays, empty */
};
/* mremap(2): the address or a negative errno, as Linux's; -EFAULT: the old range does not lie in one VMA. */
long mm_remap(struct mm *mm, const struct mremap_request *rq);
int mm_protect(struct mm *mm, uaddr_t start, u64 len, u32 prot_flags);
/* MADV_DONTNEED; -EINVAL: part of it is locked, unless locked_too. */
int mm_discard(struct mm *mm, uaddr_t start, u64 len, bool locked_too);
/* VMA flags that no entry shows (from VMA_LOCKED on): first all of `clear` go, then `set` come. -ENOMEM: a hole
 * in the range, nothing was changed. */
int mm_change_flags(struct mm *mm, uaddr_t start, u64 len, u32 clear, u32 set);
/* Do the running process's limits let it lock this range, or so many bytes that are not mapped yet? */
bool mm_may_lock(struct mm *mm, uaddr_t start, u64 len);
bool mm_may_lock_new(struct mm *mm, u64 len);
/* Locks what is mapped (flags `now`; 0: leaves it as it is) and what will be mapped (`later`; 0: no more). Unlocks both. */
void mm_lock_all(struct mm *mm, u32 now, u32 later);
void mm_unlock_all(struct mm *mm);
/* The flags that the VMAs of the range have in common, and those that any has. -ENOMEM: a hole in it. */
int mm_flags_of(struct mm *mm, uaddr_t start, u64 len, u32 *all, u32 *any);
/*
 * Faults the pages of a range in. POPULATE_TOUCH: as mmap and mlock do it: for writing where that makes a private page, else for
 * reading, which dirties nothing. The first error ends it: -ENOMEM (a hole in the range; no memory but the reserve), -EFAULT (a page cannot be had, or the
 * access is not allowed), -EHWPOISON (it is bad), -EINTR (killed). Context: as mm_fault().
 */
enum populate { POPULATE_TOUCH, POPULATE_READ, POPULATE_WRITE };
int mm_populate(struct mm *mm, uaddr_t start, u64 len, enum populate how);
/* POPULATE_TOUCH for every locked VMA; errors are passed over. */
void mm_populate_locked(struct mm *mm);
/* mincore: vec[i] = 1 if page i of [start, start + nr pages) has an entry, else 0. -ENOMEM: a hole in it. */
int mm_resident(struct mm *mm, uaddr_t start, u64 nr, u8 *vec);
/* The break after the call: the old one if it could not be moved. */
long mm_brk(struct mm *mm, uaddr_t brk);
/* A copy for fork: private anonymous pages shared copy-on-write; file pages are not copied but faulted
 * in again. NULL: no memory. */
struct mm *mm_fork(struct mm *parent);
/* Calls fn for each VMA that ends after `from`, in address order under mm->lock; non-zero stops. */
int mm_for_each_vma(struct mm *mm, uaddr_t from, int (*fn)(void *arg, struct vma *v), void *arg);
/* msync and fsync of a mapped range: calls fn(file, first pgoff, last pgoff) for each shared file VMA
 * piece, without mm->lock and with a reference of its own (ops->open on a copy of the VMA). Stops at
 * fn's first error. -ENOMEM after all if there were gaps. */
int mm_for_each_file_range(struct mm *mm, uaddr_t start, u64 len,
	int (*fn)(void *arg, struct file *f, u64 first, u64 last), void *arg);

enum { FAULT_WRITE = 1, FAULT_EXEC = 2, FAULT_USER = 4 };
/* A page fault at `a` in mm. Context: interrupts on, may sleep, no locks above RANK_MM held (user
 * copies under the DAX lock disable page faults instead). Never returns FAULT_RETRY. */
enum fault_result mm_fault(struct mm *mm, uaddr_t a, unsigned flags);

#endif
