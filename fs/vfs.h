/* SPDX-License-Identifier: MIT */
/*
 * Virtual file system: inodes, open files, path walks, and the calls that system calls are made of.
 *
 * Rules: an inode is found in its file system's cache while it has references; the last put of an unlinked inode frees its
 * blocks. inode->lock (RANK_INODE) serialises everything that changes an inode or a directory; page faults never take it.
 * inode->size is written under it and read anywhere through the accessors.
 */
#ifndef FS_VFS_H
#define FS_VFS_H

#include "kernel/protocol.h"
#include "kernel/sync/mutex.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/uaccess.h"

struct inode;
struct file;
struct file_place;
struct file_lock_list;
struct mapping;
struct super;
struct vma;
struct mmap_request;

#define NAME_MAX_LEN 255
#define PATH_MAX_LEN 4096

/* Mode bits as on disk and in struct stat. */
#define S_IFMT_ 0170000
#define S_IFIFO_ 0010000
#define S_IFCHR_ 0020000
#define S_IFDIR_ 0040000
#define S_IFBLK_ 0060000
#define S_IFREG_ 0100000
#define S_IFLNK_ 0120000
#define S_IFSOCK_ 0140000
static inline bool mode_is_dir(u32 m)
{
	return (m & S_IFMT_) == S_IFDIR_;
}
static inline bool mode_is_reg(u32 m)
{
	return (m & S_IFMT_) == S_IFREG_;
}
static inline bool mode_is_lnk(u32 m)
{
	return (m & S_IFMT_) == S_IFLNK_;
}
/* Types of directory entries, as in getdents64. */
enum {
	DT_UNKNOWN_ = 0,
	DT_FIFO_ = 1,
	DT_CHR_ = 2,
	DT_DIR_ = 4,
	DT_BLK_ = 6,
	DT_REG_ = 8,
	DT_LNK_ = 10,
	DT_SOCK_ = 12
};

struct time_spec {
	i64 sec;
	u32 nsec;
};

/* What a lookup of blocks found for the start of the asked range. */
enum extent_state { EXTENT_HOLE, EXTENT_UNWRITTEN, EXTENT_MAPPED };
struct extent {
	u64 pgoff; /* first page of the piece, = the page asked for */
	u64 len;   /* pages for which the answer holds, >= 1, at most what was asked for */
	enum extent_state state;
	paddr_t pa; /* MAPPED, UNWRITTEN: physical address of the first page */
	bool is_new; /* allocated or converted by this call (and zeroed inside, unless the policy is to zero in the fault) */
};
enum map_intent {
	MAP_LOOK, /* change nothing */
	MAP_WRITE, /* allocate holes, convert unwritten; all of the answer is MAPPED. Zeroed before it is published */
	MAP_RESERVE, /* allocate holes as unwritten (fallocate, and write(2) before its copy) */
	MAP_MARK_WRITTEN, /* convert unwritten to written without zeroing: the caller has filled the blocks durably */
	MAP_TRY, /* as MAP_LOOK, but -EAGAIN where that would wait for a lock: the race explorer looks while others hold locks */
};

/*
 * Where a reader of a directory stands. What `at` means is the file system's: 0 is before the first entry, all are below DIR_END, and an entry that stays is
 * behind the same ones for ever. Where several entries share a place, `tie` is the last of them that was seen; it counts while `at` is its own.
 */
#define DIR_END (0x7fffffffull << 32)
struct dir_tie {
	u64 at;
	u32 len; /* 0: none of them */
	char name[NAME_MAX_LEN];
};
struct dir_pos {
	u64 at;
	struct dir_tie *tie; /* NULL, or kfree() it in the end */
};

/* Dirent callback: 0 to go on, anything else stops the walk (and the position stays before this entry). Inode lock of the directory is held. */
typedef int (*readdir_fn)(void *arg, const char *name, size_t len, u64 ino, u8 dt_type, u64 next_pos);

/* A name in a directory. */
struct dir_name {
	const char *name;
	size_t len;
	/* what lookup has found */
	u64 ino;
	u64 at[2]; /* where the entry stands, in the file system's own terms; good until the directory changes */
};

/*
 * Upward calls of vfs and dax into a file system. Context of all: may sleep; inode lock held unless said
 * otherwise. Errors: negative errno. Page numbers are 4 KiB pages of the file; `last` is inclusive.
 */
