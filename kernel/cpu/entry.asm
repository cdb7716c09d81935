; SPDX-License-Identifier: MIT
;
; Every way into the kernel and back out: 256 vectors, the system call, the way to user mode.
;
; Rules
; - GS base is the per-CPU record in the kernel and the user's in user mode. An entry through an ordinary gate knows which one it
;   found by the saved CS. NMI, machine check, double fault and debug trap can hit between entry and swapgs: they look at the
;   MSR instead (kernel addresses are negative; user mode cannot set a negative base).
; - Interrupts are off from here until trap.c turns them on, and off again when it returns.
; - AC is cleared on entry (user mode may have set it); iretq puts the interrupted code's back.
; - A frame is a struct trap_frame (trap.h); rsp points to it, 16-byte aligned, whenever C is called. trap_return marks the
;   return address below which a frame lies (backtrace.c).

%include "kernel/cpu/smap.inc"

; struct percpu
CPU_USER_RSP equ 8
CPU_KERNEL_STACK equ 16
CPU_CURRENT equ 24
CPU_NEED_RESCHED equ 44
; struct thread, asserted in trap.c
THREAD_WORK equ 44		; killed, and signalled behind it
; struct trap_frame
FRAME_R11 equ 6 * 8
FRAME_R10 equ 7 * 8
FRAME_R9 equ 8 * 8
FRAME_R8 equ 9 * 8
FRAME_RAX equ 10 * 8
FRAME_RCX equ 11 * 8
FRAME_RDX equ 12 * 8
FRAME_RSI equ 13 * 8
FRAME_RDI equ 14 * 8
FRAME_RIP equ 17 * 8
FRAME_CS equ 18 * 8
FRAME_RFLAGS equ 19 * 8
FRAME_RSP equ 20 * 8
FRAME_WORDS equ 22

SEL_UDATA equ 0x1b
SEL_UCODE equ 0x23
VECTOR_SYSCALL equ 256
MSR_GS_BASE equ 0xc0000101

extern trap_dispatch, trap_dispatch_paranoid, trap_exit_work, syscall_dispatch

%macro PUSH_REGS 0
	push rdi
	push rsi
	push rdx
	push rcx
	push rax
	push r8
	push r9
	push r10
	push r11
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
%endmacro

%macro POP_REGS 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	pop r11
	pop r10
	pop r9
	pop r8
	pop rax
	pop rcx
	pop rdx
	pop rsi
	pop rdi
%endmacro

section .text

; ---------------------------------------------------------------- vectors

; 16 bytes each. An error code of 0 where the CPU pushes none, then the vector.
align 16
global vector_stubs
vector_stubs:
%assign vector 0
%rep 256
	align 16
	%if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	push 0
	%endif
	push vector
	%if vector == 1 || vector == 18
	jmp near stack_choice
	%elif vector == 2 || vector == 8
	jmp near paranoid_entry
	%else
	jmp near trap_entry
	%endif
	%assign vector vector + 1
%endrep

; Above rsp: vector, error, rip, cs, rflags, rsp, ss.
align 16
trap_entry:
	test byte [rsp + 3 * 8], 3
	jz trap_save
trap_from_user:
	swapgs
trap_save:
	PUSH_REGS
	CLAC
	cld
	mov rdi, rsp
	call trap_dispatch
global trap_return
trap_return:
	test byte [rsp + FRAME_CS], 3
	jnz user_return
	POP_REGS
	add rsp, 2 * 8
	iretq

; rsp: a frame for user mode. Interrupts off.
user_return:
	cmp dword [gs:CPU_NEED_RESCHED], 0
	jne .work
	mov rax, [gs:CPU_CURRENT]
	cmp word [rax + THREAD_WORK], 0
	jne .work
	mov rax, [rsp + FRAME_RIP]	; iretq to an address that is not a user's would fault with the user's GS
	shr rax, 47
	jnz .work
	POP_REGS
	add rsp, 2 * 8
	swapgs
	iretq
