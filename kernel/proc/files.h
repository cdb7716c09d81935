/* SPDX-License-Identifier: MIT */
/*
 * File descriptors: the table of open files of a process.
 *
 * Rule: a descriptor number is reserved first (fd_reserve: EMFILE and ENOMEM happen here, before anything was opened or created)
 * and the file put into it last (fd_install), when nothing can fail any more; so no other thread ever sees half an open(). A
 * reserved number is invisible to everybody else.
 *
 * Lock: files->lock (RANK_FILE_TABLE) guards the table; it is not held while a file is closed.
 */
#ifndef KERNEL_PROC_FILES_H
#define KERNEL_PROC_FILES_H

#include "kernel/sync/mutex.h"

#define FD_MAX 1024 /* the most that RLIMIT_NOFILE can be */

struct file;

struct files {
	struct mutex lock;
	unsigned size;            /* l: slots that exist; grows, up to FD_MAX */
	struct file **slots;      /* l: NULL free; FD_RESERVED; else counted */
	u64 cloexec[FD_MAX / 64]; /* l */
};

/* An empty table. NULL: no memory. */
struct files *files_create(void);
/* fork: the same descriptors on the same open files. NULL: no memory. */
struct files *files_clone(struct files *from);
/* Closes everything and frees the table. */
void files_destroy(struct files *fs);
/* exec: closes what is marked close-on-exec. */
void files_close_on_exec(struct files *fs);

/* Descriptors of the running process stay below this: RLIMIT_NOFILE. Those that were there before it was lowered stay. */
unsigned fd_limit(void);
/* The lowest free number >= min. -EMFILE, -ENOMEM. */
int fd_reserve(struct files *fs, int min, bool cloexec);
/* Puts `f` into a reserved number; takes over the caller's reference. */
void fd_install(struct files *fs, int fd, struct file *f);
void fd_unreserve(struct files *fs, int fd);
/* The open file, with a reference for the caller (file_put). NULL: not an open descriptor. */
struct file *fd_get(struct files *fs, int fd);
/* 0 or -EBADF. */
int fd_close(struct files *fs, int fd);
/* dup2/dup3: makes `to` refer to from's file, closing what it was. -EBADF, -EBUSY (being opened by another thread), -ENOMEM. */
int fd_replace(struct files *fs, int from, int to, bool cloexec);
/* The first open descriptor >= from, or -1. */
int fd_next(struct files *fs, int from);
/* close_range(): closes what is open in [first, last], or marks it close-on-exec. */
void fd_close_range(struct files *fs, u32 first, u32 last, bool cloexec);
/* Close-on-exec: 0 or 1, or -EBADF. */
int fd_get_cloexec(struct files *fs, int fd);
int fd_set_cloexec(struct files *fs, int fd, bool on);

#endif