struct inode_ops {
	/* Directories of which the VFS changes nothing: look-ups and listings are called without the inode lock, and may take locks of lower rank. */
	bool fixed;
	/* The only door to block lookup. Inode lock NOT needed: page faults call it. At most nr pages are described or allocated. -ENOSPC, -EIO, -EUCLEAN. */
	int (*map_extent)(struct inode *i, u64 pgoff, u64 nr, enum map_intent intent, struct extent *out);
	/* Frees the blocks of pages [first, last]; last may be ~0. The caller unmapped them everywhere. Transactions restart inside. */
	int (*remove_blocks)(struct inode *i, u64 first, u64 last);
	/* Marks pages unwritten without freeing (zero range). NULL: there is none. */
	int (*make_unwritten)(struct inode *i, u64 first, u64 last);
	/*
	 * by < 0 (collapse): the blocks of pages [first, first - by) are freed, everything behind them moves down by that many pages. by > 0 (insert):
	 * everything from page first on moves up and leaves a hole. Blocks past i_size move as well. Nothing is mapped from page first
	 * on, and the caller keeps i_size above what moves: it shrinks afterwards, and grows before. Transactions restart inside. -ENOSPC (an extent
	 * had to be split), -EINVAL (a page would move past the last there can be): nothing has changed. NULL: there is none.
	 */
	int (*shift_blocks)(struct inode *i, u64 first, i64 by);
	/* Puts the inode on the orphan list before a truncate that may take several transactions, and off again. */
	int (*orphan_add)(struct inode *i);
	int (*orphan_del)(struct inode *i);
	/* Writes i_size and times from the in-memory inode to disk. */
	int (*write_inode)(struct inode *i);
	/* Makes the metadata changes of this inode so far durable (fsync). Inode lock NOT needed. datasync: only what is needed to read the data. */
	int (*sync_inode)(struct inode *i, bool datasync);
	/* MAP_SYNC: on return the way to the blocks of nr pages, which were looked up for writing, survives a crash. Inode lock NOT
	 * needed: page faults call it under the DAX lock, with no handle open. NULL: a mapping cannot be synchronous. */
	int (*commit_map)(struct inode *i, u64 pgoff, u64 nr);

	int (*lookup)(struct inode *dir, struct dir_name *n);
	/* Of any type but a link, by mode; rdev: the number of a device, else 0. */
	int (*create)(
		struct inode *dir, const char *name, size_t len, u32 mode, u32 rdev, struct inode **out);
	/* A symbolic link that holds target[0..tlen). -ENAMETOOLONG: more than the file system keeps. */
	int (*symlink)(struct inode *dir, const char *name, size_t len, const char *target, size_t tlen);
	/* One more name for i, which is no directory and locked too. -EMLINK. */
	int (*link)(struct inode *dir, const char *name, size_t len, struct inode *i);
	/* n: as lookup has left it, and the directory has been locked since. */
	int (*unlink)(struct inode *dir, const struct dir_name *n, struct inode *victim);
	int (*rmdir)(struct inode *dir, const struct dir_name *n, struct inode *victim);
	/* All directories involved and the victim (may be NULL) are locked. */
	int (*rename)(struct inode *odir, const char *oname, size_t olen, struct inode *what,
		struct inode *ndir, const char *nname, size_t nlen, struct inode *victim);
	/* The two names change places: locks as for rename, both inodes are there and differ. */
	int (*exchange)(struct inode *odir, const char *oname, size_t olen, struct inode *what,
		struct inode *ndir, const char *nname, size_t nlen, struct inode *other);
	int (*readdir)(struct inode *dir, struct dir_pos *pos, readdir_fn fn, void *arg);
	ssize_t (*readlink)(struct inode *i, char *buf, size_t size);
	/*
	 * Extended attributes by full name ("user.x"). size 0: the length alone; -ERANGE: buf is too small. A list is names, each with its NUL. setxattr
	 * with value NULL removes. -ENODATA: there is none; -EOPNOTSUPP: no such prefix; -ENOSPC: no room for it. NULL: there are none.
	 */
	ssize_t (*getxattr)(struct inode *i, const char *name, void *buf, size_t size);
	ssize_t (*listxattr)(struct inode *i, char *buf, size_t size);
	int (*setxattr)(struct inode *i, const char *name, const void *value, size_t size, u32 flags);
	/* The flags of chattr(1), in ext4's numbers. set_flags sets i->kept too; -EOPNOTSUPP: one of them cannot be changed. NULL: there are none. */
	u32 (*get_flags)(struct inode *i);
	int (*set_flags)(struct inode *i, u32 flags);
	/* A link that names an inode, not a path (/proc/PID/fd): that inode, counted. Inode lock not held. */
	int (*follow)(struct inode *link, struct inode **out, struct file_place *where);
};

