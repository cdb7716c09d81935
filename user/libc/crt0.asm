; SPDX-License-Identifier: MIT
;
; Where a program starts. The kernel enters with rsp at argc (then argv, envp and the auxiliary
; vector, as the x86-64 ABI lays them out); all else is C's work, in start.c.

	bits 64
	default rel

	global _start:function
	extern __libc_start

	section .text
_start:
	xor	ebp, ebp		; the outermost frame, for backtraces
	mov	rdi, rsp
	and	rsp, -16
	call	__libc_start
	ud2				; __libc_start does not return

; Where a signal handler returns to: rsp is at the frame that the kernel made. The bytes are what
; debuggers know a signal frame by.
	global __restore_rt:function
__restore_rt:
	mov	rax, strict dword 15	; rt_sigreturn
	syscall

	section .note.GNU-stack noalloc noexec nowrite progbits
