; SPDX-License-Identifier: MIT
;
; What C cannot say: calls that return twice, or on another stack, and a system call whose
; instructions have names (cancel.c).

	bits 64
	default rel

	global __clone_raw:function
	global vfork:function
	global __cancel_point:function
	global __cancel_point_begin, __cancel_point_end, __cancel_point_leave
	extern __syscall_result
	extern __cancel_now

SYS_VFORK equ 58
SYS_CLONE equ 56
SYS_EXIT equ 60

	section .text

; long __clone_raw(flags, stack, parent_tid, child_tid, tls)
; The stack holds the child's function and its argument, and ends 16-aligned above them.
__clone_raw:
	mov	r10, rcx
	mov	eax, SYS_CLONE
	syscall
	test	rax, rax
	jz	.child
	ret
.child:
	xor	ebp, ebp
	pop	rax
	pop	rdi
	call	rax
	mov	edi, eax
	mov	eax, SYS_EXIT
	syscall
	ud2

; The child runs on its parent's stack, and what it calls writes over the return address: that waits
; in a register.
vfork:
	pop	rdx
	mov	eax, SYS_VFORK
	syscall
	push	rdx
	mov	rdi, rax
	jmp	__syscall_result

; long __cancel_point(cancelled, nr, a, b, c, d, e, f)
; Between begin and end the call has had no effect yet: a signal that finds the thread there sends it to
; leave instead.
__cancel_point:
	mov	rax, rsi
	mov	r11, rdi
	mov	rdi, rdx
	mov	rsi, rcx
	mov	rdx, r8
	mov	r10, r9
	mov	r8, [rsp + 8]
	mov	r9, [rsp + 16]
__cancel_point_begin:
	cmp	dword [r11], 0
	jne	__cancel_point_leave
	syscall
__cancel_point_end:
	ret
__cancel_point_leave:
	jmp	__cancel_now

	section .note.GNU-stack noalloc noexec nowrite progbits