/* What statfs(2) tells of a file system; sizes in blocks of 4 KiB. */
struct fs_stat {
	u64 magic; /* Linux's f_type */
	u64 blocks, free_blocks, available_blocks;
	u64 inodes, free_inodes;
	u64 id;
};

struct super_ops {
	/* Reads inode `ino` into a new struct inode (fills everything); called by iget. -EUCLEAN for what is damaged. */
	int (*read_inode)(struct super *s, u64 ino, struct inode **out);
	/* Last reference gone, out of the cache, no mapping left: frees blocks and inode if nlink is 0; then frees the memory of i. */
	void (*evict)(struct inode *i);
	int (*sync)(struct super *s);
	/* NULL, or: what changed in metadata so far becomes durable. */
	int (*commit)(struct super *s);
	/* NULL: all zeros. No lock is held. */
	void (*statfs)(struct super *s, struct fs_stat *out);
	/* NULL, or: what /proc/mounts says behind "rw,noatime", from a comma on. */
	void (*show_options)(struct super *s, char *buf, size_t size);
	/* NULL, or: the VFS has found something that no sound file system has, `what` is wrong with inode ino, as damage that the file system finds itself. */
	void (*damaged)(struct super *s, u64 ino, const char *what);
	/* NULL, or: before the check that no inode is in use, lets go of those that only the file system itself holds. */
	void (*drop)(struct super *s);
	/* Marks clean and forgets. No inode is in use. */
	int (*unmount)(struct super *s);
};

struct super {
	const struct super_ops *ops;
	const char *type;       /* "ext4", "proc" */
	_Atomic(bool) readonly; /* also set when damage is found */
	u32 dev;                /* minor device number in st_dev where there is no region; set by vfs_mount */
	u64 max_size;           /* largest file, bytes; 0: no regular files of its own */
	i64 time_min, time_max; /* seconds that an inode's times can hold; both 0: all */
	struct mutex cache_lock; /* RANK_FS_CACHE: guards `inodes` */
	struct list *inodes;     /* hash table of INODE_HASH lists */
	struct waitq evict_wait; /* who wants an inode that is on its way out waits here ... */
	_Atomic(u64) evictions;  /* ... for this to change */
	struct inode *root;
	struct mutex rename_lock; /* RANK_FS_RENAME */
	struct pmem_region *region;
	void *fs; /* file system's own */
};
#define INODE_HASH 256

struct inode {
	/* constant after read_inode */
	u64 ino;
	struct super *super;
	const struct inode_ops *ops;
	const struct file_ops *fops; /* NULL: the regular-file and directory calls of vfs */
	u32 generation;
	/* cache_lock */
	struct list_node hash_node;
	_Atomic(u32) refs;    /* 0 while hashed: being evicted; goes to 0 under cache_lock only */
	_Atomic(i32) writers; /* > 0: files open for writing; < 0: programs that run from it */
	/* inode lock */
	struct mutex lock;
	u32 mode, nlink, uid, gid;
	u64 rdev;                   /* devices: as in struct stat; constant */
	struct inode *removed_from; /* counted: of a directory that was removed, the one that it was in */
	_Atomic(u64) size_;         /* written under lock, read anywhere: inode_size() */
	_Atomic(u64)
		write_end; /* end of what a write(2) under way has filled; 0: none. At least so large is the file on disk */
	_Atomic(u64) blocks; /* 512-byte sectors, as st_blocks */
	struct time_spec atime, mtime, ctime, crtime;
	_Atomic(u8) kept; /* INODE_IMMUTABLE, INODE_APPEND_ONLY; read anywhere: inode_is() */
	_Atomic(bool)
		dirty; /* times changed since the last write_inode: written at fsync, sync and eviction */
	/* DAX: made at the first mapping or write, freed at eviction; published once with release */
	_Atomic(struct mapping *) mapping;
	_Atomic(struct file_lock_list *) locks; /* advisory locks; made by the first, freed at eviction */
	_Atomic(void *) stream;                 /* FIFOs: the pipe behind it while somebody has it open */
	void *fs;                               /* file system's own */
};

