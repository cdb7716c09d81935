; SPDX-License-Identifier: MIT
;
; The switch from one kernel stack to another, and the first instructions of a thread. Client: kernel/sched.c.
;
; Rule: what the C ABI lets a callee clobber was saved by the C caller; so the rest is pushed here, and a stopped thread is
; just a stack pointer to six registers and a return address.

section .text

; void switch_stacks(u64 *save_rsp, u64 load_rsp)
global switch_stacks
switch_stacks:
	push rbp
	push rbx
	push r12
	push r13
	push r14
	push r15
	mov [rdi], rsp
	mov rsp, rsi
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	ret

; Where a new thread's stack returns to: rbp is 0, which ends backtraces.
extern thread_main
global thread_start
thread_start:
	push rbp
	push rbp
	call thread_main
