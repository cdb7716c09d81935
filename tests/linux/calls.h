/* SPDX-License-Identifier: MIT */
/*
 * Tables of calls: each line names a call, what it should give by its manual page (OK or an errno), the case, and the arguments as the
 * kernel sees them. The C library is not asked: it has opinions of its own on arguments.
 *
 * tools/syscalls reads these lines out of the sources (T(name, WANT, ...), from the start of a line) for docs/SYSCALLS.md, and so does tests/syscalls.t,
 * which misses calls that have none.
 */
#ifndef TESTS_LINUX_CALLS_H
#define TESTS_LINUX_CALLS_H

#include "table.h"

#include <errno.h>
#include <sys/syscall.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#define OK 0
#define BAD 8l   /* a pointer to nothing */
#define NO_FD 77 /* a descriptor that nobody has */
#define NO_PID 0x3fffffff

/* Makes the call; a row "name: what -> result", where any success is "ok". Says so if the manual page is not followed. */
long call_row(long nr, const char *name, int want, const char *what, long a, long b, long c, long d, long e,
	long f);
#define T_(nr, name, want, what, a, b, c, d, e, f, ...) \
	call_row(nr, name, want, what, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define T(name, want, what, ...) T_(SYS_##name, #name, want, what, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* What calls on names find: file; dir with sub and inside; link to the file, loop, dangling. Descriptors of dir and of a directory without a
 * name; that of the file is returned. */
int make_tree(int *dir, int *gone);
/* A name of 256 characters, which is one too many; a path of 5000. */
const char *long_name(void);
const char *long_path(void);

#endif