/* What chattr(1) has said that may not be done with an inode. */
enum { INODE_IMMUTABLE = 1, INODE_APPEND_ONLY = 2, INODE_KEPT = INODE_IMMUTABLE | INODE_APPEND_ONLY };
static inline bool inode_is(const struct inode *i, u8 which)
{
	return atomic_load_explicit(&i->kept, memory_order_relaxed) & which;
}
static inline u64 inode_size(struct inode *i)
{
	SHARED_READ(&i->size_);
	return atomic_load_explicit(&i->size_, memory_order_acquire);
}
static inline void inode_set_size(struct inode *i, u64 size)
{
	SHARED_WRITE(&i->size_);
	atomic_store_explicit(&i->size_, size, memory_order_release);
}

/* Writers and running programs keep each other out: -ETXTBSY. Each success is undone by inode_put_write, inode_allow_write. */
static inline int inode_count_writers(struct inode *i, i32 step)
{
	i32 n = atomic_load(&i->writers);

	do {
		if (step > 0 ? n < 0 : n > 0)
			return -ETXTBSY;
	} while (!atomic_compare_exchange_weak(&i->writers, &n, n + step));
	return 0;
}
static inline int inode_get_write(struct inode *i)
{
	return inode_count_writers(i, 1);
}
static inline void inode_put_write(struct inode *i)
{
	atomic_fetch_sub(&i->writers, 1);
}
static inline int inode_deny_write(struct inode *i)
{
	return inode_count_writers(i, -1);
}
static inline void inode_allow_write(struct inode *i)
{
	atomic_fetch_add(&i->writers, 1);
}

/* Open files */
#define O_ACCMODE_ 3
#define O_RDONLY_ 0
#define O_WRONLY_ 1
#define O_RDWR_ 2
#define O_CREAT_ 0100
#define O_EXCL_ 0200
#define O_NOCTTY_ 0400
#define O_TRUNC_ 01000
#define O_APPEND_ 02000
#define O_NONBLOCK_ 04000
#define O_DSYNC_ 010000
#define O_DIRECT_ 040000
#define O_DIRECTORY_ 0200000
#define O_NOFOLLOW_ 0400000
#define O_CLOEXEC_ 02000000
#define O_SYNC_ 04010000
#define O_LARGEFILE_ 0100000
#define O_NOATIME_ 01000000
#define O_PATH_ 010000000
#define O_TMPFILE_ 020000000

struct file_ops { /* character devices, pipes, pseudo files. NULL entries: -EINVAL or the sensible default */
	int (*open)(struct file *f);
	void (*release)(struct file *f);
	ssize_t (*read)(struct file *f, struct user_iter *to, u64 *pos);
	ssize_t (*write)(struct file *f, struct user_iter *from, u64 *pos);
	long (*ioctl)(struct file *f, unsigned cmd, u64 arg);
	unsigned (*poll)(struct file *f);
};

#define FILE_NAME_LEN 48

/* As in Linux's struct f_owner_ex. */
struct file_owner {
	i32 type, id;
};

/* Where a file was found when it was opened. A name that is too long is cut: its inode is looked for then. */
struct file_place {
	struct inode *dir; /* counted; NULL: in none, and name is what to call it */
	char name[FILE_NAME_LEN];
};

struct file {
	_Atomic(u32) refs;
	u32 flags; /* O_* */
	struct inode *inode;
	const struct file_ops *ops; /* NULL: inode is a regular file or directory of a file system */
	struct mutex pos_lock;      /* RANK_FILE_POS */
	u64 pos;                    /* pos_lock */
	struct dir_tie *tie;        /* pos_lock; with pos a struct dir_pos, if it is a directory */
	void *data;                 /* ops's own */
	u32 mark;                   /* ops's own */
	struct file_owner owner;    /* pos_lock; kept for fcntl */
	struct file_place place;    /* constant */
};

/* What it was opened for; O_WRONLY | O_RDWR is for neither. */
static inline bool file_readable(const struct file *f)
{
	return !(f->flags & (O_WRONLY_ | O_PATH_));
}
static inline bool file_writable(const struct file *f)
{
	u32 mode = f->flags & O_ACCMODE_;

	return (mode == O_WRONLY_ || mode == O_RDWR_) && !(f->flags & O_PATH_);
}

