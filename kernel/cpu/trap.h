/* SPDX-License-Identifier: MIT */
/*
 * Traps, interrupts and system calls: the saved registers and who handles what.
 *
 * Rule: every entry from user mode builds one struct trap_frame at the top of the thread's kernel stack;
 * every return to user mode restores exactly that frame, after trap_user_return() where that has work.
 */
#ifndef KERNEL_CPU_TRAP_H
#define KERNEL_CPU_TRAP_H

#include "mm/mm.h"

struct percpu;

struct trap_frame {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 vector, error; /* system calls: vector VEC_SYSCALL, error = the call's number */
	u64 rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct trap_frame) == 22 * 8, "entry.asm builds it");

#define SEL_KCODE 0x08
#define SEL_KDATA 0x10
#define SEL_UDATA (0x18 | 3)
#define SEL_UCODE (0x20 | 3)
#define SEL_TSS 0x28

static inline bool frame_from_user(const struct trap_frame *f)
{
	return (f->cs & 3) == 3;
}

/* kernel/cpu: loads descriptor tables and stacks of the calling CPU; MSRs for syscall; CR0/CR4 protection
 * bits; GS base. */
void cpu_init_this(struct percpu *p);
/* The stack that entries from user mode start on, for the thread that is being switched to: `top` is its
 * end, 16-byte aligned. Context: interrupts off. */
void cpu_set_kernel_stack(u64 top);

/* Interrupt vectors 32..255. Boot only; NULL takes it away again. Handlers run with interrupts off; EOI is
 * sent by the dispatcher (drivers/apic.h). */
typedef void (*irq_handler_fn)(struct trap_frame *f, void *arg);
void irq_set_handler(u8 vector, irq_handler_fn fn, void *arg);
#define VEC_SYSCALL 256
#define VEC_TIMER 0x20
#define VEC_SERIAL 0x24
#define VEC_IPI_CALL 0xf0
#define VEC_IPI_RESCHED 0xf1
#define VEC_MCE 0xf3 /* to itself: kernel/cpu/mce.c */
#define VEC_SPURIOUS 0xff

/* Into user mode with exactly these registers; never returns. Context: the thread's own stack, interrupts
 * off inside. */
void enter_user(const struct trap_frame *f) NORETURN;

/* Sends the interrupted kernel code to its fix-up in the exception table; false: it has none. */
bool trap_fix_up(struct trap_frame *f);

/* Upward calls, implemented by kernel/proc (weak, panicking defaults in kernel/cpu/trap.c). */
/* System call; what it returns goes to f->rax. Interrupts on. A call that gives the program other registers altogether
 * (exec) changes f->rcx or f->r11 too: only then are rbx, rbp and r12 to r15 taken from the frame. A return
 * of a signal handler uses enter_user(). */
u64 syscall_dispatch(struct trap_frame *f);
/* Before a return to user mode when the current thread's `killed` or `signalled` is set (entry.asm looks): killed
 * threads end here, stops are taken and signals are delivered. Interrupts on. Called again until both are clear. */
void trap_user_return(struct trap_frame *f);
/* A user access that mm_fault() did not repair. */
void user_fault(struct trap_frame *f, enum fault_result why, uaddr_t addr, unsigned flags);
/* Any other exception from user mode (#DE, #UD, #GP …): the thread gets this Linux signal. */
void user_exception(struct trap_frame *f, int signo, const char *what);

#endif
