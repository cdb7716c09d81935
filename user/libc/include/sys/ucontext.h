/* SPDX-License-Identifier: MIT */
/* The kernel's signal frame, Linux x86-64: what a handler with SA_SIGINFO gets, and may change. */
#ifndef _SYS_UCONTEXT_H
#define _SYS_UCONTEXT_H

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef long long greg_t;

enum {
	REG_R8,
	REG_R9,
	REG_R10,
	REG_R11,
	REG_R12,
	REG_R13,
	REG_R14,
	REG_R15,
	REG_RDI,
	REG_RSI,
	REG_RBP,
	REG_RBX,
	REG_RDX,
	REG_RAX,
	REG_RCX,
	REG_RSP,
	REG_RIP,
	REG_EFL,
	REG_CSGSFS,
	REG_ERR,
	REG_TRAPNO,
	REG_OLDMASK,
	REG_CR2,
	NGREG
};

typedef greg_t gregset_t[NGREG];

/* The beginning of the FXSAVE or XSAVE area. */
struct _fpstate {
	unsigned short cwd, swd, ftw, fop;
	unsigned long rip, rdp;
	unsigned int mxcsr, mxcr_mask;
	unsigned char st[8][16];
	unsigned char xmm[16][16];
	unsigned int reserved[24];
};

typedef struct _fpstate *fpregset_t;

typedef struct {
	gregset_t gregs;
	fpregset_t fpregs;
	unsigned long __reserved[8];
} mcontext_t;

typedef struct ucontext {
	unsigned long uc_flags;
	struct ucontext *uc_link;
	stack_t uc_stack;
	mcontext_t uc_mcontext;
	sigset_t uc_sigmask;
} ucontext_t;

_Static_assert(__builtin_offsetof(ucontext_t, uc_sigmask) == 296, "the kernel's struct ucontext");

#ifdef __cplusplus
}
#endif

#endif
