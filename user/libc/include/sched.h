/* SPDX-License-Identifier: MIT */
/* newlib's sched.h; threads and CPUs as Linux has them. */
#ifndef _FAULTLINE_SCHED_H
#define _FAULTLINE_SCHED_H

#include_next <sched.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SCHED_BATCH 3
#define SCHED_IDLE 5

#define CLONE_VM 0x00000100
#define CLONE_FS 0x00000200
#define CLONE_FILES 0x00000400
#define CLONE_SIGHAND 0x00000800
#define CLONE_VFORK 0x00004000
#define CLONE_PARENT 0x00008000
#define CLONE_THREAD 0x00010000
#define CLONE_SYSVSEM 0x00040000
#define CLONE_SETTLS 0x00080000
#define CLONE_PARENT_SETTID 0x00100000
#define CLONE_CHILD_CLEARTID 0x00200000
#define CLONE_CHILD_SETTID 0x01000000

#if __GNU_VISIBLE
#define CPU_SETSIZE 1024

typedef struct {
	unsigned long __bits[CPU_SETSIZE / 64];
} cpu_set_t;

#define CPU_ZERO(set) ((void)(*(set) = (cpu_set_t){{0}}))
#define CPU_SET(cpu, set) ((void)((set)->__bits[(cpu) / 64] |= 1ul << (cpu) % 64))
#define CPU_CLR(cpu, set) ((void)((set)->__bits[(cpu) / 64] &= ~(1ul << (cpu) % 64)))
#define CPU_ISSET(cpu, set) ((int)((set)->__bits[(cpu) / 64] >> (cpu) % 64 & 1))
#define CPU_COUNT(set) __cpu_count(set)

int __cpu_count(const cpu_set_t *set);
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set);
/* After the argument: pid_t *parent_tid, void *tls, pid_t *child_tid, where the flags ask for them. */
int clone(int (*function)(void *), void *stack, int flags, void *argument, ...);
#endif

#ifdef __cplusplus
}
#endif

#endif