/* Moves an open file's position; of entries that share a place, a directory's reader begins with the first. pos_lock held. */
static inline void file_seek(struct file *f, u64 pos)
{
	f->pos = pos;
	if (f->tie)
		f->tie->len = 0;
}

/* Inode cache */
int iget(struct super *s, u64 ino, struct inode **out);
void iref(struct inode *i);
void iput(struct inode *i);
/* For read_inode and create: sets the generic fields, refs 1, not yet hashed. */
void inode_init(struct inode *i, struct super *s, u64 ino);
/* For create: enters a new inode into the cache. */
void inode_hash(struct inode *i);
/* Sets mtime and/or ctime to now; written later. Inode lock held. */
enum { INODE_MTIME = 1, INODE_CTIME = 2 };
void inode_touch(struct inode *i, unsigned which);
/* Wall-clock time, and setting it (boot: from the real-time clock; nanoseconds since 1970). */
struct time_spec vfs_now(void);
void vfs_set_wall_clock(i64 ns);

/* Supers */
int super_init(struct super *s, const struct super_ops *ops, const char *type);
void super_destroy(struct super *s);
/* Mounts s at `path`, "/" first; s->root is set and its reference goes to the mount. The last component of path need not exist: the mount
 * then appears in its parent. -EBUSY: something is mounted there. */
int vfs_mount(struct super *s, const char *path);
/* Unmounts everything, syncing; returns the first error. -EBUSY names files that are still open in the log. */
int vfs_unmount_all(void);
int vfs_sync_all(void);
/* Metadata alone, of every mount that has a journal. */
void vfs_commit_all(void);

/* Path walks. `base`: directory where relative paths start (counted by the caller). Symlinks are followed (40 at most: -ELOOP). */
int vfs_lookup(struct inode *base, const char *path, bool follow_last, struct inode **out);
/* With where it was found; file_place_put(). */
int vfs_find(
	struct inode *base, const char *path, bool follow_last, struct inode **out, struct file_place *where);
int vfs_open(struct inode *base, const char *path, u32 flags, u32 mode, struct file **out);
/* A file for an inode that the caller holds (takes its own reference). */
int file_open_inode(struct inode *i, u32 flags, struct file **out);
void file_get(struct file *f);
void file_put(struct file *f);

/* Entries of an open directory from f->pos on, mounts that are not on disk included (getdents64). 0, or a negative errno; takes pos_lock. */
int vfs_readdir(struct file *f, readdir_fn fn, void *arg);
/* Into and out of user memory, of a file that is open for it. A vector is one read or write: one place in the file, one wait of a stream for data or room, and of a pipe one
 * record, if it is small. */
ssize_t vfs_readv(struct file *f, struct user_iter *to, u64 *pos);
ssize_t vfs_writev(struct file *f, struct user_iter *from, u64 *pos);
/* One buffer. */
static inline ssize_t vfs_read(struct file *f, uaddr_t buf, size_t n, u64 *pos)
{
	struct user_iter it = user_iter_one(buf, n);

	return vfs_readv(f, &it, pos);
}
static inline ssize_t vfs_write(struct file *f, uaddr_t buf, size_t n, u64 *pos)
{
	struct user_iter it = user_iter_one(buf, n);

	return vfs_writev(f, &it, pos);
}
/* After n bytes, 1 or more, were written at pos by vfs_kwrite() for f: what O_SYNC and O_DSYNC ask for. No locks. */
int vfs_written(struct file *f, u64 pos, u64 n);
/* Kernel buffer forms (exec, explorer, tests); regular files only. */
ssize_t vfs_kread(struct inode *i, void *buf, size_t n, u64 pos);
ssize_t vfs_kwrite(struct inode *i, const void *buf, size_t n, u64 pos);
int vfs_truncate(struct inode *i, u64 size);
#define FALLOC_KEEP_SIZE_ 1
#define FALLOC_PUNCH_HOLE_ 2
#define FALLOC_COLLAPSE_RANGE_ 8
#define FALLOC_ZERO_RANGE_ 16
#define FALLOC_INSERT_RANGE_ 32
#define FALLOC_UNSHARE_RANGE_ 64
/* Is mode one that fallocate(2) has? 0 or -EOPNOTSUPP: what Linux says before it looks at the file. (Before 6.13 it said -EINVAL to collapse
 * or insert with anything else.) */