.work:
	mov rdi, rsp
	call trap_exit_work
	jmp user_return

; On an IST stack, whose GS base is unknown. ebx: was it the user's?
paranoid_entry:
	PUSH_REGS
	CLAC
	cld
	mov ecx, MSR_GS_BASE
	rdmsr
	xor ebx, ebx
	test edx, edx
	js .kernel_gs
	swapgs
	mov ebx, 1
.kernel_gs:
	mov rdi, rsp
	call trap_dispatch_paranoid
global paranoid_return
paranoid_return:
	test ebx, ebx
	jz .same_gs
	swapgs
.same_gs:
	POP_REGS
	add rsp, 2 * 8
	iretq

; A debug trap or a machine check from user mode is ordinary: its seven words move from the IST stack to the thread's.
stack_choice:
	test byte [rsp + 3 * 8], 3
	jz paranoid_entry
	swapgs
	push rdi
	mov rdi, rsp
	mov rsp, [gs:CPU_KERNEL_STACK]
	push qword [rdi + 7 * 8]
	push qword [rdi + 6 * 8]
	push qword [rdi + 5 * 8]
	push qword [rdi + 4 * 8]
	push qword [rdi + 3 * 8]
	push qword [rdi + 2 * 8]
	push qword [rdi + 1 * 8]
	mov rdi, [rdi]
	jmp trap_save

; ---------------------------------------------------------------- system calls

; rcx: user's rip, r11: user's rflags, rax: number. SFMASK has cleared IF, DF, TF and AC.
align 16
global syscall_entry
syscall_entry:
	swapgs
	mov [gs:CPU_USER_RSP], rsp
	mov rsp, [gs:CPU_KERNEL_STACK]
	push SEL_UDATA
	push qword [gs:CPU_USER_RSP]
	push r11
	push SEL_UCODE
	push rcx
	push rax
	push VECTOR_SYSCALL
	PUSH_REGS
	mov rdi, rsp
	sti
	call syscall_dispatch
global syscall_return
syscall_return:
	cli
	mov [rsp + FRAME_RAX], rax
	; sysretq loads rip from rcx and rflags from r11: only if the frame still says so, and only to a user's address (on
	; Intel it would fault in ring 0 otherwise). Everything else goes by iretq. rbx, rbp and r12 to r15 are still the
	; user's, because C preserves them (trap.h has the rule for handlers that change them in the frame).
	mov rcx, [rsp + FRAME_RIP]
	cmp rcx, [rsp + FRAME_RCX]
	jne user_return
	mov r11, [rsp + FRAME_RFLAGS]
	cmp r11, [rsp + FRAME_R11]
	jne user_return
	mov rax, rcx
	shr rax, 47
	jnz user_return
	cmp dword [gs:CPU_NEED_RESCHED], 0
	jne user_return
	mov rax, [gs:CPU_CURRENT]
	cmp word [rax + THREAD_WORK], 0
	jne user_return
	mov r10, [rsp + FRAME_R10]
	mov r9, [rsp + FRAME_R9]
	mov r8, [rsp + FRAME_R8]
	mov rax, [rsp + FRAME_RAX]
	mov rdx, [rsp + FRAME_RDX]
	mov rsi, [rsp + FRAME_RSI]
	mov rdi, [rsp + FRAME_RDI]
	mov rsp, [rsp + FRAME_RSP]
	swapgs
	o64 sysret

; ---------------------------------------------------------------- into user mode

; void enter_user(const struct trap_frame *f): from a copy at the end of the running stack, because f may lie anywhere.
global enter_user
enter_user:
	cli
	cld
	mov rsi, rdi
	sub rsp, FRAME_WORDS * 8
	and rsp, -16
	mov rdi, rsp
	mov ecx, FRAME_WORDS
	rep movsq
	jmp user_return
