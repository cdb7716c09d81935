/* SPDX-License-Identifier: MIT */
/* newlib's setjmp.h, and jumps that restore the signal mask. */
#ifndef _FAULTLINE_SETJMP_H
#define _FAULTLINE_SETJMP_H

#include_next <setjmp.h>
#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
	jmp_buf __registers;
	int __saved;
	sigset_t __mask;
} sigjmp_buf[1];

/* Notes the mask if save is set; 0. */
int __sigjmp_save(sigjmp_buf env, int save);
void siglongjmp(sigjmp_buf env, int value) __attribute__((noreturn));

#define sigsetjmp(env, save) (__sigjmp_save(env, save), setjmp((env)[0].__registers))

#ifdef __cplusplus
}
#endif

#endif