int vfs_fallocate_mode(u32 mode);
int vfs_fallocate(struct inode *i, u32 mode, u64 pos, u64 len);
#define SYNC_RANGE_WAIT_BEFORE_ 1
#define SYNC_RANGE_WRITE_ 2
#define SYNC_RANGE_WAIT_AFTER_ 4
/* sync_file_range(2): data of these bytes (len 0: to the end), and no metadata. 0 or errno. */
int vfs_sync_range(struct inode *i, u64 pos, u64 len, u32 flags);
/* lseek's SEEK_DATA and SEEK_HOLE: the next byte of data, or of a hole (the end of the file is one), from pos on. -ENXIO. */
i64 vfs_seek_data(struct inode *i, u64 pos, bool hole);
/* Calls fn for each run of blocks in [first, last] that is no hole, in order, merged where memory goes on; fn: non-zero stops. */
int vfs_extents(
	struct inode *i, u64 first, u64 last, int (*fn)(void *arg, const struct extent *e), void *arg);
int vfs_fsync(struct inode *i, u64 first_page, u64 last_page, bool datasync);
int vfs_mkdir(struct inode *base, const char *path, u32 mode);
int vfs_rmdir(struct inode *base, const char *path);
int vfs_unlink(struct inode *base, const char *path);
/* Text of the symbolic link at path, not NUL-ended: its length, at most size. -EINVAL: not a link. */
ssize_t vfs_readlink(struct inode *base, const char *path, char *buf, size_t size);
#define RENAME_NOREPLACE_ 1
#define RENAME_EXCHANGE_ 2
int vfs_rename(struct inode *obase, const char *opath, struct inode *nbase, const char *npath, u32 flags);
/* A regular file, FIFO, socket or device by the type in mode, without opening it. rdev: Linux's number, for devices. */
int vfs_mknod(struct inode *base, const char *path, u32 mode, u32 rdev);
int vfs_symlink(struct inode *base, const char *path, const char *target);
/* One more name for the inode that the caller holds. */
int vfs_link(struct inode *what, struct inode *base, const char *path);
/* Attributes (fs/vfs_attr.c). -EROFS; -EPERM where a file system keeps none. Take the inode lock. */
int vfs_chmod(struct inode *i, u32 mode);
/* ~0: as it is. A new owner takes the set-id bits away. */
int vfs_chown(struct inode *i, u32 uid, u32 gid);
/* NULL: as it is. Both now is the one change of attributes that append-only allows: vfs_touch(). */
int vfs_touch(struct inode *i);
int vfs_set_times(struct inode *i, const struct time_spec *atime, const struct time_spec *mtime);
/* As inode_ops have them. -ENOTTY: there are none. */
int vfs_get_flags(struct inode *i, u32 *flags);
int vfs_set_flags(struct inode *i, u32 flags);
void vfs_statfs(struct super *s, struct fs_stat *out);
/* Extended attributes (fs/vfs_xattr.c), as inode_ops have them; names of 1 to XATTR_NAME_MAX_ bytes. Take the inode lock. */
#define XATTR_CREATE_ 1
#define XATTR_REPLACE_ 2
#define XATTR_NAME_MAX_ 255
#define XATTR_SIZE_MAX_ 65536
ssize_t vfs_getxattr(struct inode *i, const char *name, void *buf, size_t size);
ssize_t vfs_listxattr(struct inode *i, char *buf, size_t size);
int vfs_setxattr(struct inode *i, const char *name, const void *value, size_t size, u32 flags);
int vfs_removexattr(struct inode *i, const char *name);
/* Absolute path of a directory inode (getcwd). -ENAMETOOLONG; -ENOENT: it was removed. */
int vfs_path_of(struct inode *dir, char *buf, size_t size);
/* Absolute path of an open file, as its directories are called now; with " (deleted)" where its directory has it no more. vfs_path_of's errors. */
int vfs_path_of_file(struct file *f, char *buf, size_t size);
/* `dir`'s reference goes to the place, which had none. */
void file_place_set(struct file_place *p, struct inode *dir, const char *name, size_t len);
void file_place_copy(struct file_place *to, const struct file_place *from);
void file_place_put(struct file_place *p);
/* Fills the file part of an mmap request and checks access; regular files on DAX file systems: else -ENODEV. */
int vfs_mmap(struct file *f, struct mmap_request *rq);

struct inode *vfs_root(void); /* of "/"; counted for the caller. NULL: nothing mounted */
#endif
