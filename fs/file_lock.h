/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks on files: record locks of processes (fcntl F_SETLK), of open files (F_OFD_SETLK), and whole-file locks (flock).
 * Rules: file_lock.c.
 */
#ifndef FS_FILE_LOCK_H
#define FS_FILE_LOCK_H

#include "lib/types.h"

struct inode;

enum file_lock_kind { FILE_LOCK_PROCESS, FILE_LOCK_OPEN_FILE, FILE_LOCK_WHOLE };
enum file_lock_type { FILE_LOCK_READ, FILE_LOCK_WRITE, FILE_LOCK_NONE }; /* F_RDLCK, F_WRLCK, F_UNLCK */
#define FILE_LOCK_END \
	((u64)INT64_MAX) /* last byte of a lock to the end of the file, however long that gets */

struct file_lock {
	enum file_lock_kind kind;
	enum file_lock_type type;
	const void *owner; /* whoever the lock is: the same owner's locks never conflict */
	i32 pid;           /* told to those who ask */
	u64 first, last;   /* bytes, inclusive */
};

/*
 * Sets, changes or (FILE_LOCK_NONE) removes the owner's locks in the range. -EAGAIN: somebody else's conflicts. With wait, sleeps
 * until none does: -ERESTARTSYS when a signal ends the wait, -EDEADLK when process record locks would wait in a circle. -ENOMEM.
 * Context: may sleep; no locks held.
 */
int file_lock_set(struct inode *i, const struct file_lock *wanted, bool wait);
/* The first lock that would be in the way of *l, into *l; FILE_LOCK_NONE as its type: none is. */
void file_lock_test(struct inode *i, struct file_lock *l);
/* Removes all locks of that kind and owner. Any context that may sleep. */
void file_locks_release(struct inode *i, enum file_lock_kind kind, const void *owner);
/* The inode is going away; it has no locks left. */
void file_locks_destroy(struct inode *i);

#endif
