; SPDX-License-Identifier: MIT
;
; System calls of fuzzcalls: with every register known before, kept after; and the ways back from a signal frame and from a fork.

SYS_VFORK equ 58
SYS_RT_SIGRETURN equ 15
SYS_EXIT_GROUP equ 231
; struct regs
R_RAX equ 0
R_RDI equ 8
R_RSI equ 16
R_RDX equ 24
R_R10 equ 32
R_R8 equ 40
R_R9 equ 48
R_RBX equ 56
R_RBP equ 64
R_R12 equ 72
R_R13 equ 80
R_R14 equ 88
R_R15 equ 96
R_RCX equ 104
R_R11 equ 112
R_RSP equ 120
R_RIP equ 128

extern worker_begin

%macro SAVE 0
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
%endmacro

%macro RESTORE 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
%endmacro

section .note.GNU-stack noalloc noexec nowrite progbits
section .text

; void call_registers(struct regs *r). r15 is r.
global call_registers
call_registers:
	SAVE
	mov r15, rdi
	mov rax, [r15 + R_RAX]
	mov rdi, [r15 + R_RDI]
	mov rsi, [r15 + R_RSI]
	mov rdx, [r15 + R_RDX]
	mov r10, [r15 + R_R10]
	mov r8, [r15 + R_R8]
	mov r9, [r15 + R_R9]
	mov rbx, 0x1111222233334444
	mov rbp, 0x1212232334344545
	mov r12, 0x1213242535364748
	mov r13, 0x1314252636374849
	mov r14, 0x141526273738494a
	mov [rsp - 8], r15
	syscall
.back:
	xchg r15, [rsp - 8]	; in the red zone, which a handler's frame leaves alone
	mov [r15 + R_RAX], rax
	mov [r15 + R_RDI], rdi
	mov [r15 + R_RSI], rsi
	mov [r15 + R_RDX], rdx
	mov [r15 + R_R10], r10
	mov [r15 + R_R8], r8
	mov [r15 + R_R9], r9
	mov [r15 + R_RBX], rbx
	mov [r15 + R_RBP], rbp
	mov [r15 + R_R12], r12
	mov [r15 + R_R13], r13
	mov [r15 + R_R14], r14
	mov [r15 + R_RCX], rcx
	mov [r15 + R_R11], r11
	mov [r15 + R_RSP], rsp
	mov rax, [rsp - 8]
	mov [r15 + R_R15], rax
	lea rax, [rel .back]
	mov [r15 + R_RIP], rax
	cld
	RESTORE
	ret

; long call6(long nr, long a, long b, long c, long d, long e, long f)
global call6
call6:
	mov rax, rdi
	mov rdi, rsi
	mov rsi, rdx
	mov rdx, rcx
	mov r10, r8
	mov r8, r9
	mov r9, [rsp + 8]
	syscall
	ret

; long call_fork(long nr, const uint64_t *args, struct fuzzer *f)
global call_fork
call_fork:
	SAVE
	mov rax, rdi
	mov r12, rdx
	mov r13, rsi
	mov rdi, [r13]
	mov rsi, [r13 + 8]
	mov rdx, [r13 + 16]
	mov r10, [r13 + 24]
	mov r8, [r13 + 32]
	syscall
	test rax, rax
	jz .child
	RESTORE
	ret
.child:
	and rsp, -16
	mov rdi, r12
	call worker_begin

; long call_vfork(void): nothing of the child's touches the stack.
global call_vfork
call_vfork:
	mov eax, SYS_VFORK
	syscall
	test rax, rax
	jz .child
	ret
.child:
	mov eax, SYS_EXIT_GROUP
	xor edi, edi
	syscall
	hlt

; void call_sigreturn(uint64_t *saved, void *frame): the frame's r15 has to be `saved`, its rip context_landing.
global call_sigreturn, context_landing
call_sigreturn:
	SAVE
	mov [rdi], rsp
	lea rsp, [rsi + 8]	; as after the handler's return
	mov eax, SYS_RT_SIGRETURN
	syscall
	hlt
context_landing:
	mov rsp, [r15]
	push 0x202
	popfq
	fninit
	push 0x1f80
	ldmxcsr [rsp]
	pop rax
	RESTORE
	ret

; uint64_t probe(const uint64_t *a, int *ok)
global probe, probe_load, probe_fault
probe:
	mov dword [rsi], 1
probe_load:
	mov rax, [rdi]
	ret
probe_fault:
	mov dword [rsi], 0
	xor eax, eax
	ret

global signal_restorer
signal_restorer:
	mov eax, SYS_RT_SIGRETURN
	syscall
	hlt
