/* SPDX-License-Identifier: MIT */
/* newlib's sys/wait.h, and what Linux's has besides. */
#ifndef _FAULTLINE_SYS_WAIT_H
#define _FAULTLINE_SYS_WAIT_H

#include <signal.h>
#include_next <sys/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WSTOPPED 2
#define WEXITED 4
#define WCONTINUED 8
#define WNOWAIT 0x01000000
#define WIFCONTINUED(w) ((w) == 0xffff)
#define WCOREDUMP(w) ((w)&0x80)
#define W_EXITCODE(status, signo) ((status) << 8 | (signo))

typedef enum { P_ALL, P_PID, P_PGID, P_PIDFD } idtype_t;

struct rusage;

int waitid(idtype_t type, id_t id, siginfo_t *info, int options);
pid_t wait3(int *status, int options, struct rusage *usage);
pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage);

#ifdef __cplusplus
}
#endif

#endif
