/* SPDX-License-Identifier: MIT */
/*
 * What system-call handlers share.
 *
 * A handler gets the caller's registers and returns the result or a negative errno. Arguments lie in rdi, rsi, rdx, r10, r8,
 * r9 (System V ABI, A.2.1); an int argument is the low half of its register. User pointers are touched only through
 * mm/uaccess.h, and nothing is believed: every size, flag and descriptor is checked and answered with Linux's errno.
 */
#ifndef KERNEL_PROC_SYSCALL_H
#define KERNEL_PROC_SYSCALL_H

#include "kernel/cpu/trap.h"
#include "kernel/proc/syscall_table.h"

#define X(nr, name) long sys_##name(struct trap_frame *f);
SYSCALLS(X)
#undef X

#define AT_FDCWD_ (-100)
#define AT_SYMLINK_NOFOLLOW_ 0x100
#define AT_REMOVEDIR_ 0x200
#define AT_SYMLINK_FOLLOW_ 0x400
#define AT_NO_AUTOMOUNT_ 0x800
#define AT_EMPTY_PATH_ 0x1000

#define UTS_RELEASE \
	"6.1.0-faultline"         /* that of the Linux whose interface is followed: C libraries look at it */
#define MAX_RW_COUNT 0x7ffff000ul /* most bytes that one call moves */
#define IOV_MAX_ 1024

enum { /* ioctl commands that files of many kinds know */
	FIONREAD_ = 0x541b,
	FIONBIO_ = 0x5421,
	FIONCLEX_ = 0x5450,
	FIOCLEX_ = 0x5451,
	FIGETBSZ_ = 2,
	FS_IOC_GETFLAGS_ = (int)0x80086601,
	FS_IOC_SETFLAGS_ = 0x40086602,
	FS_IOC_FIEMAP_ = (int)0xc020660b,
};

struct inode;
struct file;

/* The caller's open file, with a reference; NULL: EBADF. What was opened with O_PATH does not count as open ... */
struct file *sys_get_file(int fd);
/* ... but for the calls that only want to know which file it is. */
struct file *sys_get_any_file(int fd);

/* A path argument in kernel memory (kfree). -EFAULT, -ENAMETOOLONG, -ENOMEM, -ENOENT for "" unless empty_ok. */
int sys_get_path(uaddr_t user, bool empty_ok, char **out);
/* The directory that `path` starts from: that of descriptor dirfd, or the current one. Counted. -EBADF, -ENOTDIR. */
int sys_get_base(int dirfd, const char *path, struct inode **out);
/* Both, for paths that may not be empty. */
struct sys_place {
	char *path;
	struct inode *base;
};
int sys_get_place(int dirfd, uaddr_t user, struct sys_place *p);
void sys_put_place(struct sys_place *p);
/* The inode that a path argument names, counted: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH ("": dirfd itself); other flags are the caller's. */
int sys_lookup_at(int dirfd, uaddr_t user, u32 flags, struct inode **out);

/* Pipes and terminals have no position. */
bool file_is_stream(const struct file *f);
/* FIEMAP on a regular file: fills the user's struct fiemap. */
long sys_fiemap(struct file *file, uaddr_t user);
/* fcntl's record-lock commands; -EINVAL for others. */
long sys_fcntl_lock(int fd, u32 cmd, uaddr_t user);

/* fcntl's commands about whom SIGIO is for, these four. */
enum { F_SETOWN_ = 8, F_GETOWN_ = 9, F_SETOWN_EX_ = 15, F_GETOWN_EX_ = 16 };
long sys_fcntl_owner(int fd, u32 cmd, u64 arg);

/* Fills the user's struct stat. */
long sys_copy_stat(struct inode *i, uaddr_t user);

/* struct timespec, as user memory holds it. */
struct user_timespec {
	i64 sec, nsec;
};
_Static_assert(sizeof(struct user_timespec) == 16, "Linux x86-64");
/* Run time of the current process. May sleep. */
u64 sys_process_ns(void);
/* A struct rusage with that run time to the program: 0 or -EFAULT. */
long sys_put_usage(uaddr_t to, u64 run_ns);
/* Nanoseconds, 292 years at most. False: not a valid time. */
bool sys_timespec_to_ns(const struct user_timespec *ts, u64 *ns);
/* A point of time_ns(): in `ns` from now; that of a clock (realtime: CLOCK_REALTIME, else CLOCK_MONOTONIC). */
u64 sys_deadline_in(u64 ns);
u64 sys_deadline_at(u64 ns, bool realtime);

/* What reboot(2) asked for. */
enum reboot_request { REBOOT_NONE, REBOOT_POWER_OFF, REBOOT_RESTART };
enum reboot_request sys_reboot_request(void);

#endif
