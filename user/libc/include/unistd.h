/* SPDX-License-Identifier: MIT */
/* newlib's unistd.h, and what Linux's has besides. */
#ifndef _FAULTLINE_UNISTD_H
#define _FAULTLINE_UNISTD_H

#include_next <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#if __GNU_VISIBLE || __MISC_VISIBLE
long syscall(long nr, ...);
pid_t gettid(void);
int syncfs(int fd);
int getpagesize(void);
int brk(void *end);
#endif

#if __GNU_VISIBLE
#define SEEK_DATA 3
#define SEEK_HOLE 4

typedef off_t off64_t;

ssize_t copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t len, unsigned int flags);
int close_range(unsigned int first, unsigned int last, int flags);
int getresuid(uid_t *real, uid_t *effective, uid_t *saved);
int getresgid(gid_t *real, gid_t *effective, gid_t *saved);
#endif

#ifdef __cplusplus
}
#endif

#endif
